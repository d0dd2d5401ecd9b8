//! Time as an argument: the engine reads no clock.

/// Seconds since 1970-01-01T00:00:00Z, without leap seconds (RFC 7519 section 2, NumericDate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From whole seconds since the epoch.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Whole seconds since the epoch.
    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// This moment and `seconds` more, held at the ends of the range.
    #[must_use]
    pub const fn plus(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }
}

/// What the clocks said when an event came in.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    wall: Option<Timestamp>,
}

/// 2020-09-13: a clock that says less has not been set.
const PLAUSIBLE: Timestamp = Timestamp::from_seconds(1_600_000_000);

impl Now {
    /// A wall clock that says `nanoseconds` since the epoch. A moment before this software
    /// existed is a clock that was never set, and counts as no clock.
    pub fn from_wall_nanoseconds(nanoseconds: u64) -> Self {
        let wall = i64::try_from(nanoseconds / 1_000_000_000)
            .map(Timestamp::from_seconds)
            .ok()
            .filter(|wall| *wall >= PLAUSIBLE);
        Self { wall }
    }

    /// No usable clock.
    pub const fn unknown() -> Self {
        Self { wall: None }
    }

    /// The wall clock, where there is one that can be believed.
    pub const fn wall(self) -> Option<Timestamp> {
        self.wall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_no_clock() {
        assert_eq!(Now::from_wall_nanoseconds(0).wall(), None);
        assert_eq!(
            Now::from_wall_nanoseconds(1_599_999_999_999_999_999).wall(),
            None
        );
        let set = Now::from_wall_nanoseconds(1_700_000_000_900_000_000).wall();
        assert_eq!(set, Some(Timestamp::from_seconds(1_700_000_000)));
    }

    #[test]
    fn time_does_not_wrap() {
        let end = Timestamp::from_seconds(i64::MAX);
        assert_eq!(end.plus(60), end);
    }
}
