//! A token before its signature was checked.

use super::algorithm::Algorithm;
use super::claims::Claims;
use crate::denial::{Denial, Reason};
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Header parameters that are refused: extensions that the gate does not implement (`crit`, RFC 7515
/// section 4.1.11; `b64`, RFC 7797; `zip`, `enc`, RFC 7516) and keys that a token brings along or
/// points to (RFC 8725 section 3.10).
const REFUSED: [&str; 8] = ["crit", "b64", "zip", "enc", "jku", "jwk", "x5u", "x5c"];

/// A token in compact form whose header is acceptable. Nothing in it is proved.
#[derive(Debug)]
pub struct UnverifiedToken<'a> {
    /// the algorithm that it names; the configuration decides whether it may
    pub algorithm: Algorithm,
    /// the key that it names (RFC 7515 section 4.1.4)
    pub kid: Option<String>,
    /// its type, lower-case, without `application/` (RFC 7515 section 4.1.9)
    pub kind: Option<String>,
    /// what it claims
    pub claims: Claims,
    /// what is signed (RFC 7515 section 5.2, step 8)
    pub signing_input: &'a str,
    /// the signature, decoded
    pub signature: Vec<u8>,
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::MalformedToken, advice)
}

/// Strict base64url (RFC 7515 section 2): no padding, no other alphabet, no stray bits.
fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part).ok()
}

fn decode_object(part: &str) -> Option<Json> {
    Json::parse_object_without_duplicates(&decode(part)?)
}

impl<'a> UnverifiedToken<'a> {
    /// Takes `text` apart (RFC 7515 section 5.2, steps 1 to 7) and checks its header.
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
        let header = decode_object(header)
            .ok_or_else(|| malformed("its header is not a JSON object in base64url"))?;
        let algorithm = algorithm(&header)?;
        if REFUSED.iter().any(|name| header.member(name).is_some()) {
            return Err(malformed(
                "its header has a parameter that is refused (crit, b64, jku, x5u, …)",
            ));
        }
        // `null` and `""` are how serializers write what is not set.
        let text_of = |name, advice| match header.member(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(_) => Err(malformed(advice)),
        };
        let kid = text_of("kid", "its header's `kid` is not a string")?.cloned();
        let kind = text_of("typ", "its header's `typ` is not a string")?;
        let kind = kind.map(|kind| media_type(kind));
        let claims = decode_object(payload)
            .map(Claims::new)
            .ok_or_else(|| malformed("its claims are not a JSON object in base64url"))?;
        let signature = decode(signature)
            .ok_or_else(|| malformed("its signature is not in base64url without padding"))?;
        let (signing_input, _) = text.rsplit_once('.').unwrap_or_default();
        Ok(Self {
            algorithm,
            kid,
            kind,
            claims,
            signing_input,
            signature,
        })
    }
}

/// `kind` as types are compared: in lower case, without the `application/` that may be left out.
pub fn media_type(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => kind,
    }
}

/// RFC 8725 section 3.1: the algorithm is the configuration's; the token's must only agree.
fn algorithm(header: &Json) -> Result<Algorithm, Denial> {
    let name = header.member("alg").and_then(Json::text);
    let name = name.ok_or_else(|| malformed("its header names no algorithm"))?;
    Algorithm::named(name).ok_or_else(|| {
        let advice = "the gate knows HS, RS, PS (256, 384, 512), ES256, ES384 and EdDSA";
        Denial::new(Reason::UnsupportedAlgorithm, advice)
    })
}
