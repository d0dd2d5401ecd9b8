//! How much of a worker's time goes into hashes.

use crate::time::Timestamp;

/// What a worker may spend in a second, in microseconds: a fifth of its time.
const PER_SECOND: i64 = 200_000;
/// What it may have saved up.
const MOST: i64 = 400_000;

/// Time for hashes, by what they cost and not by what a clock says: the engine reads none.
///
/// A hash is computed as long as anything is left, however much it costs; what it costs beyond that
/// is owed, and has to come in before the next one. So a hash that costs more than a second's share is
/// computed too, only more seldom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// in microseconds; below zero is owed
    left: i64,
    counted: Option<Timestamp>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            left: MOST,
            counted: None,
        }
    }
}

impl Budget {
    /// Takes `microseconds` at `now`.
    ///
    /// # Errors
    /// Nothing is left. After so many seconds there will be.
    pub fn spend(&mut self, microseconds: u32, now: Timestamp) -> Result<(), i64> {
        let since = self.counted.unwrap_or(now);
        // A clock that was put back brings nothing in.
        let seconds = now.seconds().saturating_sub(since.seconds()).max(0);
        let earned = seconds.saturating_mul(PER_SECOND);
        self.left = self.left.saturating_add(earned).min(MOST);
        self.counted = Some(now);
        if self.left <= 0 {
            let owed = self.left.saturating_neg();
            return Err((owed / PER_SECOND).saturating_add(1));
        }
        self.left = self.left.saturating_sub(microseconds.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

    /// How many hashes of this cost there is time for at `now`.
    fn count(budget: &mut Budget, cost: u32, now: Timestamp) -> usize {
        (0..1_000_000)
            .take_while(|_| budget.spend(cost, now).is_ok())
            .count()
    }

    #[test]
    fn what_is_saved_up_is_spent_and_then_a_fifth_of_each_second() {
        let mut budget = Budget::default();
        assert_eq!(count(&mut budget, 20_000, START), 20);
        assert_eq!(count(&mut budget, 20_000, START), 0);
        assert_eq!(count(&mut budget, 20_000, START.plus(1)), 10);
        assert_eq!(count(&mut budget, 20_000, START.plus(2)), 10);
        assert_eq!(count(&mut budget, 20_000, START.plus(1_000_000)), 20);
    }

    #[test]
    fn a_hash_dearer_than_a_second_is_computed_and_paid_off() {
        let mut budget = Budget::default();
        assert_eq!(budget.spend(1_000_000, START), Ok(()));
        assert_eq!(budget.spend(1, START), Err(4));
        assert_eq!(budget.spend(1, START.plus(2)), Err(2));
        assert_eq!(budget.spend(1, START.plus(3)), Err(1));
        assert_eq!(budget.spend(1, START.plus(4)), Ok(()));
    }

    #[test]
    fn whoever_waits_as_long_as_told_is_served() {
        for cost in [1, 3_200, 25_600, 409_600, u32::MAX] {
            let mut budget = Budget::default();
            count(&mut budget, cost, START);
            let wait = budget.spend(cost, START).unwrap_err();
            assert!(wait >= 1, "{cost}");
            assert_eq!(budget.spend(cost, START.plus(wait)), Ok(()), "{cost}");
        }
    }

    #[test]
    fn a_clock_that_jumps_neither_gives_nor_takes_for_ever() {
        let mut budget = Budget::default();
        count(&mut budget, 20_000, START);
        assert_eq!(count(&mut budget, 20_000, START.plus(-500)), 0);
        assert_eq!(count(&mut budget, 20_000, START.plus(-499)), 10);
        assert_eq!(
            count(&mut budget, 20_000, Timestamp::from_seconds(i64::MAX)),
            20
        );
        assert_eq!(
            count(&mut budget, 20_000, Timestamp::from_seconds(i64::MIN)),
            0
        );
    }
}
