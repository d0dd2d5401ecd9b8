//! The records in a document: it is a list of them, or an object with one in `keys`, as `api_keys` is.

use serde::Deserialize as _;
use serde_json::value::RawValue;

/// The longest record, in bytes.
const MAX_RECORD_BYTES: usize = 64 * 1024;
/// The most white space that is passed over at a time.
const MAX_SPACE: usize = 64 * 1024;

const NOT_JSON: &str = "the document is not JSON";
const EXPECTED: &str = "the document is neither a list of keys nor an object with `keys`";

/// Gives the records of a document one by one.
#[derive(Debug, Default)]
pub(super) struct Records {
    at: usize,
    state: State,
    is_wrapped: bool,
    count: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    /// the name of the one member
    Name,
    /// what it is followed by
    Colon,
    /// the list of its
    List,
    /// the first record, or the end of the list
    First,
    Record,
    /// a comma, or the end of the list
    Next,
    /// the end of the object
    Close,
    End,
}

/// What comes next in a document.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'t> {
    /// a record, which is JSON, and its place
    Record(&'t str, usize),
    /// something between records
    Between,
    /// nothing
    End,
}

impl Records {
    /// What comes next in `text`, which is the same each time, and how many bytes that took.
    ///
    /// # Errors
    /// Why it is no document.
    pub(super) fn next<'t>(&mut self, text: &'t [u8]) -> Result<(Next<'t>, usize), String> {
        let before = self.at;
        let next = self.read(text)?;
        Ok((next, self.at.saturating_sub(before)))
    }

    fn read<'t>(&mut self, text: &'t [u8]) -> Result<Next<'t>, String> {
        let rest = text.get(self.at..).unwrap_or_default();
        let space = |byte: &u8| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        let space = rest.iter().take(MAX_SPACE).position(space);
        let space = space.unwrap_or_else(|| rest.len().min(MAX_SPACE));
        if space > 0 {
            self.at = self.at.saturating_add(space);
            return Ok(Next::Between);
        }
        let Some(byte) = rest.first() else {
            return match self.state {
                State::End => Ok(Next::End),
                _ => Err(NOT_JSON.to_owned()),
            };
        };
        self.state = match (self.state, byte) {
            (State::Start, b'[') | (State::List, b'[') => State::First,
            (State::Start, b'{') => {
                self.is_wrapped = true;
                State::Name
            }
            (State::Name, b'"') => return self.read_name(rest),
            (State::Colon, b':') => State::List,
            (State::First | State::Next, b']') if self.is_wrapped => State::Close,
            (State::First | State::Next, b']') => State::End,
            (State::Next, b',') => State::Record,
            (State::Close, b'}') => State::End,
            (State::First | State::Record, _) => return self.read_record(rest),
            (State::Start | State::Name | State::List, _) | (State::Close, b',') => {
                return Err(EXPECTED.to_owned());
            }
            _ => return Err(NOT_JSON.to_owned()),
        };
        self.at = self.at.saturating_add(1);
        Ok(Next::Between)
    }

    fn read_name<'t>(&mut self, rest: &[u8]) -> Result<Next<'t>, String> {
        let name = value(rest).map_err(|()| EXPECTED)?;
        if serde_json::from_str::<String>(name).ok().as_deref() != Some("keys") {
            return Err(EXPECTED.to_owned());
        }
        self.at = self.at.saturating_add(name.len());
        self.state = State::Colon;
        Ok(Next::Between)
    }

    fn read_record<'t>(&mut self, rest: &'t [u8]) -> Result<Next<'t>, String> {
        let (place, window) = (self.count, rest.get(..MAX_RECORD_BYTES));
        let record = value(window.unwrap_or(rest));
        let record = record.map_err(|()| match window {
            Some(_) => format!("keys[{place}] is not JSON, or has over {MAX_RECORD_BYTES} bytes"),
            None => NOT_JSON.to_owned(),
        })?;
        self.count = self.count.saturating_add(1);
        self.at = self.at.saturating_add(record.len());
        self.state = State::Next;
        Ok(Next::Record(record, place))
    }
}

/// The JSON value at the beginning of `text`.
fn value(text: &[u8]) -> Result<&str, ()> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let value = <&RawValue>::deserialize(&mut deserializer);
    value.map(RawValue::get).map_err(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Result<Vec<&str>, String> {
        let (mut records, mut all) = (Records::default(), Vec::new());
        loop {
            match records.next(text.as_bytes())?.0 {
                Next::Record(record, place) => {
                    assert_eq!(place, all.len());
                    all.push(record);
                }
                Next::Between => {}
                Next::End => return Ok(all),
            }
        }
    }

    #[test]
    fn records_are_in_a_list_or_in_an_object_with_one() {
        let records = r#"[ {"a":1} , 2,"x" ,[ ]]"#;
        let wanted = vec![r#"{"a":1}"#, "2", "\"x\"", "[ ]"];
        assert_eq!(all(records), Ok(wanted.clone()));
        assert_eq!(
            all(&format!("\n{{\"keys\" : {records} }} ")),
            Ok(wanted.clone())
        );
        assert_eq!(all(&format!(r#"{{"\u006beys":{records}}}"#)), Ok(wanted));
        assert_eq!(all(" []"), Ok(Vec::new()));
        let space = " ".repeat(MAX_SPACE * 2 + 1);
        assert_eq!(
            all(&format!("{space}[{space}1{space}]{space}")),
            Ok(vec!["1"])
        );
    }

    #[test]
    fn a_text_that_is_neither_is_refused_and_so_is_half_of_one() {
        for text in [
            "{}",
            "1",
            "null",
            "\"keys\"",
            r#"{"key":[]}"#,
            r#"{"keys":{}}"#,
            r#"{"keys":[],"a":1}"#,
            r#"{"keys":[],"keys":[]}"#,
        ] {
            assert_eq!(all(text), Err(EXPECTED.to_owned()), "{text}");
        }
        for text in [
            "[1,]",
            "[1 2]",
            "[1]]",
            "[1]x",
            "[,1]",
            "[1",
            r#"{"keys":[]"#,
            "[tru]",
            r#"{"keys":[]]"#,
        ] {
            assert_eq!(all(text), Err(NOT_JSON.to_owned()), "{text}");
        }
        let whole = r#"{"keys":[{"a":[1,{"b":"\"]"}]},{}]}"#;
        for end in 0..whole.len() {
            assert!(all(&whole[..end]).is_err(), "{end}");
        }
        assert_eq!(all(whole).map(|all| all.len()), Ok(2));
    }

    #[test]
    fn a_record_has_a_longest() {
        let long = |length: usize| format!("[\"{}\",1]", "x".repeat(length));
        assert!(all(&long(MAX_RECORD_BYTES - 2)).is_ok());
        let refused = all(&long(MAX_RECORD_BYTES - 1)).unwrap_err();
        assert!(
            refused.starts_with("keys[0] is not JSON, or has over 65536 bytes"),
            "{refused}"
        );
    }
}
