//! Private keys in files of others: PEM (PKCS#8, PKCS#1, SEC 1) and JWK.

use super::{ED25519_PKCS8, PrivateKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ollama_gate_engine::Json;
use p256::pkcs8::der::{Decode as _, Document};
use p256::pkcs8::{DecodePrivateKey as _, PrivateKeyInfoRef};
use rsa::pkcs1::DecodeRsaPrivateKey as _;
use rsa::{BoxedUint, RsaPrivateKey};

const KINDS: &str = "expected RSA, P-256, P-384 or Ed25519";

/// The key in `text`, PEM.
///
/// # Errors
/// A sentence without its subject; nothing of the key is in it.
pub fn private_pem(text: &str) -> Result<PrivateKey, String> {
    if text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return Err("is encrypted: decrypt it first (`openssl pkey -in FILE`)".to_owned());
    }
    // `openssl ecparam -genkey` writes the curve before the key.
    let start = text.find("-----BEGIN EC PRIVATE KEY").unwrap_or_default();
    let (label, document) = Document::from_pem(text.get(start..).unwrap_or(text).trim()).map_err(
        |_| "is no PEM that can be read, expected `-----BEGIN PRIVATE KEY-----` and so on",
    )?;
    let der = document.as_bytes();
    match label {
        "PRIVATE KEY" => pkcs8(der),
        "RSA PRIVATE KEY" => RsaPrivateKey::from_pkcs1_der(der)
            .map(|key| PrivateKey::Rsa(Box::new(key)))
            .map_err(|_| "is no RSA key that can be used".to_owned()),
        "EC PRIVATE KEY" => p256::SecretKey::from_sec1_der(der)
            .map(|key| PrivateKey::P256(Box::new(key)))
            .or_else(|_| {
                p384::SecretKey::from_sec1_der(der).map(|key| PrivateKey::P384(Box::new(key)))
            })
            .map_err(|_| format!("is a key on another curve, {KINDS}")),
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {
            Err("is a public key: only the private one signs".to_owned())
        }
        _ => Err("is PEM of another kind, expected a private key".to_owned()),
    }
}

fn pkcs8(der: &[u8]) -> Result<PrivateKey, String> {
    if let Some(seed) = der.strip_prefix(&ED25519_PKCS8[..])
        && let Ok(seed) = seed.try_into()
    {
        return Ok(PrivateKey::Ed25519(seed));
    }
    PrivateKeyInfoRef::from_der(der).map_err(|_| "is no private key")?;
    if let Ok(key) = RsaPrivateKey::from_pkcs8_der(der) {
        return Ok(PrivateKey::Rsa(Box::new(key)));
    }
    if let Ok(key) = p256::SecretKey::from_pkcs8_der(der) {
        return Ok(PrivateKey::P256(Box::new(key)));
    }
    p384::SecretKey::from_pkcs8_der(der)
        .map(|key| PrivateKey::P384(Box::new(key)))
        .map_err(|_| format!("is a key of another kind, {KINDS}"))
}

/// The key in `jwk` (RFC 7518 section 6, RFC 8037 section 2), and its `kid`.
///
/// # Errors
/// A sentence without its subject; nothing of the key is in it.
pub fn private_jwk(jwk: &Json) -> Result<(PrivateKey, Option<String>), String> {
    let text = |name: &str| jwk.member(name).and_then(Json::text);
    let bytes = |name: &str| {
        let text =
            text(name).ok_or_else(|| format!("has no `{name}`: only a private key signs"))?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| format!("has a `{name}` that is not base64url without padding"))
    };
    let number = |name: &str| bytes(name).map(|bytes| BoxedUint::from_be_slice_vartime(&bytes));
    let key = match (text("kty"), text("crv")) {
        (Some("oct"), _) => PrivateKey::Shared(bytes("k")?),
        (Some("RSA"), _) => {
            let (n, e, d) = (number("n")?, number("e")?, number("d")?);
            let primes = match jwk.member("p") {
                Some(_) => vec![number("p")?, number("q")?],
                None => Vec::new(),
            };
            let key = RsaPrivateKey::from_components(n, e, d, primes);
            PrivateKey::Rsa(Box::new(key.map_err(|_| "is no RSA key that can be used")?))
        }
        (Some("EC"), Some("P-256")) => {
            let key = p256::SecretKey::from_slice(&bytes("d")?);
            PrivateKey::P256(Box::new(key.map_err(|_| "is no key on P-256")?))
        }
        (Some("EC"), Some("P-384")) => {
            let key = p384::SecretKey::from_slice(&bytes("d")?);
            PrivateKey::P384(Box::new(key.map_err(|_| "is no key on P-384")?))
        }
        (Some("OKP"), Some("Ed25519")) => {
            let seed = bytes("d")?.try_into();
            PrivateKey::Ed25519(seed.map_err(|_| "is no Ed25519 key")?)
        }
        (None, _) => return Err("has no `kty`: it is no JWK".to_owned()),
        _ => return Err(format!("is a key of another kind, {KINDS}, or `oct`")),
    };
    Ok((key, text("kid").map(str::to_owned)))
}
