//! The claims of a token, read strictly.

use crate::denial::{Denial, Reason};
use crate::http::{ControlCharacter, encoded_value};
use crate::json::Json;
use crate::time::Timestamp;
use serde_json::Number;
use std::collections::HashSet;

/// 2^53: the first whole number of which a JSON reader may not know the next (RFC 8259 section 6).
const EXACT: i64 = 9_007_199_254_740_992;

/// From here on a number of seconds is none: 31,000 years from now, and the milliseconds of 2001. What
/// issuers write for "never", the end of the year 9999, is less.
const MILLISECONDS: i64 = 1_000_000_000_000;

/// Where a claim stands: a name, or a JSON Pointer (RFC 6901) where it begins with `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath {
    written: String,
    steps: Vec<String>,
}

impl ClaimPath {
    /// From what the configuration says. `None` for a pointer with a `~` that escapes nothing.
    pub fn parse(written: &str) -> Option<Self> {
        let steps = match written.strip_prefix('/') {
            None => vec![written.to_owned()],
            Some(pointer) => pointer.split('/').map(unescape).collect::<Option<_>>()?,
        };
        Some(Self {
            written: written.to_owned(),
            steps,
        })
    }

    /// A path of one step, for a name that is not the configuration's.
    pub fn name(name: &str) -> Self {
        Self {
            written: name.to_owned(),
            steps: vec![name.to_owned()],
        }
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.written
    }
}

/// RFC 6901 section 4.
fn unescape(step: &str) -> Option<String> {
    let mut plain = String::with_capacity(step.len());
    let mut characters = step.chars();
    while let Some(character) = characters.next() {
        plain.push(match character {
            '~' => match characters.next()? {
                '0' => '~',
                '1' => '/',
                _ => return None,
            },
            other => other,
        });
    }
    Some(plain)
}

/// The claims of a token. What they say is believed once the signature was right: until then they
/// serve to refuse it cheaply.
#[derive(Debug)]
pub struct UnverifiedClaims(Json);

fn malformed(path: &ClaimPath, found: &Json, expected: &str) -> Denial {
    let found = match found {
        Json::List(_) if expected.contains("list") => "a list that holds something else",
        found => found.kind(),
    };
    let advice = format!(
        "its claim `{}` is {found}, expected {expected}",
        path.written
    );
    Denial::new(Reason::MalformedToken, advice)
}

impl UnverifiedClaims {
    /// From the object in a token's payload.
    pub const fn new(object: Json) -> Self {
        Self(object)
    }

    /// The claim at `path`, `null` included.
    pub fn at(&self, path: &ClaimPath) -> Option<&Json> {
        path.steps
            .iter()
            .try_fold(&self.0, |json, step| json.member(step))
    }

    /// The claim at `path`. One that is `null` is as absent: that is how serializers write what is
    /// not set.
    fn set_at(&self, path: &ClaimPath) -> Option<&Json> {
        self.at(path).filter(|claim| **claim != Json::Null)
    }

    /// These, and of `others` those whose names are not among them. One that is `null` is not.
    pub(crate) fn with(self, others: Self) -> Self {
        let members = |claims: Self| match claims.0 {
            Json::Object(members) => members,
            _ => Vec::new(),
        };
        let set = members(self).into_iter();
        let mut all: Vec<_> = set.filter(|(_, claim)| *claim != Json::Null).collect();
        let own: HashSet<_> = all.iter().map(|(name, _)| name.clone()).collect();
        let others = members(others).into_iter();
        all.extend(others.filter(|(name, _)| !own.contains(name)));
        Self(Json::Object(all))
    }

