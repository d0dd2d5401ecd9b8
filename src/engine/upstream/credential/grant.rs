//! The client credentials grant (RFC 6749 section 4.4): a token endpoint issues the credential.

use super::assertion::Assertions;
use super::document::Issued;
use super::value::{checked, counted, expiry_of_jwt, lifetime, seconds};
use crate::http::Url;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, Call, RETRY_AFTER};
use crate::time::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::time::Duration;

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// No token is used for longer without another being asked for, in seconds.
const DAY: i64 = 24 * 3600;

/// What is asked of a token endpoint.
#[derive(Debug)]
pub(crate) struct Grant {
    /// the gateway's name for the server
    pub upstream: String,
    /// the address of the token endpoint
    pub token_url: Url,
    /// how long to wait for the answer
    pub timeout: Duration,
    /// the client's name there
    pub client_id: String,
    /// how it proves that it is the client
    pub authentication: ClientAuthentication,
    /// further parameters, such as `scope`, `audience` and `resource`, names and values
    pub parameters: Vec<(&'static str, String)>,
    /// how early another token is asked for, in seconds
    pub refresh_before: i64,
    /// how long a token is used that does not say it, in seconds
    pub lifetime: i64,
}

/// How the client proves itself (RFC 6749 section 2.3.1).
#[derive(Debug)]
pub(crate) enum ClientAuthentication {
    /// in `Authorization`
    Basic(Secret<String>),
    /// in the body
    Post(Secret<String>),
    /// not at all: what the client signs proves it (RFC 7523 section 2.2)
    Signed(Box<Assertions>),
}

/// The kind of an assertion that is a JWT (RFC 7523 section 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The error codes that a token endpoint may answer with (RFC 6749 section 5.2, RFC 8707 section 2). Any other is
/// free text.
const ERRORS: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

impl Grant {
    /// The call that is made `now`.
    pub(super) fn call(&self, now: Timestamp) -> Call {
        let mut body = String::from("grant_type=client_credentials");
        let mut add = |name: &str, value: &str| {
            body.extend(["&", name, "=", &form_encoded(value)]);
        };
        for (name, value) in &self.parameters {
            add(name, value);
        }
        let mut headers = Vec::new();
        match &self.authentication {
            ClientAuthentication::Basic(secret) => {
                let pair = [&self.client_id, secret.expose()].map(|part| form_encoded(part));
                let value = format!("Basic {}", STANDARD.encode(pair.join(":")));
                headers.push(("authorization".to_owned(), Secret::new(value)));
            }
            ClientAuthentication::Post(secret) => {
                add("client_id", &self.client_id);
                add("client_secret", secret.expose());
            }
            ClientAuthentication::Signed(assertions) => {
                let assertion = assertions.make(&self.client_id, &self.address(), now);
                add("client_id", &self.client_id);
                add("client_assertion_type", ASSERTION_TYPE);
                add("client_assertion", &assertion);
            }
        }
        Call::get_json(self.upstream.clone(), self.token_url.clone(), self.timeout)
            .posting("application/x-www-form-urlencoded", body.into_bytes())
            .with_headers(&headers)
            .of_at_most(MAX_ANSWER_BYTES)
            .reading(&[RETRY_AFTER, CONTENT_ENCODING])
    }

    /// The address of the token endpoint in one piece.
    fn address(&self) -> String {
        let url = &self.token_url;
        [url.scheme().name(), "://", url.authority(), url.path()].concat()
    }

    /// The token in `body`, the answer of this status.
    pub(super) fn read(&self, status: u16, body: &[u8], now: Timestamp) -> Result<Issued, String> {
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
        if json.is_none() {
            return Err("the answer is no JSON object without duplicate members".into());
        }
        // RFC 6749 section 7.1: what the client does not understand it must not use.
        let kind = member("token_type").and_then(Json::text);
        match kind {
            Some(kind) if kind.eq_ignore_ascii_case("bearer") => {}
            Some(_) => return Err("`token_type` is not `Bearer`".into()),
            None => return Err("the answer has no `token_type`".into()),
        }
        let token = member("access_token").and_then(Json::text);
        let token = checked(token.ok_or("the answer has no `access_token`")?)?;
        let named = match member("expires_in") {
            None | Some(Json::Null) => None,
            Some(json) => Some(seconds(json).ok_or("`expires_in` is not a number of seconds")?),
        };
        let of_jwt = expiry_of_jwt(token).map(|end| end.since(now));
        let left = [named, of_jwt].into_iter().flatten().min().map(counted);
        Ok(Issued {
            value: Secret::new(token.to_owned()),
            lifetime: lifetime(left.unwrap_or(self.lifetime), self.refresh_before, DAY)?,
        })
    }
}

/// `text` as a form has it (the WHATWG's `application/x-www-form-urlencoded`, as RFC 6749 appendix B).
fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}
