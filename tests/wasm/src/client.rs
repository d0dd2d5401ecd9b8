//! What a client sends, before any gateway has touched it.

use crate::map::Pairs;

/// One request as its client wrote it.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// The method; `None` for a request without one.
    pub method: Option<Vec<u8>>,
    /// Path and query; `None` for CONNECT.
    pub target: Option<Vec<u8>>,
    /// The Host header or `:authority`; `None` for HTTP/1.0 without Host.
    pub host: Option<Vec<u8>>,
    /// The other headers, in order, names as the client spelled them.
    pub headers: Pairs,
    /// The body that follows the head, if one does.
    pub body: Option<Vec<u8>>,
    /// The other end of its connection.
    pub peer: &'static str,
}

/// Where clients are, unless they say otherwise.
pub const PEER: &str = "203.0.113.9";

impl ClientRequest {
    /// A request without headers to `gate.example.com`.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: Some(method.into()),
            target: Some(target.into()),
            host: Some(b"gate.example.com".to_vec()),
            headers: Pairs::new(),
            body: None,
            peer: PEER,
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// A POST, which has a body.
    #[must_use]
    pub fn post(target: &str) -> Self {
        let mut request = Self::new("POST", target);
        request.body = Some(b"{\"model\":\"llama3.2\"}".to_vec());
        request
    }

    /// The request with this body and its length.
    #[must_use]
    pub fn with_body(mut self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let length = body.len().to_string();
        self.body = Some(body);
        self.header("Content-Length", length)
    }

    /// The request with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// The request over a connection from this address.
    #[must_use]
    pub const fn from(mut self, peer: &'static str) -> Self {
        self.peer = peer;
        self
    }

    /// The request with `Authorization: Bearer token`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("Authorization", format!("Bearer {token}"))
    }

    /// The request without Host, as HTTP/1.0 allows.
    #[must_use]
    pub fn without_host(mut self) -> Self {
        self.host = None;
        self
    }

    /// The request with this raw target.
    #[must_use]
    pub fn target(mut self, target: &[u8]) -> Self {
        self.target = Some(target.to_vec());
        self
    }

    /// The headers that the openai Python SDK sends with a chat request.
    #[must_use]
    pub fn like_the_openai_sdk(self) -> Self {
        self.header("Accept", "application/json")
            .header("Accept-Encoding", "gzip, deflate, br")
            .header("Connection", "keep-alive")
            .header("Content-Length", "120")
            .header("Content-Type", "application/json")
            .header("User-Agent", "OpenAI/Python 2.8.1")
            .header("X-Stainless-Arch", "x64")
            .header("X-Stainless-Async", "false")
            .header("X-Stainless-Lang", "python")
            .header("X-Stainless-OS", "Linux")
            .header("X-Stainless-Package-Version", "2.8.1")
            .header("X-Stainless-Retry-Count", "0")
            .header("X-Stainless-Runtime", "CPython")
            .header("X-Stainless-Runtime-Version", "3.11.2")
    }
}
