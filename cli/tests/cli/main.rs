//! The program `ollama-gate`, run as a person runs it: arguments in, output and exit code out.

// A program has no face: everything in it is seen by itself alone.
#![allow(unreachable_pub)]

mod check;
mod contract;
mod explain;
mod import;
mod init;
mod input;
mod key;
mod recipes;
mod render;
mod renew;
mod requests;
mod rotate;
mod service;
mod session;
mod smoke;
mod support;
mod token;
mod up;
mod usage;
mod world;
