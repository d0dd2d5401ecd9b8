//! What the gateway is, and what follows for the calls.

use super::{Host, Status};
use crate::config::HostName;

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
            (Some(HostName::Envoy | HostName::Istio), false) => Ok(Self::ENVOY),
            (Some(HostName::Apisix) | None, true) => Ok(Self::APISIX),
            (None, false) => Ok(Self::PORTABLE),
            (Some(HostName::Envoy | HostName::Istio), true) => Err(
                "host.name: this gateway behaves like APISIX, and is named otherwise".to_owned(),
            ),
            (Some(HostName::Apisix), false) => Err(
                "host.name: this gateway does not behave like APISIX, and is named so".to_owned(),
            ),
        }
    }
}
