//! One request: turns callbacks into events, and does the one step that comes back.

use crate::address::HostConnection;
use crate::body::{Body, HeldPart};
use crate::capabilities::KONG_TARGET;
use crate::clock::{HostClock, HostRandomness};
use crate::crypto::HostCrypto;
use crate::deadline::{Deadline, Deadlines};
use crate::linger::{Late, Lingering};
use crate::memory::HostMemory;
use crate::response::{self, Answered};
use crate::root::Ready;
use crate::{CallToken, Host, Pairs, WireError};
use ollama_gate_engine::{
    Connection as _, Exchange, Expected, HeadError, HostBody, Level, Outcome, Peer, Ports,
    RequestHead, RequestStep, Response, ResponseEdit, ResponseStep, Software, Timestamp, Unread,
    Verifier,
};
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

/// What a callback tells the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// go on
    Continue,
    /// stop here; an answer was sent, or a call is under way, or neither could be
    Pause,
}

/// The context of one request. Dropping it gives up what it waits for.
#[derive(Debug)]
pub struct Filter<H> {
    pub(crate) host: H,
    pub(crate) ready: Option<Rc<Ready>>,
    /// whether the log has a request that was refused because the configuration was
    pub(crate) told: Rc<Cell<bool>>,
    pub(crate) exchange: Exchange,
    /// the call that it waits for, and what is read of the answer
    pub(crate) waiting: Option<(CallToken, Expected)>,
    /// the head as it was, while there is something yet to decide on it
    pub(crate) head: GivenHead,
    pub(crate) body: Body,
    /// what the gateway holds of its body
    pub(crate) part: HeldPart,
    /// the newest configuration in the gateway when it began to wait
    pub(crate) newest: Option<Vec<u8>>,
    /// the number that the gateway gave the context, where it is known
    pub(crate) context: Option<u32>,
    /// the refusals that wait for the rest of their requests
    pub(crate) lingering: Rc<Lingering>,
    /// whether its own waits there
    pub(crate) late: Option<Late>,
    /// the requests whose bodies are held
    pub(crate) deadlines: Rc<Deadlines>,
    /// whether its own is among them
    pub(crate) deadline: Option<Rc<Deadline>>,
    /// the other end of its connection, once a rule has asked
    pub(crate) peer: Cell<Option<Peer>>,
}

/// The head of a request as the gateway gave it.
#[derive(Clone, Default)]
pub(crate) struct GivenHead {
    /// the header map
    map: Vec<u8>,
    /// the target, where the map does not show the one that is sent on
    target: Option<Vec<u8>>,
}

impl fmt::Debug for GivenHead {
    /// Shows how long it is: it has the credential of whoever sent it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GivenHead({} bytes)", self.map.len())
    }
}

impl GivenHead {
    /// What it says.
    pub(crate) fn read(&self) -> Result<Result<RequestHead<'_>, HeadError>, WireError> {
        Pairs::read(&self.map, |pairs| {
            let head = RequestHead::read(pairs)?;
            match &self.target {
                Some(target) => head.of_target(target),
                None => Ok(head),
            }
        })
    }

    /// The path of one that cannot be read.
    fn path(&self) -> &[u8] {
        let path = Pairs::read(&self.map, |pairs| pairs.find(|(name, _)| *name == b":path"));
        path.ok().flatten().map_or(&b""[..], |(_, path)| path)
    }
}

/// What has happened to a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'r> {
    /// its head has come in
    Head,
    /// the call that it waits for was answered
    CallDone(&'r Response<'r>),
    /// its body has ended, or enough of it was read
    BodyEnd,
}

/// What the engine makes of this `event`. Whether the configuration has changed since the request began to wait is
/// `is_outdated`.
#[inline] // there is one place to call it from
fn judge<'a>(
    exchange: &mut Exchange,
    ports: Ports<'a, '_>,
    head: &RequestHead<'a>,
    event: Event<'_>,
    is_outdated: impl Fn() -> bool,
) -> Outcome<'a> {
    match event {
        Event::Head => exchange.request_head(ports, head),
        Event::CallDone(_) | Event::BodyEnd if is_outdated() => {
            // What the provider has said of a session is for its browser all the same.
            if let Event::CallDone(response) = event
                && exchange.refreshes_session()
                && let Some(outcome) = exchange.end_refresh(ports, response)
            {
                return outcome;
            }
            // What has come meanwhile may not know its key any more.
            exchange.configuration_changed(ports.engine, head)
        }
        Event::CallDone(response) => exchange.call_done(ports, head, response),
        Event::BodyEnd => exchange.body_end(ports, head),
    }
}

