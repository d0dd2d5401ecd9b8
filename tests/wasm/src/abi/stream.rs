//! What happens to a stream: buffers, local replies, calls, going on.

use wasmi::{Caller, Error, Linker};

use super::{arguments, call};
use crate::calls::Call;
use crate::guest::{give, read, write_u32};
use crate::map;
use crate::profile::Crash;
use crate::record::Reply;
use crate::world::{World, status};

const REQUEST_BODY: i32 = 0;
const RESPONSE_BODY: i32 = 1;
const CALL_BODY: i32 = 4;
const VM_CONFIGURATION: i32 = 6;
const PLUGIN_CONFIGURATION: i32 = 7;

pub fn link(linker: &mut Linker<World>) -> Result<(), Error> {
    linker.func_wrap(
        "env",
        "proxy_get_buffer_bytes",
        |mut c: Caller<'_, World>, kind: i32, start: i32, max: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_get_buffer_bytes",
                arguments![kind, start, max, data, size],
                |c| {
                    if kind != PLUGIN_CONFIGURATION && !c.data().profile.takes_a_size_of(max as u32)
                    {
                        return Ok(status::BAD_ARGUMENT);
                    }
                    match buffer(c.data(), kind)? {
                        Some(bytes) if !bytes.is_empty() => {
                            let from = (start as u32 as usize).min(bytes.len());
                            let to = from.saturating_add(max as u32 as usize).min(bytes.len());
                            give(c, &bytes[from..to], data, size)?;
                            Ok(status::OK)
                        }
                        Some(_) => Ok(status::NOT_FOUND),
                        None => Ok(status::BAD_ARGUMENT),
                    }
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_set_buffer_bytes",
        |mut c: Caller<'_, World>, kind: i32, start: i32, most: i32, data: i32, size: i32| {
            call(
                &mut c,
                "proxy_set_buffer_bytes",
                arguments![kind, start, most, data, size],
                |c| {
                    let bytes = read(c, data, size)?;
                    let (start, most) = (start as u32 as usize, most as u32 as usize);
                    Ok(set_response_body(
                        c.data_mut(),
                        kind,
                        (start, most),
                        &bytes,
                    )?)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_send_local_response",
        |mut c: Caller<'_, World>,
         code: i32,
         details: i32,
         details_size: i32,
         body: i32,
         body_size: i32,
         headers: i32,
         headers_size: i32,
         grpc: i32| {
            call(
                &mut c,
                "proxy_send_local_response",
                arguments![
                    code,
                    details,
                    details_size,
                    body,
                    body_size,
                    headers,
                    headers_size,
                    grpc
                ],
                |c| {
                    let reply = Reply {
                        status: code as u32,
                        details: read(c, details, details_size)?,
                        body: read(c, body, body_size)?,
                        headers: map::decode(&read(c, headers, headers_size)?).map_err(Crash)?,
                    };
                    c.data_mut().about(code.to_string().as_bytes());
                    local_reply(c.data_mut(), reply)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_http_call",
        |mut c: Caller<'_, World>,
         upstream: i32,
         upstream_size: i32,
         headers: i32,
         headers_size: i32,
         body: i32,
         body_size: i32,
         trailers: i32,
         trailers_size: i32,
         timeout: i32,
         token: i32| {
            call(
                &mut c,
                "proxy_http_call",
                arguments![
                    upstream,
                    upstream_size,
                    headers,
                    headers_size,
                    body,
                    body_size,
                    trailers,
                    trailers_size,
                    timeout,
                    token
                ],
                |c| {
                    let upstream = read(c, upstream, upstream_size)?;
                    let headers = map::decode(&read(c, headers, headers_size)?).map_err(Crash)?;
                    let body = read(c, body, body_size)?;
                    let world = c.data_mut();
                    world.about(&upstream);
                    let made = Call {
                        token: world.profile.token(world.calls_made),
                        context: world.context,
                        root: world.root(),
                        upstream: String::from_utf8_lossy(&upstream).into_owned(),
                        headers,
                        body,
                        timeout: timeout as u32,
                    };
                    if world.answer.is_some() && world.stream().is_none() {
                        world.profile.call_in_a_callback_of_the_root()?;
                    }
                    let answer = world
                        .profile
                        .http_call(&made, world.stream(), world.ticks)?;
                    if answer != status::OK {
                        return Ok(answer);
                    }
                    world.calls_made += 1;
                    if let Some(stream) = world.stream_mut() {
                        stream.in_flight += 1;
                    }
                    write_u32(c, token, made.token)?;
                    c.data_mut().record.fetches.push(made.clone());
                    c.data_mut().calls.push(made);
                    Ok(status::OK)
                },
            )
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_continue_stream",
        |mut c: Caller<'_, World>, kind: i32| {
            call(&mut c, "proxy_continue_stream", arguments![kind], |c| {
                // On nginx a resume is a no-op: it goes on by itself.
                let by_itself = c.data().profile.goes_on_after_callback();
                match c.data_mut().stream_mut() {
                    Some(stream) if kind == 0 && !by_itself => stream.released = true,
                    _ => {}
                }
                Ok(status::OK)
            })
        },
    )?;
    linker.func_wrap(
        "env",
        "proxy_close_stream",
        |mut c: Caller<'_, World>, kind: i32| {
            call(&mut c, "proxy_close_stream", arguments![kind], |_| {
                Ok(status::OK)
            })
        },
    )?;
    Ok(())
}

fn buffer(world: &World, kind: i32) -> Result<Option<Vec<u8>>, Crash> {
    Ok(match kind {
        CALL_BODY => match &world.answer {
            Some(answer) => Some(answer.body.clone()),
            None => return Err(Crash("the body of an answer where none has come".into())),
        },
        RESPONSE_BODY => world.stream().map(|stream| stream.answer.shown.clone()),
        REQUEST_BODY => {
            let body = world.stream().map(|stream| stream.body.clone());
            body.filter(|body| world.profile.reads_a_body_of(body.len()))
                .or_else(|| world.stream().map(|_| Vec::new()))
        }
        VM_CONFIGURATION => Some(Vec::new()),
        PLUGIN_CONFIGURATION => world.configurations.get(&world.root()).cloned(),
        _ => None,
    })
}

/// Takes a local reply; rules that hold on every gateway are broken loudly.
/// Puts `bytes` in the place of a part of what the module is shown of the response's body.
fn set_response_body(
    world: &mut World,
    kind: i32,
    (start, most): (usize, usize),
    bytes: &[u8],
) -> Result<i32, Crash> {
    let profile = world.profile.clone();
    let Some(stream) = world.stream_mut().filter(|_| kind == RESPONSE_BODY) else {
        return Err(Crash(
            "a buffer is set that is no body of a response".into(),
        ));
    };
    if !stream.answer.in_body {
        return Err(Crash(
            "the body of a response is set outside of its callback".into(),
        ));
    }
    // hosts.md, "response body": read-only on APISIX; on Kong nobody has tried.
    if !profile.changes_response_bodies() {
        return Err(Crash("a body is set that cannot be changed here".into()));
    }
    let shown = &mut stream.answer.shown;
    if start > shown.len() {
        return Ok(status::BAD_ARGUMENT);
    }
    let end = start.saturating_add(most).min(shown.len());
    shown.splice(start..end, bytes.iter().copied());
    Ok(status::OK)
}

fn local_reply(world: &mut World, reply: Reply) -> Result<i32, Error> {
    // hosts.md, "local reply": an error with an empty body gets nginx's HTML.
    if reply.status >= 400 && reply.body.is_empty() {
        return Err(Crash(format!("a local reply {} without a body", reply.status)).into());
    }
    for (name, value) in &reply.headers {
        let bad = |byte: &u8| *byte < 0x20 || *byte > 0x7e;
        if name.is_empty() || name.iter().any(bad) || value.iter().any(bad) {
            let name = String::from_utf8_lossy(name).into_owned();
            return Err(Crash(format!("a local reply with unprintable header `{name}`")).into());
        }
    }
    let Some(stream) = world.stream_mut() else {
        return Ok(status::BAD_ARGUMENT);
    };
    if stream.answer.begun {
        if stream.answer.reply.is_some() {
            return Err(Crash("a second local reply to a response".into()).into());
        }
        // Envoy resets the stream where the head has gone on.
        stream.answer.broken_off = stream.answer.head_gone;
        stream.answer.shown.clear();
        stream.answer.reply = Some(reply);
        return Ok(status::OK);
    }
    // In the body's callback the head may have gone on, by itself, and nothing is answered yet.
    if stream.released && !stream.body_was_shown {
        return Err(Crash("a local reply after the head went on".into()).into());
    }
    if stream.reply.is_some() {
        return Err(Crash("a second local reply".into()).into());
    }
    stream.response = reply.headers.clone();
    stream.reply = Some(reply);
    Ok(status::OK)
}
