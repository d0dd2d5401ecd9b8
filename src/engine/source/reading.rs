//! A document that is read in pieces: between two of them a worker serves its requests.

use super::call::Read;
use crate::time::Timestamp;
use std::fmt;

/// How much of a document is read at a time: some 64 records, a few milliseconds in a module on a busy machine.
const PIECE: usize = 24_000;
/// How many pieces are read at once of the first document: without it, hardly anybody could be served meanwhile.
const FIRST_PIECES: usize = 16;

/// How much may be read now, in bytes of a document that are taken apart. What costs less or more is counted so.
#[derive(Debug)]
pub(crate) struct Budget(usize);

impl Budget {
    /// For one piece.
    pub(super) const fn piece() -> Self {
        Self(PIECE)
    }

    /// For the first piece, before which there `is` a document, or none.
    pub(super) const fn beginning(is_held: bool) -> Self {
        Self(if is_held {
            PIECE
        } else {
            PIECE.saturating_mul(FIRST_PIECES)
        })
    }

    /// For all there is.
    pub(crate) const fn unlimited() -> Self {
        Self(usize::MAX)
    }

    /// For so many bytes.
    #[cfg(test)]
    pub(crate) const fn of(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Whether there is some left.
    pub(crate) const fn is_left(&self) -> bool {
        self.0 > 0
    }

    /// Takes this much of it, or what is left.
    pub(crate) const fn spend(&mut self, much: usize) {
        self.0 = self.0.saturating_sub(much);
    }

    /// How many items at `each` may be looked at, at least one.
    pub(crate) fn items(&self, each: usize) -> usize {
        self.0.checked_div(each).unwrap_or(0).max(1)
    }
}

/// What a piece came to.
#[derive(Debug)]
pub(crate) enum Piece<V> {
    /// there is more to read
    More,
    /// what the document says, or why it cannot be used. What was made for it is then put away in pieces too
    Read(Result<Read<V>, String>),
    /// all is put away
    Ended,
}

/// A document that is being read.
pub(crate) trait Reading<V>: fmt::Debug {
    /// Reads some of it within `budget`, at least something.
    fn step(&mut self, budget: &mut Budget, now: Timestamp) -> Piece<V>;
}
