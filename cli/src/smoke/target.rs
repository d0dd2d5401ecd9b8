//! The address of a deployment.

use crate::authority::{bracketed, split};
use std::fmt;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Where a deployment is: scheme, host, port, and the path before Ollama's own.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    tls: bool,
    host: String,
    port: u16,
    prefix: String,
}

/// Why a text is no address of a deployment.
#[derive(Debug)]
pub(crate) struct TargetError(&'static str);

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// In: `https://gate.example:8443/ollama`, the way clients use it. Out: its parts.
    pub(crate) fn read(url: &str) -> Result<Self, TargetError> {
        let (tls, rest) = if let Some(rest) = url.strip_prefix("https://") {
            (true, rest)
        } else if let Some(rest) = url.strip_prefix("http://") {
            (false, rest)
        } else {
            return Err(TargetError(
                "expected an address that begins with `http://` or `https://`",
            ));
        };
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"?#\\\"<>".contains(&byte);
        if !rest.bytes().all(plain) {
            return Err(TargetError(
                "expected an address without a query, a fragment or white space",
            ));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(TargetError(
                "expected an address without a name and a password; give a key by `--key-env`",
            ));
        }
        let (host, port) = split(authority).map_err(TargetError)?;
        let path = path.trim_end_matches('/').trim_end_matches("/v1");
        let path = if path == "v1" { "" } else { path };
        Ok(Self {
            tls,
            host: host.to_owned(),
            port: port.unwrap_or(if tls { 443 } else { 80 }),
            prefix: if path.is_empty() {
                String::new()
            } else {
                format!("/{path}")
            },
        })
    }

    pub(crate) const fn tls(&self) -> bool {
        self.tls
    }

    /// Out: the name or the IP address, without brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Out: the path that stands before each of Ollama's.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Out: what goes into `Host`.
    pub(crate) fn authority(&self) -> String {
        let host = bracketed(&self.host);
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }

    /// Out: the addresses of the host.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        (self.host.as_str(), self.port)
            .to_socket_addrs()
            .map(Iterator::collect)
    }

    /// Out: whether the deployment is on this machine, reached by loopback.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart_the_way_clients_use_it() {
        for (url, shown, prefix) in [
            ("http://127.0.0.1:11435", "http://127.0.0.1:11435", ""),
            ("https://gate.example/", "https://gate.example", ""),
            ("https://gate.example/v1", "https://gate.example", ""),
            (
                "https://gate.example:8443/ollama/v1/",
                "https://gate.example:8443/ollama",
                "/ollama",
            ),
            ("http://[::1]:80/", "http://[::1]", ""),
        ] {
            let target = Target::read(url).expect(url);
            assert_eq!(
                (target.to_string().as_str(), target.prefix()),
                (shown, prefix)
            );
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for url in [
            "gate.example",
            "ftp://gate.example",
            "http://",
            "http://:80",
            "http://a:0",
            "http://a:65536",
            "http://a:b",
            "http://::1",
            "http://[::1",
            "http://[::1]x",
            "https://bob:secret@gate.example",
            "http://a/?key=1",
            "http://a/#b",
            "http://a b",
            "http://a\r\nX: y",
        ] {
            let error = Target::read(url).expect_err(url).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
