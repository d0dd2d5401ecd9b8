//! What the configuration says of the way to Ollama.

use super::OwnCredential;
use crate::http::{begins, resembles};
use crate::secret::Secret;

/// What the configuration says of the way to Ollama.
#[derive(Debug)]
pub(crate) struct UpstreamRules {
    /// the Host that Ollama is asked with; bound to loopback it refuses foreign ones
    pub host: String,
    /// the header that names the caller, lower-case
    pub subject_header: Option<String>,
    /// the header that names the credential, lower-case
    pub credential_id_header: Option<String>,
    /// the headers for claims, lower-case, in the order of the identity's claims
    pub claim_headers: Vec<String>,
    /// the configured headers in which keys and tokens come, lower-case
    pub token_headers: Vec<String>,
    /// the headers that are taken out beside those that always are
    pub removed_headers: Vec<NamePattern>,
    /// what shows a guard behind the gate that a request has come through it
    pub proof: Option<Proof>,
    /// what Ollama's own front wants to see of the gate
    pub credential: Option<OwnCredential>,
}

/// A header with a secret that only the gate and a guard behind it know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// its name, lower-case
    pub header: String,
    /// its value
    pub secret: Secret<String>,
}

/// The name of a header, lower-case, or what it begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NamePattern {
    /// the name, or its beginning
    pub name: String,
    /// whether anything may follow
    pub is_prefix: bool,
}

impl NamePattern {
    /// Whether a field called `name` is meant.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        if self.is_prefix {
            begins(name, self.name.as_bytes())
        } else {
            resembles(name, self.name.as_bytes())
        }
    }
}

/// Headers that frame or route a message. None of them can be taken out.
pub(crate) const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "content-encoding",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
];

impl UpstreamRules {
    /// Whether the configuration has a field called `name` taken out.
    pub(super) fn removes(&self, name: &[u8]) -> bool {
        self.removed_headers.iter().any(|own| own.matches(name))
    }

    /// Whether there are headers that the gate alone writes or reads. Most gates have none, and then a request pays for no
    /// list of them.
    pub(super) const fn has_own_headers(&self) -> bool {
        // Each member, so that another one is thought of here.
        let Self {
            subject_header,
            credential_id_header,
            claim_headers,
            token_headers,
            proof,
            credential,
            host: _,
            removed_headers: _,
        } = self;
        let named = subject_header.is_some() || credential_id_header.is_some();
        let listed = !claim_headers.is_empty() || !token_headers.is_empty();
        named || listed || proof.is_some() || credential.is_some()
    }

    /// The headers that the gate alone writes or reads.
    pub(super) fn own_headers(&self) -> impl Iterator<Item = &str> {
        let proof = self.proof.as_ref().map(|proof| &proof.header);
        let credential = self.credential.as_ref().map(OwnCredential::header);
        [&self.subject_header, &self.credential_id_header]
            .into_iter()
            .flatten()
            .chain(proof)
            .chain(&self.claim_headers)
            .chain(&self.token_headers)
            .map(String::as_str)
            .chain(credential)
    }
}
