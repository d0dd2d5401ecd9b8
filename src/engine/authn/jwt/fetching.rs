//! The keys that issuers publish, fetched when a token needs them.

use super::keys::{Keys, Need};
use super::remote::Remote;
use super::tokens::Tokens;
use crate::denial::{Denial, Reason};
use crate::source::{NotFetched, Refusal, Why};
use crate::time::Timestamp;

impl Tokens {
    /// Begins to fetch the first of `needs` that can be, or says of the first why it cannot. None if
    /// nothing is needed, or nothing but newer keys, and those are not to be had now: without them there
    /// is a refusal already.
    pub(super) fn fetch_one(&self, needs: &[(usize, Need)], now: Timestamp) -> Option<Refusal> {
        let mut denied = None;
        for (place, need) in needs {
            match self.fetch(*place, need, now) {
                Refusal::Denied(_) if *need == Need::Newer => {}
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
            Need::Newer => Why::Doubted,
        };
        match remote.keys.begin(why, now) {
            Ok(begun) => Refusal::Await(Box::new(begun)),
            Err(refused) => refused_fetch(refused).into(),
        }
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
        let advice = "fetching the keys of its issuer failed, try again";
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
            "the keys of its issuer were fetched a moment ago, try again after `Retry-After`",
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
