//! Writes traces, where `RECORD_TRACES` names a folder for them.
//!
//! Every instance of the built module is recorded, whatever test made it, into one file per test:
//! `tokens::a_name` into `tokens.a_name.jsonl`.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use sha2::{Digest as _, Sha256};

use crate::module::Build;
use crate::record::{Outcome, Verdict};
use crate::trace::{About, Bytes, Line, Op};

/// The test that runs scenarios a second time, on the same gateways.
const REPEATS: &str = "table::no_decision_differs_between_gateways";

/// The trace of one instance; nothing is written where nobody asked for traces.
#[derive(Default)]
pub struct Recorder(Option<Sheet>);

/// What was written down so far.
struct Sheet {
    file: PathBuf,
    lines: Vec<u8>,
    ops: Vec<Op>,
    depth: usize,
}

impl Recorder {
    /// For a new instance of this file of the module.
    #[must_use]
    pub fn of(build: Build, host: &str) -> Self {
        let Some(folder) = std::env::var_os("RECORD_TRACES") else {
            return Self::default();
        };
        let thread = std::thread::current();
        let scenario = thread.name().unwrap_or("unnamed");
        if scenario == REPEATS {
            return Self::default();
        }
        let mut sheet = Sheet {
            file: Path::new(&folder).join(scenario.replace("::", ".") + ".jsonl"),
            lines: Vec::new(),
            ops: Vec::new(),
            depth: 0,
        };
        sheet.line(&Line::Instance(About {
            scenario: scenario.to_owned(),
            host: host.to_owned(),
            module: build.name().to_owned(),
        }));
        Self(Some(sheet))
    }

    /// An export is called.
    pub fn call(&mut self, export: &str, arguments: &[u32]) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.depth += 1;
        let arguments = arguments.iter().map(|&number| number as i32);
        sheet
            .ops
            .push(Op::Call(export.to_owned(), arguments.collect()));
    }

    /// It has returned, or trapped.
    pub fn returned<E: ToString>(&mut self, ended: &Result<Option<i32>, E>) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.ops.push(match ended {
            Ok(number) => Op::Return(*number),
            Err(error) => Op::Trap(error.to_string()),
        });
        sheet.depth -= 1;
        if sheet.depth == 0 {
            let callback = Line::Callback(std::mem::take(&mut sheet.ops));
            sheet.line(&callback);
        }
    }

    /// A host function is called, in this context.
    pub fn host(&mut self, name: &str, arguments: &[i64], context: u32) {
        let Some(sheet) = &mut self.0 else { return };
        let call = Op::Host(name.to_owned(), arguments.to_vec(), context);
        sheet.ops.push(call);
    }

    /// It has answered, or ended the module.
    pub fn answered<E: ToString>(&mut self, ended: &Result<i32, E>) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.ops.push(match ended {
            Ok(status) => Op::Answer(*status),
            Err(error) => Op::Crash(error.to_string()),
        });
    }

    /// The host has read memory.
    pub fn read(&mut self, at: i32, bytes: &[u8]) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.ops.push(Op::Read(at as u32, Bytes(bytes.to_vec())));
    }

    /// The host has written memory.
    pub fn wrote(&mut self, at: i32, bytes: &[u8]) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.ops.push(Op::Write(at as u32, Bytes(bytes.to_vec())));
    }

    /// What the module answered to a configuration.
    pub fn configured(&mut self, answered: bool) {
        let Some(sheet) = &mut self.0 else { return };
        sheet.line(&Line::Configured(answered));
    }

    /// How the request of this context ended.
    pub fn decided(&mut self, context: u32, outcome: &Outcome) {
        let Some(sheet) = &mut self.0 else { return };
        let verdict = match outcome.verdict {
            Verdict::Forwarded => "forwarded",
            Verdict::Replied => "replied",
            Verdict::RefusedByHost(_) => "refused by the host",
            Verdict::Held => "held",
            Verdict::Crashed(_) => "crashed",
        };
        // A response may be answered in the place of the upstream's.
        let reply = outcome.reply.as_ref().or(outcome.answer.reply.as_ref());
        let (status, code) = reply.map_or((0, String::new()), |reply| (reply.status, reply.code()));
        sheet.line(&Line::Decision(context, verdict.to_owned(), status, code));
    }

    /// Whether anything is written down.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The instance is gone; its memory as it left it, unless it trapped.
    ///
    /// # Panics
    /// When the file cannot be written.
    pub fn end(&mut self, memory: Option<&[u8]>) {
        let Some(mut sheet) = self.0.take() else {
            return;
        };
        if let Some(memory) = memory {
            let digest = Sha256::digest(memory);
            let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            sheet.line(&Line::End(memory.len() as u64 >> 16, digest));
        }
        sheet.save();
    }
}

impl Sheet {
    fn line(&mut self, line: &Line) {
        serde_json::to_writer(&mut self.lines, line).expect("JSON");
        self.lines.push(b'\n');
    }

    /// The instances of one scenario share a file, each in one piece.
    fn save(&self) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let folder = self.file.parent().expect("a folder");
        create_dir_all(folder).expect("the folder for traces");
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&self.file);
        let written = file.and_then(|mut file| file.write_all(&self.lines));
        written.unwrap_or_else(|error| panic!("{}: {error}", self.file.display()));
    }
}
