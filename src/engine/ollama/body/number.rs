//! Numbers: the grammar (RFC 8259 section 6), and what Ollama makes of one.

/// Beyond it whole numbers are no longer exact in a `float64`, and no limit of Ollama's is near.
const LARGEST: f64 = 9_007_199_254_740_992.0;

/// A whole number, as Ollama would hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number(i64);

impl Number {
    /// An option: Ollama reads it as a `float64` and cuts off the fraction. `None` when it is too
    /// large for that to have one meaning.
    pub(super) fn of_option(text: &str) -> Option<Self> {
        let value: f64 = text.parse().ok()?;
        (value.abs() <= LARGEST).then(|| Self(whole(value)))
    }

    /// A member that Ollama reads as an `int`: it refuses a point or an exponent.
    pub(super) fn of_integer(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// The value.
    pub const fn value(self) -> i64 {
        self.0
    }
}

/// `value` without its fraction, as Go's conversion to `int64`.
#[allow(clippy::as_conversions)] // truncates and saturates; the callers have checked the range
pub(super) const fn whole(value: f64) -> i64 {
    value as i64
}

/// Where in a number the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digits {
    /// `-`
    Minus,
    /// a zero that nothing but a point or an exponent may follow
    Zero,
    /// the digits before the point
    Whole,
    /// `.`
    Point,
    /// the digits behind the point
    Fraction,
    /// `e`
    Exponent,
    /// the sign of an exponent
    Sign,
    /// the digits of an exponent
    Power,
}

impl Digits {
    /// The beginning of a number.
    pub(crate) const fn first(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            _ => Self::Minus.next(byte),
        }
    }

    /// The place behind `byte`, or `None` when it is not part of the number.
    pub(crate) const fn next(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::Zero),
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::Exponent),
            (Self::Exponent, b'+' | b'-') => Some(Self::Sign),
            (Self::Exponent | Self::Sign | Self::Power, b'0'..=b'9') => Some(Self::Power),
            _ => None,
        }
    }

    /// Whether a number may end here.
    pub(crate) const fn may_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Whole | Self::Fraction | Self::Power
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_number(text: &str) -> bool {
        let mut bytes = text.bytes();
        let first = bytes.next().and_then(Digits::first);
        let last = bytes.try_fold(first, |at, byte| at.map(|at| at.next(byte)));
        last.flatten().is_some_and(Digits::may_end)
    }

    #[test]
    fn the_grammar_is_that_of_the_standard() {
        for text in [
            "0", "-0", "1", "10", "-1", "0.0", "1.50", "1e9", "1E9", "1e+9", "1e-09", "0e0",
            "1.5e3",
        ] {
            assert!(is_number(text), "{text}");
        }
        for text in [
            "", "-", "+1", "01", "-01", "00", ".5", "1.", "1.e3", "1e", "1e+", "1e1.5", "0x10",
            "1_0", "NaN", "Infinity", "1-", "--1", "1.2.3",
        ] {
            assert!(!is_number(text), "{text}");
        }
    }

    #[test]
    fn an_option_is_cut_off_at_its_point() {
        for (text, value) in [
            ("4096", 4096),
            ("4096.0", 4096),
            ("4096.9", 4096),
            ("-0.9", 0),
            ("-1", -1),
            ("-1.5", -1),
            ("1e9", 1_000_000_000),
            ("40.96e2", 4096),
            ("1e-400", 0),
            ("9007199254740992", 9_007_199_254_740_992),
            ("9007199254740993", 9_007_199_254_740_992),
        ] {
            assert_eq!(Number::of_option(text).unwrap().value(), value, "{text}");
        }
        for text in ["1e400", "-1e400", "1e300", "9223372036854775807", "-1e16"] {
            assert_eq!(Number::of_option(text), None, "{text}");
        }
    }

    #[test]
    fn an_integer_has_neither_point_nor_exponent() {
        assert_eq!(Number::of_integer("4096").unwrap().value(), 4096);
        assert_eq!(Number::of_integer("-0").unwrap().value(), 0);
        for text in ["4096.0", "1e3", "9223372036854775808", "1e400"] {
            assert_eq!(Number::of_integer(text), None, "{text}");
        }
    }
}
