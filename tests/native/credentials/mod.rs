//! Every kind of credential but tokens: names and passwords, cookies, the signatures of the CLI.

mod assertions;
mod basic;
mod basic_rights;
mod configured_headers;
mod cookies;
mod key_sources;
mod ollama_cli;
mod users_of_keys;
