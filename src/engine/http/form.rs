//! Forms (the WHATWG's `application/x-www-form-urlencoded`, as RFC 6749 appendix B has it), in bodies and queries.

use super::hex_digit;
use std::fmt::Write as _;

/// `text` as a form has it.
pub(crate) fn form_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'*' | b'-' | b'.' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// The value of the field `name` in the query of `target`, decoded.
///
/// # Errors
/// As of [`form_value`].
pub(crate) fn query_value(target: &[u8], name: &str) -> Result<Option<String>, MalformedForm> {
    let mut parts = target.splitn(2, |byte| *byte == b'?');
    form_value(parts.nth(1).unwrap_or_default(), name)
}

/// The value of the field `name` in `form`, decoded.
///
/// # Errors
/// It is there more than once, or cannot be decoded as text.
pub(crate) fn form_value(form: &[u8], name: &str) -> Result<Option<String>, MalformedForm> {
    let mut found = None;
    for pair in form.split(|byte| *byte == b'&') {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let own = decoded(parts.next().unwrap_or_default());
        if own.as_deref() != Some(name) {
            continue;
        }
        let value = decoded(parts.next().unwrap_or_default()).ok_or(MalformedForm)?;
        if found.replace(value).is_some() {
            return Err(MalformedForm);
        }
    }
    Ok(found)
}

/// Two readers could read the form differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MalformedForm;

fn decoded(text: &[u8]) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (hex_digit(rest.next()?)?, hex_digit(rest.next()?)?);
                (high << 4) | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_is_read_back_whatever_it_is() {
        for text in ["", "a b+c", "ä&=?#%", "a\r\nb", "~*-._"] {
            let target = format!(
                "/x?other=1&{}={}&z",
                form_encoded("näme"),
                form_encoded(text)
            );
            let read = query_value(target.as_bytes(), "näme");
            assert_eq!(read, Ok(Some(text.to_owned())), "{target}");
        }
        assert_eq!(form_encoded("a b~"), "a+b%7E");
    }

    #[test]
    fn a_field_that_is_there_twice_or_is_no_text_is_refused() {
        for target in [
            "/x?code=a&code=b",
            "/x?code=a&code=a",
            "/x?code=a&c%6fde=b",
            "/x?code=%",
            "/x?code=%4",
            "/x?code=%zz",
            "/x?code=%ff",
        ] {
            let read = query_value(target.as_bytes(), "code");
            assert_eq!(read, Err(MalformedForm), "{target}");
        }
        for target in ["/x", "/x?", "/code=a", "/x?codes=a&xcode=b", "/x?Code=a"] {
            assert_eq!(query_value(target.as_bytes(), "code"), Ok(None), "{target}");
        }
        assert_eq!(query_value(b"/x?code", "code"), Ok(Some(String::new())));
    }
}
