//! Compressed bodies: which are read, and how a refusal says so.

use crate::denial::{Denial, Reason};
use crate::http::{Coding, RequestHead};
use crate::ollama::body::{BodyError, BodyKind, CodedReader, DecoderMemory, Reader, ZstdError};
use crate::policy::BodyCondition;

/// How the body of the request with `head` is coded.
///
/// # Errors
/// Rules look into it, and it is coded as Ollama does not take it here: nobody knows what it would read.
pub(super) fn of(condition: &BodyCondition, head: &RequestHead<'_>) -> Result<Coding, Denial> {
    let coding = Coding::of(head.values_of("content-encoding"));
    let reads = match coding {
        Coding::Identity => true,
        Coding::Zstd => condition.takes_zstd(),
        Coding::Other => false,
    };
    if reads || condition.kind() == BodyKind::Opaque {
        return Ok(coding);
    }
    let advice = if condition.takes_zstd() {
        "send it uncompressed, or with one `Content-Encoding: zstd`"
    } else {
        "send it uncompressed, and without `Content-Encoding`"
    };
    Err(Denial::new(Reason::AmbiguousBody, advice))
}

/// What reads such a body with `reader`, and at most `max_bytes` bytes of it.
pub(super) fn reader(
    coding: Coding,
    reader: Reader,
    max_bytes: u64,
    memory: &DecoderMemory,
) -> CodedReader {
    match (coding, &reader) {
        // Of what is not looked into, the bytes count that are sent.
        (_, Reader::Opaque(_)) | (Coding::Identity | Coding::Other, _) => {
            CodedReader::plain(reader)
        }
        (Coding::Zstd, _) => CodedReader::zstd(reader, max_bytes, memory),
    }
}

/// The refusal of a body for `error`.
pub(super) fn unfit(error: &BodyError) -> Denial {
    let advice = error.advice();
    match error {
        BodyError::Zstd(ZstdError::Window | ZstdError::Ratio | ZstdError::Long(_)) => {
            Denial::new(Reason::BodyTooLarge, advice)
        }
        BodyError::Zstd(ZstdError::Busy) => Denial::new(Reason::DecodersBusy, advice),
        _ => Denial::new(Reason::AmbiguousBody, advice),
    }
}
