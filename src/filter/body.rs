//! The body of one request, as the gateway shows it.

use crate::adapter::{Event, GivenHead};
use crate::capabilities::Capabilities;
use crate::clock::HostClock;
use crate::root::Ready;
use crate::{Filter, Flow, Host};
use ollama_gate_engine::{Excess, Fed, Holding, Mode, RequestStep, Rest, Unread};
use std::cell::Cell;
use std::rc::Rc;

/// As much of a body as is copied out of the gateway at a time, in bytes.
pub(crate) const PIECE: usize = 64 * 1024;

/// How bodies are read under one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bodies {
    /// how many bytes of one are looked into
    pub max_bytes: u64,
    /// whether the head can wait with it
    pub hold_head: bool,
    /// how long one is held, in seconds
    pub held_for: u64,
    /// how long one is held of which nothing comes, in seconds
    pub held_idle: u64,
    /// whether the gateway shows it only when asked
    ask: bool,
}

/// How much of a body is held whose caller is not known yet, in bytes: whoever makes up a token has its
/// keys looked for.
const MAX_BEFORE_KEYS: usize = 1 << 20;

/// What the requests of one worker hold of bodies, in bytes.
#[derive(Debug)]
pub(crate) struct HeldBytes {
    all: Cell<u64>,
    max: u64,
}

impl HeldBytes {
    /// Nothing, and no more than `max`.
    pub(crate) const fn new(max: u64) -> Self {
        Self {
            all: Cell::new(0),
            max,
        }
    }
}

/// The part of one request in it, given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct HeldPart {
    of: Option<Rc<Ready>>,
    bytes: u64,
}

impl HeldPart {
    /// Makes this part so many bytes large. Whether there is room for it.
    fn grow_to(&mut self, ready: &Rc<Ready>, bytes: usize) -> bool {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let held = &ready.held;
        let others = held.all.get().saturating_sub(self.bytes);
        let all = others.saturating_add(bytes);
        self.bytes = bytes;
        held.all.set(all);
        self.of = Some(Rc::clone(ready));
        all <= held.max
    }
}

impl Drop for HeldPart {
    fn drop(&mut self) {
        if let Some(ready) = &self.of {
            let held = &ready.held;
            held.all.set(held.all.get().saturating_sub(self.bytes));
        }
    }
}

impl Bodies {
    pub(crate) fn new(capabilities: Capabilities, holding: Holding) -> Self {
        Self {
            max_bytes: holding.limit.unwrap_or(capabilities.max_body_bytes),
            hold_head: holding.hold_head,
            held_for: holding.held_for,
            held_idle: holding.held_idle,
            ask: capabilities.asks_for_bodies,
        }
    }
}

/// What has come in of a body.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Body {
    /// whether there is none, where the gateway says so with the head
    pub absent: Option<bool>,
    /// whether a part of it was shown while the head waited
    shown: bool,
    /// how much of it is there to be read
    size: usize,
    /// how much of that was read
    read: usize,
    ended: bool,
}

impl Body {
    /// Whether more of it is to come than the at most `max` bytes that are there.
    pub(crate) fn follows(&self, max: usize) -> bool {
        self.absent == Some(false) && !self.ended && self.size <= max
    }
}

impl<H: Host> Filter<H> {
    /// A part of the body has come in: `size` bytes are there to be read, and `ends` is whether it
    /// is the last. What was held before is there with it; what went on is not.
    pub fn request_body(&mut self, size: usize, ends: bool) -> Flow {
        if let Some(flow) = self.linger(size, ends) {
            return flow;
        }
        if self.is_late(size) {
            return Flow::Pause;
        }
        if self.waiting.is_some() {
            self.body.shown = true;
        } else if !self.exchange.reads_body() {
            return self.request_rest();
        } else if self.exchange.request_rest() == Rest::Continue {
            self.body.read = 0;
        }
        self.body.size = size;
        self.body.ended |= ends;
        if let Some(refused) = self.hold_bytes(size) {
            return refused;
        }
        self.go_on_reading()
    }

    /// The least that is read of a body in one piece. While the gateway holds it and more follows, a little is
    /// better read together with that: each reading is a call, and costs more the more is held. What is for the gate itself
    /// is read once it is whole, so that the gateway alone holds it, or is refused as soon as it is too long.
    fn least_piece(&self) -> usize {
        let max = self
            .ready
            .as_ref()
            .map_or(0, |ready| ready.bodies.max_bytes);
        let fits = u64::try_from(self.body.size).is_ok_and(|size| size <= max);
        if self.exchange.is_for_gate() {
            let waits = !self.body.ended && !self.exchange.is_too_long(self.body.size);
            return if waits { usize::MAX } else { 1 };
        }
        let holds = self.exchange.request_rest() == Rest::Stop;
        if holds && fits && !self.body.ended {
            PIECE
        } else {
            1
        }
    }

