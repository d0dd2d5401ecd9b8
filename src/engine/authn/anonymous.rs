//! Those who bring no credential, where the configuration lets them in.

use crate::credential::Presented;
use crate::denial::Reason;
use crate::grant::ScopeSet;
use crate::grant::{BodyRules, RuleSet};
use crate::identity::{CredentialId, Identity, Method, SentByBrowser};
use crate::ollama::Route;
use crate::source::Refusal;
use std::rc::Rc;

/// Their name in logs.
const NAME: &str = "anonymous";

/// What is open to whoever brings no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anonymous {
    scopes: ScopeSet,
    rules: Option<Rc<BodyRules>>,
    subject: Rc<str>,
}

impl Anonymous {
    /// They may do this, within the `rules` for models and amounts.
    pub(crate) fn new(scopes: ScopeSet, rules: Option<Rc<BodyRules>>) -> Self {
        Self {
            scopes,
            rules,
            subject: NAME.into(),
        }
    }

    /// What they may do.
    pub(crate) const fn scopes(&self) -> ScopeSet {
        self.scopes
    }

    /// The identity of a caller who was refused, if that was for want of a credential, and if
    /// `route` is open to such callers. A credential that is no good makes nobody anonymous: who
    /// sends one is to hear of it.
    pub(crate) fn in_place_of(
        &self,
        refusal: &Refusal,
        presented: &Presented<'_>,
        route: Option<&Route>,
    ) -> Option<Identity<'_>> {
        let Refusal::Denied(denial) = refusal else {
            return None;
        };
        let without = matches!(
            denial.reason(),
            Reason::MissingCredential | Reason::PlaceholderCredential
        );
        let open = route.is_some_and(|route| self.scopes.grants(route.scope()));
        (without && presented.is_empty() && open).then(|| Identity {
            method: Method::Anonymous,
            id: CredentialId::Configured(NAME),
            subject: Rc::clone(&self.subject),
            scopes: self.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: Some(SentByBrowser::Nothing),
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: None,
            rules: RuleSet::own(&self.rules),
        })
    }
}
