//! The answer to a call, as the gateway gives it.

use crate::{Host, Status};
use ollama_gate_engine::{Call, Level, MAX_BODY_BYTES, Response, ResponseBody};

/// The body of the answer, unless it is larger than anything that is read.
pub(crate) fn body(host: &impl Host, size: usize) -> Vec<u8> {
    match size {
        1..=MAX_BODY_BYTES => host.call_body().unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// The answer with a body of `size` bytes, of which `body` is what was taken over.
pub(crate) fn read<'b>(host: &impl Host, body: &'b [u8], size: usize) -> Response<'b> {
    Response {
        status: host.call_status(),
        body: if size > MAX_BODY_BYTES {
            ResponseBody::TooLarge(size)
        } else {
            ResponseBody::Bytes(body)
        },
    }
}

/// Says that the gateway does not make a call at all, which only a person can mend.
pub(crate) fn tell_refused(host: &impl Host, call: &Call, Status(status): Status) {
    let line = format!(
        "ollama-gate: the gateway makes no call to upstream `{}` (status {status}), is there one of that name?",
        call.upstream()
    );
    host.log(Level::Error, &line);
}
