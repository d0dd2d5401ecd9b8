//! What grows old, watched whether requests come or not: the gauges, and a warning a day for each key that ends soon.

use super::Engine;
use crate::authn::api_key::EndingKey;
use crate::json::ObjectWriter;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// The names of the gauges, without the prefix that all of the gate's metrics have. Moments are seconds since 1970,
/// as Prometheus counts them: several workers tell the same, and what was told stays true. 0 is none.
pub const GAUGES: [&str; 8] = [
    "keys_generation",
    "keys_last_success_timestamp_seconds",
    "keys_next_expiry_timestamp_seconds",
    "keys_expiring_soon",
    "jwks_last_success_timestamp_seconds",
    "upstream_credential_generation",
    "upstream_credential_last_success_timestamp_seconds",
    "upstream_credential_expiry_timestamp_seconds",
];

/// A warning is given once in so many seconds.
const DAY: i64 = 24 * 3600;
/// How often it is looked for what ends soon, in seconds.
const EVERY: i64 = 60;
/// The most keys that are warned of in a day, and remembered.
const MAX_KEYS: usize = 20;
/// What else can be warned of: that there are more keys, and the credential of the gate's own.
const MAX_OTHERS: usize = 2;

/// How the warning is called that there are more keys.
const KEYS: &str = "keys";
/// How that of the gate's own credential is called.
const CREDENTIAL: &str = "upstream.credential";

/// A warning of something that ends soon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// what it is of, the same on every worker and another one for another gate, without a secret
    pub name: String,
    /// the line of the log
    pub line: String,
}

/// What an engine remembers of its watch.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// since when it is kept
    since: Cell<Option<Timestamp>>,
    /// when it was looked for what ends soon
    looked: Cell<Option<Timestamp>>,
    /// the keys that were warned of
    keys: Warned,
    /// what else was warned of
    others: Warned,
}

/// What was warned of in the last day: when, and when it ends.
#[derive(Debug, Default)]
struct Warned(RefCell<HashMap<String, (Timestamp, Timestamp)>>);

impl Warned {
    /// Forgets what was warned of longer ago.
    fn forget(&self, now: Timestamp) {
        self.0
            .borrow_mut()
            .retain(|_, (at, _)| !is_over(*at, DAY, now));
    }

    /// How many of it have not ended at `now`.
    fn ahead(&self, now: Timestamp) -> usize {
        let warned = self.0.borrow();
        warned.values().filter(|(_, end)| *end > now).count()
    }

    /// Whether there is to be a warning of `name`, which has this `end`: there was none, and there were fewer than
    /// `max`. There is one `now`.
    fn admits(&self, name: &str, end: Timestamp, max: usize, now: Timestamp) -> bool {
        let mut warned = self.0.borrow_mut();
        let admits = warned.len() < max && !warned.contains_key(name);
        if admits {
            warned.insert(name.to_owned(), (now, end));
        }
        admits
    }
}

impl Watch {
    /// Something else may end now: it is looked at once.
    pub(super) fn note_change(&self) {
        self.looked.set(None);
    }

    /// Whether it is looked at `now` for what ends soon, which costs something.
    fn looks(&self, now: Timestamp) -> bool {
        let is_due = self
            .looked
            .get()
            .is_none_or(|looked| is_over(looked, EVERY, now));
        if is_due {
            self.looked.set(Some(now));
            self.keys.forget(now);
            self.others.forget(now);
        }
        is_due
    }
}

/// Whether `seconds` have gone by since `then`, or a clock was put back.
fn is_over(then: Timestamp, seconds: i64, now: Timestamp) -> bool {
    now < then || now.since(then) >= seconds
}

impl Engine {
    /// Whether anything may end, so that somebody has to look now and then.
    pub fn watches(&self) -> bool {
        let own = self.upstream.credential.as_ref();
        self.authenticators.keys().ends() || own.is_some_and(|own| own.ends())
    }

    /// The values of [`GAUGES`] at `now`, in their order. What was never fetched counts as had when this was asked
    /// first.
    pub fn gauges(&self, now: Timestamp) -> [u64; GAUGES.len()] {
        let since = self.watch.since.get().unwrap_or(now);
        self.watch.since.set(Some(since));
        let oldest = |all: &mut dyn Iterator<Item = Option<Timestamp>>| {
            moment(all.map(|had| had.unwrap_or(since)).min())
        };
        let keys = self.authenticators.keys();
        let seen = keys.seen(now);
        let own = self.upstream.credential.as_ref();
        [
            seen.generation,
            oldest(&mut keys.last_had()),
            moment(seen.next_end),
            u64::try_from(seen.ending_soon).unwrap_or(u64::MAX),
            oldest(&mut self.authenticators.tokens().last_had()),
            own.map_or(0, |own| own.generation()),
            oldest(&mut own.and_then(|own| own.last_had()).into_iter()),
            moment(own.and_then(|own| own.end())),
        ]
    }

    /// The warnings that are due at `now`: one a day for each key that ends within a week, for 20 keys a day at most and
    /// one that says how many there are beyond them, and for the credential of the gate's own.
    pub fn ending(&self, now: Timestamp) -> Vec<Ending> {
        if !self.watch.looks(now) {
            return Vec::new();
        }
        let keys = self.authenticators.keys();
        let mut all = Vec::new();
        for key in keys.ending(now, MAX_KEYS) {
            let ending = of_key(&key, now);
            if self.watch.keys.admits(&ending.name, key.end, MAX_KEYS, now) {
                all.push(ending);
            }
        }
        let others = &self.watch.others;
        let named = self.watch.keys.ahead(now);
        let beyond = keys.seen(now).ending_soon.saturating_sub(named);
        if beyond > 0 && others.admits(KEYS, now, MAX_OTHERS, now) {
            let mut line = event("keys_expire_soon");
            line.number("beyond", u64::try_from(beyond).unwrap_or(u64::MAX));
            let next = keys.seen(now).next_end;
            let name = format!("{KEYS}/{}", moment(next));
            let line = line.finish();
            all.push(Ending { name, line });
        }
        if let Some(own) = &self.upstream.credential
            && let Some(end) = own.ending(now)
            && others.admits(CREDENTIAL, end, MAX_OTHERS, now)
        {
            let mut line = event("upstream_credential_expires_soon");
            line.number("generation", own.generation());
            let name = format!("{CREDENTIAL}/{}", own.origin());
            all.push(ending(name, line, end, now));
        }
        all
    }
}

fn of_key(key: &EndingKey, now: Timestamp) -> Ending {
    let mut line = event("key_expires_soon");
    if let Some(source) = &key.source {
        line.text("source", source);
    }
    line.text("id", &key.id);
    let source = key.source.as_deref().unwrap_or_default();
    let name = format!("{source}/{}/{}", key.id, key.end.seconds());
    ending(name, line, key.end, now)
}

/// The beginning of a line about `event`.
fn event(event: &'static str) -> ObjectWriter {
    let mut line = ObjectWriter::new();
    line.text("gate", "ollama-gate").word("event", event);
    line
}

fn ending(name: String, mut line: ObjectWriter, end: Timestamp, now: Timestamp) -> Ending {
    let left = end.since(now).max(0).unsigned_abs();
    line.display("expires_at", end).number("seconds_left", left);
    let line = line.finish();
    Ending { name, line }
}

/// A moment as a gauge has it.
fn moment(moment: Option<Timestamp>) -> u64 {
    moment.map_or(0, |moment| u64::try_from(moment.seconds()).unwrap_or(0))
}