/// The same where the gateway does not make the call that came of `event`.
fn unanswered<'a>(
    exchange: &mut Exchange,
    ports: Ports<'a, '_>,
    head: &RequestHead<'a>,
    event: Event<'_>,
    is_outdated: impl Fn() -> bool,
) -> Outcome<'a> {
    let none = Response::none();
    match event {
        // Nothing has changed since.
        Event::Head => exchange.call_done(ports, head, &none),
        _ => judge(exchange, ports, head, Event::CallDone(&none), is_outdated),
    }
}

impl<H: Host> Filter<H> {
    /// Of a request that comes in under this configuration.
    #[inline(always)] // so that it is made where it stays
    pub(crate) fn new(
        host: H,
        ready: Option<Rc<Ready>>,
        told: Rc<Cell<bool>>,
        lingering: Rc<Lingering>,
        deadlines: Rc<Deadlines>,
    ) -> Self {
        Self {
            host,
            ready,
            told,
            exchange: Exchange::default(),
            waiting: None,
            head: GivenHead::default(),
            body: Body::default(),
            part: HeldPart::default(),
            newest: None,
            context: None,
            lingering,
            late: None,
            deadlines,
            deadline: None,
            peer: Cell::new(None),
        }
    }

    /// The same, in the context of this number. Answers can then wait for the rest of the request.
    #[inline(always)] // as above
    pub fn in_context(mut self, context: u32) -> Self {
        self.context = Some(context);
        self
    }

    /// The head has come in, with `count` fields as the gateway counts them. `ends` is whether it
    /// says that nothing follows.
    pub fn request_head(&mut self, count: usize, ends: bool) -> Flow {
        let ready = self.ready.clone();
        let Some(ready) = ready.as_ref() else {
            // The gateway is not known, so the header map, which can crash one, is not asked for.
            return self.refuse_unread(None, Unread::Misconfigured, &self.path());
        };
        let is_kong = match ready.confirmation.is_kong(&self.host) {
            Ok(is_kong) => is_kong,
            Err(mismatch) => {
                if let Some(news) = mismatch.news {
                    let line = format!("ollama-gate: configuration: {news}");
                    self.host.log(Level::Error, &line);
                }
                return self.refuse_unread(Some(ready), Unread::Misconfigured, &self.path());
            }
        };
        self.body.absent = ready.capabilities.knows_the_end.then_some(ends);
        match self.read_head(ready, count, is_kong) {
            Ok(head) => {
                if ready.engine.reads_by_requests() {
                    ready.read_on(&self.host);
                }
                self.decide(ready, head, Event::Head)
            }
            Err(unread) => self.refuse_unread(Some(ready), unread, &self.path()),
        }
    }

    /// The call with this token was answered, with a body of `size` bytes. Lets the request go on
    /// if it may. On APISIX and Kong it goes on by itself unless it is answered or calls again, so
    /// the decision falls here and now.
    pub fn call_done(&mut self, token: CallToken, size: usize) {
        let ready = self.ready.clone();
        let Some((_, expected)) = self.waiting.take_if(|(waiting, _)| *waiting == token) else {
            return;
        };
        let Some(ready) = ready.as_ref() else {
            return;
        };
        let answered = Answered::take(&self.host, expected, size);
        let response = answered.response();
        let head = std::mem::take(&mut self.head);
        if self.decide(ready, head, Event::CallDone(&response)) == Flow::Continue {
            self.resume();
        }
    }

    fn resume(&self) {
        if let Err(status) = self.host.resume() {
            status.tell(&self.host, Level::Error, "resume the request", "");
        }
    }

    /// The head of the response has come, and `ends` is whether nothing follows.
    pub fn response_head(&mut self, ends: bool) -> Flow {
        if self.exchange.reads_response() {
            return self.read_response(ends);
        }
        self.edit_for_page();
        Flow::Continue
    }

    /// The response goes on whatever becomes of the edits: without them a page of another site cannot
    /// read it.
    pub(crate) fn edit_for_page(&self) {
        if let ResponseStep::Edit(edits) = self.exchange.response_head() {
            let done = edits.into_iter().try_for_each(|edit| match edit {
                ResponseEdit::Remove(name) => self.host.remove_response_header(name),
                ResponseEdit::Set(name, value) => self.host.set_response_header(name, value),
                ResponseEdit::Add(name, value) => self.host.add_response_header(name, value),
            });
            if let Err(status) = done {
                status.tell(&self.host, Level::Error, "change the response", "");
            }
        }
    }

