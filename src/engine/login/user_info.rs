//! What the provider says of a person beside the ID token: its UserInfo endpoint (OpenID Connect Core 1.0 section
//! 5.3).

use super::failed;
use super::provider_answer::{self, Unreadable};
use super::redemption::Redeemed;
use crate::authn::jwt::ProvedClaims;
use crate::denial::Denial;
use crate::http::is_visible_ascii;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, CONTENT_TYPE, Call, Endpoint, Response};
use std::time::Duration;

/// As sentences name it.
const ENDPOINT: &str = "UserInfo endpoint";
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The UserInfo endpoint is being asked about whoever signed in.
#[derive(Debug)]
pub(crate) struct Inquiry {
    /// the sign-in that it ends
    pub redeemed: Redeemed,
    /// what the ID token says
    pub proved: ProvedClaims,
}

impl Inquiry {
    /// What the endpoint answers in `response`.
    ///
    /// # Errors
    /// It did not answer, or not with claims.
    pub(crate) fn read(response: &Response<'_>) -> Result<Json, Denial> {
        let answer = provider_answer::body(response, ENDPOINT, MAX_ANSWER_BYTES);
        let (status, body) = answer.map_err(|why| match why {
            Unreadable::NoAnswer(denial) => denial,
            Unreadable::Wrong(cause) => not_told(cause),
        })?;
        if status != 200 {
            return Err(not_told(format!(
                "the {ENDPOINT} answered with status {status}"
            )));
        }
        if provider_answer::media_type(response) == "application/jwt" {
            let cause = format!(
                "the {ENDPOINT} answers with a JWT, which the gate does not read: register the gate at the provider \
                 without `userinfo_signed_response_alg` and `userinfo_encrypted_response_alg`"
            );
            return Err(not_told(cause));
        }
        provider_answer::is_json(response, ENDPOINT).map_err(not_told)?;
        let claims = Json::parse_object_without_duplicates(body);
        claims.ok_or_else(|| {
            not_told(format!(
                "the answer of the {ENDPOINT} is no JSON object without duplicate members"
            ))
        })
    }
}

/// The call that asks `endpoint` about whoever this access token is of.
///
/// # Errors
/// The token fits into no header field.
pub(super) fn call(
    endpoint: &Endpoint,
    timeout: Duration,
    access_token: &Secret<String>,
) -> Result<Call, Denial> {
    let token = access_token.expose();
    if !is_visible_ascii(token.as_bytes()) {
        return Err(not_told("the access token is none of RFC 6750".to_owned()));
    }
    let bearer = (
        "authorization".to_owned(),
        Secret::new(format!("Bearer {token}")),
    );
    let Endpoint { upstream, url } = endpoint.clone();
    Ok(Call::get_json(upstream, url, timeout)
        .with_headers(&[bearer])
        .of_at_most(MAX_ANSWER_BYTES)
        .reading(&[CONTENT_TYPE, CONTENT_ENCODING]))
}

fn not_told(cause: String) -> Denial {
    failed("the provider did not say who you are, begin again or ask the operator").because(cause)
}
