//! Who is calling, and how that was proved.

use crate::ollama::ScopeSet;
use crate::policy::{HeldRules, Ranges};
use std::rc::Rc;

/// How an identity was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// an API key
    ApiKey,
    /// a JSON Web Token
    Jwt,
    /// the `ollama` CLI's own signature
    OllamaCli,
    /// a name and a password
    Basic,
    /// nothing: the configuration lets in whoever brings no credential
    Anonymous,
}

impl Method {
    /// Each that proves somebody, in the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Jwt, Self::OllamaCli, Self::Basic];

    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::OllamaCli => "ollama_cli",
            Self::Basic => "basic",
            Self::Anonymous => "anonymous",
        }
    }
}

/// Who is calling, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'e> {
    /// how it was proved
    pub method: Method,
    /// the configured name of the key or the issuer
    pub id: &'e str,
    /// the person or program
    pub subject: Rc<str>,
    /// what it may do
    pub scopes: ScopeSet,
    /// the claims that go into headers, in the order of the configuration; of a token only
    pub claims: Option<Rc<[Option<String>]>>,
    /// whether a previous secret still proved it
    pub by_previous_secret: bool,
    /// whether a browser may have sent the proof by itself, on whatever page its user is
    pub ambient: bool,
    /// where it may come from, beside the rules for everybody; of a key only
    pub allow_from: Option<&'e Ranges>,
    /// which models it may use, and how much it may ask for
    pub rules: HeldRules,
}
