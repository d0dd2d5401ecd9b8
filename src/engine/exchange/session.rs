//! The session that a request brings, where there is more to it than to open a cookie: its browser is told of it anew
//! with the response.

use super::request::Request;
use super::states::{Exchange, Ports};
use super::{Mode, Reply};
use crate::authn::SignedIn;
use crate::denial::Denial;
use crate::identity::{Identity, Method};
use crate::login::Login;
use crate::session::{Entropy, Parts, Session};
use crate::source::Tried;

/// The session of one request.
#[derive(Debug)]
pub(super) struct OwnSession {
    /// who is signed in by it, or why nobody is
    signed_in: Result<SignedIn, Denial>,
    /// the session, as long as it may have to be told anew
    opened: Option<Session>,
    /// the parts of one that the browser holds
    held: Parts,
    /// the values of `Set-Cookie` that go with the response
    cookies: Vec<String>,
}

impl OwnSession {
    /// Who is signed in by it.
    pub(super) const fn signed_in(&self) -> &Result<SignedIn, Denial> {
        &self.signed_in
    }
}

impl Exchange {
    /// What this request has waited for, and the session that it brings, as far as that was opened.
    pub(super) fn known(&self) -> (&[Tried], Option<&OwnSession>) {
        (&self.tried, self.session.as_deref())
    }

    /// Opens the session that `request` brings, if it brings one that counts.
    #[inline(never)] // or those whose sessions are never told anew pay for it
    pub(super) fn open_session(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        request: &Request<'_, '_>,
    ) {
        let is_judged = self.session.is_some() || ports.engine.mode != Mode::Enforce;
        // A credential in a header counts in its place.
        let is_covered = request.presented().map_or(true, |all| all.is_meant());
        let Some(now) = ports.clock.wall().filter(|_| !is_judged && !is_covered) else {
            return;
        };
        let Some((held, opened)) = login.presented(request.head, now) else {
            return;
        };
        let signed_in = opened
            .as_ref()
            .map_err(Denial::clone)
            .and_then(|(session, by_previous)| login.signed_in(session, *by_previous));
        self.session = Some(Box::new(OwnSession {
            signed_in,
            opened: opened.ok().map(|(session, _)| session),
            held,
            cookies: Vec::new(),
        }));
    }

    /// The request is let in as `identity`: notes that its session was used, if it is a session that lets it in and
    /// the last note is old.
    #[inline(never)] // as above
    pub(super) fn keep_session(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        identity: Option<&Identity<'_>>,
    ) {
        let Some(own) = &mut self.session else { return };
        if identity.is_none_or(|identity| identity.method != Method::Session) {
            return;
        }
        let Some((session, now)) = own.opened.take().zip(ports.clock.wall()) else {
            return;
        };
        if let Some(random) = ports.randomness.bytes() {
            let random = &random;
            own.cookies = login.noted(session, own.held, Entropy { random, now });
        }
    }

    /// The values of `Set-Cookie` that go with the response, whoever answers.
    pub fn cookies(&self) -> &[String] {
        self.session.as_ref().map_or(&[], |own| &own.cookies)
    }

    /// Has the gate's own `reply` set the cookies that would go with the response.
    pub(super) fn give_cookies(&mut self, reply: &mut Reply) {
        if let Some(own) = &mut self.session {
            reply.set_cookies(std::mem::take(&mut own.cookies));
        }
    }
}
