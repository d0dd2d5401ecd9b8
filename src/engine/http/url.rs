//! An address on the web, taken apart (RFC 3986 section 3).

use super::without_query;
use std::fmt;

/// The scheme of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// without TLS
    Http,
    /// with TLS, by the gateway's upstream (Envoy) or by this word (Kong, APISIX)
    Https,
}

impl Scheme {
    /// As `:scheme` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// The address of something that is fetched: scheme, host and path.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    authority: String,
    path: String,
}

impl Url {
    /// `http://` or `https://`, a host without user information, and a path in visible ASCII
    /// without a fragment. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = match text.strip_prefix("https://") {
            Some(rest) => (Scheme::Https, rest),
            None => (Scheme::Http, text.strip_prefix("http://")?),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
        let path_fits = path.is_empty() || path.starts_with('/');
        let fit = !authority.is_empty()
            && authority.bytes().all(host)
            && path_fits
            && path
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'#');
        fit.then(|| Self {
            scheme,
            authority: authority.to_owned(),
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, with its port if it has one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path with its query.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the same server has the other address: scheme, host and port are the same.
    pub fn is_on_server_of(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.is_at(&other.authority)
    }

    /// Whether it is on the server at `authority`: a host, and its port if that is not the scheme's (RFC 9110 section
    /// 4.2.3).
    pub fn is_at(&self, authority: &str) -> bool {
        let port = match self.scheme {
            Scheme::Http => ":80",
            Scheme::Https => ":443",
        };
        let [own, other] = [self.authority.as_str(), authority]
            .map(|text| text.strip_suffix(port).unwrap_or(text));
        own.eq_ignore_ascii_case(other)
    }
}

impl fmt::Debug for Url {
    /// Leaves out the query, which may hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = String::from_utf8_lossy(without_query(self.path.as_bytes()));
        write!(f, "{}://{}{path}", self.scheme.name(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_web_address_without_anything_hidden_in_it() {
        let parts = |text: &str| Url::parse(text).map(|found| (found.authority, found.path));
        let pair = |one: &str, two: &str| Some((one.to_owned(), two.to_owned()));
        assert_eq!(parts("https://sso.example"), pair("sso.example", "/"));
        assert_eq!(
            parts("http://[::1]:8080/a/b?c=d"),
            pair("[::1]:8080", "/a/b?c=d")
        );
        for wrong in [
            "sso.example/certs",
            "ftp://sso.example/",
            "https://",
            "https:///certs",
            "https://user:password@sso.example/",
            "https://sso.example/a b",
            "https://sso.example/a\r\nx: y",
            "https://sso.example/#keys",
            "https://sso.example?x",
            "https://sso.exämple/",
        ] {
            assert_eq!(Url::parse(wrong), None, "{wrong}");
        }
    }
}
