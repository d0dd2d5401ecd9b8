//! The wall between host and module: each step across it is held against the recorded one.

use std::collections::BTreeMap;
use std::{error, fmt, vec};

use serde_json::Value;
use wasmtime::{AsContextMut, Caller, Func, Memory, Val};

use crate::trace::Op;

/// How many characters of a value are shown.
const SHOWN: usize = 200;

/// What was recorded of an instance, and what it has done so far.
#[derive(Default)]
pub struct Recorded {
    /// The steps that are to come in the callback that runs.
    pub ops: vec::IntoIter<Op>,
    /// The module's memory.
    pub memory: Option<Memory>,
    /// The module's functions.
    pub exports: BTreeMap<String, Func>,
    /// Status and code of the local replies, by context.
    pub replies: BTreeMap<u32, (u32, String)>,
    /// Calls of the module.
    pub host_calls: usize,
    /// Bytes that the host read.
    pub bytes_read: usize,
    /// Bytes that the host wrote.
    pub bytes_written: usize,
}

/// Why a call ends.
#[derive(Debug)]
pub enum Stop {
    /// The host ends the module here, as it did when the trace was recorded.
    Crash,
    /// The engine did something else than what was recorded.
    Difference(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash => f.write_str("the host ends the module"),
            Self::Difference(what) => f.write_str(what),
        }
    }
}

impl error::Error for Stop {}

/// Calls an export and holds how that ends against the trace; what it returned comes back.
pub fn call(
    mut context: impl AsContextMut<Data = Recorded>,
    export: &str,
    arguments: &[i32],
) -> Result<Option<i32>, Stop> {
    let Some(function) = context.as_context().data().exports.get(export).copied() else {
        return Err(Stop::Difference(format!("no export `{export}`")));
    };
    let arguments: Vec<Val> = arguments.iter().map(|&number| Val::I32(number)).collect();
    let mut results = vec![Val::I32(0); function.ty(&context).results().len()];
    let found = match function.call(&mut context, &arguments, &mut results) {
        Ok(()) => Op::Return(results.first().and_then(Val::i32)),
        Err(error) => match error.downcast::<Stop>() {
            Ok(difference @ Stop::Difference(_)) => return Err(difference),
            Ok(Stop::Crash) => Op::Trap(String::new()),
            Err(error) => Op::Trap(error.root_cause().to_string()),
        },
    };
    let recorded = context.as_context_mut().data_mut().ops.next();
    same_step(&found, recorded.as_ref())?;
    match found {
        Op::Return(number) => Ok(number),
        _ => Ok(None),
    }
}

/// A call of the module: what the host does meanwhile, and its answer.
pub fn host(
    mut caller: Caller<'_, Recorded>,
    name: &str,
    arguments: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let answer = answer(&mut caller, name, arguments)?;
    if let Some(result) = results.first_mut() {
        *result = Val::I32(answer);
    }
    Ok(())
}

fn answer(caller: &mut Caller<'_, Recorded>, name: &str, arguments: &[Val]) -> Result<i32, Stop> {
    let numbers = arguments.iter().map(|argument| match argument {
        Val::I32(number) => i64::from(*number),
        Val::I64(number) => *number,
        _ => 0,
    });
    let numbers: Vec<i64> = numbers.collect();
    let recorded = caller.data_mut().ops.next();
    let context = match &recorded {
        Some(Op::Host(_, _, context)) => *context,
        _ => 0,
    };
    let found = Op::Host(name.to_owned(), numbers.clone(), context);
    same_step(&found, recorded.as_ref())?;
    caller.data_mut().host_calls += 1;
    while let Some(op) = caller.data_mut().ops.next() {
        match op {
            Op::Read(at, bytes) => {
                let what = format!("what `{name}` reads at {at}");
                same(
                    &what,
                    &text(memory(caller, at, bytes.0.len())?),
                    &text(&bytes.0),
                )?;
                caller.data_mut().bytes_read += bytes.0.len();
            }
            Op::Write(at, bytes) => {
                memory(caller, at, bytes.0.len())?.copy_from_slice(&bytes.0);
                caller.data_mut().bytes_written += bytes.0.len();
            }
            Op::Call(export, arguments) => {
                call(&mut *caller, &export, &arguments)?;
            }
            Op::Answer(status) => {
                if let ("proxy_send_local_response", 0, [status, _, _, at, size, ..]) =
                    (name, status, numbers.as_slice())
                {
                    let body = memory(caller, *at as u32, *size as u32 as usize)?;
                    let reply = (*status as u32, code(body));
                    caller.data_mut().replies.insert(context, reply);
                }
                return Ok(status);
            }
            Op::Crash(_) => return Err(Stop::Crash),
            Op::Return(_) | Op::Trap(_) | Op::Host(..) => {
                let inside = format!("no step of the host within `{name}`: {op:?}");
                return Err(Stop::Difference(inside));
            }
        }
    }
    Err(Stop::Difference(format!("the trace ends within `{name}`")))
}

/// A part of the module's memory.
fn memory<'a>(
    caller: &'a mut Caller<'_, Recorded>,
    at: u32,
    size: usize,
) -> Result<&'a mut [u8], Stop> {
    let memory = caller.data().memory;
    let bytes = memory.map_or(&mut [][..], |memory| memory.data_mut(caller));
    let start = at as usize;
    let part = bytes.get_mut(start..start.saturating_add(size));
    part.ok_or_else(|| Stop::Difference(format!("{size} bytes at {at} are outside of the memory")))
}

/// Holds a step of the module against the recorded one.
fn same_step(found: &Op, recorded: Option<&Op>) -> Result<(), Stop> {
    same("the next step", &step(Some(found)), &step(recorded))
}

/// Holds a value against the recorded one.
pub fn same(what: &str, found: &str, recorded: &str) -> Result<(), Stop> {
    if found == recorded {
        return Ok(());
    }
    let (found, recorded) = (shown(found), shown(recorded));
    let difference = format!("{what}: {found}, recorded {recorded}");
    Err(Stop::Difference(difference))
}

/// A step of the module, in words.
fn step(op: Option<&Op>) -> String {
    match op {
        Some(Op::Host(name, arguments, _)) => format!("a call of {name} with {arguments:?}"),
        Some(Op::Return(Some(number))) => format!("a return of {number}"),
        Some(Op::Return(None)) => "a return".to_owned(),
        Some(Op::Trap(_)) => "a trap".to_owned(),
        _ => "no step of the module".to_owned(),
    }
}

/// Bytes as the characters of the same numbers, as traces have them.
fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The stable code in a local reply, in whichever dialect; empty without one.
fn code(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let code = match &body["error"] {
        Value::Object(error) => error.get("code"),
        _ => body.get("code"),
    };
    code.and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A value for a person to read, cut where it is long.
fn shown(value: &str) -> String {
    let length = value.chars().count();
    let begin: String = value.chars().take(SHOWN).collect();
    match length {
        0..=SHOWN => format!("`{begin}`"),
        _ => format!("`{begin}…` of {length} characters"),
    }
}
