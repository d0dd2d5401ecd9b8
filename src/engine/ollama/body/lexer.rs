//! JSON by its grammar (RFC 8259), in chunks cut anywhere, with nothing kept but one text.

use super::kept::Kept;
use super::number::Digits;
use super::text::Text;
use super::{BodyError, MAX_DEPTH};

/// What kind of value begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `{`
    Object,
    /// `[`
    List,
    /// a string
    Text,
    /// a number
    Number,
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
}

/// Who is told of a document while it is read.
pub(crate) trait Sink {
    /// Whether the name that begins is to be kept.
    fn wants_name(&self) -> bool;
    /// A name has been read, which was wanted.
    fn name(&mut self, name: &Kept) -> Result<(), BodyError>;
    /// A value begins. Returns whether its text is to be kept.
    fn begin(&mut self, kind: Kind) -> Result<bool, BodyError>;
    /// A string has been read, which was wanted.
    fn text(&mut self, value: &Kept) -> Result<(), BodyError>;
    /// A number has been read, which was wanted.
    fn number(&mut self, value: &Kept) -> Result<(), BodyError>;
    /// An object or a list has ended.
    fn end(&mut self);
}

/// Reads one document, whose value is an object.
#[derive(Debug, Default)]
pub(crate) struct Lexer {
    state: State,
    text: Text,
    /// whether the name or value that is being read was wanted
    is_wanted: bool,
    depth: u32,
    /// one bit for each level, the innermost the lowest: set for an object
    objects: u128,
}

/// What is expected next.
#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Start,
    NameOrClose,
    Name,
    Colon,
    Value,
    ValueOrClose,
    CommaOrClose,
    End,
    InName,
    InText,
    InNumber(Digits),
    /// what is still to come of `true`, `false` or `null`, the next letter the lowest
    InWord(u32),
}

impl Lexer {
    /// Reads on.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), BodyError> {
        while let Some((byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                State::InName | State::InText => match self.text.feed(bytes)? {
                    Some(rest) => {
                        self.close_text(sink)?;
                        rest
                    }
                    None => return Ok(()),
                },
                State::InNumber(digits) => self.number(digits, bytes, sink)?,
                State::InWord(word) if word & 0xFF == u32::from(*byte) => {
                    self.state = match word.wrapping_shr(8) {
                        0 => State::CommaOrClose,
                        more => State::InWord(more),
                    };
                    rest
                }
                State::InWord(_) => return Err(BodyError::Syntax),
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => rest,
                _ => {
                    self.structure(*byte, sink)?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// Whether the document has come to its end.
    ///
    /// # Errors
    /// When it has not.
    pub(crate) const fn finish(&self) -> Result<(), BodyError> {
        match self.state {
            State::End => Ok(()),
            State::Start => Err(BodyError::Empty),
            _ => Err(BodyError::Truncated),
        }
    }

    /// How many bytes of memory this holds beside itself.
    pub(crate) const fn buffered_bytes(&self) -> usize {
        self.text.kept().buffered_bytes()
    }

    fn structure(&mut self, byte: u8, sink: &mut impl Sink) -> Result<(), BodyError> {
        let is_object = self.objects & 1 == 1;
        match (self.state, byte) {
            (State::Start, b'{') => self.open(Kind::Object, sink)?,
            (State::Start, 0xEF | 0xFE | 0xFF) => return Err(BodyError::ByteOrderMark),
            (State::Start, _) => return Err(BodyError::NotAnObject),
            (State::End, _) => return Err(BodyError::TrailingData),
            (State::NameOrClose, b'}') | (State::ValueOrClose, b']') => self.close(sink),
            (State::CommaOrClose, b'}') if is_object => self.close(sink),
            (State::CommaOrClose, b']') if !is_object => self.close(sink),
            (State::CommaOrClose, b',') if is_object => self.state = State::Name,
            (State::CommaOrClose, b',') => self.state = State::Value,
            (State::Colon, b':') => self.state = State::Value,
            (State::NameOrClose | State::Name, b'"') => {
                self.is_wanted = sink.wants_name();
                self.text.begin(self.is_wanted);
                self.state = State::InName;
            }
            (State::Value | State::ValueOrClose, _) => self.value(byte, sink)?,
            _ => return Err(BodyError::Syntax),
        }
        Ok(())
    }

    fn value(&mut self, byte: u8, sink: &mut impl Sink) -> Result<(), BodyError> {
        let (kind, state) = match byte {
            b'{' => return self.open(Kind::Object, sink),
            b'[' => return self.open(Kind::List, sink),
            b'"' => (Kind::Text, State::InText),
            b't' => (
                Kind::Bool(true),
                State::InWord(u32::from_le_bytes(*b"rue\0")),
            ),
            b'f' => (
                Kind::Bool(false),
                State::InWord(u32::from_le_bytes(*b"alse")),
            ),
            b'n' => (Kind::Null, State::InWord(u32::from_le_bytes(*b"ull\0"))),
            _ => {
                let digits = Digits::first(byte).ok_or(BodyError::Syntax)?;
                (Kind::Number, State::InNumber(digits))
            }
        };
        self.is_wanted = sink.begin(kind)?;
        self.text.begin(self.is_wanted);
        if kind == Kind::Number {
            self.text.push(byte);
        }
        self.state = state;
        Ok(())
    }

    /// Reads on in a number. Returns what follows it: the byte behind it belongs to what comes next.
    fn number<'a>(
        &mut self,
        mut digits: Digits,
        mut bytes: &'a [u8],
        sink: &mut impl Sink,
    ) -> Result<&'a [u8], BodyError> {
        while let Some((byte, rest)) = bytes.split_first() {
            let Some(next) = digits.next(*byte) else {
                self.close_number(digits, sink)?;
                return Ok(bytes);
            };
            if self.is_wanted {
                self.text.push(*byte);
            }
            digits = next;
            bytes = rest;
        }
        self.state = State::InNumber(digits);
        Ok(bytes)
    }

    fn open(&mut self, kind: Kind, sink: &mut impl Sink) -> Result<(), BodyError> {
        if self.depth >= MAX_DEPTH {
            return Err(BodyError::TooDeep);
        }
        sink.begin(kind)?;
        let is_object = kind == Kind::Object;
        self.depth = self.depth.saturating_add(1);
        self.objects = self.objects.wrapping_shl(1) | u128::from(is_object);
        self.state = if is_object {
            State::NameOrClose
        } else {
            State::ValueOrClose
        };
        Ok(())
    }

    fn close(&mut self, sink: &mut impl Sink) {
        sink.end();
        self.depth = self.depth.saturating_sub(1);
        self.objects = self.objects.wrapping_shr(1);
        self.state = match self.depth {
            0 => State::End,
            _ => State::CommaOrClose,
        };
    }

    fn close_text(&mut self, sink: &mut impl Sink) -> Result<(), BodyError> {
        let is_name = matches!(self.state, State::InName);
        self.state = if is_name {
            State::Colon
        } else {
            State::CommaOrClose
        };
        match (self.is_wanted, is_name) {
            (false, _) => Ok(()),
            (true, true) => sink.name(self.text.kept()),
            (true, false) => sink.text(self.text.kept()),
        }
    }

    fn close_number(&mut self, digits: Digits, sink: &mut impl Sink) -> Result<(), BodyError> {
        if !digits.may_end() {
            return Err(BodyError::Syntax);
        }
        self.state = State::CommaOrClose;
        if self.is_wanted {
            sink.number(self.text.kept())
        } else {
            Ok(())
        }
    }
}
