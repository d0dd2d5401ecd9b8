//! The client's address, as each gateway tells it.

use crate::Host;
use ollama_gate_engine::{Appended, Connection, Peer, read_address};
use std::cell::Cell;

/// How a gateway tells the address of the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tells {
    /// Envoy: `source.address` with a port. It has added the address to `X-Forwarded-For`. The port
    /// is 0 if it took the address from there itself.
    AddressAndPort,
    /// Kong: `source.address` without a port. nginx may have replaced it.
    SourceAddress,
    /// APISIX: nginx's variable `remote_addr`. nginx may have replaced it, and does so for whoever
    /// comes from loopback unless `real_ip_from` says otherwise.
    RemoteAddr,
}

/// The connection of a request.
pub(crate) struct HostConnection<'h, H> {
    host: &'h H,
    /// `None`: this gateway is not known well enough to be asked
    tells: Option<Tells>,
    /// what it said; the connection of a request stays the same
    seen: &'h Cell<Option<Peer>>,
}

impl<'h, H> HostConnection<'h, H> {
    /// Of the request that `host` is at.
    pub(crate) const fn new(
        host: &'h H,
        tells: Option<Tells>,
        seen: &'h Cell<Option<Peer>>,
    ) -> Self {
        Self { host, tells, seen }
    }
}

impl<H: Host> Connection for HostConnection<'_, H> {
    fn peer(&self) -> Peer {
        if let Some(seen) = self.seen.get() {
            return seen;
        }
        let peer = self
            .tells
            .map_or(Peer::Unknown, |tells| ask(self.host, tells));
        self.seen.set(Some(peer));
        peer
    }
}

impl Tells {
    /// The property with the address.
    const fn property(self) -> &'static str {
        match self {
            Self::AddressAndPort | Self::SourceAddress => "source\0address",
            Self::RemoteAddr => "remote_addr",
        }
    }

    /// The property with the address as it was before nginx replaced it by that of a header
    /// (`set_real_ip_from`), where there is nginx.
    const fn before_nginx_replaced_it(self) -> Option<&'static str> {
        match self {
            Self::AddressAndPort => None,
            Self::SourceAddress => Some("ngx\0realip_remote_addr"),
            Self::RemoteAddr => Some("realip_remote_addr"),
        }
    }
}

fn ask(host: &impl Host, tells: Tells) -> Peer {
    let Ok(Some(text)) = host.request_property(tells.property()) else {
        return Peer::Unknown;
    };
    match (tells.before_nginx_replaced_it(), read_address(&text)) {
        (None, Some((address, Some(0)))) => Peer::Claimed(address),
        (None, Some((address, Some(_)))) => Peer::Real(address, Appended::Last),
        (Some(before), Some((address, None))) => match host.request_property(before) {
            // A build of nginx without the variable replaces no address.
            Ok(None) => Peer::Real(address, Appended::No),
            Ok(Some(peer)) if peer == text => Peer::Real(address, Appended::No),
            Ok(Some(_)) => Peer::Claimed(address),
            Err(_) => Peer::Unknown,
        },
        _ => Peer::Unknown,
    }
}
