//! `keep_alive`: how long a model stays loaded, as Ollama reads it.

use super::number::whole;
use std::time::Duration;

/// How long a model is to stay loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// until Ollama ends: any negative value
    Forever,
    /// this long; zero unloads it
    For(Duration),
}

/// What Go's durations can hold, in nanoseconds.
const MAX_NANOSECONDS: u64 = i64::MAX.unsigned_abs();

/// The units of Go's `time.ParseDuration`, in nanoseconds. Both letters for micro are there.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1000),
    ("\u{b5}s", 1000),
    ("\u{3bc}s", 1000),
    ("ns", 1),
];

impl KeepAlive {
    /// A number of seconds. `None` when it is more than a duration can hold.
    pub(super) fn of_number(text: &str) -> Option<Self> {
        const NANOSECONDS: f64 = 1e9;
        // The first number of nanoseconds that no duration holds.
        const TOO_MANY: f64 = 9_223_372_036_854_775_808.0;
        let seconds: f64 = text.parse().ok()?;
        if seconds < 0.0 {
            return seconds.is_finite().then_some(Self::Forever);
        }
        let nanoseconds = seconds * NANOSECONDS;
        let fits = nanoseconds < TOO_MANY;
        fits.then(|| Self::For(Duration::from_nanos(whole(nanoseconds).unsigned_abs())))
    }

    /// A duration in Go's form: `5m`, `1h30m`, `-1s`. `None` when it is none.
    pub(super) fn of_text(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..)?),
            Some(b'+') => (false, text.get(1..)?),
            _ => (false, text),
        };
        if text == "0" {
            return Some(Self::For(Duration::ZERO));
        }
        let (mut total, mut rest) = (0_u64, text);
        loop {
            let (nanoseconds, after) = one_unit(rest)?;
            total = total.checked_add(nanoseconds)?;
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let keep_alive = if is_negative && total > 0 {
            Self::Forever
        } else {
            Self::For(Duration::from_nanos(total))
        };
        (total <= MAX_NANOSECONDS).then_some(keep_alive)
    }
}

/// The number and the unit at the beginning of `text`, in nanoseconds, and what follows them.
fn one_unit(text: &str) -> Option<(u64, &str)> {
    let (before, text) = digits(text);
    let (behind, text) = match text.strip_prefix('.') {
        Some(text) => digits(text),
        None => ("", text),
    };
    if before.is_empty() && behind.is_empty() {
        return None;
    }
    let end = text.find(|letter: char| letter == '.' || letter.is_ascii_digit());
    let (unit, rest) = text.split_at_checked(end.unwrap_or(text.len()))?;
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let count: u64 = match before {
        "" => 0,
        before => before.parse().ok()?,
    };
    let nanoseconds = count
        .checked_mul(*unit)?
        .checked_add(part(behind, *unit)?)?;
    Some((nanoseconds, rest))
}

/// The digits at the beginning of `text`, and what follows them.
fn digits(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit());
    text.split_at_checked(end.unwrap_or(text.len()))
        .unwrap_or((text, ""))
}

/// The part of `unit` that the digits behind a point stand for. Go computes it with floats, and so
/// must this. `None` for more digits than Go takes into account.
#[allow(clippy::as_conversions)] // at most 18 digits, and a result below `unit`
fn part(digits: &str, unit: u64) -> Option<u64> {
    const MAX_DIGITS: usize = 18;
    if digits.is_empty() {
        return Some(0);
    }
    let count = Some(digits.len()).filter(|count| *count <= MAX_DIGITS)?;
    let scale = 10_f64.powi(i32::try_from(count).ok()?);
    let value: u64 = digits.parse().ok()?;
    Some((value as f64 * (unit as f64 / scale)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanoseconds(text: &str) -> Option<u128> {
        match KeepAlive::of_text(text)? {
            KeepAlive::For(duration) => Some(duration.as_nanos()),
            KeepAlive::Forever => None,
        }
    }

    #[test]
    fn durations_are_those_of_go() {
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("-0s", 0),
            ("5m", 300_000_000_000),
            ("+5m", 300_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1m1m", 120_000_000_000),
            ("1.5s", 1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("0.1ns", 0),
            ("10us", 10_000),
            ("10\u{b5}s", 10_000),
            ("10\u{3bc}s", 10_000),
            ("9223372036854775807ns", i64::MAX.unsigned_abs().into()),
        ] {
            assert_eq!(nanoseconds(text), Some(expected), "{text}");
        }
        for text in ["-1s", "-1ns", "-2562047h", "-1h1m"] {
            let forever = Some(KeepAlive::Forever);
            assert_eq!(KeepAlive::of_text(text), forever, "{text}");
        }
    }

    #[test]
    fn what_go_cannot_read_is_refused() {
        for text in [
            "",
            "-",
            "-1",
            "-2562048h",
            "+",
            "5",
            "m",
            "5 m",
            " 5m",
            "5m ",
            "5M",
            "5min",
            "1d",
            ".s",
            ".",
            "1..5s",
            "--1s",
            "1h-1m",
            "0x5m",
            "\u{665}m",
            "5e3s",
            "9223372036854775808ns",
            "2562048h",
            "99999999999h",
            "18446744073709551616ns",
            "0.1234567890123456789s",
            "5m\0",
        ] {
            assert_eq!(KeepAlive::of_text(text), None, "{text}");
        }
    }

    #[test]
    fn a_number_is_seconds_and_a_negative_one_is_forever() {
        let seconds = |count| Some(KeepAlive::For(Duration::from_secs(count)));
        assert_eq!(KeepAlive::of_number("0"), seconds(0));
        assert_eq!(KeepAlive::of_number("-0"), seconds(0));
        assert_eq!(KeepAlive::of_number("-0.0"), seconds(0));
        assert_eq!(KeepAlive::of_number("300"), seconds(300));
        assert_eq!(KeepAlive::of_number("3e2"), seconds(300));
        let half = Some(KeepAlive::For(Duration::from_millis(500)));
        assert_eq!(KeepAlive::of_number("0.5"), half);
        for text in ["-1", "-0.0001", "-1e300"] {
            assert_eq!(
                KeepAlive::of_number(text),
                Some(KeepAlive::Forever),
                "{text}"
            );
        }
        for text in ["1e400", "-1e400", "1e10", "9223372037"] {
            assert_eq!(KeepAlive::of_number(text), None, "{text}");
        }
    }
}
