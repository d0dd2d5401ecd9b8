//! The sections that say who may come in.

use super::headers::HeaderNames;
use super::reader::Reader;
use super::root::RootSection;
use super::{api_keys, basic, credential_headers, jwt, ollama_cli};
use crate::authn::Authenticators;
use crate::authn::api_key::KeyRing;
use crate::authn::basic::Users;
use crate::authn::jwt::{ForwardedClaim, Issuer, Keys, Tokens};
use crate::authn::ollama_cli::Signers;
use crate::credential::CredentialHeader;
use crate::identity::Method;
use crate::source::Sources;

/// What proves a caller, of every method.
pub(super) struct Credentials {
    pub(super) keys: KeyRing,
    pub(super) issuers: Vec<Issuer>,
    pub(super) users: Users,
    pub(super) headers: Vec<CredentialHeader>,
    signers: Option<Signers>,
}

impl Credentials {
    /// What the sections say. What issuers have to fetch goes into `sources`, the headers of
    /// credentials are then `taken`.
    pub(super) fn read(
        reader: &mut Reader<'_>,
        sources: &mut Sources,
        taken: &mut HeaderNames,
        section: &RootSection<'_>,
    ) -> Self {
        let keys = match section.api_keys.node() {
            Some(node) => api_keys::read(reader, sources, &node, &section.jwt),
            None => KeyRing::default(),
        };
        let issuers = match section.jwt.node() {
            Some(node) => jwt::read(reader, sources, taken, &node),
            None => Vec::new(),
        };
        let headers = section.credential_headers.node();
        let headers = headers.map(|node| credential_headers::read(reader, taken, &node));
        Self {
            keys,
            issuers,
            headers: headers.unwrap_or_default(),
            users: basic::read(reader, section.basic.node().as_ref()),
            signers: section.ollama_cli.read(reader, ollama_cli::read),
        }
    }

    /// The methods by which somebody can come in.
    pub(super) fn methods(&self) -> Vec<Method> {
        let has = |method: &Method| match method {
            Method::ApiKey => !self.keys.is_empty(),
            Method::Jwt => self.issuers.iter().any(|issuer| issuer.header.is_none()),
            Method::OllamaCli => self.may_sign(),
            Method::Basic => !self.users.is_empty(),
            Method::Session | Method::Anonymous => false,
        };
        Method::ALL.into_iter().filter(has).collect()
    }

    /// Whether there is a credential that costs much to check: a password, a public-key signature of a
    /// token.
    pub(super) fn has_expensive(&self) -> bool {
        !self.users.is_empty() || self.has_signed_tokens()
    }

    /// Whether public-key signatures are checked, of tokens or of `ollama` CLIs.
    pub(super) fn has_signatures(&self) -> bool {
        self.may_sign() || self.has_signed_tokens()
    }

    /// The names of the headers that the configuration adds to those in which credentials come.
    pub(super) fn header_names(&self) -> impl Iterator<Item = String> {
        let own = self.headers.iter().filter(|own| !own.is_authorization());
        own.map(|own| own.name.clone())
    }

    /// What an operator is told of them at startup.
    pub(super) fn notices(&self) -> Vec<String> {
        let issuers = self.issuers.iter().flat_map(Issuer::fingerprints);
        issuers.chain(basic::notices(&self.users)).collect()
    }

    /// What checks them, and hands `claims` on.
    pub(super) fn authenticators(self, claims: Vec<ForwardedClaim>) -> Authenticators {
        let tokens = Tokens::new(self.issuers, claims);
        Authenticators::new(self.keys, tokens, self.users, self.signers, &self.headers)
    }

    fn may_sign(&self) -> bool {
        self.signers
            .as_ref()
            .is_some_and(|signers| !signers.is_empty())
    }

    fn has_signed_tokens(&self) -> bool {
        let keys = |issuer: &Issuer| !matches!(issuer.keys, Keys::Secrets(_));
        self.issuers.iter().any(keys)
    }
}
