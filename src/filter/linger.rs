//! Refusals that wait for the rest of a short request.
//!
//! An answer that overtakes the body ends with a reset of the stream: Envoy asks the client to stop
//! sending (RFC 9113 section 8.1). A client that is still sending may take that for a failure and lose the
//! answer, as curl before 8 does. So where the body of a held head is short, the answer waits for its
//! end. What comes of it meanwhile is never read, and nothing of it goes on.

use crate::adapter::Flow;
use crate::root::Ready;
use crate::{Filter, Host};
use ollama_gate_engine::Reply;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// The longest body that is waited for, in bytes.
const MAX_BODY: usize = 64 * 1024;
/// How many refusals of a worker wait at a time. All others are answered at once.
const MAX_REFUSALS: usize = 64;
/// The tick in which a refusal is sent whatever has come by then: between one and two seconds.
const MAX_TICKS: u8 = 2;

/// The refusals of one root context that wait.
#[derive(Debug, Default)]
pub(crate) struct Lingering {
    /// by the number of the context that the gateway made for the request
    refusals: RefCell<BTreeMap<u32, (Reply, u8)>>,
    /// whether there are ticks: without them nothing would end the wait
    ticks: Cell<bool>,
}

/// That the refusal of one request waits. Dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Late {
    lingering: Rc<Lingering>,
    context: u32,
}

impl Lingering {
    /// The gateway has been asked for ticks.
    pub(crate) fn expect_ticks(&self) {
        self.ticks.set(true);
    }

    /// A tick has come. It has to be the root context's last call in it, since each answer makes another
    /// context the effective one.
    pub(crate) fn tick(&self, host: &impl Host) {
        let mut due = Vec::new();
        self.refusals
            .borrow_mut()
            .retain(|context, (reply, ticks)| {
                *ticks = ticks.saturating_add(1);
                let waits = *ticks < MAX_TICKS;
                if !waits {
                    due.push((*context, reply.clone()));
                }
                waits
            });
        for (context, reply) in due {
            // A request that has ended by itself has no context any more.
            if host.enter_context(context).is_ok() {
                let _ = host.reply(&reply);
            }
        }
    }

    fn keep(lingering: &Rc<Self>, context: u32, reply: &Reply) -> Option<Late> {
        let mut refusals = lingering.refusals.borrow_mut();
        if !lingering.ticks.get() || refusals.len() >= MAX_REFUSALS {
            return None;
        }
        refusals.insert(context, (reply.clone(), 0));
        let lingering = Rc::clone(lingering);
        Some(Late { lingering, context })
    }
}

impl Late {
    /// The refusal, unless a tick has sent it.
    fn take(&self) -> Option<Reply> {
        let mut refusals = self.lingering.refusals.borrow_mut();
        refusals.remove(&self.context).map(|(reply, _)| reply)
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.take();
    }
}

impl<H: Host> Filter<H> {
    /// Whether `reply` now waits for the rest of the request.
    pub(crate) fn lingers(&mut self, ready: Option<&Ready>, reply: &Reply) -> bool {
        let holds = ready.is_some_and(|ready| ready.bodies.hold_head);
        if holds && self.body.follows(MAX_BODY) && self.is_short() {
            let context = self.context;
            self.late =
                context.and_then(|context| Lingering::keep(&self.lingering, context, reply));
            return self.late.is_some();
        }
        false
    }

    /// Whether the body is short as far as the head says.
    fn is_short(&self) -> bool {
        match self.host.request_header("content-length") {
            Ok(None) => true,
            Ok(Some(length)) => {
                let length = std::str::from_utf8(&length).ok().map(str::parse::<usize>);
                matches!(length, Some(Ok(length)) if length <= MAX_BODY)
            }
            Err(_) => false,
        }
    }

    /// A part of the body has come, and with it there are `size` bytes, or its end has. The step, if this is
    /// a request whose refusal waits, or did.
    pub(crate) fn linger(&mut self, size: usize, ends: bool) -> Option<Flow> {
        let late = self.late.as_ref()?;
        if (ends || size > MAX_BODY)
            && let Some(reply) = late.take()
        {
            self.send(&reply);
        }
        Some(Flow::Pause)
    }
}
