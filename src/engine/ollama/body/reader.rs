//! The reader of a body, of whichever form it is.

use super::{BodyError, FormScanner, Members, Scanner};

/// What is to be read of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// a JSON object, whatever its Content-Type: Ollama does not look at that
    Json,
    /// the same of a model to create, which has members of its own
    Create,
    /// a form, `multipart/form-data`
    Form,
    /// its length alone
    Opaque,
}

/// What reads a body.
#[derive(Debug)]
pub(crate) enum Reader {
    /// of a JSON object
    Json(Box<Scanner>),
    /// of a form
    Form(Box<FormScanner>),
    /// of anything: the bytes that have come
    Opaque(u64),
}

impl Reader {
    /// Of a body of this kind, sent with this Content-Type.
    ///
    /// # Errors
    /// It should be a form, and the Content-Type is not that of one.
    pub(crate) fn new(kind: BodyKind, content_type: &[u8]) -> Result<Self, BodyError> {
        Ok(match kind {
            BodyKind::Json => Self::Json(Box::default()),
            BodyKind::Create => Self::Json(Box::new(Scanner::of_create())),
            BodyKind::Form => Self::Form(Box::new(FormScanner::new(content_type)?)),
            BodyKind::Opaque => Self::Opaque(0),
        })
    }

    /// The next chunk, cut anywhere.
    ///
    /// # Errors
    /// The body can be refused already.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Result<(), BodyError> {
        match self {
            Self::Json(scanner) => scanner.feed(chunk),
            Self::Form(scanner) => scanner.feed(chunk),
            Self::Opaque(bytes) => {
                let length = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                *bytes = bytes.saturating_add(length);
                Ok(())
            }
        }
    }

    /// What the body said, once all of it was fed.
    ///
    /// # Errors
    /// It is refused.
    pub(crate) fn finish(self) -> Result<Members, BodyError> {
        match self {
            Self::Json(scanner) => scanner.finish(),
            Self::Form(scanner) => scanner.finish(),
            Self::Opaque(bytes) => Ok(Members {
                bytes,
                ..Members::default()
            }),
        }
    }
}
