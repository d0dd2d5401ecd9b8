//! What was learnt of credentials, so that it need not be learnt at each request.

use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

/// A longer credential is not remembered.
const MAX_CREDENTIAL_BYTES: usize = 8 * 1024;
/// What an entry takes beside the credential, about.
const OVERHEAD: usize = 160;
/// How much of a credential's end is hashed: a token's signature differs where anything does.
const TAIL: usize = 48;

/// A bounded memory of credentials, keyed by the credential itself: entries are found by a hash of
/// its end and hold only if every byte agrees. The hash is a fast one with a random key: whoever finds
/// two credentials for one place has made the gate forget one of them, no more. The comparison takes the
/// same time wherever the first difference is.
///
/// Two generations: what is used moves into the young one; once that is full, it becomes the old
/// one, and what was in there is forgotten. So it never holds more than twice its size.
pub(crate) struct Cache<V> {
    hasher: FixedState,
    young: HashMap<u64, Entry<V>, AsItIs>,
    old: HashMap<u64, Entry<V>, AsItIs>,
    /// what the young generation holds, in bytes
    bytes: usize,
    max_bytes: usize,
}

struct Entry<V> {
    text: Box<str>,
    value: V,
}

impl<V> fmt::Debug for Cache<V> {
    /// Shows how much there is, and none of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("young", &self.young.len())
            .field("old", &self.old.len())
            .finish_non_exhaustive()
    }
}

impl<V: Clone> Cache<V> {
    /// Of generations of at most `max_bytes` bytes.
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            hasher: FixedState::with_seed(RandomState::new().hash_one(max_bytes)),
            young: HashMap::default(),
            old: HashMap::default(),
            bytes: 0,
            max_bytes,
        }
    }

    /// What is known of `text`.
    pub(crate) fn get(&mut self, text: &str) -> Option<V> {
        let place = self.place(text);
        let holds = |entry: &&Entry<V>| are_equal(&entry.text, text);
        if let Some(entry) = self.young.get(&place).filter(holds) {
            return Some(entry.value.clone());
        }
        self.old.get(&place).filter(holds)?;
        let Entry { text, value } = self.old.remove(&place)?;
        self.put(place, text, value.clone());
        Some(value)
    }

    /// Remembers `value` of `text`, unless the text is very long.
    pub(crate) fn insert(&mut self, text: &str, value: V) {
        if text.len() <= MAX_CREDENTIAL_BYTES {
            self.put(self.place(text), text.into(), value);
        }
    }

    /// Forgets `text`.
    pub(crate) fn remove(&mut self, text: &str) {
        let place = self.place(text);
        self.old.remove(&place);
        if let Some(entry) = self.young.remove(&place) {
            self.bytes = self.bytes.saturating_sub(cost(&entry.text));
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.young = HashMap::default();
        self.old = HashMap::default();
        self.bytes = 0;
    }

    fn put(&mut self, place: u64, text: Box<str>, value: V) {
        if self.bytes.saturating_add(cost(&text)) > self.max_bytes {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(cost(&text));
        if let Some(replaced) = self.young.insert(place, Entry { text, value }) {
            self.bytes = self.bytes.saturating_sub(cost(&replaced.text));
        }
    }

    fn place(&self, text: &str) -> u64 {
        let bytes = text.as_bytes();
        let tail = bytes.last_chunk::<TAIL>().map_or(bytes, |tail| tail);
        self.hasher.hash_one(tail)
    }
}

/// What is looked up by a keyed hash need not be hashed again.
type AsItIs = BuildHasherDefault<Already>;

#[derive(Default)]
struct Already(u64);

impl Hasher for Already {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// As `==`, which in wasm goes byte by byte; this goes many at a time.
fn are_equal(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

const fn cost(text: &str) -> usize {
    text.len().saturating_add(OVERHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(number: usize) -> String {
        format!("{number:0>100}")
    }

    #[test]
    fn a_token_is_known_whole_or_not_at_all() {
        let mut cache = Cache::new(10_000);
        cache.insert(&token(1), 1);
        assert_eq!(cache.get(&token(1)), Some(1));
        let same_tail = token(1).replacen('0', "1", 1);
        assert_eq!(cache.get(&same_tail), None);
        cache.insert(&same_tail, 2);
        assert_eq!(cache.get(&same_tail), Some(2));
        assert_eq!(cache.get(&token(1)), None, "one place holds one token");
    }

    #[test]
    fn debug_shows_no_credential() {
        let mut cache = Cache::new(10_000);
        cache.insert("sk-hidden", "value");
        let shown = format!("{cache:?}");
        assert_eq!(shown, "Cache { young: 1, old: 0, .. }");
    }

    #[test]
    fn it_holds_no_more_than_two_generations() {
        let mut cache = Cache::new(100 * (100 + OVERHEAD));
        for number in 0..10_000 {
            cache.insert(&token(number), number);
        }
        let held = cache.young.len() + cache.old.len();
        assert!((100..=200).contains(&held), "{held}");
        assert_eq!(cache.get(&token(9_999)), Some(9_999));
        assert_eq!(cache.get(&token(9_799)), None);
    }

    #[test]
    fn what_is_used_stays() {
        let mut cache = Cache::new(100 * (100 + OVERHEAD));
        cache.insert("kept", 0);
        for number in 0..10_000 {
            cache.insert(&token(number), number);
            assert_eq!(cache.get("kept"), Some(0), "{number}");
        }
    }

    #[test]
    fn bytes_are_counted_right_through_replacing_and_removing() {
        let mut cache = Cache::new(100_000);
        for _ in 0..50 {
            cache.insert(&token(1), 1);
        }
        assert_eq!(cache.bytes, cost(&token(1)));
        cache.remove(&token(1));
        assert_eq!((cache.bytes, cache.get(&token(1))), (0, None));
        cache.insert(&token(1), 1);
        cache.clear();
        assert_eq!((cache.bytes, cache.get(&token(1))), (0, None));
    }

    #[test]
    fn a_very_long_token_is_not_remembered() {
        let mut cache = Cache::new(usize::MAX);
        let long = "x".repeat(MAX_CREDENTIAL_BYTES + 1);
        cache.insert(&long, 1);
        assert_eq!(cache.get(&long), None);
        cache.insert(&long[1..], 1);
        assert_eq!(cache.get(&long[1..]), Some(1));
    }
}
