//! Why a token is refused, in words: what was found, and for the log what was expected.

use super::algorithm::Algorithm;
use super::required::{Expected, Fit};
use crate::denial::quoted;
use crate::json::Json;

/// How many values of a list a sentence shows.
const MAX_SHOWN: usize = 4;

/// `value` of a claim as a sentence may hold it: short, in plain ASCII.
pub(crate) fn value(value: &Json) -> String {
    match value {
        Json::Null => "`null`".to_owned(),
        Json::Bool(value) => format!("`{value}`"),
        Json::Number(number) => format!("`{number}`"),
        Json::Text(text) => quoted(text),
        Json::List(items) if items.is_empty() => "an empty list".to_owned(),
        Json::List(items) => format!("a list with {}", some(items.iter().map(item))),
        Json::Object(members) if members.is_empty() => "an empty object".to_owned(),
        Json::Object(members) => {
            let names = members.iter().map(|(name, _)| quoted(name));
            format!("an object with {}", some(names))
        }
    }
}

/// The values of a claim that is to name scopes: each word, item or name of a member.
pub(crate) fn values(claim: &Json) -> String {
    match claim {
        Json::Text(text) if text.contains(' ') => {
            let words: Vec<_> = text.split_ascii_whitespace().map(quoted).collect();
            some(words.into_iter())
        }
        claim => value(claim),
    }
}

/// One of a list: what a list or an object in it holds is not shown, so that no sentence is longer than a few
/// values.
fn item(item: &Json) -> String {
    match item {
        Json::List(_) | Json::Object(_) => item.kind().to_owned(),
        item => value(item),
    }
}

/// `values`, the first of them, with the number of those that are left out.
pub(crate) fn some(values: impl ExactSizeIterator<Item = String>) -> String {
    let more = values.len().saturating_sub(MAX_SHOWN);
    let shown: Vec<_> = values.take(MAX_SHOWN).collect();
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What a claim has to be.
pub(crate) fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Absent => "no such claim".to_owned(),
        Expected::OneOf(fits) => some(fits.iter().map(fit)),
    }
}

fn fit(fit: &Fit) -> String {
    match fit {
        Fit::Value(json) => value(json),
        Fit::Word(word) => format!("the word {}", quoted(word)),
        Fit::Prefix(prefix) => format!("a value that begins with {}", quoted(prefix.text())),
        Fit::Suffix(suffix) => format!("a value that ends in {}", quoted(suffix.text())),
        Fit::Member(name) => format!("an object with {}", quoted(name)),
    }
}

/// How `found` is not quite the issuer `expected`, as people write one and the other.
pub(crate) fn near_miss(found: &str, expected: &str) -> &'static str {
    let scheme = |text: &str| text.split_once("://").map(|(_, rest)| rest.to_owned());
    if found.trim_end_matches('/') == expected.trim_end_matches('/') {
        " (only the slash at the end differs from a configured one)"
    } else if found.eq_ignore_ascii_case(expected) {
        " (only upper and lower case differ from a configured one)"
    } else if scheme(found).is_some() && scheme(found) == scheme(expected) {
        " (only the scheme differs from a configured one)"
    } else {
        ""
    }
}

/// What is wrong with the length of a signature of `algorithm` that has so many bytes: none of these
/// can be right, and most were cut when the token was copied.
pub(crate) fn length(algorithm: Algorithm, bytes: usize) -> Option<String> {
    let (min, max) = match algorithm {
        Algorithm::Hs256 => (32, 32),
        Algorithm::Hs384 => (48, 48),
        Algorithm::Hs512 | Algorithm::Es256 | Algorithm::EdDsa => (64, 64),
        Algorithm::Es384 => (96, 96),
        // At least that of the smallest key that is accepted.
        _ => (256, usize::MAX),
    };
    let at_least = if max > min { "at least " } else { "" };
    let wrong = !(min..=max).contains(&bytes);
    wrong.then(|| {
        format!(
            "it has {bytes} bytes, and one of {} has {at_least}{min}: copy the token whole",
            algorithm.name()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(written: &str) -> String {
        value(&Json::parse(written.as_bytes()).unwrap())
    }

    #[test]
    fn a_value_is_shown_short_and_plain_whatever_it_is() {
        for (written, expected) in [
            ("null", "`null`"),
            ("false", "`false`"),
            ("1.5", "`1.5`"),
            ("\"a\\nb\"", "`a\\u{a}b`"),
            ("[]", "an empty list"),
            ("[\"a\",1]", "a list with `a`, `1`"),
            ("[1,2,3,4,5,6]", "a list with `1`, `2`, `3`, `4` and 2 more"),
            ("{\"role\":\"x\"}", "an object with `role`"),
            ("{}", "an empty object"),
            ("[{\"role\":\"x\"}]", "a list with an object"),
            ("[[[\"a\"]]]", "a list with a list"),
        ] {
            assert_eq!(shown(written), expected, "{written}");
        }
    }

    #[test]
    fn an_issuer_that_is_nearly_right_is_said_to_be() {
        let own = "https://sso.example.com/realms/main";
        for (found, hint) in [
            ("https://sso.example.com/realms/main/", "slash"),
            ("https://SSO.example.com/realms/main", "case"),
            ("http://sso.example.com/realms/main", "scheme"),
            ("https://sso.example.com/realms/other", ""),
            ("https://evil.example", ""),
            ("", ""),
        ] {
            let shown = near_miss(found, own);
            assert_eq!(shown.is_empty(), hint.is_empty(), "{found}: {shown}");
            assert!(shown.contains(hint), "{found}: {shown}");
        }
    }

    #[test]
    fn only_a_length_that_no_signature_has_is_called_wrong() {
        for algorithm in Algorithm::ALL {
            let right = match algorithm {
                Algorithm::Hs256 => 32,
                Algorithm::Hs384 => 48,
                Algorithm::Hs512 | Algorithm::Es256 | Algorithm::EdDsa => 64,
                Algorithm::Es384 => 96,
                _ => 256,
            };
            assert_eq!(length(algorithm, right), None, "{algorithm:?}");
            for wrong in [0, 1, right - 1] {
                assert!(length(algorithm, wrong).is_some(), "{algorithm:?} {wrong}");
            }
        }
        assert_eq!(length(Algorithm::Rs256, 512), None);
        assert!(length(Algorithm::Hs256, 33).is_some());
    }
}
