//! What a caller may ask of Ollama within its scopes: which models, and how much.

use super::models::check_cloud;
use super::{ModelRule, RequestLimits, ScopeSet};
use crate::denial::{Denial, Reason};
use crate::http::RequestLine;
use crate::ollama::body::{BodyKind, Members, reads_none};
use crate::ollama::{Naming, Route};

/// The rules of one credential that need the body of a request. All of them have to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BodyRules {
    /// which models it may use; each rule has to allow them, and without any all are allowed
    pub models: Vec<ModelRule>,
    /// how much it may ask for
    pub limits: RequestLimits,
}

impl BodyRules {
    /// Whether they hold for every request.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty() && self.limits == RequestLimits::default()
    }

    /// What has to be read of the body of a request, if anything.
    pub fn kind(&self, route: &Route, line: RequestLine<'_>) -> Option<BodyKind> {
        if self.is_empty() {
            return None;
        }
        match route.naming() {
            Naming::Model | Naming::ModelOrName | Naming::Copy => Some(BodyKind::Json),
            Naming::Create => Some(BodyKind::Create),
            Naming::Form => Some(BodyKind::Form),
            Naming::Unknown if !reads_none(line.method) => Some(BodyKind::Json),
            Naming::Unknown | Naming::Nowhere | Naming::List | Naming::Path | Naming::Blob => {
                self.limits.request_bytes.map(|_| BodyKind::Opaque)
            }
        }
    }

    /// Checks what can be known without the body.
    ///
    /// # Errors
    /// A model that is not allowed, or that nobody can be sure of; or a bound that nothing can keep.
    pub fn check_head(&self, route: &Route, line: RequestLine<'_>) -> Result<(), Denial> {
        if self.is_empty() {
            return Ok(());
        }
        self.limits.check_route(route)?;
        match route.naming() {
            Naming::Path => self.check_path(route.parameter(line.path)),
            Naming::Blob => self.check_unnamed(),
            Naming::Unknown if reads_none(line.method) => self.check_unnamed(),
            // Of a form's fields Ollama prefers those that stand in the query.
            Naming::Form if line.has_query => {
                let advice = "send a form without a query in the path";
                Err(Denial::new(Reason::MalformedRequest, advice))
            }
            _ => Ok(()),
        }
    }

    /// Checks a body of `route`, of the [`BodyKind`] that was asked for.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, route: &Route, kind: BodyKind, members: &Members) -> Result<(), Denial> {
        if kind == BodyKind::Opaque {
            return self.limits.check_size(members.bytes);
        }
        self.check_models(route.naming(), members)?;
        self.limits.check(route, members)
    }
}

/// Checks `members`, of a caller with `scopes`, against all of `rules`.
///
/// # Errors
/// The first rule that they break; what leaves the machine goes first.
pub(crate) fn check<'r>(
    rules: impl IntoIterator<Item = &'r BodyRules>,
    scopes: ScopeSet,
    route: &Route,
    kind: BodyKind,
    members: &Members,
) -> Result<(), Denial> {
    check_cloud(scopes, members)?;
    rules
        .into_iter()
        .try_for_each(|rules| rules.check(route, kind, members))
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
