//! When to fetch, and when not.

use crate::time::Timestamp;

/// The longest back-off where the configuration names none, in seconds.
pub(crate) const MAX_BACK_OFF_SECONDS: i64 = 300;

/// The most looks that begin in a cool-down before one is answered: several requests may come for a new
/// key at once.
const MAX_LOOKS: u32 = 4;

/// Whether `seconds` have gone by since `since`. A clock that was put back is no reason to wait: an
/// age below zero counts as old.
pub(crate) fn has_passed(since: Timestamp, seconds: i64, now: Timestamp) -> bool {
    now < since || now >= since.plus(seconds)
}

/// How many of `seconds` from `since` on are left at `now`, at least one; `None` if they have passed.
pub(crate) fn seconds_left(since: Timestamp, seconds: i64, now: Timestamp) -> Option<i64> {
    if has_passed(since, seconds, now) {
        return None;
    }
    let end = since.plus(seconds);
    Some(end.seconds().saturating_sub(now.seconds()).max(1))
}

/// How often something was begun in the second that it was begun last.
#[derive(Debug, Default)]
pub(crate) struct PerSecond {
    second: Option<i64>,
    count: u32,
}

impl PerSecond {
    /// Counts one more at `now`, unless this second has had `max`.
    pub(crate) fn one_more(&mut self, max: u32, now: Timestamp) -> bool {
        if self.second != Some(now.seconds()) {
            (self.second, self.count) = (Some(now.seconds()), 0);
        }
        if self.count >= max {
            return false;
        }
        self.count = self.count.saturating_add(1);
        true
    }
}

/// The looks for something that what is held does not explain, which strangers can ask for: a name
/// that is not in it, or something that may have been exchanged. Refreshes that callers carry are counted so
/// too.
///
/// Once one was answered there is none for a while. Until then a few may begin in that while, and
/// whoever goes away before the answer has had one of them.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// when the first of them began, and how many have
    begun: Option<(Timestamp, u32)>,
    answered: Option<Timestamp>,
}

impl Looks {
    /// For how many seconds none may begin, with this cool-down; `None` if one may.
    pub(crate) fn wait(&self, cool_down: i64, now: Timestamp) -> Option<i64> {
        let left = |since| seconds_left(since, cool_down, now);
        let used_up = self.begun.filter(|(_, count)| *count >= MAX_LOOKS);
        self.answered
            .and_then(left)
            .or_else(|| used_up.and_then(|(since, _)| left(since)))
    }

    /// Whether one that began in this cool-down was given up: another has begun after it.
    pub(crate) fn were_given_up(&self, cool_down: i64, now: Timestamp) -> bool {
        self.begun
            .is_some_and(|(since, count)| count > 1 && !has_passed(since, cool_down, now))
    }

    /// One begins.
    pub(crate) fn begin(&mut self, cool_down: i64, now: Timestamp) {
        let goes_on = |begun: &(Timestamp, u32)| !has_passed(begun.0, cool_down, now);
        let (since, count) = self.begun.filter(goes_on).unwrap_or((now, 0));
        self.begun = Some((since, count.saturating_add(1)));
    }

    /// One was answered.
    pub(crate) const fn answered(&mut self, now: Timestamp) {
        self.answered = Some(now);
    }
}

/// A small generator for spreading things out (splitmix64). Nothing secret is made with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    /// From random bits.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number from 0 up to `below`, `below` itself left out; 0 if that is 0.
    pub(crate) fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(below).unwrap_or(0)
    }

    /// `seconds`, a quarter more or less, and never under one.
    pub(crate) fn around(&mut self, seconds: i64) -> i64 {
        let quarter = seconds / 4;
        let spread = quarter.saturating_mul(2).saturating_add(1);
        let offset = self.below(spread.unsigned_abs());
        let offset = i64::try_from(offset).unwrap_or(0).saturating_sub(quarter);
        seconds.saturating_add(offset).max(1)
    }
}

/// How long to leave a server alone that failed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RetryDelay {
    failures: u32,
    /// since when, and for how many seconds
    waiting: Option<(Timestamp, i64)>,
}

