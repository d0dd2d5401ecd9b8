//! What is asked, and what comes back.

use crate::denial::Level;
use crate::http::Url;
use crate::secret::Secret;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// The largest answer that is read, in bytes. A JWKS of a hundred keys has some 50,000.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// One HTTP call that the gateway has to make. Headers and body may hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Call {
    upstream: String,
    method: &'static str,
    url: Url,
    headers: Vec<(Cow<'static, str>, Secret<String>)>,
    body: Option<Secret<Vec<u8>>>,
    timeout: Duration,
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
        }
    }

    /// With these header fields too, lower-case names. One of a name that is there already takes its place.
    #[must_use]
    pub(crate) fn with_headers(mut self, headers: &[(String, Secret<String>)]) -> Self {
        let is_own = |name: &str| headers.iter().any(|own| own.0 == name);
        self.headers.retain(|(name, _)| !is_own(name));
        let own = headers.iter().cloned();
        self.headers
            .extend(own.map(|(name, value)| (Cow::Owned(name), value)));
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

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// the HTTP status; none if no answer came
    pub status: Option<u16>,
    /// the body
    pub body: ResponseBody<'a>,
}

impl Response<'_> {
    /// That no answer came.
    pub const fn none() -> Self {
        Self {
            status: None,
            body: ResponseBody::Bytes(b""),
        }
    }
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
    fn first(&self) -> Call;

    /// What the body of the answer to call number `step` says, the first being 0.
    ///
    /// # Errors
    /// Why it cannot be used, without quoting it.
    fn read(&self, step: usize, body: &[u8]) -> Result<Read<Self::Value>, String>;
}

/// What a body says.
#[derive(Debug)]
pub(crate) enum Read<V> {
    /// the document
    Value {
        /// what it says
        value: V,
        /// what of it could not be used
        warnings: Vec<String>,
    },
    /// where the document is; once in a fetch
    Follow(Call),
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
