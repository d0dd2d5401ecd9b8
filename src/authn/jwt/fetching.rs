//! The keys that issuers publish: fetched when a token needs them, or when they are due.

use super::keys::{Keys, Need};
use super::remote::Remote;
use super::tokens::{Refusal, Tokens, Tried};
use crate::denial::{Denial, Reason};
use crate::source::{Call, Fetch, NotFetched, Progress, Response, Why};
use crate::time::Timestamp;

/// Keys that are being fetched.
#[derive(Debug)]
pub struct Pending {
    /// the place of the issuer in the configuration
    pub issuer: usize,
    /// the fetch; dropping it gives it up
    pub fetch: Fetch,
}

/// What an answer led to.
#[derive(Debug)]
pub enum Answered {
    /// another call
    Follow(Pending, Call),
    /// nothing more is fetched
    Done(Tried),
}

impl Tokens {
    /// Begins to fetch the first of `needs` that can be, or says of the first why it cannot. None if
    /// nothing is needed.
    pub(super) fn fetch_one(&self, needs: &[(usize, Need)], now: Timestamp) -> Option<Refusal> {
        let mut denied = None;
        for (place, need) in needs {
            match self.fetch(*place, need, now) {
                Refusal::Denied(denial) => denied = denied.or(Some(denial)),
                begun => return Some(begun),
            }
        }
        denied.map(Refusal::Denied)
    }

    /// Begins to fetch what is needed, or says why not.
    fn fetch(&self, place: usize, need: &Need, now: Timestamp) -> Refusal {
        let Some(remote) = self.remote(place) else {
            return Denial::new(Reason::Misconfigured, "an issuer has no keys").into();
        };
        let why = match need {
            Need::Keys => Why::Absent,
            Need::Fresh => Why::Stale,
            Need::Kid(kid) => Why::Missing(kid),
        };
        match remote.source.begin(why, now) {
            Ok((fetch, call)) => {
                let pending = Pending {
                    issuer: place,
                    fetch,
                };
                Refusal::Await(Box::new((pending, call)))
            }
            Err(refused) => refused_fetch(refused).into(),
        }
    }

    /// The answer to a call has come: what to do next.
    pub fn answer(&self, pending: Pending, response: &Response<'_>, now: Timestamp) -> Answered {
        let Pending { issuer, fetch } = pending;
        let Some(remote) = self.remote(issuer) else {
            return Answered::Done(Tried {
                issuer,
                worked: false,
            });
        };
        match remote.source.answer(fetch, response, now) {
            Progress::Follow(fetch, call) => Answered::Follow(Pending { issuer, fetch }, call),
            Progress::Done { changed, ok, news } => {
                if changed {
                    self.verified.borrow_mut().clear();
                    self.forged.borrow_mut().clear();
                }
                self.news.borrow_mut().extend(news);
                self.ended.borrow_mut().push(ok);
                Answered::Done(Tried { issuer, worked: ok })
            }
        }
    }

    /// From now on ticks refresh what grows old.
    pub fn expect_ticks(&self) {
        self.ticks.set(true);
    }

    /// Whether anything is fetched at all.
    pub fn fetches(&self) -> bool {
        (0..self.issuers.len()).any(|place| self.remote(place).is_some())
    }

    /// A tick: the fetches that are due.
    pub fn due(&self, now: Timestamp) -> Vec<(Pending, Call)> {
        let fetches = (0..self.issuers.len()).filter_map(|issuer| {
            let begun = self.remote(issuer)?.source.begin(Why::Prefetch, now);
            let (fetch, call) = begun.ok()?;
            Some((Pending { issuer, fetch }, call))
        });
        fetches.collect()
    }

    /// Whether each fetch worked that has ended since this was asked last.
    pub fn take_ended(&self) -> Vec<bool> {
        self.ended.take()
    }

    fn remote(&self, place: usize) -> Option<&Remote> {
        match &self.issuers.get(place)?.keys {
            Keys::Remote(remote) => Some(remote),
            _ => None,
        }
    }
}

fn refused_fetch(refused: NotFetched) -> Denial {
    let unavailable = |retry_after| {
        let advice = "the keys of its issuer cannot be had at the moment, try again";
        Denial::new(Reason::KeysUnavailable, advice).retry_after(retry_after)
    };
    match refused {
        NotFetched::Missing => Denial::new(
            Reason::UnknownSigningKey,
            "its issuer has no key of its `kid`, sign in again",
        ),
        // It may be a key that is newer than the ones that were fetched a moment ago.
        NotFetched::CoolingDown { retry_after } => Denial::new(
            Reason::KeysPending,
            "the keys of its issuer were fetched a moment ago and will be again, try then",
        )
        .retry_after(retry_after),
        NotFetched::Unavailable { retry_after } => unavailable(retry_after),
        NotFetched::NotDue => unavailable(1),
        NotFetched::Busy => Denial::new(
            Reason::KeysPending,
            "the keys of its issuer are being fetched, try again in a second",
        ),
    }
}
