//! Who refreshes which session, as all workers of a gateway know it.
//!
//! A refresh token may be good for one use, and a provider that sees it twice may end all that came of the sign-in.
//! So a worker notes that it refreshes a session before it asks, and what came of it then: requests that still bring
//! the session of before get the one that is carried now. The memory of a gateway forgets nothing, so there is a fixed
//! number of slots in it; two sessions that share one take turns.

use crate::secret::Secret;
use crate::session::SharedMemory;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};

/// How many slots there are.
const SLOTS: u32 = 1024;
/// How long it is known what came of a refresh, in seconds. The answer that brings a browser its new cookies may take
/// minutes, while a model loads, and until then the browser sends the old ones.
const KEPT: i64 = 300;
/// For how much of that no other session may take the slot, in seconds.
const UNDISTURBED: i64 = 5;
/// How long the provider is not asked again about a session after it gave no answer for it, in seconds: so much at
/// first, and at the most.
const BACK_OFF: (i64, i64) = (2, 60);

/// What names one state of a session: its refresh token, and when it was to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark([u8; MARK]);

const MARK: usize = 16;
/// A mark, a kind, how often it failed, and two times.
const HEAD: usize = MARK + 2 + 8 + 8;

impl Mark {
    /// That of the session with this refresh token, which is `due` then.
    pub(super) fn of(refresh_token: &Secret<String>, due: Timestamp) -> Self {
        let mut hash = Sha256::new();
        hash.update(due.milliseconds().to_be_bytes());
        hash.update(refresh_token.expose());
        let digest = hash.finalize();
        Self(digest.first_chunk().copied().unwrap_or_default())
    }

    /// A number below `bound` for it, another one at each `instance`.
    pub(super) fn spread(self, instance: u64, bound: i64) -> i64 {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(instance.to_be_bytes());
        let digest = hash.finalize();
        let drawn = u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default());
        i64::from(drawn).checked_rem(bound).unwrap_or(0)
    }

    fn slot(self) -> u32 {
        let first = u32::from_be_bytes(self.0.first_chunk().copied().unwrap_or_default());
        first.checked_rem(SLOTS).unwrap_or(0)
    }
}

/// What is known of the refresh of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// nothing, so it may begin
    Nothing,
    /// somebody is at it, or at one that shares its slot
    UnderWay,
    /// this is carried in its place, sealed
    Successor(String),
    /// the provider does not take its refresh token any more
    Refused,
    /// the provider gave no answer for it, and is not asked again yet
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Locked,
    Refreshed,
    Refused,
    Failed,
}

/// What stands in a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    mark: Mark,
    kind: Kind,
    /// how often it failed
    failures: u8,
    since: Timestamp,
    /// until when it counts
    until: Timestamp,
    /// what is carried now, sealed
    successor: String,
}

/// The slots of one gate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots<'m> {
    memory: &'m dyn SharedMemory,
    /// what tells the gate from others
    gate: &'m str,
}

impl<'m> Slots<'m> {
    /// Those of `gate` in `memory`.
    pub(super) const fn new(memory: &'m dyn SharedMemory, gate: &'m str) -> Self {
        Self { memory, gate }
    }

    /// What is known of the refresh of what `mark` names.
    pub(super) fn look(self, mark: Mark, now: Timestamp) -> Known {
        self.read(mark)
            .1
            .map_or(Known::Nothing, |entry| entry.known(mark, now))
    }

    /// Begins a refresh, which ends within `lease` seconds. Whether nobody else had.
    pub(super) fn begin(self, mark: Mark, lease: i64, now: Timestamp) -> bool {
        let (version, entry) = self.read(mark);
        let known = entry.as_ref().map(|entry| entry.known(mark, now));
        if known.is_some_and(|known| known != Known::Nothing) {
            return false;
        }
        let failures = entry.filter(|entry| entry.mark == mark && entry.kind == Kind::Failed);
        let lock = Entry {
            failures: failures.map_or(0, |entry| entry.failures),
            until: now.plus(lease),
            ..Entry::new(mark, Kind::Locked, now)
        };
        self.write(&lock, version)
    }

    /// Notes that `successor` is carried now.
    pub(super) fn refreshed(self, mark: Mark, successor: &str, now: Timestamp) {
        let entry = Entry {
            successor: successor.to_owned(),
            ..Entry::new(mark, Kind::Refreshed, now)
        };
        self.put(&entry);
    }

