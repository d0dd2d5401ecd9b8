//! What the plugin JSON may say, and every error that it is refused for.

mod basic;
mod document;
mod headers;
mod jwt;
mod ollama_cli;
mod placeholders;
mod public_keys;
mod rules;
mod secrets;
mod values;
