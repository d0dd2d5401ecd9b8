//! Tokens, good ones and others, made by hand so that any part of them can be wrong.

use super::{NOW, SECRET};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{HS256Key, MACLike};
use serde_json::{Value, json};

/// The usual header.
pub fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

/// A token with this header and these claims, signed with `secret`.
pub fn sign(header: &str, claims: &str, secret: &str) -> String {
    let input = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let tag = HS256Key::from_bytes(secret.as_bytes()).authentication_tag(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A good token for `alice`, one hour long, with `claims` put in; `null` takes a claim out.
pub fn jwt(claims: Value) -> String {
    let mut all = json!({ "sub": "alice", "exp": NOW + 3600, "iat": NOW });
    for (name, value) in claims.as_object().unwrap() {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(name);
        } else {
            all[name] = value.clone();
        }
    }
    sign(&header().to_string(), &all.to_string(), SECRET)
}
