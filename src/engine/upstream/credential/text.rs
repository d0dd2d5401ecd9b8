//! A credential that somebody else keeps: a file that a job rewrites, a secret store.

use super::document::Issued;
use super::value::{checked, counted, expiry_of_jwt, lifetime, seconds};
use crate::http::Url;
use crate::json::{Json, Pointer};
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, Call, ETAG, RETRY_AFTER};
use crate::time::Timestamp;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// How early what says when it ends is fetched anew, in seconds.
const BEFORE: i64 = 60;
/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Where it is kept.
#[derive(Debug)]
pub(crate) struct TextSource {
    /// the gateway's name for the server
    pub upstream: String,
    /// the address
    pub url: Url,
    /// how long to wait for the answer
    pub timeout: Duration,
    /// what the server wants to see of the gate, lower-case names
    pub headers: Vec<(String, Secret<String>)>,
    /// where in JSON it stands; the whole answer if there is none
    pub pointer: Option<Pointer>,
    /// where the answer says when it ends
    pub expiry: Option<Expiry>,
    /// how often it is looked for another one, in seconds
    pub every: i64,
    /// how long it is used while the server does not answer, if it does not end before, in seconds
    pub max_stale: i64,
}

/// Where an answer says when its credential ends.
#[derive(Debug)]
pub(crate) enum Expiry {
    /// a moment: RFC 3339, or seconds since 1970
    At(Pointer),
    /// so many seconds after the answer
    In(Pointer),
}

impl TextSource {
    /// The call.
    pub(super) fn call(&self) -> Call {
        let accept = if self.pointer.is_some() {
            "application/json"
        } else {
            "text/plain, */*;q=0.5"
        };
        let accept = [("accept".to_owned(), Secret::new(accept.to_owned()))];
        Call::get_json(self.upstream.clone(), self.url.clone(), self.timeout)
            .with_headers(&accept)
            .with_headers(&self.headers)
            .of_at_most(MAX_ANSWER_BYTES)
            .reading(&[ETAG, RETRY_AFTER, CONTENT_ENCODING])
    }

    /// The credential in `body`.
    pub(super) fn read(&self, body: &[u8], now: Timestamp) -> Result<Issued, String> {
        let json = match (&self.pointer, &self.expiry) {
            (None, None) => None,
            _ => Some(
                Json::parse_object_without_duplicates(body)
                    .ok_or("the answer is no JSON object without duplicate members")?,
            ),
        };
        let text = match (&self.pointer, &json) {
            (Some(pointer), Some(json)) => {
                let found = json.at(pointer).and_then(Json::text);
                found.ok_or("there is no string at `pointer`")?
            }
            _ => std::str::from_utf8(body)
                .map_err(|_| "the credential is not visible ASCII".to_owned())?,
        };
        let value = checked(text)?;
        let named = match (&self.expiry, &json) {
            (Some(expiry), Some(json)) => Some(expiry.left(json, now)?),
            _ => None,
        };
        let of_jwt = expiry_of_jwt(value).map(|end| end.since(now));
        let ends = [named, of_jwt].into_iter().flatten().min().map(counted);
        let left = ends.map_or(self.max_stale, |left| left.min(self.max_stale));
        // What names no end is looked for each time, and used until `max_stale`.
        let before = ends.map_or(0, |_| BEFORE);
        Ok(Issued {
            value: Secret::new(value.to_owned()),
            lifetime: lifetime(left, before, self.every)?,
        })
    }
}

impl Expiry {
    /// How many seconds are left at `now`, by the answer `json`.
    fn left(&self, json: &Json, now: Timestamp) -> Result<i64, String> {
        match self {
            Self::In(pointer) => json
                .at(pointer)
                .and_then(seconds)
                .ok_or_else(|| "there is no number of seconds at `expires_in`".to_owned()),
            Self::At(pointer) => {
                let found = json.at(pointer);
                let written = found.and_then(Json::text);
                let time = written.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
                let time = time.map(OffsetDateTime::unix_timestamp);
                let time = time.or_else(|| found.and_then(seconds));
                let end = time.ok_or("there is no time at `expires_at`")?;
                Ok(Timestamp::from_seconds(end).since(now))
            }
        }
    }
}
