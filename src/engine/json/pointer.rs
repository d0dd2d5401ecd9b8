//! JSON Pointers (RFC 6901).

use super::Json;

/// A place in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// `None` if `text` is no pointer.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let tokens = text.strip_prefix('/')?.split('/');
        tokens.map(unescaped).collect::<Option<_>>().map(Self)
    }
}

/// Section 4: `~1` is `/`, `~0` is `~`, and no other `~` may stand there.
fn unescaped(token: &str) -> Option<String> {
    let mut parts = token.split('~');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        if let Some(rest) = part.strip_prefix('0') {
            text.extend(["~", rest]);
        } else {
            text.extend(["/", part.strip_prefix('1')?]);
        }
    }
    Some(text)
}

impl Json {
    /// What is at `pointer`.
    pub(crate) fn at(&self, pointer: &Pointer) -> Option<&Self> {
        pointer.0.iter().try_fold(self, |json, token| match json {
            Self::Object(_) => json.member(token),
            // Section 4: no leading zeros.
            Self::List(items) => {
                let place: usize = token.parse().ok()?;
                items.get(place).filter(|_| place.to_string() == *token)
            }
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_what_rfc_6901_says() {
        let document = br#"{ "foo": ["bar", "baz"], "": 0, "a/b": 1, "m~n": 8, "k": {"~1": 9} }"#;
        let json = Json::parse(document).unwrap();
        for (pointer, found) in [
            ("/foo/0", "\"bar\""),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/m~0n", "8"),
            ("/k/~01", "9"),
        ] {
            let at = json.at(&Pointer::parse(pointer).unwrap());
            assert_eq!(
                at,
                Some(&Json::parse(found.as_bytes()).unwrap()),
                "{pointer}"
            );
        }
        assert_eq!(json.at(&Pointer::parse("").unwrap()), Some(&json));
        for nothing in [
            "/foo/2", "/foo/00", "/foo/-", "/foo/+0", "/x", "/foo/0/a", "/a/b",
        ] {
            assert_eq!(
                json.at(&Pointer::parse(nothing).unwrap()),
                None,
                "{nothing}"
            );
        }
        for no_pointer in ["foo", "#/foo", "/a~b", "/~2", "/a~"] {
            assert_eq!(Pointer::parse(no_pointer), None, "{no_pointer}");
        }
    }
}
