//! Time for the signatures of strangers, dealt out so that no one of them takes it all.

use super::budget::{Budget, Share};
use crate::time::Timestamp;
use std::hash::{BuildHasher as _, Hash, RandomState};

/// How many parts the time that is not common is dealt into.
const PARTS: u8 = 16;
/// What each of them is.
const PART: Share = Share {
    per_millisecond: 3,
    max_saved: 625,
};
/// For how many seconds the same callers fall into one part.
const DEALT_FOR: i64 = 60;

/// Time in common, and a part for each group of callers.
///
/// A caller pays from the part of its group first, and then from what is common. So a flood takes
/// what is common and the parts of its own groups, and whoever is in another group finds that group's
/// part as it was. Groups are dealt anew each minute, unforeseeably, so that nobody shares one with a flood
/// for long.
#[derive(Debug)]
pub(crate) struct Shares {
    common: Budget,
    parts: Vec<Budget>,
    hasher: RandomState,
}

/// Budgets in the order in which they are asked: the first with something left pays.
pub(crate) type Payers<'b> = [Option<&'b Budget>; 3];

impl Shares {
    /// With so much in common.
    pub(crate) fn new(common: Share) -> Self {
        Self {
            common: Budget::new(common),
            parts: (0..PARTS).map(|_| Budget::new(PART)).collect(),
            hasher: RandomState::new(),
        }
    }

    /// From what the signature of `caller` is paid at `now`, `first` before anything else. Without a
    /// caller that can be told from others, from what is common alone.
    pub(crate) fn payers<'b>(
        &'b self,
        caller: Option<impl Hash>,
        first: Option<&'b Budget>,
        now: Timestamp,
    ) -> Payers<'b> {
        let part = caller.and_then(|caller| {
            let minute = now.seconds().div_euclid(DEALT_FOR);
            let hash = self.hasher.hash_one((minute, caller));
            let place = hash.checked_rem(PARTS.into())?;
            self.parts.get(usize::try_from(place).ok()?)
        });
        [first, part, Some(&self.common)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_040);
    const COMMON: Share = Share {
        per_millisecond: 100,
        max_saved: 20_000,
    };

    fn spend(payers: Payers<'_>, cost: u32, now: Timestamp) -> bool {
        let mut payers = payers.into_iter().flatten();
        payers.any(|budget| budget.spend(cost, now).is_ok())
    }

    fn flood(shares: &Shares, caller: u32, now: Timestamp) -> usize {
        let mut spent = 0;
        while spend(shares.payers(Some(caller), None, now), 500, now) {
            spent += 1;
        }
        spent
    }

    #[test]
    fn whoever_is_in_another_group_than_a_flood_is_served() {
        let shares = Shares::new(COMMON);
        let own = |caller: u32| shares.payers(Some(caller), None, NOW)[1].unwrap();
        assert_eq!(
            flood(&shares, 0, NOW),
            40 + 2,
            "what is common, and its part"
        );
        let served = (1..1_000).filter(|caller| !std::ptr::eq(own(0), own(*caller)));
        let served: Vec<_> = served.collect();
        assert!(served.len() > 800, "{}", served.len());
        for caller in served.into_iter().take(3) {
            let payers = shares.payers(Some(caller), None, NOW);
            assert!(spend(payers, 400, NOW), "{caller}");
        }
    }

    #[test]
    fn groups_are_dealt_anew_each_minute() {
        let shares = Shares::new(COMMON);
        let together = |seconds| {
            let now = NOW.plus(seconds);
            let part = |caller: u32| shares.payers(Some(caller), None, now)[1].unwrap();
            std::ptr::eq(part(1), part(2))
        };
        assert_eq!(together(0), together(DEALT_FOR - 1));
        // By chance they could be together: 100 times in a row they are not.
        assert!((0..100).any(|minute| !together(minute * DEALT_FOR)));
    }

    #[test]
    fn all_callers_together_take_no_more_than_all_parts_and_what_is_common() {
        let shares = Shares::new(COMMON);
        let spent: usize = (0..10_000).map(|caller| flood(&shares, caller, NOW)).sum();
        assert_eq!(spent, 40 + 2 * usize::from(PARTS));
    }

    #[test]
    fn without_a_caller_there_is_what_is_common() {
        let shares = Shares::new(COMMON);
        assert!(shares.payers(None::<u32>, None, NOW)[1].is_none());
        flood(&shares, 0, NOW);
        assert!(!spend(shares.payers(None::<u32>, None, NOW), 1, NOW));
        let first = Budget::new(COMMON);
        assert!(spend(shares.payers(None::<u32>, Some(&first), NOW), 1, NOW));
    }
}
