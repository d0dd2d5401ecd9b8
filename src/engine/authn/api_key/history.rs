//! What became of the keys of a document, told in one line, so that "which key was in force then" has an answer.

use super::record::KeyDigest;
use super::set::KeySet;
use crate::denial::Level;
use crate::json::ObjectWriter;
use crate::source::News;
use crate::time::Timestamp;
use std::fmt;

/// The most ids of a kind that one line holds.
const MAX_IDS: usize = 100;
/// How many digits of the fingerprint are shown.
const SHOWN_BYTES: usize = 8;

/// The line of a change: `next` is what the document called `source` has from `now` on, after `before`.
pub(super) fn change(
    source: &str,
    generation: u64,
    before: Option<&KeySet>,
    next: &KeySet,
    now: Timestamp,
) -> News {
    let had = |id: &str| before.is_some_and(|before| before.key(id).is_some());
    let other = |id: &str| before.is_some_and(|before| before.has_changed(id, next));
    let ids = |set: &KeySet| -> Vec<String> { set.keys().map(|key| key.id.to_string()).collect() };
    let (gone, there) = (before.map(ids).unwrap_or_default(), ids(next));
    let added = there.iter().filter(|id| !had(id));
    let removed = gone.iter().filter(|id| next.key(id).is_none());
    let changed = there.iter().filter(|id| had(id) && other(id));
    let mut line = ObjectWriter::new();
    line.text("gate", "ollama-gate")
        .text("event", "keys_changed")
        .text("source", source)
        .number("generation", generation)
        .display("fingerprint", Shown(next.fingerprint()))
        .display("effective", now)
        .number("keys", count(next.len()));
    write_ids(&mut line, ("added", "added_count"), added);
    write_ids(&mut line, ("removed", "removed_count"), removed);
    write_ids(&mut line, ("changed", "changed_count"), changed);
    News {
        level: Level::Info,
        line: line.finish(),
    }
}

/// The first of `ids`, and how many there are if that is not all.
fn write_ids<'i>(
    line: &mut ObjectWriter,
    (name, counted): (&'static str, &'static str),
    ids: impl Iterator<Item = &'i String>,
) {
    let ids: Vec<&str> = ids.map(String::as_str).collect();
    line.texts(name, ids.iter().take(MAX_IDS));
    if ids.len() > MAX_IDS {
        line.number(counted, count(ids.len()));
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
