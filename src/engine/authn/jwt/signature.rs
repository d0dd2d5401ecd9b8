//! Signatures: the one port of the engine, and the mathematics in the module itself.

use super::algorithm::Algorithm;
use super::cost;
use super::key::{Material, PublicKey};
use crate::authn::budget::Budget;
use crate::authn::shares::Payers;
use crate::denial::{Denial, Reason};
use crate::secret::Secret;
use crate::time::Timestamp;
use jwt_simple::algorithms::{HS256Key, HS384Key, HS512Key, MACLike};
use jwt_simple::reexports::ct_codecs;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPublicKey};
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt::Write as _;

/// Checks signatures: in the module ([`Software`]), or by the crypto of the gateway.
pub trait Verifier {
    /// Whether `signature`, as it stands in a JWS, of `input` was made with the private half of
    /// `key` (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1). It has the right length and `key`
    /// fits `algorithm`: [`verify`] asks for nothing else.
    fn verify_sound(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        input: &[u8],
        signature: &[u8],
    ) -> bool;

    /// What that costs, in microseconds.
    fn microseconds(&self, algorithm: Algorithm, key: &PublicKey) -> u32 {
        cost::in_module(algorithm, key)
    }
}

/// Who computes signatures, and from which time.
#[derive(Clone, Copy)]
pub struct Arithmetic<'c> {
    /// who computes
    pub verifier: &'c dyn Verifier,
    /// from what it is paid, the first that has something left
    pub payers: Payers<'c>,
    /// the time
    pub now: Timestamp,
}

impl<'c> Arithmetic<'c> {
    /// What was paid, if one of `keys` signed `input`. Whoever believes it gives that back, so that good callers
    /// take no time from each other. All keys are paid for before the first is tried: a flood that pays for one
    /// at a time would leave nobody the time for the last.
    ///
    /// # Errors
    /// [`Reason::TooManySignatures`]: it was not looked at.
    pub fn verify(
        self,
        algorithm: Algorithm,
        keys: &[&PublicKey],
        input: &[u8],
        signature: &[u8],
    ) -> Result<Option<Paid<'c>>, Denial> {
        // What cannot be right costs nothing.
        let sound = keys
            .iter()
            .filter(|key| is_sound(algorithm, key, signature));
        let costs = sound.map(|key| self.verifier.microseconds(algorithm, key));
        let Some(cost) = costs.reduce(u32::saturating_add) else {
            return Ok(None);
        };
        let paid = Paid {
            payer: self.payer(cost)?,
            cost,
        };
        let mut keys = keys.iter();
        let good = keys.any(|key| verify(self.verifier, algorithm, key, input, signature));
        Ok(good.then_some(paid))
    }

    /// The budget that has paid `cost`.
    fn payer(self, cost: u32) -> Result<&'c Budget, Denial> {
        let mut shortest = i64::MAX;
        for budget in self.payers.into_iter().flatten() {
            match budget.spend(cost, self.now) {
                Ok(()) => return Ok(budget),
                Err(seconds) => shortest = shortest.min(seconds),
            }
        }
        let advice = "this worker is busy checking others, try again";
        Err(Denial::new(Reason::TooManySignatures, advice).retry_after(shortest))
    }
}

/// What a signature that was right has cost.
#[derive(Debug)]
pub struct Paid<'c> {
    payer: &'c Budget,
    cost: u32,
}

impl Paid<'_> {
    /// Gives it back: who sent it is no stranger.
    pub fn give_back(self) {
        self.payer.refund(self.cost);
    }
}

/// Whether `verifier` finds that `key` signed `input`.
pub fn verify(
    verifier: &dyn Verifier,
    algorithm: Algorithm,
    key: &PublicKey,
    input: &[u8],
    signature: &[u8],
) -> bool {
    is_sound(algorithm, key, signature) && verifier.verify_sound(algorithm, key, input, signature)
}

/// What all verifiers must agree on, before them: kind, length, and that no half of an ECDSA
/// signature is zero.
fn is_sound(algorithm: Algorithm, key: &PublicKey, signature: &[u8]) -> bool {
    let ecdsa = matches!(algorithm, Algorithm::Es256 | Algorithm::Es384);
    let (r, s) = signature.split_at(signature.len() / 2);
    let is_zero = |half: &[u8]| half.iter().all(|byte| *byte == 0);
    key.fits(algorithm)
        && signature.len() == key.signature_length()
        && !(ecdsa && (is_zero(r) || is_zero(s)))
}

