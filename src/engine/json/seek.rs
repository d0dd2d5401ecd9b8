//! The value at a pointer, found in a text that is read in pieces.
//!
//! A tree of a text of megabytes is made in one go, and a gateway's worker does nothing else meanwhile. This reads as
//! many bytes at a time as it is told to, holds nothing of them, and knows all the same whether the whole is JSON.

use super::Pointer;
use serde::de::IgnoredAny;
use std::ops::Range;

/// As deep as the tree goes.
const MAX_DEPTH: usize = 128;

/// The search for the value at a pointer.
#[derive(Debug)]
pub(crate) struct Seek {
    tokens: Vec<String>,
    at: usize,
    state: State,
    /// what the place that is read is in, from the outermost
    open: Vec<Container>,
    /// where the value begins, once that is known
    begun: Option<usize>,
    found: Option<Range<usize>>,
}

/// Why nothing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// the text is not JSON
    NotJson,
    /// a member on the way is there twice
    Twice,
    /// there is nothing at the pointer
    Absent,
}

/// An object or a list that has begun.
#[derive(Debug)]
struct Container {
    is_object: bool,
    /// whether the pointer leads into it
    on_way: bool,
    /// whether the pointer leads to the member or the item that comes
    leads_on: bool,
    /// whether it has led to one
    has_led: bool,
    /// how many items were before the one that comes
    items: usize,
}

/// What may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    ItemOrEnd,
    NameOrEnd,
    Name,
    Colon,
    /// a comma, or the end of what is open
    Next,
    Text {
        start: usize,
        is_name: bool,
        escape: Escape,
    },
    /// a number or a word, up to whatever ends it
    Word {
        start: usize,
    },
}

/// Where in an escape a string is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// so many hexadecimal digits have to come
    Digits(u8),
}

impl Seek {
    /// For the value at `pointer`.
    pub(crate) fn new(pointer: &Pointer) -> Self {
        Self {
            tokens: pointer.tokens().to_vec(),
            at: 0,
            state: State::Value,
            open: Vec::new(),
            begun: None,
            found: None,
        }
    }

    /// Reads at most `max` bytes more of `text`, which is the same each time. Where the value is, once all of it has
    /// been read.
    ///
    /// # Errors
    /// It is not there, or this is no JSON.
    pub(crate) fn step(&mut self, text: &[u8], max: usize) -> Result<Option<Range<usize>>, Lost> {
        let end = self.at.saturating_add(max).min(text.len());
        while self.at < end {
            let rest = text.get(self.at..end).unwrap_or_default();
            let read = self.read(text, rest)?;
            self.at = self.at.saturating_add(read);
        }
        if self.at < text.len() {
            return Ok(None);
        }
        if let State::Word { start } = self.state {
            self.end_word(text, start)?;
        }
        if self.state != State::Next || !self.open.is_empty() {
            return Err(Lost::NotJson);
        }
        self.found.clone().map(Some).ok_or(Lost::Absent)
    }

    /// Reads some bytes at the beginning of `rest`. Gives how many.
    fn read(&mut self, text: &[u8], rest: &[u8]) -> Result<usize, Lost> {
        let Some(&byte) = rest.first() else {
            return Ok(0);
        };
        match self.state {
            State::Text {
                start,
                is_name,
                escape,
            } => return self.read_text(text, rest, start, is_name, escape),
            State::Word { start } => {
                let length = rest.iter().position(|byte| ends_word(*byte));
                if length.is_some() {
                    self.at = self.at.saturating_add(length.unwrap_or_default());
                    self.end_word(text, start)?;
                    return Ok(0);
                }
                return Ok(rest.len());
            }
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => return Ok(1),
            State::Value => self.begin_value(byte)?,
            State::ItemOrEnd if byte == b']' => self.close()?,
            State::ItemOrEnd => {
                self.state = State::Value;
                return Ok(0);
            }
            State::NameOrEnd if byte == b'}' => self.close()?,
            State::NameOrEnd | State::Name if byte == b'"' => {
                self.state = State::Text {
                    start: self.at,
                    is_name: true,
                    escape: Escape::None,
                };
            }
            State::Colon if byte == b':' => self.state = State::Value,
            State::Next => self.read_next(byte)?,
            State::NameOrEnd | State::Name | State::Colon => return Err(Lost::NotJson),
        }
        Ok(1)
    }

