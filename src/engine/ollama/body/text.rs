//! The inside of a string (RFC 8259 section 7), in chunks cut anywhere.

use super::BodyError;
use super::kept::Kept;
use super::skip::{InText, length_before};

/// A string, or a name, that is being read. Its opening quote has passed.
#[derive(Debug, Default)]
pub(crate) struct Text {
    kept: Kept,
    inside: Inside,
}

/// Where in a string the last chunk ended.
#[derive(Clone, Copy, Debug, Default)]
enum Inside {
    #[default]
    Plain,
    /// behind a backslash
    Escape,
    /// behind `\u`, with the digits that are still to come and the value so far
    Unit { left: u8, value: u16 },
}

impl Text {
    /// Begins a text; what `is_wanted` is decoded and kept.
    pub(crate) fn begin(&mut self, is_wanted: bool) {
        self.kept.begin(is_wanted);
        self.inside = Inside::Plain;
    }

    /// What was kept.
    pub(crate) const fn kept(&self) -> &Kept {
        &self.kept
    }

    /// Adds to a text that has no quotes: a number.
    pub(crate) fn push(&mut self, byte: u8) {
        self.kept.push(&[byte]);
    }

    /// Reads on. Returns what follows the closing quote, or `None` when it is not in `bytes`.
    pub(crate) fn feed<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, BodyError> {
        loop {
            if matches!(self.inside, Inside::Plain) {
                // Images of tens of megabytes pass here.
                if self.kept.is_wanted() {
                    let plain = length_before::<InText>(bytes);
                    let (run, rest) = bytes.split_at_checked(plain).unwrap_or((bytes, &[]));
                    self.kept.push(run);
                    bytes = rest;
                } else {
                    bytes = behind_escapes(bytes);
                }
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return Ok(None);
            };
            bytes = rest;
            self.inside = match self.inside {
                Inside::Plain if *byte == b'"' => return Ok(Some(rest)),
                Inside::Plain if *byte == b'\\' => Inside::Escape,
                Inside::Plain => return Err(BodyError::Syntax),
                Inside::Escape => self.escape(*byte)?,
                Inside::Unit { left, value } => self.digit(left, value, *byte)?,
            };
        }
    }

    fn escape(&mut self, byte: u8) -> Result<Inside, BodyError> {
        let letter = match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 0x08,
            b'f' => 0x0C,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => return Ok(Inside::Unit { left: 4, value: 0 }),
            _ => return Err(BodyError::Syntax),
        };
        self.kept.push(&[letter]);
        Ok(Inside::Plain)
    }

    fn digit(&mut self, left: u8, value: u16, byte: u8) -> Result<Inside, BodyError> {
        let digit = char::from(byte).to_digit(16);
        let digit = digit.and_then(|digit| u16::try_from(digit).ok());
        let digit = digit.ok_or(BodyError::Syntax)?;
        let value = value.wrapping_shl(4) | digit;
        match left.saturating_sub(1) {
            0 => {
                self.kept.push_unit(value);
                Ok(Inside::Plain)
            }
            left => Ok(Inside::Unit { left, value }),
        }
    }
}

/// What is left of `bytes`, the inside of a string that nobody wants, where its state is needed again: at its
/// end, at an error, at an escape that is cut.
fn behind_escapes(mut bytes: &[u8]) -> &[u8] {
    loop {
        let plain = length_before::<InText>(bytes);
        let rest = bytes.get(plain..).unwrap_or_default();
        bytes = match rest {
            [b'\\', letter, after @ ..] if is_whole_escape(*letter) => after,
            [b'\\', b'u', a, b, c, d, after @ ..]
                if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) =>
            {
                after
            }
            _ => return rest,
        };
    }
}

/// Whether `letter` behind a backslash is an escape by itself.
const fn is_whole_escape(letter: u8) -> bool {
    matches!(
        letter,
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `body`, a string without its opening quote, in chunks of `size`.
    fn read(body: &[u8], size: usize) -> Result<Option<String>, BodyError> {
        let mut text = Text::default();
        text.begin(true);
        for (place, chunk) in body.chunks(size).enumerate() {
            if let Some(rest) = text.feed(chunk)? {
                assert_eq!(
                    place * size + chunk.len() - rest.len(),
                    body.len(),
                    "{place}, {chunk:?}"
                );
                return text.kept().text("model").map(|text| Some(text.to_owned()));
            }
        }
        Ok(None)
    }

    #[test]
    fn every_escape_is_decoded_however_the_chunks_are_cut() {
        let body = br#"a\"\\\/\b\f\n\r\t\u006d\u00E9\ud83d\uDE00 z""#;
        for size in 1..=body.len() {
            let text = read(body, size).unwrap().unwrap();
            assert_eq!(text, "a\"\\/\u{8}\u{c}\n\r\tm\u{e9}\u{1F600} z", "{size}");
        }
    }

    #[test]
    fn other_escapes_and_control_characters_are_refused() {
        for body in [
            &br#"\x41""#[..],
            br#"\u00g0""#,
            br#"\u00 0""#,
            br#"\u+041""#,
            br#"\U0041""#,
            br#"\'""#,
            b"a\nb\"",
            b"a\0b\"",
            b"a\x1fb\"",
            b"a\\\nb\"",
        ] {
            for size in 1..=body.len() {
                assert_eq!(read(body, size), Err(BodyError::Syntax), "{body:?}");
            }
        }
        assert_eq!(read(b"a\x7fb\"", 2).unwrap().unwrap(), "a\x7fb");
    }

    #[test]
    fn a_string_without_its_end_is_not_one() {
        for body in [&b"abc"[..], br"abc\", br"abc\u00", br#"abc\""#] {
            assert_eq!(read(body, 2), Ok(None), "{body:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_unicode_are_refused_where_they_are_wanted() {
        for body in [
            &b"a\xff\""[..],
            b"\xed\xa0\x80\"",
            b"\xc0\xaf\"",
            b"\xe2\x84\"",
        ] {
            assert_eq!(read(body, 1), Err(BodyError::NotUnicode), "{body:?}");
        }
        assert_eq!(
            read("\u{212a}\"".as_bytes(), 1).unwrap().unwrap(),
            "\u{212a}"
        );
    }

    /// Where the string ends, if it does, in chunks of `size`.
    fn end(body: &[u8], size: usize, is_wanted: bool) -> Result<Option<usize>, BodyError> {
        let mut text = Text::default();
        text.begin(is_wanted);
        for (place, chunk) in body.chunks(size).enumerate() {
            if let Some(rest) = text.feed(chunk)? {
                return Ok(Some(place * size + chunk.len() - rest.len()));
            }
        }
        Ok(None)
    }

    #[test]
    fn what_nobody_wants_ends_where_it_would_if_it_were_wanted() {
        let prose = r#"a line of fifty letters or so, and then the next \n"#.repeat(4);
        let escapes = r#"\"\\\/\b\f\n\r\t\u006d\u00E9\ud83d"#;
        let mut bodies = Vec::new();
        for wrong in ["", r"\x", r"\u00g0", r"\u12", "\u{1}", r"\", "\u{e9}"] {
            bodies.push(format!("{prose}{escapes}{wrong}{prose}\"{prose}"));
            bodies.push(format!("{escapes}{wrong}\""));
        }
        bodies.push(prose.clone());
        for body in &bodies {
            for size in (1..70).chain([body.len()]) {
                let [wanted, passed] =
                    [true, false].map(|is_wanted| end(body.as_bytes(), size, is_wanted));
                assert_eq!(passed, wanted, "{body} in chunks of {size}");
            }
        }
    }
}
