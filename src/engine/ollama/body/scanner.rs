//! The reader of a JSON body: chunks in, members out.

use super::BodyError;
use super::collector::{Collector, Members};
use super::lexer::Lexer;

/// Reads a JSON body in chunks. It keeps a few kilobytes at most, however long the body is.
#[derive(Debug, Default)]
pub struct Scanner {
    lexer: Lexer,
    collector: Collector,
    bytes: u64,
    /// the first error; nothing is read behind it
    failed: Option<BodyError>,
}

impl Scanner {
    /// A reader at the beginning of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// A reader at the beginning of the body of a model to create, which has members of its own.
    pub fn of_create() -> Self {
        Self {
            collector: Collector::of_create(),
            ..Self::default()
        }
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
        let fed = self.lexer.feed(chunk, &mut self.collector);
        self.failed = fed.err();
        fed
    }

    /// What the body said, once all of it was fed.
    ///
    /// # Errors
    /// When it was refused, when it is not complete, or when it names two models.
    pub fn finish(self) -> Result<Members, BodyError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.lexer.finish()?;
        self.collector.finish(self.bytes)
    }

    /// How many bytes of memory this holds, itself included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            .saturating_add(self.lexer.buffered_bytes())
            .saturating_add(self.collector.buffered_bytes())
    }
}
