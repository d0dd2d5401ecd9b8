//! What the provider answers through the browser: the authorization response.

use super::attempt::{self, Attempt};
use super::provider::Endpoints;
use super::{Login, failed};
use crate::denial::Denial;
use crate::http::{RequestHead, query_value};
use crate::secret::Secret;
use crate::time::Timestamp;

/// The longest code that is redeemed, in bytes.
const MAX_CODE: usize = 2048;

/// The errors that a provider may answer with (RFC 6749 section 4.1.2.1, OpenID Connect Core 1.0 section
/// 3.1.2.6). Any other is free text.
const ERRORS: [&str; 11] = [
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_request",
    "invalid_scope",
    "login_required",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_response_type",
];

/// A code, and the sign-in that it ends.
#[derive(Debug)]
pub(crate) struct Answer {
    /// the sign-in
    pub attempt: Attempt,
    /// the code
    pub code: Secret<String>,
}

/// An answer that ends a sign-in without a code, if it is one of this browser's.
#[derive(Debug)]
pub(crate) struct Unanswered {
    /// the sign-in, if it was one
    pub attempt: Option<Attempt>,
    /// why
    pub denial: Denial,
}

impl From<Denial> for Unanswered {
    fn from(denial: Denial) -> Self {
        Self {
            attempt: None,
            denial,
        }
    }
}

impl Login {
    /// The answer that `head` brings from the provider.
    ///
    /// `state` is held against what this browser carries before anything else in it counts.
    ///
    /// # Errors
    /// This browser did not begin it, or it is another provider's, or there is no code in it.
    pub(crate) fn answered(
        &self,
        head: &RequestHead<'_>,
        endpoints: &Endpoints,
        now: Timestamp,
    ) -> Result<Answer, Box<Unanswered>> {
        let parameter = |name| {
            let malformed =
                || failed("the address that the provider sent your browser to is malformed");
            query_value(head.path(), name).map_err(|_| malformed())
        };
        let attempt = parameter("state")
            .and_then(|state| self.attempt(head, state.as_deref(), now))
            .map_err(|denial| Box::new(denial.into()))?;
        let checked = || {
            // RFC 9207 section 2.4, before anything is sent to anybody.
            match parameter("iss")? {
                Some(issuer) if issuer != self.provider.issuer => {
                    return Err(failed("the answer is another provider's, begin again"));
                }
                None if endpoints.names_issuer => {
                    return Err(failed(
                        "the answer does not say which provider's it is, begin again",
                    ));
                }
                _ => {}
            }
            if let Some(error) = parameter("error")? {
                let known = ERRORS.into_iter().find(|known| *known == error);
                let cause = format!(
                    "the provider answered `{}`",
                    known.unwrap_or("another error")
                );
                return Err(failed(
                    "the provider did not let you in, begin again or ask the operator",
                )
                .because(cause));
            }
            let code = parameter("code")?.filter(|code| !code.is_empty() && code.len() <= MAX_CODE);
            code.ok_or_else(|| failed("the provider's answer has no code, begin again"))
        };
        match checked() {
            Ok(code) => Ok(Answer {
                attempt,
                code: Secret::new(code),
            }),
            Err(denial) => Err(Box::new(Unanswered {
                attempt: Some(attempt),
                denial,
            })),
        }
    }

    /// The sign-in of this `state`, which the browser that sent `head` carries.
    fn attempt(
        &self,
        head: &RequestHead<'_>,
        state: Option<&str>,
        now: Timestamp,
    ) -> Result<Attempt, Denial> {
        let state = state.ok_or_else(|| failed("the provider's answer has no `state`"))?;
        let unknown = || {
            failed(
                "your browser carries no such sign-in: it took too long, has ended, or began in another browser; begin again",
            )
        };
        let id = attempt::id(state).ok_or_else(unknown)?;
        let sealed = self.attempts.find(head, id).ok_or_else(unknown)?;
        Attempt::open(&self.ring, &self.provider, &sealed, state, now).ok_or_else(unknown)
    }
}
