//! The path as Ollama's router will see it: decoded once, and refused where two readers could
//! differ about it.

use super::hex_digit;
use crate::bytes::{has_pair, is_ascii_behind};
use std::borrow::Cow;
use std::fmt;

/// A path that every reader understands alike: absolute, decoded once, no empty or dot segment,
/// printable ASCII, no query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecodedPath<'a> {
    text: Cow<'a, str>,
    has_query: bool,
}

/// Why a path is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathError {
    /// does not begin with `/` (absolute-form, `*`)
    NotAbsolute,
    /// `//`
    EmptySegment,
    /// `.` or `..`
    DotSegment,
    /// `%2f`, `%5c` or `%2e`
    EncodedSeparator,
    /// `%3f`, `%23` or `%25`: whoever decodes twice, or decodes and then splits, reads another path
    EncodedDelimiter,
    /// `\`
    Backslash,
    /// `#`
    Fragment,
    /// `%` without two hexadecimal digits
    BadEncoding,
    /// a control byte, a space, or one outside ASCII, encoded or not
    UnsafeByte,
    /// the gateway reads it otherwise
    ReadOtherwise,
}

impl PathError {
    /// What is wrong, and what to do.
    pub(crate) const fn advice(self) -> &'static str {
        match self {
            Self::NotAbsolute => "send an absolute path, such as /api/tags",
            Self::EmptySegment => "it has an empty segment (`//`)",
            Self::DotSegment => "it has a `.` or `..` segment",
            Self::EncodedSeparator => "it has an encoded slash, backslash or dot",
            Self::EncodedDelimiter => "it has an encoded `?`, `#` or `%`",
            Self::Backslash => "it has a backslash",
            Self::Fragment => "it has a fragment",
            Self::BadEncoding => "it has a `%` that is not followed by two hexadecimal digits",
            Self::UnsafeByte => "it has a byte that is not printable ASCII",
            Self::ReadOtherwise => "the gateway reads it as another path",
        }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl std::error::Error for PathError {}

/// `target` up to its query.
pub(crate) fn without_query(target: &[u8]) -> &[u8] {
    target.split(|byte| *byte == b'?').next().unwrap_or(target)
}

impl<'a> DecodedPath<'a> {
    /// Reads the request target `target` (RFC 9112 section 3.2.1, origin-form); the query is left out.
    ///
    /// # Errors
    /// The first defect found.
    pub(crate) fn read(target: &'a [u8]) -> Result<Self, PathError> {
        let raw = without_query(target);
        let has_query = raw.len() < target.len();
        if !raw.starts_with(b"/") {
            return Err(PathError::NotAbsolute);
        }
        if is_plain(raw) {
            let text = std::str::from_utf8(raw).map_err(|_| PathError::UnsafeByte)?;
            return Ok(Self {
                text: Cow::Borrowed(text),
                has_query,
            });
        }
        let decoded = decode(raw)?;
        // The path begins with `/`, so what stands before the first one is empty; what stands
        // behind the last one may be.
        let mut segments = decoded
            .as_bytes()
            .split(|byte| *byte == b'/')
            .skip(1)
            .peekable();
        while let Some(segment) = segments.next() {
            match segment {
                b"" if segments.peek().is_some() => return Err(PathError::EmptySegment),
                b"." | b".." => return Err(PathError::DotSegment),
                _ => {}
            }
        }
        Ok(Self {
            text: Cow::Owned(decoded),
            has_query,
        })
    }

    /// Whether a query follows it, an empty one too.
    pub(crate) const fn has_query(&self) -> bool {
        self.has_query
    }

