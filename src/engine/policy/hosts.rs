//! The names that clients reach the gate by.
//!
//! A page under a name of an attacker's own, which the attacker then lets point at the gate (DNS
//! rebinding), is of the same origin as the gate to a browser. What gives it away is that name.

use crate::denial::{Denial, Reason, quoted};
use crate::http::{Authority, RequestHead};

/// The ports that a client does not name.
const OWN_PORTS: [u16; 2] = [80, 443];

/// The names of one gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hosts(Vec<Host>);

/// One name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// with a port, for that one alone
    pub authority: Authority,
    /// whether its pages come over TLS alone
    pub https: bool,
}

impl Hosts {
    /// Of a gate with these names.
    pub const fn new(hosts: Vec<Host>) -> Self {
        Self(hosts)
    }

    /// Passes a request that was sent to one of them.
    ///
    /// # Errors
    /// [`Reason::HostDenied`] for any other name.
    pub fn check(&self, head: &RequestHead<'_>) -> Result<(), Denial> {
        if Authority::parse(head.host()).is_some_and(|asked| self.find(&asked).is_some()) {
            return Ok(());
        }
        let asked = quoted(&String::from_utf8_lossy(head.host()));
        let advice = format!(
            "{asked} is not a name of this gate: use the address that you were given, or ask the \
             operator to add this one to `hosts`"
        );
        Err(Denial::new(Reason::HostDenied, advice))
    }

    /// Whether a request for `asked` is for one of them.
    pub fn answers(&self, asked: &Authority) -> bool {
        self.find(asked).is_some()
    }

    /// Whether a page that came without TLS is not the gate's own, though it is of the host `asked`.
    pub(super) fn is_https_only(&self, asked: &Authority) -> bool {
        self.find(asked).is_some_and(|own| own.https)
    }

    fn find(&self, asked: &Authority) -> Option<&Host> {
        self.0.iter().find(|own| own.answers(asked))
    }
}

impl Host {
    fn answers(&self, asked: &Authority) -> bool {
        let port = match (self.authority.port(), asked.port()) {
            (None, _) => true,
            (Some(own), None) => OWN_PORTS.contains(&own),
            (Some(own), Some(asked)) => own == asked,
        };
        port && self.authority.is_host_of(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(hosts: &[&str], asked: &[u8]) -> bool {
        let host = |text: &&str| Host {
            authority: Authority::parse(text.as_bytes()).unwrap(),
            https: false,
        };
        let hosts = Hosts::new(hosts.iter().map(host).collect());
        let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", asked)];
        hosts.check(&RequestHead::read(pairs).unwrap()).is_ok()
    }

    #[test]
    fn a_name_that_is_not_listed_is_refused_whatever_it_resembles() {
        let own = ["gate.example", "localhost", "127.0.0.1", "[::1]"];
        for asked in [
            &b"evil.example"[..],
            b"evil.example:11435",
            b"gate.example.evil",
            b"evil-gate.example",
            b"x.gate.example",
            b"gate.example@evil.example",
            b"evil.example@gate.example",
            b"gate.example:x",
            b"gate.example/",
            b"gate.example,evil.example",
            b"gate.example..",
            b"gate%2eexample",
            b"127.0.0.2",
            b"127.1",
            b"2130706433",
            b"0x7f.0.0.1",
            b"[::2]",
            b"[::1%25lo]",
            b"::1",
            b"[::ffff:127.0.0.1]",
            b"localhost.evil.example",
            b"g\xc3\xa4te.example",
            b"\xff",
        ] {
            assert!(!check(&own, asked), "{}", String::from_utf8_lossy(asked));
        }
        for asked in [
            &b"gate.example"[..],
            b"GATE.EXAMPLE:11435",
            b"gate.example.",
            b"gate.example:443",
            b"localhost:11435",
            b"127.0.0.1:11435",
            b"[::1]:11435",
            b"[0:0:0:0:0:0:0:1]",
        ] {
            assert!(check(&own, asked), "{}", String::from_utf8_lossy(asked));
        }
    }

    #[test]
    fn a_name_with_a_port_is_for_that_port_alone() {
        for (own, asked, fits) in [
            ("gate.example:8443", &b"gate.example:8443"[..], true),
            ("gate.example:8443", b"gate.example:8444", false),
            ("gate.example:8443", b"gate.example", false),
            ("gate.example:443", b"gate.example", true),
            ("gate.example:80", b"gate.example", true),
            ("gate.example:443", b"gate.example:80", false),
            ("[::1]:80", b"[::1]:81", false),
        ] {
            assert_eq!(check(&[own], asked), fits, "{own}");
        }
    }
}
