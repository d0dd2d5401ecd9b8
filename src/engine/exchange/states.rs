//! One request's way through the gate.

use super::back_channel::{BackChannel, is_for_provider};
use super::body::{HeldRequest, HostBody};
use super::callback::SigningIn;
use super::decision::Decided;
use super::list::List;
use super::record::{Facts, Record};
use super::request::Request;
use super::response::Carried;
use super::session::{OwnSession, StoredSession};
use super::share::Shared;
use super::{Engine, Reply, Watched};
use crate::authn::jwt::Verifier;
use crate::cors;
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, HeadError, RequestHead};
use crate::network::{ClientAddress, Connection};
use crate::policy::{BodyApproved, page_of};
use crate::session::{Randomness, SharedMemory};
use crate::source::{Answered, Call, Pending, Refusal, Response, Tried};
use crate::time::Clock;
use crate::upstream::{Admitted, Prepared};
use std::rc::Rc;

/// What the host has to do with a request now. There is no "nothing": every callback ends in one.
#[derive(Debug, PartialEq, Eq)]
pub enum RequestStep<'a> {
    /// edit the head, then let it go on
    Forward(Admitted<'a>),
    /// edit the head, and hold the body until it was read to its end
    Hold(Prepared<'a>),
    /// hold the head, and the body until it was read to its end: it is for a page of the gate's own
    Receive,
    /// let go on what was held: its body was read
    Release(BodyApproved),
    /// let it go on as it came: nothing is enforced
    Watch(Watched),
    /// answer in Ollama's place
    Reply(Reply),
    /// hold the request until this call is answered, and bring the answer back; boxed, because every step has room
    /// for it
    Await(Box<Call>),
}

/// What the host has to do with the rest of a request: its body and trailers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// let it go on: the head did
    Continue,
    /// hold it: nothing permitted this request
    Stop,
}

/// A step, and what is to be told of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// what to do
    pub step: RequestStep<'a>,
    /// what to log and count; none before there is a decision
    pub record: Option<Record>,
}

/// Why there is no head to decide on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// the configuration was refused, so every request is
    Misconfigured,
    /// the head is one that cannot be used
    Defect(HeadError),
    /// the gateway did not do what it was asked to
    HostFailed,
}

/// Of what there is too much to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// of all bodies of the worker together
    Together,
    /// of a body whose caller is not known yet
    BeforeKeys,
}

/// The states of one request. Dropping it gives up what it waits for.
#[derive(Debug, Default)]
pub struct Exchange {
    pub(super) forwarded: bool,
    /// its body, if that decides
    pub(super) held: Option<Box<HeldRequest>>,
    /// what it waits for
    pub(super) pending: Option<Pending>,
    /// what it has waited for
    pub(super) tried: Vec<Tried>,
    /// the end of a sign-in, if it is one
    pub(super) signing_in: Option<Box<SigningIn>>,
    /// what the provider says of somebody who has signed out there, if it is that
    pub(super) back_channel: Option<Box<BackChannel>>,
    /// the session that it brings, where there is more to that than to open it
    pub(super) session: Option<Box<OwnSession>>,
    /// what a store keeps of it, where there is one
    pub(super) stored: Option<Box<StoredSession>>,
    /// the page's origin, where it is to be told that it may read the response
    pub(super) origin: Option<Rc<str>>,
    /// what the rest of the gateway has yet to be told
    shared: Option<Box<Shared>>,
    /// the list in the response, where its caller is shown a part of it
    pub(super) list: Option<Box<List>>,
    /// the gate's own credential that went with it, so that the response says whether that is good
    pub(super) carried: Option<Carried>,
}

