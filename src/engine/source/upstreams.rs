//! The servers that an issuer has its endpoints on, by the gateway's names for them.
//!
//! INVARIANT: an address that an issuer's metadata name is asked for something only where the operator has named an
//! upstream for its very host and port, and by the scheme of the issuer. So no document makes the gate send a code, a
//! secret or a token to a server of its own choice.

use crate::denial::truncated;
use crate::http::Url;
use crate::json::Json;

/// The longest host that an error quotes, in bytes: no name is longer (RFC 1035 section 2.3.4), but for its port.
const MAX_QUOTED: usize = 261;

/// An address that is asked for something, and the gateway's name for its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// a cluster of Envoy, `host:port` on APISIX and Kong
    pub upstream: String,
    /// the address
    pub url: Url,
}

/// The servers that the operator has named for one issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstreams {
    home: Endpoint,
    others: Vec<(String, String)>,
    field: &'static str,
}

impl Upstreams {
    /// The server of `home`, and `others`: each a `host` or `host:port`, and the gateway's name for it. `field` is where
    /// the configuration has these.
    pub(crate) fn new(home: Endpoint, others: Vec<(String, String)>, field: &'static str) -> Self {
        Self {
            home,
            others,
            field,
        }
    }

    /// What is asked on the issuer's own server.
    pub(crate) const fn home(&self) -> &Endpoint {
        &self.home
    }

    /// `url` with its upstream. `None` if none is named for its server.
    pub(crate) fn endpoint(&self, url: Url) -> Option<Endpoint> {
        let upstream = if url.is_on_server_of(&self.home.url) {
            &self.home.upstream
        } else {
            let other = self.others.iter().find(|(host, _)| url.is_at(host));
            &other?.1
        };
        Some(Endpoint {
            upstream: upstream.clone(),
            url,
        })
    }

    /// The endpoint that the issuer's `metadata` call `name`.
    ///
    /// # Errors
    /// They name none, or one that the gate is not to ask.
    pub(crate) fn discovered(&self, metadata: &Json, name: &str) -> Result<Endpoint, String> {
        let url = metadata.member(name).and_then(Json::text);
        let url = url.and_then(Url::parse);
        let url = url.ok_or_else(|| format!("the metadata have no usable `{name}`"))?;
        let (scheme, own) = (url.scheme().name(), self.home.url.scheme().name());
        if scheme != own {
            return Err(format!(
                "`{name}` begins with {scheme}://, and the issuer with {own}://"
            ));
        }
        let host = truncated(url.authority(), MAX_QUOTED).into_owned();
        self.endpoint(url).ok_or_else(|| {
            format!(
                "`{name}` is on `{host}`, another server than the issuer's: name an upstream for it, \
                 `{{ \"{host}\": \"NAME\" }}` in `{}`",
                self.field
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstreams(home: &str) -> Upstreams {
        let named = |host: &str, upstream: &str| (host.to_owned(), upstream.to_owned());
        let home = Endpoint {
            upstream: "sso".to_owned(),
            url: Url::parse(home).unwrap(),
        };
        let others = vec![
            named("tokens.example", "tokens"),
            named("keys.example:8443", "keys"),
            named("xn--bcher-kva.example", "books"),
        ];
        Upstreams::new(home, others, "login.upstreams")
    }

    fn found(home: &str, address: &str) -> Result<String, String> {
        let metadata = format!(r#"{{ "token_endpoint": "{address}" }}"#);
        let metadata = Json::parse_object_without_duplicates(metadata.as_bytes()).unwrap();
        let found = upstreams(home).discovered(&metadata, "token_endpoint");
        found.map(|endpoint| endpoint.upstream)
    }

    #[test]
    fn an_address_goes_to_the_upstream_of_its_very_host_and_port() {
        for (address, upstream) in [
            ("https://sso.example/token", "sso"),
            ("https://SSO.example:443/token", "sso"),
            ("https://tokens.example/token?tenant=1", "tokens"),
            ("https://Tokens.Example:443", "tokens"),
            ("https://keys.example:8443/", "keys"),
            ("https://xn--bcher-kva.example/", "books"),
        ] {
            let found = found("https://sso.example/main", address);
            assert_eq!(found.as_deref(), Ok(upstream), "{address}");
        }
        let plain = found("http://sso.example/main", "http://tokens.example:80/");
        assert_eq!(plain.as_deref(), Ok("tokens"));
    }

    #[test]
    fn an_address_on_any_other_server_is_none_to_ask() {
        for address in [
            "https://evil.example/token",
            "https://tokens.example.evil.example/token",
            "https://eviltokens.example/token",
            "https://sub.tokens.example/token",
            "https://example/token",
            "https://tokens.example:444/token",
            "https://tokens.example:80/token",
            "https://tokens.example:/token",
            "https://tokens.example:0443/token",
            "https://tokens.example./token",
            "https://keys.example/keys",
            "https://sso.example:8443/token",
            "https://[tokens.example]/token",
        ] {
            let why = found("https://sso.example/main", address).unwrap_err();
            assert!(why.contains("another server"), "{address}: {why}");
            assert!(why.contains("`login.upstreams`"), "{address}: {why}");
            let host = address.split('/').nth(2).unwrap();
            let advice = format!("{{ \"{host}\": \"NAME\" }}");
            assert!(why.contains(&advice), "{address}: {why}");
        }
        for address in ["http://tokens.example/token", "http://sso.example:443/"] {
            let why = found("https://sso.example/main", address).unwrap_err();
            assert!(why.contains("begins with http://"), "{address}: {why}");
        }
        let why = found("http://sso.example/main", "https://sso.example/").unwrap_err();
        assert!(why.contains("begins with https://"), "{why}");
        for address in [
            "https://tokens.example@evil.example/token",
            "https://gate:secret@tokens.example/token",
            "https://tokens.example\\\\.evil.example/token",
            "https://tokens.example%2eevil.example/token",
            "https://bücher.example/token",
            "https://tokens。example/token",
            "HTTPS://tokens.example/token",
            "//tokens.example/token",
            "https://tokens.example#@evil.example/token",
            "",
        ] {
            let why = found("https://sso.example/main", address).unwrap_err();
            assert!(why.contains("no usable"), "{address}: {why}");
            assert!(!why.contains("evil"), "{address}: {why}");
        }
    }

    #[test]
    fn an_error_quotes_no_more_than_a_host() {
        let long = format!("https://{}.example/{}", "a".repeat(9000), "b".repeat(9000));
        let why = found("https://sso.example", &long).unwrap_err();
        assert!(why.len() < 1000 && !why.contains("bbb"), "{}", why.len());
    }
}
