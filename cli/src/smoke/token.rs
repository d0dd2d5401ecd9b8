//! Tokens that anybody can make: without a signature, or signed with a secret that everybody knows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::time::{SystemTime, UNIX_EPOCH};

/// Secrets of examples, and the defaults of programs around Ollama.
pub(super) const COMMON_SECRETS: [&str; 8] = [
    "",
    "secret",
    "t0p-s3cr3t",
    "changeme",
    "your-256-bit-secret",
    "my-secret-key",
    "ollama",
    "supersecret",
];

/// Out: a token that says of itself that it has no signature.
pub(super) fn unsigned() -> String {
    format!("{}.", signed_part("none"))
}

/// In: a secret. Out: a token under it that is valid for an hour.
pub(super) fn signed(secret: &str) -> String {
    let part = signed_part("HS256");
    let signature = hmac_sha256::HMAC::mac(part.as_bytes(), secret.as_bytes());
    format!("{part}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signed_part(algorithm: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|time| time.as_secs())
        .unwrap_or_default();
    let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
    let claims = format!(
        r#"{{"sub":"ollama-gate-smoke","id":"ollama-gate-smoke","iat":{now},"exp":{}}}"#,
        now.saturating_add(3600)
    );
    format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(claims)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_signature_of_its_secret() {
        let token = signed("secret");
        let (part, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
        assert_eq!(
            signature,
            hmac_sha256::HMAC::mac(part.as_bytes(), b"secret")
        );
        assert!(unsigned().ends_with('.'));
    }
}