/// What stays the same over all events of one request.
#[derive(Clone, Copy)]
pub struct Ports<'a, 'v> {
    /// the configuration
    pub engine: &'a Engine,
    /// who computes signatures
    pub verifier: &'v dyn Verifier,
    /// who tells where a request comes from
    pub connection: &'v dyn Connection,
    /// who tells the time
    pub clock: &'v dyn Clock,
    /// who draws random bytes
    pub randomness: &'v dyn Randomness,
    /// what the workers of the gateway share, if they share anything
    pub memory: Option<&'v dyn SharedMemory>,
    /// what can be had of a body
    pub body: HostBody,
}

impl Exchange {
    /// The head has come in.
    pub fn request_head<'a>(
        &mut self,
        ports: Ports<'a, '_>,
        head: &RequestHead<'a>,
    ) -> Outcome<'a> {
        let engine = ports.engine;
        let request = Request::new(engine, head);
        let client = ClientAddress::new(&engine.network, ports.connection, head);
        if engine.log.address {
            client.find();
        }
        if let Some(hosts) = &engine.hosts
            && let Err(denial) = hosts.check(head)
        {
            let facts = Facts {
                address: client.known(),
                ..Facts::of(&request)
            };
            if is_for_provider(&request) {
                return self.refuse_provider(&facts, &denial);
            }
            return self.refuse(&facts, &denial);
        }
        if let Some(outcome) = self.look_at_page(&request, &client) {
            return outcome;
        }
        if let Some(login) = &engine.login
            && let Some(outcome) = self.own_page(login, ports, &request, &client)
        {
            return outcome;
        }
        self.judge(ports, &request, &client)
    }

    /// Decides on `request`, which is for none of the gate's own pages.
    #[inline] // there is one place to call it from
    pub(super) fn judge<'a>(
        &mut self,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        client: &ClientAddress<'_>,
    ) -> Outcome<'a> {
        let engine = ports.engine;
        let login = engine.login.as_ref();
        if let Some(login) = login.filter(|login| login.renews())
            && let Some(outcome) = self.open_session(login, ports, request, client)
        {
            return outcome;
        }
        let mut facts = Facts::of(request);
        let proved = &mut facts.identity;
        let mut decided = engine.decide(request, ports, self.known(), client, proved);
        if let Some(login) = login
            && self.session.is_some()
            && decided.is_ok()
            && let Some(outcome) = self.keep_session(login, ports, request, facts.identity.as_ref())
        {
            return outcome;
        }
        facts.address = client.known();
        if engine.share_identity {
            self.shared = Some(Box::new(Shared::of(&facts)));
        }
        if engine.filter_lists
            && let Ok(decided) = &mut decided
        {
            self.expect_list(engine.mode, &facts, decided);
        }
        if engine.upstream.credential.is_some() {
            self.carried = decided.is_ok().then(|| Carried::of(&facts)).flatten();
        }
        match decided {
            Ok(Decided::Forward(admitted)) => {
                self.forwarded = true;
                if engine.log.model {
                    facts.model = facts.model_in_path();
                }
                let Engine { mode, log, .. } = *engine;
                let watched = mode.watched().map(RequestStep::Watch);
                Outcome {
                    step: watched.unwrap_or(RequestStep::Forward(admitted)),
                    record: Some(Record::allowed(&facts, log.allowed, mode)),
                }
            }
            Ok(Decided::Hold(prepared, held)) => self.hold(engine, &facts, prepared, held),
            Err(Refusal::Await(begun)) => {
                let (pending, call) = *begun;
                self.wait(pending, call)
            }
            Err(Refusal::Denied(denial)) => {
                if let Some(login) = login
                    && let Some(outcome) =
                        self.begin_sign_in(login, ports, (request, client), &denial)
                {
                    return outcome;
                }
                facts.address = client.find();
                facts.model = facts.model_in_path();
                self.tell_now(ports);
                self.refuse(&facts, &denial)
            }
        }
    }

    /// The call that this request waits for was answered. The decision is made anew, with what the
    /// answer brought; the same is not fetched twice for one request.
    pub fn call_done<'a>(
        &mut self,
        ports: Ports<'a, '_>,
        head: &RequestHead<'a>,
        response: &Response<'_>,
    ) -> Outcome<'a> {
        // Without a clock there was nothing to wait for, and the decision says so.
        if let (Some(pending), Some(now)) = (self.pending.take(), ports.clock.wall()) {
            match ports.engine.answer(pending, response, now) {
                Answered::Follow(pending, call) => return self.wait(pending, *call),
                Answered::Done { tried, .. } => self.tried.push(tried),
            }
        } else if let Some(stored) = self.stored.take_if(|stored| stored.is_loading()) {
            self.stored = Some(Box::new(stored.answered(response)));
        } else if let Some(signing_in) = self.signing_in.take() {
            self.signing_in = Some(Box::new(signing_in.answered(response)));
        } else if let Some(back_channel) = self.back_channel.take() {
            self.back_channel = Some(Box::new(
                back_channel.answered(ports.engine.login.as_deref(), response),
            ));
        } else if let Some(session) = &mut self.session {
            session.answered(response);
        }
        self.request_head(ports, head)
    }

    fn hold<'a>(
        &mut self,
        engine: &Engine,
        facts: &Facts<'_, '_>,
        prepared: Prepared<'a>,
        mut held: Box<HeldRequest>,
    ) -> Outcome<'a> {
        held.expect(engine, facts);
        let watched = engine.mode.watched();
        self.held = Some(held);
        self.forwarded = watched.is_some();
        Outcome {
            step: watched.map_or(RequestStep::Hold(prepared), RequestStep::Watch),
            record: None,
        }
    }

    /// Remembers who has to be told that the response may be read, and answers a browser that asks
    /// what a page may send.
    fn look_at_page<'a>(
        &mut self,
        request: &Request<'_, 'a>,
        client: &ClientAddress<'_>,
    ) -> Option<Outcome<'a>> {
        let Request { engine, head, .. } = *request;
        let cors = engine.cors.as_ref()?;
        let origin = cors.allowed(head);
        let watched = engine.mode.watched();
        self.origin = origin.clone().filter(|_| watched.is_none());
        // A malformed path is told first, whoever asks.
        if !cors::is_preflight(head) || request.check_path().is_err() {
            return None;
        }
        let Some(origin) = origin else {
            let origin = head.values(FieldKind::Origin).next().unwrap_or_default();
            let page = page_of(origin);
            let advice =
                format!("{page} may not use this gate, `cors.allow_origins` says which may");
            let denial = Denial::new(Reason::OriginDenied, advice);
            let facts = Facts {
                address: client.find(),
                ..Facts::of(request)
            };
            return Some(self.refuse(&facts, &denial));
        };
        self.origin = None;
        self.forwarded = watched.is_some();
        Some(Outcome {
            step: match watched {
                Some(watched) => RequestStep::Watch(watched),
                None => RequestStep::Reply(Reply::to_preflight(cors, &origin, head)),
            },
            record: None,
        })
    }

    /// What the rest of the gateway has to be told before the step is done.
    pub const fn take_shared(&mut self) -> Option<Box<Shared>> {
        self.shared.take()
    }

    /// Whether it waits for the gate's own credential.
    pub(super) fn awaits_own(&self, engine: &Engine) -> bool {
        let own = engine.upstream.credential.as_ref();
        let pending = self.pending.as_ref();
        own.zip(pending)
            .is_some_and(|(own, pending)| own.is_awaited(pending))
    }

    /// Gives up what it waits for beside its session. Whether there was something.
    pub(super) fn forget_pending(&mut self) -> bool {
        self.pending.take().is_some()
    }

    pub(super) fn wait<'a>(&mut self, pending: Pending, call: Call) -> Outcome<'a> {
        self.pending = Some(pending);
        Outcome {
            step: RequestStep::Await(Box::new(call)),
            record: None,
        }
    }

    /// The body or trailers have come in.
    pub const fn request_rest(&self) -> Rest {
        if self.forwarded {
            Rest::Continue
        } else {
            Rest::Stop
        }
    }
}
