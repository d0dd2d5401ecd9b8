//! Values that only gates with the same secret can write and read.
//!
//! XChaCha20-Poly1305 seals them, under a key for each purpose and each gate that HKDF-SHA256 (RFC 5869) derives
//! from a secret. The nonce is an HMAC over what is sealed, the host's random bytes, the time and a counter: it is as
//! good as the host's randomness where that is good, and on a host without a CSPRNG two values share a nonce
//! only if they are the same value.

use crate::secret::Secret;
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hmac_sha256::{HKDF, HMAC};
use std::cell::Cell;

/// The least number of bytes of a secret.
pub(crate) const MIN_SECRET: usize = 32;
/// The most secrets of a ring, the current one included: opening tries each of them.
pub(crate) const MAX_SECRETS: usize = 4;
/// The most bytes of a sealed text: five cookies full.
pub(crate) const MAX_SEALED: usize = 20_000;

/// The first byte of a sealed value; another one is another format.
const VERSION: u8 = 1;
const NONCE: usize = 24;
const TAG: usize = 16;
/// The most that fits: three bytes of what is written make four characters.
const MAX_PLAINTEXT: usize = MAX_SEALED / 4 * 3 - 1 - NONCE - TAG;
const SALT: &[u8] = b"ollama-gate";

type Key = [u8; 32];

/// What a value is sealed for. What was sealed for one purpose opens for no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// what a login under way has to remember
    Login,
    /// who is signed in
    Session,
    /// a form of the gate's own pages
    Form,
    /// which session of a store a browser has
    Ticket,
    /// who is signed in, as a store keeps it
    Stored,
}

/// What makes a draw differ from every other one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entropy<'a> {
    /// random bytes of the host, which may be poor ones
    pub(crate) random: &'a [u8],
    /// the time
    pub(crate) now: Timestamp,
}

/// A value that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opened {
    /// what was sealed
    pub(crate) plaintext: Vec<u8>,
    /// whether a previous secret opened it, so that it has to be sealed again before that one goes
    pub(crate) by_previous: bool,
}

/// It does not fit into [`MAX_SEALED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// The current secret, and previous ones, which open and never seal.
#[derive(Debug)]
pub(crate) struct Ring {
    current: Keys,
    previous: Vec<Keys>,
    /// tells apart instances that draw the same random bytes at the same time
    seed: u64,
    drawn: Cell<u64>,
}

/// What one secret is used for, a key for each use.
#[derive(Debug)]
struct Keys {
    login: Secret<Key>,
    session: Secret<Key>,
    form: Secret<Key>,
    ticket: Secret<Key>,
    stored: Secret<Key>,
    draw: Secret<Key>,
}

impl Keys {
    fn of(secret: &[u8], gate: &str) -> Self {
        let root = HKDF::extract(SALT, secret);
        let key = |label: &str| {
            let mut key = Key::default();
            // No label has a line end, so no two pairs make one text.
            HKDF::expand(&mut key, root, [label, "\n", gate].concat());
            Secret::new(key)
        };
        Self {
            login: key("seal login 1"),
            session: key("seal session 1"),
            form: key("seal form 1"),
            ticket: key("seal ticket 1"),
            stored: key("seal stored 1"),
            draw: key("draw 1"),
        }
    }

    const fn of_purpose(&self, purpose: Purpose) -> &Key {
        match purpose {
            Purpose::Login => self.login.expose(),
            Purpose::Session => self.session.expose(),
            Purpose::Form => self.form.expose(),
            Purpose::Ticket => self.ticket.expose(),
            Purpose::Stored => self.stored.expose(),
        }
    }

    fn cipher(&self, purpose: Purpose) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.of_purpose(purpose)).into())
    }
}

impl Ring {
    /// The ring of `secrets`, the current one first, for `gate` alone: what one gate seals opens at no other that
    /// has the same secrets. `seed` is random, and another one in each instance.
    ///
    /// None without a secret, with one under [`MIN_SECRET`] bytes or with more than [`MAX_SECRETS`].
    pub(crate) fn new(secrets: &[Secret<Vec<u8>>], gate: &str, seed: u64) -> Option<Self> {
        let long = |secret: &Secret<Vec<u8>>| secret.expose().len() >= MIN_SECRET;
        if secrets.len() > MAX_SECRETS || !secrets.iter().all(long) {
            return None;
        }
        let mut keys = secrets.iter().map(|secret| Keys::of(secret.expose(), gate));
        Some(Self {
            current: keys.next()?,
            previous: keys.collect(),
            seed,
            drawn: Cell::new(0),
        })
    }

