//! API keys, kept as digests: those of the configuration, and those of documents that are fetched.
//!
//! A [`KeyDocument`] is read into records, the records into a [`KeySet`], and the sets are looked up by the one
//! [`KeyRing`]. A set is never changed: another document makes another set, which takes its place whole. Many records
//! take long, so they are read, compared and put away in pieces, between requests.

mod document;
mod ends;
mod envelope;
mod history;
mod reading;
mod record;
mod records;
mod roster;
mod set;
mod text;

pub(crate) use document::{DocumentContext, DocumentRules, KeyDocument, ReadRecord};
pub(crate) use ends::{EndingKey, KeysSeen, SOON};
pub(crate) use envelope::Envelope;
pub(crate) use record::{ApiKey, KeyDigest, KeySecret, NewKey};
pub(crate) use roster::Roster;
pub(crate) use set::{KeySet, Taken};

use super::cache::Cache;
use crate::credential::mistaken;
use crate::denial::{Denial, Reason};
use crate::source::{Cached, News, NotFetched, Refusal, SourceHandle, Tried, Why};
use crate::time::{Clock, Timestamp};
use ends::KeyEnds;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How much of good keys is remembered, in bytes per generation: some 300 keys.
const RECENT: usize = 1 << 16;

/// The digest of `key`.
pub fn digest(key: &[u8]) -> KeyDigest {
    Sha256::digest(key).into()
}

/// Every key, found in one step however many there are.
#[derive(Debug)]
pub(crate) struct KeyRing {
    configured: Rc<KeySet>,
    configured_ends: KeyEnds,
    sources: Vec<KeySource>,
    /// good keys that came a while ago, so that no digest is computed each time
    recent: RefCell<Cache<Rc<KeySecret>>>,
    news: RefCell<Vec<News>>,
}

/// A document that is fetched, and the keys that were in it the last time.
#[derive(Debug)]
struct KeySource {
    name: Rc<str>,
    document: SourceHandle<KeyDocument>,
    keys: RefCell<Option<Rc<KeySet>>>,
    ends: RefCell<KeyEnds>,
    /// how often these have changed
    generation: Cell<u64>,
}

impl Default for KeyRing {
    fn default() -> Self {
        Self::new(Rc::default())
    }
}

impl KeyRing {
    /// Of the keys of the configuration.
    pub(crate) fn new(configured: Rc<KeySet>) -> Self {
        Self {
            configured_ends: KeyEnds::of(configured.keys()),
            configured,
            sources: Vec::new(),
            recent: RefCell::new(Cache::new(RECENT)),
            news: RefCell::default(),
        }
    }

    /// Adds the keys of `document`, which logs call `name`.
    pub(crate) fn add(&mut self, name: Rc<str>, document: SourceHandle<KeyDocument>) {
        self.sources.push(KeySource {
            name,
            document,
            keys: RefCell::default(),
            ends: RefCell::default(),
            generation: Cell::new(0),
        });
    }

    /// Whether there is no key, and none can come.
    pub(crate) fn is_empty(&self) -> bool {
        self.configured.is_empty() && self.sources.is_empty()
    }

    /// Whether keys are fetched, of which nothing is known beforehand.
    pub(crate) fn fetches(&self) -> bool {
        !self.sources.is_empty()
    }

    /// Every key of the configuration, in its order.
    pub(crate) fn configured(&self) -> impl Iterator<Item = &ApiKey> {
        self.configured.keys()
    }

    /// The secret that `presented` is, if it counts now, for a request that has `tried` this. The clock is read
    /// for a key with dates, and for one of a document, which grows old.
    ///
    /// # Errors
    /// Unknown, disabled, expired or not yet valid; or nobody knows, for lack of a clock or a document.
    pub(crate) fn verify(
        &self,
        presented: &str,
        clock: &dyn Clock,
        tried: &[Tried],
    ) -> Result<Rc<KeySecret>, Refusal> {
        if self.is_empty() {
            let advice = "API keys are not accepted here";
            return Err(Denial::new(Reason::UnsupportedCredential, advice).into());
        }
        let known = self.recent.borrow_mut().get(presented);
        let secret = match known {
            Some(secret) => secret,
            None => self.find(presented, clock, tried)?,
        };
        if let Some(source) = secret.source.and_then(|place| self.sources.get(place)) {
            source.refresh(clock, tried)?;
        }
        secret.check(clock)?;
        Ok(secret)
    }

