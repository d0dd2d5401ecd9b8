//! Log, clock, properties, counters, shared data, and what no request of the
//! gate uses but every module links.

use wasmi::{Caller, Error, Linker};

use super::{arguments, call};
use crate::guest::{give, read, write, write_u32};
use crate::record::{Level, LogLine};
use crate::world::{World, status};

pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    link_log_and_clock(linker)?;
    link_properties(linker)?;
    link_metrics(linker)?;
    link_shared(linker)?;
    link_unused(linker)
}

fn link_log_and_clock(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_log",
        |mut c: Caller<'_, World>, level: i32, data: i32, size: i32| {
            call(&mut c, "proxy_log", arguments![level, data, size], |c| {
                let text = String::from_utf8_lossy(&read(c, data, size)?).into_owned();
                c.data_mut().record.log.push(LogLine {
                    level: Level::from_wire(level),
                    text,
                });
                Ok(status::OK)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_get_current_time_nanoseconds",
        |mut c: Caller<'_, World>, at: i32| {
            call(
                &mut c,
                "proxy_get_current_time_nanoseconds",
                arguments![at],
                |c| match c.data().nanoseconds() {
                    Some(now) => {
                        write(c, at, &now.to_le_bytes())?;
                        Ok(status::OK)
                    }
                    None => Ok(status::INTERNAL_FAILURE),
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_tick_period_milliseconds",
        |mut c: Caller<'_, World>, period: i32| {
            call(
                &mut c,
                "proxy_set_tick_period_milliseconds",
                arguments![period],
                |c| {
                    let world = c.data_mut();
                    let at_root = world.stream().is_none();
                    let before = world.tick_periods.get(&world.context).copied();
                    let answer = world.profile.set_tick(at_root, before.unwrap_or(0))?;
                    world.tick_periods.insert(world.context, period as u32);
                    Ok(answer)
                },
            )
        },
    )?;
    Ok(())
}

fn link_properties(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_get_property",
        |mut c: Caller<'_, World>, path: i32, path_size: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_get_property",
                arguments![path, path_size, data, size],
                |c| {
                    let path = read(c, path, path_size)?;
                    c.data_mut().about(&path);
                    let world = c.data();
                    match world.profile.property(world.stream(), &path)? {
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
        "proxy_set_property",
        |mut c: Caller<'_, World>, path: i32, path_size: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_set_property",
                arguments![path, path_size, data, size],
                |c| {
                    let (path, value) = (read(c, path, path_size)?, read(c, data, size)?);
                    c.data_mut().about(&path);
                    let answer = c.data().profile.may_set_property(&path);
                    match c.data_mut().stream_mut() {
                        Some(stream) if answer == status::OK => {
                            stream.properties.insert(path, value);
                            Ok(answer)
                        }
                        Some(_) => Ok(answer),
                        None => Ok(status::BAD_ARGUMENT),
                    }
                },
            )
        },
    )?;
    Ok(())
}

fn link_metrics(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_define_metric",
        |mut c: Caller<'_, World>, kind: i32, name: i32, size: i32, id: i32| {
            call(
                &mut c,
                "proxy_define_metric",
                arguments![kind, name, size, id],
                |c| {
                    let name = String::from_utf8_lossy(&read(c, name, size)?).into_owned();
                    c.data_mut().about(name.as_bytes());
                    if !c.data().profile.counts_metrics() {
                        return Ok(status::OK);
                    }
                    let names = &mut c.data_mut().metric_names;
                    let at = names
                        .iter()
                        .position(|other| *other == name)
                        .unwrap_or_else(|| {
                            names.push(name);
                            names.len() - 1
                        });
                    write_u32(c, id, u32::try_from(at).expect("few counters"))?;
                    Ok(status::OK)
                },
            )
        },
    )?;
    for name in ["proxy_increment_metric", "proxy_record_metric"] {
        linker.func_wrap(
            "env",
            name,
            move |mut c: Caller<'_, World>, id: i32, by: i64| {
                call(&mut c, name, arguments![id, by], |c| {
                    let world = c.data_mut();
                    if !world.profile.counts_metrics() {
                        return Ok(status::OK);
                    }
                    match world.metric_names.get(id as u32 as usize).cloned() {
                        Some(metric) => {
                            world.about(metric.as_bytes());
                            let shown = world.record.metrics.entry(metric).or_default();
                            if name == "proxy_record_metric" {
                                *shown = by;
                            } else {
                                *shown += by;
                            }
                            Ok(status::OK)
                        }
                        None => Ok(status::NOT_FOUND),
                    }
                })
            },
        )?;
    }
    Ok(())
}

