//! Private keys: made, read from a file, and what they sign. The gate knows only their public halves, and verifies with
//! its own arithmetic; the tests hold one against the other.

mod public;
mod read;
mod secret;

pub use public::{public_jwk, thumbprint};
pub use read::{private_jwk, private_pem};
pub use secret::{Encoding, SecretOptions};

use crate::output::Failure;
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use hmac::{Hmac, KeyInit as _, Mac as _};
use ollama_gate_engine::Algorithm;
use p256::ecdsa::signature::hazmat::PrehashSigner as _;
use rsa::pkcs8::EncodePrivateKey as _;
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A key that signs. It has no form in which it could be logged.
pub enum PrivateKey {
    Rsa(Box<RsaPrivateKey>),
    P256(Box<p256::SecretKey>),
    P384(Box<p384::SecretKey>),
    Ed25519([u8; 32]),
    Shared(Vec<u8>),
}

/// The beginning of a PrivateKeyInfo with the seed of an Ed25519 key (RFC 8410 section 7).
pub(super) const ED25519_PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];
/// What an RSA key has at least, and at the most, in bits: what the gate takes.
pub const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

impl PrivateKey {
    /// A new one for `algorithm`; `bits` is for RSA.
    ///
    /// # Errors
    /// The system has no randomness.
    pub fn draw(algorithm: Algorithm, bits: usize) -> Result<Self, Failure> {
        let failed = || Failure::new("a key could not be made");
        Ok(match algorithm {
            Algorithm::Hs256 => Self::Shared(random::<32>()?.to_vec()),
            Algorithm::Hs384 => Self::Shared(random::<48>()?.to_vec()),
            Algorithm::Hs512 => Self::Shared(random::<64>()?.to_vec()),
            Algorithm::Es256 => loop {
                // All but one in 2^32 of such numbers are a key.
                if let Ok(key) = p256::SecretKey::from_slice(&random::<32>()?) {
                    break Self::P256(Box::new(key));
                }
            },
            Algorithm::Es384 => loop {
                if let Ok(key) = p384::SecretKey::from_slice(&random::<48>()?) {
                    break Self::P384(Box::new(key));
                }
            },
            Algorithm::EdDsa => Self::Ed25519(random()?),
            _ => {
                // Where there is no randomness, this says so before the crate would panic.
                let _checked: [u8; 32] = random()?;
                let key = RsaPrivateKey::new(&mut UnwrapErr(SysRng), bits);
                Self::Rsa(Box::new(key.map_err(|_| failed())?))
            }
        })
    }

    /// What it is, for messages.
    pub fn kind(&self) -> String {
        match self {
            Self::Rsa(key) => format!("an RSA key of {} bits", key.n().bits_vartime()),
            Self::P256(_) => "a key on P-256".to_owned(),
            Self::P384(_) => "a key on P-384".to_owned(),
            Self::Ed25519(_) => "an Ed25519 key".to_owned(),
            Self::Shared(_) => "a shared secret".to_owned(),
        }
    }

