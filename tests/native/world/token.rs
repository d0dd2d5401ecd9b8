//! Tokens, good ones and others, made by hand so that any part of them can be wrong.

use super::{NOW, SECRET};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{HS256Key, MACLike};
use serde_json::{Value, json};

/// A secret of this length that repeats nothing, the same each time.
pub(crate) fn secret(length: usize) -> String {
    let mut state = 0x9e37_79b9_u32;
    let mut letter = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(b'a' + u8::try_from(state % 26).unwrap())
    };
    (0..length).map(|_| letter()).collect()
}

/// The usual header.
pub(crate) fn header() -> Value {
    json!({ "alg": "HS256", "typ": "JWT" })
}

/// A token with this header and these claims, signed with `secret`.
pub(crate) fn sign(header: &str, claims: &str, secret: &str) -> String {
    sign_with(header, claims, secret.as_bytes())
}

/// The same, with a secret of any bytes.
pub(crate) fn sign_with(header: &str, claims: &str, secret: &[u8]) -> String {
    let input = [header, claims]
        .map(|part| URL_SAFE_NO_PAD.encode(part))
        .join(".");
    let tag = HS256Key::from_bytes(secret).authentication_tag(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A good token for `alice`, one hour long, with `claims` put in; `null` takes a claim out.
pub(crate) fn jwt(claims: Value) -> String {
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
