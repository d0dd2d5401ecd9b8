//! What the workers of a gateway share.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// A memory that all workers of a gateway see.
pub trait SharedMemory {
    /// The value of `key`, and its version.
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Makes `value` that of `key`, if it is still of the version `seen`, or still has no value where that is `None`.
    /// Whether it did.
    fn write(&self, key: &str, value: &[u8], seen: Option<u32>) -> bool;
}

impl fmt::Debug for dyn SharedMemory + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedMemory")
    }
}

/// The memory of one worker, where the gateway has none for all.
#[derive(Debug, Default)]
pub(crate) struct OwnMemory(RefCell<HashMap<String, (Vec<u8>, u32)>>);

#[cfg(test)]
impl OwnMemory {
    /// How many values there are.
    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

impl SharedMemory for OwnMemory {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, value: &[u8], seen: Option<u32>) -> bool {
        let mut values = self.0.borrow_mut();
        let version = values.get(key).map(|(_, version)| *version);
        if version != seen {
            return false;
        }
        let next = version.unwrap_or_default().wrapping_add(1);
        values.insert(key.to_owned(), (value.to_vec(), next));
        true
    }
}