    fn read_next(&mut self, byte: u8) -> Result<(), Lost> {
        let top = self.open.last_mut().ok_or(Lost::NotJson)?;
        match (byte, top.is_object) {
            (b',', true) => self.state = State::Name,
            (b',', false) => {
                top.items = top.items.saturating_add(1);
                self.state = State::Value;
            }
            (b'}', true) | (b']', false) => self.close()?,
            _ => return Err(Lost::NotJson),
        }
        Ok(())
    }

    /// A value begins with `byte`.
    fn begin_value(&mut self, byte: u8) -> Result<(), Lost> {
        let depth = self.open.len();
        let token = depth
            .checked_sub(1)
            .and_then(|place| self.tokens.get(place));
        let leads_here = match self.open.last_mut() {
            None => true,
            Some(top) if !top.on_way => false,
            Some(top) if top.is_object => top.leads_on,
            // RFC 6901 section 4: without leading zeros.
            Some(top) => token.is_some_and(|token| *token == top.items.to_string()),
        };
        if leads_here && depth == self.tokens.len() {
            self.begun = Some(self.at);
        }
        match byte {
            b'{' | b'[' => {
                if depth >= MAX_DEPTH {
                    return Err(Lost::NotJson);
                }
                let is_object = byte == b'{';
                self.open.push(Container {
                    is_object,
                    on_way: leads_here && depth < self.tokens.len(),
                    leads_on: false,
                    has_led: false,
                    items: 0,
                });
                self.state = if is_object {
                    State::NameOrEnd
                } else {
                    State::ItemOrEnd
                };
            }
            b'"' => {
                self.state = State::Text {
                    start: self.at,
                    is_name: false,
                    escape: Escape::None,
                };
            }
            _ if ends_word(byte) => return Err(Lost::NotJson),
            _ => self.state = State::Word { start: self.at },
        }
        Ok(())
    }

    /// The container that is open ends with the byte that is read.
    fn close(&mut self) -> Result<(), Lost> {
        self.open.pop().ok_or(Lost::NotJson)?;
        self.end_value(self.at.saturating_add(1));
        Ok(())
    }

    /// A value ends before `end`.
    fn end_value(&mut self, end: usize) {
        if self.open.len() == self.tokens.len()
            && let Some(start) = self.begun.take()
        {
            self.found = Some(start..end);
        }
        self.state = State::Next;
    }

    fn end_word(&mut self, text: &[u8], start: usize) -> Result<(), Lost> {
        let word = text.get(start..self.at).unwrap_or_default();
        serde_json::from_slice::<IgnoredAny>(word).map_err(|_| Lost::NotJson)?;
        self.end_value(self.at);
        Ok(())
    }

    fn read_text(
        &mut self,
        text: &[u8],
        rest: &[u8],
        start: usize,
        is_name: bool,
        escape: Escape,
    ) -> Result<usize, Lost> {
        let special = |byte: &u8| matches!(*byte, b'"' | b'\\' | 0..=0x1f);
        let (read, escape) = match (escape, rest.first()) {
            (Escape::None, _) => match rest.iter().position(special) {
                None => (rest.len(), Escape::None),
                Some(place) => match rest.get(place) {
                    Some(b'"') => {
                        let end = self.at.saturating_add(place).saturating_add(1);
                        self.end_text(text, start..end, is_name)?;
                        return Ok(place.saturating_add(1));
                    }
                    Some(b'\\') => (place.saturating_add(1), Escape::Begun),
                    _ => return Err(Lost::NotJson),
                },
            },
            (Escape::Begun, Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => {
                (1, Escape::None)
            }
            (Escape::Begun, Some(b'u')) => (1, Escape::Digits(4)),
            (Escape::Digits(left), Some(byte)) if byte.is_ascii_hexdigit() => match left {
                2.. => (1, Escape::Digits(left.saturating_sub(1))),
                _ => (1, Escape::None),
            },
            _ => return Err(Lost::NotJson),
        };
        self.state = State::Text {
            start,
            is_name,
            escape,
        };
        Ok(read)
    }

    /// The string at `place` has ended.
    fn end_text(&mut self, text: &[u8], place: Range<usize>, is_name: bool) -> Result<(), Lost> {
        if !is_name {
            self.end_value(place.end);
            return Ok(());
        }
        self.state = State::Colon;
        let token = self.open.len().checked_sub(1);
        let token = token.and_then(|place| self.tokens.get(place));
        if let (Some(top), Some(token)) = (self.open.last_mut(), token)
            && top.on_way
        {
            let name = text.get(place).unwrap_or_default();
            let name: String = serde_json::from_slice(name).map_err(|_| Lost::NotJson)?;
            top.leads_on = name == *token;
            if top.leads_on && top.has_led {
                return Err(Lost::Twice);
            }
            top.has_led |= top.leads_on;
        }
        Ok(())
    }
}

/// Whether a number or a word ends before this byte.
const fn ends_word(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b']' | b'}' | b'[' | b'{' | b'"'
    )
}

