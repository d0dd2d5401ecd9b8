//! ollama-gate: a lock on Ollama, inside the gateway people already run.
//!
//! This is the filter: the only place that knows proxy-wasm. It turns a callback into an event, asks
//! the engine (`ollama_gate_engine`), and does the one step that comes back.
//!
//! `calls` is the raw door to the gateway, `sdk` hangs the filter into the SDK's dispatcher; both
//! exist on wasm only. Everything between them is plain Rust over the [`Host`] trait, and is tested
//! natively.

// In the filter a panic is an outage: the SDK's dispatcher stays borrowed, and every later request
// on that worker fails.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::print_stdout,
        clippy::print_stderr,
    )
)]

mod adapter;
mod address;
#[cfg(any(target_os = "wasi", test))]
mod allocator;
mod body;
mod capabilities;
mod clock;
mod counters;
mod crypto;
mod deadline;
mod front;
mod linger;
mod list;
mod memory;
mod response;
mod root;
mod step;
mod wire;

#[cfg(target_os = "wasi")]
mod calls;
#[cfg(target_os = "wasi")]
mod sdk;

pub use adapter::{Filter, Flow};
pub use crypto::{HostCrypto, Proved};
pub use root::Root;
pub use wire::{Pairs, WireError, serialize};

use ollama_gate_engine::{Call, Level, Reply};
use std::time::Duration;

/// A status of the proxy-wasm ABI other than `OK`.
///
/// The SDK's own type has no room for statuses it does not list; APISIX answers 12 to many calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status(pub u32);

impl Status {
    /// What is asked for does not exist.
    pub const NOT_FOUND: Self = Self(1);
    /// An argument is not one that the call takes.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// The gateway does not have this call.
    pub const UNIMPLEMENTED: Self = Self(12);

    /// Says in the log that the gateway did not do `what`, and what comes of it.
    fn tell(self, host: &impl Host, level: Level, what: &str, so: &str) {
        let Self(status) = self;
        let line =
            format!("ollama-gate: could not {what}: host call failed with status {status}{so}");
        host.log(level, &line);
    }
}

/// The handle of a call that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CallToken(pub u32);

/// The handle of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub u32);

/// The handle of a gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge(pub u32);

