//! The six names of `wasi_snapshot_preview1` that a module may import.

use wasmi::{Caller, Error, Linker};

use crate::abi::{arguments, call};
use crate::guest::{crash, read, write, write_u32};
use crate::world::World;

/// WASI's "invalid argument", what a broken clock answers.
const EINVAL: i32 = 28;

/// Adds every function to the linker.
pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    const WASI: &str = "wasi_snapshot_preview1";
    linker.func_wrap(
        WASI,
        "random_get",
        |mut c: Caller<'_, World>, at: i32, size: i32| {
            call(&mut c, "random_get", arguments![at, size], |c| {
                let bytes = c.data_mut().random_bytes(size as u32 as usize);
                write(c, at, &bytes)?;
                Ok(0)
            })
        },
    )?;
    linker.func_wrap(
        WASI,
        "clock_time_get",
        |mut c: Caller<'_, World>, clock: i32, precision: i64, at: i32| {
            call(
                &mut c,
                "clock_time_get",
                arguments![clock, precision, at],
                |c| match c.data().nanoseconds() {
                    Some(now) => {
                        write(c, at, &now.to_le_bytes())?;
                        Ok(0)
                    }
                    None => Ok(EINVAL),
                },
            )
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_sizes_get",
        |mut c: Caller<'_, World>, count: i32, size: i32| {
            call(&mut c, "environ_sizes_get", arguments![count, size], |c| {
                let strings = strings(c.data());
                let bytes: usize = strings.iter().map(Vec::len).sum();
                write_u32(c, count, strings.len() as u32)?;
                write_u32(c, size, bytes as u32)?;
                Ok(0)
            })
        },
    )?;
    linker.func_wrap(
        WASI,
        "environ_get",
        |mut c: Caller<'_, World>, mut pointer: i32, mut at: i32| {
            call(&mut c, "environ_get", arguments![pointer, at], |c| {
                for string in strings(c.data()) {
                    write_u32(c, pointer, at as u32)?;
                    write(c, at, &string)?;
                    pointer += 4;
                    at += string.len() as i32;
                }
                Ok(0)
            })
        },
    )?;
    linker.func_wrap(
        WASI,
        "fd_write",
        |mut c: Caller<'_, World>, fd: i32, vectors: i32, count: i32, written: i32| {
            call(
                &mut c,
                "fd_write",
                arguments![fd, vectors, count, written],
                |c| {
                    let mut all = Vec::new();
                    for index in 0..count {
                        let vector = read(c, vectors + index * 8, 8)?;
                        let number = |at: usize| {
                            i32::from_le_bytes([
                                vector[at],
                                vector[at + 1],
                                vector[at + 2],
                                vector[at + 3],
                            ])
                        };
                        all.extend(read(c, number(0), number(4))?);
                    }
                    write_u32(c, written, all.len() as u32)?;
                    c.data_mut()
                        .record
                        .stderr
                        .push_str(&String::from_utf8_lossy(&all));
                    Ok(0)
                },
            )
        },
    )?;
    linker.func_wrap(
        WASI,
        "proc_exit",
        |mut c: Caller<'_, World>, code: i32| -> Result<(), Error> {
            let ended = crash(format!("the module called proc_exit({code})"));
            call(&mut c, "proc_exit", arguments![code], |_| Err(ended)).map(|_| ())
        },
    )?;
    Ok(())
}

fn strings(world: &World) -> Vec<Vec<u8>> {
    world
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}\0").into_bytes())
        .collect()
}
