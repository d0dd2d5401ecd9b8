//! What the provider answers to the gate itself, before it is read.

use super::provider::unavailable;
use crate::denial::Denial;
use crate::source::{CONTENT_ENCODING, CONTENT_TYPE, Response, ResponseBody};

/// Why there is nothing to read in it.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// the provider did not answer, or says itself that something is wrong with it
    NoAnswer(Denial),
    /// it answered something else than it should
    Wrong(String),
}

/// Status and body of what `endpoint`, as a sentence names it, answered in `response`, of which at most `max_bytes` are
/// read.
///
/// # Errors
/// There is nothing to read in it.
pub(super) fn body<'r>(
    response: &Response<'r>,
    endpoint: &str,
    max_bytes: usize,
) -> Result<(u16, &'r [u8]), Unreadable> {
    let no_answer = |cause: String| Unreadable::NoAnswer(unavailable().because(cause));
    let Some(status) = response.status else {
        return Err(no_answer(format!("the {endpoint} did not answer")));
    };
    let body = match response.body {
        ResponseBody::Bytes(body) => body,
        ResponseBody::TooLarge(size) => {
            return Err(no_answer(format!(
                "the answer of the {endpoint} has {size} bytes, over {max_bytes}"
            )));
        }
    };
    if status >= 500 {
        return Err(no_answer(format!(
            "the {endpoint} answered with status {status}"
        )));
    }
    if let Some(coding) = response.header(CONTENT_ENCODING)
        && !coding.eq_ignore_ascii_case("identity")
    {
        let cause = format!("the answer of the {endpoint} is compressed, which nobody asked for");
        return Err(Unreadable::Wrong(cause));
    }
    Ok((status, body))
}

/// The media type of `response`, lower-case, without its parameters; empty if it does not say.
pub(super) fn media_type(response: &Response<'_>) -> String {
    let found = response.header(CONTENT_TYPE).unwrap_or_default();
    let essence = found.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// That `response` is JSON, and says so (RFC 6749 section 5.1, OpenID Connect Core 1.0 section 5.3.2).
///
/// # Errors
/// It says something else. What, is not shown.
pub(super) fn is_json(response: &Response<'_>, endpoint: &str) -> Result<(), String> {
    if media_type(response) == "application/json" {
        return Ok(());
    }
    Err(format!(
        "the answer of the {endpoint} is not of the type `application/json`"
    ))
}
