//! The engine, natively: every rule, every code, hostile bytes.
//!
//! One test program, with a folder for each subject. [`world`] is the gateway in memory that the
//! scenarios run in.

#![allow(clippy::too_many_lines)] // a test is as long as its table

mod access;
mod bodies;
mod configuration;
mod credentials;
mod documents;
mod host;
mod migration;
mod models;
mod networks;
mod responses;
mod sign_in;
mod structure;
mod tokens;
mod upstream;
mod world;