/// The verifier that needs nothing but the module.
#[derive(Clone, Copy, Debug)]
pub struct Software;

impl Verifier for Software {
    fn verify_sound(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        match key.material() {
            Material::Rsa(key) => verify_rsa(algorithm, key, input, signature),
            Material::P256(key) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|sign| key.verify_prehash(&Sha256::digest(input), &sign).is_ok()),
            Material::P384(key) => p384::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|sign| key.verify_prehash(&Sha384::digest(input), &sign).is_ok()),
            // Strictly: no point of small order, and no cofactor that a second reader may leave out.
            Material::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|sign| key.verify_strict(input, &sign).is_ok()),
        }
    }
}

/// RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 8017 section 8), with a salt as long as the hash (RFC 7518
/// section 3.5).
fn verify_rsa(algorithm: Algorithm, key: &RsaPublicKey, input: &[u8], signature: &[u8]) -> bool {
    fn pkcs1<D: Digest + rsa::pkcs8::AssociatedOid>(
        key: &RsaPublicKey,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        let hash = D::digest(input);
        key.verify(Pkcs1v15Sign::new::<D>(), &hash, signature)
            .is_ok()
    }
    match algorithm {
        Algorithm::Rs256 => pkcs1::<Sha256>(key, input, signature),
        Algorithm::Rs384 => pkcs1::<Sha384>(key, input, signature),
        Algorithm::Rs512 => pkcs1::<Sha512>(key, input, signature),
        Algorithm::Ps256 => {
            let scheme = Pss::<Sha256>::new_with_salt(32);
            key.verify(scheme, &Sha256::digest(input), signature)
                .is_ok()
        }
        Algorithm::Ps384 => {
            let scheme = Pss::<Sha384>::new_with_salt(48);
            key.verify(scheme, &Sha384::digest(input), signature)
                .is_ok()
        }
        Algorithm::Ps512 => {
            let scheme = Pss::<Sha512>::new_with_salt(64);
            key.verify(scheme, &Sha512::digest(input), signature)
                .is_ok()
        }
        _ => false,
    }
}

/// What is signed for a fingerprint.
const FINGERPRINT: &[u8] = b"ollama-gate: fingerprint of a secret, version 1";
/// From a fingerprint a shorter secret could be guessed, in bytes.
const LEAST_FOR_FINGERPRINT: usize = 32;

/// A secret for HS256, HS384 and HS512 (RFC 7518 section 3.2).
#[derive(Debug)]
pub struct HmacKey {
    hs256: Secret<HS256Key>,
    hs384: Secret<HS384Key>,
    hs512: Secret<HS512Key>,
    is_long: bool,
}

impl HmacKey {
    /// From the bytes of the secret.
    pub fn new(secret: &[u8]) -> Self {
        Self {
            hs256: Secret::new(HS256Key::from_bytes(secret)),
            hs384: Secret::new(HS384Key::from_bytes(secret)),
            hs512: Secret::new(HS512Key::from_bytes(secret)),
            is_long: secret.len() >= LEAST_FOR_FINGERPRINT,
        }
    }

    /// Whether `tag` is that of `input`, compared in constant time. A tag of another length is
    /// another tag.
    pub fn verify(&self, algorithm: Algorithm, input: &[u8], tag: &[u8]) -> bool {
        match algorithm {
            Algorithm::Hs256 => {
                ct_codecs::verify(&self.hs256.expose().authentication_tag(input), tag)
            }
            Algorithm::Hs384 => {
                ct_codecs::verify(&self.hs384.expose().authentication_tag(input), tag)
            }
            Algorithm::Hs512 => {
                ct_codecs::verify(&self.hs512.expose().authentication_tag(input), tag)
            }
            _ => false,
        }
    }

    /// Eight hexadecimal digits by which two replicas can see that they hold different secrets: the
    /// beginning of an HMAC of a constant. None for a secret under 32 bytes.
    pub fn fingerprint(&self) -> Option<String> {
        let tag = self.hs256.expose().authentication_tag(FINGERPRINT);
        let mut text = String::with_capacity(8);
        for byte in tag.iter().take(4) {
            write!(text, "{byte:02x}").ok()?;
        }
        self.is_long.then_some(text)
    }
}
