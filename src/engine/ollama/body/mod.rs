//! Request bodies, read in passing: what a rule needs to know of them and nothing else.
//!
//! A body comes in chunks that are cut anywhere and may be of any size. [`Scanner`] takes each
//! chunk once, keeps a few kilobytes at most, and says at the end which model the body names and
//! how much it asks for ([`Members`]). [`FormScanner`] does the same for the one route that takes
//! a form.
//!
//! Ollama reads a body with Go's `encoding/json`, once as a struct (names match in any case, with
//! Unicode's simple folding; the last of two wins, but null leaves the first; what follows the
//! object is not looked at) and on `/v1` once before that as a map (names match exactly; what
//! follows the object is an error). INVARIANT: a body that two such readings could understand
//! differently is refused with a [`BodyError`], never guessed at.
//!
//! So a member that matters stands once, in its own spelling, with a value of its own type. Null
//! is no value, as it is for Ollama: the member counts as left out. Of everything else only the
//! syntax is checked.

mod block;
mod coded;
mod collector;
mod error;
mod field;
mod keep_alive;
mod kept;
mod lexer;
mod multipart;
mod number;
mod parameters;
mod pass;
mod reader;
mod scanner;
mod skip;
mod text;
mod zstd;

pub(crate) use coded::CodedReader;
pub use collector::Members;
pub use error::BodyError;
pub use keep_alive::KeepAlive;
pub use multipart::FormScanner;
pub use number::Number;
pub(crate) use reader::{BodyKind, Reader};
pub use scanner::Scanner;
pub(crate) use zstd::{DecoderMemory, ZstdError};

/// Whether Ollama reads no body of a request with this method.
pub(crate) const fn reads_none(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD")
}

/// How deep objects and lists may stand in each other.
pub const MAX_DEPTH: u32 = 128;

/// How many bytes of a name or a value are kept. A longer name is none that matters, and a longer
/// value of one that matters is refused.
pub const MAX_KEPT: usize = 1024;
