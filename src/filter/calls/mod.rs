//! The raw calls of the gateway, with `unsafe` as no other file but the allocator.
//!
//! The SDK's wrappers panic on a value that is not UTF-8 and on every status they do not list, and
//! a panic is an outage. These return what the gateway said.

#![allow(unsafe_code)]

mod imports;

use crate::{CallToken, Counter, Gauge, Host, Status, serialize};
use imports::*;
use ollama_gate_engine::{Call, Level, Reply};
use proxy_wasm::hostcalls::dispatch_http_call;
use proxy_wasm::types::Status as SdkStatus;
use std::hint::black_box;
use std::ptr::{null, null_mut};
use std::time::Duration;

/// Which exports the module has. `scripts/exports.py` writes `fewer` into the copy for Envoy, so it
/// is read where the compiler cannot see what it is.
const EXPORTS: &[u8] = b"ollama-gate exports: every";

const fn check(status: u32) -> Result<(), Status> {
    match status {
        0 => Ok(()),
        other => Err(Status(other)),
    }
}

/// Takes over a buffer that the gateway had the module allocate.
fn take(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // SAFETY: the gateway got `data` from the SDK's `proxy_on_memory_allocate(size)`, which makes a
    // boxed slice of exactly `size` bytes, filled it, and forgot it.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// All bytes of a buffer.
fn buffer(kind: u32) -> Result<Vec<u8>, Status> {
    part(kind, 0, ALL)
}

/// At most `max` bytes of a buffer, from `start` on.
fn part(kind: u32, start: usize, max: usize) -> Result<Vec<u8>, Status> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: both out-pointers are valid for the call.
    let status = unsafe { proxy_get_buffer_bytes(kind, start, max, &mut data, &mut size) };
    check(status).map(|()| take(data, size))
}

/// The first value of the header `name` in the map `kind`.
fn header(kind: u32, name: &str) -> Result<Option<Vec<u8>>, Status> {
    let (mut data, mut size) = (null_mut(), 0);
    // SAFETY: `name` outlives the call, both out-pointers are valid for it.
    let status = unsafe {
        proxy_get_header_map_value(kind, name.as_ptr(), name.len(), &mut data, &mut size)
    };
    match check(status) {
        Err(Status::NOT_FOUND) => Ok(None),
        status => status.map(|()| Some(take(data, size))),
    }
}

/// Makes `value` the only value of the header `name` in the map `kind`.
fn replace(kind: u32, name: &str, value: &str) -> Result<(), Status> {
    // SAFETY: `name` and `value` outlive the call.
    check(unsafe {
        proxy_replace_header_map_value(kind, name.as_ptr(), name.len(), value.as_ptr(), value.len())
    })
}

/// Takes the header `name` out of the map `kind`.
fn remove(kind: u32, name: &str) -> Result<(), Status> {
    // SAFETY: `name` outlives the call.
    check(unsafe { proxy_remove_header_map_value(kind, name.as_ptr(), name.len()) })
}

/// The gateway that runs this module.
#[derive(Clone, Copy, Debug)]
pub struct Gateway;

impl Host for Gateway {
    fn configuration(&self) -> Result<Vec<u8>, Status> {
        match buffer(PLUGIN_CONFIGURATION) {
            // An absent configuration is an empty one, and refused as such.
            Err(Status::NOT_FOUND) => Ok(Vec::new()),
            read => read,
        }
    }

