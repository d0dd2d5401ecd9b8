//! What the gateway is, and what follows for the calls.

use crate::address::Tells;
use crate::{Host, Status};
use ollama_gate_engine::HostName;
use std::cell::Cell;

/// What the filter may and must do on this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// How Ollama is asked with another `Host`.
    pub writes_host: WritesHost,
    /// The header map of a request without `Host` crashes the worker (APISIX): ask for `host` first.
    pub host_before_map: bool,
    /// The map of a request with more fields is cut, and the gateway writes past the buffer that it
    /// asked for (Kong: 100 pairs, of which four are pseudo headers).
    pub max_fields: Option<usize>,
    /// Counters are worth their calls; APISIX takes and drops them.
    pub counters: bool,
    /// It has Envoy's foreign functions. Kong traps at them.
    pub foreign_functions: bool,
    /// There are ticks, and calls may be made in them (Kong: not in the first one).
    pub ticks: bool,
    /// A call may be made where the root context hears the answer to another. Kong crashes there, so
    /// what follows from an answer waits for the next tick.
    pub calls_in_callbacks: bool,
    /// A root context ends with its configuration. Kong lets it live on, and ticks in it.
    pub ends_root_contexts: bool,
    /// In a tick a request can be answered that waits. Kong says yes to every context and enters none; APISIX has
    /// no ticks. Both read bodies to their end by themselves, with nginx's `client_body_timeout`.
    pub answers_in_ticks: bool,
    /// Allowed requests are counted on ticks, which saves a call in each.
    pub counts_on_ticks: bool,
    /// The head's callback says rightly whether a body follows. On APISIX it says that none does, on
    /// Kong that one does, whatever comes.
    pub knows_the_end: bool,
    /// A body is shown only when asked for in the head's callback (APISIX).
    pub asks_for_bodies: bool,
    /// How many bytes of a body it shows, unless the configuration says that it shows more.
    pub max_body_bytes: u64,
    /// A removed header still reaches the upstream unless it was blanked before (Kong).
    pub blank_before_remove: bool,
    /// There is a memory that all configurations in the gateway share. Kong traps without a section of its
    /// own, APISIX has none.
    pub shares_data: bool,
    /// The head of a response can be answered with another response. Elsewhere it can only be edited: APISIX
    /// passes over the answer, Kong keeps the head that was there.
    pub replaces_responses: bool,
    /// How it tells the client's address. `None`: it is not known, so it is not asked.
    pub tells: Option<Tells>,
}

/// How the filter changes the `Host` that Ollama is asked with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WritesHost {
    /// by writing `:authority`, which on others is read-only (Kong) or overwrites the method (APISIX)
    AsAuthority,
    /// by writing whichever of `:authority` and `host` the map shows
    AsShown,
    /// not at all: the gateway has taken it from the route (APISIX) or the service (Kong) before filters run, and
    /// nothing comes of a change
    Never,
}

/// Envoy's own limit, `per_connection_buffer_limit_bytes`.
const ENVOY_MAX_BODY_BYTES: u64 = 1 << 20;
/// nginx writes a larger one into a file (`client_body_buffer_size`), where Kong does not show it.
const KONG_MAX_BODY_BYTES: u64 = 8 << 10;
/// APISIX shows it whole, from a file too, and the worker holds it in memory.
const APISIX_MAX_BODY_BYTES: u64 = 32 << 20;

/// The property of the target as the client sent it, which Kong's router makes the upstream's target
/// of. `:path` there is nginx's `$uri`: decoded, resolved, and cut at `#`.
pub(crate) const KONG_TARGET: &str = "ngx\0request_uri";

/// What fits into Kong's header map beside the pseudo headers.
const KONG_MAX_FIELDS: usize = 96;

impl Capabilities {
    /// Whether the first tick may fetch, and come at once.
    pub(crate) const fn calls_in_first_tick(self) -> bool {
        self.ticks && self.ends_root_contexts
    }

    const ENVOY: Self = Self {
        tells: Some(Tells::AddressAndPort),
        max_fields: None,
        writes_host: WritesHost::AsAuthority,
        counters: true,
        foreign_functions: true,
        ticks: true,
        calls_in_callbacks: true,
        ends_root_contexts: true,
        answers_in_ticks: true,
        counts_on_ticks: true,
        host_before_map: false,
        knows_the_end: true,
        asks_for_bodies: false,
        max_body_bytes: ENVOY_MAX_BODY_BYTES,
        blank_before_remove: false,
        shares_data: true,
        replaces_responses: true,
    };
    const APISIX: Self = Self {
        tells: Some(Tells::RemoteAddr),
        max_fields: None,
        writes_host: WritesHost::Never,
        counters: false,
        foreign_functions: false,
        ticks: false,
        calls_in_callbacks: false,
        ends_root_contexts: false,
        answers_in_ticks: false,
        counts_on_ticks: false,
        host_before_map: true,
        knows_the_end: false,
        asks_for_bodies: true,
        max_body_bytes: APISIX_MAX_BODY_BYTES,
        blank_before_remove: false,
        shares_data: false,
        replaces_responses: false,
    };
    const KONG: Self = Self {
        tells: Some(Tells::SourceAddress),
        max_fields: Some(KONG_MAX_FIELDS),
        writes_host: WritesHost::Never,
        counters: true,
        foreign_functions: false,
        ticks: true,
        calls_in_callbacks: false,
        ends_root_contexts: false,
        answers_in_ticks: false,
        counts_on_ticks: false,
        host_before_map: false,
        knows_the_end: false,
        asks_for_bodies: false,
        max_body_bytes: KONG_MAX_BODY_BYTES,
        blank_before_remove: true,
        shares_data: false,
        replaces_responses: false,
    };
    /// Nothing that one of the gateways does not bear.
    const PORTABLE: Self = Self {
        tells: None,
        max_fields: Some(KONG_MAX_FIELDS),
        writes_host: WritesHost::AsShown,
        counters: true,
        foreign_functions: false,
        ticks: false,
        calls_in_callbacks: false,
        ends_root_contexts: false,
        answers_in_ticks: false,
        counts_on_ticks: false,
        host_before_map: false,
        knows_the_end: false,
        asks_for_bodies: false,
        max_body_bytes: KONG_MAX_BODY_BYTES,
        blank_before_remove: true,
        shares_data: false,
        replaces_responses: false,
    };

