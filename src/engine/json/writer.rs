//! Writes one JSON object, members in the order in which they are put.

use crate::bytes::is_ascii_behind;
use std::fmt::{Display, Write as _};
use std::net::IpAddr;

/// An object being written, on one line of printable ASCII whatever it holds (RFC 8259 section 7).
#[derive(Debug)]
pub(crate) struct ObjectWriter {
    text: String,
}

impl ObjectWriter {
    /// An object without members.
    pub(crate) fn new() -> Self {
        let mut text = String::with_capacity(1024);
        text.push('{');
        Self { text }
    }

    /// Adds a string.
    #[inline(always)]
    pub(crate) fn text(&mut self, name: &'static str, value: &str) -> &mut Self {
        self.name(name);
        self.quoted(value);
        self
    }

    /// Adds a string, or `null`.
    #[inline(always)]
    pub(crate) fn text_or_null(&mut self, name: &'static str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => {
                self.name(name);
                self.text.push_str("null");
                self
            }
        }
    }

    /// Adds a string that is the program's own word.
    #[inline(always)]
    pub(crate) fn word(&mut self, name: &'static str, value: &'static str) -> &mut Self {
        debug_assert!(is_plain_text(value.as_bytes()), "{value}");
        self.name(name);
        self.text.push('"');
        self.text.push_str(value);
        self.text.push('"');
        self
    }

    /// Adds an address, as a string.
    pub(crate) fn address(&mut self, name: &'static str, address: IpAddr) -> &mut Self {
        self.name(name);
        self.text.push('"');
        match address {
            IpAddr::V4(address) => {
                let [first, others @ ..] = address.octets();
                self.digits(first.into());
                for octet in others {
                    self.text.push('.');
                    self.digits(octet.into());
                }
            }
            // Writing to a String does not fail.
            IpAddr::V6(address) => drop(write!(self.text, "{address}")),
        }
        self.text.push('"');
        self
    }

    /// Adds a string: what `value` shows, which needs no escaping.
    pub(crate) fn display(&mut self, name: &'static str, value: impl Display) -> &mut Self {
        self.name(name);
        let start = self.text.len();
        // Writing to a String does not fail.
        let _ = write!(self.text, "\"{value}\"");
        let inside = || self.text.get(start..)?.strip_prefix('"')?.strip_suffix('"');
        debug_assert!(inside().is_some_and(|shown| shown.bytes().all(is_plain)));
        self
    }

    /// Adds a whole number.
    #[inline(always)]
    pub(crate) fn number(&mut self, name: &'static str, value: impl Into<u64>) -> &mut Self {
        let value: u64 = value.into();
        self.name(name);
        self.digits(value);
        self
    }

    /// Without the machinery of `write!`, which takes some hundred instructions.
    fn digits(&mut self, number: u64) {
        if number >= 10 {
            self.digits(number.wrapping_div(10));
        }
        let digit = u32::try_from(number.wrapping_rem(10)).ok();
        let digit = digit.and_then(|digit| char::from_digit(digit, 10));
        self.text.extend(digit);
    }

    /// Adds a list of strings.
    pub(crate) fn texts<'t>(
        &mut self,
        name: &'static str,
        values: impl Iterator<Item = &'t str>,
    ) -> &mut Self {
        self.name(name);
        self.text.push('[');
        for value in values {
            if !self.text.ends_with('[') {
                self.text.push(',');
            }
            self.quoted(value);
        }
        self.text.push(']');
        self
    }

    /// Adds an object, which `fill` fills.
    pub(crate) fn object(&mut self, name: &'static str, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.name(name);
        self.text.push('{');
        fill(self);
        self.text.push('}');
        self
    }

    /// The object as text.
    pub(crate) fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }

    /// Names are the program's own words. How long one is, only its caller knows, so all that lead there are part of
    /// the caller: some bytes of an unknown number are copied by an instruction that V8 makes a call of C++ of.
    #[inline(always)]
    fn name(&mut self, name: &'static str) {
        debug_assert!(name.bytes().all(is_plain), "{name}");
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
    }

    /// Escapes everything but printable ASCII, so that no byte of it means anything to a terminal
    /// or to a reader of lines.
    fn quoted(&mut self, value: &str) {
        self.text.push('"');
        if is_plain_text(value.as_bytes()) {
            self.text.push_str(value);
        } else {
            for character in value.chars() {
                self.character(character);
            }
        }
        self.text.push('"');
    }

    fn character(&mut self, character: char) {
        match u8::try_from(character) {
            Ok(byte) if is_plain(byte) => self.text.push(character),
            Ok(byte @ (b'"' | b'\\')) => self.text.extend(['\\', char::from(byte)]),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a String does not fail.
                    let _ = write!(self.text, "\\u{unit:04x}");
                }
            }
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7e) && !matches!(byte, b'"' | b'\\')
}

/// Whether every byte of `text` is plain.
fn is_plain_text(text: &[u8]) -> bool {
    is_ascii_behind(text, 0x1f, *b"\"\\")
}

impl Default for ObjectWriter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_texts_are_escaped() {
        let mut object = ObjectWriter::new();
        object
            .text("z", "{\"\\\n\u{0}\u{7f}\u{9b}\u{2028}é\u{1f999}{")
            .number("a", 401_u16)
            .address("at", IpAddr::from([127, 0, 20, 255]))
            .address("from", IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]))
            .word("own", "word")
            .object("in", |inner| {
                inner.text_or_null("none", None).text("b", "{");
            })
            .text_or_null("last", Some(""));
        let text = object.finish();
        let escaped = r#"{\"\\\u000a\u0000\u007f\u009b\u2028\u00e9\ud83e\udd99{"#;
        let expected = format!(
            r#"{{"z":"{escaped}","a":401,"at":"127.0.20.255","from":"2001:db8::1","own":"word","in":{{"none":null,"b":"{{"}},"last":""}}"#
        );
        assert_eq!(text, expected);
        let read = crate::json::Json::parse(text.as_bytes()).unwrap();
        let z = read.member("z").and_then(crate::json::Json::text);
        assert_eq!(z, Some("{\"\\\n\u{0}\u{7f}\u{9b}\u{2028}é\u{1f999}{"));
    }

    #[test]
    fn numbers_are_written_as_anywhere_else() {
        for number in 0..=u16::MAX {
            let mut object = ObjectWriter::new();
            object.number("n", number);
            assert_eq!(object.finish(), format!("{{\"n\":{number}}}"));
        }
    }

    #[test]
    fn a_text_is_plain_where_each_byte_of_it_is() {
        for byte in 0..=255 {
            for length in [1, 4, 8, 16, 40] {
                let text = vec![byte; length];
                assert_eq!(is_plain_text(&text), is_plain(byte), "{byte}");
            }
        }
        assert!(is_plain_text(b""));
    }

    #[test]
    fn an_empty_object_is_one() {
        assert_eq!(ObjectWriter::new().finish(), "{}");
    }
}
