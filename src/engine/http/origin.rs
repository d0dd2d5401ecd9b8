//! Origins (RFC 6454): scheme, host and port.

use super::Authority;

/// Where browsers find a site, such as `https://gate.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    text: String,
    is_https: bool,
    authority: Authority,
}

impl Origin {
    /// That which `text` says; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let https = text.strip_prefix("https://");
        let host = https.or_else(|| text.strip_prefix("http://"))?;
        Some(Self {
            text: text.to_owned(),
            is_https: https.is_some(),
            authority: Authority::parse(host.as_bytes())?,
        })
    }

    /// As it was written.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is reached over TLS.
    pub(crate) const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Its host.
    pub(crate) const fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Whether a request for `asked` came to it by this address.
    pub(crate) fn is_asked_as(&self, asked: &Authority) -> bool {
        // A proxy in front may take off the port, or add its own.
        let same_port = self.port(asked) == self.port(&self.authority) || asked.port().is_none();
        asked.is_host_of(&self.authority) && same_port
    }

    /// Whether it is that of a page of this scheme and host.
    pub(crate) fn is(&self, is_https: bool, page: &Authority) -> bool {
        is_https == self.is_https
            && page.is_host_of(&self.authority)
            && self.port(page) == self.port(&self.authority)
    }

    fn port(&self, of: &Authority) -> u16 {
        of.port().unwrap_or(if self.is_https { 443 } else { 80 })
    }
}
