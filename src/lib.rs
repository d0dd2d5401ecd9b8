//! ollama-gate: a lock on Ollama, inside the gateway people already run.
//!
//! The way of a request:
//!
//! ```text
//! host ─► adapter ─► Exchange ─► head ─► path, credential ─► route ─► public? ─► identity
//!                                  │                                               │
//!                               Denial ◄──────────────────────────────────────── policy ─► Permit
//!                                  │                                                         │
//!                                Reply                               upstream::admit ─► Forward(Admitted)
//! ```
//!
//! * [`host`] is the only place that knows proxy-wasm. It turns a callback into an event and does
//!   the one step that comes back.
//! * [`engine`] decides. It makes no host call, reads no clock, draws no randomness.
//! * [`config`] turns the plugin JSON into an engine, or into every error in it at once.
//! * [`http`], [`ollama`], [`credential`], [`authn`], [`policy`], [`upstream`] are the stations of
//!   the decision, in this order.
//! * [`cors`] is what pages of other sites are told, where the configuration lists them.
//! * [`time`] is the one port to a clock. [`denial`] is the closed list of reasons to refuse.
//!
//! INVARIANT: a request goes on only with an [`upstream::Admitted`]; only [`upstream::admit`]
//! makes one, from a [`policy::Permit`]; only [`policy`] makes a permit.

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

pub mod authn;
pub mod config;
pub mod cors;
pub mod credential;
pub mod denial;
pub mod engine;
pub mod grant;
pub mod host;
pub mod http;
pub mod identity;
pub mod json;
pub mod network;
pub mod ollama;
pub mod policy;
pub mod secret;
pub mod source;
pub mod time;
pub mod upstream;