    /// Notes that the provider refused it. Gives what is carried in its place, where another has
    /// refreshed it meanwhile.
    pub(super) fn refused(self, mark: Mark, now: Timestamp) -> Option<String> {
        self.put(&Entry::new(mark, Kind::Refused, now))
    }

    /// Notes that the provider gave no answer for it.
    pub(super) fn failed(self, mark: Mark, now: Timestamp) -> Option<String> {
        let (_, entry) = self.read(mark);
        let before = entry
            .filter(|entry| entry.mark == mark)
            .map_or(0, |entry| entry.failures);
        let (first, max) = BACK_OFF;
        let wait = first.saturating_mul(1_i64.checked_shl(before.into()).unwrap_or(max));
        let entry = Entry {
            failures: before.saturating_add(1).min(16),
            until: now.plus(wait.min(max)),
            ..Entry::new(mark, Kind::Failed, now)
        };
        self.put(&entry)
    }

    /// Puts `entry` in place of what stands there, but not of what is carried in place of its session: gives that.
    fn put(self, entry: &Entry) -> Option<String> {
        // Another worker may write at the same time; not for ever.
        for _ in 0..4 {
            let (version, there) = self.read(entry.mark);
            let there = there.filter(|there| there.counts(entry.since));
            match there {
                // It has begun since this one took too long.
                Some(there) if there.mark != entry.mark && there.kind == Kind::Locked => break,
                Some(there) if there.outdoes(entry) => return Some(there.successor),
                _ => {}
            }
            if self.write(entry, version) {
                break;
            }
        }
        None
    }

    fn read(self, mark: Mark) -> (Option<u32>, Option<Entry>) {
        match self.memory.read(&self.key(mark)) {
            None => (None, None),
            Some((value, version)) => (Some(version), Entry::decode(&value)),
        }
    }

    fn write(self, entry: &Entry, seen: Option<u32>) -> bool {
        let key = self.key(entry.mark);
        self.memory.write(&key, &entry.encode(), seen)
    }

    fn key(self, mark: Mark) -> String {
        format!("ollama_gate.refresh.{}.{}", self.gate, mark.slot())
    }
}

impl Entry {
    fn new(mark: Mark, kind: Kind, now: Timestamp) -> Self {
        Self {
            mark,
            kind,
            failures: 0,
            since: now,
            until: now.plus(KEPT),
            successor: String::new(),
        }
    }

    /// Whether it says what is carried in place of the session that `other` says less of.
    fn outdoes(&self, other: &Self) -> bool {
        let is_known = self.mark == other.mark && self.kind == Kind::Refreshed;
        is_known && other.kind != Kind::Refreshed
    }

    /// Whether it still counts. Of what a clock that was put back has written long ahead nothing does.
    fn counts(&self, now: Timestamp) -> bool {
        now < self.until && self.since <= now.plus(KEPT)
    }

    /// What it says of what `mark` names.
    fn known(&self, mark: Mark, now: Timestamp) -> Known {
        if !self.counts(now) {
            return Known::Nothing;
        }
        let is_own = self.mark == mark;
        match self.kind {
            Kind::Locked => Known::UnderWay,
            Kind::Refreshed if is_own => Known::Successor(self.successor.clone()),
            Kind::Refreshed if now < self.since.plus(UNDISTURBED) => Known::UnderWay,
            Kind::Refused if is_own => Known::Refused,
            Kind::Failed if is_own => Known::Failed,
            _ => Known::Nothing,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Locked => 1,
            Kind::Refreshed => 2,
            Kind::Refused => 3,
            Kind::Failed => 4,
        };
        [
            &self.mark.0[..],
            &[kind, self.failures],
            &self.since.milliseconds().to_be_bytes(),
            &self.until.milliseconds().to_be_bytes(),
            self.successor.as_bytes(),
        ]
        .concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, successor) = bytes.split_first_chunk::<HEAD>()?;
        let (mark, rest) = head.split_first_chunk::<MARK>()?;
        let (&[kind, failures], rest) = rest.split_first_chunk::<2>()?;
        let (since, until) = rest.split_first_chunk::<8>()?;
        let time = |bytes: [u8; 8]| Timestamp::from_milliseconds(i64::from_be_bytes(bytes));
        Some(Self {
            mark: Mark(*mark),
            kind: match kind {
                1 => Kind::Locked,
                2 => Kind::Refreshed,
                3 => Kind::Refused,
                4 => Kind::Failed,
                _ => return None,
            },
            failures,
            since: time(*since),
            until: time(*until.first_chunk()?),
            successor: String::from_utf8(successor.to_vec()).ok()?,
        })
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