    fn environment(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn wall_clock(&self) -> Result<u64, Status> {
        let mut time = 0;
        // SAFETY: the out-pointer is valid for the call.
        let errno = unsafe { clock_time_get(CLOCK_REALTIME, PRECISION, &mut time) };
        check(errno).map(|()| time)
    }

    fn probe_clock_call(&self) -> Result<(), Status> {
        let mut time = 0;
        // SAFETY: the out-pointer is valid for the call.
        check(unsafe { proxy_get_current_time_nanoseconds(&mut time) })
    }

    fn probe_context_call(&self) -> Result<(), Status> {
        // Contexts are numbered from 1 on, so there is none of this number.
        self.enter_context(u32::MAX)
    }

    fn probe_nginx_property(&self) -> Result<bool, Status> {
        // What is found is freed at once; that it is there is the answer.
        let found = self.request_property("ngx\0nginx_version")?;
        Ok(found.is_some())
    }

    fn request_property(&self, path: &str) -> Result<Option<Vec<u8>>, Status> {
        let (mut data, mut size) = (null_mut(), 0);
        // SAFETY: `path` outlives the call, both out-pointers are valid for it.
        let status = unsafe { proxy_get_property(path.as_ptr(), path.len(), &mut data, &mut size) };
        match check(status) {
            Err(Status::NOT_FOUND) => Ok(None),
            status => status.map(|()| Some(take(data, size))),
        }
    }

    fn request_headers(&self) -> Result<Vec<u8>, Status> {
        let (mut data, mut size) = (null_mut(), 0);
        // SAFETY: both out-pointers are valid for the call.
        let status = unsafe { proxy_get_header_map_pairs(REQUEST_HEADERS, &mut data, &mut size) };
        check(status).map(|()| take(data, size))
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        header(REQUEST_HEADERS, name)
    }

    fn set_request_header(&self, name: &str, value: &str) -> Result<(), Status> {
        replace(REQUEST_HEADERS, name, value)
    }

    fn remove_request_header(&self, name: &str) -> Result<(), Status> {
        remove(REQUEST_HEADERS, name)
    }

    fn sees_responses(&self) -> bool {
        black_box(EXPORTS).ends_with(b"every")
    }

    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        header(RESPONSE_HEADERS, name)
    }

