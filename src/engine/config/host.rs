//! `host`, and what follows from it for the rest of the document.

use super::api_keys::{ApiKeysSection, SourceSection};
use super::field::{Field, Shape};
use super::jwt::{IssuerSection, JwksSection};
use super::login::LoginSection;
use super::reader::{Node, Reader};
use super::store::StoreSection;
use super::table::Member;
use super::upstream::UpstreamSection;
use super::upstream::credential::CredentialSection;
use super::upstream::fetched::{CredentialSourceSection, GrantSection};
use super::value;
use crate::json::Json;
use std::net::{IpAddr, Ipv6Addr};

table! {
    pub(super) HOST => HostSection {
        name: Field::required(
            Shape::Word(HostName::names),
            "`envoy`, `istio`, `apisix` or `kong`. The configuration is refused if the gateway turns out to be a \
             different one",
        ),
        hold_head: Field::optional(
            Shape::Boolean,
            "Envoy only: hold the request head until a body that a rule inspects has been read, so that no part of \
             a refused request reaches Ollama. Requires `allow_on_headers_stop_iteration: true` in the filter's own \
             configuration; without it such requests hang. Default: `false`, the head is forwarded before the body",
        ),
        body_limit: Field::optional(
            Shape::Size(MAX_BODY),
            "the maximum size of a body that a rule inspects, such as `64MiB`; the gateway's own limit must be at \
             least as high. Default: `1MiB` on Envoy and Istio, `32MiB` on APISIX, `8KiB` elsewhere",
        ),
        held_limit: Field::optional(
            Shape::Size(MAX_HELD),
            "the maximum size of all bodies that one worker holds at a time, such as `256MiB`; a request that would \
             exceed it is answered with 503. Default: `256MiB`",
        ),
        held_for: Field::optional(
            Shape::Duration(1, MAX_HELD_FOR),
            "Envoy and Istio only: the maximum time for which a body is held for inspection, up to an hour; a body \
             that is still incomplete then is answered with 408. Elsewhere nginx's `client_body_timeout` applies. \
             Default: `\"10m\"`",
        ),
        held_idle: Field::optional(
            Shape::Duration(1, MAX_HELD_FOR),
            "Envoy and Istio only: the maximum time for which a body is held while no more of it arrives. Default: \
             `\"60s\"`",
        ),
    }
}

/// How long bodies are held, unless the configuration says it: 64 MiB in ten minutes are 0.9 Mbit/s.
const DEFAULT_HELD_FOR: u64 = 600;
const DEFAULT_HELD_IDLE: u64 = 60;
/// An hour. Who holds a body for longer holds it for whoever does not send it.
const MAX_HELD_FOR: u64 = 3600;

/// How bodies are held that a rule looks into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// the head waits with the body
    pub hold_head: bool,
    /// how large a body may be that a rule looks into, in bytes
    pub limit: Option<u64>,
    /// how much of all bodies together a worker holds, in bytes
    pub held_limit: u64,
    /// how long one is held, in seconds
    pub held_for: u64,
    /// how long one is held of which nothing comes, in seconds
    pub held_idle: u64,
}

impl Default for Holding {
    fn default() -> Self {
        Self {
            hold_head: false,
            limit: None,
            held_limit: DEFAULT_HELD,
            held_for: DEFAULT_HELD_FOR,
            held_idle: DEFAULT_HELD_IDLE,
        }
    }
}

const DEFAULT_HELD: u64 = 256 << 20;
/// No worker holds more than this, in bytes.
const MAX_HELD: u64 = 64 << 30;

/// The largest document of keys where a request waits until it is read, in bytes.
const MAX_KEYS_BYTES: u64 = 1 << 20;

/// No host holds more of a body than this, in bytes: the module's memory ends at 4 GiB.
const MAX_BODY: u64 = 1 << 30;

/// A gateway, as the configuration names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostName {
    /// Envoy
    Envoy,
    /// Istio, which is Envoy
    Istio,
    /// Apache APISIX
    Apisix,
    /// Kong, whose wasm is that of the 3.4 to 3.9 releases
    Kong,
}

