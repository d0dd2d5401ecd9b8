//! Why a body is refused, and what to do.

use super::{MAX_DEPTH, MAX_KEPT, ZstdError};
use std::fmt;

/// Why a body is refused. The names in it are the gate's own words, never the body's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// there is none
    Empty,
    /// it ends before its object does
    Truncated,
    /// it is not JSON
    Syntax,
    /// it begins with a byte order mark
    ByteOrderMark,
    /// it is JSON, but no object
    NotAnObject,
    /// something follows the object
    TrailingData,
    /// objects and lists stand too deep in each other
    TooDeep,
    /// this member is there more than once
    Duplicate(&'static str),
    /// this member is spelled in another way, which some of Ollama's readers take and others do not
    Spelling(&'static str),
    /// the value of this member is of another type
    WrongType(&'static str),
    /// a name or a value that matters is not valid Unicode
    NotUnicode,
    /// the value of this member is too long
    TooLong(&'static str),
    /// the value of this member is no number that Ollama can hold
    OutOfRange(&'static str),
    /// `keep_alive` is no duration
    KeepAlive,
    /// `model` and `name` differ
    TwoNames,
    /// `Content-Type` announces no form, or not with one plain boundary
    NotAForm,
    /// the parts of the form are not set apart as RFC 7578 has it
    FormSyntax,
    /// the header of a part is too long, or written in a way that readers understand differently
    FormHeader,
    /// a part is encoded
    FormEncoding,
    /// it is compressed, and cannot be read
    Zstd(ZstdError),
}

impl From<ZstdError> for BodyError {
    fn from(error: ZstdError) -> Self {
        Self::Zstd(error)
    }
}

impl BodyError {
    /// What to do about it, in one clause that quotes nothing of the body.
    pub fn advice(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("send a JSON object as the body"),
            Self::Truncated => f.write_str("send the whole body: it ends too early"),
            Self::Syntax => f.write_str("send valid JSON (RFC 8259)"),
            Self::ByteOrderMark => f.write_str("send UTF-8 without a byte order mark"),
            Self::NotAnObject => f.write_str("send a JSON object, and no other kind of value"),
            Self::TrailingData => f.write_str("send nothing but white space after the JSON object"),
            Self::TooDeep => write!(f, "send JSON of at most {MAX_DEPTH} levels"),
            Self::Duplicate(name) => write!(f, "send `{name}` once"),
            Self::Spelling(name) => write!(f, "spell `{name}` exactly so"),
            Self::WrongType(name) => {
                write!(f, "send `{name}` with a value of its type, or leave it out")
            }
            Self::NotUnicode => f.write_str(
                "send names, models and durations in valid UTF-8, without lone surrogates",
            ),
            Self::TooLong(name) => write!(f, "send a `{name}` of at most {MAX_KEPT} bytes"),
            Self::OutOfRange(name) => write!(f, "send a whole number of a usual size as `{name}`"),
            Self::KeepAlive => f.write_str(
                "send `keep_alive` as a duration, such as `5m`, or as a number of seconds",
            ),
            Self::NotAForm => {
                f.write_str("send `Content-Type: multipart/form-data` with one plain boundary")
            }
            Self::FormSyntax => f.write_str(
                "send a form with nothing around its parts, and line breaks of CR and LF",
            ),
            Self::FormHeader => f.write_str(
                "send each part with one short and plain `Content-Disposition`, with a name",
            ),
            Self::FormEncoding => {
                f.write_str("send the parts of the form without a transfer encoding")
            }
            Self::TwoNames => f.write_str("send `model` or `name`, not two different ones"),
            Self::Zstd(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for BodyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_advice_is_one_clause_of_its_own() {
        let all = [
            BodyError::Empty,
            BodyError::Truncated,
            BodyError::Syntax,
            BodyError::ByteOrderMark,
            BodyError::NotAnObject,
            BodyError::TrailingData,
            BodyError::TooDeep,
            BodyError::Duplicate("model"),
            BodyError::Spelling("model"),
            BodyError::WrongType("model"),
            BodyError::NotUnicode,
            BodyError::TooLong("model"),
            BodyError::OutOfRange("num_ctx"),
            BodyError::KeepAlive,
            BodyError::TwoNames,
            BodyError::NotAForm,
            BodyError::FormSyntax,
            BodyError::FormHeader,
            BodyError::FormEncoding,
            BodyError::Zstd(ZstdError::Malformed),
            BodyError::Zstd(ZstdError::Truncated),
            BodyError::Zstd(ZstdError::Corrupt),
            BodyError::Zstd(ZstdError::Window),
            BodyError::Zstd(ZstdError::Dictionary),
            BodyError::Zstd(ZstdError::Pieces),
            BodyError::Zstd(ZstdError::Ratio),
            BodyError::Zstd(ZstdError::Long(1)),
            BodyError::Zstd(ZstdError::Busy),
        ];
        let mut seen = Vec::new();
        for error in all {
            let advice = error.advice();
            let begins = advice.starts_with("send ") || advice.starts_with("spell ");
            assert!(begins && !advice.ends_with('.'), "{advice}");
            assert!(!seen.contains(&advice), "{advice}");
            seen.push(advice);
        }
    }
}
