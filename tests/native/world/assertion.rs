//! What proves a client by `private_key_jwt`, and the key that signs it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ollama_gate_engine::internals::digest;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
use serde_json::Value;

fn p256() -> SigningKey {
    SigningKey::from_slice(&digest(b"a key of these tests")).unwrap()
}

/// The key that signs, in PEM.
pub(crate) fn p256_pem() -> String {
    let key = p256::SecretKey::from(p256());
    key.to_pkcs8_pem(LineEnding::LF).unwrap().to_string()
}

/// A JWT that this key has signed.
#[derive(Debug)]
pub(crate) struct Assertion {
    pub header: Value,
    pub claims: Value,
}

impl Assertion {
    /// Reads it, and holds that the key has signed it.
    pub(crate) fn read(text: &str) -> Self {
        let parts: Vec<_> = text.split('.').collect();
        let [header, claims, signature] = parts.as_slice() else {
            panic!("{text}");
        };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let signed = format!("{header}.{claims}");
        let signature = Signature::from_slice(&bytes(signature)).unwrap();
        let key = VerifyingKey::from(&p256());
        assert!(key.verify(signed.as_bytes(), &signature).is_ok(), "{text}");
        let json = |part: &str| serde_json::from_slice(&bytes(part)).unwrap();
        Self {
            header: json(header),
            claims: json(claims),
        }
    }
}