    fn set_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        replace(RESPONSE_HEADERS, name, value)
    }

    fn add_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        // SAFETY: `name` and `value` outlive the call.
        check(unsafe {
            proxy_add_header_map_value(
                RESPONSE_HEADERS,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        })
    }

    fn remove_response_header(&self, name: &str) -> Result<(), Status> {
        remove(RESPONSE_HEADERS, name)
    }

    fn set_property(&self, name: &str, value: &str) -> Result<(), Status> {
        // SAFETY: `name` and `value` outlive the call.
        check(unsafe { proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) })
    }

    fn shared_data(&self, key: &str) -> Result<Option<Vec<u8>>, Status> {
        Ok(self.versioned_data(key)?.map(|(value, _)| value))
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        self.set_versioned_data(key, value, ANY_VERSION)
    }

    fn versioned_data(&self, key: &str) -> Result<Option<(Vec<u8>, u32)>, Status> {
        let (mut data, mut size, mut version) = (null_mut(), 0, 0);
        // SAFETY: `key` outlives the call, the out-pointers are valid for it.
        let status = unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), &mut data, &mut size, &mut version)
        };
        match check(status) {
            Err(Status::NOT_FOUND) => Ok(None),
            status => status.map(|()| Some((take(data, size), version))),
        }
    }

    fn set_versioned_data(&self, key: &str, value: &[u8], version: u32) -> Result<(), Status> {
        let (name, data) = (key.as_bytes(), value);
        // SAFETY: `name` and `data` outlive the call.
        check(unsafe {
            proxy_set_shared_data(
                name.as_ptr(),
                name.len(),
                data.as_ptr(),
                data.len(),
                version,
            )
        })
    }

    fn clear_request_trailers(&self) -> Result<(), Status> {
        let none = serialize([].into_iter()).unwrap_or_default();
        // SAFETY: `none` outlives the call.
        check(unsafe { proxy_set_header_map_pairs(REQUEST_TRAILERS, none.as_ptr(), none.len()) })
    }

    fn ask_for_body(&self) -> Result<(), Status> {
        self.set_property("wasm_process_req_body", "true")
    }

    fn request_body(&self, start: usize, max: usize) -> Result<Vec<u8>, Status> {
        part(REQUEST_BODY, start, max)
    }

    fn response_body(&self, start: usize, max: usize) -> Result<Vec<u8>, Status> {
        part(RESPONSE_BODY, start, max)
    }

    fn set_response_body(&self, size: usize, bytes: &[u8]) -> Result<(), Status> {
        // SAFETY: `bytes` outlives the call.
        check(unsafe {
            proxy_set_buffer_bytes(RESPONSE_BODY, 0, size, bytes.as_ptr(), bytes.len())
        })
    }

    fn enter_context(&self, context: u32) -> Result<(), Status> {
        // SAFETY: no pointer.
        check(unsafe { proxy_set_effective_context(context) })
    }

    fn reply(&self, reply: &Reply) -> Result<(), Status> {
        let headers = reply.headers.iter();
        let headers = headers.map(|(name, value)| (*name, value.as_str()));
        let headers = serialize(headers).unwrap_or_default();
        // SAFETY: body and headers outlive the call; the details are empty.
        check(unsafe {
            proxy_send_local_response(
                u32::from(reply.status),
                null(),
                0,
                reply.body.as_ptr(),
                reply.body.len(),
                headers.as_ptr(),
                headers.len(),
                NO_GRPC_STATUS,
            )
        })
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            Level::Info => 2,
            Level::Warn => 3,
            Level::Error => 4,
        };
        // SAFETY: `line` outlives the call. A log that takes no line is no reason to stop.
        let _ = unsafe { proxy_log(level, line.as_ptr(), line.len()) };
    }

    fn define_counter(&self, name: &str) -> Result<Counter, Status> {
        define_metric(METRIC_COUNTER, name).map(Counter)
    }

    fn count(&self, counter: Counter, amount: u64) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        // SAFETY: no pointer. A counter that does not count is no reason to stop.
        let _ = unsafe { proxy_increment_metric(counter.0, amount) };
    }

    fn define_gauge(&self, name: &str) -> Result<Gauge, Status> {
        define_metric(METRIC_GAUGE, name).map(Gauge)
    }

    fn record(&self, gauge: Gauge, value: u64) {
        // SAFETY: no pointer. A gauge that shows nothing is no reason to stop.
        let _ = unsafe { proxy_record_metric(gauge.0, value) };
    }

    fn entropy(&self) -> u64 {
        let mut bytes = [0; 8];
        // SAFETY: the buffer is valid for the call. Without randomness things are not spread out.
        let _ = unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
        u64::from_le_bytes(bytes)
    }

    fn random(&self) -> Result<[u8; 32], Status> {
        let mut bytes = [0; 32];
        // SAFETY: the buffer is valid for the call.
        let errno = unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
        check(errno).map(|()| bytes)
    }

    fn set_tick(&self, period: Duration) -> Result<(), Status> {
        let period = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
        // SAFETY: no pointer.
        check(unsafe { proxy_set_tick_period_milliseconds(period) })
    }

    /// The one call that goes through the SDK: its dispatcher has to know the token, or it panics
    /// when the answer comes.
    fn http_call(&self, call: &Call) -> Result<CallToken, Status> {
        let url = call.url();
        let mut headers = vec![
            (":method", call.method()),
            (":scheme", url.scheme().name()),
            (":authority", url.authority()),
            (":path", url.path()),
        ];
        headers.extend(call.headers());
        let (upstream, timeout) = (call.upstream(), call.timeout());
        dispatch_http_call(upstream, headers, call.body(), Vec::new(), timeout)
            .map(CallToken)
            .map_err(|status| Status(sdk_status(status)))
    }

    fn call_status(&self) -> Option<u16> {
        let status = header(CALL_RESPONSE_HEADERS, ":status").ok()??;
        std::str::from_utf8(&status).ok()?.parse().ok()
    }

    fn call_header(&self, name: &str) -> Option<String> {
        let value = header(CALL_RESPONSE_HEADERS, name).ok()??;
        String::from_utf8(value).ok()
    }

    fn call_body(&self) -> Result<Vec<u8>, Status> {
        buffer(CALL_RESPONSE_BODY)
    }

    fn resume(&self) -> Result<(), Status> {
        // SAFETY: no pointer.
        check(unsafe { proxy_continue_stream(REQUEST_STREAM) })
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        let (mut data, mut size) = (null_mut(), 0);
        // SAFETY: `name` and `argument` outlive the call, both out-pointers are valid for it.
        let status = unsafe {
            proxy_call_foreign_function(
                name.as_ptr(),
                name.len(),
                argument.as_ptr(),
                argument.len(),
                &mut data,
                &mut size,
            )
        };
        check(status).map(|()| take(data, size))
    }
}

/// Makes a metric of this kind known. Gives its number.
fn define_metric(kind: u32, name: &str) -> Result<u32, Status> {
    let mut id = 0;
    // SAFETY: `name` outlives the call, the out-pointer is valid for it.
    let status = unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut id) };
    check(status).map(|()| id)
}

/// The number of a status that the SDK gave a name.
const fn sdk_status(status: SdkStatus) -> u32 {
    match status {
        SdkStatus::BadArgument => 2,
        _ => 10,
    }
}
