//! Static API keys, kept as digests.

use super::cache::Cache;
use crate::denial::{Denial, Reason};
use crate::grant::BodyRules;
use crate::grant::ScopeSet;
use crate::identity::Expiry;
use crate::network::Ranges;
use crate::time::{Clock, Timestamp};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// SHA-256 of a whole key. Lookup by digest needs no comparison in constant time: what an attacker
/// could learn from its timing is bits of a digest, not of a key.
pub(crate) type KeyDigest = [u8; 32];

/// What the configuration says of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// its name in logs; outlives the secret
    pub id: String,
    /// whose it is
    pub subject: Rc<str>,
    /// what it may do
    pub scopes: ScopeSet,
    /// the first moment at which it is valid
    pub not_before: Option<Timestamp>,
    /// the first moment at which it is no longer valid, with the words of the configuration
    pub expires_at: Option<(Timestamp, String)>,
    /// the place of the issuer whose tokens, in a header of their own, name the user behind it
    pub users: Option<usize>,
    /// where it may be used from; from everywhere if there is none
    pub allow_from: Option<Ranges>,
    /// which models it may use, and how much it may ask for
    pub rules: Option<Rc<BodyRules>>,
}

/// Every key, found in one step however many there are.
#[derive(Debug)]
pub(crate) struct KeyRing {
    keys: Vec<ApiKey>,
    /// where in `keys` each is
    places: HashMap<KeyDigest, usize>,
    /// where good keys are that came a while ago, so that no digest is computed each time
    recent: RefCell<Cache<usize>>,
}

/// How much of good keys is remembered, in bytes per generation: some 300 keys.
const RECENT: usize = 1 << 16;

impl Default for KeyRing {
    fn default() -> Self {
        Self {
            keys: Vec::new(),
            places: HashMap::new(),
            recent: RefCell::new(Cache::new(RECENT)),
        }
    }
}

/// The digest of `key`.
pub fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

impl KeyRing {
    /// Adds `key`. Gives back the id of the key that already has this digest, if one does.
    pub(crate) fn insert(&mut self, digest: KeyDigest, key: ApiKey) -> Option<&str> {
        use std::collections::hash_map::Entry;
        match self.places.entry(digest) {
            Entry::Occupied(taken) => self.keys.get(*taken.get()).map(|key| key.id.as_str()),
            Entry::Vacant(free) => {
                free.insert(self.keys.len());
                self.keys.push(key);
                None
            }
        }
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Every key, in the order of the configuration.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &ApiKey> {
        self.keys.iter()
    }

    /// The key that `presented` is, if it is valid now. The clock is read for a key with dates.
    ///
    /// # Errors
    /// Unknown, expired or not yet valid, or nobody knows because there is no clock.
    pub(crate) fn verify(&self, presented: &str, clock: &dyn Clock) -> Result<&ApiKey, Denial> {
        if self.is_empty() {
            return Err(Denial::new(
                Reason::UnsupportedCredential,
                "API keys are not accepted here, send a JWT",
            ));
        }
        let known = self.recent.borrow_mut().get(presented);
        let find = || self.places.get(&digest(presented.as_bytes())).copied();
        let place = known.or_else(find);
        let found = place.and_then(|place| Some((place, self.keys.get(place)?)));
        let (place, key) = found.ok_or_else(|| {
            Denial::new(
                Reason::UnknownKey,
                "check that it was copied whole, or ask for a new one",
            )
        })?;
        if known.is_none() {
            self.recent.borrow_mut().insert(presented, place);
        }
        if key.is_dated() {
            key.check_dates(clock.now().map_err(|denial| denial.of(&key.id))?)?;
        }
        Ok(key)
    }
}

impl ApiKey {
    /// When it is no proof any more.
    pub(crate) fn expiry(&self) -> Option<Expiry> {
        let (at, _) = self.expires_at.as_ref()?;
        let (at, reason) = (*at, Reason::ExpiredKey);
        Some(Expiry { at, reason })
    }