impl HostName {
    const ALL: [(&'static str, Self); 4] = [
        ("envoy", Self::Envoy),
        ("istio", Self::Istio),
        ("apisix", Self::Apisix),
        ("kong", Self::Kong),
    ];

    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|known| known.0).collect()
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|known| known.0 == name)
            .map(|known| known.1)
    }
}

/// The gateway that is named, after everything was refused that it cannot do.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    upstream: &Member<'_>,
    jwt: &Member<'_>,
    api_keys: &Member<'_>,
    login: &Member<'_>,
) -> Option<(HostName, Holding)> {
    let host = reader.section::<HostSection>(node)?;
    let name = host.name.read(reader, |reader, node| {
        reader.parsed(
            node,
            "\"envoy\", \"istio\", \"apisix\" or \"kong\"",
            HostName::named,
        )
    })?;
    let holding = Holding {
        hold_head: hold_head(reader, &host.hold_head, name),
        limit: reader.size(&host.body_limit),
        held_limit: reader.size(&host.held_limit).unwrap_or(DEFAULT_HELD),
        held_for: held(reader, &host.held_for, name).unwrap_or(DEFAULT_HELD_FOR),
        held_idle: held(reader, &host.held_idle, name).unwrap_or(DEFAULT_HELD_IDLE),
    };
    if name == HostName::Kong {
        let upstream = upstream.node().and_then(|node| node.peek());
        let upstream_host = upstream.and_then(|upstream: UpstreamSection<'_>| upstream.host.node());
        if let Some(node) = upstream_host {
            reader.refuse(
                &node,
                "has no effect on Kong, which takes Host from the service's `url`: set it there and leave this out",
            );
        }
    }
    if name == HostName::Kong && login.is_given() {
        reader.refuse(
            &login.place(),
            "is not supported on Kong: of several cookies that the gate sets in one answer it keeps the last alone",
        );
    }
    if matches!(name, HostName::Kong | HostName::Apisix) {
        let issuers = jwt.node().map(|node| node.items());
        for issuer in issuers.iter().flatten().filter_map(Node::peek) {
            check_issuer(reader, &issuer);
        }
        let keys = api_keys.node().and_then(|node| node.peek());
        let source = keys.and_then(|keys: ApiKeysSection<'_>| keys.source.node());
        let sources = source.map(|node| node.one_or_items());
        for source in sources.iter().flatten().filter_map(Node::peek) {
            check_source(reader, &source);
        }
        let upstream = upstream.node().and_then(|node| node.peek());
        let credential =
            upstream.and_then(|upstream: UpstreamSection<'_>| upstream.credential.node());
        if let Some(credential) = credential {
            check_credential(reader, &credential);
        }
        let login = login.node().and_then(|node| node.peek());
        if let Some(LoginSection {
            upstream,
            upstreams,
            issuer,
            store,
            ..
        }) = login
        {
            check_server(reader, &upstream, issuer.node());
            check_servers(reader, &upstreams, issuer.node());
            let store = store.node().and_then(|node| node.peek());
            if let Some(StoreSection { upstream, url, .. }) = store {
                check_server(reader, &upstream, url.node());
            }
        }
    }
    Some((name, holding))
}

fn hold_head(reader: &mut Reader<'_>, member: &Member<'_>, name: HostName) -> bool {
    let Some(node) = member.node() else {
        return false;
    };
    let hold = reader.boolean(&node).unwrap_or_default();
    let is_envoy = matches!(name, HostName::Envoy | HostName::Istio);
    if hold && !is_envoy {
        reader.refuse(
            &node,
            "is supported on Envoy and Istio only: leave it out here",
        );
    }
    hold
}

/// How long a body is held, where the gate ends that.
fn held(reader: &mut Reader<'_>, member: &Member<'_>, name: HostName) -> Option<u64> {
    let node = member.node()?;
    let seconds = reader.seconds(member);
    if !matches!(name, HostName::Envoy | HostName::Istio) {
        let message = "has no effect here, where the gateway waits for the body: set nginx's `client_body_timeout`, \
                       and leave this out";
        reader.refuse(&node, message);
    }
    u64::try_from(seconds?).ok()
}

fn check_issuer(reader: &mut Reader<'_>, issuer: &IssuerSection<'_>) {
    let jwks = issuer.jwks.node().and_then(|node| node.peek());
    if let Some(JwksSection {
        upstream,
        upstreams,
        url,
        ..
    }) = jwks
    {
        let address = url.node().or_else(|| issuer.issuer.node());
        check_server(reader, &upstream, address);
        check_servers(reader, &upstreams, issuer.issuer.node());
    }
}

/// On gateways of nginx a document of keys is read while a request waits for it, so it has to be a short one.
fn check_source(reader: &mut Reader<'_>, source: &SourceSection<'_>) {
    check_server(reader, &source.upstream, source.url.node());
    // What is wrong with it in any case is told where it is read.
    let given = source.max_bytes.node();
    let bytes = given
        .as_ref()
        .and_then(|node| value::bytes(node.json.text()?));
    if let Some(node) = given
        && bytes.is_some_and(|bytes| bytes > MAX_KEYS_BYTES)
    {
        reader.refuse(
            &node,
            "is over 1 MiB, which a request would have to wait for here: on Envoy and Istio it may be more",
        );
    }
}

fn check_credential(reader: &mut Reader<'_>, credential: &Node<'_>) {
    let Some(section) = credential.peek::<CredentialSection<'_>>() else {
        return;
    };
    let source = section.source.node().and_then(|node| node.peek());
    if let Some(CredentialSourceSection { upstream, url, .. }) = source {
        check_server(reader, &upstream, url.node());
    }
    let grant = section.client_credentials.node();
    let grant = grant.and_then(|node| node.peek());
    if let Some(GrantSection {
        upstream,
        token_url,
        ..
    }) = grant
    {
        check_server(reader, &upstream, token_url.node());
    }
}

/// On gateways of nginx an upstream for keys is a server. Kong traps at one that is none, within the
/// request that asks for it. Over TLS the server needs a name: its certificate is held against what
/// stands here, and no certificate of a provider is for an IP address.
fn check_server(reader: &mut Reader<'_>, upstream: &Member<'_>, address: Option<Node<'_>>) {
    if let Some(node) = upstream.node() {
        check_name(reader, &node, address.as_ref());
    }
}

/// The same of further servers, which are asked by the scheme of `address`.
fn check_servers(reader: &mut Reader<'_>, upstreams: &Member<'_>, address: Option<Node<'_>>) {
    let Some(node) = upstreams.node() else {
        return;
    };
    // One that is no object is refused where it is read.
    let Json::Object(members) = node.json else {
        return;
    };
    for (name, value) in members {
        check_name(reader, &node.member(name, value), address.as_ref());
    }
}

fn check_name(reader: &mut Reader<'_>, node: &Node<'_>, address: Option<&Node<'_>>) {
    let Some(text) = node.json.text() else {
        return;
    };
    let Some(server) = server_name(text) else {
        reader.refuse(
            node,
            "is not `host` or `host:port`, which this gateway needs",
        );
        return;
    };
    let tls = address.is_some_and(|address| {
        let text = address.json.text();
        text.is_some_and(|text| text.starts_with("https://"))
    });
    if tls && server.parse::<IpAddr>().is_ok() {
        reader.refuse(
            node,
            "is an IP address, whose certificate this gateway cannot check: name the server, and let the gateway \
             resolve the name",
        );
    }
}

/// The host of `host` or `host:port` (RFC 3986 section 3.2.2): a name, an IPv4 address, or an IPv6 one
/// that stood in brackets.
fn server_name(text: &str) -> Option<&str> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let of_name = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let fit = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(of_name),
    };
    let is_port = |port: &str| {
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        digits && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    (fit && port.is_none_or(is_port)).then_some(address.unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_perhaps_a_port() {
        for server in [
            "sso",
            "sso.example.com:443",
            "10.0.0.7:8443",
            "[::1]:443",
            "[::1]",
        ] {
            assert!(server_name(server).is_some(), "{server}");
        }
        for other in [
            "",
            ":443",
            "sso:",
            "sso:x",
            "sso:0",
            "sso:65536",
            "sso:+80",
            "::1",
            "[::1",
            "[sso]",
            "a b",
            "http://sso",
            "sso/keys",
            "outbound|443||sso",
            "sso:443:443",
        ] {
            assert!(server_name(other).is_none(), "{other}");
        }
    }
}
