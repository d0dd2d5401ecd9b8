//! Where Envoy's lines go: of a service to the error output, which the journal keeps; of a run in the foreground
//! to a file, and the gate's decisions to the terminal.

use super::decision;
use crate::output::print;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How large a file gets; then it is put aside, and the one before it is gone.
const MAX_BYTES: u64 = 16 << 20;

/// Both of them, or none.
#[derive(Clone, Default)]
pub(crate) struct Log(Option<Arc<Mutex<State>>>);

struct State {
    /// the decisions are shown
    shows: bool,
    path: Option<PathBuf>,
    file: Option<File>,
    bytes: u64,
}

impl Log {
    /// Nothing is written anywhere.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// To the file at `path`; without one, to the error output.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let mut state = State {
            shows: false,
            path: path.map(Path::to_owned),
            file: None,
            bytes: 0,
        };
        state.turn();
        Self(Some(Arc::new(Mutex::new(state))))
    }

    /// From here on the gate's decisions are shown beside the file.
    pub(crate) fn show(&self) {
        if let Some(state) = &self.0 {
            state.lock().unwrap_or_else(PoisonError::into_inner).shows = true;
        }
    }

    pub(super) fn write(&self, line: &str) {
        let Some(state) = &self.0 else { return };
        // What a client sent cannot drive the terminal.
        let line: String = line
            .chars()
            .map(|sign| {
                if sign.is_control() && sign != '\t' {
                    ' '
                } else {
                    sign
                }
            })
            .collect();
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let row = match (&state.path, state.shows) {
            (None, _) => Some(line.clone()),
            (Some(_), true) => decision::shown(&line),
            (Some(_), false) => None,
        };
        if let Some(row) = row {
            print(&format!("{row}\n"), false);
        }
        if state.bytes > MAX_BYTES {
            state.turn();
        }
        state.bytes += u64::try_from(line.len()).unwrap_or_default() + 1;
        // A full disk costs lines of the log, and not the gate.
        if let Some(file) = &mut state.file {
            drop(writeln!(file, "{line}"));
        }
    }
}

impl State {
    /// Begins a new file.
    fn turn(&mut self) {
        let Some(path) = &self.path else { return };
        drop(fs::rename(path, path.with_extension("log.1")));
        self.bytes = 0;
        self.file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .ok();
    }
}
