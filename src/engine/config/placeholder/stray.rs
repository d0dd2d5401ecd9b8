//! What gets into a secret on its way and was not meant to be part of it.

/// Characters that take no room.
const UNSEEN: [char; 6] = [
    '\u{feff}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{ad}',
];

/// What of `secret` was hardly meant, as the end of a sentence about it.
pub(crate) fn stray(secret: &str) -> Option<&'static str> {
    let quoted = |mark| secret.len() > 1 && secret.starts_with(mark) && secret.ends_with(mark);
    match secret {
        _ if secret.ends_with(['\n', '\r']) => {
            Some("ends in a line break (`echo` adds one, `printf '%s'` does not)")
        }
        _ if secret.trim() != secret => Some("begins or ends with white space"),
        _ if secret.contains(UNSEEN) => Some("holds a character that cannot be seen"),
        _ if secret.contains(char::is_control) => Some("holds a control character"),
        _ if quoted('"') || quoted('\'') => {
            Some("stands in quotation marks (`docker run --env-file` does not take them off)")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::stray;

    #[test]
    fn what_editors_shells_and_files_add_is_seen_and_what_a_secret_may_hold_is_not() {
        for (secret, why) in [
            ("s3cret\n", "line break"),
            ("s3cret\r\n", "line break"),
            (" s3cret", "white space"),
            ("s3cret\t", "white space"),
            ("s3cret\u{a0}", "white space"),
            ("\u{feff}s3cret", "cannot be seen"),
            ("s3\u{200b}cret", "cannot be seen"),
            ("s3\u{0}cret", "control character"),
            ("s3\ncret", "control character"),
            ("\"s3cret\"", "quotation marks"),
            ("'s3cret'", "quotation marks"),
        ] {
            assert!(
                stray(secret).is_some_and(|found| found.contains(why)),
                "{secret:?}"
            );
        }
        for secret in ["s3 cret", "\"s3cret", "it's", "\"", "s\u{e9}cret", ""] {
            assert_eq!(stray(secret), None, "{secret:?}");
        }
    }
}
