//! The deadline of bodies that are held.
//!
//! A body that a rule looks into is held until it has come, and a client may never send its end. So each tick
//! of the root context counts for every request that waits, and what has waited for too long is answered in
//! its own context.

use crate::adapter::GivenHead;
use crate::root::Ready;
use crate::{Filter, Host};
use ollama_gate_engine::{Exchange, RequestStep};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// The requests of one root context whose bodies are held.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    places: RefCell<Places>,
    /// whether there are ticks
    ticks: Cell<bool>,
}

/// A place for each request. The place of one that is over is the next one's: what thousands of requests in a second
/// would leave until the next tick was memory that none of them had used before.
#[derive(Debug, Default)]
struct Places {
    requests: Vec<Weak<Deadline>>,
    /// the empty ones of them
    free: Vec<usize>,
}

/// The deadline of one body. Dropping it ends that.
///
/// A tick counts a second, and what comes first may count for a part of one; so a bound is passed by a tick
/// before it counts.
#[derive(Debug)]
pub(crate) struct Deadline {
    ready: Rc<Ready>,
    /// the head, of which there is no other copy
    head: RefCell<GivenHead>,
    /// where it is to be found
    of: Rc<Deadlines>,
    /// its own place there
    place: usize,
    /// the number of the context that the gateway made for the request
    context: u32,
    /// how much of the body has come, in bytes
    size: Cell<usize>,
    /// ticks since it has been held
    held: Cell<u64>,
    /// ticks since there was more of it
    idle: Cell<u64>,
    /// the most seconds that it may be held, and that nothing of it may come
    bounds: (u64, u64),
    /// whether it came too late: the request was answered
    passed: Cell<bool>,
}

impl Deadlines {
    /// The gateway has been asked for ticks.
    pub(crate) fn expect_ticks(&self) {
        self.ticks.set(true);
    }

    /// A tick has come. As with refusals that wait, it has to be among the root context's last calls in it,
    /// since each answer makes another context the effective one.
    pub(crate) fn tick<H: Host + Clone>(&self, host: &H) {
        let requests = self.places.borrow();
        let waiting = requests.requests.iter().filter_map(Weak::upgrade);
        let late: Vec<_> = waiting.filter(|deadline| !deadline.count()).collect();
        drop(requests);
        for deadline in late {
            // A request that has ended by itself has no context any more.
            if host.enter_context(deadline.context).is_ok() {
                answer(host, &deadline.ready, &deadline.head.borrow());
            }
        }
    }
}

impl Places {
    /// The number of an empty one.
    fn take(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.requests.push(Weak::new());
            self.requests.len().saturating_sub(1)
        })
    }

    fn fill(&mut self, place: usize, request: Weak<Deadline>) {
        if let Some(own) = self.requests.get_mut(place) {
            *own = request;
        }
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // A tick looks at requests that others hold, so none ends while it does.
        if let Ok(mut places) = self.of.places.try_borrow_mut() {
            places.fill(self.place, Weak::new());
            places.free.push(self.place);
        }
    }
}

/// Answers the request with `given`, whose context is the effective one.
fn answer<H: Host + Clone>(host: &H, ready: &Rc<Ready>, given: &GivenHead) {
    let Ok(Ok(head)) = given.read() else { return };
    let outcome = Exchange::default().held_too_long(&ready.engine, &head);
    if let RequestStep::Reply(reply) = &outcome.step {
        let filter = Filter::new(
            host.clone(),
            Some(Rc::clone(ready)),
            Rc::default(),
            Rc::default(),
            Rc::default(),
        );
        filter.reply(Some(ready), reply, outcome.record.as_ref());
    }
}

impl Deadline {
    /// Counts a tick. Whether there is time left, or there was none before.
    fn count(&self) -> bool {
        if self.passed.get() {
            return true;
        }
        let (held, idle) = (
            self.held.get().saturating_add(1),
            self.idle.get().saturating_add(1),
        );
        self.held.set(held);
        self.idle.set(idle);
        let (held_for, held_idle) = self.bounds;
        let waits = held <= held_for && idle <= held_idle;
        self.passed.set(!waits);
        waits
    }

    /// So much of the body is there now.
    fn grow_to(&self, size: usize) {
        if size > self.size.get() {
            self.size.set(size);
            self.idle.set(0);
        }
    }
}

impl<H: Host> Filter<H> {
    /// The body of this request is held from now on, where a tick can end that.
    pub(crate) fn expect_end(&mut self, ready: &Rc<Ready>) {
        let Some(context) = self.context else { return };
        if !ready.capabilities.answers_in_ticks || !self.deadlines.ticks.get() {
            return;
        }
        let max = self.exchange.max_seconds_held().unwrap_or(u64::MAX);
        let place = self.deadlines.places.borrow_mut().take();
        let deadline = Rc::new(Deadline {
            ready: Rc::clone(ready),
            head: RefCell::new(std::mem::take(&mut self.head)),
            of: Rc::clone(&self.deadlines),
            place,
            context,
            size: Cell::new(self.body_size()),
            held: Cell::new(0),
            idle: Cell::new(0),
            bounds: (ready.bodies.held_for.min(max), ready.bodies.held_idle),
            passed: Cell::new(false),
        });
        let request = Rc::downgrade(&deadline);
        self.deadlines.places.borrow_mut().fill(place, request);
        self.deadline = Some(deadline);
    }

    /// The head of this request, which is there once. Its body has no deadline any more.
    pub(crate) fn take_held_head(&mut self) -> GivenHead {
        match self.deadline.take() {
            Some(deadline) => deadline.head.take(),
            None => std::mem::take(&mut self.head),
        }
    }

    /// A copy of the head of this request, wherever it is kept.
    pub(crate) fn given_head(&self) -> GivenHead {
        match &self.deadline {
            Some(deadline) => deadline.head.borrow().clone(),
            None => self.head.clone(),
        }
    }

    /// `size` bytes of the body have come, or its end has where there are none. Whether that is too late: the
    /// request was answered.
    pub(crate) fn is_late(&self, size: usize) -> bool {
        let Some(deadline) = &self.deadline else {
            return false;
        };
        deadline.grow_to(size);
        deadline.passed.get()
    }
}