    /// Those of them that stand at `paths`, each in its place.
    pub(crate) fn only<'p>(&self, paths: impl Iterator<Item = &'p ClaimPath>) -> Json {
        let mut kept = Json::Object(Vec::new());
        for path in paths {
            if let Some(claim) = self.set_at(path) {
                put(&mut kept, &path.steps, claim);
            }
        }
        kept
    }

    /// The string at `path`, if it is there.
    ///
    /// # Errors
    /// It is there and not a string.
    pub fn text(&self, path: &ClaimPath) -> Result<Option<&str>, Denial> {
        match self.set_at(path) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(found) => Err(malformed(path, found, "a string")),
        }
    }

    /// The strings at `path`: one, or a list of them (RFC 7519 section 4.1.3), in which `null` is nothing.
    ///
    /// # Errors
    /// It is there and neither.
    pub fn texts(&self, path: &ClaimPath) -> Result<Option<Vec<&str>>, Denial> {
        match self.set_at(path) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(vec![text])),
            Some(found @ Json::List(items)) => items
                .iter()
                .filter(|item| **item != Json::Null)
                .map(Json::text)
                .collect::<Option<_>>()
                .map(Some)
                .ok_or_else(|| malformed(path, found, "a list of strings")),
            Some(found) => Err(malformed(path, found, "a string or a list of strings")),
        }
    }

    /// The NumericDate `name` (RFC 7519 section 2), a fraction of a second cut off.
    ///
    /// # Errors
    /// It is there and not a number from 0 on, or so large that it counts milliseconds: such an `exp`
    /// would never come.
    pub fn time(&self, name: &str) -> Result<Option<Timestamp>, Denial> {
        match self.0.member(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Number(number)) => match seconds(number) {
                Some(seconds) if seconds < MILLISECONDS => {
                    Ok(Some(Timestamp::from_seconds(seconds)))
                }
                Some(_) => {
                    let advice = format!(
                        "its claim `{name}` is {number}, which looks like milliseconds: its issuer has \
                         to write seconds since 1970"
                    );
                    Err(Denial::new(Reason::MalformedToken, advice))
                }
                None => {
                    let advice = format!(
                        "its claim `{name}` is not a moment after 1970, in seconds, that can be counted"
                    );
                    Err(Denial::new(Reason::MalformedToken, advice))
                }
            },
            Some(found) => Err(malformed(
                &ClaimPath::name(name),
                found,
                "a number of seconds since 1970",
            )),
        }
    }

    /// The claim as the value of its header: a string, a number, a truth value, or a list of strings
    /// that commas separate, each encoded. `null` is no value.
    ///
    /// A comma is encoded in a string that stands alone too: a group called `x,admin` would be read as
    /// two, and some issuers write a list of one as a string.
    ///
    /// # Errors
    /// It is there and none of these, or it holds a control character.
    pub fn header_value(&self, claim: &ForwardedClaim) -> Result<Option<String>, Denial> {
        let ForwardedClaim { path, header } = claim;
        match self.set_at(path) {
            Some(Json::Number(number)) => return Ok(Some(number.to_string())),
            Some(Json::Bool(value)) => return Ok(Some(value.to_string())),
            _ => {}
        }
        let Some(texts) = self.texts(path)? else {
            return Ok(None);
        };
        let items = texts.into_iter().map(|text| encoded_value(text, true));
        let items = items.collect::<Result<Vec<_>, _>>();
        let items = items.map_err(|ControlCharacter| {
            let advice = format!(
                "its claim `{}`, which goes into the header `{header}`, holds a control character: have \
                 it changed at the issuer",
                path.written
            );
            Denial::new(Reason::UnsafeIdentity, advice)
        })?;
        Ok(Some(items.join(",")))
    }
}

/// Puts `claim` into `object` at the end of `steps`, unless something is there already.
fn put(object: &mut Json, steps: &[String], claim: &Json) {
    let (Json::Object(members), Some((step, further))) = (object, steps.split_first()) else {
        return;
    };
    let place = members.iter().position(|(name, _)| name == step);
    if further.is_empty() {
        match place.and_then(|place| members.get_mut(place)) {
            Some((_, part)) => *part = claim.clone(),
            None => members.push((step.clone(), claim.clone())),
        }
        return;
    }
    let place = place.unwrap_or_else(|| {
        members.push((step.clone(), Json::Object(Vec::new())));
        members.len().saturating_sub(1)
    });
    if let Some((_, inner)) = members.get_mut(place) {
        put(inner, further, claim);
    }
}

/// A claim that goes into a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardedClaim {
    /// where it stands
    pub path: ClaimPath,
    /// the header's name, lower-case
    pub header: String,
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
    i64::try_from(whole)
        .ok()
        .filter(|_| whole < EXACT.unsigned_abs())
}

/// When a token is valid, by its own word (RFC 7519 sections 4.1.4 to 4.1.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// `exp`
    pub expires: Option<Timestamp>,
    /// `nbf`
    pub not_before: Option<Timestamp>,
    /// `iat`
    pub issued: Option<Timestamp>,
}

