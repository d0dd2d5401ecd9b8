//! What is fetched: a credential, from a server that keeps it or from one that issues it.

use super::grant::Grant;
use super::text::TextSource;
use super::value::MAX_USED;
use crate::secret::Secret;
use crate::source::{Answer, Call, Document, Lifetime, Read};
use crate::time::Timestamp;

/// The credential as a document that is fetched. Its value is the whole value of the header.
#[derive(Debug)]
pub(crate) struct CredentialDocument {
    /// what stands before it in the header
    pub prefix: String,
    /// from where it comes
    pub kind: Kind,
}

/// From where a credential comes.
#[derive(Debug)]
pub(crate) enum Kind {
    /// somebody else keeps it
    Text(TextSource),
    /// a token endpoint issues it
    Grant(Grant),
}

impl CredentialDocument {
    /// The server that it is from, without its path, which may be a secret.
    pub(super) fn origin(&self) -> String {
        let (upstream, url) = match &self.kind {
            Kind::Text(source) => (&source.upstream, &source.url),
            Kind::Grant(grant) => (&grant.upstream, &grant.token_url),
        };
        format!("{upstream}/{}", url.authority())
    }

    /// Whether one that came good for so many seconds ends then. Each fetch of one that is used for as long as its
    /// server may be silent makes it good for as long again.
    pub(super) const fn names_end(&self, good_for: i64) -> bool {
        match &self.kind {
            Kind::Text(source) => good_for < source.max_stale && good_for < MAX_USED,
            Kind::Grant(_) => true,
        }
    }
}

/// A credential, and how long it is good.
#[derive(Debug)]
pub(super) struct Issued {
    pub value: Secret<String>,
    pub lifetime: Lifetime,
}

impl Document for CredentialDocument {
    type Value = Secret<String>;

    fn first(&self, now: Timestamp) -> Call {
        match &self.kind {
            Kind::Text(source) => source.call(),
            Kind::Grant(grant) => grant.call(now),
        }
    }

    fn accepts(&self, status: u16) -> bool {
        match &self.kind {
            Kind::Text(_) => status == 200,
            Kind::Grant(_) => matches!(status, 200 | 400 | 401),
        }
    }

    fn read(&self, answer: &Answer<'_, Secret<String>>) -> Result<Read<Secret<String>>, String> {
        let now: Timestamp = answer.now;
        let issued = match &self.kind {
            Kind::Text(source) => source.read(answer.body, now)?,
            Kind::Grant(grant) => grant.read(answer.status, answer.body, now)?,
        };
        let value = [self.prefix.as_str(), issued.value.expose()].concat();
        Ok(Read::Value {
            value: Secret::new(value),
            warnings: Vec::new(),
            lifetime: Some(issued.lifetime),
        })
    }
}
