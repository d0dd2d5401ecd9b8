//! From identity and request to a permit or a denial.

mod conditional;
mod hosts;
mod origin;

pub use conditional::{BodyApproved, ConditionalPermit};
pub(crate) use conditional::{BodyCondition, InScope, Verdict};
pub(crate) use hosts::{Host, Hosts};
pub(crate) use origin::{Pages, page_of};

use crate::denial::{Denial, Reason};
use crate::grant::ScopeSet;
use crate::http::RequestHead;
use crate::identity::{Identity, Method, SentByBrowser};
use crate::network::ClientAddress;
use crate::ollama::Route;

/// Proof that a request may go on to Ollama. Only this module makes one.
#[derive(Debug)]
pub struct Permit<'p, 'e> {
    caller: Caller<'p, 'e>,
}

/// Who may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'p, 'e> {
    /// somebody who proved nothing, where the configuration opens the route
    Public,
    /// somebody who proved who they are
    Known(&'p Identity<'e>),
}

impl<'p, 'e> Caller<'p, 'e> {
    /// Who it is behind `identity`: of those who proved nothing there is nothing to tell.
    const fn behind(identity: &'p Identity<'e>) -> Self {
        match identity.method {
            Method::Anonymous => Self::Public,
            _ => Self::Known(identity),
        }
    }
}

impl<'p, 'e> Permit<'p, 'e> {
    /// Whose request it is.
    pub const fn caller(&self) -> Caller<'p, 'e> {
        self.caller
    }
}

/// A permit for anybody, if the configuration opens the scope of `route`.
///
/// `None` means that the caller has to prove who they are. The outer result is the rule for
/// networks, which the public is not free of, and the browser rule: a page elsewhere can make a
/// browser send a request that needs no credential.
pub(crate) fn public(
    open: ScopeSet,
    route: Option<&Route>,
    head: &RequestHead<'_>,
    client: &ClientAddress<'_>,
    pages: Pages<'_>,
) -> Option<Result<Permit<'static, 'static>, Denial>> {
    route.filter(|route| open.grants(route.scope()))?;
    let checked = client.check(None).and_then(|()| origin::check(head, pages));
    Some(checked.map(|()| Permit {
        caller: Caller::Public,
    }))
}

/// Passes a caller for whom no route is asked: on a page of the gate's own.
///
/// # Errors
/// As of [`decide`], but for the route.
pub(crate) fn check_caller(
    identity: &Identity<'_>,
    head: &RequestHead<'_>,
    client: &ClientAddress<'_>,
    pages: Pages<'_>,
) -> Result<(), Denial> {
    identity.check_network(client)?;
    match identity.by_browser {
        Some(sent) => origin::check_by_browser(head, pages, sent),
        None => Ok(()),
    }
}

/// Passes a request that changes what a cookie says, unless a page from elsewhere makes it.
///
/// # Errors
/// [`Reason::OriginDenied`].
pub(crate) fn check_page(head: &RequestHead<'_>, pages: Pages<'_>) -> Result<(), Denial> {
    origin::check_by_browser(head, pages, SentByBrowser::Cookie)
}