impl Times {
    /// From `claims`.
    ///
    /// # Errors
    /// One of them is no NumericDate.
    pub fn of(claims: &UnverifiedClaims) -> Result<Self, Denial> {
        Ok(Self {
            expires: claims.time("exp")?,
            not_before: claims.time("nbf")?,
            issued: claims.time("iat")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(written: &str) -> UnverifiedClaims {
        UnverifiedClaims::new(Json::parse(written.as_bytes()).unwrap())
    }

    fn path(written: &str) -> ClaimPath {
        ClaimPath::parse(written).unwrap()
    }

    fn forwarded(written: &str) -> ForwardedClaim {
        ForwardedClaim {
            path: path(written),
            header: "x-claim".to_owned(),
        }
    }

    fn time(written: &str) -> Option<i64> {
        let json = Json::parse(format!("{{\"exp\":{written}}}").as_bytes()).ok()?;
        let time = UnverifiedClaims::new(json).time("exp").ok()?;
        time.map(Timestamp::seconds)
    }

    #[test]
    fn a_claim_that_is_null_is_as_absent() {
        let claims = claims(r#"{"exp":null,"aud":null,"sub":null,"a":{"b":null}}"#);
        assert_eq!(claims.time("exp"), Ok(None));
        for name in ["aud", "sub", "/a/b", "/a/b/c"] {
            assert_eq!(claims.text(&path(name)), Ok(None), "{name}");
            assert_eq!(claims.texts(&path(name)), Ok(None), "{name}");
            assert_eq!(claims.header_value(&forwarded(name)), Ok(None), "{name}");
        }
    }

    #[test]
    fn an_item_that_is_null_is_nothing_and_any_other_that_is_no_text_is_malformed() {
        let claims = claims(r#"{"one":["a",null],"none":[null],"number":["a",1],"inner":[["a"]]}"#);
        assert_eq!(claims.texts(&path("one")), Ok(Some(vec!["a"])));
        assert_eq!(claims.texts(&path("none")), Ok(Some(vec![])));
        assert_eq!(claims.header_value(&forwarded("one")), Ok(Some("a".into())));
        for name in ["number", "inner"] {
            assert!(claims.texts(&path(name)).is_err(), "{name}");
        }
    }

    #[test]
    fn a_time_is_read_as_the_rfc_says_and_never_wraps() {
        assert_eq!(time("0"), Some(0));
        assert_eq!(time("1700000000"), Some(1_700_000_000));
        assert_eq!(time("1700000000.9"), Some(1_700_000_000));
        assert_eq!(time("1.7e9"), Some(1_700_000_000));
        assert_eq!(time("253402300799"), Some(253_402_300_799));
        assert_eq!(time("999999999999"), Some(999_999_999_999));
        for refused in [
            "1000000000000",
            "1767225600000",
            "1.7672256e12",
            "9007199254740991",
            "9007199254740992",
            "18446744073709551615",
            "18446744073709551616",
            "1e300",
            "1e400",
            "-1",
            "-0.5",
            "\"1700000000\"",
            "true",
            "[1]",
            "{}",
        ] {
            assert_eq!(time(refused), None, "{refused}");
        }
    }

    #[test]
    fn an_absent_claim_is_not_a_malformed_one() {
        let claims = claims("{}");
        assert_eq!(claims.time("exp"), Ok(None));
        assert_eq!(claims.text(&path("sub")), Ok(None));
        assert_eq!(claims.texts(&path("aud")), Ok(None));
        assert_eq!(claims.texts(&path("/a/b")), Ok(None));
    }

    #[test]
    fn a_pointer_goes_through_objects_and_a_name_is_taken_as_it_is() {
        let claims = claims(
            r#"{"realm_access":{"roles":["read"]},"https://example.com/roles":"manage","a/b":{"~":"x"},"":{"":"y"}}"#,
        );
        let text = |written: &str| claims.texts(&path(written)).unwrap();
        assert_eq!(text("/realm_access/roles"), Some(vec!["read"]));
        assert_eq!(text("https://example.com/roles"), Some(vec!["manage"]));
        assert_eq!(text("/a~1b/~0"), Some(vec!["x"]));
        assert_eq!(text("//"), Some(vec!["y"]));
        for nothing in ["realm_access.roles", "/realm_access/roles/0", "/a/b", "/"] {
            assert!(
                !matches!(claims.at(&path(nothing)), Some(Json::Text(_))),
                "{nothing}"
            );
        }
        assert_eq!(ClaimPath::parse("/a~2b"), None);
        assert_eq!(ClaimPath::parse("/a~"), None);
    }

    #[test]
    fn a_claim_becomes_a_header_only_as_plain_text() {
        let claims = claims(
            r#"{"s":"a b","n":7,"t":true,"l":["x","y"],"o":{},"m":[1],"z":null,"c":["x,admin"],"k":["a\nb"]}"#,
        );
        let value = |name: &str| claims.header_value(&forwarded(name));
        assert_eq!(value("s"), Ok(Some("a b".into())));
        assert_eq!(value("n"), Ok(Some("7".into())));
        assert_eq!(value("t"), Ok(Some("true".into())));
        assert_eq!(value("l"), Ok(Some("x,y".into())));
        assert_eq!(value("absent"), Ok(None));
        assert_eq!(value("z"), Ok(None));
        assert_eq!(value("c"), Ok(Some("x%2Cadmin".into())));
        let control = value("k").unwrap_err();
        assert_eq!(control.reason(), Reason::UnsafeIdentity);
        assert!(value("o").is_err());
        assert!(value("m").is_err());
    }
}
