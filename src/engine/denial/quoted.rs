//! What somebody sent, as a sentence may hold it.

use std::borrow::Cow;

/// The longest method, path, subject or id that a line of the log holds, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = 128;
/// The most characters that [`quoted`] shows.
const MAX_QUOTED: usize = 40;
/// The most characters of an address that [`quoted_address`] shows.
const MAX_ADDRESS: usize = 128;

/// `text`, which somebody sent, as a sentence may hold it: the beginning in backticks, with everything
/// escaped that is not visible ASCII or a space. Not for credentials.
pub(crate) fn quoted(text: &str) -> String {
    quoted_up_to(text, MAX_QUOTED)
}

/// As [`quoted`], for what is as long as an address: the name of an issuer or an audience.
pub(crate) fn quoted_address(text: &str) -> String {
    quoted_up_to(text, MAX_ADDRESS)
}

fn quoted_up_to(text: &str, max: usize) -> String {
    let mut shown = String::from("`");
    for character in text.chars().take(max) {
        match character {
            '`' | '\\' => shown.extend(character.escape_unicode()),
            ' '..='~' => shown.push(character),
            _ => shown.extend(character.escape_unicode()),
        }
    }
    shown.push('`');
    if text.chars().nth(max).is_some() {
        shown.push('…');
    }
    shown
}

/// `text`, or as many of its characters as fit into `max` bytes.
pub(crate) fn truncated(text: &str, max: usize) -> Cow<'_, str> {
    if text.len() <= max {
        return text.into();
    }
    let ends = (0..=max).rev().find_map(|end| text.get(..end));
    format!("{}…", ends.unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_short_and_plain() {
        assert_eq!(quoted("ollama/read x"), "`ollama/read x`");
        assert_eq!(quoted(""), "``");
        assert_eq!(quoted("a\r\nb`\\"), "`a\\u{d}\\u{a}b\\u{60}\\u{5c}`");
        assert_eq!(quoted("é\u{202e}"), "`\\u{e9}\\u{202e}`");
        assert_eq!(quoted(&"x".repeat(40)), format!("`{}`", "x".repeat(40)));
        assert_eq!(quoted(&"x".repeat(41)), format!("`{}`…", "x".repeat(40)));
    }
}