/// What the filter asks of its gateway. Every call can fail; none panics.
///
/// Names are lower-case ASCII, values any bytes.
pub trait Host {
    /// The plugin JSON.
    fn configuration(&self) -> Result<Vec<u8>, Status>;
    /// The environment variable `name`, if the gateway passes it on.
    fn environment(&self, name: &str) -> Option<String>;
    /// The wall clock, in nanoseconds since 1970.
    fn wall_clock(&self) -> Result<u64, Status>;
    /// Asks for the time by the proxy-wasm call, which APISIX does not have: a safe way to know it.
    fn probe_clock_call(&self) -> Result<(), Status>;
    /// Asks for a context that does not exist to be made the effective one. Envoy refuses that with
    /// [`Status::BAD_ARGUMENT`], as the ABI says. Kong says OK to every number and does nothing, so
    /// the call is safe on both, and outside of a request too.
    fn probe_context_call(&self) -> Result<(), Status>;
    /// Whether the request has the property `ngx.nginx_version`, as it has on Kong. (`worker_id` is
    /// there in debug builds only.) To be asked within a request: Kong crashes outside of one.
    fn probe_nginx_property(&self) -> Result<bool, Status>;
    /// A property of the request, its path joined by zeros; none if there is none of this name. To be
    /// asked within a request, and on a gateway that is known to have it.
    fn request_property(&self, path: &str) -> Result<Option<Vec<u8>>, Status>;
    /// The request's header map, serialized (see [`Pairs`]).
    fn request_headers(&self) -> Result<Vec<u8>, Status>;
    /// The first value of one request header.
    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status>;
    /// Makes `value` the only value of a request header.
    fn set_request_header(&self, name: &str, value: &str) -> Result<(), Status>;
    /// Takes every field of this name out of the request.
    fn remove_request_header(&self, name: &str) -> Result<(), Status>;
    /// Takes all trailers out of the request. To be called within their callback, which Envoy alone has.
    fn clear_request_trailers(&self) -> Result<(), Status>;
    /// Asks for the request's body to be shown, where the gateway does that only when asked.
    fn ask_for_body(&self) -> Result<(), Status>;
    /// At most `max` bytes of the request's body from `start` on. To be called within a callback
    /// of the body, or while one is held.
    fn request_body(&self, start: usize, max: usize) -> Result<Vec<u8>, Status>;
    /// Whether this module is called for responses: one of its two files is not.
    fn sees_responses(&self) -> bool;
    /// The first value of one response header. To be called within a callback of the response's head.
    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status>;
    /// Makes `value` the only value of a response header.
    fn set_response_header(&self, name: &str, value: &str) -> Result<(), Status>;
    /// Adds a field to the response.
    fn add_response_header(&self, name: &str, value: &str) -> Result<(), Status>;
    /// Takes every field of this name out of the response.
    fn remove_response_header(&self, name: &str) -> Result<(), Status>;
    /// At most `max` bytes of the response's body, from `start` on, as far as the gateway shows it now.
    fn response_body(&self, start: usize, max: usize) -> Result<Vec<u8>, Status>;
    /// Puts `bytes` in the place of the `size` bytes of the response's body that the gateway shows.
    fn set_response_body(&self, size: usize, bytes: &[u8]) -> Result<(), Status>;
    /// Makes a property of this name for the request. On Envoy it is the filter state `wasm.<name>`.
    fn set_property(&self, name: &str, value: &str) -> Result<(), Status>;
    /// What every configuration of this module in the gateway can see, on each of its workers: the value
    /// of `key`. To be called where [`Capabilities`](crate) say that there is such a memory: Kong traps.
    fn shared_data(&self, key: &str) -> Result<Option<Vec<u8>>, Status>;
    /// Makes `value` that of `key`.
    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), Status>;
    /// The value of `key` in that memory, and its version.
    fn versioned_data(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, Status>;
    /// Makes `value` that of `key`, if it is of this version. One that no value has sets
    /// it only where there is none.
    fn set_versioned_data(&self, key: &str, value: &[u8], version: u32) -> Result<(), Status>;
    /// Makes the context of this number the one that calls are for, until the callback ends.
    fn enter_context(&self, context: u32) -> Result<(), Status>;
    /// Answers in the upstream's place.
    fn reply(&self, reply: &Reply) -> Result<(), Status>;
    /// Writes to the gateway's log.
    fn log(&self, level: Level, line: &str);
    /// Makes a counter known.
    fn define_counter(&self, name: &str) -> Result<Counter, Status>;
    /// Adds this much.
    fn count(&self, counter: Counter, amount: u64);
    /// Makes a gauge known.
    fn define_gauge(&self, name: &str) -> Result<Gauge, Status>;
    /// Says what it shows from now on.
    fn record(&self, gauge: Gauge, value: u64);
    /// 64 random bits, for spreading things out; no secret is made of them.
    fn entropy(&self) -> u64;
    /// 32 random bytes. On Kong somebody who has seen others may foretell them.
    fn random(&self) -> Result<[u8; 32], Status>;
    /// Asks for ticks, this far apart. To be asked once in a root context: Kong crashes otherwise.
    fn set_tick(&self, period: Duration) -> Result<(), Status>;
    /// Makes a call for the context that is running. Its answer comes back to that context.
    fn http_call(&self, call: &Call) -> Result<CallToken, Status>;
    /// The status of the answer that has just come; none if the call failed.
    fn call_status(&self) -> Option<u16>;
    /// The first value of one of its header fields, if it is text.
    fn call_header(&self, name: &str) -> Option<String>;
    /// The body of the answer that has just come.
    fn call_body(&self) -> Result<Vec<u8>, Status>;
    /// Lets the request go on that was held.
    fn resume(&self) -> Result<(), Status>;
    /// Calls a function that only this gateway has. To be called where the gateway is known to have
    /// it: Kong traps at an unknown one.
    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status>;
}
