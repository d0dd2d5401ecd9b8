//! The memory of a worker's decoders.

use std::cell::Cell;
use std::rc::Rc;

/// How many bytes all decoders of a worker may have together.
pub(crate) const MAX_MEMORY: u64 = 64 << 20;

/// What the decoders of one worker have together.
#[derive(Clone, Debug, Default)]
pub(crate) struct DecoderMemory(Rc<Cell<u64>>);

/// A decoder's part of it. Dropping it gives it back.
#[derive(Debug)]
pub(super) struct Lease {
    memory: DecoderMemory,
    bytes: u64,
}

impl DecoderMemory {
    /// How many bytes are taken.
    pub(crate) fn taken(&self) -> u64 {
        self.0.get()
    }

    pub(super) fn lease(&self) -> Lease {
        let memory = self.clone();
        Lease { memory, bytes: 0 }
    }
}

impl Lease {
    /// Grows to `bytes`, unless it has as many. Whether there is room for that.
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let more = bytes.saturating_sub(self.bytes);
        let taken = self.memory.taken().saturating_add(more);
        let fits = more == 0 || taken <= MAX_MEMORY;
        if fits {
            self.memory.0.set(taken);
            self.bytes = self.bytes.max(bytes);
        }
        fits
    }

    /// Gives all of it back.
    pub(crate) fn end(&mut self) {
        let left = self.memory.taken().saturating_sub(self.bytes);
        self.memory.0.set(left);
        self.bytes = 0;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_bounded_and_comes_back() {
        let memory = DecoderMemory::default();
        let (mut one, mut other) = (memory.lease(), memory.lease());
        assert!(one.grow_to(MAX_MEMORY - 10) && other.grow_to(10));
        assert!(one.grow_to(5), "it has more");
        assert!(!other.grow_to(11));
        assert_eq!(memory.taken(), MAX_MEMORY);
        drop(one);
        assert_eq!(memory.taken(), 10);
        assert!(other.grow_to(MAX_MEMORY));
        other.end();
        assert_eq!(memory.taken(), 0);
    }
}
