//! The subjects whose tokens were good before.

use crate::authn::budget::{Budget, Share};
use std::cell::RefCell;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;

/// How many a generation holds. One takes about 10 bytes.
const MAX_SUBJECTS: usize = 4096;

/// Time for the next tokens of subjects that are known: a twentieth of a worker's.
const OF_KNOWN: Share = Share {
    per_millisecond: 50,
    max_saved: 5_000,
};

/// Subjects that have proved themselves on this worker, and time for their next token.
///
/// Only a good token brings its subject here, so that strangers push nobody out. Whoever forges tokens has to
/// know such a subject to spend of its time. Two generations, as of [`crate::authn::cache::Cache`].
#[derive(Debug)]
pub(crate) struct KnownSubjects {
    young: RefCell<HashSet<u64>>,
    old: RefCell<HashSet<u64>>,
    hasher: RandomState,
    time: Budget,
}

impl KnownSubjects {
    /// None.
    pub(crate) fn new() -> Self {
        Self {
            young: RefCell::default(),
            old: RefCell::default(),
            hasher: RandomState::new(),
            time: Budget::new(OF_KNOWN),
        }
    }

    fn place(&self, issuer: usize, subject: &str) -> u64 {
        self.hasher.hash_one((issuer, subject))
    }

    /// The time that a token of `subject`, of the issuer at this place, may take if it was good before.
    pub(crate) fn time(&self, issuer: usize, subject: &str) -> Option<&Budget> {
        let place = self.place(issuer, subject);
        let known = self.young.borrow().contains(&place) || self.old.borrow().contains(&place);
        known.then_some(&self.time)
    }

    /// A token of `subject` was good.
    pub(crate) fn proved(&self, issuer: usize, subject: &str) {
        let place = self.place(issuer, subject);
        let mut young = self.young.borrow_mut();
        if young.len() >= MAX_SUBJECTS && !young.contains(&place) {
            *self.old.borrow_mut() = mem::take(&mut *young);
        }
        young.insert(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_known_by_its_issuer_and_remembered_among_thousands() {
        let subjects = KnownSubjects::new();
        subjects.proved(0, "alice");
        assert!(subjects.time(0, "alice").is_some());
        assert!(subjects.time(1, "alice").is_none());
        assert!(subjects.time(0, "bob").is_none());
        for number in 0..MAX_SUBJECTS {
            subjects.proved(0, &number.to_string());
        }
        assert!(subjects.time(0, "alice").is_some());
        for number in 0..10 * MAX_SUBJECTS {
            subjects.proved(0, &number.to_string());
        }
        let held = subjects.young.borrow().len() + subjects.old.borrow().len();
        assert!(held <= 2 * MAX_SUBJECTS, "{held}");
    }
}
