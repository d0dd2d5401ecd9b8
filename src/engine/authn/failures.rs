//! The memory of failures: bounded, and nobody can push out what it holds.

use crate::time::Timestamp;
use std::collections::HashMap;

/// How many pairs it holds. One takes about 50 bytes.
pub(crate) const MAX_PAIRS: usize = 4096;
/// Into how many groups addresses fall whose pairs there is no place for.
const GROUPS: u64 = 1024;

/// The failures of one pair, or of a group of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failures {
    /// how many there were in the window
    pub count: u32,
    /// where the window begins
    pub since: Timestamp,
    /// not looked at before
    pub until: Option<Timestamp>,
}

/// Where the failures of a pair are remembered: hashes that nobody outside can foresee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// of address and name
    pub pair: u64,
    /// of the address
    pub address: u64,
}

/// What is remembered of failures.
///
/// A pair is forgotten when its time is over, and never for the sake of another. Where there is no
/// place for one more, its failures count for the group of its address, which has a place in any case: so
/// whoever makes up names to fill the memory is held back by its address, and with it only those of that
/// group whose name is not remembered.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    pairs: HashMap<u64, Failures>,
    groups: HashMap<u64, Failures>,
    swept: Option<Timestamp>,
}

impl Memory {
    /// Whether there was no failure.
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs.is_empty() && self.groups.is_empty()
    }

    /// The failures that count at `place`: those of the pair, or of the group of its address.
    pub(crate) fn get(&self, place: Place) -> Option<Failures> {
        let group = || self.groups.get(&group(place));
        self.pairs.get(&place.pair).or_else(group).copied()
    }

    /// What `change` makes of the failures of `place` at `now`. `is_over` is whether failures have had
    /// their time.
    pub(crate) fn update(
        &mut self,
        place: Place,
        now: Timestamp,
        is_over: impl Fn(&Failures) -> bool,
        change: impl Fn(Option<Failures>) -> Failures,
    ) {
        let is_known = self.pairs.contains_key(&place.pair);
        if !is_known && self.pairs.len() >= MAX_PAIRS {
            self.sweep(now, is_over);
        }
        let (failures, key) = if is_known || self.pairs.len() < MAX_PAIRS {
            (&mut self.pairs, place.pair)
        } else {
            (&mut self.groups, group(place))
        };
        let changed = change(failures.get(&key).copied());
        failures.insert(key, changed);
    }

    /// Forgets what is over, once in a second at the most: a flood must not pay for it each time.
    fn sweep(&mut self, now: Timestamp, is_over: impl Fn(&Failures) -> bool) {
        if self
            .swept
            .is_none_or(|swept| swept.seconds() != now.seconds())
        {
            self.swept = Some(now);
            self.pairs.retain(|_, failures| !is_over(failures));
            self.groups.retain(|_, failures| !is_over(failures));
        }
    }

    /// Forgets the pair.
    pub(crate) fn remove(&mut self, place: Place) {
        self.pairs.remove(&place.pair);
    }

    /// How many pairs and groups it holds.
    #[cfg(test)]
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.pairs.len(), self.groups.len())
    }
}

const fn group(place: Place) -> u64 {
    place.address & (GROUPS - 1)
}
