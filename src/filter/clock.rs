//! The gateway's clock, read once for each event of a request, and only if something asks.

use crate::Host;
use ollama_gate_engine::{Clock, Randomness, Timestamp};
use std::cell::OnceCell;

/// The clock of the gateway.
#[derive(Debug)]
pub(crate) struct HostClock<'h, H> {
    host: &'h H,
    said: OnceCell<Option<Timestamp>>,
}

impl<'h, H: Host> HostClock<'h, H> {
    /// Of `host`, not read yet.
    pub(crate) const fn new(host: &'h H) -> Self {
        Self {
            host,
            said: OnceCell::new(),
        }
    }

    /// What it said, if it was read.
    pub(crate) fn said(&self) -> Option<Timestamp> {
        self.said.get().copied().flatten()
    }
}

/// The randomness of the gateway.
#[derive(Debug)]
pub(crate) struct HostRandomness<'h, H>(pub &'h H);

impl<H: Host> Randomness for HostRandomness<'_, H> {
    fn bytes(&self) -> Option<[u8; 32]> {
        self.0.random().ok()
    }
}

impl<H: Host> Clock for HostClock<'_, H> {
    fn wall(&self) -> Option<Timestamp> {
        *self.said.get_or_init(|| {
            let nanoseconds = self.host.wall_clock().ok()?;
            Timestamp::from_wall_nanoseconds(nanoseconds)
        })
    }
}
