//! Header maps: read, look up, change.

use wasmi::{Caller, Error, Linker};

use super::{arguments, call};
use crate::calls::CallAnswer;
use crate::guest::{give, read};
use crate::map::{self, Pairs};
use crate::profile::{Crash, Edit};
use crate::world::{World, status};

const REQUEST: i32 = 0;
const TRAILERS: i32 = 1;
const RESPONSE: i32 = 2;
const CALL_RESPONSE: i32 = 6;

pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_get_header_map_pairs",
        |mut c: Caller<'_, World>, kind: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_get_header_map_pairs",
                arguments![kind, data, size],
                |c| match pairs(c.data(), kind)? {
                    Ok(bytes) => {
                        give(c, &bytes, data, size)?;
                        Ok(status::OK)
                    }
                    Err(status) => Ok(status),
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_header_map_value",
        |mut c: Caller<'_, World>, kind: i32, key: i32, key_size: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_get_header_map_value",
                arguments![kind, key, key_size, data, size],
                |c| {
                    let name = read(c, key, key_size)?;
                    c.data_mut().about(&name);
                    match value(c.data(), kind, &name)? {
                        Ok(bytes) => {
                            give(c, &bytes, data, size)?;
                            Ok(status::OK)
                        }
                        Err(status) => Ok(status),
                    }
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_add_header_map_value",
        |mut c: Caller<'_, World>, kind: i32, key: i32, key_size: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_add_header_map_value",
                arguments![kind, key, key_size, data, size],
                |c| {
                    let edit = Edit::Add(read(c, key, key_size)?, read(c, data, size)?);
                    change(c, kind, &edit)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_replace_header_map_value",
        |mut c: Caller<'_, World>, kind: i32, key: i32, key_size: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_replace_header_map_value",
                arguments![kind, key, key_size, data, size],
                |c| {
                    let edit = Edit::Replace(read(c, key, key_size)?, read(c, data, size)?);
                    change(c, kind, &edit)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_remove_header_map_value",
        |mut c: Caller<'_, World>, kind: i32, key: i32, key_size: i32| {
            call(
                &mut c,
                "proxy_remove_header_map_value",
                arguments![kind, key, key_size],
                |c| {
                    let edit = Edit::Remove(read(c, key, key_size)?);
                    change(c, kind, &edit)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_header_map_pairs",
        |mut c: Caller<'_, World>, kind: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_set_header_map_pairs",
                arguments![kind, data, size],
                |c| {
                    let bytes = read(c, data, size)?;
                    let pairs = map::decode(&bytes).map_err(Crash)?;
                    set_all(c.data_mut(), kind, pairs)
                },
            )
        },
    )?;
    Ok(())
}

/// The bytes of a whole map, or the status that stands for none.
fn pairs(world: &World, kind: i32) -> Result<Result<Vec<u8>, i32>, Error> {
    if kind == CALL_RESPONSE {
        return Ok(Ok(map::encode(&answer(world)?.headers)));
    }
    let Some(stream) = world.stream() else {
        return Ok(Err(status::BAD_ARGUMENT));
    };
    let pairs = match kind {
        REQUEST => world.profile.read_map(stream)?,
        RESPONSE => world.profile.read_response_map(stream)?,
        _ => return Ok(Ok(map::encode(&Pairs::new()))),
    };
    match (&world.raw_map, kind) {
        (Some(raw), REQUEST) => Ok(Ok(raw.clone())),
        _ => Ok(Ok(map::encode(&pairs))),
    }
}

/// One value, or the status that stands for none.
fn value(world: &World, kind: i32, name: &[u8]) -> Result<Result<Vec<u8>, i32>, Error> {
    if kind == CALL_RESPONSE {
        return Ok(map::first(&answer(world)?.headers, name).ok_or(status::NOT_FOUND));
    }
    let Some(stream) = world.stream() else {
        return Ok(Err(status::BAD_ARGUMENT));
    };
    let found = match kind {
        REQUEST => world.profile.read_value(stream, name)?,
        RESPONSE => {
            let mut pairs = stream.response.iter();
            let pair = pairs.find(|(other, _)| other.eq_ignore_ascii_case(name));
            pair.map(|(_, value)| value.clone())
        }
        _ => None,
    };
    Ok(found.ok_or(status::NOT_FOUND))
}

/// The answer to a call, which can be read in its callback and nowhere else.
fn answer(world: &World) -> Result<&CallAnswer, Crash> {
    let answer = world.answer.as_ref();
    answer.ok_or_else(|| Crash("the headers of an answer where none has come".into()))
}

/// Carries out a change under the profile's rules.
fn change(c: &mut Caller<'_, World>, kind: i32, edit: &Edit) -> Result<i32, Error> {
    let world = c.data_mut();
    world.about(edit.name());
    let profile = world.profile.clone();
    let Some(stream) = world.stream_mut() else {
        return Ok(status::BAD_ARGUMENT);
    };
    match kind {
        REQUEST => Ok(profile.edit(stream, edit)?),
        RESPONSE if stream.answer.head_gone => Err(Crash(format!(
            "a header edit after the response's head went on: {edit:?}"
        ))
        .into()),
        RESPONSE => {
            edit.apply(&mut stream.response);
            Ok(status::OK)
        }
        _ => Ok(status::BAD_ARGUMENT),
    }
}

/// Puts a whole map in the place of the other; only Envoy has it.
fn set_all(world: &mut World, kind: i32, pairs: Pairs) -> Result<i32, Error> {
    let Some(stream) = world.stream_mut() else {
        return Ok(status::BAD_ARGUMENT);
    };
    match kind {
        REQUEST if stream.released => {
            Err(Crash("the header map was set after Continue".into()).into())
        }
        REQUEST => {
            stream.headers = pairs;
            Ok(status::OK)
        }
        TRAILERS => {
            stream.trailers = pairs;
            Ok(status::OK)
        }
        RESPONSE => {
            stream.response = pairs;
            Ok(status::OK)
        }
        _ => Ok(status::BAD_ARGUMENT),
    }
}
