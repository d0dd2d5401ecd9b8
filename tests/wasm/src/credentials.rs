//! Keys and tokens for tests, made from nothing but HMAC-SHA-256.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac_sha256::{HMAC, Hash};
use serde_json::{Value, json};

/// The hex SHA-256 of a key, as the plugin JSON wants it.
#[must_use]
pub fn digest(key: &str) -> String {
    Hash::hash(key.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// An HS256 token over these claims.
#[must_use]
pub fn token(secret: &str, claims: &Value) -> String {
    token_with(secret, &json!({"alg": "HS256", "typ": "JWT"}), claims)
}

/// A token with this header, signed with HS256 whatever the header says.
#[must_use]
pub fn token_with(secret: &str, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = HMAC::mac(signed.as_bytes(), secret.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 7515, appendix A.1: the same key bytes do not fit a string, so the
    // check is the construction: header and claims are plain base64url.
    #[test]
    fn a_token_has_three_parts_and_the_right_alphabet() {
        let token = token("secret", &json!({"sub": "??>>"}));
        assert_eq!(token.split('.').count(), 3);
        assert!(!token.contains(['+', '/', '=']));
    }

    #[test]
    fn the_digest_is_the_one_of_fips_180() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest("abc"), abc);
    }
}
