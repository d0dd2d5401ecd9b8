//! From a credential to an identity.

pub mod api_key;
pub mod jwt;

use crate::credential::{Leftover, Presented};
use crate::denial::{Denial, Reason};
use crate::engine::Now;
use crate::ollama::ScopeSet;
use api_key::KeyRing;
use jwt::Issuer;
use std::borrow::Cow;

/// How an identity was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// an API key
    ApiKey,
    /// a JSON Web Token
    Jwt,
}

impl Method {
    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
        }
    }
}

/// Who is calling, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'e> {
    /// how it was proved
    pub method: Method,
    /// the configured name of the key or the issuer
    pub id: &'e str,
    /// the person or program
    pub subject: Cow<'e, str>,
    /// what it may do
    pub scopes: ScopeSet,
}

/// Everything that can prove an identity.
#[derive(Debug)]
pub struct Authenticators {
    keys: KeyRing,
    issuers: Vec<Issuer>,
}

impl Authenticators {
    /// From the configuration's keys and token issuers.
    pub const fn new(keys: KeyRing, issuers: Vec<Issuer>) -> Self {
        Self { keys, issuers }
    }

    /// The identity behind `presented` at `now`.
    ///
    /// Kinds are tried in a fixed order, the API key first, and the first that proves itself
    /// decides: a right credential is not refused because another one was wrong.
    ///
    /// # Errors
    /// Why nobody was recognised; of two refusals, that of the kind tried first.
    pub fn identify(&self, presented: &Presented<'_>, now: Now) -> Result<Identity<'_>, Denial> {
        if presented.is_empty() {
            return Err(without_credential(presented.leftover));
        }
        let now = now.wall().ok_or_else(|| {
            Denial::new(
                Reason::ClockUnavailable,
                "expiry cannot be checked, try again later",
            )
        })?;
        let mut refusal = None;
        if let Some(key) = presented.api_key {
            match self.keys.verify(key, now) {
                Ok(identity) => return Ok(identity),
                Err(denial) => refusal = Some(denial),
            }
        }
        if let Some(token) = presented.token {
            match self.verify_token(token, now) {
                Ok(identity) => return Ok(identity),
                Err(denial) => refusal = refusal.or(Some(denial)),
            }
        }
        Err(refusal.unwrap_or_else(|| without_credential(presented.leftover)))
    }
}

/// Why a request without a credential that could be checked is refused.
fn without_credential(leftover: Option<Leftover>) -> Denial {
    let unsupported = |advice| Denial::new(Reason::UnsupportedCredential, advice);
    match leftover {
        None => Denial::new(
            Reason::MissingCredential,
            "send `Authorization: Bearer <your key>` (in Ollama's own clients, set OLLAMA_API_KEY)",
        ),
        Some(Leftover::Placeholder(known)) => Denial::new(
            Reason::PlaceholderCredential,
            format!("`{known}` is what clients send when nobody set a key, set your own"),
        ),
        Some(Leftover::Scheme) => unsupported("send `Authorization: Bearer <your key>`"),
        Some(Leftover::OllamaSignature) => {
            unsupported("the signature of the `ollama` CLI is not taken, send an API key")
        }
        Some(Leftover::Malformed(place)) => Denial::new(
            Reason::MalformedCredential,
            format!(
                "`{}` holds white space, unprintable bytes or over 16 kB, check how it was copied",
                place.name()
            ),
        ),
    }
}
