//! The `ollama` CLI's own signature, which it sends where `OLLAMA_AUTH=1` is set.
//!
//! It signs `METHOD,PATH?ts=UNIX` with the ssh-ed25519 key of its user, and nothing else: no body,
//! no host, no nonce. So a signature is good for a short time around the one that it names, and
//! once; two equal calls within one second are the same bytes, and both are let in.

mod replay;
mod signature;
mod ssh;

use super::Asking;
use super::budget::Share;
use super::jwt::{Algorithm, Arithmetic, PublicKey};
use super::shares::Shares;
use crate::denial::{Denial, Reason};
use crate::grant::BodyRules;
use crate::grant::ScopeSet;
use crate::identity::Expiry;
use crate::time::Timestamp;
use replay::{ReplayCache, Unfit};
use sha2::{Digest as _, Sha256};
use signature::CliSignature;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

pub(crate) use ssh::{KeyBytes, key_of_blob};

/// What the configuration says of one key.
#[derive(Debug, PartialEq)]
pub(crate) struct Signer {
    /// its name in logs; outlives the key
    pub id: String,
    /// whose it is
    pub subject: Rc<str>,
    /// what it may do
    pub scopes: ScopeSet,
    /// which models it may use, and how much it may ask for
    pub rules: Option<Rc<BodyRules>>,
    /// the first moment at which it is no longer valid, with the words of the configuration
    pub expires_at: Option<(Timestamp, String)>,
    /// the key
    pub key: PublicKey,
}

/// For how long a signature is good, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// how far its time may be from the gate's, either way
    pub clock: i64,
    /// for how long the same one may come again
    pub replay: i64,
}

/// Every key that may sign, found in one step however many there are.
#[derive(Debug)]
pub(crate) struct Signers {
    known: HashMap<KeyBytes, SignerState>,
    windows: Windows,
    /// time for signatures: whoever knows a public key can have them tried
    time: Shares,
}

/// One key that may sign.
#[derive(Debug)]
struct SignerState {
    signer: Signer,
    replays: RefCell<ReplayCache>,
}

/// What of the time for signatures is common to all keys. With the parts of [`Shares`] a worker spends a
/// fifth of its time.
const COMMON: Share = Share {
    per_millisecond: 152,
    max_saved: 10_000,
};

/// What of a request is signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedRequest<'a> {
    /// the method, as sent
    pub method: &'a [u8],
    /// path and query as sent, without the prefix that the gate is mounted at: the CLI leaves out
    /// that of `OLLAMA_HOST` too
    pub target: &'a [u8],
}

impl Signer {
    /// When its signatures are no proof any more.
    pub(crate) fn expiry(&self) -> Option<Expiry> {
        let (at, _) = self.expires_at.as_ref()?;
        let (at, reason) = (*at, Reason::ExpiredSigner);
        Some(Expiry { at, reason })
    }
}

impl Signers {
    /// None, with these windows.
    pub(crate) fn new(windows: Windows) -> Self {
        Self {
            known: HashMap::new(),
            windows,
            time: Shares::new(COMMON),
        }
    }

    /// Adds `signer` with the key `bytes`. Gives back the id of the one that has this key already,
    /// if one does.
    pub(crate) fn insert(&mut self, bytes: KeyBytes, signer: Signer) -> Option<&str> {
        use std::collections::hash_map::Entry;
        match self.known.entry(bytes) {
            Entry::Occupied(taken) => Some(&taken.into_mut().signer.id),
            Entry::Vacant(free) => {
                free.insert(SignerState {
                    signer,
                    replays: RefCell::default(),
                });
                None
            }
        }
    }

    /// Whether there is no key.
    pub(crate) fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Whose key made the signature `presented` of `signed`, if it is good at `now`.
    ///
    /// The cheap questions go first. What was used is remembered only once it is known to be good,
    /// so that strangers fill no memory.
    ///
    /// # Errors
    /// Malformed, unknown, out of time, forged, expired or a replay.
    pub(crate) fn verify(
        &self,
        presented: &str,
        signed: SignedRequest<'_>,
        asking: Asking<'_>,
    ) -> Result<&Signer, Denial> {
        if self.is_empty() {
            return Err(not_taken());
        }
        let now = asking.clock.now()?;
        let presented = CliSignature::read(presented, signed)?;
        let known = self.known.get(&presented.key).ok_or_else(|| {
            Denial::new(
                Reason::UnknownSigner,
                "ask for yours to be added, it is the line in ~/.ollama/id_ed25519.pub",
            )
        })?;
        let SignerState {
            signer, replays, ..
        } = known;
        let denied = |denial: Denial| denial.of(&signer.id);
        if !self.windows.holds(presented.time, now) {
            return Err(denied(self.windows.missed()));
        }
        let message = presented.message(signed);
        // A pair, as of back-off: a flood with one key is no trouble for another, nor for the same one
        // from elsewhere.
        let pair = (presented.key, asking.client.neighbourhood());
        let arithmetic = Arithmetic {
            verifier: asking.verifier,
            payers: self.time.payers(Some(pair), None, now),
            now,
        };
        let paid = arithmetic
            .verify(
                Algorithm::EdDsa,
                &[&signer.key],
                &message,
                &presented.signature,
            )
            .map_err(denied)?;
        let Some(paid) = paid else {
            return Err(denied(Denial::new(
                Reason::InvalidSignature,
                "method and path must arrive as they were signed, the path without the prefix of \
                 OLLAMA_HOST",
            )));
        };
        if let Some((end, written)) = &signer.expires_at
            && now >= *end
        {
            let advice =
                format!("it was valid until {written}, ask for a new key to be authorized");
            return Err(denied(Denial::new(Reason::ExpiredSigner, advice)));
        }
        // What is remembered is the message: of one message there may be several signatures.
        let digest = Sha256::digest(&message).into();
        let noted = replays
            .borrow_mut()
            .note(presented.time, digest, now, self.windows);
        match noted {
            // It is the request that was noted.
            Err(Unfit::Replayed) if asking.is_repeated => Ok(signer),
            // One that comes again is a stranger's, for all that is known.
            Ok(()) => {
                paid.give_back();
                Ok(signer)
            }
            Err(unfit) => Err(denied(unfit.denial())),
        }
    }
}

/// Why a signature is refused where there are no keys for it.
pub(crate) fn not_taken() -> Denial {
    Denial::new(
        Reason::UnsupportedCredential,
        "signatures of the `ollama` CLI are not accepted here",
    )
}

impl Windows {
    fn holds(self, time: Timestamp, now: Timestamp) -> bool {
        time >= now.plus(self.clock.saturating_neg()) && time <= now.plus(self.clock)
    }

    fn missed(self) -> Denial {
        let advice = format!(
            "its time is over {} seconds from the gate's, send the request again or set your clock",
            self.clock
        );
        Denial::new(Reason::StaleSignature, advice)
    }
}

impl Unfit {
    fn denial(self) -> Denial {
        match self {
            Self::Replayed => Denial::new(
                Reason::ReplayedSignature,
                "each call needs a signature of its own, send the request again",
            ),
            Self::Forgotten => Denial::new(
                Reason::StaleSignature,
                "too many calls were signed after it, send the request again",
            ),
        }
    }
}
