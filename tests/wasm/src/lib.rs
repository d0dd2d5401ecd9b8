//! A proxy-wasm host for tests.
//!
//! It runs the module that `make wasm` built, under the rules of one gateway
//! (a [`Profile`]): what that gateway leaves out, what it gets wrong, and what
//! crashes it. Everything the module does to the outside is recorded.
//!
//! ```text
//! ClientRequest ─► Profile::entry ─► Gateway ─► module
//!                                      │  ▲ host calls: abi/, wasi
//!                                      ▼  │
//!                                   Outcome: verdict, reply, what the upstream sees, Record
//! ```

mod abi;
pub mod apisix;
pub mod calls;
pub mod client;
pub mod credentials;
pub mod envoy;
mod foreign;
pub mod gateway;
mod guest;
pub mod hostile_targets;
pub mod istio;
pub mod kong;
pub mod kong_router;
pub mod map;
pub mod meter;
pub mod module;
pub mod nginx;
pub mod profile;
pub mod record;
mod recorder;
pub mod respond;
mod serve;
pub mod trace;
mod wasi;
pub mod world;

pub use apisix::Apisix;
pub use calls::{Call, CallEnd};
pub use client::ClientRequest;
pub use envoy::Envoy;
pub use gateway::Gateway;
pub use istio::Istio;
pub use kong::Kong;
pub use profile::Profile;
pub use record::{Outcome, Record, Reply, Verdict};
