//! Moments, and the clock as a port: who decides asks, the host reads.

use crate::denial::{Denial, Reason};
use std::fmt;
use time::OffsetDateTime;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, without leap seconds (RFC 7519 section 2,
/// NumericDate). Rules speak of seconds; fractions are for what is measured out in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

const MILLISECONDS: i64 = 1_000;

/// `seconds` in milliseconds, held at the ends of the range. `saturating_mul` would do, but it takes a product of 128 bits,
/// which is a function of its own in WebAssembly.
const fn in_milliseconds(seconds: i64) -> i64 {
    const MAX: i64 = i64::MAX / MILLISECONDS;
    if seconds > MAX {
        i64::MAX
    } else if seconds < -MAX {
        i64::MIN
    } else {
        seconds.wrapping_mul(MILLISECONDS)
    }
}

impl Timestamp {
    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(in_milliseconds(seconds))
    }

    /// What a wall clock says that is at `nanoseconds` since the epoch. A moment before this
    /// software existed is a clock that was never set, and counts as none.
    ///
    /// ```
    /// use ollama_gate_engine::Timestamp;
    ///
    /// let now = Timestamp::from_wall_nanoseconds(1_800_000_000_999_999_999);
    /// assert_eq!(now.map(Timestamp::seconds), Some(1_800_000_000));
    /// assert_eq!(Timestamp::from_wall_nanoseconds(0), None);
    /// ```
    pub fn from_wall_nanoseconds(nanoseconds: u64) -> Option<Self> {
        let milliseconds = i64::try_from(nanoseconds / 1_000_000).ok()?;
        Some(Self(milliseconds)).filter(|wall| *wall >= PLAUSIBLE)
    }

    /// Whole seconds since the epoch, the fraction cut off.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MILLISECONDS)
    }

    /// Milliseconds since the epoch.
    pub(crate) const fn milliseconds(self) -> i64 {
        self.0
    }

    /// From [`Self::milliseconds`].
    pub(crate) const fn from_milliseconds(milliseconds: i64) -> Self {
        Self(milliseconds)
    }

    /// How many milliseconds have gone by since `earlier`; none if it lies ahead.
    pub const fn milliseconds_since(self, earlier: Self) -> i64 {
        let gone = self.0.saturating_sub(earlier.0);
        if gone < 0 { 0 } else { gone }
    }

    /// How many seconds after `earlier` this moment is.
    pub const fn since(self, earlier: Self) -> i64 {
        self.seconds().saturating_sub(earlier.seconds())
    }

    /// This moment and `seconds` more, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(in_milliseconds(seconds)))
    }
}

impl fmt::Display for Timestamp {
    /// As of RFC 3339, in UTC, without fractions of a second.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(time) = OffsetDateTime::from_unix_timestamp(self.seconds()) else {
            return write!(f, "{}", self.seconds());
        };
        let (year, month, day) = time.to_calendar_date();
        let (hour, minute, second) = time.to_hms();
        let month = u8::from(month);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

/// `seconds` in words, for a sentence: in the largest unit of which there are two or more.
pub(crate) fn duration_in_words(seconds: i64) -> String {
    let units = [
        (seconds / 86_400, "days"),
        (seconds / 3_600, "hours"),
        (seconds / 60, "minutes"),
    ];
    match units.into_iter().find(|(count, _)| *count >= 2) {
        Some((count, name)) => format!("{count} {name}"),
        None if seconds == 1 => "1 second".to_owned(),
        None => format!("{seconds} seconds"),
    }
}

/// A wall clock. Reading one is a call of the gateway, so it is read where something has a date.
pub trait Clock {
    /// What it says, if it can be believed.
    fn wall(&self) -> Option<Timestamp>;

    /// As of [`Self::wall`].
    ///
    /// # Errors
    /// [`Reason::ClockUnavailable`] without a clock that can be believed.
    fn now(&self) -> Result<Timestamp, Denial> {
        self.wall().ok_or_else(|| {
            let advice = "expiry cannot be checked, try again later";
            Denial::new(Reason::ClockUnavailable, advice)
        })
    }
}

/// 2020-09-13: a clock that says less has not been set.
const PLAUSIBLE: Timestamp = Timestamp::from_seconds(1_600_000_000);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_beyond_the_range_of_moments_are_held_at_its_ends() {
        let last = i64::MAX / MILLISECONDS;
        for seconds in [last - 1, last, last + 1, i64::MAX, 0, 1] {
            for seconds in [seconds, -seconds, i64::MIN] {
                let moment = Timestamp::from_seconds(seconds);
                assert_eq!(
                    moment.milliseconds(),
                    seconds.saturating_mul(MILLISECONDS),
                    "{seconds}"
                );
                assert_eq!(Timestamp(0).plus(seconds), moment, "{seconds}");
            }
        }
    }

    /// What a clock said.
    impl Clock for Option<Timestamp> {
        fn wall(&self) -> Option<Timestamp> {
            *self
        }
    }

    #[test]
    fn a_clock_that_was_never_set_is_no_clock() {
        for unset in [0, 1_599_999_999_999_999_999] {
            let clock = Timestamp::from_wall_nanoseconds(unset);
            assert_eq!(clock.wall(), None, "{unset:?}");
            let reason = clock.now().map_err(|denial| denial.reason());
            assert_eq!(reason, Err(Reason::ClockUnavailable), "{unset:?}");
        }
        let set = Timestamp::from_wall_nanoseconds(1_700_000_000_900_000_000);
        assert_eq!(set.map(Timestamp::seconds), Some(1_700_000_000));
        assert_eq!(set.now().ok(), set);
    }

    #[test]
    fn a_duration_is_told_in_a_unit_that_people_count_in() {
        for (seconds, words) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_199, "119 minutes"),
            (7_200, "2 hours"),
            (172_799, "47 hours"),
            (172_800, "2 days"),
            (i64::MAX, "106751991167300 days"),
        ] {
            assert_eq!(duration_in_words(seconds), words, "{seconds}");
        }
    }

    #[test]
    fn a_fraction_of_a_second_counts_for_order_and_not_for_rules() {
        let at = |nanoseconds| Timestamp::from_wall_nanoseconds(nanoseconds).unwrap();
        let (whole, later) = (at(1_700_000_000_000_000_000), at(1_700_000_000_250_000_000));
        assert_eq!(whole, Timestamp::from_seconds(1_700_000_000));
        assert!(whole < later && later < whole.plus(1));
        assert_eq!(later.seconds(), whole.seconds());
        assert_eq!(later.milliseconds_since(whole), 250);
        assert_eq!(whole.milliseconds_since(later), 0);
        assert_eq!(Timestamp(-1).seconds(), -1);
    }

    #[test]
    fn a_moment_is_shown_as_of_rfc_3339() {
        let shown = |seconds| Timestamp::from_seconds(seconds).to_string();
        assert_eq!(shown(1_767_225_600), "2026-01-01T00:00:00Z");
        assert_eq!(shown(951_825_599), "2000-02-29T11:59:59Z");
        assert!(!shown(i64::MAX).is_empty());
    }

    #[test]
    fn time_does_not_wrap() {
        let end = Timestamp::from_seconds(i64::MAX);
        assert_eq!(end.plus(60), end);
    }
}
