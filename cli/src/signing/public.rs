//! The public half of a key, as others see it.

use super::{PrivateKey, ed25519};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ollama_gate_engine::Json;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use rsa::traits::PublicKeyParts as _;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The members of the JWK of the public half of `key` that say which key it is; none for a shared secret.
pub fn public_jwk(key: &PrivateKey) -> Option<Map<String, Value>> {
    let members = match key {
        PrivateKey::Rsa(key) => {
            json!({ "kty": "RSA", "n": base64url(&key.n_bytes()), "e": base64url(&key.e_bytes()) })
        }
        PrivateKey::P256(key) => {
            let point = key.public_key().to_sec1_point(false);
            curve("P-256", point.as_bytes())?
        }
        PrivateKey::P384(key) => {
            let point = key.public_key().to_sec1_point(false);
            curve("P-384", point.as_bytes())?
        }
        PrivateKey::Ed25519(seed) => {
            json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(&ed25519(seed).pk[..]) })
        }
        PrivateKey::Shared(_) => return None,
    };
    match members {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

/// In: an uncompressed point.
fn curve(name: &str, point: &[u8]) -> Option<Value> {
    let (_, coordinates) = point.split_first()?;
    let (x, y) = coordinates.split_at_checked(coordinates.len() / 2)?;
    Some(json!({ "kty": "EC", "crv": name, "x": base64url(x), "y": base64url(y) }))
}

/// The thumbprint of a JWK (RFC 7638, RFC 8037 section 2), if it has the members that make one.
pub fn thumbprint(jwk: &Json) -> Option<String> {
    let text = |name: &str| jwk.member(name).and_then(Json::text);
    let names: &[&str] = match text("kty")? {
        "RSA" => &["e", "kty", "n"],
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        // That of a shared secret would let it be guessed.
        _ => return None,
    };
    let members: Option<Vec<String>> = names
        .iter()
        .map(|name| Some(format!("\"{name}\":{}", Value::from(text(name)?))))
        .collect();
    let canonical = format!("{{{}}}", members?.join(","));
    Some(base64url(&Sha256::digest(canonical.as_bytes())))
}
