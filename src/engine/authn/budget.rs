//! How much of a worker's time goes into what strangers can ask for: hashes and signatures.

use crate::time::Timestamp;
use std::cell::Cell;

/// How much time there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// what comes in each millisecond, in microseconds
    pub per_millisecond: i64,
    /// what may be saved up, in microseconds
    pub max_saved: i64,
}

/// What a worker spends on hashes of passwords: a fifth of its time.
pub(crate) const HASHES: Share = Share {
    per_millisecond: 200,
    max_saved: 400_000,
};

/// Time for work, by what it costs and not by what a clock says: how long something took is not
/// known.
///
/// Work is done as long as anything is left, however much it costs; what it costs beyond that is
/// owed, and has to come in before the next. So work that is dearer than all that may be saved up
/// is done too, only more seldom.
#[derive(Debug)]
pub struct Budget {
    share: Share,
    account: Cell<Account>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    /// in microseconds; below zero is owed
    left: i64,
    counted: Option<Timestamp>,
}

impl Budget {
    /// With `share`, all of it saved up.
    pub const fn new(share: Share) -> Self {
        Self {
            share,
            account: Cell::new(Account {
                left: share.max_saved,
                counted: None,
            }),
        }
    }

    /// What is left of it, in microseconds.
    #[cfg(test)]
    pub const fn left(&self) -> i64 {
        self.account.get().left
    }

    /// Takes `microseconds` at `now`.
    ///
    /// # Errors
    /// Nothing is left. After so many seconds there will be.
    pub fn spend(&self, microseconds: u32, now: Timestamp) -> Result<(), i64> {
        let Share {
            per_millisecond,
            max_saved,
        } = self.share;
        let Account { left, counted } = self.account.get();
        // A clock that was put back brings nothing in.
        let gone = now.milliseconds_since(counted.unwrap_or(now));
        let earned = gone.saturating_mul(per_millisecond);
        let mut left = left.saturating_add(earned).min(max_saved);
        let result = match left {
            ..=0 => {
                let per_second = per_millisecond.saturating_mul(1_000);
                let owed = left.saturating_neg().checked_div(per_second);
                Err(owed.unwrap_or_default().saturating_add(1))
            }
            _ => {
                left = left.saturating_sub(microseconds.into());
                Ok(())
            }
        };
        self.account.set(Account {
            left,
            counted: Some(now),
        });
        result
    }

    /// Gives back `microseconds` that were taken.
    pub fn refund(&self, microseconds: u32) {
        let account = self.account.get();
        let left = account.left.saturating_add(microseconds.into());
        self.account.set(Account {
            left: left.min(self.share.max_saved),
            ..account
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);

    /// How many pieces of work of this cost there is time for at `now`.
    fn count(budget: &Budget, cost: u32, now: Timestamp) -> usize {
        (0..1_000_000)
            .take_while(|_| budget.spend(cost, now).is_ok())
            .count()
    }

    #[test]
    fn what_is_saved_up_is_spent_and_then_a_share_of_each_second() {
        let budget = Budget::new(HASHES);
        assert_eq!(count(&budget, 20_000, START), 20);
        assert_eq!(count(&budget, 20_000, START), 0);
        assert_eq!(count(&budget, 20_000, START.plus(1)), 10);
        assert_eq!(count(&budget, 20_000, START.plus(2)), 10);
        assert_eq!(count(&budget, 20_000, START.plus(1_000_000)), 20);
    }

    #[test]
    fn time_comes_in_by_the_millisecond() {
        let budget = Budget::new(Share {
            max_saved: 10_000,
            ..HASHES
        });
        let at = |milliseconds: u64| {
            let start = START.seconds().unsigned_abs() * 1_000;
            Timestamp::from_wall_nanoseconds((start + milliseconds) * 1_000_000).unwrap()
        };
        assert_eq!(count(&budget, 1_000, at(0)), 10);
        assert_eq!(count(&budget, 1_000, at(4)), 1, "what is begun is done");
        assert_eq!(count(&budget, 1_000, at(5)), 0, "and paid off");
        assert_eq!(count(&budget, 1_000, at(6)), 1);
        assert_eq!(count(&budget, 1_000, at(1_000)), 10);
    }

    #[test]
    fn work_dearer_than_a_second_is_done_and_paid_off() {
        let budget = Budget::new(HASHES);
        assert_eq!(budget.spend(1_000_000, START), Ok(()));
        assert_eq!(budget.spend(1, START), Err(4));
        assert_eq!(budget.spend(1, START.plus(2)), Err(2));
        assert_eq!(budget.spend(1, START.plus(3)), Err(1));
        assert_eq!(budget.spend(1, START.plus(4)), Ok(()));
    }

    #[test]
    fn whoever_waits_as_long_as_told_is_served() {
        for cost in [1, 3_200, 25_600, 409_600, u32::MAX] {
            let budget = Budget::new(HASHES);
            count(&budget, cost, START);
            let wait = budget.spend(cost, START).unwrap_err();
            assert!(wait >= 1, "{cost}");
            assert_eq!(budget.spend(cost, START.plus(wait)), Ok(()), "{cost}");
        }
    }

    #[test]
    fn what_is_given_back_is_there_again_and_never_more() {
        let budget = Budget::new(HASHES);
        let all = budget.left();
        assert_eq!(budget.spend(1_000, START), Ok(()));
        budget.refund(1_000);
        budget.refund(1_000);
        assert_eq!(budget.left(), all);
    }

    #[test]
    fn a_clock_that_jumps_neither_gives_nor_takes_for_ever() {
        let budget = Budget::new(HASHES);
        count(&budget, 20_000, START);
        assert_eq!(count(&budget, 20_000, START.plus(-500)), 0);
        assert_eq!(count(&budget, 20_000, START.plus(-499)), 10);
        assert_eq!(
            count(&budget, 20_000, Timestamp::from_seconds(i64::MAX)),
            20
        );
        assert_eq!(count(&budget, 20_000, Timestamp::from_seconds(i64::MIN)), 0);
    }
}
