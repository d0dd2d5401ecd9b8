//! What a document comes in: the answer of a store, somewhere in which it stands, perhaps in base64.

use crate::json::Pointer;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// What a document comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// where it stands in the answer
    pub pointer: Pointer,
    /// whether what stands there is its text in base64
    pub base64: bool,
}

impl Envelope {
    /// The text of the document in `answer`.
    ///
    /// # Errors
    /// Why there is none, without quoting it.
    pub(crate) fn open<'a>(&self, answer: &'a [u8]) -> Result<Cow<'a, [u8]>, String> {
        let text = std::str::from_utf8(answer).map_err(|_| "the answer is not UTF-8")?;
        let mut at = text.trim();
        for token in self.pointer.tokens() {
            at = within(at, token).map_err(|why| match why {
                Lost::NotJson => "the answer is not JSON".to_owned(),
                Lost::Twice => format!("a member on the way to `{}` is there twice", self.pointer),
                Lost::Absent => format!("there is nothing at `{}`", self.pointer),
            })?;
        }
        // A store of texts holds the document as one.
        let is_answer = self.pointer.tokens().is_empty();
        let document = if !is_answer && at.starts_with('"') {
            let text = serde_json::from_str(at).map_err(|_| "the answer is not JSON")?;
            Cow::Owned(text)
        } else {
            Cow::Borrowed(at)
        };
        match (self.base64, document) {
            (true, Cow::Borrowed(_)) if !is_answer => {
                Err(format!("what is at `{}` is not a string", self.pointer))
            }
            (true, text) => decoded(&text).map(Cow::Owned),
            (false, Cow::Borrowed(text)) => Ok(Cow::Borrowed(text.as_bytes())),
            (false, Cow::Owned(text)) => Ok(Cow::Owned(text.into_bytes())),
        }
    }
}

fn decoded(text: &str) -> Result<Vec<u8>, String> {
    let compact: String = text.split_ascii_whitespace().collect();
    let decoded = STANDARD.decode(compact);
    decoded.map_err(|_| "the document is not in base64".to_owned())
}

/// Why nothing was found.
enum Lost {
    NotJson,
    Twice,
    Absent,
}

/// The text of the member or the item `token` of the value in `text`.
fn within<'a>(text: &'a str, token: &str) -> Result<&'a str, Lost> {
    if text.starts_with('[') {
        let items = items(text).map_err(|_| Lost::NotJson)?;
        // RFC 6901 section 4: without leading zeros.
        let place = token.parse::<usize>().ok();
        let place = place.filter(|place| place.to_string() == token);
        let item = place.and_then(|place| items.get(place).copied());
        return item.map(RawValue::get).ok_or(Lost::Absent);
    }
    let members = members(text).map_err(|_| Lost::NotJson)?;
    let mut found = members.iter().filter(|(name, _)| name == token);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Ok(value.get()),
        (Some(_), Some(_)) => Err(Lost::Twice),
        (None, _) => Err(Lost::Absent),
    }
}

/// The items of the list in `text`, each as its text.
pub(super) fn items(text: &str) -> Result<Vec<&RawValue>, serde_json::Error> {
    serde_json::from_str(text)
}

/// The members of the object in `text`, in order and duplicates kept, each value as its text. None of a value that
/// has no members.
pub(super) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, &RawValue)>, serde_json::Error> {
    let raw: &RawValue = serde_json::from_str(text)?;
    if !raw.get().starts_with('{') {
        return Ok(Vec::new());
    }
    serde_json::from_str::<Members<'_>>(raw.get()).map(|members| members.0)
}

struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = access.next_entry::<String, &RawValue>()? {
                    members.push((Cow::Owned(name), value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(pointer: &str, base64: bool, answer: &str) -> Result<String, String> {
        let pointer = Pointer::parse(pointer).unwrap();
        let envelope = Envelope { pointer, base64 };
        let opened = envelope.open(answer.as_bytes())?;
        Ok(String::from_utf8(opened.into_owned()).unwrap())
    }

    #[test]
    fn a_document_is_found_at_each_example_of_rfc_6901() {
        // The examples of its section 5.
        let document = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
        for (pointer, found) in [
            ("/foo", r#"["bar", "baz"]"#),
            ("/foo/0", "bar"),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            assert_eq!(
                open(pointer, false, document).as_deref(),
                Ok(found),
                "{pointer}"
            );
        }
        assert_eq!(open("", false, "{} ").as_deref(), Ok("{}"));
    }

    #[test]
    fn what_is_not_there_is_told_and_not_quoted() {
        for (pointer, base64, answer, why) in [
            ("/a", false, "{}", "there is nothing at `/a`"),
            ("/a/b", false, r#"{"a": 1}"#, "there is nothing at `/a/b`"),
            (
                "/a/01",
                false,
                r#"{"a": [1, 2]}"#,
                "there is nothing at `/a/01`",
            ),
            (
                "/a/2",
                false,
                r#"{"a": [1, 2]}"#,
                "there is nothing at `/a/2`",
            ),
            (
                "/a",
                false,
                r#"{"a": 1, "a": 2}"#,
                "a member on the way to `/a` is there twice",
            ),
            ("/a", false, "<html>", "the answer is not JSON"),
            ("/a", false, r#"{"a": "hidden"#, "the answer is not JSON"),
            (
                "/a",
                true,
                r#"{"a": {}}"#,
                "what is at `/a` is not a string",
            ),
            (
                "/a",
                true,
                r#"{"a": "hidden!"}"#,
                "the document is not in base64",
            ),
            ("", true, "hidden!", "the document is not in base64"),
        ] {
            let error = open(pointer, base64, answer).unwrap_err();
            assert_eq!(error, why, "{pointer} {answer}");
        }
        let envelope = Envelope::default();
        assert!(envelope.open(b"\xff").is_err());
    }

    #[test]
    fn a_document_may_be_a_text_and_may_be_in_base64() {
        assert_eq!(
            open("/v", false, r#"{"v": "[\"a\"]"}"#).as_deref(),
            Ok(r#"["a"]"#)
        );
        assert_eq!(
            open("/0/v", true, r#"[{"v": "WyJh\nIl0="}]"#).as_deref(),
            Ok(r#"["a"]"#)
        );
        assert_eq!(open("", true, "WyJhIl0=\n").as_deref(), Ok(r#"["a"]"#));
    }
}
