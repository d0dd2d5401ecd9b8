//! `ollama-gate`: the companion of the filter on the command line. docs/command-line.md describes it.
//!
//! It is built on the engine of the filter: what it says of a configuration is what the filter would do.

// A program has no face: everything in it is seen by itself alone.
#![allow(unreachable_pub)]
// A user gets one sentence, and no backtrace.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable,
        clippy::indexing_slicing,
        clippy::string_slice,
    )
)]

mod args;
mod authority;
mod commands;
mod document;
mod environment;
mod envoy;
mod exchange;
mod import;
mod input;
mod keys;
mod moment;
mod output;
mod reading;
mod render;
mod review;
mod service;
mod signing;
mod simulation;
mod site;
mod smoke;
mod stop;

use std::process::ExitCode;

fn main() -> ExitCode {
    match args::read(std::env::args_os()) {
        Ok(arguments) => {
            let result = arguments.command.run();
            output::finish(result, arguments.format())
        }
        Err(stop) => stop.finish(),
    }
}
