//! The one body that is a form: `/v1/audio/transcriptions` (RFC 7578).
//!
//! Ollama takes the first field called `model` that is no file; a `model` in the query of the request
//! would go before it, so whoever asks for this reader has to refuse a query. Go's reader of forms puts up with
//! much that others read differently: text before the first boundary, bare line feeds, white space
//! behind a boundary, extended and folded headers. Here a form is one that all of them read alike.

use super::field::{Field, folded_model};
use super::kept::Kept;
use super::parameters::{Parameters, is_token};
use super::skip::{Break, length_before};
use super::{BodyError, Members};

/// How long the line of a part's header may be. The name of a file stands in one.
const MAX_LINE: usize = 2048;

/// How many header lines a part may have.
const MAX_LINES: usize = 16;

/// The line break before a boundary, which belongs to it.
const BREAK: &[u8] = b"\r\n";

/// Reads a form in chunks. It keeps a few kilobytes at most, however long the files in it are.
#[derive(Debug)]
pub struct FormScanner {
    /// a line break, two dashes and the boundary
    delimiter: Vec<u8>,
    state: State,
    part: Part,
    line: Vec<u8>,
    value: Kept,
    model: Option<String>,
    bytes: u64,
    failed: Option<BodyError>,
}

/// What is expected next.
#[derive(Clone, Copy, Debug)]
enum State {
    /// the first boundary, of which so much has come, counted with a line break before it
    Opening(usize),
    /// what follows a boundary
    Boundary,
    /// the second half of the line break behind a boundary
    BoundaryBreak,
    /// the second dash behind the last boundary
    BoundaryDash,
    /// a line of a part's header
    Header,
    /// a part's content
    Content {
        /// how much of the delimiter has come
        matched: usize,
        /// where in the delimiter that began: behind its line break at the beginning of a part
        from: usize,
    },
    /// what may follow the last boundary: so much of a line break has come
    End(usize),
}

/// What is known of a part from its header.
#[derive(Debug, Default)]
struct Part {
    lines: usize,
    /// whether it is the field `model`; `None` before its disposition has come
    is_model: Option<bool>,
}

impl FormScanner {
    /// A reader of the body of a request with this `Content-Type`.
    ///
    /// # Errors
    /// When it announces no form, or not with one plain boundary.
    pub fn new(content_type: &[u8]) -> Result<Self, BodyError> {
        let boundary = boundary(content_type).ok_or(BodyError::NotAForm)?;
        Ok(Self {
            delimiter: [BREAK, b"--", boundary.as_bytes()].concat(),
            state: State::Opening(BREAK.len()),
            part: Part::default(),
            line: Vec::new(),
            value: Kept::default(),
            model: None,
            bytes: 0,
            failed: None,
        })
    }

