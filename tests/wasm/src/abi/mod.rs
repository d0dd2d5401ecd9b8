//! The 35 host functions of `env` that the SDK's traits pull in.
//!
//! `proxy_get_log_level` and `proxy_get_metric` are left out on purpose: a
//! module that imports one does not load on every gateway, so not here either.

mod headers;
mod other;
mod stream;

use wasmi::{Caller, Error, Linker};

use crate::gateway::FUEL;
use crate::guest::crash;
use crate::profile::Crash;
use crate::world::World;

/// Adds every function to the linker.
pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    headers::link(linker)?;
    stream::link(linker)?;
    other::link(linker)
}

/// Runs one host call: notes it, lets it fail if it is to fail, else carries
/// it out and notes the status.
pub fn call(
    caller: &mut Caller<'_, World>,
    name: &'static str,
    body: impl FnOnce(&mut Caller<'_, World>) -> Result<i32, Error>,
) -> Result<i32, Error> {
    let index = caller.data_mut().begin(name);
    let left = caller.get_fuel().unwrap_or_default();
    caller.data_mut().record.calls[index].fuel = FUEL.saturating_sub(left);
    let status = match caller.data().refusal(index, name) {
        Some(status) => status,
        None => body(caller)?,
    };
    caller.data_mut().record.calls[index].status = status;
    Ok(status)
}

impl From<Crash> for Error {
    fn from(Crash(text): Crash) -> Self {
        crash(text)
    }
}
