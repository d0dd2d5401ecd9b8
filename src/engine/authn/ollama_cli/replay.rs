//! What one key has signed lately, so that it is not let in again.

use super::Windows;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// The most signatures of one key that are remembered, about 80 kB.
pub(crate) const MAX_SIGNATURES: usize = 1024;

/// SHA-256 of what was signed.
pub(crate) type MessageDigest = [u8; 32];

/// Why a good signature is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// it was used before
    Replayed,
    /// whether it was used is not known any more
    Forgotten,
}

/// The signatures of one key that were let in.
///
/// INVARIANT: a message that was let in is here, or is older than `floor`, or than the window.
#[derive(Debug, Default)]
pub(crate) struct ReplayCache {
    /// by the time that they name; when each was first let in
    first: BTreeMap<(Timestamp, MessageDigest), Timestamp>,
    /// what names an earlier time is no longer known
    floor: Option<Timestamp>,
}

impl ReplayCache {
    /// Notes that the message with `digest`, which names `time`, is let in at `now`.
    ///
    /// Once there are too many, those that name the oldest second are forgotten, and nothing that
    /// old is let in any more: the window becomes shorter, and never open.
    pub(crate) fn note(
        &mut self,
        time: Timestamp,
        digest: MessageDigest,
        now: Timestamp,
        windows: Windows,
    ) -> Result<(), Unfit> {
        let oldest = now.plus(windows.clock.saturating_neg());
        self.forget_before(oldest);
        if self.floor.is_some_and(|floor| time < floor) {
            return Err(Unfit::Forgotten);
        }
        if let Some(first) = self.first.get(&(time, digest)) {
            let apart = now.seconds().abs_diff(first.seconds());
            return if apart <= windows.replay.unsigned_abs() {
                Ok(())
            } else {
                Err(Unfit::Replayed)
            };
        }
        self.first.insert((time, digest), now);
        if self.first.len() > MAX_SIGNATURES
            && let Some(((time, _), _)) = self.first.first_key_value()
        {
            let floor = time.plus(1);
            self.forget_before(floor);
            self.floor = Some(floor);
        }
        Ok(())
    }

    fn forget_before(&mut self, time: Timestamp) {
        while let Some(entry) = self.first.first_entry() {
            if entry.key().0 >= time {
                break;
            }
            entry.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOWS: Windows = Windows {
        clock: 30,
        replay: 1,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn digest(number: usize) -> MessageDigest {
        let mut digest = MessageDigest::default();
        digest[..8].copy_from_slice(&number.to_be_bytes());
        digest
    }

    fn note(replays: &mut ReplayCache, time: i64, number: usize, now: i64) -> Result<(), Unfit> {
        replays.note(at(time), digest(number), at(now), WINDOWS)
    }

    #[test]
    fn an_equal_call_is_let_in_for_a_second_and_not_after() {
        let mut replays = ReplayCache::default();
        for now in [100, 100, 101] {
            assert_eq!(note(&mut replays, 100, 1, now), Ok(()), "at {now}");
        }
        // Counted from the first, not from the last.
        for now in [102, 103, 130, 98] {
            assert_eq!(
                note(&mut replays, 100, 1, now),
                Err(Unfit::Replayed),
                "at {now}"
            );
        }
        assert_eq!(note(&mut replays, 100, 2, 103), Ok(()));
        assert_eq!(note(&mut replays, 101, 1, 103), Ok(()));
    }

    #[test]
    fn what_left_the_window_is_forgotten() {
        let mut replays = ReplayCache::default();
        for now in 0..10_000 {
            assert_eq!(note(&mut replays, now, 1, now), Ok(()), "{now}");
        }
        assert_eq!(replays.first.len(), 31);
        assert_eq!(replays.floor, None);
    }

    #[test]
    fn a_full_memory_makes_the_window_shorter_and_never_open() {
        let mut replays = ReplayCache::default();
        for number in 0..MAX_SIGNATURES {
            let time = 100 + i64::from(number >= MAX_SIGNATURES / 2);
            assert_eq!(note(&mut replays, time, number, 101), Ok(()), "{number}");
        }
        assert_eq!(note(&mut replays, 101, MAX_SIGNATURES, 101), Ok(()));
        assert_eq!(replays.first.len(), MAX_SIGNATURES / 2 + 1);
        for number in 0..MAX_SIGNATURES / 2 {
            let replayed = note(&mut replays, 100, number, 120);
            assert_eq!(replayed, Err(Unfit::Forgotten), "{number}");
        }
        for number in MAX_SIGNATURES / 2..=MAX_SIGNATURES {
            let replayed = note(&mut replays, 101, number, 120);
            assert_eq!(replayed, Err(Unfit::Replayed), "{number}");
        }
        assert_eq!(note(&mut replays, 120, 0, 120), Ok(()));
    }

    #[test]
    fn it_holds_no_more_than_its_bound_even_within_one_second() {
        let mut replays = ReplayCache::default();
        let mut largest = 0;
        for number in 0..3 * MAX_SIGNATURES {
            let _ = note(&mut replays, 100, number, 100);
            largest = largest.max(replays.first.len());
        }
        assert_eq!(largest, MAX_SIGNATURES);
        assert_eq!(note(&mut replays, 100, 0, 100), Err(Unfit::Forgotten));
        assert_eq!(note(&mut replays, 101, 0, 101), Ok(()));
    }
}