fn link_shared(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_get_shared_data",
        |mut c: Caller<'_, World>, key: i32, key_size: i32, data: i32, size: i32, cas: i32| {
            call(
                &mut c,
                "proxy_get_shared_data",
                arguments![key, key_size, data, size, cas],
                |c| {
                    let key = read(c, key, key_size)?;
                    c.data().profile.share()?;
                    let Some((value, version)) = c.data().shared.get(&key).cloned() else {
                        return Ok(status::NOT_FOUND);
                    };
                    give(c, &value, data, size)?;
                    write_u32(c, cas, version)?;
                    Ok(status::OK)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_shared_data",
        |mut c: Caller<'_, World>, key: i32, key_size: i32, data: i32, size: i32, cas: i32| {
            call(
                &mut c,
                "proxy_set_shared_data",
                arguments![key, key_size, data, size, cas],
                |c| {
                    let (key, value) = (read(c, key, key_size)?, read(c, data, size)?);
                    c.data().profile.share()?;
                    let shared = &mut c.data_mut().shared;
                    let there = shared.get(&key).map(|(_, version)| *version);
                    // Envoy asks for no version of what is not there.
                    if cas != 0 && there.is_some_and(|there| there != cas as u32) {
                        return Ok(status::CAS_MISMATCH);
                    }
                    shared.insert(key, (value, there.unwrap_or_default() + 1));
                    Ok(status::OK)
                },
            )
        },
    )?;
    Ok(())
}

/// Linked by every module of the SDK, of no use to the gate: they find nothing.
fn link_unused(linker: &mut Linker<World>) -> Result<(), Error> {
    macro_rules! unused {
        ($name:literal $(, $argument:ident)*) => {
            linker.func_wrap("env", $name, |mut c: Caller<'_, World> $(, $argument: i32)*| {
                call(&mut c, $name, arguments![$($argument),*], |_| Ok(status::NOT_FOUND))
            })?;
        };
    }
    unused!("proxy_register_shared_queue", a, b, d);
    unused!("proxy_resolve_shared_queue", a, b, d, e, f);
    unused!("proxy_dequeue_shared_queue", a, b, d);
    unused!("proxy_enqueue_shared_queue", a, b, d);
    unused!("proxy_grpc_call", a, b, d, e, f, g, h, i, j, k, l, m);
    unused!("proxy_grpc_stream", a, b, d, e, f, g, h, i, j);
    unused!("proxy_grpc_send", a, b, d, e);
    unused!("proxy_grpc_cancel", a);
    unused!("proxy_grpc_close", a);
    unused!("proxy_get_status", a, b, d);
    linker.func_wrap(
        "env",
        "proxy_call_foreign_function",
        |mut c: Caller<'_, World>,
         name: i32,
         name_size: i32,
         argument: i32,
         argument_size: i32,
         data: i32,
         size: i32| {
            call(
                &mut c,
                "proxy_call_foreign_function",
                arguments![name, name_size, argument, argument_size, data, size],
                |c| {
                    let name = read(c, name, name_size)?;
                    let argument = read(c, argument, argument_size)?;
                    c.data_mut().about(&name);
                    match c.data().profile.foreign_function(&name, &argument)? {
                        Ok(answer) => {
                            give(c, &answer, data, size)?;
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
        "proxy_set_effective_context",
        |mut c: Caller<'_, World>, id: i32| {
            call(&mut c, "proxy_set_effective_context", arguments![id], |c| {
                let world = c.data_mut();
                let id = id as u32;
                if !world.profile.calls_are_the_roots() {
                    // nginx's modules know which request they are in.
                    return Ok(status::OK);
                }
                if !world.streams.contains_key(&id) && !world.configurations.contains_key(&id) {
                    return Ok(status::BAD_ARGUMENT);
                }
                world.context = id;
                Ok(status::OK)
            })
        },
    )?;
    linker.func_wrap("env", "proxy_done", |mut c: Caller<'_, World>| {
        call(&mut c, "proxy_done", arguments![], |_| Ok(status::OK))
    })?;
    Ok(())
}
