//! Why a compressed body is refused.

use super::frame::MAX_WINDOW;
use super::{MAX_PIECES, MAX_RATIO};
use std::fmt;

/// Why a compressed body is refused, and what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZstdError {
    /// it is not Zstandard
    Malformed,
    /// it ends before its last frame does
    Truncated,
    /// what comes of it is not what it says of that
    Corrupt,
    /// a frame refers farther back than Ollama's decoder remembers
    Window,
    /// a frame needs a dictionary
    Dictionary,
    /// it has too many frames and blocks
    Pieces,
    /// it is a bomb
    Ratio,
    /// its content is longer than this many bytes
    Long(u64),
    /// other requests have all the memory that decoders may have
    Busy,
}

impl fmt::Display for ZstdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("send a body that is zstd (RFC 8878), or uncompressed"),
            Self::Truncated => f.write_str("send all frames of the compressed body to their ends"),
            Self::Corrupt => f.write_str(
                "send it compressed anew: its checksum or its length is not that of its content",
            ),
            Self::Window => write!(
                f,
                "send zstd with a window of at most {} MiB, which is Ollama's own limit",
                MAX_WINDOW >> 20
            ),
            Self::Dictionary => f.write_str("send zstd without a dictionary"),
            Self::Pieces => write!(f, "send zstd in at most {MAX_PIECES} frames and blocks"),
            Self::Ratio => write!(
                f,
                "send it uncompressed: its content is more than {MAX_RATIO} times as long as the body"
            ),
            Self::Long(max) => write!(f, "send at most {max} bytes when uncompressed"),
            Self::Busy => f.write_str("send it again in a moment, or uncompressed"),
        }
    }
}
