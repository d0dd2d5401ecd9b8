//! Edits of a JSON text that leave everything else in it as it stands: order, white space, numbers.

use std::ops::Range;

/// A value in a text, and where it is.
#[derive(Clone, Debug)]
pub struct Span {
    pub range: Range<usize>,
    pub value: Value,
}

/// What is there.
#[derive(Clone, Debug)]
pub enum Value {
    /// the members: where the name is, without its quotes, and the value
    Object(Vec<(String, Span)>),
    List(Vec<Span>),
    Other,
}

impl Span {
    /// The first member called `name`.
    pub fn member(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => members
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, span)| span),
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// Reads where the values of `text` are, which is known to be JSON.
pub fn spans(text: &str) -> Option<Span> {
    let mut reader = Reader {
        bytes: text.as_bytes(),
        at: 0,
    };
    reader.value()
}

struct Reader<'t> {
    bytes: &'t [u8],
    at: usize,
}

impl Reader<'_> {
    fn skip(&mut self) -> Option<u8> {
        while self.bytes.get(self.at)?.is_ascii_whitespace() {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_slice(self.bytes.get(start..self.at)?).ok()
    }

    fn value(&mut self) -> Option<Span> {
        let first = self.skip()?;
        let start = self.at;
        let value = match first {
            b'{' => Value::Object(self.members()?),
            b'[' => Value::List(self.items()?),
            b'"' => {
                self.string()?;
                Value::Other
            }
            _ => {
                let ends = |byte: &u8| b",]}".contains(byte) || byte.is_ascii_whitespace();
                let rest = self.bytes.get(self.at..)?;
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Value::Other
            }
        };
        Some(Span {
            range: start..self.at,
            value,
        })
    }

    fn members(&mut self) -> Option<Vec<(String, Span)>> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            match self.skip()? {
                b'}' => break,
                b',' => self.at += 1,
                _ => {
                    let name = self.string()?;
                    self.skip()?;
                    self.at += 1; // the colon
                    members.push((name, self.value()?));
                }
            }
        }
        self.at += 1;
        Some(members)
    }

    fn items(&mut self) -> Option<Vec<Span>> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            match self.skip()? {
                b']' => break,
                b',' => self.at += 1,
                _ => items.push(self.value()?),
            }
        }
        self.at += 1;
        Some(items)
    }
}

/// `text` with `record` as the last of `api_keys.keys`.
pub fn with_key(text: &str, record: &str) -> Option<String> {
    let root = spans(text)?;
    let Some(section) = root.member("api_keys") else {
        return with_first(
            text,
            &root,
            &format!("\"api_keys\": {{\n    \"keys\": [\n      {record}\n    ]\n  }}"),
            "\n  ",
        );
    };
    let Some(list) = section.member("keys") else {
        return with_first(text, section, &format!("\"keys\": [{record}]"), " ");
    };
    match list.items().last() {
        Some(last) => {
            let line = text
                .get(..last.range.start)?
                .rsplit('\n')
                .next()
                .unwrap_or_default();
            let apart = if line.trim().is_empty() {
                format!(",\n{line}")
            } else {
                ", ".to_owned()
            };
            replaced(
                text,
                last.range.end..last.range.end,
                &format!("{apart}{record}"),
            )
        }
        None => replaced(text, list.range.clone(), &format!("[{record}]")),
    }
}

/// `text` with `member` as the first of the object at `object`, on a line or place of its own.
fn with_first(text: &str, object: &Span, member: &str, before: &str) -> Option<String> {
    let start = object.range.start + 1;
    let is_empty = matches!(&object.value, Value::Object(members) if members.is_empty());
    let (comma, rest) = if is_empty {
        ("", text.get(object.range.end - 1..)?)
    } else {
        (",", text.get(start..)?)
    };
    let line_end = if is_empty && before.starts_with('\n') {
        "\n"
    } else {
        ""
    };
    Some(format!(
        "{}{before}{member}{comma}{line_end}{rest}",
        text.get(..start)?
    ))
}

/// `text` with `value`, JSON, as the member `name` of the object at `object`.
pub fn with_member(text: &str, object: &Span, name: &str, value: &str) -> Option<String> {
    if let Some(old) = object.member(name) {
        return replaced(text, old.range.clone(), value);
    }
    let Value::Object(members) = &object.value else {
        return None;
    };
    let member = format!("\"{name}\": {value}");
    match members.last() {
        Some((_, last)) => replaced(text, last.range.end..last.range.end, &format!(", {member}")),
        None => replaced(text, object.range.clone(), &format!("{{ {member} }}")),
    }
}

/// `text` without the `place`th item of the list at `list`.
pub fn without_item(text: &str, list: &Span, place: usize) -> Option<String> {
    let items = list.items();
    let item = items.get(place)?;
    let range = match (
        place.checked_sub(1).and_then(|before| items.get(before)),
        items.get(place + 1),
    ) {
        (Some(before), _) => before.range.end..item.range.end,
        (None, Some(after)) => item.range.start..after.range.start,
        (None, None) => list.range.start + 1..list.range.end - 1,
    };
    replaced(text, range, "")
}

/// `text` with `new` in the place of `range`.
pub fn replaced(text: &str, range: Range<usize>, new: &str) -> Option<String> {
    Some(format!(
        "{}{new}{}",
        text.get(..range.start)?,
        text.get(range.end..)?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_added_and_the_rest_stays_byte_for_byte() {
        for (text, after) in [
            (
                "{}",
                "{\n  \"api_keys\": {\n    \"keys\": [\n      R\n    ]\n  }\n}",
            ),
            (
                "{ \"a\": 1.50 }",
                "{\n  \"api_keys\": {\n    \"keys\": [\n      R\n    ]\n  }, \"a\": 1.50 }",
            ),
            (
                "{\"api_keys\":{\"keys\":[]}, \"b\" : [ ]}",
                "{\"api_keys\":{\"keys\":[R]}, \"b\" : [ ]}",
            ),
            (
                "{\"api_keys\":{\"keys\":[{\"id\":\"]\"}]}}",
                "{\"api_keys\":{\"keys\":[{\"id\":\"]\"}, R]}}",
            ),
            (
                "{\"api_keys\":{\"keys\":[\n    {}\n  ]}}",
                "{\"api_keys\":{\"keys\":[\n    {},\n    R\n  ]}}",
            ),
            ("{\"api_keys\":{}}", "{\"api_keys\":{ \"keys\": [R]}}"),
        ] {
            assert_eq!(with_key(text, "R").as_deref(), Some(after), "{text}");
        }
    }

    #[test]
    fn an_item_is_taken_out_with_one_comma() {
        for (text, place, after) in [
            ("[1, 2, 3]", 0, "[2, 3]"),
            ("[1, 2, 3]", 1, "[1, 3]"),
            ("[1, 2, 3]", 2, "[1, 2]"),
            ("[ 1 ]", 0, "[]"),
        ] {
            let list = spans(text).unwrap();
            assert_eq!(
                without_item(text, &list, place).as_deref(),
                Some(after),
                "{text} {place}"
            );
        }
    }
}
