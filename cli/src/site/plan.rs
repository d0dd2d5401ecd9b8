//! What a person wants of a new site, read and judged before anything is written.

use super::{Record, Tls, words};
use crate::input::shown;
use crate::output::Failure;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};

/// The port with TLS, and the one without.
const PORTS: (u16, u16) = (11443, 11435);

/// A key to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyWish {
    pub(crate) id: String,
    /// none is all
    pub(crate) models: Option<Vec<String>>,
}

/// How the site is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TlsWish {
    SelfSigned,
    Off,
    Own(PathBuf, PathBuf),
}

/// What was asked for; none is open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) listen: Option<SocketAddr>,
    pub(crate) upstream: Option<(String, u16)>,
    pub(crate) names: Vec<String>,
    pub(crate) keys: Vec<KeyWish>,
    pub(crate) tls: Option<TlsWish>,
    pub(crate) envoy: Option<PathBuf>,
}

/// What is written.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) record: Record,
    pub(crate) keys: Vec<KeyWish>,
    pub(crate) tls: TlsWish,
    /// until when the keys are valid, RFC 3339
    pub(crate) expires: String,
}

impl Wishes {
    /// Settles what is open.
    ///
    /// # Errors
    /// Two of the wishes do not go together.
    pub(crate) fn plan(self, expires: String) -> Result<Plan, Failure> {
        let tls = self.tls.unwrap_or(TlsWish::SelfSigned);
        let listen = self.listen.unwrap_or(if tls == TlsWish::Off {
            SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.1))
        } else {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORTS.0))
        });
        guarded(tls != TlsWish::Off, listen)
            .map_err(|why| Failure::new(format!("--listen: {why}")))?;
        let upstream = self
            .upstream
            .unwrap_or_else(|| ("127.0.0.1".to_owned(), 11434));
        let local = upstream.0 == "localhost"
            || upstream.0.parse().is_ok_and(|ip: IpAddr| {
                ip.is_loopback() || ip.is_unspecified() || ip == listen.ip()
            });
        if local && upstream.1 == listen.port() {
            return Err(Failure::new(format!(
                "--upstream: port {} is where the gate itself will listen, expected the address of Ollama",
                upstream.1
            )));
        }
        let mut names = self.names;
        if names.is_empty() {
            names = default_names(listen);
        }
        let mut keys = self.keys;
        if keys.is_empty() {
            keys.push(KeyWish {
                id: "first".to_owned(),
                models: None,
            });
        }
        let paths = match &tls {
            TlsWish::Off => None,
            TlsWish::SelfSigned => Some(Tls::made_here()),
            TlsWish::Own(certificate, key) => Some(Tls {
                certificate: certificate.clone(),
                key: key.clone(),
                authority: None,
            }),
        };
        Ok(Plan {
            record: Record {
                listen,
                upstream,
                names,
                tls: paths,
                envoy: self.envoy,
            },
            keys,
            tls,
            expires,
        })
    }
}

/// Whether keys can be read on their way.
pub(super) fn guarded(tls: bool, listen: SocketAddr) -> Result<(), String> {
    if tls || listen.ip().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "without TLS only an address of loopback is served, such as 127.0.0.1:{}: on a network keys could be read",
        listen.port()
    ))
}

/// The names and addresses that clients could use, as far as this machine knows them.
pub(crate) fn default_names(listen: SocketAddr) -> Vec<String> {
    if !listen.ip().is_unspecified() {
        return vec![listen.ip().to_string()];
    }
    let mut names = Vec::new();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if let Ok(host) = words::name(host.trim()) {
        names.push(host);
    }
    // Connecting a datagram socket sends nothing: it asks which address would be used.
    for (own, somewhere) in [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")] {
        let address = UdpSocket::bind(own).and_then(|socket| {
            socket.connect(somewhere)?;
            socket.local_addr()
        });
        if let Ok(address) = address
            && !address.ip().is_loopback()
        {
            names.push(address.ip().to_string());
        }
    }
    if names.is_empty() {
        names.push("localhost".to_owned());
    }
    names
}

/// Refuses a path that cannot stand in the files of a gateway or of systemd.
pub(crate) fn speakable(path: &Path) -> Result<(), Failure> {
    match path.to_str() {
        None => Err(Failure::new(format!(
            "{} is not UTF-8, which the files of a gateway are",
            shown(path)
        ))),
        Some(text) if text.chars().any(char::is_control) => Err(Failure::new(format!(
            "{} has a control character in it",
            shown(path)
        ))),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_on_a_network_is_served_by_tls_and_not_before_itself() {
        let wishes = |listen: &str, upstream: &str, tls: TlsWish| Wishes {
            listen: Some(words::listen(listen).unwrap()),
            upstream: Some(words::host_and_port(upstream).unwrap()),
            tls: Some(tls),
            ..Wishes::default()
        };
        for (listen, upstream, tls, fine) in [
            ("127.0.0.1:1", "127.0.0.1:2", TlsWish::Off, true),
            ("0.0.0.0:1", "127.0.0.1:2", TlsWish::Off, false),
            ("0.0.0.0:1", "127.0.0.1:2", TlsWish::SelfSigned, true),
            ("0.0.0.0:1", "localhost:1", TlsWish::SelfSigned, false),
            ("192.0.2.1:1", "192.0.2.1:1", TlsWish::SelfSigned, false),
            ("192.0.2.1:1", "192.0.2.2:1", TlsWish::SelfSigned, true),
        ] {
            let plan = wishes(listen, upstream, tls).plan(String::new());
            assert_eq!(plan.is_ok(), fine, "{listen} {upstream}");
        }
    }
}
