//! Values of header fields that are made of what people are called.

use super::is_visible_ascii;
use std::borrow::Cow;
use std::fmt::Write as _;

/// There is a control character in it, such as a line feed: no name has one, and whoever decodes the
/// value would have it again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ControlCharacter;

/// `text` as the value of a header, or as one item of a list of them that commas separate.
///
/// Visible ASCII stands as it is, and so do spaces inside. `%`, spaces at the ends and everything else
/// are percent-encoded in UTF-8 (RFC 3986 section 2.1), in an item the comma too: what is read back is
/// what was there, and no value can look like two.
///
/// # Errors
/// [`ControlCharacter`].
pub(crate) fn encoded_value(text: &str, is_item: bool) -> Result<Cow<'_, str>, ControlCharacter> {
    let plain = |byte: u8| byte != b'%' && !(is_item && byte == b',');
    if text.is_empty() || is_visible_ascii(text.as_bytes()) && text.bytes().all(plain) {
        return Ok(Cow::Borrowed(text));
    }
    if text.chars().any(char::is_control) {
        return Err(ControlCharacter);
    }
    let leading = text
        .len()
        .saturating_sub(text.trim_start_matches(' ').len());
    let inner_end = text.trim_end_matches(' ').len();
    let mut value = String::with_capacity(text.len().saturating_mul(2));
    for (place, byte) in text.bytes().enumerate() {
        let is_inside = (leading..inner_end).contains(&place);
        if byte.is_ascii_graphic() && plain(byte) || byte == b' ' && is_inside {
            value.push(char::from(byte));
        } else {
            // Writing to a String does not fail.
            let _ = write!(value, "%{byte:02X}");
        }
    }
    Ok(Cow::Owned(value))
}

/// Whether `value` may stand in a header: visible ASCII, and spaces that are not at its ends.
pub(crate) fn is_value(value: &str) -> bool {
    let fit = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
    !value.is_empty() && value.bytes().all(fit) && value.trim_matches(' ') == value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(value: &str) -> String {
        let mut bytes = Vec::new();
        let mut rest = value.as_bytes();
        while let Some((first, others)) = rest.split_first() {
            rest = others;
            if *first != b'%' {
                bytes.push(*first);
                continue;
            }
            let (digits, others) = rest.split_at(2);
            let digits = std::str::from_utf8(digits).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = others;
        }
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_name_is_readable_and_comes_back_as_it_was() {
        for (text, value, item) in [
            ("alice", "alice", "alice"),
            ("Alice Smith", "Alice Smith", "Alice Smith"),
            (" Alice  B ", "%20Alice  B%20", "%20Alice  B%20"),
            ("   ", "%20%20%20", "%20%20%20"),
            ("Zoë", "Zo%C3%AB", "Zo%C3%AB"),
            ("名", "%E5%90%8D", "%E5%90%8D"),
            ("100%", "100%25", "100%25"),
            ("%2C", "%252C", "%252C"),
            ("Smith, Alice", "Smith, Alice", "Smith%2C Alice"),
            ("a\u{2028}b", "a%E2%80%A8b", "a%E2%80%A8b"),
            (
                "a\u{200b}\u{202e}",
                "a%E2%80%8B%E2%80%AE",
                "a%E2%80%8B%E2%80%AE",
            ),
            ("", "", ""),
        ] {
            assert_eq!(encoded_value(text, false).as_deref(), Ok(value), "{text}");
            assert_eq!(encoded_value(text, true).as_deref(), Ok(item), "{text}");
            assert_eq!(decoded(value), text, "{value}");
            assert_eq!(decoded(item), text, "{item}");
            assert!(value.is_empty() || is_value(value), "{value}");
        }
    }

    #[test]
    fn what_could_end_a_header_is_refused_and_never_encoded() {
        for control in ('\0'..=' ').chain('\u{7f}'..='\u{9f}') {
            if control != ' ' {
                let text = format!("a{control}b");
                for is_item in [false, true] {
                    let value = encoded_value(&text, is_item);
                    assert_eq!(value, Err(ControlCharacter), "{text:?}");
                }
                assert!(!is_value(&text), "{text:?}");
            }
        }
        for value in ["", " a", "a ", "é"] {
            assert!(!is_value(value), "{value:?}");
        }
    }
}
