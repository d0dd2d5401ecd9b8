//! Numbers, compared by what they say.
//!
//! A gateway may pass a number of the configuration on as another form of it: `5.0` as `5` (Lua), 5000000000
//! as `5e+09`, and as the text "5000000000" (Envoy, of YAML: whatever has a fraction or over 32 bits, see [`SMALL`]). The same
//! configuration has to decide the same, so that forms of one number are one. Other text is no number: `"1"` is
//! not 1 on any gateway.

use super::Json;
use serde_json::Number;

/// Whole numbers that no gateway makes text of.
const SMALL: std::ops::RangeInclusive<i64> = -0x8000_0000..=0x7fff_ffff;
/// 2^53: up to here every whole number has an `f64` of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

impl Json {
    /// Whether both say the same: equal, or forms of one number.
    pub fn says(&self, other: &Self) -> bool {
        let numbers = || same(&self.as_number()?, &other.as_number()?);
        self == other || numbers().unwrap_or(false)
    }

    /// The number that this is, or that a gateway has made this text of.
    fn as_number(&self) -> Option<Number> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Text(text) => {
                let begins = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
                let ends = text.ends_with(|last: char| last.is_ascii_digit());
                let number: Number = serde_json::from_str(text).ok()?;
                let small = number.as_i64().is_some_and(|whole| SMALL.contains(&whole));
                Some(number).filter(|_| begins && ends && !small)
            }
            _ => None,
        }
    }

    /// The whole number from 0 on that this is, in whatever form a gateway passes one on.
    pub fn whole(&self) -> Option<u64> {
        match self {
            Self::Number(number) => whole(number),
            Self::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let large =
                    |whole: &u64| i64::try_from(*whole).is_ok_and(|whole| !SMALL.contains(&whole));
                text.parse().ok().filter(large)
            }
            _ => None,
        }
    }
}

fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| {
        let value = number.as_f64()?;
        let fit = value.fract() == 0.0 && (0.0..EXACT).contains(&value);
        fit.then(|| format!("{value:.0}").parse().ok())?
    })
}

fn same(one: &Number, other: &Number) -> Option<bool> {
    let is_exact = |number: &Number| number.as_u64().is_some() || number.as_i64().is_some();
    if is_exact(one) && is_exact(other) {
        return Some((one.as_u64(), one.as_i64()) == (other.as_u64(), other.as_i64()));
    }
    let (one, other) = (one.as_f64()?, other.as_f64()?);
    Some(one.total_cmp(&other).is_eq() && one.abs() < EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json {
        Json::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn forms_of_one_number_say_the_same_and_others_do_not() {
        for (one, other) in [
            ("5", "5.0"),
            ("5", "5e0"),
            ("5000000000", "5e+09"),
            ("5000000000", "\"5000000000\""),
            ("1.5", "\"1.5\""),
            ("-1.5", "\"-1.5\""),
            ("1.5", "15e-1"),
            ("\"1.50\"", "\"1.5\""),
            ("2147483648", "\"2147483648\""),
            ("9007199254740993", "\"9007199254740993\""),
            ("\"a\"", "\"a\""),
            ("true", "true"),
        ] {
            assert!(json(one).says(&json(other)), "{one} {other}");
            assert!(json(other).says(&json(one)), "{other} {one}");
        }
        for (one, other) in [
            ("5", "6"),
            ("5", "\"5 \""),
            ("5", "\" 5\""),
            ("5", "\"5\""),
            ("-2147483648", "\"-2147483648\""),
            ("5", "\"five\""),
            ("5", "\"\""),
            ("5", "\"+5\""),
            ("5", "\"0x5\""),
            ("5", "[5]"),
            ("1", "true"),
            ("\"true\"", "true"),
            ("9007199254740993", "9007199254740992"),
            ("9007199254740993", "9007199254740992.0"),
            ("1.5", "\"1.50001\""),
        ] {
            assert!(!json(one).says(&json(other)), "{one} {other}");
        }
    }

    #[test]
    fn a_whole_number_is_read_in_every_form_that_a_gateway_makes_of_it() {
        for (text, value) in [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("4096.0", Some(4096)),
            ("5e+09", Some(5_000_000_000)),
            ("\"5000000000\"", Some(5_000_000_000)),
            ("\"4096\"", None),
            ("\"\"", None),
            ("\"-5000000000\"", None),
            ("4096.5", None),
            ("-1", None),
            ("1e300", None),
            ("true", None),
        ] {
            assert_eq!(json(text).whole(), value, "{text}");
        }
    }
}
