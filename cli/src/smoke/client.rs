//! A small HTTP/1.1 client that sends what it is told to, byte for byte.
//!
//! A client library repairs what the checks are about: `..` in a path, a foreign `Host`, a fragment. This
//! one repairs nothing, follows nothing, asks once per connection, and reads no more than it needs.

use super::Target;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest wait for one connection.
const MAX_CONNECT: Duration = Duration::from_secs(5);
/// The longest wait for one answer.
const MAX_ANSWER: Duration = Duration::from_secs(10);
/// How many bytes of one answer are read. The rest cannot change what it means.
const MAX_BYTES: usize = 64 * 1024;
/// How many header fields of an answer are read.
const MAX_FIELDS: usize = 128;

/// One request, without what the client adds: `Host`, `Connection` and `Content-Length`.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    method: &'static str,
    path: String,
    host: Option<&'static str>,
    fields: Vec<(&'static str, String)>,
    body: Option<&'static str>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            host: None,
            fields: Vec::new(),
            body: None,
        }
    }

    pub(crate) fn get(path: impl Into<String>) -> Self {
        Self::new("GET", path)
    }

    /// In: another `Host` than the deployment's.
    pub(crate) fn host(mut self, host: &'static str) -> Self {
        self.host = Some(host);
        self
    }

    pub(crate) fn field(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.fields.push((name, value.into()));
        self
    }

    /// In: a key or token, if there is one. Sent the way all clients can.
    pub(crate) fn bearer(self, key: Option<&str>) -> Self {
        match key {
            Some(key) => self.field("Authorization", format!("Bearer {key}")),
            None => self,
        }
    }

    pub(crate) fn json(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self.field("Content-Type", "application/json")
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == "HEAD"
    }

    /// Out: method and path, for a person. No field is shown: one may hold a key.
    pub(crate) fn shown(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// The start of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// In: a name in lower case. Out: the first value of that field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    Address(io::Error),
    Connect(io::Error),
    Tls(String),
    Timeout,
    Closed,
    NotHttp,
}

impl Failure {
    /// Out: what to do about it.
    pub(crate) const fn advice(&self) -> &'static str {
        match self {
            Self::Address(_) => "check the name in the address",
            Self::Connect(_) => {
                "check host and port, that the gateway runs, and the firewall between"
            }
            Self::Tls(_) => {
                "give the certificate of the gateway or of its authority by `--ca FILE`"
            }
            Self::Timeout => "see what the gateway waits for; its log may say it",
            Self::Closed | Self::NotHttp => "check the scheme and the port of the address",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(error) => write!(formatter, "the name could not be resolved: {error}"),
            Self::Connect(error) => write!(formatter, "the connection failed: {error}"),
            Self::Tls(error) => write!(formatter, "TLS failed: {error}"),
            Self::Timeout => formatter.write_str("no answer in time"),
            Self::Closed => formatter.write_str("the connection was closed without an answer"),
            Self::NotHttp => formatter.write_str("the answer is not HTTP/1.1"),
        }
    }
}

