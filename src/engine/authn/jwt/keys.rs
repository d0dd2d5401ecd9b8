//! The keys of one issuer, from wherever they come.

use super::jwk::MAX_KID_BYTES;
use super::key::{Candidates, KeySet};
use super::remote::Remote;
use super::rules::{Rejection, Stage};
use super::signature::{Arithmetic, HmacKey, Verifier};
use super::subjects::KnownSubjects;
use super::token::UnverifiedToken;
use crate::authn::back_off::{AttemptKind, Attempts};
use crate::authn::shares::Shares;
use crate::denial::{Denial, Reason};
use crate::network::ClientAddress;
use crate::source::Tried;
use crate::time::Timestamp;

/// The keys of one issuer.
#[derive(Debug)]
pub(crate) enum Keys {
    /// shared secrets, the current one first
    Secrets(Vec<HmacKey>),
    /// public keys that stand in the configuration
    Public(KeySet),
    /// public keys that the issuer publishes
    Remote(Box<Remote>),
}

/// Proof that a signature was right. Only [`Keys::check`] makes one.
#[derive(Debug)]
pub(crate) struct VerifiedSignature {
    previous: bool,
}

impl VerifiedSignature {
    /// Whether it was made with another secret than the current one.
    pub(crate) const fn by_a_previous_secret(&self) -> bool {
        self.previous
    }
}

/// What is missing before a signature can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// there are no keys
    Keys,
    /// the keys are older than they should be
    Fresh,
    /// there is no key of this `kid`
    Kid(String),
    /// the keys that there are did not make the signature; another one of the same name may have
    Newer,
}

/// Why no signature is verified.
#[derive(Debug)]
pub(crate) enum Unproved {
    /// the token is refused
    Rejected(Rejection),
    /// the token is refused by the keys that there are, and there may be newer ones
    Doubted(Rejection),
    /// the token was not looked at: too many of its subject's were wrong, or too many of all were to
    /// be looked at
    Held(Denial),
    /// keys have to be fetched first
    Needs(Need),
}

/// What a check needs beside the token.
#[derive(Clone, Copy)]
pub(crate) struct Checker<'c> {
    /// the time
    pub now: Timestamp,
    /// who computes
    pub verifier: &'c dyn Verifier,
    /// from which time
    pub time: &'c Shares,
    /// whose tokens were good before
    pub subjects: &'c KnownSubjects,
    /// where the token comes from
    pub client: &'c ClientAddress<'c>,
    /// what this request has had fetched already
    pub tried: &'c [Tried],
    /// who is trying
    pub attempts: Attempts<'c>,
    /// the place of the issuer in the configuration
    pub issuer: usize,
}

impl Keys {
    /// Proof that one of these keys signed `token`, which claims to be `subject`'s.
    ///
    /// # Errors
    /// None did, or it cannot be known without fetching keys.
    pub(crate) fn check(
        &self,
        token: &UnverifiedToken<'_>,
        subject: &str,
        checker: Checker<'_>,
    ) -> Result<VerifiedSignature, Unproved> {
        match self {
            Self::Secrets(secrets) => {
                let input = token.signing_input.as_bytes();
                secrets
                    .iter()
                    .position(|secret| secret.verify(token.algorithm, input, &token.signature))
                    .map(|place| VerifiedSignature {
                        previous: place > 0,
                    })
                    .ok_or_else(|| {
                        forged("it was made with another secret than this gate has, sign in again")
                    })
            }
            Self::Public(keys) => {
                try_keys(keys, token, subject, checker).unwrap_or_else(|| Err(unknown_kid()))
            }
            Self::Remote(remote) => check_remote(remote, token, subject, checker),
        }
    }
}

impl Keys {
    /// Whether this request has had them fetched.
    pub(crate) fn were_fetched(&self, tried: &[Tried]) -> bool {
        matches!(self, Self::Remote(remote) if remote.keys.outcome(tried).is_some())
    }
}