    /// Decides on the head `given`, now that this has happened.
    pub(crate) fn decide(&mut self, ready: &Rc<Ready>, given: GivenHead, event: Event<'_>) -> Flow {
        let head = match given.read() {
            Ok(Ok(head)) => head,
            Ok(Err(error)) => {
                return self.refuse_unread(Some(ready), Unread::Defect(error), given.path());
            }
            Err(_) => return self.refuse_unread(Some(ready), Unread::HostFailed, &self.path()),
        };
        let clock = HostClock::new(&self.host);
        let crypto = HostCrypto::new(&self.host, &ready.crypto);
        let verifier: &dyn Verifier = if ready.capabilities.foreign_functions {
            &crypto
        } else {
            &Software
        };
        let memory = HostMemory(&self.host);
        let tells = ready.capabilities.tells;
        let connection = HostConnection::new(&self.host, tells, &self.peer);
        let ports = Ports {
            engine: &ready.engine,
            verifier,
            connection: &connection,
            clock: &clock,
            randomness: &HostRandomness(&self.host),
            memory: ready.capabilities.shares_data.then_some(&memory),
            body: self.host_body(ready),
        };
        let is_outdated = || self.newest != ready.newest(&self.host);
        let mut outcome = judge(&mut self.exchange, ports, &head, event, is_outdated);
        let (flow, said) = loop {
            let said = clock.said();
            match &outcome.step {
                RequestStep::Await(call) => match self.host.http_call(call) {
                    Ok(token) => break (Err((token, call.expected())), said),
                    // What could not be asked is not asked again, so this comes to an end.
                    Err(status) => {
                        response::tell_refused(&self.host, call, status);
                        outcome = unanswered(&mut self.exchange, ports, &head, event, is_outdated);
                    }
                },
                _ => break (Ok(self.finish(ready, &outcome, &head)), said),
            }
        };
        self.tell_more(ready, said);
        if matches!(event, Event::Head) && (flow.is_err() || self.exchange.reads_body()) {
            self.newest = ready.newest(&self.host);
        }
        match flow {
            Err(waiting) => {
                // In a callback of the request, after the answer not every gateway tells it. A rule may
                // need it then, or the log line of a refusal.
                HostConnection::new(&self.host, tells, &self.peer).peer();
                self.waiting = Some(waiting);
                self.head = given;
                Flow::Pause
            }
            Ok(_) if self.exchange.reads_body() => {
                self.head = given;
                self.look_for_body(ready)
            }
            Ok(flow) => {
                self.part = HeldPart::default();
                if self.exchange.may_replace_response() {
                    self.head = given;
                }
                flow
            }
        }
    }

    /// A decision has been told; so is what else there is to tell. `said` is the time, if it was asked for.
    pub(crate) fn tell_more(&self, ready: &Ready, said: Option<Timestamp>) {
        ready.tell_news(&self.host);
        ready.warn_without_ticks(&self.host, said);
    }

    /// What the gateway can hold of the body, and says of it.
    const fn host_body(&self, ready: &Ready) -> HostBody {
        HostBody {
            max_bytes: ready.bodies.max_bytes,
            absent: self.body.absent,
        }
    }

    /// The head, by the calls that are safe on this gateway.
    fn read_head(&self, ready: &Ready, count: usize, is_kong: bool) -> Result<GivenHead, Unread> {
        let failed = |_| Unread::HostFailed;
        if ready.capabilities.max_fields.is_some_and(|max| count > max) {
            return Err(Unread::Defect(HeadError::TooManyFields));
        }
        if ready.capabilities.host_before_map
            && self.host.request_header("host").map_err(failed)?.is_none()
        {
            return Err(Unread::Defect(HeadError::NoHost));
        }
        let map = self.host.request_headers().map_err(failed)?;
        let target = if is_kong {
            // What is sent on is not known without it.
            match self.host.request_property(KONG_TARGET).map_err(failed)? {
                Some(target) => Some(target),
                None => return Err(Unread::HostFailed),
            }
        } else {
            None
        };
        Ok(GivenHead { map, target })
    }

    /// The path by itself, where there is no map. Safe on every gateway.
    pub(crate) fn path(&self) -> Vec<u8> {
        let path = self.host.request_header(":path");
        path.ok().flatten().unwrap_or_default()
    }
}
