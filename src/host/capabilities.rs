//! What the gateway is, and what follows for the calls.

use super::{Host, Status};
use crate::config::HostName;
use std::cell::Cell;

/// What the filter may and must do on this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// `Host` is changed by writing `:authority`; on others that name is read-only (Kong) or
    /// overwrites the method (APISIX), and `host` is the one to write. `None`: by what the map shows.
    pub authority_is_host: Option<bool>,
    /// The header map of a request without `Host` crashes the worker (APISIX): ask for `host` first.
    pub host_before_map: bool,
    /// Counters are worth their calls; APISIX takes and drops them.
    pub counters: bool,
    /// A removed header still reaches the upstream unless it was blanked before (Kong).
    pub blank_before_remove: bool,
}

impl Capabilities {
    const ENVOY: Self = Self {
        authority_is_host: Some(true),
        counters: true,
        host_before_map: false,
        blank_before_remove: false,
    };
    const APISIX: Self = Self {
        authority_is_host: Some(false),
        counters: false,
        host_before_map: true,
        blank_before_remove: false,
    };
    const KONG: Self = Self {
        authority_is_host: Some(false),
        counters: true,
        host_before_map: false,
        blank_before_remove: true,
    };
    /// Nothing that one of the gateways does not bear.
    const PORTABLE: Self = Self {
        authority_is_host: None,
        counters: true,
        host_before_map: false,
        blank_before_remove: true,
    };

    /// From what the configuration says and what a probe that is safe everywhere finds.
    ///
    /// # Errors
    /// The two contradict each other.
    pub fn find(host: &impl Host, named: Option<HostName>) -> Result<Self, String> {
        let is_apisix = host.probe_clock_call() == Err(Status::UNIMPLEMENTED);
        match (named, is_apisix) {
            (Some(HostName::Apisix) | None, true) => Ok(Self::APISIX),
            (Some(HostName::Envoy | HostName::Istio), false) => Ok(Self::ENVOY),
            (Some(HostName::Kong), false) => Ok(Self::KONG),
            (None, false) => Ok(Self::PORTABLE),
            (Some(_), true) => Err(
                "host.name: this gateway behaves like APISIX, and is named otherwise".to_owned(),
            ),
            (Some(HostName::Apisix), false) => Err(
                "host.name: this gateway does not behave like APISIX, and is named so".to_owned(),
            ),
        }
    }
}

/// Whether the gateway is Kong can be seen in a request only: outside of one, Kong crashes when
/// asked for a property.
///
/// To take Kong for Envoy would let credentials through to Ollama, since Kong forwards a header
/// that was only removed. So what the configuration names is held against what is found, once.
#[derive(Debug)]
pub struct Confirmation {
    /// `None`: nothing is named, and what is done is right on each
    expects_kong: Option<bool>,
    found: Cell<Option<bool>>,
}

impl Confirmation {
    /// What the first request has to show.
    pub fn of(named: Option<HostName>) -> Self {
        let expects_kong = match named {
            Some(HostName::Kong) => Some(true),
            Some(HostName::Envoy | HostName::Istio) => Some(false),
            // APISIX has shown itself when the configuration was read.
            Some(HostName::Apisix) | None => None,
        };
        Self {
            expects_kong,
            found: Cell::new(None),
        }
    }

    /// Whether the gateway is the one that is named. Asks it at the first request only.
    ///
    /// # Errors
    /// What to log, the first time; later ones are empty.
    pub fn check(&self, host: &impl Host) -> Result<(), &'static str> {
        let Some(expected) = self.expects_kong else {
            return Ok(());
        };
        let (found, first) = match self.found.get() {
            Some(found) => (found, false),
            None => (host.probe_worker_property(), true),
        };
        self.found.set(Some(found));
        match (found == expected, first) {
            (true, _) => Ok(()),
            (false, false) => Err(""),
            (false, true) if found => {
                Err("host.name: this gateway is Kong, and is named otherwise")
            }
            (false, true) => Err("host.name: this gateway is not Kong, and is named so"),
        }
    }
}