fn check_remote(
    remote: &Remote,
    token: &UnverifiedToken<'_>,
    subject: &str,
    checker: Checker<'_>,
) -> Result<VerifiedSignature, Unproved> {
    let (keys, stale) = remote.keys(checker.now);
    let fetched = remote.keys.outcome(checker.tried);
    let Some(keys) = keys else {
        return Err(match fetched {
            None => Unproved::Needs(Need::Keys),
            Some(_) => unavailable(),
        });
    };
    if let Some(result) = try_keys(&keys, token, subject, checker) {
        // Only a token that the old keys hold for has them refreshed: a stranger's has not. If another
        // is at it, or it was tried a moment ago, the old keys still hold.
        let refreshes = stale && fetched.is_none() && remote.keys.is_due(checker.now);
        if refreshes && result.is_ok() {
            return Err(Unproved::Needs(Need::Fresh));
        }
        // A key may be exchanged without a new name, or without having one.
        return result.map_err(|unproved| match unproved {
            Unproved::Rejected(refused)
                if refused.stage == Stage::Signature && fetched != Some(true) =>
            {
                Unproved::Doubted(refused)
            }
            other => other,
        });
    }
    let kid = token.kid.as_deref().unwrap_or_default();
    match fetched {
        _ if kid.len() > MAX_KID_BYTES => Err(unknown_kid()),
        None => Err(Unproved::Needs(Need::Kid(kid.to_owned()))),
        Some(worked) => {
            remote.note_missing(kid, checker.now);
            Err(if worked { unknown_kid() } else { unavailable() })
        }
    }
}

/// `None` if the token names a key that is not among `keys`.
fn try_keys(
    keys: &KeySet,
    token: &UnverifiedToken<'_>,
    subject: &str,
    checker: Checker<'_>,
) -> Option<Result<VerifiedSignature, Unproved>> {
    let candidates = match keys.candidates(token.algorithm, token.kid.as_deref()) {
        Candidates::UnknownKid => return None,
        Candidates::Nameless => return Some(Err(nameless())),
        Candidates::Keys(candidates) => candidates,
    };
    let Checker { now, attempts, .. } = checker;
    let kind = AttemptKind::Token(checker.issuer);
    if let Err(held) = attempts.check(kind, subject, now) {
        return Some(Err(Unproved::Held(held)));
    }
    let input = token.signing_input.as_bytes();
    let known = checker.subjects.time(checker.issuer, subject);
    let place = checker.client.neighbourhood();
    let arithmetic = Arithmetic {
        verifier: checker.verifier,
        payers: checker.time.payers(place, known, now),
        now,
    };
    match arithmetic.verify(token.algorithm, &candidates, input, &token.signature) {
        Ok(None) => {}
        Ok(Some(paid)) => {
            paid.give_back();
            attempts.succeeded(kind, subject);
            checker.subjects.proved(checker.issuer, subject);
            return Some(Ok(VerifiedSignature { previous: false }));
        }
        Err(denial) => return Some(Err(Unproved::Held(denial))),
    }
    attempts.failed(kind, subject, now);
    let advice = "no key of its issuer made it, sign in again";
    Some(Err(forged(advice)))
}

fn refused(stage: Stage, reason: Reason, advice: &'static str) -> Unproved {
    Unproved::Rejected(Rejection {
        stage,
        denial: Denial::new(reason, advice),
    })
}

fn forged(advice: &'static str) -> Unproved {
    refused(Stage::Signature, Reason::InvalidSignature, advice)
}

/// The issuer has no key of the token's `kid`.
pub(super) fn unknown_kid() -> Unproved {
    let advice = "its issuer has no key of its `kid`, sign in again";
    refused(Stage::Key, Reason::UnknownSigningKey, advice)
}

/// The token does not say which key made it, and could have been made by any.
fn nameless() -> Unproved {
    let advice = "its header names no key (`kid`), and every key of its issuer has a name";
    refused(Stage::Key, Reason::UnknownSigningKey, advice)
}

/// The issuer's keys cannot be had.
fn unavailable() -> Unproved {
    let advice = "fetching the keys of its issuer failed, try again";
    refused(Stage::Key, Reason::KeysUnavailable, advice)
}
