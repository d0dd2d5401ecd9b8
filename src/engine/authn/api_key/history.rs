//! What became of the keys of a document, told in one line, so that "which key was in force then" has an answer.

use super::record::{KeyDigest, KeySecret};
use super::set::KeySet;
use crate::denial::Level;
use crate::json::ObjectWriter;
use crate::source::News;
use crate::time::Timestamp;
use std::fmt;
use std::rc::Rc;

/// The most ids of a kind that one line holds.
const MAX_IDS: usize = 100;
/// How many digits of the fingerprint are shown.
const SHOWN_BYTES: usize = 8;

/// What is another in a set of keys than in the one before it.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// the keys that were not there
    pub added: Ids,
    /// those that are there no more
    pub removed: Ids,
    /// those with another record, or another secret
    pub changed: Ids,
    /// the secrets that count no more, or no longer for the same
    pub ended: Vec<Rc<KeySecret>>,
}

/// Ids of keys: the first of them, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Ids {
    first: Vec<Rc<str>>,
    count: usize,
}

impl Ids {
    /// Adds one.
    pub(super) fn push(&mut self, id: &Rc<str>) {
        self.count = self.count.saturating_add(1);
        if self.first.len() < MAX_IDS {
            self.first.push(Rc::clone(id));
        }
    }

    /// How many there are.
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    fn write(&self, line: &mut ObjectWriter, name: &'static str, counted: &'static str) {
        line.texts(name, self.first.iter().map(|id| &**id));
        if self.count > MAX_IDS {
            line.number(counted, count(self.count));
        }
    }
}

/// The line of a change: `next` is what the document called `source` has from `now` on.
pub(super) fn change(
    source: &str,
    generation: u64,
    next: &KeySet,
    changes: &Succession,
    now: Timestamp,
) -> News {
    let mut line = ObjectWriter::new();
    line.text("gate", "ollama-gate")
        .text("event", "keys_changed")
        .text("source", source)
        .number("generation", generation)
        .display("fingerprint", Shown(next.fingerprint()))
        .display("effective", now)
        .number("keys", count(next.len()));
    changes.added.write(&mut line, "added", "added_count");
    changes.removed.write(&mut line, "removed", "removed_count");
    changes.changed.write(&mut line, "changed", "changed_count");
    News {
        level: Level::Info,
        line: line.finish(),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The beginning of a digest.
struct Shown<'d>(&'d KeyDigest);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.0.iter().take(SHOWN_BYTES);
        bytes.try_for_each(|byte| f.write_fmt(format_args!("{byte:02x}")))
    }
}
