//! `require`: how many methods have to prove a caller.

use super::basic::Login;
use super::browser::BrowserCredential;
use super::{Asking, Authenticators, preferred_refusal};
use crate::credential::Presented;
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::identity::{Expiry, Identity, Method};
use crate::network::proves;
use crate::source::Refusal;

/// How many methods have to prove a caller, and which.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// one credential, of any kind that is configured
    #[default]
    Any,
    /// so many of those that are named
    AtLeast {
        /// how many, the network among them
        count: usize,
        /// the credentials that count, in the order in which they are tried
        methods: Vec<Method>,
        /// whether the network counts too
        network: bool,
    },
}

impl Requirement {
    /// Whether the network may be one of the methods.
    pub(crate) const fn counts_network(&self) -> bool {
        matches!(self, Self::AtLeast { network: true, .. })
    }
}

/// What has been proved so far.
struct Proved<'e> {
    identity: Identity<'e>,
    /// by how many credentials
    credentials: usize,
    /// whether the network counts
    network: bool,
}

impl<'e> Proved<'e> {
    fn count(&self) -> usize {
        self.credentials.saturating_add(self.network.into())
    }

    /// With `identity` proved beside what was `before`; `network` is whether the network counts for it.
    ///
    /// # Errors
    /// They are two callers.
    fn with(before: Option<Self>, identity: Identity<'e>, network: bool) -> Result<Self, Denial> {
        let Some(before) = before else {
            return Ok(Self {
                identity,
                credentials: 1,
                network,
            });
        };
        Ok(Self {
            identity: joined(before.identity, identity)?,
            credentials: before.credentials.saturating_add(1),
            network: before.network || network,
        })
    }
}

impl Requirement {
    /// The identity behind `presented`, once enough methods have proved it.
    ///
    /// The methods are tried in the order of the configuration until enough are good. The first
    /// names the caller. All that count must name the same one, and may do what all of them may.
    ///
    /// # Errors
    /// Too few are there, so none is looked at; or the first that is wrong; or they disagree.
    pub(crate) fn identify<'e>(
        &self,
        authenticators: &'e Authenticators,
        presented: &Presented<'_>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'e>, Refusal> {
        let Self::AtLeast {
            count,
            methods,
            network,
        } = self
        else {
            return authenticators.identify(presented, head, asking);
        };
        let by_browser = !presented.is_meant()
            && BrowserCredential::find(presented, authenticators, head)?.is_some();
        if presented.is_empty() && !by_browser {
            return Err(authenticators.without_credential(presented, head).into());
        }
        // INVARIANT: a cookie counts only where no header holds a credential.
        let cookie = by_browser && presented.is_empty();
        let of = |method: &Method| Some((*method, only(presented, *method, cookie)?));
        let there: Vec<_> = methods.iter().filter_map(of).collect();
        let with_network = |credentials: usize| credentials.saturating_add((*network).into());
        let too_few = || too_few(*count, methods, *network, &there);
        if there.is_empty() || with_network(there.len()) < *count {
            return Err(too_few().into());
        }
        let mut proved: Option<Proved<'e>> = None;
        let mut refusal = None;
        for (place, (method, only)) in there.iter().enumerate() {
            if proved
                .as_ref()
                .is_some_and(|proved| proved.count() >= *count)
            {
                break;
            }
            let good = proved.as_ref().map_or(0, |proved| proved.credentials);
            let left = there.len().saturating_sub(place);
            if with_network(good.saturating_add(left)) < *count {
                // What could not make it enough is not looked at, and nothing fetched for it.
                break;
            }
            match authenticators.identify(only, head, asking) {
                // INVARIANT: one proof counts once. A key in a password's place is a key.
                Ok(identity) if identity.method != *method => {}
                Ok(identity) => {
                    // INVARIANT: the network counts only after the request was held against it.
                    identity.check_network(asking.client)?;
                    let inside = *network
                        && (asking.client.rules().prove()
                            || identity.allow_from.as_deref().is_some_and(proves));
                    proved = Some(Proved::with(proved.take(), identity, inside)?);
                }
                Err(Refusal::Denied(denial)) => refusal = Some(preferred_refusal(refusal, denial)),
                Err(pending) => return Err(pending),
            }
        }
        match (proved, refusal) {
            (Some(proved), _) if proved.count() >= *count => Ok(proved.identity),
            (_, Some(denial)) => Err(denial.into()),
            (Some(proved), None) => Err(too_few().of(&proved.identity.id).into()),
            (None, None) => Err(too_few().into()),
        }
    }
}

