//! The session that a request brings, where there is more to it than to open a cookie: it may have to be refreshed
//! before the request is decided on, and its browser is told of it anew with the response.

use super::Mode;
use super::body::is_short;
use super::refreshing::{Stage, with_session_ports};
use super::request::Request;
use super::states::{Exchange, Outcome, Ports, RequestStep};
use crate::authn::SignedIn;
use crate::denial::Denial;
use crate::identity::{Identity, Method};
use crate::login::{Loading, Login, OwnPage, Renewal, Stored, Told};
use crate::network::ClientAddress;
use crate::policy;
use crate::session::Parts;
use crate::source::{Call, Response, Tried};

/// The session of one request.
#[derive(Debug)]
pub(super) struct OwnSession {
    /// who is signed in by it, or why nobody is
    pub(super) signed_in: Result<SignedIn, Denial>,
    pub(super) stage: Stage,
    /// the parts of one that the browser holds
    pub(super) held: Parts,
    /// what the browser is told with the response
    pub(super) told: Option<Told>,
    /// the values of `Set-Cookie` that go with an answer of the gate's own
    pub(super) given: Vec<String>,
}

/// What a store keeps of the session that a request brings.
#[derive(Debug)]
pub(super) enum StoredSession {
    /// it is being read
    Loading(Loading),
    /// it was
    Loaded(Stored),
}

impl StoredSession {
    /// Whether it is yet to be answered.
    pub(super) const fn is_loading(&self) -> bool {
        matches!(self, Self::Loading(_))
    }

    /// The store has answered.
    pub(super) fn answered(self, response: &Response<'_>) -> Self {
        match self {
            Self::Loading(loading) => Self::Loaded(loading.loaded(response)),
            loaded @ Self::Loaded(_) => loaded,
        }
    }
}

impl OwnSession {
    /// Who is signed in by it.
    pub(super) const fn signed_in(&self) -> &Result<SignedIn, Denial> {
        &self.signed_in
    }

    /// What the browser is told with the response, and the parts that it holds.
    pub(super) fn take_told(&mut self) -> Option<(Told, Parts)> {
        Some((self.told.take()?, self.held))
    }

    /// Has an answer of the gate's own set these cookies too.
    pub(super) fn give(&mut self, cookies: Vec<String>) {
        self.given.extend(cookies);
    }

    /// The values of `Set-Cookie` that go with an answer of the gate's own.
    pub(super) fn take_given(&mut self) -> Vec<String> {
        std::mem::take(&mut self.given)
    }
}

impl Exchange {
    /// What this request has waited for, and the session that it brings, as far as that was opened.
    pub(super) fn known(&self) -> (&[Tried], Option<&OwnSession>) {
        (&self.tried, self.session.as_deref())
    }

    /// Whether it waits for its session to be read from the store.
    pub(super) fn loads_session(&self) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| stored.is_loading())
    }

    /// What was read of the store.
    pub(super) fn stored(&self) -> Option<&Stored> {
        match self.stored.as_deref() {
            Some(StoredSession::Loaded(stored)) => Some(stored),
            _ => None,
        }
    }

    /// The call that reads the session which `request` brings, if a store keeps it and was not asked yet.
    #[inline(never)] // or those whose sessions are in no store pay for it
    pub(super) fn load_session(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        request: &Request<'_, '_>,
    ) -> Option<Call> {
        if self.stored.is_some() {
            return None;
        }
        // A page of the gate's own is no use of it.
        let is_use = request.local_path().and_then(OwnPage::at).is_none();
        let (stored, call) = match login.load(request.head, is_use, ports.clock.wall()?)? {
            Ok((loading, call)) => (StoredSession::Loading(loading), Some(call)),
            Err(stored) => (StoredSession::Loaded(stored), None),
        };
        self.stored = Some(Box::new(stored));
        call
    }

    /// Opens the session that `request` brings, if it brings one that counts, or goes on with its refresh. The step,
    /// if it has to wait.
    #[inline(never)] // or those whose sessions are never told anew pay for it
    pub(super) fn open_session<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        client: &ClientAddress<'_>,
    ) -> Option<Outcome<'a>> {
        if ports.engine.mode != Mode::Enforce && !login.has_store() {
            return None;
        }
        if let Some(own) = self.session.take() {
            return self.go_on_refreshing(login, ports, client, own);
        }
        // A credential in a header counts in its place.
        if request.presented().map_or(true, |all| all.is_meant()) {
            return None;
        }
        if let Some(call) = self.load_session(login, ports, request) {
            return Some(Outcome {
                step: RequestStep::Await(Box::new(call)),
                record: None,
            });
        }
        let now = ports.clock.wall()?;
        let (held, opened) = login.presented(request.head, self.stored(), now)?;
        let signed_in = opened
            .as_ref()
            .map_err(Denial::clone)
            .and_then(|(session, by_previous)| login.signed_in(session, *by_previous));
        self.session = Some(Box::new(OwnSession {
            signed_in,
            stage: opened.map_or(Stage::Settled, |(session, _)| Stage::Opened(session)),
            held,
            told: None,
            given: Vec::new(),
        }));
        None
    }

    /// The request is let in as `identity`. If its session lets it in, that may have to be refreshed first, or told
    /// anew. The step, if there is another one than to go on.
    #[inline(never)] // as above
    pub(super) fn keep_session<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        identity: Option<&Identity<'_>>,
    ) -> Option<Outcome<'a>> {
        if identity.is_none_or(|identity| identity.method != Method::Session) {
            return None;
        }
        self.renew_session(login, ports, request)
    }

    /// The same of a page of the gate's own that says who is calling.
    pub(super) fn renew_for_page<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        (request, client): (&Request<'_, 'a>, &ClientAddress<'_>),
    ) -> Option<Outcome<'a>> {
        if let Some(outcome) = self.open_session(login, ports, request, client) {
            return Some(outcome);
        }
        policy::check_page(request.head, ports.engine.pages()).ok()?;
        let own = self.session.as_ref()?;
        own.signed_in.as_ref().ok()?;
        self.renew_session(login, ports, request)
    }

    fn renew_session<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
    ) -> Option<Outcome<'a>> {
        let own = self.session.as_mut()?;
        let Stage::Opened(session) = &own.stage else {
            return None;
        };
        // Where nothing is enforced, nobody is asked.
        if ports.engine.mode != Mode::Enforce {
            return None;
        }
        let may_wait = is_short(request.head, ports.body);
        let held = own.held;
        let renewal = with_session_ports(ports, held, |around| {
            login.renewal(session, may_wait, around)
        })?;
        let need = match renewal {
            Renewal::Stays | Renewal::Noted(_) => {
                own.settle(login, renewal);
                return None;
            }
            Renewal::Carries(..) | Renewal::Ends(_) | Renewal::Over(..) => {
                own.settle(login, renewal);
                return Some(self.request_head(ports, request.head));
            }
            Renewal::Due(need) => need,
        };
        self.begin_refresh(login, ports, request, need)
    }
}
