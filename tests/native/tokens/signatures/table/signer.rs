//! Private keys of the tests and what they sign, one kind for every algorithm.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jwt_simple::algorithms::{HS256Key, HS384Key, HS512Key, MACLike};
use p256::ecdsa::signature::Signer as _;
use p256::pkcs8::EncodePublicKey as _;
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::rand_core::{TryCryptoRng, TryRng};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, Pss, RsaPrivateKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::convert::Infallible;
use std::sync::LazyLock;

/// Every algorithm of the gate.
pub(crate) const ALGORITHMS: [&str; 13] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA", "Ed25519",
];

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// the issuer, now
    Current,
    /// the issuer, before it changed its keys
    Previous,
    /// somebody else
    Stranger,
}

/// The beginning of a SubjectPublicKeyInfo with an Ed25519 key (RFC 8410 section 4).
const ED25519_SPKI: &[u8] = b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00";

/// Made for these tests, and never used anywhere else.
static RSA: LazyLock<[RsaPrivateKey; 3]> = LazyLock::new(|| {
    [
        include_str!("keys/rsa-2048.pem"),
        include_str!("keys/rsa-3072.pem"),
        include_str!("keys/rsa-2048-other.pem"),
    ]
    .map(|pem| RsaPrivateKey::from_pkcs8_pem(pem).unwrap())
});

/// A private key, for one algorithm.
pub(crate) struct Signer {
    algorithm: &'static str,
    key: Private,
}

enum Private {
    Hmac(String),
    Rsa(&'static RsaPrivateKey),
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_compact::KeyPair),
}

impl Signer {
    /// The key of `owner` for `algorithm`.
    pub(crate) fn new(algorithm: &'static str, owner: Owner) -> Self {
        let label = format!("ollama-gate: test key of {owner:?}");
        let key = match algorithm {
            "ES256" => {
                Private::P256(p256::ecdsa::SigningKey::from_slice(&Sha256::digest(&label)).unwrap())
            }
            "ES384" => {
                Private::P384(p384::ecdsa::SigningKey::from_slice(&Sha384::digest(&label)).unwrap())
            }
            "EdDSA" | "Ed25519" => Private::Ed25519(ed25519_compact::KeyPair::from_seed(
                ed25519_compact::Seed::new(Sha256::digest(&label).into()),
            )),
            _ if algorithm.starts_with("HS") => {
                Private::Hmac(STANDARD.encode(Sha512::digest(&label)))
            }
            _ => Private::Rsa(&RSA[owner as usize]),
        };
        Self { algorithm, key }
    }

    /// The signature of `input`, as it stands in a JWS. The same input has the same signature.
    pub(crate) fn sign(&self, input: &[u8]) -> Vec<u8> {
        match &self.key {
            Private::Hmac(secret) => hmac(self.algorithm, secret.as_bytes(), input),
            Private::Rsa(key) => sign_rsa(self.algorithm, key, input),
            Private::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            Private::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            Private::Ed25519(key) => key.sk.sign(input, None).to_vec(),
        }
    }

    /// Its secret, if it has one.
    pub(crate) fn secret(&self) -> Option<&str> {
        match &self.key {
            Private::Hmac(secret) => Some(secret),
            _ => None,
        }
    }

    /// Its public half as SubjectPublicKeyInfo.
    pub(crate) fn der(&self) -> Vec<u8> {
        match &self.key {
            Private::Hmac(_) => unreachable!("a secret has no public half"),
            Private::Rsa(key) => key.to_public_key().to_public_key_der().unwrap().into_vec(),
            Private::P256(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Private::P384(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Private::Ed25519(key) => [ED25519_SPKI, key.pk.as_ref()].concat(),
        }
    }

    /// Its public half in PEM.
    pub(crate) fn pem(&self) -> String {
        let base64 = STANDARD.encode(self.der());
        let lines: Vec<_> = base64.as_bytes().chunks(64).collect();
        let body = String::from_utf8(lines.join(&b'\n')).unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n")
    }

    /// Its public half as JWK.
    pub(crate) fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let point = |crv: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": crv, "x": encode(x), "y": encode(y) })
        };
        match &self.key {
            Private::Hmac(_) => unreachable!("a secret has no public half"),
            Private::Rsa(key) => {
                json!({ "kty": "RSA", "n": encode(&key.n_bytes()), "e": encode(&key.e_bytes()) })
            }
            Private::P256(key) => {
                point("P-256", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Private::P384(key) => {
                point("P-384", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Private::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.pk.as_ref()) })
            }
        }
    }

    /// Its public half as JWK called `kid`.
    pub(crate) fn named_jwk(&self, kid: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = json!(kid);
        jwk
    }

    /// The modulus of an RSA key.
    pub(crate) fn modulus(&self) -> Option<Vec<u8>> {
        match &self.key {
            Private::Rsa(key) => Some(key.n_bytes().to_vec()),
            _ => None,
        }
    }
}

/// The tag of `input` under `secret`.
pub(crate) fn hmac(algorithm: &str, secret: &[u8], input: &[u8]) -> Vec<u8> {
    match algorithm {
        "HS256" => HS256Key::from_bytes(secret).authentication_tag(input),
        "HS384" => HS384Key::from_bytes(secret).authentication_tag(input),
        _ => HS512Key::from_bytes(secret).authentication_tag(input),
    }
}

fn sign_rsa(algorithm: &str, key: &RsaPrivateKey, input: &[u8]) -> Vec<u8> {
    let (one, two, three) = (
        Sha256::digest(input),
        Sha384::digest(input),
        Sha512::digest(input),
    );
    // No timing is to be hidden, and blinding costs a multiple of the signature.
    fn pss<D: sha2::Digest>(salt: usize) -> Pss<D> {
        let mut scheme = Pss::new_with_salt(salt);
        scheme.blinded = false;
        scheme
    }
    let mut salt = Salt(1);
    match algorithm {
        "RS256" => key.sign(Pkcs1v15Sign::new::<Sha256>(), &one),
        "RS384" => key.sign(Pkcs1v15Sign::new::<Sha384>(), &two),
        "RS512" => key.sign(Pkcs1v15Sign::new::<Sha512>(), &three),
        "PS256" => key.sign_with_rng(&mut salt, pss::<Sha256>(32), &one),
        "PS384" => key.sign_with_rng(&mut salt, pss::<Sha384>(48), &two),
        _ => key.sign_with_rng(&mut salt, pss::<Sha512>(64), &three),
    }
    .unwrap()
}

/// A salt that is the same every time.
struct Salt(u32);

impl TryRng for Salt {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Ok(self.0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (high, low) = (self.try_next_u32()?, self.try_next_u32()?);
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u32()?.to_be_bytes()[0];
        }
        Ok(())
    }
}

impl TryCryptoRng for Salt {}
