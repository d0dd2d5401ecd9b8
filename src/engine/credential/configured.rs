//! Places for a credential that the configuration adds to those that every gate looks at.

use super::split_scheme;
use crate::http::Place;

/// A header in which a key or a token may come, or a scheme more of `Authorization`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CredentialHeader {
    /// its name, lower-case
    pub name: String,
    /// the scheme that may stand before the credential
    pub scheme: Option<String>,
}

impl CredentialHeader {
    /// Whether it adds a scheme to `Authorization`, which is looked at anyway.
    pub(crate) fn is_authorization(&self) -> bool {
        self.name.eq_ignore_ascii_case(Place::Authorization.name())
    }

    /// How it is written with `what` of the caller's in it.
    pub(crate) fn example(&self, what: &str) -> String {
        let name = if self.is_authorization() {
            Place::Authorization.name()
        } else {
            &self.name
        };
        match &self.scheme {
            Some(scheme) => format!("`{name}: {scheme} <your {what}>`"),
            None => format!("`{name}: <your {what}>`"),
        }
    }

    /// What stands in `value` behind its scheme, if it begins with that.
    pub(crate) fn behind_scheme<'a>(&self, value: &'a [u8]) -> Option<&'a [u8]> {
        let scheme = self.scheme.as_ref()?;
        let (word, rest) = split_scheme(value);
        let is_own = word.eq_ignore_ascii_case(scheme.as_bytes());
        is_own.then(|| rest.unwrap_or_default())
    }
}
