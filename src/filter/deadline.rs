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
    /// those of them that are over are taken out by the next tick
    requests: RefCell<Vec<Weak<Deadline>>>,
    /// whether there are ticks
    ticks: Cell<bool>,
}

/// The deadline of one body. Dropping it ends that.
///
/// A tick counts a second, and what comes first may count for a part of one; so a bound is passed by a tick
/// before it counts.
#[derive(Debug)]
pub(crate) struct Deadline {
    ready: Rc<Ready>,
    head: GivenHead,
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
        let mut late = Vec::new();
        self.requests.borrow_mut().retain(|request| {
            let Some(deadline) = request.upgrade() else {
                return false;
            };
            let waits = deadline.count();
            if !waits {
                late.push(deadline);
            }
            waits
        });
        for deadline in late {
            // A request that has ended by itself has no context any more.
            if host.enter_context(deadline.context).is_ok() {
                answer(host, &deadline.ready, &deadline.head);
            }
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
    /// Counts a tick. Whether there is time left.
    fn count(&self) -> bool {
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
        let deadline = Rc::new(Deadline {
            ready: Rc::clone(ready),
            head: self.head.clone(),
            context,
            size: Cell::new(self.body_size()),
            held: Cell::new(0),
            idle: Cell::new(0),
            bounds: (ready.bodies.held_for.min(max), ready.bodies.held_idle),
            passed: Cell::new(false),
        });
        let request = Rc::downgrade(&deadline);
        self.deadlines.requests.borrow_mut().push(request);
        self.deadline = Some(deadline);
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
