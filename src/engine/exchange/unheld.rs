//! Requests that can be held no longer, or not at all.

use super::Engine;
use super::back_channel::is_for_provider;
use super::body::outdated;
use super::record::Facts;
use super::request::Request;
use super::states::{Excess, Exchange, Outcome};
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;

impl Exchange {
    /// Another configuration has come while the request with `head` waited for its body or for keys.
    /// Under this one it cannot go on any more, and of the other one nothing is known here.
    pub fn configuration_changed<'a>(
        &mut self,
        engine: &'a Engine,
        head: &RequestHead<'a>,
    ) -> Outcome<'a> {
        let request = Request::new(engine, head);
        self.refuse_unheld(&request, &outdated())
    }

    /// The gateway would hold too much of the body of the request with `head`.
    pub fn cannot_hold<'a>(
        &mut self,
        engine: &'a Engine,
        head: &RequestHead<'a>,
        excess: Excess,
    ) -> Outcome<'a> {
        let request = Request::new(engine, head);
        let denial = match excess {
            Excess::Together => Denial::new(
                Reason::TooMuchHeld,
                "send it again later; the operator can raise `host.held_limit`",
            ),
            Excess::BeforeKeys if self.awaits_own(engine) => Denial::new(
                Reason::UpstreamCredentialUnavailable,
                "its body is too large to be held until it is fetched, send it again",
            ),
            Excess::BeforeKeys if self.loads_session() => Denial::new(
                Reason::SessionStoreUnavailable,
                "its body is too large to be held until its session is read, send it again",
            ),
            Excess::BeforeKeys if self.refreshes_session() => Denial::new(
                Reason::SessionRefreshPending,
                "its body is too large to be held until it is, send it again",
            ),
            Excess::BeforeKeys => Denial::new(
                Reason::KeysPending,
                "its body is too large to be held until they are, send it again",
            ),
        };
        self.refuse_unheld(&request, &denial)
    }

    /// The rest of the body of the request with `head` has not come in the time that the gate holds one.
    pub fn held_too_long<'a>(&mut self, engine: &'a Engine, head: &RequestHead<'a>) -> Outcome<'a> {
        let request = Request::new(engine, head);
        let advice = if is_for_provider(&request) {
            "send it whole and without a pause"
        } else {
            "send it whole and without a pause; the operator can raise `host.held_for` and `host.held_idle`"
        };
        let denial = Denial::new(Reason::BodyTimeout, advice);
        self.refuse_unheld(&request, &denial)
    }

    /// A logout token is refused whatever the mode is: what is meant for the gate goes nowhere else.
    fn refuse_unheld<'a>(&mut self, request: &Request<'_, 'a>, denial: &Denial) -> Outcome<'a> {
        if is_for_provider(request) {
            return self.refuse_provider(&Facts::of(request), denial);
        }
        self.refuse(&Facts::of(request), denial)
    }
}
