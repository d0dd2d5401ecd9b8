//! JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).

use super::algorithm::Algorithm;
use super::key::{Key, KeySet, PublicKey};
use crate::json::{Json, duplicates};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The most keys of a fetched set that are used.
const MAX_KEYS: usize = 100;
/// The most warnings about a fetched set.
const MAX_WARNINGS: usize = 10;
/// The longest `kid` that a key may have, and that is looked for, in bytes.
pub(super) const MAX_KID_BYTES: usize = 256;
/// Members that only a private or secret key has (RFC 7518 sections 6.2.2, 6.3.2, 6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The member called `name` of the key `json`, if it says anything.
///
/// Serializers that write every field of their type publish `"use": null`, `"oth": []` and `"d": ""`
/// (.NET's and Okta's do). RFC 7517 gives none of these a meaning, so they are as absent.
fn member<'j>(json: &'j Json, name: &str) -> Option<&'j Json> {
    json.member(name).filter(|value| match value {
        Json::Null => false,
        Json::Text(text) => !text.is_empty(),
        Json::List(items) => !items.is_empty(),
        Json::Object(members) => !members.is_empty(),
        Json::Bool(_) | Json::Number(_) => true,
    })
}

/// The public key in `json`, one JWK.
///
/// # Errors
/// A sentence without its subject: "is …". Nothing of the key stands in it.
pub fn key(json: &Json) -> Result<Key, String> {
    let Json::Object(members) = json else {
        return Err("is not a JSON object".to_owned());
    };
    if !duplicates(members).is_empty() {
        return Err("has a member twice".to_owned());
    }
    let text = |name: &str| match member(json, name) {
        None => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("has a `{name}` that is not a string")),
    };
    let kind = text("kty")?.ok_or("has no `kty`")?;
    if kind == "oct" {
        return Err("is a shared secret: put it into `secrets`".to_owned());
    }
    if let Some(name) = PRIVATE.iter().find(|name| member(json, name).is_some()) {
        return Err(format!(
            "is a private key (it has `{name}`): remove its private members, and treat it as compromised"
        ));
    }
    check_purpose(json)?;
    let kid = text("kid")?.map(str::to_owned);
    if kid.as_ref().is_some_and(|kid| kid.len() > MAX_KID_BYTES) {
        return Err(format!("has a `kid` of more than {MAX_KID_BYTES} bytes"));
    }
    let bytes = |name: &str| {
        let text = text(name)?.ok_or_else(|| format!("has no `{name}`"))?;
        let bytes = URL_SAFE_NO_PAD.decode(text);
        bytes.map_err(|_| format!("has a `{name}` that is not base64url without padding"))
    };
    let public = match (kind, text("crv")?) {
        ("RSA", _) => PublicKey::rsa(&bytes("n")?, &bytes("e")?),
        ("EC", Some("P-256")) => PublicKey::p256(&point(&bytes("x")?, &bytes("y")?, 32)?),
        ("EC", Some("P-384")) => PublicKey::p384(&point(&bytes("x")?, &bytes("y")?, 48)?),
        ("OKP", Some("Ed25519")) => PublicKey::ed25519(&bytes("x")?),
        ("EC" | "OKP", None) => Err("has no `crv`".to_owned()),
        _ => Err("is a key of another kind, expected RSA, P-256, P-384 or Ed25519".to_owned()),
    }?;
    let algorithm = match text("alg")? {
        None => None,
        Some(name) => {
            let named = Algorithm::named(name).filter(|algorithm| public.fits(*algorithm));
            Some(named.ok_or("has an `alg` that is not for this kind of key, or not known")?)
        }
    };
    Ok(Key {
        kid,
        algorithm,
        public,
    })
}

/// RFC 7517 sections 4.2 and 4.3.
fn check_purpose(json: &Json) -> Result<(), String> {
    match member(json, "use") {
        Some(Json::Text(usage)) if usage != "sig" => {
            return Err("is not for signatures (`use` is not `sig`)".to_owned());
        }
        None | Some(Json::Text(_)) => {}
        Some(_) => return Err("has a `use` that is not a string".to_owned()),
    }
    match member(json, "key_ops") {
        None => Ok(()),
        Some(Json::List(items)) if items.iter().any(|item| item.text() == Some("verify")) => Ok(()),
        Some(Json::List(_)) => Err("is not for verifying (`key_ops` has no `verify`)".to_owned()),
        Some(_) => Err("has a `key_ops` that is not a list".to_owned()),
    }
}

/// The uncompressed point of coordinates of exactly `length` bytes (RFC 7518 section 6.2.1.2).
fn point(x: &[u8], y: &[u8], length: usize) -> Result<Vec<u8>, String> {
    if x.len() != length || y.len() != length {
        return Err(format!("has coordinates that are not of {length} bytes"));
    }
    Ok([&[4], x, y].concat())
}

/// The keys of a fetched JWKS (RFC 7517 section 5), and warnings about those that cannot be used.
///
/// # Errors
/// It is no JWKS at all.
pub(crate) fn key_set(body: &[u8]) -> Result<(KeySet, Vec<String>), String> {
    let json = Json::parse(body).map_err(|_| "the answer is not JSON")?;
    let Some(Json::List(items)) = json.member("keys") else {
        return Err("the answer is not a JWKS: it has no list `keys`".to_owned());
    };
    let (mut keys, mut warnings, mut more) = (Vec::new(), Vec::new(), 0_usize);
    for (place, item) in items.iter().enumerate() {
        let read = match keys.len() {
            MAX_KEYS.. => Err(format!("is one too many, {MAX_KEYS} are used")),
            _ => key(item),
        };
        match read {
            Ok(key) => keys.push(key),
            Err(why) if warnings.len() < MAX_WARNINGS => {
                warnings.push(format!("key {place} of the JWKS is skipped: it {why}"));
            }
            Err(_) => more = more.saturating_add(1),
        }
    }
    if more > 0 {
        warnings.push(format!("{more} more keys of the JWKS are skipped"));
    }
    Ok((KeySet::new(keys), warnings))
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
