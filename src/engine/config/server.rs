//! What is said of a server that something is fetched from.

use super::field::Shape;
use super::reader::{Node, Reader};
use super::table::Member;
use crate::http::{Url, is_value};
use crate::secret::Secret;
use crate::source::{Endpoint, Upstreams};
use crate::upstream::FRAMING;

/// The longest value of a header for it.
const LONGEST_HEADER: usize = 4096;

/// What may stand in `upstreams`.
pub(super) const UPSTREAMS: Shape = Shape::Map(&Shape::Text);

/// The gateway's name for a further server.
pub(super) struct NamedServer<'a> {
    host: &'a str,
    upstream: String,
    node: Node<'a>,
}

/// The gateway's names for further servers, by `host` or `host:port`.
pub(super) fn upstreams<'a>(reader: &mut Reader<'_>, member: &Member<'a>) -> Vec<NamedServer<'a>> {
    let mut found: Vec<NamedServer<'a>> = Vec::new();
    let entries = member.node().map(|node| reader.entries(&node));
    for (host, node) in entries.unwrap_or_default() {
        let Some(address) = address_at(host) else {
            reader.refuse(
                &node,
                "is not of a host such as `oauth2.example.com`, with `:port` where its addresses have one",
            );
            continue;
        };
        if found.iter().any(|other| address.is_at(other.host)) {
            let message = format!("`{host}` is a duplicate, in another spelling");
            reader.refuse(&node, message);
        }
        if let Some(upstream) = reader.text(&node, "the name of an upstream") {
            found.push(NamedServer {
                host,
                upstream,
                node,
            });
        }
    }
    found
}

impl NamedServer<'_> {
    /// Refuses it where its addresses are none of those that are `asked`, which are all that are known.
    pub(super) fn check_used(&self, reader: &mut Reader<'_>, asked: &[&Url]) {
        if !asked.iter().any(|url| url.is_at(self.host)) {
            let message = format!("`{}` has no effect: no endpoint is on it", self.host);
            reader.refuse(&self.node, message);
        }
    }
}

/// The servers that may be asked: that of `home`, which the field `of` says, and those that are `named`. `field` has
/// these.
pub(super) fn servers(
    reader: &mut Reader<'_>,
    (home, of): (Endpoint, &str),
    named: &[NamedServer<'_>],
    field: &'static str,
) -> Upstreams {
    for server in named.iter().filter(|server| home.url.is_at(server.host)) {
        let message = format!(
            "`{}` is the server of `{of}`, which `upstream` names",
            server.host
        );
        reader.refuse(&server.node, message);
    }
    let others = named
        .iter()
        .map(|server| (server.host.to_owned(), server.upstream.clone()));
    Upstreams::new(home, others.collect(), field)
}

/// An address on the server at `host`.
fn address_at(host: &str) -> Option<Url> {
    let is_host = !host.contains(['/', '?', '#']);
    Url::parse(&format!("https://{host}")).filter(|_| is_host)
}

/// Header fields for the server of `upstream`. A redirection is never followed, and they go to no other server that an
/// answer names, so nobody else gets them.
pub(super) fn headers(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<(String, Secret<String>)> {
    let mut found: Vec<(String, Secret<String>)> = Vec::new();
    for (name, node) in reader.entries(node) {
        let lower = name.to_ascii_lowercase();
        if !is_sendable(&lower) {
            reader.refuse(&node, "is not the name of a header that the gate may send");
            continue;
        }
        if found.iter().any(|other| other.0 == lower) {
            reader.refuse(&node, "is a duplicate, in another spelling");
        }
        // A value with a space at an end or a line break in it is refused there.
        let Some(value) = reader.secret(&node) else {
            continue;
        };
        if value.expose().len() > LONGEST_HEADER || !is_value(value.expose()) {
            reader.refuse(&node, "expected up to 4096 bytes of printable ASCII");
        }
        found.push((lower, value));
    }
    found
}

/// Whether a call may have a header of this name, in lower case: none that frames or routes it.
fn is_sendable(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let fit = (1..=64).contains(&name.len()) && name.bytes().all(token);
    fit && name != "host" && name != "accept-encoding" && !FRAMING.contains(&name)
}
