//! One sign-in under way, as the browser that began it carries it.

use super::provider::{Endpoints, Provider};
use super::return_path::ReturnPath;
use crate::http::form_encoded;
use crate::secret::Secret;
use crate::session::{Entropy, Purpose, Ring, TooLong};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// How long somebody may take to sign in, in seconds.
pub(crate) const MAX_SECONDS: i64 = 600;
/// How many characters of `state` name the cookie.
const ID: usize = 16;

/// What a sign-in under way has to remember.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// what the provider gives back; its beginning names the cookie
    state: String,
    /// what the ID token has to hold
    pub nonce: String,
    /// what shows the provider that whoever redeems the code began the sign-in (RFC 7636)
    pub verifier: Secret<String>,
    /// where the browser goes then
    pub return_path: String,
    /// whom it asks, so that no other provider's answer counts
    issuer: String,
    begun: Timestamp,
}

impl Attempt {
    /// A new one at `provider`, which ends at `return_path`.
    pub(crate) fn begin(
        ring: &Ring,
        provider: &Provider,
        return_path: &ReturnPath,
        entropy: Entropy<'_>,
    ) -> Self {
        let draw = |what| URL_SAFE_NO_PAD.encode(ring.draw(what, entropy));
        Self {
            state: draw("state"),
            nonce: draw("nonce"),
            verifier: Secret::new(draw("verifier")),
            return_path: return_path.as_str().to_owned(),
            issuer: provider.issuer.clone(),
            begun: entropy.now,
        }
    }

    /// What names the cookie.
    pub(crate) fn id(&self) -> &str {
        id(&self.state).unwrap_or_default()
    }

    /// Sealed, for the browser.
    ///
    /// # Errors
    /// [`TooLong`].
    pub(crate) fn seal(&self, ring: &Ring, entropy: Entropy<'_>) -> Result<String, TooLong> {
        let begun = self.begun.seconds().to_string();
        let lines = [
            &begun,
            &self.state,
            &self.nonce,
            self.verifier.expose(),
            &self.issuer,
            &self.return_path,
        ];
        let text = lines.map(String::as_str).join("\n");
        ring.seal(Purpose::Login, text.as_bytes(), entropy)
    }

    /// The one that was `sealed`, if it was begun at `provider`, for this `state`, and not long before `now`.
    pub(crate) fn open(
        ring: &Ring,
        provider: &Provider,
        sealed: &[u8],
        state: &str,
        now: Timestamp,
    ) -> Option<Self> {
        let attempt = Self::read(ring, sealed)?;
        let fits = attempt.state == state && attempt.issuer == provider.issuer;
        (fits && attempt.is_open(now)).then_some(attempt)
    }

    /// When the one that was `sealed` was begun.
    pub(crate) fn begun(ring: &Ring, sealed: &[u8]) -> Option<Timestamp> {
        Some(Self::read(ring, sealed)?.begun)
    }

    fn read(ring: &Ring, sealed: &[u8]) -> Option<Self> {
        let opened = ring.open(Purpose::Login, sealed)?;
        let text = String::from_utf8(opened.plaintext).ok()?;
        let mut lines = text.splitn(6, '\n').map(str::to_owned);
        let mut line = || lines.next();
        Some(Self {
            begun: Timestamp::from_seconds(line()?.parse().ok()?),
            state: line()?,
            nonce: line()?,
            verifier: Secret::new(line()?),
            issuer: line()?,
            return_path: line()?,
        })
    }

    fn is_open(&self, now: Timestamp) -> bool {
        // Two instances need not have the same time to the second.
        let end = self.begun.plus(MAX_SECONDS);
        now < end && self.begun <= now.plus(60)
    }

    /// Where the browser is sent to sign in (OpenID Connect Core 1.0 section 3.1.2.1), to be sent back to
    /// `redirect_url`.
    pub(crate) fn address(
        &self,
        provider: &Provider,
        endpoints: &Endpoints,
        redirect_url: &str,
    ) -> String {
        let challenge = Sha256::digest(self.verifier.expose().as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        let parameters = [
            ("response_type", "code"),
            ("client_id", &provider.client.id),
            ("redirect_uri", redirect_url),
            ("scope", &provider.scope),
            ("state", &self.state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        with_parameters(&endpoints.authorization, &parameters)
    }
}

/// The part of `state` that names the cookie.
pub(crate) fn id(state: &str) -> Option<&str> {
    let of_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    state.get(..ID).filter(|id| id.bytes().all(of_id))
}

/// `address` with these `parameters` too.
pub(crate) fn with_parameters(address: &str, parameters: &[(&str, &str)]) -> String {
    let mut text = address.to_owned();
    for (name, value) in parameters {
        text.push(if text.contains('?') { '&' } else { '?' });
        text.extend([name, "=", &form_encoded(value)]);
    }
    text
}
