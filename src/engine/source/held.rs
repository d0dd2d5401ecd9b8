//! What is held of a document: what it said the last time, and since when.

use super::call::{Lifetime, Read};
use super::retry::has_passed;
use super::rules::Cached;
use crate::time::Timestamp;
use std::rc::Rc;

/// What is held of a document.
#[derive(Debug)]
pub(super) struct Held<V> {
    /// what it says
    pub value: Rc<V>,
    /// when it was the document the last time
    pub since: Timestamp,
    /// for how long it is, from then on
    pub lifetime: Lifetime,
    /// by which the server knows it
    pub etag: Option<String>,
}

impl<V: PartialEq> Held<V> {
    /// What is held at `now`, after `read` was read with the validator `etag` while `known` was held: whether it is
    /// another document, and what of it could not be used. `usual` is the lifetime of one that names none.
    /// `None` if nothing was held that it could speak of.
    pub(super) fn taken_over(
        read: Read<V>,
        known: Option<Self>,
        etag: Option<String>,
        usual: Lifetime,
        now: Timestamp,
    ) -> Option<(Self, bool, Vec<String>)> {
        let Read::Value {
            value,
            warnings,
            lifetime,
        } = read
        else {
            let known = known?;
            let held = Self {
                since: now,
                etag: etag.or(known.etag),
                ..known
            };
            return Some((held, false, Vec::new()));
        };
        let same = known.filter(|known| *known.value == value);
        let changed = same.is_none();
        let held = Self {
            value: same.map_or_else(|| Rc::new(value), |same| same.value),
            since: now,
            lifetime: lifetime.unwrap_or(usual),
            etag,
        };
        Some((held, changed, warnings))
    }

    /// The server says that it has nothing newer, with this validator. If that is another one than the document's, it
    /// contradicts itself: the next time all of it is asked for.
    pub(super) fn doubt(&mut self, said: &mut Option<String>) {
        // RFC 9110 section 8.8.3.2: a weak comparison will do.
        let opaque = |etag: &str| etag.strip_prefix("W/").unwrap_or(etag).to_owned();
        let (own, other) = (self.etag.as_deref(), said.as_deref());
        if own.is_some() && other.is_some() && own.map(opaque) != other.map(opaque) {
            (self.etag, *said) = (None, None);
        }
    }

    /// What there is of it at `now`.
    pub(super) fn at(&mut self, now: Timestamp) -> Cached<V> {
        let Lifetime { fresh, used } = self.lifetime;
        let value = Rc::clone(&self.value);
        // After a clock was put back nobody knows how old it is. It counts as stale, and as of now.
        if now < self.since {
            self.since = now.plus(fresh.saturating_neg());
            return Cached::Stale(value);
        }
        if has_passed(self.since, used, now) {
            return Cached::Nothing;
        }
        if has_passed(self.since, fresh, now) {
            Cached::Stale(value)
        } else {
            Cached::Fresh(value)
        }
    }
}
