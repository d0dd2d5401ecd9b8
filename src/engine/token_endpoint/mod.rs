//! The token endpoint of an authorization server (RFC 6749 section 3.2), as its client asks it.

mod assertion;

pub(crate) use assertion::{Assertions, SigningKey};

use crate::http::{Url, form_encoded};
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, CONTENT_TYPE, Call, RETRY_AFTER};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::time::Duration;

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// A client of an authorization server.
#[derive(Debug)]
pub(crate) struct Client {
    /// its name there
    pub id: String,
    /// how it proves that it is the client
    pub authentication: ClientAuthentication,
}

/// How a client proves itself (RFC 6749 section 2.3.1).
#[derive(Debug)]
pub(crate) enum ClientAuthentication {
    /// not at all: its code verifier has to do (RFC 7636)
    None,
    /// in `Authorization`
    Basic(Secret<String>),
    /// in the body
    Post(Secret<String>),
    /// not at all: what the client signs proves it (RFC 7523 section 2.2)
    Signed(Box<Assertions>),
}

/// The kind of an assertion that is a JWT (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The error codes that a token endpoint may answer with (RFC 6749 section 5.2, RFC 8707 section 2), and those of the
/// authorization endpoint by which some say there that a grant is over. Any other is free text.
const ERRORS: [&str; 12] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "login_required",
];

/// Those that say of a grant, beside `invalid_grant`, that it is good no more: nothing but a sign-in brings another. Entra, for
/// one, answers with `interaction_required` where a rule of the company's has changed since.
const REFUSALS: [&str; 5] = [
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "login_required",
];

impl Client {
    /// The call, made `now`, that asks the token endpoint at `url` for a grant of this type. `upstream` is the gateway's name for
    /// its server, `parameters` are what else is asked, names and values.
    pub(crate) fn call(
        &self,
        (upstream, url, timeout): (&str, &Url, Duration),
        grant_type: &str,
        parameters: &[(&str, &str)],
        now: Timestamp,
    ) -> Call {
        let mut body = format!("grant_type={}", form_encoded(grant_type));
        let mut add = |name: &str, value: &str| {
            body.extend(["&", name, "=", &form_encoded(value)]);
        };
        for (name, value) in parameters {
            add(name, value);
        }
        let mut headers = Vec::new();
        match &self.authentication {
            ClientAuthentication::None => add("client_id", &self.id),
            ClientAuthentication::Basic(secret) => {
                let pair = [&self.id, secret.expose()].map(|part| form_encoded(part));
                let value = format!("Basic {}", STANDARD.encode(pair.join(":")));
                headers.push(("authorization".to_owned(), Secret::new(value)));
            }
            ClientAuthentication::Post(secret) => {
                add("client_id", &self.id);
                add("client_secret", secret.expose());
            }
            ClientAuthentication::Signed(assertions) => {
                let address = [url.scheme().name(), "://", url.authority(), url.path()].concat();
                let assertion = assertions.make(&self.id, &address, now);
                add("client_id", &self.id);
                add("client_assertion_type", ASSERTION_TYPE);
                add("client_assertion", &assertion);
            }
        }
        Call::get_json(upstream.to_owned(), url.clone(), timeout)
            .posting("application/x-www-form-urlencoded", body.into_bytes())
            .with_headers(&headers)
            .of_at_most(MAX_ANSWER_BYTES)
            .reading(&[RETRY_AFTER, CONTENT_ENCODING, CONTENT_TYPE])
    }
}

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 32 * 1024;

/// The token called `name` in `answer`, if it is one that can be used.
pub(crate) fn token(answer: &Json, name: &str) -> Option<Secret<String>> {
    let token = answer.member(name).and_then(Json::text);
    let token = token.filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN);
    token.map(|token| Secret::new(token.to_owned()))
}

/// For how many seconds the access token in `answer` is good, if it says so. Some servers write that as text.
pub(crate) fn expires_in(answer: &Json) -> Option<i64> {
    let member = answer.member("expires_in")?;
    let text = member
        .text()
        .map_or_else(|| member.to_string(), str::to_owned);
    text.parse().ok().filter(|seconds| *seconds > 0)
}

/// The error code in `body`, the answer of this status, if it says that the grant which was shown is good no more. Words that
/// others say too, such as a firewall in front of the endpoint, count where an endpoint says them: as JSON that calls
/// itself so, if it `is_json`, with status 400 or 401 (RFC 6749 section 5.2).
pub(crate) fn refusal(status: u16, body: &[u8], is_json: bool) -> Option<&'static str> {
    const OWN: &str = "invalid_grant";
    if status == 200 {
        return None;
    }
    let json = Json::parse_object_without_duplicates(body)?;
    let code = json.member("error").and_then(Json::text)?;
    if code == OWN {
        return Some(OWN);
    }
    let is_endpoints = is_json && matches!(status, 400 | 401);
    REFUSALS
        .into_iter()
        .find(|known| is_endpoints && *known == code)
}

/// The tokens in `body`, the answer of this status.
///
/// # Errors
/// What is wrong with it, without quoting it.
pub(crate) fn answer(status: u16, body: &[u8]) -> Result<Json, String> {
    let json = Json::parse_object_without_duplicates(body);
    let member = |name| json.as_ref().and_then(|json| json.member(name));
    if status != 200 {
        let code = member("error").and_then(Json::text);
        let code = code.and_then(|code| ERRORS.into_iter().find(|known| *known == code));
        let code = code.map_or_else(String::new, |code| format!(", error `{code}`"));
        return Err(format!(
            "the token endpoint answered with status {status}{code}"
        ));
    }
    // RFC 6749 section 7.1: what the client does not understand it must not use.
    let kind = member("token_type").and_then(Json::text);
    let is_bearer = kind.map(|kind| kind.eq_ignore_ascii_case("bearer"));
    match (json, is_bearer) {
        (None, _) => Err("the answer is no JSON object without duplicate members".into()),
        (Some(_), None) => Err("the answer has no `token_type`".into()),
        (Some(_), Some(false)) => Err("`token_type` is not `Bearer`".into()),
        (Some(json), Some(true)) => Ok(json),
    }
}
