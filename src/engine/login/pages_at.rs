//! The gate's own pages, and where they are.

use super::return_path::ReturnPath;
use crate::http::{Authority, Origin};

/// What all paths of the gate's own pages begin with. Ollama has none that does.
const FOLDER: &str = "/.gate/";

/// A page of the gate's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OwnPage {
    /// begins a sign-in
    SignIn,
    /// where the provider sends browsers back to
    Callback,
    /// says who is calling
    Who,
    /// signs out
    SignOut,
    /// says that somebody has signed out
    SignedOut,
    /// where the provider says that somebody has signed out there
    BackChannelLogout,
}

impl OwnPage {
    const ALL: [(&'static str, Self); 6] = [
        ("login", Self::SignIn),
        ("callback", Self::Callback),
        ("whoami", Self::Who),
        ("logout", Self::SignOut),
        ("signed-out", Self::SignedOut),
        ("backchannel-logout", Self::BackChannelLogout),
    ];

    /// That at `path`, without the prefix that the gate is mounted at.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let name = path.strip_prefix(FOLDER)?;
        let found = Self::ALL.into_iter().find(|(own, _)| *own == name);
        found.map(|(_, page)| page)
    }

    /// Whether `segment` is the last one of such a path.
    pub(crate) fn is_named(segment: &[u8]) -> bool {
        Self::ALL.iter().any(|(own, _)| own.as_bytes() == segment)
    }

    /// Its path, without that prefix.
    pub(crate) fn path(self) -> String {
        let found = Self::ALL.into_iter().find(|(_, page)| *page == self);
        [FOLDER, found.map_or("", |(name, _)| name)].concat()
    }
}

/// Where browsers find the gate.
#[derive(Debug)]
pub(crate) struct Site {
    /// scheme and host
    pub origin: Origin,
    /// the path under which the gate is mounted; empty at the root
    prefix: String,
}

impl Site {
    /// The gate at `origin`, such as `https://gate.example.com`. `None` for what is none.
    pub(crate) fn parse(origin: &str) -> Option<Self> {
        Some(Self {
            origin: Origin::parse(origin)?,
            prefix: String::new(),
        })
    }

    /// The same, mounted at `prefix`.
    pub(crate) fn below(self, prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            ..self
        }
    }

    /// Whether a request for `host` came to it by this address, so that cookies which are set now come back to
    /// the page that needs them.
    pub(crate) fn is_asked_as(&self, host: &[u8]) -> bool {
        Authority::parse(host).is_some_and(|asked| self.origin.is_asked_as(&asked))
    }

    /// What tells the gate here whose name at the provider is `client_id` from any other: the same on each of its
    /// instances. Neither part has a line end.
    pub(crate) fn gate(&self, client_id: &str) -> String {
        [client_id, "\n", self.origin.as_str(), &self.prefix].concat()
    }

    /// The path below which browsers send cookies. Over TLS it is the whole host, which is the price of `__Host-`:
    /// that keeps other hosts from setting them, and a path is no boundary (RFC 6265 section 8.5).
    pub(crate) fn cookie_path(&self) -> &str {
        if self.origin.is_https() || self.prefix.is_empty() {
            "/"
        } else {
            &self.prefix
        }
    }

    /// `target`, if a browser may be sent back there; the gate itself otherwise.
    pub(crate) fn return_path(&self, target: &[u8]) -> ReturnPath {
        let pages = [self.prefix.as_str(), FOLDER].concat();
        let root = [self.prefix.as_str(), "/"].concat();
        ReturnPath::read(target, &pages)
            .or_else(|| ReturnPath::read(root.as_bytes(), &pages))
            .unwrap_or_else(ReturnPath::root)
    }

    /// The path of `page`, as browsers ask for it.
    pub(crate) fn path_of(&self, page: OwnPage) -> String {
        [self.prefix.as_str(), &page.path()].concat()
    }

    /// Where the provider sends browsers back to.
    pub(crate) fn redirect_url(&self) -> String {
        [self.origin.as_str(), &self.path_of(OwnPage::Callback)].concat()
    }

    /// Where somebody ends who has signed out.
    pub(crate) fn signed_out_url(&self) -> String {
        [self.origin.as_str(), &self.path_of(OwnPage::SignedOut)].concat()
    }
}