    /// Reads the next chunk, which may be cut anywhere and may be empty.
    ///
    /// # Errors
    /// When the body can be refused already. It stays refused, whatever follows.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
        self.bytes = self.bytes.saturating_add(length);
        let mut rest = chunk;
        while let Some((byte, after)) = rest.split_first() {
            let step = match self.state {
                State::Content { matched, from } => self.content(rest, matched, from),
                state => self.step(state, *byte).map(|()| after),
            };
            rest = match step {
                Ok(rest) => rest,
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            };
        }
        Ok(())
    }

    /// What the form said, once all of it was fed: of the members, `model` alone.
    ///
    /// # Errors
    /// When it was refused, or when its last boundary is missing.
    pub fn finish(self) -> Result<Members, BodyError> {
        match (self.failed, self.state) {
            (Some(error), _) => Err(error),
            (None, State::End(0 | 2)) => Ok(Members {
                model: self.model,
                bytes: self.bytes,
                ..Members::default()
            }),
            (None, _) => Err(BodyError::Truncated),
        }
    }

    /// How many bytes of memory this holds, itself included.
    pub fn memory_bytes(&self) -> usize {
        let model = self.model.as_ref().map_or(0, String::capacity);
        size_of::<Self>()
            .saturating_add(self.delimiter.capacity())
            .saturating_add(self.line.capacity())
            .saturating_add(self.value.buffered_bytes())
            .saturating_add(model)
    }

    /// Takes one byte outside of a content.
    fn step(&mut self, state: State, byte: u8) -> Result<(), BodyError> {
        self.state = match (state, byte) {
            (State::Opening(matched), byte) if self.delimiter.get(matched) == Some(&byte) => {
                match matched.saturating_add(1) {
                    matched if matched == self.delimiter.len() => State::Boundary,
                    matched => State::Opening(matched),
                }
            }
            (State::Boundary, b'\r') => State::BoundaryBreak,
            (State::Boundary, b'-') => State::BoundaryDash,
            (State::BoundaryBreak, b'\n') => {
                self.part = Part::default();
                State::Header
            }
            (State::BoundaryDash, b'-') => State::End(0),
            (State::End(0), b'\r') => State::End(1),
            (State::End(1), b'\n') => State::End(2),
            (State::Header, byte) => return self.header(byte),
            _ => return Err(BodyError::FormSyntax),
        };
        Ok(())
    }

    /// Takes one byte of a part's header.
    fn header(&mut self, byte: u8) -> Result<(), BodyError> {
        if byte != b'\n' {
            if self.line.len() >= MAX_LINE {
                return Err(BodyError::FormHeader);
            }
            self.line.push(byte);
            return Ok(());
        }
        let line = std::mem::take(&mut self.line);
        let text = line.strip_suffix(b"\r").ok_or(BodyError::FormSyntax)?;
        if !text.is_empty() {
            self.part.line(text)?;
        } else {
            let is_model = self.part.is_model.ok_or(BodyError::FormHeader)?;
            if is_model && self.model.is_some() {
                return Err(BodyError::Duplicate(Field::Model.name()));
            }
            self.value.begin(is_model);
            // The empty line may count as the line break of a boundary that follows at once.
            let (matched, from) = (BREAK.len(), BREAK.len());
            self.state = State::Content { matched, from };
        }
        self.line = line;
        self.line.clear();
        Ok(())
    }

    /// Takes what there is of a content. Returns what follows.
    fn content<'a>(
        &mut self,
        bytes: &'a [u8],
        matched: usize,
        from: usize,
    ) -> Result<&'a [u8], BodyError> {
        let Some((byte, rest)) = bytes.split_first() else {
            return Ok(bytes);
        };
        if self.delimiter.get(matched) == Some(byte) {
            let matched = matched.saturating_add(1);
            self.state = State::Content { matched, from };
            if matched == self.delimiter.len() {
                self.close_part(from)?;
            }
            return Ok(rest);
        }
        // It was no boundary, then. No line break stands inside the delimiter, so another one can
        // only begin with the byte that did not fit.
        let content = self.delimiter.get(from..matched).unwrap_or_default();
        self.value.push(content);
        let length = length_before::<Break>(bytes);
        let (content, rest) = bytes.split_at_checked(length).unwrap_or((bytes, &[]));
        self.value.push(content);
        let (matched, from) = (0, 0);
        self.state = State::Content { matched, from };
        Ok(rest)
    }

    fn close_part(&mut self, from: usize) -> Result<(), BodyError> {
        if from > 0 {
            // A boundary without a line break of its own: some take it for content.
            return Err(BodyError::FormSyntax);
        }
        if self.part.is_model == Some(true) {
            let name = Field::Model.name();
            self.model = Some(self.value.text(name)?.to_owned());
        }
        self.state = State::Boundary;
        Ok(())
    }
}

impl Part {
    /// Takes a line of the header, without its end.
    fn line(&mut self, line: &[u8]) -> Result<(), BodyError> {
        self.lines = self.lines.saturating_add(1);
        let line = std::str::from_utf8(line).map_err(|_| BodyError::NotUnicode)?;
        let (name, value) = line.split_once(':').ok_or(BodyError::FormHeader)?;
        let is_plain = !value.contains(|letter: char| letter.is_control() && letter != '\t');
        // A folded line begins with white space, which no name has.
        let is_name = !name.is_empty() && name.bytes().all(is_token);
        if self.lines > MAX_LINES || !is_plain || !is_name {
            return Err(BodyError::FormHeader);
        }
        let value = value.trim_matches([' ', '\t']);
        if name.eq_ignore_ascii_case("content-transfer-encoding") {
            let plain = ["7bit", "8bit", "binary"];
            let is_plain = plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
            return is_plain.then_some(()).ok_or(BodyError::FormEncoding);
        }
        if name.eq_ignore_ascii_case("content-disposition") {
            return self.disposition(value);
        }
        Ok(())
    }

    fn disposition(&mut self, value: &str) -> Result<(), BodyError> {
        const FILENAME: &str = "filename";
        const EXTENDED: &str = "filename*";
        let parameters = Parameters::parse(value).ok_or(BodyError::FormHeader)?;
        let is_form_data = parameters.is("form-data") && !parameters.has_extended(EXTENDED);
        let name = parameters.get("name").filter(|_| is_form_data);
        let name = name.ok_or(BodyError::FormHeader)?;
        if self.is_model.is_some() {
            return Err(BodyError::FormHeader);
        }
        let is_model = name == Field::Model.name();
        if !is_model && folded_model(name) {
            return Err(BodyError::Spelling(Field::Model.name()));
        }
        let is_file = [FILENAME, EXTENDED]
            .into_iter()
            .any(|file| parameters.get(file).is_some());
        if is_model && is_file {
            return Err(BodyError::WrongType(Field::Model.name()));
        }
        self.is_model = Some(is_model);
        Ok(())
    }
}

/// The boundary that `content_type` announces (RFC 2046 section 5.1.1).
fn boundary(content_type: &[u8]) -> Option<&str> {
    const MAX_BOUNDARY_BYTES: usize = 70;
    let parameters = Parameters::parse(std::str::from_utf8(content_type).ok()?)?;
    let is_form = parameters.is("multipart/form-data") && !parameters.has_extended("");
    let boundary = parameters.get("boundary").filter(|_| is_form)?;
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    let has_length = (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len());
    (has_length && boundary.bytes().all(is_fit)).then_some(boundary)
}