    /// The decoded path, beginning with `/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// Whether `raw`, which begins with `/`, is sound at first sight: nothing encoded, no byte that is
/// refused, no segment that is empty or begins with a dot. Nearly every path is.
fn is_plain(raw: &[u8]) -> bool {
    is_ascii_behind(raw, b' ', *b"%\\#") && !has_pair(raw, [*b"//", *b"/."])
}

fn decode(raw: &[u8]) -> Result<String, PathError> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw.iter();
    while let Some(&byte) = rest.next() {
        let decoded = if byte == b'%' {
            let high = rest.next().copied().and_then(hex_digit);
            let low = rest.next().copied().and_then(hex_digit);
            let (Some(high), Some(low)) = (high, low) else {
                return Err(PathError::BadEncoding);
            };
            match (high << 4) | low {
                b'/' | b'\\' | b'.' => return Err(PathError::EncodedSeparator),
                b'?' | b'#' | b'%' => return Err(PathError::EncodedDelimiter),
                decoded => check(decoded).map(|()| decoded)?,
            }
        } else {
            check(byte).map(|()| byte)?
        };
        text.push(char::from(decoded));
    }
    Ok(text)
}

const fn check(byte: u8) -> Result<(), PathError> {
    match byte {
        b'\\' => Err(PathError::Backslash),
        b'#' => Err(PathError::Fragment),
        0x21..=0x7e => Ok(()),
        _ => Err(PathError::UnsafeByte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(target: &[u8]) -> Result<String, PathError> {
        DecodedPath::read(target).map(|path| path.as_str().to_owned())
    }

    #[test]
    fn a_path_is_decoded_once_and_loses_its_query() {
        for (target, path) in [
            (&b"/"[..], "/"),
            (b"/api/tags", "/api/tags"),
            (b"/api/tags?x=/../..//&y=%2f", "/api/tags"),
            (b"/api/%64elete", "/api/delete"),
            (b"/api/tags/", "/api/tags/"),
            (b"/v1/models/qwen3%3A8b", "/v1/models/qwen3:8b"),
            (b"/...", "/..."),
        ] {
            assert_eq!(read(target).as_deref(), Ok(path), "{target:?}");
        }
    }

    #[test]
    fn whatever_two_readers_could_differ_about_is_refused() {
        use PathError::*;
        for (target, error) in [
            (&b"*"[..], NotAbsolute),
            (b"http://x/api/tags", NotAbsolute),
            (b"?/api/tags", NotAbsolute),
            (b"//api/tags", EmptySegment),
            (b"/api//tags", EmptySegment),
            (b"//", EmptySegment),
            (b"/api/../tags", DotSegment),
            (b"/api/tags/..", DotSegment),
            (b"/./api/tags", DotSegment),
            (b"/..", DotSegment),
            (b"/api%2ftags", EncodedSeparator),
            (b"/api%2Ftags", EncodedSeparator),
            (b"/api%5Ctags", EncodedSeparator),
            (b"/api/%2e%2e/tags", EncodedSeparator),
            (b"/api/.%2E/tags", EncodedSeparator),
            (b"/api/tags%3fx", EncodedDelimiter),
            (b"/%3F/api/tags", EncodedDelimiter),
            (b"/api/tags%23x", EncodedDelimiter),
            (b"/api/%2574ags", EncodedDelimiter),
            (b"/api/%252e%252e/tags", EncodedDelimiter),
            (b"/api\\tags", Backslash),
            (b"/api/tags#x", Fragment),
            (b"/api/tags%", BadEncoding),
            (b"/api/tags%4", BadEncoding),
            (b"/api/tags%zz", BadEncoding),
            (b"/api/tags%00", UnsafeByte),
            (b"/api/tags%0d%0a", UnsafeByte),
            (b"/api/ta gs", UnsafeByte),
            (b"/api/ta%20gs", UnsafeByte),
            (b"/api/\xc3\xa9", UnsafeByte),
            (b"/api/%c3%a9", UnsafeByte),
            (b"/api/\x00tags", UnsafeByte),
        ] {
            assert_eq!(
                read(target),
                Err(error),
                "{}",
                String::from_utf8_lossy(target)
            );
        }
    }
}
