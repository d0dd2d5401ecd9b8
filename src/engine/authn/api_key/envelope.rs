//! What a document comes in: the answer of a store, somewhere in which it stands, perhaps in base64.

use super::text::{Utf8, decoded, escaped_piece};
use crate::json::{Lost, Pointer, Seek};
use crate::source::Budget;
use std::ops::Range;

/// What a document comes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// where it stands in the answer
    pub pointer: Pointer,
    /// whether what stands there is its text in base64
    pub base64: bool,
}

/// An answer out of which a document is taken, in pieces.
#[derive(Debug)]
pub(super) struct Opening {
    envelope: Envelope,
    answer: Vec<u8>,
    work: Work,
}

#[derive(Debug)]
enum Work {
    /// whether it is text at all
    Checking(Utf8),
    /// where in it the document is
    Seeking(Seek),
    /// what it is, before escapes and base64
    Decoding {
        /// what has yet to be decoded
        rest: Range<usize>,
        escaped: bool,
        base64: Option<Base64>,
        document: Vec<u8>,
    },
}

/// Base64 that comes in pieces.
#[derive(Debug, Default)]
struct Base64 {
    /// characters that are no whole group yet
    left: Vec<u8>,
    /// whether its end has come
    ended: bool,
}

/// What was taken out of an answer.
#[derive(Debug)]
pub(super) struct Document {
    /// the bytes in which it is
    pub text: Vec<u8>,
    /// where it is in them
    pub place: Range<usize>,
}

/// How many bytes of text are passed over for the price of one that is read as a record.
const CHEAP: usize = 8;

impl Envelope {
    /// Begins to take the document out of `answer`.
    pub(super) fn open(&self, answer: Vec<u8>) -> Opening {
        Opening {
            envelope: self.clone(),
            answer,
            work: Work::Checking(Utf8::default()),
        }
    }
}

impl Opening {
    /// Goes on within `budget`. The document, once it is out.
    ///
    /// # Errors
    /// Why there is none, without quoting it.
    pub(super) fn step(&mut self, budget: &mut Budget) -> Result<Option<Document>, String> {
        let max = budget.items(1).saturating_mul(CHEAP);
        budget.spend(max.min(self.answer.len()) / CHEAP);
        match &mut self.work {
            Work::Checking(utf8) => {
                let done = utf8.step(&self.answer, max);
                if done.map_err(|()| "the answer is not UTF-8")? {
                    return Ok(self.begin());
                }
            }
            Work::Seeking(seek) => {
                let found = seek.step(&self.answer, max).map_err(|why| match why {
                    Lost::NotJson => "the answer is not JSON".to_owned(),
                    Lost::Twice => {
                        let pointer = &self.envelope.pointer;
                        format!("a member on the way to `{pointer}` is there twice")
                    }
                    Lost::Absent => format!("there is nothing at `{}`", self.envelope.pointer),
                })?;
                if let Some(place) = found {
                    return self.begin_at(place);
                }
            }
            Work::Decoding {
                rest,
                escaped,
                base64,
                document,
            } => {
                let end = rest.start.saturating_add(max).min(rest.end);
                let piece = self.answer.get(rest.start..end).unwrap_or_default();
                let is_last = end == rest.end;
                let (read, text) = if *escaped {
                    escaped_piece(piece, is_last).ok_or("the answer is not JSON")?
                } else {
                    (piece.len(), piece.into())
                };
                rest.start = rest.start.saturating_add(read);
                match base64 {
                    Some(base64) => base64.add(&text, is_last, document)?,
                    None => document.extend_from_slice(&text),
                }
                if rest.start >= rest.end {
                    let text = std::mem::take(document);
                    let place = 0..text.len();
                    return Ok(Some(Document { text, place }));
                }
            }
        }
        Ok(None)
    }

    /// The whole answer is text.
    fn begin(&mut self) -> Option<Document> {
        if !self.envelope.pointer.tokens().is_empty() {
            self.work = Work::Seeking(Seek::new(&self.envelope.pointer));
            return None;
        }
        let place = 0..self.answer.len();
        if self.envelope.base64 {
            self.decode(place, false);
            return None;
        }
        let text = std::mem::take(&mut self.answer);
        Some(Document { text, place })
    }

    /// The document is at `place`. A store of texts holds it as one.
    fn begin_at(&mut self, place: Range<usize>) -> Result<Option<Document>, String> {
        if self.answer.get(place.start) == Some(&b'"') {
            let start = place.start.saturating_add(1);
            self.decode(start..place.end.saturating_sub(1), true);
            return Ok(None);
        }
        if self.envelope.base64 {
            let pointer = &self.envelope.pointer;
            return Err(format!("what is at `{pointer}` is not a string"));
        }
        let text = std::mem::take(&mut self.answer);
        Ok(Some(Document { text, place }))
    }

    fn decode(&mut self, rest: Range<usize>, escaped: bool) {
        self.work = Work::Decoding {
            document: Vec::with_capacity(rest.len()),
            rest,
            escaped,
            base64: self.envelope.base64.then(Base64::default),
        };
    }
}

impl Base64 {
    /// Puts what `text` says behind `document`.
    fn add(&mut self, text: &[u8], is_last: bool, document: &mut Vec<u8>) -> Result<(), String> {
        const WHY: &str = "the document is not in base64";
        let characters = text.iter().filter(|byte| !byte.is_ascii_whitespace());
        self.left.extend(characters);
        if self.ended && !self.left.is_empty() {
            return Err(WHY.to_owned());
        }
        let whole = if is_last {
            self.left.len()
        } else {
            self.left.len() & !3
        };
        let rest = self.left.split_off(whole);
        self.ended = self.left.ends_with(b"=");
        decoded(&self.left, document).map_err(|()| WHY)?;
        self.left = rest;
        Ok(())
    }
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
