//! The engine of ollama-gate: decides who may use [Ollama](https://ollama.com), and what Ollama sees.
//!
//! It is the part of the gate without a gateway. It makes no call, reads no clock and draws no random
//! numbers: what came in is an argument or a port, and what to do next is the result. The filter, a
//! crate of its own, turns the callbacks of Envoy, Istio, APISIX and Kong into events for an
//! [`Exchange`], and does the one step that comes back.
//!
//! # A whole request
//!
//! A configuration goes in, then the head of a request, and a step comes out:
//!
//! ```
//! use ollama_gate_engine::{
//!     Clock, Configuration, Connection, Exchange, HostBody, Peer, Ports, Randomness, RequestHead,
//!     RequestStep, Software, Timestamp,
//! };
//!
//! // What the gateway knows and the engine asks for, where a rule needs it.
//! struct Gateway;
//!
//! impl Clock for Gateway {
//!     fn wall(&self) -> Option<Timestamp> {
//!         Some(Timestamp::from_seconds(1_800_000_000))
//!     }
//! }
//!
//! impl Randomness for Gateway {
//!     fn bytes(&self) -> Option<[u8; 32]> {
//!         None
//!     }
//! }
//!
//! impl Connection for Gateway {
//!     fn peer(&self) -> Peer {
//!         Peer::Unknown
//!     }
//! }
//!
//! // The plugin JSON. One key, which may read and use models; it comes from the environment.
//! let document = br#"{ "api_keys": { "keys": [ { "id": "laptop", "key": { "env": "LAPTOP" } } ] } }"#;
//! let environment = |name: &str| (name == "LAPTOP").then(|| "sk-4fT9wQz7Lx2VbN8m".to_owned());
//! let seed = 0; // random in a gateway: spreads out what several workers do
//! let engine = Configuration::read(document, &environment, seed)?.engine;
//!
//! let ask = |key: &'static str| {
//!     let head = RequestHead::read([
//!         (&b":method"[..], &b"POST"[..]),
//!         (b":path", b"/api/chat"),
//!         (b"host", b"gate.example"),
//!         (b"authorization", key.as_bytes()),
//!     ]);
//!     let ports = Ports {
//!         engine: &engine,
//!         verifier: &Software,
//!         connection: &Gateway,
//!         clock: &Gateway,
//!         randomness: &Gateway,
//!         memory: None,
//!         body: HostBody { max_bytes: 1 << 20, absent: None },
//!     };
//!     let step = Exchange::default().request_head(ports, &head?).step;
//!     Ok::<_, ollama_gate_engine::HeadError>(match step {
//!         // Edit the head, then let the request go on to Ollama.
//!         RequestStep::Forward(admitted) => format!("forward, {} edits", admitted.edits().len()),
//!         // Answer in Ollama's place.
//!         RequestStep::Reply(reply) => format!("refuse with {}", reply.status),
//!         // Fetch keys, hold a body, or, in report mode, let it go on as it came.
//!         other => format!("{other:?}"),
//!     })
//! };
//! assert_eq!(ask("Bearer sk-4fT9wQz7Lx2VbN8m")?, "forward, 2 edits");
//! assert_eq!(ask("Bearer sk-AnotherKey123456")?, "refuse with 401");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The two edits take `Authorization` out and set `Host`: Ollama never sees a credential.
//!
//! # Where to look
//!
//! * [`Configuration`] is the plugin JSON, read, or every error in it at once ([`ConfigErrors`]).
//!   [`schema`] and [`reference()`] describe its fields.
//! * [`Exchange`] has a method for each event of a request, and each ends in a [`RequestStep`] or a
//!   [`ResponseStep`]. What to log and count stands beside it, in an [`Outcome`].
//! * [`Ports`] is what an exchange asks for: [`Clock`], [`Connection`], [`Randomness`], [`Verifier`].
//! * [`Engine`] says what has to be fetched ([`Engine::due`]), and takes the answers.
//! * [`Denial`] and [`Reason`] are why somebody is refused; every reason has a stable code.
//!
//! # What the types hold
//!
//! A request goes on only with an [`Admitted`], a [`BodyApproved`] or a [`Watched`]. Nothing outside
//! can write one, which `tests/seals` holds: only a permit makes an admission, only the engine's
//! policy makes a permit, and only a configuration in report mode lets requests go on as they came.
//!
//! Inside, the engine is a house of floors. `docs/architecture.md` shows the rooms and the arrows between
//! them, and a test holds that none points upward.

// A test is as long as its table.
#![cfg_attr(test, allow(clippy::too_many_lines))]
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

mod authn;
mod bytes;
mod config;
mod cors;
mod credential;
mod denial;
mod exchange;
mod grant;
mod http;
mod identity;
mod json;
mod login;
mod network;
mod ollama;
mod policy;
mod secret;
mod session;
mod source;
mod time;
mod token_endpoint;
mod upstream;

pub use authn::jwt::{Algorithm, Arithmetic, PublicKey, Software, Verifier, cost_by_envoy};
pub use config::{
    ConfigError, ConfigErrors, Configuration, Environment, Holding, HostName, reference, schema,
};
pub use cors::ResponseEdit;
pub use denial::{Denial, Level, Reason};
pub use exchange::{
    CHALLENGES, Ending, Engine, Excess, Exchange, Fed, GAUGES, HostBody, ListHead, Listing, Mode,
    Outcome, Ports, Record, Reply, RequestStep, ResponseStep, Rest, Shared, Unread, Watched,
};
pub use http::{Coding, HeadError, RequestHead, Url};
pub use identity::Method;
pub use json::Json;
pub use login::{SessionDirectory, SessionSummary};
pub use network::{Appended, Connection, Peer, read_address};
pub use policy::BodyApproved;
pub use session::{Randomness, SharedMemory};
pub use source::{Answered, Call, Expected, News, Pending, Response, ResponseBody};
pub use time::{Clock, Timestamp};
pub use upstream::{Admitted, Edit, Prepared};

/// What the tests of this repository look into. No part of the face: it may change with any commit.
#[doc(hidden)]
pub mod internals {
    pub use crate::authn::api_key::digest;
    pub use crate::authn::jwt::{
        Candidates, HmacKey, Key, KeySet, UnverifiedToken, VerifiedToken, key_of_jwk, verify,
    };
    pub use crate::http::{Place, names_taken_out};
    pub use crate::ollama::body::{
        BodyError, FormScanner, KeepAlive, MAX_DEPTH, MAX_KEPT, Members, Number, Scanner,
    };
    pub use crate::ollama::{Naming, ROUTES, Route, Scope};
    pub use crate::policy::{Caller, ConditionalPermit, Permit};
}
