//! What is asked, and what comes back.

use super::reading::Reading;
use crate::denial::Level;
use crate::http::{Url, is_visible_ascii};
use crate::secret::Secret;
use crate::time::Timestamp;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The largest answer that is read, in bytes, unless a call asks for more. A JWKS of a hundred keys has some
/// 50,000.
const MAX_BODY_BYTES: usize = 256 * 1024;
/// The longest validator that is sent back, in bytes.
const MAX_ETAG_BYTES: usize = 256;

/// One HTTP call that the gateway has to make. Headers and body may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    upstream: String,
    method: &'static str,
    url: Url,
    headers: Vec<(Cow<'static, str>, Secret<String>)>,
    body: Option<Secret<Vec<u8>>>,
    timeout: Duration,
    expected: Expected,
}

/// What is read of the answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected {
    /// the largest body, in bytes; of a larger one nothing is taken over
    pub max_bytes: usize,
    /// which header fields, lower-case names
    pub headers: &'static [&'static str],
}

impl Call {
    /// A GET of the JSON at `url`. `upstream` is the gateway's name for the server, `timeout` how long
    /// to wait for the answer.
    pub fn get_json(upstream: String, url: Url, timeout: Duration) -> Self {
        let header = |name, value: &str| (Cow::Borrowed(name), Secret::new(value.to_owned()));
        Self {
            upstream,
            method: "GET",
            url,
            headers: vec![
                header("accept", "application/json"),
                header("user-agent", "ollama-gate"),
            ],
            body: None,
            timeout,
            expected: Expected {
                max_bytes: MAX_BODY_BYTES,
                headers: &[],
            },
        }
    }

    /// As a POST of `body`, which is of this media type.
    #[must_use]
    pub fn posting(mut self, media_type: &'static str, body: Vec<u8>) -> Self {
        let media_type = Secret::new(media_type.to_owned());
        self.method = "POST";
        self.set_header(Cow::Borrowed("content-type"), media_type);
        self.body = Some(Secret::new(body));
        self
    }

    /// Whose answer has at most this many bytes.
    #[must_use]
    pub const fn of_at_most(mut self, max_bytes: usize) -> Self {
        self.expected.max_bytes = max_bytes;
        self
    }

    /// Whose answer is read with these header fields, lower-case names.
    #[must_use]
    pub const fn reading(mut self, headers: &'static [&'static str]) -> Self {
        self.expected.headers = headers;
        self
    }

    /// Asks for the document only if it is another one than that with the validator `etag` (RFC 9110 section
    /// 13.1.2).
    #[must_use]
    pub(super) fn unless(mut self, etag: String) -> Self {
        self.set_header(Cow::Borrowed("if-none-match"), Secret::new(etag));
        self
    }

    /// Whether the answer's validator is read, so that the next call can name it.
    pub(super) fn reads_validator(&self) -> bool {
        self.expected.headers.contains(&ETAG)
    }

    fn set_header(&mut self, name: Cow<'static, str>, value: Secret<String>) {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
    }

    /// With these header fields too, lower-case names. One of a name that is there already takes its place.
    #[must_use]
    pub(crate) fn with_headers(mut self, headers: &[(String, Secret<String>)]) -> Self {
        for (name, value) in headers.iter().cloned() {
            self.set_header(Cow::Owned(name), value);
        }
        self
    }

    /// The gateway's name for the server.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The method.
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// What it is asked for.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The header fields beside the pseudo headers, lower-case names.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| (&**name, value.expose().as_str()))
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&[u8]> {
        self.body.as_ref().map(|body| body.expose().as_slice())
    }

    /// How long to wait for the answer.
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is read of the answer.
    pub const fn expected(&self) -> Expected {
        self.expected
    }
}

