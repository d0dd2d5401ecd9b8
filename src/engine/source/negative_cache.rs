//! What was asked for and is not there.

use super::retry::has_passed;
use crate::time::Timestamp;
use std::collections::HashMap;

/// The most names that are remembered.
const MAX_NAMES: usize = 256;

/// Names that a fetch did not bring, each for a while.
#[derive(Debug, Default)]
pub(crate) struct NegativeCache {
    since: HashMap<String, Timestamp>,
}

impl NegativeCache {
    /// `item` was not there at `now`. When there is no room, those that are over `seconds` old make
    /// it; if none is, the newcomer is not remembered, and is asked for again: the cool-down bounds
    /// that.
    pub(crate) fn note(&mut self, item: &str, now: Timestamp, seconds: i64) {
        if self.since.len() >= MAX_NAMES {
            self.since
                .retain(|_, since| !has_passed(*since, seconds, now));
        }
        if self.since.len() < MAX_NAMES {
            self.since.insert(item.to_owned(), now);
        }
    }

    /// Whether `item` was noted in the last `seconds`.
    pub(crate) fn holds(&self, item: &str, now: Timestamp, seconds: i64) -> bool {
        let noted = self.since.get(item);
        noted.is_some_and(|since| !has_passed(*since, seconds, now))
    }

    /// Forgets all: there is another document.
    pub(crate) fn clear(&mut self) {
        self.since.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn what_is_missing_is_so_for_a_while() {
        let mut names = NegativeCache::default();
        names.note("k9", NOW, 10);
        assert!(names.holds("k9", NOW.plus(9), 10));
        assert!(!names.holds("k9", NOW.plus(10), 10));
        assert!(!names.holds("k8", NOW, 10));
        names.clear();
        assert!(!names.holds("k9", NOW, 10));
    }

    #[test]
    fn a_flood_of_names_takes_no_memory() {
        let mut names = NegativeCache::default();
        for number in 0..10_000 {
            names.note(&number.to_string(), NOW, 10);
        }
        assert_eq!(names.since.len(), MAX_NAMES);
        names.note("later", NOW.plus(11), 10);
        assert_eq!(names.since.len(), 1);
    }
}
