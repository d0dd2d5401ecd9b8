//! The keys of one document, or of the configuration.

use super::history::Succession;
use super::record::{ApiKey, KeyDigest, KeySecret, NewKey};
use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

/// Keys, each found in one step by the digest of its secret, however many there are. What it is made of
/// does not change: another document makes another set.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    secrets: HashMap<KeyDigest, Rc<KeySecret>>,
    /// in the order of the document
    records: Vec<KeyEntry>,
    /// where among them the key with an id is
    places: HashMap<Rc<str>, usize>,
    /// SHA-256 of the document
    fingerprint: KeyDigest,
    /// what it changes, until it has taken the place of the set before it
    succession: RefCell<Succession>,
}

/// A key of a set, with the digests of its secrets.
#[derive(Debug)]
pub(super) struct KeyEntry {
    /// the key
    pub key: Rc<ApiKey>,
    /// its secret
    pub current: KeyDigest,
    /// those that it has replaced
    pub previous: Box<[KeyDigest]>,
}

impl KeyEntry {
    /// The digests of all its secrets.
    pub(super) fn digests(&self) -> impl Iterator<Item = &KeyDigest> {
        [&self.current].into_iter().chain(&self.previous)
    }
}

/// Why a key is not taken into a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// another key has its id
    Id,
    /// this key has its secret, or one that it had
    Secret(Rc<str>),
}

impl PartialEq for KeySet {
    /// Sets of one document are the same.
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl KeySet {
    /// Without keys, to be filled from the document with this SHA-256 and some `keys`.
    pub(crate) fn of_document(fingerprint: KeyDigest, keys: usize) -> Self {
        // A table that grows moves all that is in it.
        Self {
            secrets: HashMap::with_capacity(keys),
            places: HashMap::with_capacity(keys),
            records: Vec::with_capacity(keys),
            fingerprint,
            ..Self::default()
        }
    }

    /// Adds a key of the document at the place `source`. What is the same in `known` is shared with it.
    ///
    /// # Errors
    /// Its id or one of its secrets is another key's.
    pub(crate) fn insert(
        &mut self,
        new: NewKey,
        source: Option<usize>,
        known: Option<&Self>,
    ) -> Result<(), Taken> {
        let same = known.and_then(|known| known.key(&new.key.id));
        let same = same.filter(|same| ***same == new.key).cloned();
        let key = same.unwrap_or_else(|| Rc::new(new.key));
        match self.places.entry(Rc::clone(&key.id)) {
            Entry::Occupied(_) => return Err(Taken::Id),
            Entry::Vacant(free) => free.insert(self.records.len()),
        };
        self.records.push(KeyEntry {
            key: Rc::clone(&key),
            current: new.current,
            previous: new.previous.iter().map(|(digest, _)| *digest).collect(),
        });
        let previous = new.previous.into_iter();
        let previous = previous.map(|(digest, until)| (digest, Some(Box::new(until))));
        for (digest, until) in [(new.current, None)].into_iter().chain(previous) {
            match self.secrets.entry(digest) {
                Entry::Occupied(taken) => {
                    return Err(Taken::Secret(Rc::clone(&taken.get().key.id)));
                }
                Entry::Vacant(free) => {
                    let known = known.and_then(|known| known.secrets.get(&digest));
                    let known = known.map(Rc::as_ref);
                    let secret = KeySecret::new(Rc::clone(&key), until, source, known);
                    free.insert(Rc::new(secret));
                }
            }
        }
        Ok(())
    }

    /// What has the secret with this digest.
    pub(crate) fn find(&self, digest: &KeyDigest) -> Option<&Rc<KeySecret>> {
        self.secrets.get(digest)
    }

    /// The key with this id.
    pub(super) fn key(&self, id: &str) -> Option<&Rc<ApiKey>> {
        self.record(id).map(|record| &record.key)
    }

    /// The key with this id, and its secrets.
    pub(super) fn record(&self, id: &str) -> Option<&KeyEntry> {
        self.records.get(*self.places.get(id)?)
    }

    /// Every key, in the order of the document.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.records.iter().map(|record| &*record.key)
    }

    /// At most `max` keys from the place `start` on, in the order of the document.
    pub(super) fn part(&self, start: usize, max: usize) -> &[KeyEntry] {
        let end = start.saturating_add(max).min(self.records.len());
        self.records.get(start..end).unwrap_or_default()
    }

    /// How many keys there are.
    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// SHA-256 of the document.
    pub(crate) const fn fingerprint(&self) -> &KeyDigest {
        &self.fingerprint
    }

    /// What of `record`, which is another set's, is in this one.
    pub(super) fn has_of(&self, record: &KeyEntry) -> Option<Taken> {
        if self.places.contains_key(&record.key.id) {
            return Some(Taken::Id);
        }
        let mut digests = record.digests();
        let found = digests.find_map(|digest| self.secrets.get(digest))?;
        Some(Taken::Secret(Rc::clone(&found.key.id)))
    }

    /// It is about to take the place of another set, with these changes.
    pub(super) fn follow(&mut self, succession: Succession) {
        self.succession = RefCell::new(succession);
    }

    /// It takes the place of the set before it: who was let in by a secret that counts no more has to prove it
    /// again. What changes.
    pub(super) fn succeed(&self) -> Succession {
        let succession = self.succession.take();
        for secret in &succession.ended {
            secret.end();
        }
        succession
    }

    /// Puts away the last `max` keys. Whether there are more.
    pub(super) fn shrink(&mut self, max: usize) -> bool {
        for _ in 0..max {
            let Some(last) = self.records.pop() else {
                return false;
            };
            for digest in last.digests() {
                self.secrets.remove(digest);
            }
            self.places.remove(&last.key.id);
        }
        true
    }
}