#[cfg(test)]
mod tests {
    use super::super::Json;
    use super::*;

    /// What stands at the pointer, read in pieces of every length.
    fn sought(pointer: &str, text: &str) -> Result<String, Lost> {
        let pointer = Pointer::parse(pointer).unwrap();
        let read = |max: usize| {
            let mut seek = Seek::new(&pointer);
            loop {
                if let Some(found) = seek.step(text.as_bytes(), max)? {
                    return Ok(text[found].to_owned());
                }
            }
        };
        let whole = read(usize::MAX);
        for max in 1..text.len().clamp(2, 40) {
            assert_eq!(read(max), whole, "{text} by {max}");
        }
        whole
    }

    #[test]
    fn a_value_is_found_however_its_text_is_cut() {
        let text =
            r#" {"x" : [1, {"a/b": "A\"\\é", "v": null}], "m~n": {"x": -1.5e3 }, "": true} "#;
        for (pointer, found) in [
            ("/x", r#"[1, {"a/b": "A\"\\é", "v": null}]"#),
            ("/x/0", "1"),
            ("/x/1/a~1b", r#""A\"\\é""#),
            ("/x/1/v", "null"),
            ("/m~0n/x", "-1.5e3"),
            ("/", "true"),
            ("", text.trim()),
        ] {
            assert_eq!(sought(pointer, text).as_deref(), Ok(found), "{pointer}");
        }
        assert_eq!(sought("", " -1 ").as_deref(), Ok("-1"));
        assert_eq!(sought("/a", r#"{"\u0061": 1}"#).as_deref(), Ok("1"));
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for (pointer, text, why) in [
            ("/a", "{}", Lost::Absent),
            ("/a", "[]", Lost::Absent),
            ("/a", "1", Lost::Absent),
            ("/a/b", r#"{"a": 1, "b": 2}"#, Lost::Absent),
            ("/b", r#"{"a": {"b": 1}}"#, Lost::Absent),
            ("/0", r#"[]"#, Lost::Absent),
            ("/01", "[1, 2]", Lost::Absent),
            ("/2", "[1, 2]", Lost::Absent),
            ("/a", r#"{"a": 1, "a": 2}"#, Lost::Twice),
            ("/a", r#"{"a": 1, "b": {"a": 1, "a": 2}"#, Lost::NotJson),
            ("", "", Lost::NotJson),
        ] {
            assert_eq!(sought(pointer, text), Err(why), "{pointer} {text}");
        }
        let twice_elsewhere = r#"{"a": 1, "b": {"a": 1, "a": 2}}"#;
        assert_eq!(sought("/a", twice_elsewhere).as_deref(), Ok("1"));
    }

    #[test]
    fn json_is_what_the_tree_takes_for_json() {
        let whole = r#"{"a": [1, -2.5e+3, "x\u00e9\n", {}, [], true, null], "b": {"c": ""}}"#;
        let mut texts: Vec<String> = (0..whole.len())
            .map(|end| whole[..end].to_owned())
            .collect();
        texts.extend((0..whole.len()).flat_map(|place| {
            [
                ",", "\"", "}", "]", "{", "[", ":", "\\", "1", "x", "\u{1}", " ",
            ]
            .map(|put| format!("{}{put}{}", &whole[..place], &whole[place..]))
        }));
        for text in [
            "01",
            "1.",
            "+1",
            "tru",
            "nul",
            "NaN",
            "[1,]",
            "{\"a\":1,}",
            "'a'",
            "1 2",
        ] {
            texts.push(text.to_owned());
        }
        for text in texts {
            let is_json = sought("", &text) != Err(Lost::NotJson);
            assert_eq!(is_json, Json::parse(text.as_bytes()).is_ok(), "{text}");
        }
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(sought("", &deep(MAX_DEPTH)).is_ok());
        assert_eq!(sought("", &deep(MAX_DEPTH + 1)), Err(Lost::NotJson));
    }
}
