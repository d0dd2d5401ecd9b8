//! Back-off: whoever was wrong again and again is not looked at for a while.
//!
//! Only what is expensive and not known yet can be held back: the hash of a password, the public-key
//! signature of a token. What is proved cheaply, an API key or what was good before, never comes
//! here.
//!
//! INVARIANT: a right credential is not refused because others were wrong. What is counted is a pair,
//! the client's address and the name that is claimed. Somebody else behind the same address has
//! another name, and the same person elsewhere has another address. Where the address is not known,
//! nothing is counted. Only while somebody fills the memory with names, what is counted for a name that has
//! no place in it is the address alone: see [`Memory`].

use super::failures::{Failures, Memory, Place};
use crate::denial::{Denial, Level, Reason};
use crate::network::ClientAddress;
use crate::source::News;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher as _, RandomState};

/// What the configuration says of repeated failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackOffLimits {
    /// so many failures
    pub after: u32,
    /// within so many seconds
    pub within: i64,
    /// hold a pair back for so many seconds
    pub hold: i64,
}

/// What was wrong. Each has a memory of its own, so that one cannot push the other out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AttemptKind {
    /// a password, by the name of its user
    Password,
    /// a token, by the place of its issuer and its subject
    Token(usize),
}

/// What is remembered of failures. Holds all its state itself.
#[derive(Debug)]
pub(crate) struct BackOff {
    limits: BackOffLimits,
    hasher: RandomState,
    passwords: RefCell<Memory>,
    tokens: RefCell<Memory>,
    blind: Cell<Blind>,
}

/// Whether it was in vain, since the gateway does not tell an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Blind {
    No,
    Untold,
    Told,
}

impl BackOff {
    /// With these limits.
    pub(crate) fn new(limits: BackOffLimits) -> Self {
        Self {
            limits,
            hasher: RandomState::new(),
            passwords: RefCell::default(),
            tokens: RefCell::default(),
            blind: Cell::new(Blind::No),
        }
    }

    /// Whether there is something to log.
    pub(crate) fn has_news(&self) -> bool {
        self.blind.get() == Blind::Untold
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Option<News> {
        if !self.has_news() {
            return None;
        }
        self.blind.set(Blind::Told);
        let line = "ollama-gate: back_off has no effect: the gateway does not provide the client's address";
        Some(News {
            level: Level::Warn,
            line: line.to_owned(),
        })
    }

    fn memory(&self, kind: AttemptKind) -> &RefCell<Memory> {
        match kind {
            AttemptKind::Password => &self.passwords,
            AttemptKind::Token(_) => &self.tokens,
        }
    }

    /// How long the pair at `place` is still held back, in seconds.
    fn left(&self, failures: &Failures, now: Timestamp) -> Option<i64> {
        let left = failures.until?.seconds().saturating_sub(now.seconds());
        // A clock that was put back holds nobody for longer than that.
        (1..=self.limits.hold).contains(&left).then_some(left)
    }

    fn in_window(failures: &Failures, within: i64, now: Timestamp) -> bool {
        let age = now.seconds().saturating_sub(failures.since.seconds());
        (0..within).contains(&age)
    }

    /// Whether `failures` hold nobody back and count for nothing any more.
    fn are_over(&self, failures: &Failures, now: Timestamp) -> bool {
        self.left(failures, now).is_none() && !Self::in_window(failures, self.limits.within, now)
    }

    /// `known`, and one failure more.
    fn one_more(&self, known: Option<Failures>, now: Timestamp) -> Failures {
        let BackOffLimits {
            after,
            within,
            hold,
        } = self.limits;
        if let Some(held) = known.filter(|known| self.left(known, now).is_some()) {
            return held;
        }
        let goes_on = |failures: &Failures| Self::in_window(failures, within, now);
        let mut failures = known.filter(goes_on).unwrap_or(Failures {
            count: 0,
            since: now,
            until: None,
        });
        failures.count = failures.count.saturating_add(1);
        if failures.count >= after {
            let until = now.plus(hold);
            // Whoever is wrong again right after that is held back again at once.
            failures = Failures {
                count: after.saturating_sub(1),
                since: until,
                until: Some(until),
            };
        }
        failures
    }
}

/// Whoever is trying something in one request. The address is asked for only where a failure is
/// there to be remembered, or to be looked up.
#[derive(Clone, Copy)]
pub(crate) struct Attempts<'c> {
    /// none if nothing is held back
    watched: Option<(&'c BackOff, &'c ClientAddress<'c>)>,
}

impl<'c> Attempts<'c> {
    /// Those of `client`.
    pub(crate) fn new(back_off: Option<&'c BackOff>, client: &'c ClientAddress<'c>) -> Self {
        Self {
            watched: back_off.map(|back_off| (back_off, client)),
        }
    }

    /// Without any limit.
    #[cfg(test)]
    pub(crate) const fn free() -> Self {
        Self { watched: None }
    }

    /// Whether what costs much may be done for `name`.
    ///
    /// # Errors
    /// [`Reason::TooManyFailures`]: it was wrong too often from this address.
    pub(crate) fn check(self, kind: AttemptKind, name: &str, now: Timestamp) -> Result<(), Denial> {
        let Some((back_off, _)) = self.watched else {
            return Ok(());
        };
        if back_off.memory(kind).borrow().is_empty() {
            return Ok(());
        }
        let known = self.place(kind, name);
        let known = known.and_then(|place| back_off.memory(kind).borrow().get(place));
        let left = known.and_then(|failures| back_off.left(&failures, now));
        left.map_or(Ok(()), |seconds| {
            let advice = format!(
                "there were too many attempts for this name from this address, so this one was not \
                 checked: try again in {seconds} seconds"
            );
            Err(Denial::new(Reason::TooManyFailures, advice).retry_after(seconds))
        })
    }

    /// It was done, and `name` was wrong.
    pub(crate) fn failed(self, kind: AttemptKind, name: &str, now: Timestamp) {
        let Some((back_off, _)) = self.watched else {
            return;
        };
        let Some(place) = self.place(kind, name) else {
            if back_off.blind.get() == Blind::No {
                back_off.blind.set(Blind::Untold);
            }
            return;
        };
        let mut memory = back_off.memory(kind).borrow_mut();
        memory.update(
            place,
            now,
            |failures| back_off.are_over(failures, now),
            |known| back_off.one_more(known, now),
        );
    }

    /// It was done, and `name` was right: what was wrong before is forgotten.
    pub(crate) fn succeeded(self, kind: AttemptKind, name: &str) {
        let Some((back_off, _)) = self.watched else {
            return;
        };
        if back_off.memory(kind).borrow().is_empty() {
            return;
        }
        if let Some(place) = self.place(kind, name) {
            back_off.memory(kind).borrow_mut().remove(place);
        }
    }

    /// Where the pair is remembered.
    fn place(self, kind: AttemptKind, name: &str) -> Option<Place> {
        let (back_off, client) = self.watched?;
        let address = client.find()?;
        let issuer = match kind {
            AttemptKind::Password => None,
            AttemptKind::Token(issuer) => Some(issuer),
        };
        Some(Place {
            pair: back_off.hasher.hash_one((address, issuer, name)),
            address: back_off.hasher.hash_one(address),
        })
    }
}

#[cfg(test)]
#[path = "back_off_tests.rs"]
mod tests;
