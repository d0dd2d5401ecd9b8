//! One instance that is asked what the recorded one was asked.

use std::mem;
use std::time::Instant;

use sha2::{Digest as _, Sha256};
use wasmtime::{Extern, Store};

use crate::program::Program;
use crate::tally::Tally;
use crate::trace::{About, Line, Op};
use crate::wall::{Recorded, Stop, call, same};

/// A running instance.
pub struct Instance {
    about: About,
    store: Store<Recorded>,
    callback: usize,
    export: String,
    last: Option<i32>,
}

impl Instance {
    /// An instance that was asked nothing yet.
    ///
    /// # Errors
    /// With what the engine says against it.
    pub fn new(program: &Program, about: About, tally: &mut Tally) -> Result<Self, String> {
        let began = Instant::now();
        let mut store = Store::new(&program.engine, Recorded::default());
        let made = program.linker.instantiate(&mut store, &program.module);
        tally.instantiations.push(began.elapsed());
        let mut instance = Self {
            about,
            store,
            callback: 0,
            export: "instantiate".to_owned(),
            last: None,
        };
        let made = made.map_err(|error| instance.place(&error.root_cause()))?;
        let exports = made.exports(&mut instance.store);
        let exports = exports.map(|export| (export.name().to_owned(), export.into_extern()));
        let exports: Vec<(String, Extern)> = exports.collect();
        let recorded = instance.store.data_mut();
        for (name, export) in exports {
            match export {
                Extern::Func(function) => {
                    recorded.exports.insert(name, function);
                }
                Extern::Memory(memory) => recorded.memory = Some(memory),
                _ => {}
            }
        }
        Ok(instance)
    }

    /// One line of the trace after the first.
    ///
    /// # Errors
    /// With the difference.
    pub fn step(&mut self, line: Line, tally: &mut Tally) -> Result<(), String> {
        let ended = match line {
            Line::Instance(_) => Ok(()),
            Line::Callback(ops) => self.callback(ops, tally),
            Line::Configured(answered) => {
                tally.configurations += 1;
                let found = self.last == Some(1);
                let what = "the answer to the configuration";
                same(what, &found.to_string(), &answered.to_string())
            }
            Line::Decision(context, verdict, status, code) => {
                let replies = &mut self.store.data_mut().replies;
                let found = replies.remove(&context).unwrap_or_default();
                tally.decided(&self.about.host, &verdict, &found);
                let what = format!("the answer to the request of context {context}");
                let [found, recorded] = [found, (status, code)]
                    .map(|(status, code)| format!("{status} {code}").trim_end().to_owned());
                same(&what, &found, &recorded)
            }
            Line::End(pages, digest) => self.memory(tally).and_then(|found| {
                let recorded = format!("{pages} pages, {digest}");
                same("linear memory", &found, &recorded)
            }),
        };
        ended.map_err(|stop| self.place(&stop))
    }

    fn callback(&mut self, ops: Vec<Op>, tally: &mut Tally) -> Result<(), Stop> {
        let mut ops = ops.into_iter();
        let Some(Op::Call(export, arguments)) = ops.next() else {
            return Err(Stop::Difference("no call begins this callback".to_owned()));
        };
        self.callback += 1;
        self.export.clone_from(&export);
        self.store.data_mut().ops = ops;
        let ended = call(&mut self.store, &export, &arguments);
        let recorded = self.store.data_mut();
        tally.callbacks += 1;
        tally.host_calls += mem::take(&mut recorded.host_calls);
        tally.bytes_read += mem::take(&mut recorded.bytes_read);
        tally.bytes_written += mem::take(&mut recorded.bytes_written);
        self.last = ended?;
        Ok(())
    }

    fn memory(&self, tally: &mut Tally) -> Result<String, Stop> {
        let memory = self.store.data().memory;
        let none = || Stop::Difference("no memory".to_owned());
        let bytes = memory.ok_or_else(none)?.data(&self.store);
        let digest = Sha256::digest(bytes);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let pages = bytes.len() as u64 >> 16;
        tally.pages.push(pages);
        Ok(format!("{pages} pages, {digest}"))
    }

    /// What happened, and where.
    fn place(&self, what: &dyn std::fmt::Display) -> String {
        let (About { scenario, host, .. }, callback) = (&self.about, self.callback);
        let export = &self.export;
        format!("{scenario} on {host}, callback {callback} ({export}): {what}")
    }
}