/// What is asked for, what of it is there, and what to send.
fn too_few(
    count: usize,
    methods: &[Method],
    network: bool,
    there: &[(Method, Presented<'_>)],
) -> Denial {
    let is_there = |method: &Method| there.iter().any(|(known, _)| known == method);
    let names = |network: bool, wanted: &dyn Fn(&Method) -> bool| {
        let methods = methods.iter().filter(|method| wanted(method));
        let network = network.then_some("network").into_iter();
        let names: Vec<_> = network.chain(methods.map(|method| method.name())).collect();
        names.join(", ")
    };
    let asked = names(network, &|_| true);
    let has = match names(false, &is_there) {
        none if none.is_empty() => "none of them".to_owned(),
        has => has,
    };
    let send = match names(false, &|method| !is_there(method)) {
        none if none.is_empty() => "ask the operator".to_owned(),
        missing => format!("also send {missing}"),
    };
    let advice = format!("{count} of {asked} are required, the request has {has}: {send}");
    Denial::new(Reason::InsufficientMethods, advice)
}

/// Of `presented` the credential for `method` alone, if there is one. With `cookie` that of a
/// browser is one.
fn only<'a>(presented: &Presented<'a>, method: Method, cookie: bool) -> Option<Presented<'a>> {
    let nothing = Presented::default();
    let Presented {
        api_key,
        token,
        signature,
        basic,
        leftover: _,
    } = *presented;
    let holds_key = |text: &str| Login::read(text).is_ok_and(|login| login.key().is_some());
    match method {
        Method::ApiKey if api_key.is_some() => Some(Presented { api_key, ..nothing }),
        Method::ApiKey => basic
            .filter(|text| holds_key(text))
            .map(|_| Presented { basic, ..nothing }),
        Method::Jwt if cookie => Some(nothing),
        Method::Jwt => token.map(|_| Presented { token, ..nothing }),
        Method::OllamaCli => signature.map(|_| Presented {
            signature,
            ..nothing
        }),
        Method::Basic => basic.map(|_| Presented { basic, ..nothing }),
        // The configuration has none beside a number of methods.
        Method::Session | Method::Anonymous => None,
    }
}

/// One caller, proved twice: `first` names it, `second` can take away and never give.
///
/// # Errors
/// They are two callers.
fn joined<'e>(first: Identity<'e>, second: Identity<'e>) -> Result<Identity<'e>, Denial> {
    // Every part by its name, so that a new one is not forgotten here.
    let Identity {
        method,
        id: _,
        subject,
        scopes,
        unmapped,
        claims,
        by_previous_secret,
        by_browser,
        expiry,
        allow_from,
        fetched,
        labels,
        rules,
    } = second;
    if subject != first.subject {
        let advice = format!(
            "the {} and the {} have to be of one person, send two that are",
            first.method.name(),
            method.name()
        );
        return Err(Denial::new(Reason::SubjectMismatch, advice).of(&first.id));
    }
    Ok(Identity {
        scopes: first.scopes.and(scopes),
        unmapped: first.unmapped.or(unmapped),
        claims: first.claims.or(claims),
        by_previous_secret: first.by_previous_secret || by_previous_secret,
        by_browser: first.by_browser.or(by_browser),
        expiry: Expiry::first(first.expiry, expiry),
        allow_from: first.allow_from.or(allow_from),
        fetched: first.fetched.or(fetched),
        labels: first.labels.or(labels),
        rules: first.rules.and(rules),
        ..first
    })
}
