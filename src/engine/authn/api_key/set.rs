//! The keys of one document, or of the configuration.

use super::record::{ApiKey, KeyDigest, KeySecret, NewKey};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;

/// Keys, each found in one step by the digest of its secret, however many there are. What it is made of
/// does not change: another document makes another set.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    secrets: HashMap<KeyDigest, Rc<KeySecret>>,
    /// each with the digest of its secret
    keys: HashMap<Rc<str>, (Rc<ApiKey>, KeyDigest)>,
    /// the ids in the order of the document
    order: Vec<Rc<str>>,
    /// SHA-256 of the document
    fingerprint: KeyDigest,
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
    /// Without keys, to be filled from the document with this SHA-256.
    pub(crate) fn of_document(fingerprint: KeyDigest) -> Self {
        Self {
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
        let same = known.and_then(|known| known.keys.get(&new.key.id));
        let same = same.map(|same| &same.0).filter(|same| ***same == new.key);
        let key = same.map_or_else(|| Rc::new(new.key), Rc::clone);
        match self.keys.entry(Rc::clone(&key.id)) {
            Entry::Occupied(_) => return Err(Taken::Id),
            Entry::Vacant(free) => free.insert((Rc::clone(&key), new.current)),
        };
        self.order.push(Rc::clone(&key.id));
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
    pub(crate) fn key(&self, id: &str) -> Option<&ApiKey> {
        self.keys.get(id).map(|(key, _)| &**key)
    }

    /// Every key, in the order of the document.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.order.iter().filter_map(|id| self.key(id))
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// SHA-256 of the document.
    pub(crate) const fn fingerprint(&self) -> &KeyDigest {
        &self.fingerprint
    }

    /// A key of both, by id or by secret, with the id that it has in `other`.
    pub(crate) fn in_both(&self, other: &Self) -> Option<(Rc<str>, Taken)> {
        let same_id = other.order.iter().find(|id| self.keys.contains_key(*id));
        if let Some(id) = same_id {
            return Some((Rc::clone(id), Taken::Id));
        }
        let (few, many) = if self.secrets.len() < other.secrets.len() {
            (self, other)
        } else {
            (other, self)
        };
        let digest = few
            .secrets
            .keys()
            .find(|digest| many.secrets.contains_key(*digest))?;
        let id = |set: &Self| {
            set.secrets
                .get(digest)
                .map(|secret| Rc::clone(&secret.key.id))
        };
        Some((id(other)?, Taken::Secret(id(self)?)))
    }

    /// Another set takes the place of this one: what is not in it counts no more.
    pub(super) fn give_way_to(&self, next: &Self) {
        for (digest, secret) in &self.secrets {
            let next = next.secrets.get(digest);
            secret.give_way_to(next.map(Rc::as_ref));
        }
    }

    /// Whether the key `id` has another secret in `other`, or its record is another one.
    pub(super) fn has_changed(&self, id: &str, other: &Self) -> bool {
        self.keys.get(id) != other.keys.get(id)
    }
}