    /// Counts the `size` bytes that the gateway holds of the body, if it holds them and not all are there.
    /// The refusal, if there is no room for them.
    fn hold_bytes(&mut self, size: usize) -> Option<Flow> {
        let ready = self.ready.clone()?;
        let waits = self.waiting.is_some();
        if self.only_watches() || (self.body.ended && !waits) {
            return None;
        }
        let excess = match waits && size > MAX_BEFORE_KEYS {
            true => Excess::BeforeKeys,
            // With the answer a refresh token would be lost that is used up. There are few of these, of short bodies.
            false if self.part.grow_to(&ready, size) => return None,
            false if waits && self.exchange.would_lose_tokens() => return None,
            false => Excess::Together,
        };
        self.part = HeldPart::default();
        self.waiting = None;
        let given = self.take_held_head();
        let Ok(Ok(head)) = given.read() else {
            return Some(self.refuse_unread(Some(&ready), Unread::HostFailed, &self.path()));
        };
        let outcome = self.exchange.cannot_hold(&ready.engine, &head, excess);
        Some(self.finish(&ready, &outcome, &head))
    }

    /// The trailers have come in, and with them the end. Over HTTP/2 a body that has trailers ends
    /// nowhere else. Ollama reads none, and what stands in them was never looked at: it gets none.
    pub fn request_trailers(&mut self) -> Flow {
        if let Some(flow) = self.linger(0, true) {
            return flow;
        }
        if self.is_late(0) {
            return Flow::Pause;
        }
        self.body.ended = true;
        let open = self.waiting.is_some()
            || self.exchange.reads_body()
            || self.exchange.request_rest() == Rest::Continue;
        if open && !self.only_watches() && self.host.clear_request_trailers().is_err() {
            return self.refuse_unread(
                self.ready.clone().as_deref(),
                Unread::HostFailed,
                &self.path(),
            );
        }
        if self.waiting.is_some() {
            self.body.shown = true;
        } else if !self.exchange.reads_body() {
            return self.request_rest();
        }
        self.go_on_reading()
    }

    /// Whether this request goes on as it came, as every other one where nothing is enforced.
    fn only_watches(&self) -> bool {
        let ready = self.ready.as_deref();
        ready.is_some_and(|ready| ready.engine.mode() == Mode::Report)
            && !self.exchange.is_for_gate()
    }

    /// What was not permitted stays where it is.
    fn request_rest(&self) -> Flow {
        match self.exchange.request_rest() {
            Rest::Continue => Flow::Continue,
            Rest::Stop => Flow::Pause,
        }
    }

    fn go_on_reading(&mut self) -> Flow {
        match self.ready.clone() {
            Some(ready) if self.waiting.is_none() => self.read_body(&ready, self.least_piece()),
            _ => Flow::Pause,
        }
    }

    /// The head went well, and the body decides. What of it came while the head waited is read now:
    /// once the head goes on, the gateway does not show that part again.
    pub(crate) fn look_for_body(&mut self, ready: &Rc<Ready>) -> Flow {
        if ready.bodies.ask && self.host.ask_for_body().is_err() {
            return self.refuse_unread(Some(ready), Unread::HostFailed, &self.path());
        }
        if !self.body.ended && !self.only_watches() {
            self.expect_end(ready);
        }
        if self.body.shown {
            return self.read_body(ready, 1);
        }
        if ready.bodies.hold_head {
            self.request_rest()
        } else {
            Flow::Continue
        }
    }

    /// How much of the body has come, in bytes.
    pub(crate) const fn body_size(&self) -> usize {
        self.body.size
    }

    /// Reads what there is, in pieces of `least` bytes or more.
    fn read_body(&mut self, ready: &Rc<Ready>, least: usize) -> Flow {
        while let Some(left) = self.body.size.checked_sub(self.body.read)
            && left >= least
        {
            match self.host.request_body(self.body.read, left.min(PIECE)) {
                Ok(piece) if !piece.is_empty() => {
                    self.body.read = self.body.read.saturating_add(piece.len());
                    if self.exchange.feed(&piece) == Fed::Enough {
                        return self.end_body(ready);
                    }
                }
                _ => {
                    self.exchange.body_hidden();
                    return self.end_body(ready);
                }
            }
        }
        if self.body.ended {
            self.end_body(ready)
        } else {
            self.request_rest()
        }
    }

    fn end_body(&mut self, ready: &Rc<Ready>) -> Flow {
        self.part = HeldPart::default();
        self.head = self.take_held_head();
        if let Some(flow) = self.let_go(ready) {
            return flow;
        }
        let head = std::mem::take(&mut self.head);
        self.decide(ready, head, Event::BodyEnd)
    }

    /// Lets the request go on if its body does and nobody has to be told of its head.
    fn let_go(&mut self, ready: &Rc<Ready>) -> Option<Flow> {
        if self.newest != ready.newest(&self.host) {
            return None;
        }
        let clock = HostClock::new(&self.host);
        let outcome = self.exchange.body_passed(&ready.engine, &clock)?;
        let said = clock.said();
        let (RequestStep::Release(_) | RequestStep::Watch(_)) = outcome.step else {
            return None;
        };
        self.tell(Some(ready), outcome.record.as_ref());
        self.tell_more(ready, said);
        if !self.exchange.may_replace_response() {
            self.head = GivenHead::default();
        }
        Some(Flow::Continue)
    }
}
