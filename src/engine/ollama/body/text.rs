//! The inside of a string (RFC 8259 section 7), in chunks cut anywhere.

use super::BodyError;
use super::kept::Kept;
use super::pass::pass_over;
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
                    bytes = pass_over(bytes);
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

    #[test]
    fn an_escape_is_judged_alike_wherever_it_stands() {
        for digit in ["0", "9", "a", "F", "g", "/", "\"", r"\"] {
            for place in 0..4 {
                let mut digits = ["0"; 4];
                digits[place] = digit;
                let escape = format!(r"\u{}", digits.concat());
                for escape in [&escape, r"\n", r"\x", r"\", "\u{1}", "\""] {
                    for before in 0..140 {
                        let body = ["a".repeat(before), escape.to_owned(), "b".repeat(90)];
                        let body = body.concat() + "\"";
                        let [wanted, passed] =
                            [true, false].map(|is_wanted| end(body.as_bytes(), 999, is_wanted));
                        assert_eq!(passed, wanted, "{body}");
                    }
                }
            }
        }
    }

    /// Numbers from a seed: the same in each run.
    fn numbers(mut seed: u64) -> impl FnMut(usize) -> usize {
        move |below| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed).unwrap() % below
        }
    }

    #[test]
    fn texts_from_a_seed_end_alike_wanted_or_not_however_the_chunks_are_cut() {
        const PIECES: [&str; 20] = [
            "a",
            "plain text of some length",
            "\u{5feb}\u{901f}",
            r"\n",
            r"\t",
            r"\r",
            r"\/",
            r"\b",
            r"\f",
            r#"\""#,
            r"\\",
            r"\\\\",
            r"\u5feb",
            r"\u00E9\uD83D",
            "0",
            "u12",
            r"\",
            r"\u12",
            "\"",
            "\u{1}",
        ];
        let mut number = numbers(0x9E37_79B9_7F4A_7C15);
        for _ in 0..3000 {
            // The last ones end a text, or are wrong nearly everywhere.
            let kinds = 15 + number(6);
            let pieces = 1 + number(120);
            let mut body = String::new();
            for _ in 0..pieces {
                let rare = number(12) == 0;
                let piece = number(if rare { kinds } else { 15 });
                body.push_str(PIECES[piece.min(PIECES.len() - 1)]);
            }
            for size in [body.len(), 1 + number(body.len()), 1 + number(70)] {
                let [wanted, passed] =
                    [true, false].map(|is_wanted| end(body.as_bytes(), size, is_wanted));
                assert_eq!(passed, wanted, "{body} in chunks of {size}");
            }
        }
    }
}