    const fn is_dated(&self) -> bool {
        self.expires_at.is_some() || self.not_before.is_some()
    }

    fn check_dates(&self, now: Timestamp) -> Result<(), Denial> {
        if let Some((end, written)) = &self.expires_at
            && now >= *end
        {
            let advice = format!("it was valid until {written}, ask for a new one");
            return Err(Denial::new(Reason::ExpiredKey, advice).of(&self.id));
        }
        if self.not_before.is_some_and(|start| now < start) {
            let advice = "try again later, or use the key that it will replace";
            return Err(Denial::new(Reason::KeyNotYetValid, advice).of(&self.id));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_700_000_000);
    const END: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn ring() -> KeyRing {
        let mut ring = KeyRing::default();
        let key = ApiKey {
            id: "laptop".into(),
            subject: "alice".into(),
            scopes: ScopeSet::DEFAULT,
            not_before: Some(START),
            expires_at: Some((END, "then".into())),
            users: None,
            allow_from: None,
            rules: None,
        };
        assert_eq!(ring.insert(digest(b"sk-alice"), key), None);
        ring
    }

    #[test]
    fn a_key_is_valid_from_its_start_up_to_its_end() {
        let ring = ring();
        let reason = |now: Timestamp| {
            ring.verify("sk-alice", &Some(now))
                .map_err(|denial| denial.reason())
        };
        assert_eq!(reason(START.plus(-1)), Err(Reason::KeyNotYetValid));
        assert_eq!(&*reason(START).unwrap().subject, "alice");
        assert!(reason(END.plus(-1)).is_ok());
        assert_eq!(reason(END), Err(Reason::ExpiredKey));
    }

    #[test]
    fn a_key_is_known_whole_or_not_at_all() {
        for wrong in [
            "sk-alic",
            "sk-alicE",
            "sk-alice ",
            "sk-alicea",
            "",
            "laptop",
        ] {
            let denial = ring().verify(wrong, &Some(START)).unwrap_err();
            assert_eq!(
                (denial.reason(), denial.id()),
                (Reason::UnknownKey, None),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn what_is_remembered_of_a_key_is_its_place_and_no_decision() {
        let ring = ring();
        for _ in 0..3 {
            assert!(ring.verify("sk-alice", &Some(START)).is_ok());
            assert!(ring.verify("sk-alicE", &Some(START)).is_err());
            let late = ring.verify("sk-alice", &Some(END)).unwrap_err();
            assert_eq!(late.reason(), Reason::ExpiredKey);
        }
        let mut recent = ring.recent.borrow_mut();
        assert_eq!(recent.get("sk-alice"), Some(0));
        assert_eq!(recent.get("sk-alicE"), None, "a stranger fills nothing");
    }

    #[test]
    fn only_a_key_with_dates_needs_a_clock() {
        let (mut ring, none) = (ring(), None);
        let denial = ring.verify("sk-alice", &none).unwrap_err();
        assert_eq!(
            (denial.reason(), denial.id()),
            (Reason::ClockUnavailable, Some("laptop"))
        );
        for (start, end) in [(None, true), (Some(START), false), (None, false)] {
            ring.keys[0].not_before = start;
            ring.keys[0].expires_at = end.then(|| (END, "then".into()));
            let dated = start.is_some() || end;
            assert_eq!(
                ring.verify("sk-alice", &none).is_err(),
                dated,
                "{start:?}, {end}"
            );
        }
    }

    #[test]
    fn a_digest_is_held_once() {
        let mut ring = ring();
        let again = ring.keys[0].clone();
        assert_eq!(ring.insert(digest(b"sk-alice"), again), Some("laptop"));
    }

    #[test]
    fn a_refusal_names_the_key_that_it_recognised() {
        assert_eq!(
            ring().verify("sk-alice", &Some(END)).unwrap_err().id(),
            Some("laptop")
        );
    }
}