impl RetryDelay {
    /// It failed at `now`: leaves it alone for 1, 2, 4, … `max` seconds, spread by `jitter`, or for as long as
    /// it asks to be within `max`. Gives the seconds.
    pub(crate) fn failed(
        &mut self,
        now: Timestamp,
        jitter: &mut Jitter,
        max: i64,
        asked: Option<i64>,
    ) -> i64 {
        let doubled = 1_i64.checked_shl(self.failures.min(16)).unwrap_or(max);
        self.failures = self.failures.saturating_add(1);
        let seconds = jitter.around(doubled.min(max));
        let seconds = asked.map_or(seconds, |asked| seconds.max(asked.min(max)));
        self.waiting = Some((now, seconds));
        seconds
    }

    /// Whether it has failed since it last answered.
    pub(crate) const fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// It answered. Gives whether it had failed before.
    pub(crate) fn succeeded(&mut self) -> bool {
        let had_failed = self.has_failed();
        *self = Self::default();
        had_failed
    }

    /// How many seconds are left to wait, if any.
    pub(crate) fn left(&self, now: Timestamp) -> Option<i64> {
        let (since, seconds) = self.waiting?;
        seconds_left(since, seconds, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    #[test]
    fn a_clock_that_was_put_back_freezes_nothing() {
        assert!(!has_passed(NOW, 10, NOW.plus(9)));
        assert!(has_passed(NOW, 10, NOW.plus(10)));
        assert!(has_passed(NOW, 10, NOW.plus(-1)));
        let mut retry = RetryDelay::default();
        retry.failed(NOW, &mut Jitter::new(1), MAX_BACK_OFF_SECONDS, None);
        assert_eq!(retry.left(NOW), Some(1));
        assert_eq!(retry.left(NOW.plus(-1)), None);
    }

    #[test]
    fn a_back_off_doubles_up_to_its_end_and_begins_anew() {
        let (mut retry, mut jitter) = (RetryDelay::default(), Jitter::new(7));
        for wanted in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300] {
            let seconds = retry.failed(NOW, &mut jitter, MAX_BACK_OFF_SECONDS, None);
            let quarter = wanted / 4;
            assert!(
                (wanted - quarter..=wanted + quarter).contains(&seconds),
                "{wanted}: {seconds}"
            );
        }
        assert!(retry.succeeded());
        assert_eq!(retry.left(NOW), None);
        let first = retry.failed(NOW, &mut jitter, MAX_BACK_OFF_SECONDS, None);
        assert_eq!(first, 1);
    }

    #[test]
    fn a_server_that_asks_to_be_left_alone_is_within_bounds() {
        for (asked, max, wanted) in [
            (Some(0), 300, 1),
            (Some(20), 300, 20),
            (Some(86_400), 300, 300),
            (Some(86_400), 10, 10),
        ] {
            let (mut retry, mut jitter) = (RetryDelay::default(), Jitter::new(7));
            let seconds = retry.failed(NOW, &mut jitter, max, asked);
            assert_eq!(seconds, wanted, "{asked:?}, {max}");
        }
        let (mut retry, mut jitter) = (RetryDelay::default(), Jitter::new(7));
        for _ in 0..20 {
            assert!(
                retry.failed(NOW, &mut jitter, 10, None) <= 12,
                "a quarter more"
            );
        }
    }

    #[test]
    fn looks_are_few_until_one_is_answered_and_then_none_for_a_while() {
        let mut looks = Looks::default();
        for _ in 0..MAX_LOOKS {
            assert_eq!(looks.wait(10, NOW), None);
            looks.begin(10, NOW);
        }
        assert_eq!(looks.wait(10, NOW.plus(1)), Some(9));
        assert_eq!(looks.wait(10, NOW.plus(10)), None);
        assert_eq!(looks.wait(10, NOW.plus(-1)), None);
        looks.begin(10, NOW.plus(10));
        assert_eq!(looks.wait(10, NOW.plus(10)), None, "the first of others");
        looks.answered(NOW.plus(11));
        assert_eq!(looks.wait(10, NOW.plus(12)), Some(9));
        assert_eq!(looks.wait(10, NOW.plus(21)), None);
    }

    #[test]
    fn workers_with_different_seeds_do_not_step_together() {
        let spread = |seed| {
            let mut jitter = Jitter::new(seed);
            (0..10).map(|_| jitter.around(100)).collect::<Vec<_>>()
        };
        assert_ne!(spread(1), spread(2));
        assert_eq!(spread(3), spread(3));
        assert_eq!(Jitter::new(1).below(0), 0);
    }
}