    /// From what the configuration says and what the gateway has shown itself to be.
    ///
    /// # Errors
    /// The two contradict each other.
    pub(crate) fn find(shown: Shown, named: Option<HostName>) -> Result<Self, String> {
        match (named, shown) {
            (Some(HostName::Apisix) | None, Shown::Apisix) => Ok(Self::APISIX),
            // What is named Envoy and does not show it may be Kong, which the first request shows.
            (Some(HostName::Envoy | HostName::Istio), Shown::Envoy | Shown::Other) => {
                Ok(Self::ENVOY)
            }
            (Some(HostName::Kong), Shown::Other) => Ok(Self::KONG),
            (None, Shown::Envoy | Shown::Other) => Ok(Self::PORTABLE),
            (Some(_), Shown::Apisix) => Err(
                "host.name: this gateway is APISIX, but the configuration names another one"
                    .to_owned(),
            ),
            (Some(HostName::Apisix), _) => Err(
                "host.name: this gateway is not APISIX, but the configuration says so".to_owned(),
            ),
            (Some(HostName::Kong), Shown::Envoy) => Err(
                "host.name: this gateway is Envoy, but the configuration names `kong`".to_owned(),
            ),
        }
    }
}

/// What a gateway shows itself to be when the configuration is read, by calls that none of them
/// minds. It is known before the configuration is, so it does not depend on one that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Envoy, by itself or under Istio
    Envoy,
    /// APISIX
    Apisix,
    /// Kong, or one that nothing is known of
    Other,
}

impl Shown {
    /// What `host` shows itself to be.
    pub(crate) fn by(host: &impl Host) -> Self {
        if host.probe_clock_call() == Err(Status::UNIMPLEMENTED) {
            Self::Apisix
        } else if host.probe_context_call() == Err(Status::BAD_ARGUMENT) {
            Self::Envoy
        } else {
            Self::Other
        }
    }

    /// Whether a filter may say no to its configuration: the gateway then lets nobody through, and
    /// asks no more.
    ///
    /// Kong then starts without the filter and proxies everything, or keeps the configuration before
    /// this one, with the keys that were taken out of it. APISIX is closed, but has the configuration
    /// read and its errors logged again in each phase of each request, for whoever sends one. So there,
    /// and where this is not known, the filter says yes and answers every request itself.
    pub(crate) const fn is_closed_by_a_refusal(self) -> bool {
        matches!(self, Self::Envoy)
    }
}

/// Whether the gateway is Kong can be seen in a request only: outside of one, Kong crashes when
/// asked for a property.
///
/// To take Kong for Envoy would let credentials through to Ollama, since Kong forwards a header
/// that was only removed. So what the configuration names is held against what is found, once.
#[derive(Debug)]
pub(crate) struct Confirmation {
    /// `None`: nothing is named, or it is known
    expects_kong: Option<bool>,
    /// `None`: not asked yet
    found: Cell<Option<bool>>,
}

impl Confirmation {
    /// What the first request has to show, where `shown` does not tell.
    pub(crate) const fn of(shown: Shown, named: Option<HostName>) -> Self {
        let (expects_kong, found) = match (shown, named) {
            (Shown::Envoy | Shown::Apisix, _) => (None, Some(false)),
            (Shown::Other, Some(name)) => (Some(matches!(name, HostName::Kong)), None),
            (Shown::Other, None) => (None, None),
        };
        Self {
            expects_kong,
            found: Cell::new(found),
        }
    }

    /// Whether the gateway is Kong. Asks it once, at the first request.
    ///
    /// # Errors
    /// It is not the one that is named. A probe that fails answers nothing, so the next request asks
    /// again.
    pub(crate) fn is_kong(&self, host: &impl Host) -> Result<bool, Mismatch> {
        let (found, first) = match self.found.get() {
            Some(found) => (found, false),
            None => match host.probe_nginx_property() {
                Ok(found) => (found, true),
                Err(_) => {
                    return Err(Mismatch::of(
                        "host.name: could not find out which gateway this is",
                    ));
                }
            },
        };
        self.found.set(Some(found));
        match (self.expects_kong, first, found) {
            (None, ..) => Ok(found),
            (Some(expected), ..) if expected == found => Ok(found),
            (Some(_), false, _) => Err(Mismatch { news: None }),
            (Some(_), true, true) => Err(Mismatch::of(
                "host.name: this gateway is Kong, but the configuration names another one",
            )),
            (Some(_), true, false) => Err(Mismatch::of(
                "host.name: this gateway is not Kong, but the configuration says so",
            )),
        }
    }
}

/// The gateway is another one than the configuration names, or cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// what to log, if it was not logged before
    pub news: Option<&'static str>,
}

impl Mismatch {
    const fn of(news: &'static str) -> Self {
        Self { news: Some(news) }
    }
}
