//! HTTP as bytes: head, field names, cookies, paths, addresses. Knows nothing of Ollama.

mod authority;
mod coding;
mod cookie;
mod field;
mod form;
mod head;
mod names;
mod origin;
mod path;
mod place;
mod prefix;
mod url;
mod value;

pub(crate) use authority::Authority;
pub use coding::Coding;
pub(crate) use cookie::cookie;
pub(crate) use field::{FieldKind, begins, is_same, resembles};
pub(crate) use form::{form_encoded, form_value, query_value};
pub use head::{HeadError, RequestHead};
pub(crate) use head::{HeaderField, RequestLine};
pub use names::names_taken_out;
pub(crate) use origin::Origin;
pub(crate) use path::{DecodedPath, PathError, without_query};
pub use place::Place;
pub(crate) use prefix::PathPrefix;
pub use url::Url;
pub(crate) use value::{ControlCharacter, encoded_value, is_value};

use crate::bytes::is_ascii_behind;

/// Whether `text` is one or more bytes of visible ASCII (RFC 9110 section 5.5, VCHAR).
pub(crate) fn is_visible_ascii(text: &[u8]) -> bool {
    !text.is_empty() && is_ascii_behind(text, b' ', [])
}

/// The value of one hexadecimal digit, in either case.
pub(crate) const fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte & 0x0f),
        b'a'..=b'f' | b'A'..=b'F' => Some((byte & 0x0f).wrapping_add(9)),
        _ => None,
    }
}
