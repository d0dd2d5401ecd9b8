//! The engine of ollama-gate: decides who may use Ollama, and what Ollama sees.
//!
//! Sans-io: it makes no call of a gateway, reads no clock and draws no randomness. What came in is an
//! argument or a port, what to do next is the result. The filter, a crate of its own, turns the
//! callbacks of a gateway into events and does the one step that comes back.
//!
//! The way of a request:
//!
//! ```text
//! Exchange ─► head ─► path, credential ─► route ─► public? ─► identity
//!               │                                                │
//!            Denial ◄───────────────────────────────────────── policy ─► Permit
//!               │                                                          │
//!             Reply                                upstream::admit ─► Forward(Admitted)
//! ```
//!
//! The rooms, from above; each uses those below it, none above it and none beside it:
//!
//! * [`config`] turns the plugin JSON into an engine, or into every error in it at once.
//! * [`exchange`] are the states of one request: events in, steps out.
//! * [`upstream`] is what Ollama sees.
//! * [`authn`] finds the identity behind a credential; [`policy`] makes a permit or a denial of
//!   identity and request.
//! * [`identity`] is who is calling, and by which method.
//! * [`grant`] is what a caller may be granted; [`source`] is what is fetched and goes stale.
//! * [`network`], [`ollama`], [`credential`], [`cors`], [`time`]: where a request comes from, what it
//!   asks for, what it brings along, which pages may send it, and when.
//! * [`http`], [`json`], [`denial`], [`secret`] are the ground.
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
pub mod exchange;
pub mod grant;
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
