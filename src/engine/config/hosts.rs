//! `hosts`

use super::reader::{Node, Reader};
use crate::http::Authority;
use crate::policy::{Host, Hosts};

/// How a name begins whose pages come over TLS alone.
const HTTPS: &str = "https://";

/// The names of the gate.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Hosts> {
    let expected = "a non-empty list of the names and addresses that clients reach the gate by";
    let items = reader.list(node, expected);
    if items.is_empty() && reader.errors.is_empty() {
        reader.mismatch(node, expected);
    }
    let mut hosts: Vec<Host> = Vec::new();
    for item in items {
        let expected = "a name or address as clients write it, such as \"gate.example.com\", \
                        \"localhost:11435\" or \"[::1]\"; without patterns, and without a path";
        let Some(host) = reader.parsed(&item, expected, host) else {
            continue;
        };
        if hosts.iter().any(|own| own.authority == host.authority) {
            reader.refuse(&item, "is a duplicate")
        } else {
            hosts.push(host)
        }
    }
    (!hosts.is_empty()).then(|| Hosts::new(hosts))
}

fn host(text: &str) -> Option<Host> {
    let (https, authority) = match text.strip_prefix(HTTPS) {
        Some(authority) => (true, authority),
        None => (false, text),
    };
    let authority = Authority::parse(authority.as_bytes())?;
    Some(Host { authority, https })
}

/// What browsers send by themselves here, and so under any name that leads to the gate, if anything.
pub(super) struct SentByBrowsers {
    /// nothing at all
    pub anonymous: bool,
    /// a password
    pub passwords: bool,
    /// a session at the gate itself
    pub sessions: bool,
    /// a cookie
    pub cookies: bool,
    /// a token that a proxy adds
    pub assertions: bool,
    /// an address
    pub addresses: bool,
}

impl SentByBrowsers {
    /// Why the names have to be listed, if they have to.
    pub(crate) fn why_required(&self) -> Option<String> {
        let of = [
            (self.anonymous, "`allow_anonymous`"),
            (self.passwords, "`basic`"),
            (self.sessions, "`login`"),
            (self.cookies, "`jwt[].cookie`"),
            (self.assertions, "`jwt[].assertion_header`"),
            (self.addresses, "`network` in `require`"),
        ];
        let of: Vec<_> = of
            .into_iter()
            .filter(|one| one.0)
            .map(|one| one.1)
            .collect();
        (!of.is_empty()).then(|| {
            format!(
                "required with {}: a page elsewhere can reach the gate by a name of its own (DNS rebinding), \
                 and browsers send that by themselves. List the names and addresses that clients reach the \
                 gate by, such as [\"gate.example.com\", \"localhost\", \"127.0.0.1\"]",
                of.join(", ")
            )
        })
    }
}
