//! A token before its signature was checked, and the check.

use super::claims::Claims;
use crate::denial::{Denial, Reason};
use crate::json::Json;
use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{HS256Key, MACLike};
use jwt_simple::reexports::ct_codecs;

/// Header parameters that are refused: extensions that the gate does not implement (`crit`, RFC 7515
/// section 4.1.11; `b64`, RFC 7797; `zip`, `enc`, RFC 7516) and keys that a token brings along or
/// points to (RFC 8725 section 3.10).
const REFUSED: [&str; 8] = ["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"];

/// The types of token that are accepted where the header names one (RFC 7519 section 5.1,
/// RFC 9068 section 4), with or without `application/` before it (RFC 7515 section 4.1.9).
const TYPES: [&str; 2] = ["jwt", "at+jwt"];

/// A secret for HS256.
#[derive(Debug)]
pub struct HmacKey(Secret<HS256Key>);

impl HmacKey {
    /// From the bytes of the secret.
    pub fn new(secret: &[u8]) -> Self {
        Self(Secret::new(HS256Key::from_bytes(secret)))
    }
}

/// A token in compact form whose header is acceptable. It has no claims until it is verified.
#[derive(Debug)]
pub struct UnverifiedToken<'a> {
    signing_input: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::MalformedToken, advice)
}

/// Strict base64url (RFC 7515 section 2): no padding, no other alphabet, no stray bits.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

impl<'a> UnverifiedToken<'a> {
    /// Takes `text` apart (RFC 7515 section 5.2, steps 1 to 5) and checks its header.
    ///
    /// # Errors
    /// [`Reason::MalformedToken`] or [`Reason::UnsupportedAlgorithm`].
    pub fn parse(text: &'a str) -> Result<Self, Denial> {
        let mut parts = text.splitn(4, '.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed(
                "it must have three parts (encrypted tokens are not taken)",
            ));
        };
        let header = decode(header)
            .and_then(|bytes| Json::parse_object_without_duplicates(&bytes))
            .ok_or_else(|| malformed("its header is not a JSON object in base64url"))?;
        check_header(&header)?;
        let signature = decode(signature)
            .ok_or_else(|| malformed("its signature is not in base64url without padding"))?;
        let (signing_input, _) = text.rsplit_once('.').unwrap_or_default();
        Ok(Self {
            signing_input,
            payload,
            signature,
        })
    }

    /// The claims, if `key` made the signature; then an error if they are no JSON object.
    pub fn verify(&self, key: &HmacKey) -> Option<Result<Claims, Denial>> {
        let expected = key
            .0
            .expose()
            .authentication_tag(self.signing_input.as_bytes());
        // Compares in constant time; a tag of another length is another tag.
        if !ct_codecs::verify(&expected, &self.signature) {
            return None;
        }
        let claims = decode(self.payload)
            .and_then(|bytes| Json::parse_object_without_duplicates(&bytes))
            .map(Claims::verified)
            .ok_or_else(|| malformed("its claims are not a JSON object in base64url"));
        Some(claims)
    }
}

fn check_header(header: &Json) -> Result<(), Denial> {
    // RFC 8725 section 3.1: the algorithm is the configuration's; the token's must only agree.
    match header.member("alg").map(Json::text) {
        Some(Some("HS256")) => {}
        Some(Some(_)) => {
            return Err(Denial::new(
                Reason::UnsupportedAlgorithm,
                "this gate takes HS256",
            ));
        }
        _ => return Err(malformed("its header names no algorithm")),
    }
    if REFUSED.iter().any(|name| header.member(name).is_some()) {
        return Err(malformed(
            "its header has a parameter that is refused (crit, b64, jku, x5u, …)",
        ));
    }
    let fit = |kind: &Json| {
        kind.text().is_some_and(|kind| {
            TYPES.iter().any(|fit| {
                kind.eq_ignore_ascii_case(fit)
                    || kind.eq_ignore_ascii_case(&format!("application/{fit}"))
            })
        })
    };
    match header.member("typ") {
        Some(kind) if !fit(kind) => Err(malformed("its header says that it is not a JWT")),
        _ => Ok(()),
    }
}
