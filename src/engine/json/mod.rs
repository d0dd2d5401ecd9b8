//! JSON as it was written: members in order, duplicates kept.
//!
//! `serde_json::Value` keeps the last of two equal members without a word. Both
//! the configuration and tokens (RFC 7515 section 4, RFC 7519 section 4) must
//! not have any, so the tree here keeps them for the caller to refuse.

mod number;
mod pointer;
mod seek;
mod text;
mod writer;

pub(crate) use pointer::Pointer;
pub(crate) use seek::{Lost, Seek};
pub(crate) use writer::ObjectWriter;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::fmt;

/// A JSON value whose objects keep every member, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// a number
    Number(Number),
    /// a string
    Text(String),
    /// an array
    List(Vec<Json>),
    /// an object, duplicates included
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Parses `bytes` as one JSON document (RFC 8259) of at most 128 levels.
    ///
    /// # Errors
    /// The parser's own words, which name a line and a column and never quote the input.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }

    /// As [`Json::parse`], for an object without duplicate members at any level.
    ///
    /// Returns `None` for anything else.
    pub fn parse_object_without_duplicates(bytes: &[u8]) -> Option<Self> {
        let json = Self::parse(bytes).ok()?;
        let fit = matches!(json, Self::Object(_)) && !json.has_duplicates();
        fit.then_some(json)
    }

    /// The member called `name` of an object.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(member, _)| member == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// What kind of value this is, with an article: "a string".
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    fn has_duplicates(&self) -> bool {
        match self {
            Self::List(items) => items.iter().any(Self::has_duplicates),
            Self::Object(members) => {
                are_duplicate(members) || members.iter().any(|(_, value)| value.has_duplicates())
            }
            _ => false,
        }
    }
}

/// Whether a name stands more than once in `members`.
fn are_duplicate(mut members: &[(String, Json)]) -> bool {
    /// Up to here, comparing each with each is quicker than sorting.
    const FEW: usize = 24;
    if members.len() > FEW {
        return !duplicates(members).is_empty();
    }
    while let [(name, _), others @ ..] = members {
        if others.iter().any(|(other, _)| other == name) {
            return true;
        }
        members = others;
    }
    false
}

/// The names that stand more than once in `members`, each once, sorted.
pub(crate) fn duplicates(members: &[(String, Json)]) -> Vec<&str> {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let mut twice: Vec<&str> = names
        .windows(2)
        .filter_map(|pair| match pair {
            [one, other] if one == other => Some(*one),
            _ => None,
        })
        .collect();
    twice.dedup();
    twice
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Number::from_f64(value)
            .map(Json::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Json, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(member) = access.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_kept_and_named_once() {
        let json = Json::parse(br#"{"a":1,"b":2,"a":3,"a":4}"#).unwrap();
        let Json::Object(members) = &json else {
            panic!("an object");
        };
        assert_eq!(members.len(), 4);
        assert_eq!(duplicates(members), ["a"]);
    }

    #[test]
    fn a_strict_object_refuses_duplicates_at_any_depth_and_other_values() {
        let parse = Json::parse_object_without_duplicates;
        assert!(parse(br#"{"a":{"b":[{"c":1}]}}"#).is_some());
        assert!(parse(br#"{"a":{"b":[{"c":1,"c":2}]}}"#).is_none());
        assert!(parse(b"[]").is_none());
        assert!(parse(b"{} {}").is_none());
        assert!(parse(b"\xff{}").is_none());
    }

    #[test]
    fn a_duplicate_is_found_among_few_and_among_many() {
        for count in [2, 24, 25, 1000] {
            let members = (0..count).map(|number| format!("\"m{number}\":0,"));
            let members: String = members.collect();
            let parse = |last: &str| {
                let text = format!("{{{members}\"{last}\":0}}");
                Json::parse_object_without_duplicates(text.as_bytes())
            };
            assert!(parse("other").is_some(), "{count}");
            for same in [0, count / 2, count - 1] {
                assert!(parse(&format!("m{same}")).is_none(), "m{same} of {count}");
            }
        }
    }

    #[test]
    fn depth_is_bounded() {
        let deep = [vec![b'['; 10_000], vec![b']'; 10_000]].concat();
        assert!(Json::parse(&deep).is_err());
    }

    #[test]
    fn a_syntax_error_names_its_place_and_quotes_nothing() {
        let error = Json::parse(br#"{"key": "sk-hidden" oops}"#).unwrap_err();
        assert!(error.contains("line 1 column"), "{error}");
        assert!(!error.contains("hidden"), "{error}");
    }
}