    /// Seals `plaintext` by the current secret, as base64url without padding.
    ///
    /// # Errors
    /// [`TooLong`], before anything is done.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        plaintext: &[u8],
        entropy: Entropy<'_>,
    ) -> Result<String, TooLong> {
        self.seal_for(b"", purpose, plaintext, entropy)
    }

    /// The same for the place called `place`: at no other it opens.
    ///
    /// # Errors
    /// [`TooLong`], before anything is done.
    pub(crate) fn seal_for(
        &self,
        place: &[u8],
        purpose: Purpose,
        plaintext: &[u8],
        entropy: Entropy<'_>,
    ) -> Result<String, TooLong> {
        if plaintext.len() > MAX_PLAINTEXT {
            return Err(TooLong);
        }
        let drawn = self.mix(purpose.label(), plaintext, entropy);
        let nonce = drawn.first_chunk::<NONCE>().ok_or(TooLong)?;
        let payload = Payload {
            msg: plaintext,
            aad: &bound(place),
        };
        let cipher = self.current.cipher(purpose);
        let sealed = cipher
            .encrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| TooLong)?;
        Ok(URL_SAFE_NO_PAD.encode([&[VERSION][..], nonce, &sealed].concat()))
    }

    /// What was sealed as `text` for `purpose`, by whichever secret of the ring. None if it was not.
    pub(crate) fn open(&self, purpose: Purpose, text: &[u8]) -> Option<Opened> {
        self.open_at(b"", purpose, text)
    }

    /// The same for what was sealed for the place called `place`.
    pub(crate) fn open_at(&self, place: &[u8], purpose: Purpose, text: &[u8]) -> Option<Opened> {
        if text.len() > MAX_SEALED {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let rest = bytes.strip_prefix(&[VERSION])?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE>()?;
        let bound = bound(place);
        let open = |keys: &Keys| {
            let payload = Payload {
                msg: sealed,
                aad: &bound,
            };
            keys.cipher(purpose)
                .decrypt(&XNonce::from(*nonce), payload)
                .ok()
        };
        if let Some(plaintext) = open(&self.current) {
            return Some(Opened {
                plaintext,
                by_previous: false,
            });
        }
        let plaintext = self.previous.iter().find_map(open)?;
        Some(Opened {
            plaintext,
            by_previous: true,
        })
    }

    /// 32 bytes that nobody without the current secret can foretell, whatever the host's random bytes are
    /// worth. `what` names their use.
    pub(crate) fn draw(&self, what: &'static str, entropy: Entropy<'_>) -> [u8; 32] {
        self.mix(what, b"", entropy)
    }

    /// An HMAC over all that a draw is made of; what has no fixed length stands behind its length.
    fn mix(&self, what: &'static str, plaintext: &[u8], entropy: Entropy<'_>) -> [u8; 32] {
        let drawn = self.drawn.get();
        self.drawn.set(drawn.wrapping_add(1));
        let mut mac = HMAC::new(self.current.draw.expose());
        mac.update(self.seed.to_be_bytes());
        mac.update(drawn.to_be_bytes());
        mac.update(entropy.now.milliseconds().to_be_bytes());
        for part in [what.as_bytes(), entropy.random, plaintext] {
            mac.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            mac.update(part);
        }
        mac.finalize()
    }
}

/// What a value sealed for `place` is bound to, beside its purpose.
fn bound(place: &[u8]) -> Vec<u8> {
    [&[VERSION], place].concat()
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Login => "nonce login",
            Self::Session => "nonce session",
            Self::Form => "nonce form",
            Self::Ticket => "nonce ticket",
            Self::Stored => "nonce stored",
        }
    }
}

#[cfg(test)]
#[path = "seal_tests.rs"]
mod tests;
