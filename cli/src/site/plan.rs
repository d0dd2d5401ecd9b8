//! What a person wants of a new site, read and judged before anything is written.

use super::{Record, Tls};
use crate::authority;
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
        let own = |path: &str| PathBuf::from(path);
        let paths = match &tls {
            TlsWish::Off => None,
            TlsWish::SelfSigned => Some(Tls {
                certificate: own("tls/cert.pem"),
                key: own("tls/key.pem"),
                authority: Some(own("tls/ca.pem")),
            }),
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
    if let Ok(host) = name(host.trim()) {
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

/// In: `0.0.0.0:11443`, `[::]:11443` or `localhost:11435`. Out: where to listen.
pub(crate) fn listen(text: &str) -> Result<SocketAddr, String> {
    let expected =
        || "expected an address of this machine and a port, such as 0.0.0.0:11443".to_owned();
    let (host, port) = host_and_port(text).map_err(|_| expected())?;
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let ip: IpAddr = host.parse().map_err(|_| expected())?;
    Ok(SocketAddr::new(ip, port))
}

/// In: `host:port`. Out: its parts.
pub(crate) fn host_and_port(text: &str) -> Result<(String, u16), String> {
    match authority::split(text) {
        Ok((host, Some(port))) => Ok((host.to_owned(), port)),
        Ok((_, None)) => Err("expected a port after the host, such as 127.0.0.1:11434".to_owned()),
        Err(why) => Err(why.to_owned()),
    }
}

/// In: a name or an address that clients use. Out: it, in lower case and without brackets.
pub(crate) fn name(text: &str) -> Result<String, String> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Ok(ip) = bare.unwrap_or(text).parse::<IpAddr>() {
        return if ip.is_unspecified() {
            Err("expected an address that clients can use".to_owned())
        } else {
            Ok(ip.to_string())
        };
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("expected a name such as gate.example, or an address, without scheme and port".to_owned())
}

/// In: `alice`, or `alice=llama3.2,qwen3:*`. Out: the key to make.
pub(crate) fn key(text: &str) -> Result<KeyWish, String> {
    let (id, models) = match text.split_once('=') {
        None => (text, None),
        Some((id, models)) => {
            let models = models.split(',').map(|model| model.trim().to_owned());
            (id, Some(models.collect::<Vec<_>>()))
        }
    };
    let blank = models
        .as_ref()
        .is_some_and(|models| models.iter().any(String::is_empty));
    if id.is_empty() || blank {
        return Err("expected a name, or a name and models: alice=llama3.2,qwen3:*".to_owned());
    }
    Ok(KeyWish {
        id: id.to_owned(),
        models,
    })
}

/// In: `self-signed`, `off`, or `cert.pem,key.pem`. Out: how it is served.
pub(crate) fn tls(text: &str) -> Result<TlsWish, String> {
    match (text, text.split_once(',')) {
        ("self-signed", _) => Ok(TlsWish::SelfSigned),
        ("off", _) => Ok(TlsWish::Off),
        (_, Some((certificate, key))) if !certificate.is_empty() && !key.is_empty() => {
            Ok(TlsWish::Own(certificate.into(), key.into()))
        }
        _ => {
            Err("expected `self-signed`, `off`, or two paths with a comma between them".to_owned())
        }
    }
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
    fn what_is_no_name_of_a_gate_is_refused() {
        assert_eq!(name("Gate.Example").unwrap(), "gate.example");
        assert_eq!(name("[::1]").unwrap(), "::1");
        for wrong in [
            "",
            "https://a",
            "a:1",
            "a b",
            "*.example",
            "-a",
            "a..b",
            "0.0.0.0",
            "::",
            "é",
            "a'b",
        ] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_may_name_its_models() {
        assert_eq!(key("alice").unwrap().models, None);
        let wish = key("bob=llama3.2, hf.co/a/b:Q4").unwrap();
        assert_eq!(wish.models.unwrap(), ["llama3.2", "hf.co/a/b:Q4"]);
        for wrong in ["", "=a", "bob=", "bob=a,,b"] {
            assert!(key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_gate_on_a_network_is_served_by_tls_and_not_before_itself() {
        let wishes = |listen: &str, upstream: &str, tls: TlsWish| Wishes {
            listen: Some(super::listen(listen).unwrap()),
            upstream: Some(host_and_port(upstream).unwrap()),
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
