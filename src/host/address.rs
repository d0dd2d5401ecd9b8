//! The client's address, as each gateway tells it.

use super::Host;
use crate::network::read_address;
use crate::network::{Appended, Connection, Peer};
use std::cell::Cell;

/// How a gateway tells the address of the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tells {
    /// Envoy: `source.address` with a port. It has added the address to `X-Forwarded-For`. The port
    /// is 0 if it took the address from there itself.
    AddressAndPort,
    /// Kong: `source.address` without a port
    SourceAddress,
    /// APISIX: nginx's variable `remote_addr`
    RemoteAddr,
}

/// The connection of a request.
pub struct HostConnection<'h, H> {
    host: &'h H,
    /// `None`: this gateway is not known well enough to be asked
    tells: Option<Tells>,
    /// what it said; the connection of a request stays the same
    seen: &'h Cell<Option<Peer>>,
}

impl<'h, H> HostConnection<'h, H> {
    /// Of the request that `host` is at.
    pub const fn new(host: &'h H, tells: Option<Tells>, seen: &'h Cell<Option<Peer>>) -> Self {
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

fn ask(host: &impl Host, tells: Tells) -> Peer {
    let property = match tells {
        Tells::AddressAndPort | Tells::SourceAddress => "source\0address",
        Tells::RemoteAddr => "remote_addr",
    };
    let Ok(Some(text)) = host.request_property(property) else {
        return Peer::Unknown;
    };
    match (tells, read_address(&text)) {
        (Tells::AddressAndPort, Some((address, Some(0)))) => Peer::Claimed(address),
        (Tells::AddressAndPort, Some((address, Some(_)))) => Peer::Real(address, Appended::Last),
        (Tells::SourceAddress | Tells::RemoteAddr, Some((address, None))) => {
            Peer::Real(address, Appended::No)
        }
        _ => Peer::Unknown,
    }
}
