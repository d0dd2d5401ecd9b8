//! A credential as it comes from a file, a server or a token endpoint: what it has to look like, and until when it
//! is good.

use crate::http::is_visible_ascii;
use crate::json::Json;
use crate::source::Lifetime;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest credential, in bytes: what most servers take in a header.
pub(crate) const MAX_VALUE_BYTES: usize = 8192;
/// No credential is used for longer without being fetched anew, in seconds.
pub(super) const MAX_USED: i64 = 30 * 24 * 3600;

/// `text` without the line break that files end in, if it can be a credential.
///
/// # Errors
/// What is wrong with it, without any of it.
pub(super) fn checked(text: &str) -> Result<&str, String> {
    let value = text.trim_end_matches(['\n', '\r']);
    if value.is_empty() {
        return Err("the credential is empty".into());
    }
    if value.starts_with(['<', '{', '[', '"']) {
        return Err(
            "the answer is HTML or JSON and not a credential; `pointer` names a place in JSON"
                .into(),
        );
    }
    if value.len() > MAX_VALUE_BYTES {
        return Err(format!("the credential has over {MAX_VALUE_BYTES} bytes"));
    }
    if !is_visible_ascii(value.as_bytes()) {
        return Err(
            "the credential has white space or a byte in it that is not visible ASCII".into(),
        );
    }
    Ok(value)
}

/// When `value` ends, if it is a JWT that says so (RFC 7519 section 4.1.4). It is the front's to verify.
pub(super) fn expiry_of_jwt(value: &str) -> Option<Timestamp> {
    let mut parts = value.split('.');
    let (Some(_), Some(claims), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims = Json::parse_object_without_duplicates(&claims)?;
    seconds(claims.member("exp")?).map(Timestamp::from_seconds)
}

/// A number of seconds, whole or with a fraction that is cut off; some servers write it as text.
pub(super) fn seconds(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => number.as_i64().or_else(|| {
            let whole = number.as_f64()?.floor();
            format!("{whole:.0}").parse().ok()
        }),
        Json::Text(text) => text.parse().ok(),
        _ => None,
    }
}

/// How many of the `left` seconds that a server names count: a tenth less, 5 at the most, since it counts from when
/// it answered, and the server in front of Ollama reads the credential later than the gate sets it.
pub(super) fn counted(left: i64) -> i64 {
    left.saturating_sub((left / 10).clamp(0, 5))
}

/// For how long what ends in `left` seconds is used, and when it is fetched anew: `before` its end, or after half
/// of its time where that is later, and after `every` at the latest.
///
/// # Errors
/// It has ended.
pub(super) fn lifetime(left: i64, before: i64, every: i64) -> Result<Lifetime, String> {
    if left <= 0 {
        return Err("the credential has expired already".into());
    }
    let used = left.min(MAX_USED);
    let half = used.saturating_add(1) / 2;
    let fresh = used.saturating_sub(before).max(half).min(every).max(1);
    Ok(Lifetime { fresh, used })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_ends_in_a_line_break_and_holds_nothing_else() {
        for good in ["abc", "abc\n", "abc\r\n", "abc\n\n"] {
            assert_eq!(checked(good), Ok("abc"), "{good:?}");
        }
        for bad in [
            "",
            "\n",
            " abc",
            "a b",
            "a\nb",
            "abc \n",
            "<html>",
            "{\"token\":\"abc\"}",
            "[]",
            "\"abc\"",
            "a\u{0}b",
            "\u{e4}",
            "a\tb",
        ] {
            assert!(checked(bad).is_err(), "{bad:?}");
        }
        assert!(checked(&"x".repeat(MAX_VALUE_BYTES)).is_ok());
        assert!(checked(&"x".repeat(MAX_VALUE_BYTES + 1)).is_err());
    }

    #[test]
    fn the_end_of_a_jwt_is_read_and_nothing_else_has_one() {
        let jwt =
            |claims: &str| format!("eyJhbGciOiJub25lIn0.{}.x", URL_SAFE_NO_PAD.encode(claims));
        for (claims, end) in [
            (r#"{"exp":1800000000}"#, Some(1_800_000_000)),
            (r#"{"exp":1800000000.9}"#, Some(1_800_000_000)),
            (r#"{"exp":"soon"}"#, None),
            (r#"{"exp":1,"exp":2}"#, None),
            ("{}", None),
            ("no JSON", None),
        ] {
            let found = expiry_of_jwt(&jwt(claims)).map(Timestamp::seconds);
            assert_eq!(found, end, "{claims}");
        }
        for other in ["abc", "a.b", "a.b.c", "a.b.c.d", "..", "sk-a.b.c"] {
            assert_eq!(expiry_of_jwt(other), None, "{other}");
        }
    }

    #[test]
    fn it_is_used_no_longer_than_the_server_counts() {
        for (left, used) in [
            (3600, 3595),
            (100, 95),
            (20, 18),
            (9, 9),
            (1, 1),
            (0, 0),
            (-20, -20),
        ] {
            assert_eq!(counted(left), used, "{left}");
        }
    }

    #[test]
    fn it_is_fetched_anew_before_its_end_and_never_all_the_time() {
        for (left, before, every, fresh, used) in [
            (3600, 60, 86_400, 3540, 3600),
            (20, 60, 86_400, 10, 20),
            (1, 60, 86_400, 1, 1),
            (2, 60, 86_400, 1, 2),
            (3600, 60, 30, 30, 3600),
            (i64::MAX, 60, 86_400, 86_400, MAX_USED),
        ] {
            let expected = Lifetime { fresh, used };
            assert_eq!(
                lifetime(left, before, every),
                Ok(expected),
                "{left} {before}"
            );
        }
        for left in [0, -1, i64::MIN] {
            assert!(lifetime(left, 60, 60).is_err(), "{left}");
        }
    }
}
