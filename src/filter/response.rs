//! The answer to a call, as the gateway gives it.

use crate::{Host, Status};
use ollama_gate_engine::{Call, Expected, Level, Response, ResponseBody};

/// An answer, taken over from the gateway.
#[derive(Debug)]
pub(crate) struct Answered {
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// of its body, where that was not taken over
    too_large: Option<usize>,
}

impl Answered {
    /// The answer that has just come, with a body of `size` bytes, as far as it is expected. Of a larger body
    /// nothing is taken over.
    pub(crate) fn take(host: &impl Host, expected: Expected, size: usize) -> Self {
        let fits = size <= expected.max_bytes;
        let body = match size {
            1.. if fits => host.call_body().unwrap_or_default(),
            _ => Vec::new(),
        };
        let headers = expected.headers.iter();
        Self {
            status: host.call_status(),
            headers: headers
                .filter_map(|name| Some((*name, host.call_header(name)?)))
                .collect(),
            body,
            too_large: (!fits).then_some(size),
        }
    }

    /// What the engine is told of it.
    pub(crate) fn response(&self) -> Response<'_> {
        Response {
            status: self.status,
            headers: &self.headers,
            body: match self.too_large {
                Some(size) => ResponseBody::TooLarge(size),
                None => ResponseBody::Bytes(&self.body),
            },
        }
    }
}

/// Says that the gateway does not make a call at all, which only a person can mend.
pub(crate) fn tell_refused(host: &impl Host, call: &Call, status: Status) {
    let what = format!("call the upstream `{}`", call.upstream());
    status.tell(host, Level::Error, &what, ", is there one of that name?");
}
