//! Where the gate is mounted.

/// The path that the gate is mounted at: `/ollama` for `/ollama/api/chat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathPrefix(String);

impl PathPrefix {
    /// One or more segments of unreserved characters (RFC 3986 section 2.3), without a slash at the
    /// end. `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fit = |part: &str| !matches!(part, "" | "." | "..") && part.bytes().all(plain);
        let segments = text.strip_prefix('/')?;
        segments.split('/').all(fit).then(|| Self(text.to_owned()))
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What follows the prefix in the decoded `path`, or `None` if it is not below it.
    pub(crate) fn strip<'p>(&self, path: &'p str) -> Option<&'p str> {
        match path.strip_prefix(self.0.as_str())? {
            "" => Some("/"),
            rest => rest.starts_with('/').then_some(rest),
        }
    }

    /// The same of a raw path with its query, for choosing a dialect and for what a client signed.
    pub(crate) fn strip_bytes<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        path.strip_prefix(self.0.as_bytes())
            .filter(|rest| rest.starts_with(b"/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let prefix = PathPrefix("/ollama".into());
        assert_eq!(prefix.strip("/ollama/api/tags"), Some("/api/tags"));
        assert_eq!(prefix.strip("/ollama"), Some("/"));
        assert_eq!(prefix.strip("/ollama/"), Some("/"));
        assert_eq!(prefix.strip("/ollamas/api/tags"), None);
        assert_eq!(prefix.strip("/api/tags"), None);
    }

    #[test]
    fn a_prefix_is_plain_segments_without_a_slash_at_the_end() {
        for fit in ["/ollama", "/a/b", "/a.b_c~d-1"] {
            assert!(PathPrefix::parse(fit).is_some(), "{fit}");
        }
        for unfit in [
            "", "/", "ollama", "/ollama/", "//a", "/a/../b", "/.", "/a%20", "/a b", "/ü",
        ] {
            assert_eq!(PathPrefix::parse(unfit), None, "{unfit}");
        }
    }
}
