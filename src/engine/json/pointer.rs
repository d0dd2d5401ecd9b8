//! JSON Pointers (RFC 6901).

use super::Json;
use std::fmt;

/// A place in a document; the whole of it by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    /// `None` if `text` is no pointer.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let tokens = text.strip_prefix('/')?.split('/');
        tokens.map(unescaped).collect::<Option<_>>().map(Self)
    }

    /// The names of members and the places of items on the way, from the outermost.
    pub(crate) fn tokens(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|token| {
            let token = token.replace('~', "~0").replace('/', "~1");
            write!(f, "/{token}")
        })
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
            let read = Pointer::parse(pointer).unwrap();
            let found = Json::parse(found.as_bytes()).unwrap();
            assert_eq!(json.at(&read), Some(&found), "{pointer}");
            assert_eq!(read.to_string(), pointer, "{pointer}");
        }
        assert_eq!(json.at(&Pointer::default()), Some(&json));
        assert_eq!(Pointer::parse(""), Some(Pointer::default()));
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