/// Asks one deployment.
pub(crate) struct Client {
    target: Target,
    addresses: Vec<SocketAddr>,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Client {
    /// In: the deployment, and a file of certificates to trust beside those of this machine. Out: a
    /// client, or a sentence that says why there is none.
    pub(crate) fn new(target: Target, authorities: Option<&Path>) -> Result<Self, String> {
        let addresses = target.addresses().unwrap_or_default();
        let tls = if target.tls() {
            let name = ServerName::try_from(target.host().to_owned()).map_err(|_| {
                format!("`{}` is no name that a certificate can have", target.host())
            })?;
            Some((Arc::new(configuration(authorities)?), name))
        } else {
            None
        };
        Ok(Self {
            target,
            addresses,
            tls,
        })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// In: a request for a path of Ollama's. Out: the start of the answer.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let mut request = request.clone();
        if request.path.starts_with('/') {
            request.path.insert_str(0, self.target.prefix());
        }
        let socket = connect(&self.addresses)?;
        let mut stream: Box<dyn Stream> = match &self.tls {
            Some((configuration, name)) => {
                let connection = ClientConnection::new(Arc::clone(configuration), name.clone())
                    .map_err(|error| Failure::Tls(error.to_string()))?;
                Box::new(StreamOwned::new(connection, socket))
            }
            None => Box::new(socket),
        };
        exchange(
            stream.as_mut(),
            &bytes(&request, &self.target.authority()),
            request.is_head(),
        )
    }
}

/// In: a plain address, and a path. Out: the start of the answer to a GET.
pub(crate) fn get_plain(address: SocketAddr, path: &str) -> Result<Answer, Failure> {
    let mut socket = connect(&[address])?;
    exchange(
        &mut socket,
        &bytes(&Request::get(path), &address.to_string()),
        false,
    )
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn configuration(authorities: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = authorities {
        let unread = |error: &dyn fmt::Display| {
            format!("cannot read certificates from {}: {error}", path.display())
        };
        let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect)
            .map_err(|error| unread(&error))?;
        if certificates.is_empty() {
            return Err(unread(&"there is none in it"));
        }
        for certificate in certificates {
            roots.add(certificate).map_err(|error| unread(&error))?;
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
    let mut last = Failure::Address(io::Error::new(io::ErrorKind::NotFound, "it has no address"));
    for address in addresses {
        match TcpStream::connect_timeout(address, MAX_CONNECT) {
            Ok(socket) => {
                let bound = socket
                    .set_read_timeout(Some(MAX_ANSWER))
                    .and_then(|()| socket.set_write_timeout(Some(MAX_ANSWER)));
                return bound.map(|()| socket).map_err(Failure::Connect);
            }
            Err(error) => last = Failure::Connect(error),
        }
    }
    Err(last)
}

fn bytes(request: &Request, authority: &str) -> Vec<u8> {
    let host = request.host.unwrap_or(authority);
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        request.method, request.path
    );
    let has = |name: &str| {
        request
            .fields
            .iter()
            .any(|(field, _)| field.eq_ignore_ascii_case(name))
    };
    if !has("Connection") {
        text.push_str("Connection: close\r\n");
    }
    text.push_str("User-Agent: ollama-gate-smoke\r\nAccept: */*\r\n");
    for (name, value) in &request.fields {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = request.body {
        text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    } else {
        text.push_str("\r\n");
    }
    text.into_bytes()
}

fn exchange(stream: &mut dyn Stream, request: &[u8], head_only: bool) -> Result<Answer, Failure> {
    let deadline = Instant::now() + MAX_ANSWER;
    // A gateway may answer, and close, before it has read all of the request: what counts is the answer.
    let sent = stream.write_all(request).and_then(|()| stream.flush());
    if let Err(error) = sent {
        let failure = failure(error);
        if matches!(failure, Failure::Tls(_) | Failure::Timeout) {
            return Err(failure);
        }
    }
    let mut received = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(answer) = parse(&received, false, head_only)? {
            return Ok(answer);
        }
        if received.len() >= MAX_BYTES || Instant::now() >= deadline {
            // A stream without end: what came so far is enough, if the head is whole.
            return parse(&received, true, head_only)?.ok_or(Failure::Timeout);
        }
        match stream.read(&mut chunk) {
            Ok(0) => return parse(&received, true, head_only)?.ok_or(Failure::Closed),
            Ok(read) => received.extend(chunk.iter().take(read)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return match parse(&received, true, head_only)? {
                    Some(answer) => Ok(answer),
                    None => Err(failure(error)),
                };
            }
        }
    }
}

fn failure(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::Timeout,
        io::ErrorKind::InvalidData => Failure::Tls(error.to_string()),
        _ => Failure::Closed,
    }
}

/// In: what came so far, whether more will come, and whether a body belongs to it. Out: the answer, when
/// it is whole or nothing more will come.
fn parse(received: &[u8], ended: bool, head_only: bool) -> Result<Option<Answer>, Failure> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut fields);
    let length = match response.parse(received) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Failure::NotHttp),
    };
    let status = response.code.unwrap_or_default();
    let rest = received.get(length..).unwrap_or_default();
    if status == 100 {
        return parse(rest, ended, head_only);
    }
    let fields: Vec<(String, String)> = response
        .headers
        .iter()
        .map(|field| {
            (
                field.name.to_ascii_lowercase(),
                String::from_utf8_lossy(field.value).into_owned(),
            )
        })
        .collect();
    let value = |name: &str| {
        fields
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    };
    let bodiless = head_only || status < 200 || status == 204 || status == 304;
    let chunked = value("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    let whole = bodiless
        || if chunked {
            rest.ends_with(b"0\r\n\r\n")
        } else {
            value("content-length")
                .and_then(|length| length.parse().ok())
                .is_some_and(|length: usize| rest.len() >= length)
        };
    if !whole && !ended {
        return Ok(None);
    }
    let body = if chunked {
        unchunked(rest)
    } else {
        rest.to_vec()
    };
    Ok(Some(Answer {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        fields,
    }))
}

/// In: a chunked body, perhaps cut. Out: the bytes in it.
fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(httparse::Status::Complete((start, size))) = httparse::parse_chunk_size(rest) {
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let after = rest.get(start..).unwrap_or_default();
        body.extend(after.iter().take(size));
        match after.get(size.saturating_add(2)..) {
            Some(next) if size > 0 => rest = next,
            _ => break,
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str, ended: bool) -> Option<Answer> {
        parse(text.as_bytes(), ended, false).expect("HTTP")
    }

    #[test]
    fn an_answer_is_whole_when_its_length_or_its_last_chunk_says_so() {
        assert!(answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", false).is_none());
        let whole = answer("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", false).expect("whole");
        assert_eq!((whole.status, whole.body.as_str()), (200, "{}"));
        assert!(
            answer(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
                false
            )
            .is_none()
        );
        let chunks =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n";
        assert_eq!(answer(chunks, false).expect("whole").body, "{}");
    }

    #[test]
    fn an_answer_that_was_cut_is_read_as_far_as_it_came() {
        let cut = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{\"a\"";
        assert_eq!(answer(cut, true).expect("cut").body, "{\"a\"");
        assert!(answer("HTTP/1.1 200", true).is_none());
    }

    #[test]
    fn what_is_not_http_is_no_answer() {
        assert!(matches!(
            parse(b"SSH-2.0-OpenSSH_9.2\r\n", false, false),
            Err(Failure::NotHttp)
        ));
    }

    #[test]
    fn a_request_goes_out_as_it_is_and_shows_no_key() {
        let request = Request::get("/health/../api/tags#x")
            .host("evil.example")
            .bearer(Some("sk-secret"));
        let text = String::from_utf8(bytes(&request, "gate.example")).expect("text");
        assert!(
            text.starts_with("GET /health/../api/tags#x HTTP/1.1\r\nHost: evil.example\r\n"),
            "{text}"
        );
        assert!(text.contains("Authorization: Bearer sk-secret\r\n"));
        assert!(!request.shown().contains("secret"));
    }
}
