//! Where a browser goes when it is signed in: back to what it asked for, and nowhere else.

use crate::http::{DecodedPath, hex_digit, is_visible_ascii};

/// The most bytes of a return path; it travels in a cookie.
pub(crate) const MAX_RETURN_PATH: usize = 1024;

/// A path with its query, of the gate's own origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnPath(String);

impl ReturnPath {
    /// The root of the site.
    pub(crate) fn root() -> Self {
        Self("/".to_owned())
    }

    /// `target`, a request target, if a browser that is sent there stays at this origin, and does not come to
    /// one of the gate's own pages, which are below `pages`: from the end of a login into another one.
    pub(crate) fn read(target: &[u8], pages: &str) -> Option<Self> {
        // Without `#`, a backslash, a second `/` in front or a scheme there is one reading of it.
        let fit = target.len() <= MAX_RETURN_PATH
            && is_visible_ascii(target)
            && !target.contains(&b'\\')
            && !target.contains(&b'#')
            && !has_encoded_control(target);
        let path = DecodedPath::read(target).ok().filter(|_| fit)?;
        let own = pages.trim_end_matches('/');
        let lead = path.as_str().get(..own.len());
        let rest = path.as_str().get(own.len()..);
        let is_own = lead.is_some_and(|lead| lead.eq_ignore_ascii_case(own))
            && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if is_own {
            return None;
        }
        String::from_utf8(target.to_vec()).ok().map(Self)
    }

    /// It, beginning with one `/`.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a control character stands in `target`, percent-encoded: whoever decodes it before it becomes a
/// header ends the header there.
fn has_encoded_control(target: &[u8]) -> bool {
    target.windows(3).any(|window| {
        let [b'%', high, low] = window else {
            return false;
        };
        matches!(
            (hex_digit(*high), hex_digit(*low)),
            (Some(0 | 1), Some(_)) | (Some(7), Some(15))
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leads_elsewhere() {
        let long = format!("/{}", "a".repeat(MAX_RETURN_PATH));
        for target in [
            "",
            "evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "/?next=\\\\evil.example",
            "/%5cevil.example",
            "/%2fevil.example",
            "/%2Fevil.example",
            "/.//evil.example",
            "/a/..//evil.example",
            "/a/../b",
            "/./a",
            "/%2e%2e/a",
            "/a//b",
            "/\t/evil.example",
            "/\r\nlocation: https://evil.example",
            "/a\0b",
            "/a b",
            " /a",
            "/a\u{7f}",
            "/é",
            "/%0d%0aset-cookie:%20a=b",
            "/%0D%0Aset-cookie:a=b",
            "/?a=%0d%0aset-cookie:a=b",
            "/?a=%0A",
            "/?a=%00",
            "/?a=%1f",
            "/?a=%7F",
            "/%250d%250a",
            "/a%",
            "/a#b",
            "/?a#//evil.example",
            "*",
            &long,
        ] {
            assert_eq!(
                ReturnPath::read(target.as_bytes(), "/.gate/"),
                None,
                "{target:?}"
            );
        }
        let raw = ReturnPath::read(b"/\xff\xfe", "/.gate/");
        assert_eq!(raw, None);
    }

    #[test]
    fn no_login_ends_at_a_page_of_the_gate() {
        for target in [
            "/.gate",
            "/.gate/",
            "/.gate?a=b",
            "/.gate/login",
            "/.gate/callback?code=x&state=y",
            "/.GATE/logout",
            "/.g%61te/logout",
        ] {
            assert_eq!(
                ReturnPath::read(target.as_bytes(), "/.gate/"),
                None,
                "{target}"
            );
        }
        let moved = ReturnPath::read(b"/ai/.gate/logout", "/ai/.gate/");
        assert_eq!(moved, None);
    }

    #[test]
    fn what_was_asked_for_is_returned_to() {
        for target in [
            "/",
            "/c/2f1c-4b?model=llama3.2&q=a%20b",
            "/api/tags",
            "/?next=//other.example",
            "/.gates",
            "/a/.gate/b",
            "/?",
            "/a/",
        ] {
            let path = ReturnPath::read(target.as_bytes(), "/.gate/");
            let path = path.as_ref().map(ReturnPath::as_str);
            assert_eq!(path, Some(target), "{target}");
        }
        assert_eq!(ReturnPath::root().as_str(), "/");
    }
}
