//! Envoy: where it comes from, how it is run, what it says when it ends.

mod decision;
mod find;
mod log;
mod process;

pub(crate) use find::prepare;
pub(crate) use log::Log;
pub(crate) use process::Envoy;
