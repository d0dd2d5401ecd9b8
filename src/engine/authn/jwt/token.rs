//! A token before its signature was checked.

use super::algorithm::Algorithm;
use super::claims::UnverifiedClaims;
use super::jwk::MAX_KID_BYTES;
use crate::credential::mistaken;
use crate::denial::{Denial, Reason, quoted};
use crate::json::Json;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Header parameters that change what a token says, and what they would ask of the gate: RFC 7797,
/// RFC 7516. Whoever passes over one reads another token than was signed.
///
/// `jku`, `jwk`, `x5u`, `x5c` and the like only say where a key could be had. No key is ever taken
/// from a token (RFC 8725 section 3.10), so nothing reads them, and a token that has one for the sake
/// of others (SAP's XSUAA, ADFS, Entra) is as good as one without.
const REFUSED: [(&str, &str); 3] = [
    ("b64", "a payload that is not in base64url"),
    ("zip", "a compressed payload"),
    ("enc", "an encrypted payload"),
];

/// How many of the extensions in `crit` a refusal names.
const MAX_NAMED: usize = 4;

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
    pub claims: UnverifiedClaims,
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
    /// Whether it names its key, so that there may be one of that name later.
    pub(super) fn names_key(&self) -> bool {
        let kid = self.kid.as_ref();
        kid.is_some_and(|kid| kid.len() <= MAX_KID_BYTES)
    }

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
                match text.bytes().filter(|byte| *byte == b'.').count() {
                    0 | 1 => "it has fewer than the three parts of a JWT, copy it whole",
                    4 => {
                        "it has five parts: encrypted tokens (JWE) are not supported, send a signed one"
                    }
                    _ => "it has more than the three parts of a JWT, send one token alone",
                },
            ));
        };
        let header = decode_object(header).ok_or_else(|| {
            malformed(mistaken(text).unwrap_or("its header is not a JSON object in base64url"))
        })?;
        let algorithm = algorithm(&header)?;
        check_extensions(&header)?;
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
            .map(UnverifiedClaims::new)
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

/// RFC 7515 section 4.1.11: what is in `crit` has to be understood, and nothing is. An empty list there is
/// an error of its own.
fn check_extensions(header: &Json) -> Result<(), Denial> {
    if let Some(critical) = header.member("crit") {
        let names: Vec<_> = match critical {
            Json::List(items) => items.iter().filter_map(Json::text).collect(),
            _ => Vec::new(),
        };
        let named: Vec<_> = names
            .iter()
            .take(MAX_NAMED)
            .map(|name| quoted(name))
            .collect();
        let advice = match named.as_slice() {
            [] => "its header has a `crit` that is no list of names".to_owned(),
            named => format!(
                "its header's `crit` asks for {}, which this gate does not support",
                named.join(", ")
            ),
        };
        return Err(Denial::new(Reason::MalformedToken, advice));
    }
    let found = REFUSED
        .iter()
        .find(|(name, _)| header.member(name).is_some_and(|value| is_set(name, value)));
    found.map_or(Ok(()), |(name, what)| {
        let advice = format!("its header has `{name}`: {what} is not supported");
        Err(Denial::new(Reason::MalformedToken, advice))
    })
}

/// Whether `value` is one that the extension `name` has. A serializer writes `null` or `""` where it has
/// none. Of `b64` no value is taken: its presence alone means something to some readers.
fn is_set(name: &str, value: &Json) -> bool {
    let is_empty = *value == Json::Null || value.text() == Some("");
    name == "b64" || !is_empty
}

/// `kind` as types are compared: in lower case, without the `application/` that may be left out.
pub(crate) fn media_type(kind: &str) -> String {
    let kind = kind.to_ascii_lowercase();
    match kind.strip_prefix("application/") {
        Some(short) if !short.contains('/') => short.to_owned(),
        _ => kind,
    }
}

/// RFC 8725 section 3.1: the algorithm is the configuration's; the token's must only agree.
fn algorithm(header: &Json) -> Result<Algorithm, Denial> {
    let name = header.member("alg").and_then(Json::text);
    let name = name.ok_or_else(|| malformed("its header has no `alg`"))?;
    Algorithm::named(name).ok_or_else(|| {
        let known = "HS, RS, PS (256, 384, 512), ES256, ES384 and EdDSA, also called Ed25519";
        let advice = format!("its `alg` is {}, this gate supports {known}", quoted(name));
        Denial::new(Reason::UnsupportedAlgorithm, advice)
    })
}
