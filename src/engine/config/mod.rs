//! The plugin JSON: from bytes to an engine, or to every error in it at once.
//!
//! Each section has a table of its fields, from which come the type that reads it, what is required
//! of it, the bounds of its numbers and times, the suggestions for unknown names, the reference in
//! `docs/configuration.md` and the JSON Schema.

#[macro_use]
mod table;

mod allow_anonymous;
mod api_keys;
mod back_off;
mod basic;
mod client;
mod cors;
mod credential_headers;
mod credentials;
mod document;
mod field;
mod filter_lists;
mod foreign;
mod headers;
mod host;
mod hosts;
mod jwt;
mod log;
mod login;
mod network;
mod ollama_cli;
mod placeholder;
mod provider;
mod reader;
mod report;
mod require;
mod root;
mod routes;
mod rules;
mod schema;
mod server;
mod share;
mod store;
mod upstream;
mod value;

pub use field::reference;
pub use host::{Holding, HostName};
pub use report::{ConfigError, ConfigErrors};
pub use root::Configuration;
pub use schema::schema;

/// Looks an environment variable up by its name.
pub type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;