impl fmt::Debug for Call {
    /// Shows whom it asks for which path. A query, a header and a body may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("upstream", &self.upstream)
            .field("method", &self.method)
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The validator of an answer (RFC 9110 section 8.8.3).
pub(crate) const ETAG: &str = "etag";
/// When to ask again (RFC 9110 section 10.2.3).
pub(crate) const RETRY_AFTER: &str = "retry-after";
/// What the body is (RFC 9110 section 8.3).
pub(crate) const CONTENT_TYPE: &str = "content-type";
/// What the body is wrapped in (RFC 9110 section 8.4).
pub(crate) const CONTENT_ENCODING: &str = "content-encoding";

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// the HTTP status; none if no answer came
    pub status: Option<u16>,
    /// the header fields that the call has asked for, as far as there are such, lower-case names
    pub headers: &'a [(&'static str, String)],
    /// the body
    pub body: ResponseBody<'a>,
}

impl<'a> Response<'a> {
    /// That no answer came.
    pub const fn none() -> Self {
        Self {
            status: None,
            headers: &[],
            body: ResponseBody::Bytes(b""),
        }
    }

    /// The field `name`, if it came.
    pub(crate) fn header(&self, name: &str) -> Option<&'a str> {
        let found = self.headers.iter().find(|(other, _)| *other == name)?;
        Some(&found.1)
    }

    /// The validator, if it is one to send back.
    pub(super) fn etag(&self) -> Option<&'a str> {
        let fit = |etag: &&str| etag.len() <= MAX_ETAG_BYTES && is_visible_ascii(etag.as_bytes());
        self.header(ETAG).filter(fit)
    }

    /// For how many seconds the server wants to be left alone, if it says so as a number.
    pub(super) fn retry_after(&self) -> Option<i64> {
        let seconds = self.header(RETRY_AFTER)?.trim().parse::<u32>().ok()?;
        Some(seconds.into())
    }
}

/// `text` without the byte order mark that some editors and servers put before it (RFC 8259 section 8.1).
pub(crate) fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// The body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseBody<'a> {
    /// all of it
    Bytes(&'a [u8]),
    /// it has so many bytes, and was not read
    TooLarge(usize),
}

/// A document that can be fetched.
pub(crate) trait Document: fmt::Debug {
    /// what it says
    type Value: PartialEq + fmt::Debug;

    /// The first call.
    fn first(&self, now: Timestamp) -> Call;

    /// Whether there is something to read in an answer of this status.
    fn accepts(&self, status: u16) -> bool {
        status == 200
    }

    /// What an answer says.
    ///
    /// # Errors
    /// Why it cannot be used, without quoting it.
    fn read(&self, answer: &Answer<'_, Self::Value>) -> Result<Read<Self::Value>, String>;
}

/// An answer whose status the document accepts.
#[derive(Debug)]
#[cfg_attr(not(test), allow(dead_code))] // a JWKS says the same whatever is held, and whenever
pub(crate) struct Answer<'a, V> {
    /// to which call of the fetch it is, the first being 0
    pub step: usize,
    /// its status
    pub status: u16,
    /// its body
    pub body: &'a [u8],
    /// what is held until then, however old it is
    pub held: Option<&'a V>,
    /// the time
    pub now: Timestamp,
}

/// What an answer says.
#[derive(Debug)]
pub(crate) enum Read<V> {
    /// the document
    Value {
        /// what it says
        value: V,
        /// what of it could not be used
        warnings: Vec<String>,
        /// for how long it says so, if that is not what the configuration says
        lifetime: Option<Lifetime>,
    },
    /// the document that is held
    Unchanged,
    /// where the document is; once in a fetch
    Follow(Call),
    /// what reads it in pieces
    InPieces(Box<dyn Reading<V>>),
}

/// For how long a document is what it says, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// how long it is fresh
    pub fresh: i64,
    /// how long it is used
    pub used: i64,
}

/// A line for the gateway's log that belongs to no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// how loud
    pub level: Level,
    /// what
    pub line: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_no_query_no_header_and_no_body() {
        let url = Url::parse("https://sso.example/certs?code=hidden").unwrap();
        let secret = || Secret::new("hidden".to_owned());
        let mut call = Call::get_json("sso".to_owned(), url, Duration::from_secs(5))
            .with_headers(&[("authorization".to_owned(), secret())]);
        call.body = Some(Secret::new(secret().expose().clone().into_bytes()));
        let shown = format!("{call:?}");
        assert!(!shown.contains("hidden"), "{shown}");
        assert!(shown.contains("sso.example/certs"), "{shown}");
    }
}