    /// The document that `secret` is from, and how often its keys have changed.
    pub(crate) fn origin(&self, secret: &KeySecret) -> Option<(&Rc<str>, u64)> {
        let source = self.sources.get(secret.source?)?;
        Some((&source.name, source.generation.get()))
    }

    /// The document that `tried` was of is another one. `false` if that is none of keys.
    pub(crate) fn note_change(&self, tried: Tried, now: Timestamp) -> bool {
        let mut sources = self.sources.iter();
        let Some(source) = sources.find(|source| source.document.is_of(tried)) else {
            return false;
        };
        self.recent.borrow_mut().clear();
        self.news.borrow_mut().extend(source.note_change(now));
        true
    }

    /// Whether there is something to log.
    pub(crate) fn has_news(&self) -> bool {
        !self.news.borrow().is_empty()
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.news.take()
    }

    /// Whether a key may end, now or with another document.
    pub(crate) fn ends(&self) -> bool {
        self.fetches() || !self.configured_ends.is_empty()
    }

    /// What is known of all keys at `now`.
    pub(crate) fn seen(&self, now: Timestamp) -> KeysSeen {
        let mut seen = KeysSeen::default();
        let mut add = |ends: &KeyEnds| {
            let next = ends.ahead(now).first().map(|(end, _)| *end);
            seen.next_end = seen.next_end.into_iter().chain(next).min();
            seen.ending_soon = seen.ending_soon.saturating_add(ends.soon(now).len());
        };
        add(&self.configured_ends);
        for source in &self.sources {
            add(&source.ends.borrow());
        }
        let generations = self.sources.iter().map(|source| source.generation.get());
        seen.generation = generations.fold(0, u64::saturating_add);
        seen
    }

    /// Up to `max` of the keys that end soon after `now`, the next one first.
    pub(crate) fn ending(&self, now: Timestamp, max: usize) -> Vec<EndingKey> {
        let ends: Vec<_> = self
            .sources
            .iter()
            .map(|source| source.ends.borrow())
            .collect();
        let names = self.sources.iter().map(|source| Some(&source.name));
        let sets = ends.iter().map(|ends| ends.soon(now)).zip(names);
        let mut sets: Vec<_> = sets
            .chain([(self.configured_ends.soon(now), None)])
            .collect();
        let mut ending = Vec::new();
        while ending.len() < max {
            let with_any = sets.iter_mut().filter(|(set, _)| !set.is_empty());
            let next = with_any.min_by_key(|(set, _)| set.first().map(|(end, _)| *end));
            let Some((set, source)) = next else { break };
            let Some(((end, id), others)) = set.split_first() else {
                break;
            };
            ending.push(EndingKey {
                end: *end,
                id: Rc::clone(id),
                source: source.map(Rc::clone),
            });
            *set = others;
        }
        ending
    }

    /// For each document, when it was last had.
    pub(crate) fn last_had(&self) -> impl Iterator<Item = Option<Timestamp>> {
        let sources = self.sources.iter();
        sources.map(|source| source.document.source().last_had())
    }

    #[inline(never)] // hardly ever, for a key that comes again
    fn find(
        &self,
        presented: &str,
        clock: &dyn Clock,
        tried: &[Tried],
    ) -> Result<Rc<KeySecret>, Refusal> {
        let digest = digest(presented.as_bytes());
        let found = self.configured.find(&digest).cloned();
        let found = match found {
            None if self.fetches() => self.find_fetched(&digest, clock.now()?, tried)?,
            found => found,
        };
        let secret =
            found.ok_or_else(|| Denial::new(Reason::UnknownKey, self.unknown(presented)))?;
        let remembered = Rc::clone(&secret);
        self.recent.borrow_mut().insert(presented, remembered);
        Ok(secret)
    }

