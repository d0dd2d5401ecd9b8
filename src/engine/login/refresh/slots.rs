//! Who refreshes which session, as all workers of a gateway know it.
//!
//! A refresh token may be good for one use, and a provider that sees it twice may end all that came of the sign-in.
//! So a worker notes that it refreshes a session before it asks, and what came of it then: requests that still bring
//! the session of before get the one that is carried now. The memory of a gateway forgets nothing, so there is a fixed
//! number of slots in it, of which each session may be in a few.

use crate::secret::Secret;
use crate::session::SharedMemory;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};

/// How many groups of slots there are, and how many slots in each.
const GROUPS: u32 = 256;
const IN_GROUP: u32 = 8;
/// How long it is known what came of a refresh, in seconds. The answer that brings a browser its new cookies may take
/// minutes, while a model loads, and until then the browser sends the old ones.
const KEPT: i64 = 300;
/// For how much of that no other session may take the slot, in seconds.
const UNDISTURBED: i64 = 5;
/// How long it is known that somebody has signed out, in seconds: as long as a response may take.
const SIGNED_OUT: i64 = 3600;
/// How long the provider is not asked again about a session after it gave no answer for it, in seconds: so much at
/// first, and at the most.
pub(super) const BACK_OFF: (i64, i64) = (2, 60);

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

    /// That of a session which has ended, by what stays the same of it.
    pub(super) fn of_ended(name: &str) -> Self {
        let digest = Sha256::digest(["ended\n", name].concat());
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

    fn group(self) -> u32 {
        let first = u32::from_be_bytes(self.0.first_chunk().copied().unwrap_or_default());
        first.checked_rem(GROUPS).unwrap_or(0)
    }
}

/// What is known of the refresh of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// nothing, so it may begin
    Nothing,
    /// somebody is at it, and this is when it was begun first without an end
    UnderWay(Timestamp),
    /// this is carried in its place, sealed
    Successor(String),
    /// the provider does not take its refresh token any more
    Refused,
    /// it has ended, whatever its times say
    Over,
    /// the provider gave no answer for it, and is not asked again yet
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Locked,
    /// for the second time at least without an end
    LockedAgain,
    Refreshed,
    Refused,
    Failed,
    Over,
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
    pub(super) fn look(self, mark: Mark, now: Timestamp) -> Standing {
        let own = self.own(mark);
        own.map_or(Standing::Nothing, |slot| slot.known(now))
    }

    /// Begins a refresh, which ends within `lease` seconds. Whether nobody else had.
    pub(super) fn begin(self, mark: Mark, lease: i64, now: Timestamp) -> bool {
        let own = self.own(mark);
        if own
            .as_ref()
            .is_some_and(|own| own.known(now) != Standing::Nothing)
        {
            return false;
        }
        let before = own.as_ref().and_then(|own| own.entry.as_ref());
        let mut lock = Entry {
            until: now.plus(lease),
            ..Entry::new(mark, Kind::Locked, now)
        };
        match before {
            Some(entry) if entry.kind == Kind::Failed => lock.failures = entry.failures,
            // Whoever began it before went away. That is forgiven once: pages are closed all the time.
            Some(entry) if entry.kind == Kind::Locked => lock.kind = Kind::LockedAgain,
            // Or more than once, or was told that it is not known any more. That does not begin anew.
            Some(entry) if entry.kind != Kind::Refreshed && entry.since <= now => {
                lock.kind = Kind::LockedAgain;
                lock.since = entry.since;
            }
            _ => {}
        }
        let Some(slot) = own.or_else(|| self.room(mark, now)) else {
            return false;
        };
        if !self.write(slot.number, &lock, slot.version) {
            return false;
        }
        // Another worker may have found room elsewhere at the same time: whoever sees the other one gives way.
        let others = self.slots(mark).filter(|other| other.number != slot.number);
        let is_alone = others
            .filter(|other| other.is_of(mark))
            .all(|other| other.known(now) == Standing::Nothing);
        if !is_alone {
            let given_up = Entry { until: now, ..lock };
            self.put(&given_up);
        }
        is_alone
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

    /// Notes that it has ended.
    pub(super) fn over(self, mark: Mark, now: Timestamp) {
        let entry = Entry {
            until: now.plus(SIGNED_OUT),
            ..Entry::new(mark, Kind::Over, now)
        };
        self.put(&entry);
    }

    /// Notes that the provider gave no answer for it.
    pub(super) fn failed(self, mark: Mark, now: Timestamp) -> Option<String> {
        let own = self.own(mark).and_then(|own| own.entry);
        let before = own.map_or(0, |entry| entry.failures);
        let (first, max) = BACK_OFF;
        let wait = first.saturating_mul(1_i64.checked_shl(before.into()).unwrap_or(max));
        let entry = Entry {
            failures: before.saturating_add(1).min(16),
            until: now.plus(wait.min(max)),
            ..Entry::new(mark, Kind::Failed, now)
        };
        self.put(&entry)
    }

    /// Puts `entry` in place of what is known of its session, but not of what is carried in its place: gives that.
    fn put(self, entry: &Entry) -> Option<String> {
        // Another worker may write at the same time; not for ever.
        for _ in 0..4 {
            let slot = self
                .own(entry.mark)
                .or_else(|| self.room(entry.mark, entry.since))?;
            if let Some(there) = &slot.entry
                && there.outdoes(entry)
            {
                return Some(there.successor.clone());
            }
            if self.write(slot.number, entry, slot.version) {
                break;
            }
        }
        None
    }

    /// The slot that says something of what `mark` names.
    fn own(self, mark: Mark) -> Option<Slot> {
        let mut own: Vec<_> = self.slots(mark).filter(|slot| slot.is_of(mark)).collect();
        // Two workers may have written one each.
        own.sort_by_key(|slot| {
            slot.entry
                .as_ref()
                .map(|entry| (entry.kind == Kind::Refreshed, entry.until))
        });
        own.pop()
    }

    /// The slot of those that `mark` may be in that can be done without first, if one can.
    fn room(self, mark: Mark, now: Timestamp) -> Option<Slot> {
        let worth = |slot: &Slot| {
            slot.entry
                .as_ref()
                .map_or(Some((0, now)), |entry| entry.worth(now))
        };
        let all = self.slots(mark);
        let spare = all.filter_map(|slot| Some((worth(&slot)?, slot)));
        spare.min_by_key(|(worth, _)| *worth).map(|(_, slot)| slot)
    }

    /// Those that `mark` may be in.
    fn slots(self, mark: Mark) -> impl Iterator<Item = Slot> {
        let first = mark.group().saturating_mul(IN_GROUP);
        (first..first.saturating_add(IN_GROUP)).map(move |number| {
            match self.memory.read(&self.key(number)) {
                None => Slot {
                    number,
                    version: None,
                    entry: None,
                },
                Some((value, version)) => Slot {
                    number,
                    version: Some(version),
                    entry: Entry::decode(&value),
                },
            }
        })
    }

    fn write(self, number: u32, entry: &Entry, seen: Option<u32>) -> bool {
        self.memory.write(&self.key(number), &entry.encode(), seen)
    }

    fn key(self, number: u32) -> String {
        format!("ollama_gate.refresh.{}.{number}", self.gate)
    }
}

