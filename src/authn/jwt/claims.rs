//! Claims of a token whose signature was right.

use crate::denial::{Denial, Reason};
use crate::engine::Timestamp;
use crate::json::Json;
use serde_json::Number;

/// 2^53: from here on JSON numbers are not exact in every reader (RFC 8259 section 6).
const EXACT: u64 = 1 << 53;

/// The claims of a verified token. Only verification makes one.
#[derive(Debug)]
pub struct Claims(Json);

fn malformed(name: &str, expected: &str) -> Denial {
    let advice = format!("its claim `{name}` is not {expected}");
    Denial::new(Reason::MalformedToken, advice)
}

impl Claims {
    pub(super) const fn verified(object: Json) -> Self {
        Self(object)
    }

    /// The string `name`, if it is there.
    ///
    /// # Errors
    /// It is there and not a string.
    pub fn text(&self, name: &str) -> Result<Option<&str>, Denial> {
        match self.0.member(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(_) => Err(malformed(name, "a string")),
        }
    }

    /// The strings of `name`: one, or a list of them (RFC 7519 section 4.1.3).
    ///
    /// # Errors
    /// It is there and neither.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<&str>>, Denial> {
        match self.0.member(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(vec![text])),
            Some(Json::List(items)) => items
                .iter()
                .map(Json::text)
                .collect::<Option<_>>()
                .map(Some)
                .ok_or_else(|| malformed(name, "a list of strings")),
            Some(_) => Err(malformed(name, "a string or a list of strings")),
        }
    }

    /// The NumericDate `name` (RFC 7519 section 2), a fraction of a second cut off.
    ///
    /// # Errors
    /// It is there and not a number from 0 up to 2^53.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Denial> {
        match self.0.member(name) {
            None => Ok(None),
            Some(Json::Number(number)) => seconds(number)
                .map(|seconds| Some(Timestamp::from_seconds(seconds)))
                .ok_or_else(|| malformed(name, "a moment after 1970")),
            Some(_) => Err(malformed(name, "a number of seconds")),
        }
    }
}

fn seconds(number: &Number) -> Option<i64> {
    // `Number` gives a fraction as f64 only; its text, cut at the point, avoids any float cast.
    let whole = match number.as_u64() {
        Some(whole) => whole,
        None => {
            let value = number
                .as_f64()
                .filter(|value| (0.0..9.0e15).contains(value))?;
            format!("{:.0}", value.trunc()).parse().ok()?
        }
    };
    i64::try_from(whole).ok().filter(|_| whole < EXACT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(written: &str) -> Option<i64> {
        let json = Json::parse(format!("{{\"exp\":{written}}}").as_bytes()).ok()?;
        let time = Claims::verified(json).time("exp").ok()?;
        time.map(Timestamp::seconds)
    }

    #[test]
    fn a_time_is_read_as_the_rfc_says_and_never_wraps() {
        assert_eq!(time("0"), Some(0));
        assert_eq!(time("1700000000"), Some(1_700_000_000));
        assert_eq!(time("1700000000.9"), Some(1_700_000_000));
        assert_eq!(time("1.7e9"), Some(1_700_000_000));
        assert_eq!(time("9007199254740991"), Some(9_007_199_254_740_991));
        for refused in [
            "9007199254740992",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "1e400",
            "-1",
            "-0.5",
            "\"1700000000\"",
            "null",
            "true",
            "[1]",
            "{}",
        ] {
            assert_eq!(time(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_absent_claim_is_not_a_malformed_one() {
        let claims = Claims::verified(Json::Object(Vec::new()));
        assert_eq!(claims.time("exp"), Ok(None));
        assert_eq!(claims.text("sub"), Ok(None));
        assert_eq!(claims.texts("aud"), Ok(None));
    }
}
