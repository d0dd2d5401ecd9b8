//! A small HTTP/1.1 client that sends what it is told to, byte for byte.
//!
//! A client library repairs what the checks are about: `..` in a path, a foreign `Host`, a fragment. This
//! one repairs nothing, follows nothing, asks once per connection, and reads no more than it needs.

use super::Target;
use super::pinned;
use super::wire::{Answer, Request, bytes, parse};
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

    /// In: a deployment on this machine, where it listens, and the certificate that it has to show. Out: a
    /// client that trusts nothing else.
    pub(crate) fn of_this_machine(
        target: Target,
        address: SocketAddr,
        certificate: Option<CertificateDer<'static>>,
    ) -> Result<Self, String> {
        let tls = match certificate {
            None => None,
            Some(certificate) => {
                let name = ServerName::try_from(target.host().to_owned())
                    .map_err(|_| format!("`{}` is no name of a server", target.host()))?;
                Some((Arc::new(pinned::configuration(certificate)?), name))
            }
        };
        Ok(Self {
            target,
            addresses: vec![address],
            tls,
        })
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// In: a request for a path of Ollama's. Out: the start of the answer.
    pub(crate) fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let mut request = request.clone();
        if request.path().starts_with('/') {
            request = request.below(self.target.prefix());
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