/// A slot, as it was read.
struct Slot {
    number: u32,
    version: Option<u32>,
    entry: Option<Entry>,
}

impl Slot {
    fn is_of(&self, mark: Mark) -> bool {
        self.entry.as_ref().is_some_and(|entry| entry.mark == mark)
    }

    /// What it says of its session.
    fn known(&self, now: Timestamp) -> Standing {
        let entry = self.entry.as_ref().filter(|entry| entry.counts(now));
        entry.map_or(Standing::Nothing, Entry::known)
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

    /// Whether it still counts. Of what a clock that was put back has written long ahead nothing does.
    fn counts(&self, now: Timestamp) -> bool {
        now < self.until && self.since <= now.plus(KEPT)
    }

    /// Whether it says what is carried in place of the session that `other` says less of.
    fn outdoes(&self, other: &Self) -> bool {
        let is_known = self.mark == other.mark && self.kind == Kind::Refreshed;
        is_known
            && !self.successor.is_empty()
            && self.counts(other.since)
            && other.kind != Kind::Refreshed
    }

    /// How much another session loses if it is overwritten; none if it must not be.
    fn worth(&self, now: Timestamp) -> Option<(u8, Timestamp)> {
        let class = match (self.counts(now), self.kind) {
            (false, Kind::Locked | Kind::LockedAgain) => 2,
            (false, _) => 1,
            (true, Kind::Locked | Kind::LockedAgain) => return None,
            (true, Kind::Failed | Kind::Refused) => 3,
            (true, Kind::Over) => 4,
            (true, Kind::Refreshed) if now < self.since.plus(UNDISTURBED) => return None,
            (true, Kind::Refreshed) => 5,
        };
        Some((class, self.since))
    }

    fn known(&self) -> Standing {
        match self.kind {
            Kind::Locked | Kind::LockedAgain => Standing::UnderWay(self.since),
            Kind::Refreshed => Standing::Successor(self.successor.clone()),
            Kind::Refused => Standing::Refused,
            Kind::Failed => Standing::Failed,
            Kind::Over => Standing::Over,
        }
    }

    fn encode(&self) -> Vec<u8> {
        let kind = match self.kind {
            Kind::Locked => 1,
            Kind::Refreshed => 2,
            Kind::Refused => 3,
            Kind::Failed => 4,
            Kind::Over => 5,
            Kind::LockedAgain => 6,
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
                5 => Kind::Over,
                6 => Kind::LockedAgain,
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
