//! What is said of one key.

use crate::denial::{Denial, Reason};
use crate::grant::{BodyRules, ScopeSet};
use crate::identity::{Expiry, Standing};
use crate::network::Ranges;
use crate::time::{Clock, Timestamp};
use std::cell::Cell;
use std::rc::Rc;

/// SHA-256 of a whole key. Lookup by digest needs no comparison in constant time: what an attacker
/// could learn from its timing is bits of a digest, not of a key.
pub(crate) type KeyDigest = [u8; 32];

/// What a record says of one key, its secrets left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiKey {
    /// its name in logs; outlives the secret
    pub id: Rc<str>,
    /// whose it is
    pub subject: Rc<str>,
    /// what it may do
    pub scopes: ScopeSet,
    /// whether nobody comes in with it, whatever else is said
    pub disabled: bool,
    /// the first moment at which it is valid
    pub not_before: Option<Timestamp>,
    /// the first moment at which it is no longer valid, with the words of the record
    pub expires_at: Option<(Timestamp, Box<str>)>,
    /// the place of the issuer whose tokens, in a header of their own, name the user behind it
    pub users: Option<usize>,
    /// where it may be used from; from everywhere if there is none
    pub allow_from: Option<Rc<Ranges>>,
    /// which models it may use, and how much it may ask for
    pub rules: Option<Rc<BodyRules>>,
    /// what the operator has noted of it, for log lines
    pub labels: Option<Rc<str>>,
}

/// One secret of a key: the current one, or a previous one that still counts.
#[derive(Debug)]
pub(crate) struct KeySecret {
    /// the key
    pub key: Rc<ApiKey>,
    /// of a previous secret: the first moment at which it no longer counts, with the words of the record
    pub until: Option<Box<(Timestamp, String)>>,
    /// the place of the document that it is from; none if it stands in the configuration
    pub source: Option<usize>,
    /// shared with what this same secret was before, as long as its key may do the same
    withdrawn: Rc<Cell<bool>>,
}

/// A record as it was read, with the digests of its secrets.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// what it says
    pub key: ApiKey,
    /// the secret
    pub current: KeyDigest,
    /// those that it has replaced
    pub previous: Vec<(KeyDigest, (Timestamp, String))>,
}

impl KeySecret {
    /// A secret of `key` in the document at `source`; one that was replaced counts `until` then. `known` is what
    /// it was before, if it was there.
    pub(super) fn new(
        key: Rc<ApiKey>,
        until: Option<Box<(Timestamp, String)>>,
        source: Option<usize>,
        known: Option<&Self>,
    ) -> Self {
        let same = known.filter(|known| known.key == key);
        let withdrawn = same.map(|same| Rc::clone(&same.withdrawn));
        Self {
            key,
            until,
            source,
            withdrawn: withdrawn.unwrap_or_default(),
        }
    }

    /// Whether whoever was let in by it is let in by `next` too, with the same rights.
    pub(super) fn goes_on_as(&self, next: &Self) -> bool {
        Rc::ptr_eq(&next.withdrawn, &self.withdrawn)
    }

    /// Whoever was let in by it has to prove it again.
    pub(super) fn end(&self) {
        self.withdrawn.set(true);
    }

    /// When it is no proof any more.
    pub(crate) fn expiry(&self) -> Option<Expiry> {
        let of_key = self.key.expires_at.as_ref().map(|(at, _)| *at);
        let of_secret = self.until.as_ref().map(|until| until.0);
        let at = match (of_key, of_secret) {
            (Some(key), Some(secret)) => key.min(secret),
            (one, other) => one.or(other)?,
        };
        let reason = Reason::ExpiredKey;
        Some(Expiry { at, reason })
    }

    /// Whether it counts now. The clock is read for what has dates.
    ///
    /// # Errors
    /// It is disabled, expired, replaced or not yet valid, or nobody knows because there is no clock.
    pub(super) fn check(&self, clock: &dyn Clock) -> Result<(), Denial> {
        let key = &self.key;
        if key.disabled {
            let advice = "ask the operator why";
            return Err(Denial::new(Reason::DisabledKey, advice).of(&key.id));
        }
        if key.expires_at.is_none() && key.not_before.is_none() && self.until.is_none() {
            return Ok(());
        }
        let now = clock.now().map_err(|denial| denial.of(&key.id))?;
        self.check_dates(now)
            .map_err(|(reason, advice)| Denial::new(reason, advice).of(&key.id))
    }

    fn check_dates(&self, now: Timestamp) -> Result<(), (Reason, String)> {
        let key = &self.key;
        if let Some((end, written)) = &key.expires_at
            && now >= *end
        {
            let advice = format!("it was valid until {written}, ask for a new one");
            return Err((Reason::ExpiredKey, advice));
        }
        if let Some((end, written)) = self.until.as_deref()
            && now >= *end
        {
            let advice =
                format!("its secret was replaced, and counted until {written}: use the new one");
            return Err((Reason::ExpiredKey, advice));
        }
        if key.not_before.is_some_and(|start| now < start) {
            let advice = "try again later, or use the key that it will replace".to_owned();
            return Err((Reason::KeyNotYetValid, advice));
        }
        Ok(())
    }
}

impl Standing for KeySecret {
    fn is_withdrawn(&self) -> bool {
        self.withdrawn.get()
    }
}
