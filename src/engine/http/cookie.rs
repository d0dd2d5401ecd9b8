//! One cookie out of a `Cookie` header.

/// The name stands in the header twice: two servers could take two different ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeated;

/// The value of the cookie `name` in `header` (RFC 6265 section 4.2), if it is there and not empty.
/// The name is compared whole, in its case. A value in quotation marks is that with them.
///
/// # Errors
/// [`Repeated`], also if both have the same value.
pub(crate) fn cookie<'a>(header: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Repeated> {
    let mut found = None;
    for pair in header.split(|byte| *byte == b';') {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let own = parts.next().map(<[u8]>::trim_ascii);
        let Some(value) = parts.next().filter(|_| own == Some(name.as_bytes())) else {
            continue;
        };
        if found.replace(value.trim_ascii()).is_some() {
            return Err(Repeated);
        }
    }
    Ok(found.filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str) -> Result<Option<&str>, Repeated> {
        let value = cookie(header.as_bytes(), "token")?;
        Ok(value.map(|value| std::str::from_utf8(value).unwrap()))
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands() {
        for header in [
            "token=abc",
            "token=abc;",
            "a=b; token=abc",
            "a=b;token=abc;c=d",
            " token = abc ",
            ";; token=abc;;",
            "a; token=abc; =b",
        ] {
            assert_eq!(token(header), Ok(Some("abc")), "{header}");
        }
        assert_eq!(token("token=a=b"), Ok(Some("a=b")));
        assert_eq!(token("token=\"abc\""), Ok(Some("\"abc\"")));
    }

    #[test]
    fn a_name_that_only_resembles_it_is_another() {
        for header in [
            "",
            ";",
            "token",
            "token;a=b",
            "tokens=abc",
            "xtoken=abc",
            "Token=abc",
            "TOKEN=abc",
            "a=token=abc",
            "a=\"; b=token=abc\"",
            "to ken=abc",
            "token\0=abc",
            "__Host-token=abc",
            "a=1, token=abc",
            "%74oken=abc",
        ] {
            assert_eq!(token(header), Ok(None), "{header}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_whatever_the_values() {
        for header in [
            "token=abc; token=def",
            "token=abc; token=abc",
            "token=; token=abc",
            "token=abc; a=b; token=",
            "token=abc;token =def",
        ] {
            assert_eq!(token(header), Err(Repeated), "{header}");
        }
        assert_eq!(
            token("token=abc; token"),
            Ok(Some("abc")),
            "a name alone is none"
        );
    }

    #[test]
    fn empty_is_absent_and_other_bytes_do_not_matter() {
        assert_eq!(token("token="), Ok(None));
        assert_eq!(token("token= ; a=b"), Ok(None));
        let header = b"\xff\xfe=\x00; token=abc; \x80";
        assert_eq!(cookie(header, "token"), Ok(Some(&b"abc"[..])));
    }
}
