//! A host with its port, as it stands in `Host`, in `:authority` and in an origin.

use std::net::{Ipv4Addr, Ipv6Addr};

/// The longest name of a host (RFC 1035 section 2.3.4), in bytes.
const MAX_NAME: usize = 253;

/// A host, and its port where one is named (RFC 3986 section 3.2). Two of one host are equal however it
/// is spelt: in another case, with a dot at its end, an IPv6 address in another form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    name: String,
    port: Option<u16>,
}

impl Authority {
    /// Reads `text`. `None` for what is no host: an empty one, one with a user, a path or a zone, or with a
    /// port that is no number.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                let address: Ipv6Addr = address.parse().ok()?;
                let port = match port {
                    "" => None,
                    port => Some(port.strip_prefix(':')?),
                };
                (format!("[{address}]"), port)
            }
            None => {
                let (name, port) = match text.split_once(':') {
                    Some((name, port)) => (name, Some(port)),
                    None => (text, None),
                };
                (plain_name(name)?, port)
            }
        };
        let port = match port {
            None | Some("") => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
        };
        Some(Self { name, port })
    }

    /// Whether both are one host, whatever the port.
    pub fn is_host_of(&self, other: &Self) -> bool {
        self.name == other.name
    }

    /// The port, where one is named.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is an address of this machine alone, or the name of one.
    pub fn is_loopback(&self) -> bool {
        let address = self.name.trim_matches(['[', ']']);
        self.name == "localhost"
            || self.name.ends_with(".localhost")
            || address.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
            || address.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback())
    }
}

/// The name in lower case, without a dot at its end.
fn plain_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let labels = !name.split('.').any(str::is_empty);
    (name.len() <= MAX_NAME && labels && name.bytes().all(fit)).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(String, Option<u16>)> {
        let authority = Authority::parse(text.as_bytes())?;
        Some((authority.name, authority.port))
    }

    #[test]
    fn what_is_no_host_is_none() {
        for text in [
            "",
            ".",
            ":80",
            "a..b",
            ".a",
            "a b",
            "a:b",
            "a:+1",
            "a:-1",
            "a:65536",
            "a:80:80",
            "user@a",
            "a/b",
            "a?b",
            "a#b",
            "a,b",
            "a\\b",
            "*.a",
            "a%2eb",
            "\u{e4}",
            "a\u{0}",
            "[",
            "[]",
            "[::1",
            "::1",
            "[::1]80",
            "[::1]:x",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[a]",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        assert_eq!(Authority::parse(b"a\xff"), None);
        assert_eq!(parse(&"a".repeat(254)), None);
    }

    #[test]
    fn one_host_has_one_form() {
        for (text, name, port) in [
            ("gate.example", "gate.example", None),
            ("GATE.Example", "gate.example", None),
            ("gate.example.", "gate.example", None),
            ("gate.example.:443", "gate.example", Some(443)),
            ("gate.example:", "gate.example", None),
            ("gate.example:0443", "gate.example", Some(443)),
            ("127.0.0.1:1", "127.0.0.1", Some(1)),
            ("[::1]", "[::1]", None),
            ("[0:0:0:0:0:0:0:1]:8080", "[::1]", Some(8080)),
            ("[2001:DB8::A]", "[2001:db8::a]", None),
            ("a_b", "a_b", None),
        ] {
            assert_eq!(parse(text), Some((name.to_owned(), port)), "{text}");
        }
    }

    #[test]
    fn loopback_is_this_machine_alone() {
        let is_loopback = |text: &str| Authority::parse(text.as_bytes()).unwrap().is_loopback();
        for own in [
            "localhost",
            "a.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]:1",
        ] {
            assert!(is_loopback(own), "{own}");
        }
        for other in [
            "localhost.evil.example",
            "evil-localhost",
            "128.0.0.1",
            "[::2]",
        ] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