/// `identity` on `route`, if its scope allows that. Where there is no route, its refusal is given. A
/// permit comes of [`InScope::judge`].
///
/// # Errors
/// The request comes from elsewhere than it may, or a page from elsewhere made the browser send it,
/// or the route is unknown, or the identity lacks its scope.
pub(crate) fn decide<'p, 'e>(
    identity: &'p Identity<'e>,
    route: Result<&'p Route, Denial>,
    head: &RequestHead<'_>,
    client: &ClientAddress<'_>,
    pages: Pages<'_>,
) -> Result<InScope<'p, 'e>, Denial> {
    check_caller(identity, head, client, pages)?;
    let route = route?;
    if !identity.scopes.grants(route.scope()) {
        let mut advice = format!(
            "{} needs `{}`, this credential has {}",
            route.pattern(),
            route.scope().name(),
            identity.scopes
        );
        if let Some(unmapped) = &identity.unmapped {
            advice = format!("{advice}: {unmapped}");
        }
        return Err(Denial::new(Reason::ScopeDenied, advice));
    }
    Ok(InScope { identity, route })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::RuleSet;
    use crate::identity::{CredentialId, SentByBrowser};
    use crate::network::{Connection, NetworkRules, Peer};
    use crate::ollama::{ROUTES, Scope};

    fn identity(scopes: ScopeSet) -> Identity<'static> {
        Identity {
            method: Method::ApiKey,
            id: CredentialId::Configured("id"),
            subject: "alice".into(),
            scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: None,
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: None,
            rules: RuleSet::default(),
        }
    }

    fn unfound() -> Denial {
        Denial::new(Reason::UnknownRoute, "")
    }

    /// A gateway that nobody may ask.
    struct Unasked;

    impl Connection for Unasked {
        fn peer(&self) -> Peer {
            unreachable!("no rule needs an address")
        }
    }

    fn head<'a>(origin: Option<&'a [u8]>) -> RequestHead<'a> {
        let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
        let origin = origin.map(|origin| (&b"origin"[..], origin));
        RequestHead::read(pairs.into_iter().chain(origin)).unwrap()
    }

    #[test]
    fn every_route_is_denied_to_whoever_lacks_its_scope() {
        let (rules, head) = (NetworkRules::default(), head(None));
        let client = ClientAddress::new(&rules, &Unasked, &head);
        for route in ROUTES {
            for scope in Scope::ALL {
                let identity = identity(ScopeSet::NONE.with(scope));
                let granted = scope == route.scope() || route.scope() == Scope::Health;
                assert_eq!(
                    decide(&identity, Ok(route), &head, &client, Pages::default()).is_ok(),
                    granted,
                    "{scope:?} on {}",
                    route.pattern()
                );
            }
            let nothing = identity(ScopeSet::NONE);
            let denial = decide(&nothing, Ok(route), &head, &client, Pages::default()).unwrap_err();
            assert_eq!(denial.reason(), Reason::ScopeDenied, "{route:?}");
        }
    }

    #[test]
    fn an_unknown_route_is_denied_whatever_the_scopes() {
        let (rules, head) = (NetworkRules::default(), head(None));
        let client = ClientAddress::new(&rules, &Unasked, &head);
        let all = Scope::ALL.into_iter().collect();
        let identity = identity(all);
        let denial =
            decide(&identity, Err(unfound()), &head, &client, Pages::default()).unwrap_err();
        assert_eq!(denial.reason(), Reason::UnknownRoute);
    }

    #[test]
    fn what_a_browser_sends_by_itself_is_denied_to_a_page_from_elsewhere_on_every_route() {
        let meant = identity(ScopeSet::EVERY);
        let by_browser = Identity {
            by_browser: Some(SentByBrowser::Cookie),
            ..meant.clone()
        };
        let rules = NetworkRules::default();
        let foreign = head(Some(b"https://evil.example"));
        let client = ClientAddress::new(&rules, &Unasked, &foreign);
        let routes = ROUTES.iter().map(Some).chain([None]);
        for route in routes {
            let denial = decide(
                &by_browser,
                route.ok_or_else(unfound),
                &foreign,
                &client,
                Pages::default(),
            )
            .unwrap_err();
            assert_eq!(denial.reason(), Reason::OriginDenied, "{route:?}");
            assert_eq!(
                decide(
                    &meant,
                    route.ok_or_else(unfound),
                    &foreign,
                    &client,
                    Pages::default()
                )
                .is_ok(),
                route.is_some(),
                "{route:?}"
            );
            for own in [None, Some(&b"http://h"[..])] {
                let decided = decide(
                    &by_browser,
                    route.ok_or_else(unfound),
                    &head(own),
                    &client,
                    Pages::default(),
                );
                assert_eq!(decided.is_ok(), route.is_some(), "{route:?}, {own:?}");
            }
        }
    }

    #[test]
    fn only_an_open_scope_is_public() {
        let (rules, head) = (NetworkRules::default(), head(None));
        let client = ClientAddress::new(&rules, &Unasked, &head);
        let open = ScopeSet::NONE.with(Scope::Health);
        for route in ROUTES {
            let public = public(open, Some(route), &head, &client, Pages::default()).is_some();
            assert_eq!(public, route.scope() == Scope::Health, "{route:?}");
        }
        assert!(super::public(open, None, &head, &client, Pages::default()).is_none());
        assert!(
            super::public(
                ScopeSet::NONE,
                Route::find(b"GET", "/"),
                &head,
                &client,
                Pages::default()
            )
            .is_none()
        );
    }
}
