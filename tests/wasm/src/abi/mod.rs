//! The 35 host functions of `env` that the SDK's traits pull in.
//!
//! `proxy_get_log_level` and `proxy_get_metric` are left out on purpose: a
//! module that imports one does not load on every gateway, so not here either.

mod headers;
mod other;
mod stream;

use wasmi::{Caller, Error, Extern, Linker};

use crate::guest::crash;
use crate::meter;
use crate::profile::Crash;
use crate::world::World;

/// Adds every function to the linker.
pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    headers::link(linker)?;
    stream::link(linker)?;
    other::link(linker)
}

/// The arguments of a host call, as they came.
macro_rules! arguments {
    ($($argument:ident),*) => { &[$(i64::from($argument)),*] };
}
pub(crate) use arguments;

/// Runs one host call: notes it, lets it fail if it is to fail, else carries
/// it out and notes the status.
pub fn call(
    caller: &mut Caller<'_, World>,
    name: &'static str,
    arguments: &[i64],
    body: impl FnOnce(&mut Caller<'_, World>) -> Result<i32, Error>,
) -> Result<i32, Error> {
    let index = caller.data_mut().begin(name);
    let counter = caller
        .get_export(meter::COUNTER)
        .and_then(Extern::into_global);
    let executed = meter::read(counter.map(|counter| counter.get(&*caller)));
    let before = caller.data().executed_before;
    caller.data_mut().record.calls[index].fuel = executed - before;
    let context = caller.data().context;
    caller.data_mut().recorder.host(name, arguments, context);
    let answer = match caller.data().refusal(index, name) {
        Some(status) => Ok(status),
        None => body(caller),
    };
    caller.data_mut().recorder.answered(&answer);
    let status = answer?;
    caller.data_mut().record.calls[index].status = status;
    Ok(status)
}

impl From<Crash> for Error {
    fn from(Crash(text): Crash) -> Self {
        crash(text)
    }
}
