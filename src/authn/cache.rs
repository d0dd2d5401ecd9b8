//! What was learnt of tokens, so that it need not be learnt at each request.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// A longer token is not remembered.
const LONGEST: usize = 8 * 1024;
/// What an entry takes beside the token, about.
const OVERHEAD: usize = 160;
/// How much of a token's end is hashed: its signature, which differs where anything does.
const TAIL: usize = 48;

/// A bounded memory of tokens, keyed by the token itself: entries are found by a hash of its end
/// and hold only if every byte agrees.
///
/// Two generations: what is used moves into the young one; once that is full, it becomes the old
/// one, and what was in there is forgotten. So it never holds more than twice its size.
#[derive(Debug)]
pub struct Cache<V> {
    hasher: RandomState,
    young: HashMap<u64, Entry<V>>,
    old: HashMap<u64, Entry<V>>,
    /// what the young generation holds, in bytes
    bytes: usize,
    most: usize,
}

#[derive(Debug)]
struct Entry<V> {
    token: Box<str>,
    value: V,
}

impl<V: Clone> Cache<V> {
    /// Of generations of at most `most` bytes.
    pub fn new(most: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            young: HashMap::new(),
            old: HashMap::new(),
            bytes: 0,
            most,
        }
    }

    /// What is known of `token`.
    pub fn get(&mut self, token: &str) -> Option<V> {
        let place = self.place(token);
        let holds = |entry: &&Entry<V>| are_equal(&entry.token, token);
        if let Some(entry) = self.young.get(&place).filter(holds) {
            return Some(entry.value.clone());
        }
        self.old.get(&place).filter(holds)?;
        let Entry { token, value } = self.old.remove(&place)?;
        self.put(place, token, value.clone());
        Some(value)
    }

    /// Remembers `value` of `token`, unless the token is very long.
    pub fn insert(&mut self, token: &str, value: V) {
        if token.len() <= LONGEST {
            self.put(self.place(token), token.into(), value);
        }
    }

    /// Forgets `token`.
    pub fn remove(&mut self, token: &str) {
        let place = self.place(token);
        self.old.remove(&place);
        if let Some(entry) = self.young.remove(&place) {
            self.bytes = self.bytes.saturating_sub(cost(&entry.token));
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.young = HashMap::new();
        self.old = HashMap::new();
        self.bytes = 0;
    }

    fn put(&mut self, place: u64, token: Box<str>, value: V) {
        if self.bytes.saturating_add(cost(&token)) > self.most {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(cost(&token));
        if let Some(replaced) = self.young.insert(place, Entry { token, value }) {
            self.bytes = self.bytes.saturating_sub(cost(&replaced.token));
        }
    }

    fn place(&self, token: &str) -> u64 {
        let bytes = token.as_bytes();
        let tail = bytes.last_chunk::<TAIL>().map_or(bytes, |tail| tail);
        self.hasher.hash_one(tail)
    }
}

/// As `==`, which in wasm goes byte by byte; this goes many at a time.
fn are_equal(one: &str, other: &str) -> bool {
    let pairs = one.bytes().zip(other.bytes());
    one.len() == other.len() && pairs.fold(0, |differing, (a, b)| differing | (a ^ b)) == 0
}

const fn cost(token: &str) -> usize {
    token.len().saturating_add(OVERHEAD)
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
        let long = "x".repeat(LONGEST + 1);
        cache.insert(&long, 1);
        assert_eq!(cache.get(&long), None);
        cache.insert(&long[1..], 1);
        assert_eq!(cache.get(&long[1..]), Some(1));
    }
}
