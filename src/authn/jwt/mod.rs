//! JSON Web Tokens (RFC 7519) as signed by HMAC (RFC 7515, RFC 7518 section 3.2).
//!
//! `jwt-simple` is asked for signatures only. Its own claim checks accept a token 15 minutes late,
//! or without `exp`; the checks here are the gate's own, and RFC 8725 is their list.

mod claims;
mod issuer;
mod token;

pub use claims::Claims;
pub use issuer::{Audiences, Issuer};
pub use token::{HmacKey, UnverifiedToken};

use super::{Authenticators, Identity};
use crate::denial::{Denial, Reason};
use crate::engine::Timestamp;

impl Authenticators {
    /// The identity that `text`, a token in compact form, proves at `now`.
    ///
    /// The first issuer whose key verifies the signature and whose rules the claims meet decides.
    ///
    /// # Errors
    /// Why no issuer stands behind it. Once a signature was right, what was wrong with the claims.
    pub(super) fn verify_token(&self, text: &str, now: Timestamp) -> Result<Identity<'_>, Denial> {
        if self.issuers.is_empty() {
            let advice = "JWTs are not taken here, send an API key";
            return Err(Denial::new(Reason::UnsupportedCredential, advice));
        }
        let token = UnverifiedToken::parse(text)?;
        let mut refusal = None;
        for issuer in &self.issuers {
            let Some(claims) = issuer.verify_signature(&token) else {
                continue;
            };
            match claims.and_then(|claims| issuer.identify(&claims, now)) {
                Ok(identity) => return Ok(identity),
                Err(denial) => refusal.get_or_insert(denial.of(issuer.name())),
            };
        }
        Err(refusal.unwrap_or_else(|| {
            Denial::new(
                Reason::InvalidSignature,
                "it was signed with another secret, sign in again",
            )
        }))
    }
}
