//! Envoy's foreign function `verify_signature`.
//!
//! hosts.md, "Envoy's own crypto". The arithmetic is another one than the
//! module's for RSA; for ECDSA the signature is read from DER, as Envoy does.

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use p256::pkcs8::DecodePublicKey as _;
use prost::Message;
use rsa_of_envoy::pkcs8::DecodePublicKey as _;
use rsa_of_envoy::sha2;
use rsa_of_envoy::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The argument.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(string, tag = "1")]
    hash: String,
    #[prost(bytes, tag = "2")]
    key: Vec<u8>,
    #[prost(bytes, tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes, tag = "4")]
    text: Vec<u8>,
}

/// The answer.
#[derive(Clone, PartialEq, Message)]
struct Verdict {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// The bytes that Envoy answers; none where it finds no message in the argument.
#[must_use]
pub fn verify_signature(argument: &[u8]) -> Option<Vec<u8>> {
    let question = Question::decode(argument).ok()?;
    let checked = check(&question);
    let verdict = Verdict {
        result: checked.is_ok(),
        error: checked.err().unwrap_or_default().to_owned(),
    };
    Some(verdict.encode_to_vec())
}

fn check(question: &Question) -> Result<(), &'static str> {
    let text = &question.text;
    let (scheme, hash) = match question.hash.as_str() {
        "sha256" => (Pkcs1v15Sign::new::<Sha256>(), Sha256::digest(text).to_vec()),
        "sha384" => (Pkcs1v15Sign::new::<Sha384>(), Sha384::digest(text).to_vec()),
        "sha512" => (Pkcs1v15Sign::new::<Sha512>(), Sha512::digest(text).to_vec()),
        _ => return Err("the hash function is not known"),
    };
    let wrong = "the signature does not verify";
    let (key, signature) = (question.key.as_slice(), question.signature.as_slice());
    if let Ok(key) = RsaPublicKey::from_public_key_der(key) {
        return key.verify(scheme, &hash, signature).map_err(|_| wrong);
    }
    if let Ok(key) = p256::ecdsa::VerifyingKey::from_public_key_der(key) {
        let signature = p256::ecdsa::Signature::from_der(signature).map_err(|_| wrong)?;
        return key.verify_prehash(&hash, &signature).map_err(|_| wrong);
    }
    if let Ok(key) = p384::ecdsa::VerifyingKey::from_public_key_der(key) {
        let signature = p384::ecdsa::Signature::from_der(signature).map_err(|_| wrong)?;
        return key.verify_prehash(&hash, &signature).map_err(|_| wrong);
    }
    Err("the key cannot be read")
}
