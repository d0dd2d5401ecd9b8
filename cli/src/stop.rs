//! Signals that ask the program to end: noted, and looked at where it can end without leaving a half.

use crate::output::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SIGNALS: [(i32, usize, &str); 3] = [
    (SIGINT, 1, "SIGINT"),
    (SIGTERM, 2, "SIGTERM"),
    (SIGHUP, 3, "SIGHUP"),
];

/// Whether the program was asked to end, and by what.
#[derive(Debug)]
pub(crate) struct Stop(Arc<AtomicUsize>);

impl Stop {
    /// From here on SIGINT, SIGTERM and SIGHUP no longer end the program: they are noted.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let noted = Arc::new(AtomicUsize::new(0));
        for (signal, number, _) in SIGNALS {
            signal_hook::flag::register_usize(signal, Arc::clone(&noted), number)
                .map_err(|error| Failure::new(format!("signals cannot be handled: {error}")))?;
        }
        Ok(Self(noted))
    }

    /// The name of the last signal that came.
    pub(crate) fn signal(&self) -> Option<&'static str> {
        let noted = self.0.load(Ordering::SeqCst);
        SIGNALS
            .iter()
            .find(|(_, number, _)| *number == noted)
            .map(|(_, _, name)| *name)
    }

    /// Fails once a signal came: for work that leaves nothing behind when it ends early.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.signal().map_or(Ok(()), |name| {
            Err(Failure::new(format!(
                "stopped by {name}, and nothing was written"
            )))
        })
    }
}
