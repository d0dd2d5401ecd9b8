//! The module's memory, from inside a host call.

use wasmi::{Caller, Error, Extern, Memory, Val};

use crate::profile::EmptyValue;
use crate::world::World;

/// The error that ends the module: the worker would be gone, or a rule is broken.
pub fn crash(text: impl Into<String>) -> Error {
    Error::new(text.into())
}

/// Bytes that the module points at.
pub fn read(caller: &mut Caller<'_, World>, data: i32, size: i32) -> Result<Vec<u8>, Error> {
    let (start, size) = (data as u32 as usize, size as u32 as usize);
    let bytes = memory(caller)?.data(&*caller);
    let end = start.checked_add(size);
    let found = end
        .and_then(|end| bytes.get(start..end))
        .map(<[u8]>::to_vec)
        .ok_or_else(|| {
            crash(format!(
                "the module points outside its memory: {start}+{size}"
            ))
        })?;
    caller.data_mut().recorder.read(data, &found);
    Ok(found)
}

/// Writes bytes where the module asked for them.
pub fn write(caller: &mut Caller<'_, World>, at: i32, bytes: &[u8]) -> Result<(), Error> {
    let memory = memory(caller)?;
    memory
        .write(&mut *caller, at as u32 as usize, bytes)
        .map_err(|_| {
            crash(format!(
                "the module asked for an answer outside its memory: {at}"
            ))
        })?;
    caller.data_mut().recorder.wrote(at, bytes);
    Ok(())
}

/// Writes a 32-bit number.
pub fn write_u32(caller: &mut Caller<'_, World>, at: i32, number: u32) -> Result<(), Error> {
    write(caller, at, &number.to_le_bytes())
}

/// Hands bytes over: allocates in the module, writes there, then sets the
/// module's pointer and size.
pub fn give(
    caller: &mut Caller<'_, World>,
    bytes: &[u8],
    pointer: i32,
    size: i32,
) -> Result<(), Error> {
    let count = u32::try_from(bytes.len()).expect("under 4 GB");
    write_u32(caller, size, count)?;
    match (bytes.is_empty(), caller.data().profile.empty_value()) {
        (true, EmptyValue::Untouched) => return Ok(()),
        (true, EmptyValue::Null) => return write_u32(caller, pointer, 0),
        (true, EmptyValue::Allocated) | (false, _) => {}
    }
    let at = allocate(caller, count)?;
    write(caller, at, bytes)?;
    write(caller, pointer, &at.to_le_bytes())
}

fn allocate(caller: &mut Caller<'_, World>, size: u32) -> Result<i32, Error> {
    const EXPORT: &str = "proxy_on_memory_allocate";
    let Some(Extern::Func(function)) = caller.get_export(EXPORT) else {
        return Err(crash(format!("no export `{EXPORT}`")));
    };
    let mut answer = [Val::I32(0)];
    caller.data_mut().recorder.call(EXPORT, &[size]);
    let ended = function.call(&mut *caller, &[Val::I32(size as i32)], &mut answer);
    let ended = ended.map(|()| number(&answer));
    caller.data_mut().recorder.returned(&ended);
    match ended? {
        Some(0) => Err(crash("the module allocated nothing")),
        Some(at) => Ok(at),
        None => Err(crash(format!("`{EXPORT}` returned no address"))),
    }
}

/// The number that an export has returned, if it returns one.
pub fn number(results: &[Val]) -> Option<i32> {
    match results.first() {
        Some(Val::I32(number)) => Some(*number),
        _ => None,
    }
}

fn memory(caller: &Caller<'_, World>) -> Result<Memory, Error> {
    caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| crash("no export `memory`"))
}
