//! Where a request comes from, and whether that is allowed.
//!
//! A network is a restriction, always, beside everything else. It is a method only where `require`
//! names it.

use super::{Ranges, forwarded_for};
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use std::cell::OnceCell;
use std::net::IpAddr;

/// What the gateway tells of the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// nothing that can be used
    Unknown,
    /// the real address; whether the gateway has added it to `X-Forwarded-For` as the last entry
    Real(IpAddr, Appended),
    /// an address that the gateway has taken from a header: anybody can write one
    Claimed(IpAddr),
}

/// Whether the gateway writes the peer's address into `X-Forwarded-For` before the gate sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appended {
    /// it is the last entry there
    Last,
    /// the header is as the client sent it
    No,
}

/// Who tells the address. It is asked only where a rule needs it, and once in a request.
pub trait Connection {
    /// The other end.
    fn peer(&self) -> Peer;
}

/// What the configuration says of networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkRules {
    /// who may come in; everybody if there is none
    pub allow: Option<Ranges>,
    /// who may not, whatever `allow` says
    pub deny: Ranges,
    /// how many proxies before the gateway each add an entry to `X-Forwarded-For`
    pub trusted_proxies: usize,
}

impl NetworkRules {
    /// Whether there is a rule for every request.
    fn restricts(&self) -> bool {
        self.allow.is_some() || !self.deny.is_empty()
    }

    /// Whether to be let in by them proves something: a list of networks, not everybody.
    pub fn prove(&self) -> bool {
        self.allow.as_ref().is_some_and(proves)
    }
}

/// Whether to be in `ranges` proves something.
pub(crate) fn proves(ranges: &Ranges) -> bool {
    !ranges.hold_everybody()
}

/// The client's address of one request, found once a rule needs it.
pub struct ClientAddress<'r> {
    rules: &'r NetworkRules,
    connection: &'r dyn Connection,
    head: &'r RequestHead<'r>,
    address: OnceCell<Option<IpAddr>>,
}

impl<'r> ClientAddress<'r> {
    /// That of the request with `head` over `connection`, under these rules.
    pub const fn new(
        rules: &'r NetworkRules,
        connection: &'r dyn Connection,
        head: &'r RequestHead<'r>,
    ) -> Self {
        Self {
            rules,
            connection,
            head,
            address: OnceCell::new(),
        }
    }

    /// The client's address, if some rule has asked for it and it is known.
    pub fn known(&self) -> Option<IpAddr> {
        self.address.get().copied().flatten()
    }

    /// What those share who are told apart by where they come from: an address, of which a client of IPv6
    /// has 2^64. Asking for it is not a rule's asking: [`Self::known`] stays as it is.
    pub fn neighbourhood(&self) -> Option<IpAddr> {
        match self.find_once()? {
            IpAddr::V6(address) => {
                let network = u128::from(address) & !u128::from(u64::MAX);
                Some(IpAddr::V6(network.into()))
            }
            address => Some(address),
        }
    }

    /// The rules.
    pub const fn rules(&self) -> &NetworkRules {
        self.rules
    }

    /// Holds the address against the rules for everybody, and against the networks that are a
    /// credential's `own`, if it has any.
    ///
    /// # Errors
    /// The address is unknown, or in no network that is allowed, or in one that is denied.
    pub fn check(&self, own: Option<&Ranges>) -> Result<(), Denial> {
        if !self.rules.restricts() && own.is_none() {
            return Ok(());
        }
        let address = self.find().ok_or_else(unknown)?;
        let allow = self.rules.allow.as_ref();
        if self.rules.deny.contain(address) || allow.is_some_and(|allow| !allow.contain(address)) {
            let advice = format!("requests from {address} are not allowed, ask the operator");
            return Err(Denial::new(Reason::NetworkDenied, advice));
        }
        if own.is_some_and(|own| !own.contain(address)) {
            let advice = format!(
                "this key may not be used from {address}, use it from a network in its \
                     `allow_from`"
            );
            return Err(Denial::new(Reason::NetworkDenied, advice));
        }
        Ok(())
    }

    /// The client's address, if it can be known.
    pub fn find(&self) -> Option<IpAddr> {
        *self.address.get_or_init(|| self.find_once())
    }

    fn find_once(&self) -> Option<IpAddr> {
        let peer = self.connection.peer();
        client(peer, self.head, self.rules.trusted_proxies)
    }
}

fn unknown() -> Denial {
    let advice = "the gateway does not report the client's address, ask the operator to check \
                  `network.trusted_proxies`";
    Denial::new(Reason::AddressUnknown, advice)
}

/// The client's address, behind so many proxies that are trusted.
///
/// Each proxy adds the address that it sees at the end of `X-Forwarded-For`, so with one the last
/// entry is the client's. What stands before the entries of the trusted ones, anybody can write.
fn client(peer: Peer, head: &RequestHead<'_>, proxies: usize) -> Option<IpAddr> {
    match (peer, proxies.checked_sub(1)) {
        (Peer::Unknown, _) | (Peer::Claimed(_), None) => None,
        (Peer::Real(address, _), None) => Some(address),
        // With its own entry at the end the gateway has changed the header, which it should not.
        (Peer::Real(address, Appended::No), Some(place)) => {
            let other = forwarded_for(head, 0).filter(|last| *last != address);
            other.and_then(|_| forwarded_for(head, place))
        }
        // Without its own entry at the end the gateway is not set up as it is believed to be. For a
        // peer on the same machine Envoy writes an address of that machine.
        (Peer::Real(address, Appended::Last), Some(_)) => {
            let fits = |last: &IpAddr| *last == address || address.is_loopback();
            let own = forwarded_for(head, 0).filter(fits);
            own.and_then(|_| forwarded_for(head, proxies))
        }
        // The gateway has counted too, and has to come to the same.
        (Peer::Claimed(address), Some(place)) => {
            forwarded_for(head, place).filter(|entry| *entry == address)
        }
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