    /// The algorithm that it signs by where nobody names one.
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::P384(_) => Algorithm::Es384,
            Self::Ed25519(_) => Algorithm::EdDsa,
            Self::Shared(_) => Algorithm::Hs256,
        }
    }

    /// The signature of `input` as it stands in a JWS (RFC 7518 sections 3.2 to 3.5, RFC 8037 section 3.1).
    ///
    /// # Errors
    /// It is not for `algorithm`.
    pub fn sign(&self, algorithm: Algorithm, input: &[u8]) -> Result<Vec<u8>, Failure> {
        let unfit = || {
            Failure::new(format!(
                "{} does not sign by {}",
                self.kind(),
                algorithm.name()
            ))
        };
        match (self, algorithm) {
            (Self::Shared(secret), Algorithm::Hs256) => {
                let mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| unfit())?;
                Ok(mac.chain_update(input).finalize().into_bytes().to_vec())
            }
            (Self::Shared(secret), Algorithm::Hs384) => {
                let mac = Hmac::<Sha384>::new_from_slice(secret).map_err(|_| unfit())?;
                Ok(mac.chain_update(input).finalize().into_bytes().to_vec())
            }
            (Self::Shared(secret), Algorithm::Hs512) => {
                let mac = Hmac::<Sha512>::new_from_slice(secret).map_err(|_| unfit())?;
                Ok(mac.chain_update(input).finalize().into_bytes().to_vec())
            }
            (Self::P256(key), Algorithm::Es256) => {
                let key = p256::ecdsa::SigningKey::from(key.as_ref());
                let signature: p256::ecdsa::Signature = key
                    .sign_prehash(&Sha256::digest(input))
                    .map_err(|_| unfit())?;
                Ok(signature.to_bytes().to_vec())
            }
            (Self::P384(key), Algorithm::Es384) => {
                let key = p384::ecdsa::SigningKey::from(key.as_ref());
                let signature: p384::ecdsa::Signature = key
                    .sign_prehash(&Sha384::digest(input))
                    .map_err(|_| unfit())?;
                Ok(signature.to_bytes().to_vec())
            }
            (Self::Ed25519(seed), Algorithm::EdDsa) => {
                Ok(ed25519(seed).sk.sign(input, None).to_vec())
            }
            (Self::Rsa(key), _) => rsa(key, algorithm, input).ok_or_else(unfit),
            _ => Err(unfit()),
        }
    }

    /// The key as PKCS#8 in PEM; a shared secret as one line of base64url.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn pem(&self) -> Result<String, Failure> {
        let failed = |_| Failure::new("the key could not be written as PEM");
        let der = match self {
            Self::Rsa(key) => key.to_pkcs8_der().map_err(failed)?.as_bytes().to_vec(),
            Self::P256(key) => key.to_pkcs8_der().map_err(failed)?.as_bytes().to_vec(),
            Self::P384(key) => key.to_pkcs8_der().map_err(failed)?.as_bytes().to_vec(),
            Self::Ed25519(seed) => [&ED25519_PKCS8[..], seed].concat(),
            Self::Shared(secret) => return Ok(format!("{}\n", public::base64url(secret))),
        };
        let mut text = "-----BEGIN PRIVATE KEY-----\n".to_owned();
        let encoded = public::base64(&der);
        for line in encoded.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END PRIVATE KEY-----\n");
        Ok(text)
    }
}

pub(super) fn ed25519(seed: &[u8; 32]) -> ed25519_compact::KeyPair {
    ed25519_compact::KeyPair::from_seed(ed25519_compact::Seed::new(*seed))
}

fn rsa(key: &RsaPrivateKey, algorithm: Algorithm, input: &[u8]) -> Option<Vec<u8>> {
    // Where there is no randomness, this ends before the crate would panic.
    let _checked: [u8; 32] = random().ok()?;
    let mut random = UnwrapErr(SysRng);
    let signed = match algorithm {
        Algorithm::Rs256 => key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(input)),
        Algorithm::Rs384 => key.sign(Pkcs1v15Sign::new::<Sha384>(), &Sha384::digest(input)),
        Algorithm::Rs512 => key.sign(Pkcs1v15Sign::new::<Sha512>(), &Sha512::digest(input)),
        Algorithm::Ps256 => key.sign_with_rng(
            &mut random,
            Pss::<Sha256>::new_with_salt(32),
            &Sha256::digest(input),
        ),
        Algorithm::Ps384 => key.sign_with_rng(
            &mut random,
            Pss::<Sha384>::new_with_salt(48),
            &Sha384::digest(input),
        ),
        Algorithm::Ps512 => key.sign_with_rng(
            &mut random,
            Pss::<Sha512>::new_with_salt(64),
            &Sha512::digest(input),
        ),
        _ => return None,
    };
    signed.ok()
}

fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(format!("the system has no randomness: {error}")))?;
    Ok(bytes)
}
