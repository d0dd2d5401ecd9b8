//! Where Envoy's lines go: to the error output, and of a run in the foreground to a file as well.

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
    path: Option<PathBuf>,
    file: Option<File>,
    bytes: u64,
}

impl Log {
    /// Nothing is written anywhere.
    pub(crate) fn none() -> Self {
        Self(None)
    }

    /// To the error output, and to the file at `path`.
    pub(crate) fn new(path: Option<&Path>) -> Self {
        let mut state = State {
            path: path.map(Path::to_owned),
            file: None,
            bytes: 0,
        };
        state.turn();
        Self(Some(Arc::new(Mutex::new(state))))
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
            .chain(['\n'])
            .collect();
        print(&line, false);
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.bytes > MAX_BYTES {
            state.turn();
        }
        state.bytes += u64::try_from(line.len()).unwrap_or_default();
        // A full disk costs lines of the log, and not the gate.
        if let Some(file) = &mut state.file {
            drop(file.write_all(line.as_bytes()));
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
