//! Request bodies: what the gate reads from them, and what it refuses to read.

mod accepted;
mod chunks;
mod compressed;
mod content_type;
mod deadline;
mod decoder;
mod forms;
mod generator;
mod held;
mod members;
mod random;
mod refused;
mod release;
mod values;

use ollama_gate_engine::internals::{BodyError, Members, Scanner};

/// Reads `body` in chunks of `size`.
pub(crate) fn read_in(body: &[u8], size: usize) -> Result<Members, BodyError> {
    let mut scanner = Scanner::new();
    for chunk in body.chunks(size) {
        scanner.feed(chunk)?;
    }
    scanner.finish()
}

/// Reads `body`, whole and byte by byte, which must come to the same.
pub(crate) fn read(body: impl AsRef<[u8]>) -> Result<Members, BodyError> {
    let body = body.as_ref();
    let whole = read_in(body, body.len().max(1));
    let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
    assert_eq!(read_in(body, 1), whole, "byte by byte: {shown}");
    whole
}

/// What `body` says, where it is accepted.
pub(crate) fn members(body: impl AsRef<[u8]>) -> Members {
    read(body).unwrap()
}

/// Asserts that each of `bodies` is refused with `error`.
pub(crate) fn all_refused(error: BodyError, bodies: &[&str]) {
    for body in bodies {
        assert_eq!(read(body), Err(error), "{body}");
    }
}