    /// What to do about `presented`, which no key is.
    #[cold]
    fn unknown(&self, presented: &str) -> &'static str {
        let with_line_break = digest(format!("{presented}\n").as_bytes());
        if self.configured.find(&with_line_break).is_some() {
            return "the gate has the digest of it with a line break at its end: the operator makes it anew with \
                    `printf %s`, since `echo` adds one";
        }
        mistaken(presented).unwrap_or("check that it was copied whole, or ask for a new one")
    }

    /// What has the secret with this digest in a document.
    ///
    /// # Errors
    /// No document has it, and of one nobody knows, or there may be a newer one: an answer has to come first,
    /// or cannot be had.
    fn find_fetched(
        &self,
        digest: &KeyDigest,
        now: Timestamp,
        tried: &[Tried],
    ) -> Result<Option<Rc<KeySecret>>, Refusal> {
        let mut unknown = None;
        for source in &self.sources {
            let why = match source.document.source().held(now) {
                Cached::Fresh(keys) | Cached::Stale(keys) if keys.find(digest).is_some() => {
                    return Ok(keys.find(digest).cloned());
                }
                Cached::Fresh(_) => continue,
                Cached::Stale(_) => Why::Doubted,
                Cached::Nothing => Why::Absent,
            };
            unknown = unknown.or(source.look(why, now, tried));
        }
        unknown.map_or(Ok(None), Err)
    }
}

impl KeySource {
    /// Sees that the document of a key that was found in it is not too old, and has it fetched anew by this
    /// request if nobody else does.
    ///
    /// # Errors
    /// It is too old, or an answer has to come first.
    fn refresh(&self, clock: &dyn Clock, tried: &[Tried]) -> Result<(), Refusal> {
        let now = clock.now()?;
        match self.document.source().held(now) {
            Cached::Fresh(_) => Ok(()),
            Cached::Stale(_) => {
                let is_due = self.document.outcome(tried).is_none() && self.document.is_due(now);
                let begun = is_due.then(|| self.document.begin(Why::Stale, now).ok());
                match begun.flatten() {
                    Some(begun) => Err(Refusal::Await(Box::new(begun))),
                    None => Ok(()),
                }
            }
            Cached::Nothing => {
                let refusal = self.look(Why::Absent, now, tried);
                Err(refusal.unwrap_or_else(|| unavailable(1).into()))
            }
        }
    }

    /// What a request comes to whose key is in no document, this one not being new or not being there. `None` if
    /// it makes no difference.
    fn look(&self, why: Why<'_>, now: Timestamp, tried: &[Tried]) -> Option<Refusal> {
        let absent = why == Why::Absent;
        if self.document.source().is_reading() && (absent || self.document.is_left_to_requests()) {
            return Some(pending());
        }
        if self.document.outcome(tried).is_some() {
            let wait = self.document.source().seconds_to_wait(now);
            return absent.then(|| unavailable(wait).into());
        }
        if !absent && !self.document.is_left_to_requests() {
            return None;
        }
        match self.document.begin(why, now) {
            Ok(begun) => Some(Refusal::Await(Box::new(begun))),
            Err(_) if !absent => None,
            Err(NotFetched::Unavailable { retry_after }) => Some(unavailable(retry_after).into()),
            Err(_) => Some(pending()),
        }
    }

    /// Takes over the keys that the document has now. Gives what to log.
    fn note_change(&self, now: Timestamp) -> Option<News> {
        let (Cached::Fresh(next) | Cached::Stale(next)) = self.document.source().held(now) else {
            return None;
        };
        self.keys.replace(Some(Rc::clone(&next)));
        let changes = next.succeed();
        self.generation.set(self.generation.get().saturating_add(1));
        self.ends.replace(KeyEnds::of(next.keys()));
        self.document.source().document().is_held(&next);
        Some(history::change(
            &self.name,
            self.generation.get(),
            &next,
            &changes,
            now,
        ))
    }
}

fn pending() -> Refusal {
    let advice = "the document that it may be in is being fetched, try again in a second";
    Denial::new(Reason::KeysPending, advice).into()
}

fn unavailable(retry_after: i64) -> Denial {
    let advice = "the document that it may be in could not be fetched, try again";
    Denial::new(Reason::KeysUnavailable, advice).retry_after(retry_after)
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
