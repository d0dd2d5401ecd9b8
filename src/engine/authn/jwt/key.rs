//! Public keys, decoded once and strong enough.

use super::algorithm::Algorithm;
use p256::pkcs8::EncodePublicKey;
use rsa::{BoxedUint, RsaPublicKey, traits::PublicKeyParts};
use std::fmt;

/// RFC 7518 section 3.3 asks for 2048 bits; over 8192 a signature costs too much.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;

/// The beginning of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410 section 4).
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// The most keys that are tried for a token that names none.
const MAX_CANDIDATES: usize = 4;

/// A public key that is strong enough.
pub struct PublicKey {
    material: Material,
    spki: Vec<u8>,
}

/// What the mathematics need.
pub(super) enum Material {
    Rsa(Box<RsaPublicKey>),
    P256(Box<p256::ecdsa::VerifyingKey>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    Ed25519(Box<ed25519_dalek::VerifyingKey>),
}

impl PublicKey {
    /// An RSA key of modulus `n` and exponent `e`, big-endian.
    ///
    /// # Errors
    /// Too weak, too large, or no such key.
    pub fn rsa(n: &[u8], e: &[u8]) -> Result<Self, String> {
        let is_even = e.last().is_none_or(|last| last % 2 == 0);
        let (n, e) = (
            BoxedUint::from_be_slice_vartime(n),
            BoxedUint::from_be_slice_vartime(e),
        );
        let bits = n.bits_vartime();
        if !RSA_BITS.contains(&bits) {
            let (min, max) = (RSA_BITS.start(), RSA_BITS.end());
            return Err(format!(
                "is an RSA key of {bits} bits, expected {min} to {max}"
            ));
        }
        if is_even || e <= BoxedUint::one() {
            return Err("is an RSA key with an even exponent, or with 1".to_owned());
        }
        let key = RsaPublicKey::new(n, e).map_err(|_| "is no RSA key that can be used")?;
        Self::of_rsa(key)
    }

    pub(super) fn of_rsa(key: RsaPublicKey) -> Result<Self, String> {
        let spki = key.to_public_key_der();
        Ok(Self {
            spki: spki.map_err(|_| "cannot be encoded")?.into_vec(),
            material: Material::Rsa(Box::new(key)),
        })
    }

    /// A key on P-256, from its uncompressed point (SEC 1 section 2.3.3).
    ///
    /// # Errors
    /// The point is not on the curve.
    pub fn p256(point: &[u8]) -> Result<Self, String> {
        let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map_err(|_| "is no point on P-256")?;
        let spki = key.to_public_key_der().map_err(|_| "cannot be encoded")?;
        Ok(Self {
            spki: spki.into_vec(),
            material: Material::P256(Box::new(key)),
        })
    }

    /// A key on P-384, from its uncompressed point.
    ///
    /// # Errors
    /// The point is not on the curve.
    pub fn p384(point: &[u8]) -> Result<Self, String> {
        let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map_err(|_| "is no point on P-384")?;
        let spki = key.to_public_key_der().map_err(|_| "cannot be encoded")?;
        Ok(Self {
            spki: spki.into_vec(),
            material: Material::P384(Box::new(key)),
        })
    }

    /// An Ed25519 key, from its 32 bytes (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    /// It has another length, is no point, or one of small order, under which anything verifies.
    pub fn ed25519(bytes: &[u8]) -> Result<Self, String> {
        let wrong = "is no usable Ed25519 key";
        // Which other encodings there are of a point is a question that the two answer differently.
        let key = ed25519_compact::PublicKey::from_slice(bytes).map_err(|_| wrong)?;
        key.validate().map_err(|_| wrong)?;
        let key = ed25519_dalek::VerifyingKey::from_bytes(&key).map_err(|_| wrong)?;
        if key.is_weak() {
            return Err(wrong.to_owned());
        }
        Ok(Self {
            spki: [&ED25519_SPKI[..], bytes].concat(),
            material: Material::Ed25519(Box::new(key)),
        })
    }

    /// Whether it is of the kind that `algorithm` takes.
    pub const fn fits(&self, algorithm: Algorithm) -> bool {
        match self.material {
            Material::Rsa(_) => matches!(
                algorithm,
                Algorithm::Rs256
                    | Algorithm::Rs384
                    | Algorithm::Rs512
                    | Algorithm::Ps256
                    | Algorithm::Ps384
                    | Algorithm::Ps512
            ),
            Material::P256(_) => matches!(algorithm, Algorithm::Es256),
            Material::P384(_) => matches!(algorithm, Algorithm::Es384),
            Material::Ed25519(_) => matches!(algorithm, Algorithm::EdDsa),
        }
    }

    /// How many bytes a signature has.
    pub fn signature_length(&self) -> usize {
        match &self.material {
            Material::Rsa(key) => key.size(),
            Material::P256(_) | Material::Ed25519(_) => 64,
            Material::P384(_) => 96,
        }
    }

    /// How many bits the modulus of an RSA key has; none for other keys.
    pub fn rsa_bits(&self) -> u32 {
        match &self.material {
            Material::Rsa(key) => key.n().bits_vartime(),
            Material::P256(_) | Material::P384(_) | Material::Ed25519(_) => 0,
        }
    }

    /// As SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7) in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Its kind, for messages.
    pub const fn kind(&self) -> &'static str {
        match self.material {
            Material::Rsa(_) => "RSA",
            Material::P256(_) => "P-256",
            Material::P384(_) => "P-384",
            Material::Ed25519(_) => "Ed25519",
        }
    }

    pub(super) const fn material(&self) -> &Material {
        &self.material
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.kind())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

/// One key of a set.
#[derive(Debug, PartialEq)]
pub struct Key {
    /// the name by which tokens ask for it (RFC 7517 section 4.5)
    pub kid: Option<String>,
    /// the only algorithm it is for, if it says (RFC 7517 section 4.4)
    pub algorithm: Option<Algorithm>,
    /// the key
    pub public: PublicKey,
}

/// The keys of one issuer.
#[derive(Debug, PartialEq)]
pub struct KeySet {
    keys: Vec<Key>,
}

/// The keys to try for a token.
#[derive(Debug, PartialEq)]
pub enum Candidates<'a> {
    /// these; none, if what it names is of another kind
    Keys(Vec<&'a PublicKey>),
    /// it names a key that is not there
    UnknownKid,
    /// it names none, and every key has a name
    Nameless,
}

impl KeySet {
    /// Of these keys.
    pub const fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// Whether there is no key.
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The keys to try for a token of `algorithm` that names `kid`.
    ///
    /// Where both the token and the set know names, only keys of that name. A token that names none
    /// is no key's of a set in which all have names: else whoever forges it has several tried. Otherwise at
    /// most four of the right kind.
    pub fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> Candidates<'_> {
        let has_name = |key: &Key| key.kid.is_some();
        let named = kid.filter(|_| self.keys.iter().any(has_name));
        let of_name = |key: &&Key| named.is_none() || key.kid.as_deref() == named;
        if !self.keys.iter().any(|key| of_name(&key)) {
            return Candidates::UnknownKid;
        }
        if kid.is_none() && self.keys.iter().all(has_name) {
            return Candidates::Nameless;
        }
        let fit = self.keys.iter().filter(of_name).filter(|key| {
            key.public.fits(algorithm) && key.algorithm.is_none_or(|only| only == algorithm)
        });
        Candidates::Keys(fit.take(MAX_CANDIDATES).map(|key| &key.public).collect())
    }
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
