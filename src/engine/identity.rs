//! Who is calling, and how that was proved.

use crate::denial::{Denial, Reason};
use crate::grant::RuleSet;
use crate::grant::ScopeSet;
use crate::network::{ClientAddress, Ranges};
use crate::time::{Clock, Timestamp};
use std::fmt;
use std::ops::Deref;
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
    /// a session at the gate itself, after a sign-in at the identity provider
    Session,
    /// nothing: the configuration lets in whoever brings no credential
    Anonymous,
}

impl Method {
    /// Each that `require` can name, in the order in which they are tried.
    pub const ALL: [Self; 4] = [Self::ApiKey, Self::Jwt, Self::OllamaCli, Self::Basic];

    /// The name in logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::Jwt => "jwt",
            Self::OllamaCli => "ollama_cli",
            Self::Basic => "basic",
            Self::Session => "session",
            Self::Anonymous => "anonymous",
        }
    }
}

/// What browsers send by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SentByBrowser {
    /// a password that it was told once
    Password,
    /// a cookie
    Cookie,
    /// the token that a proxy adds for whoever is signed in there
    ProxyHeader,
    /// nothing, where that is enough
    Nothing,
}

/// When a proof is worth nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// the first moment at which it is
    pub at: Timestamp,
    /// what is told then
    pub reason: Reason,
}

impl Expiry {
    /// Of two the one that comes first.
    pub fn first(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        one.into_iter().chain(other).min_by_key(|expiry| expiry.at)
    }

    /// Asks again, of a request that had to wait after its caller was proved.
    ///
    /// # Errors
    /// It has come meanwhile, or nobody knows because there is no clock.
    pub fn check(self, clock: &dyn Clock) -> Result<(), Denial> {
        if clock.now()? < self.at {
            return Ok(());
        }
        let advice =
            "it was valid when the request came, and the rest of the request came too late";
        Err(Denial::new(self.reason, advice))
    }
}

/// The name of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialId<'e> {
    /// that stands in the configuration
    Configured(&'e str),
    /// of a record that another may take the place of while the request lasts
    OfRecord(Rc<str>),
}

impl CredentialId<'_> {
    /// The name, to be kept.
    pub(crate) fn shared(&self) -> Rc<str> {
        match self {
            Self::Configured(name) => Rc::from(*name),
            Self::OfRecord(name) => Rc::clone(name),
        }
    }
}

impl Deref for CredentialId<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Configured(name) => name,
            Self::OfRecord(name) => name,
        }
    }
}

/// What has proved somebody, and may be taken back while the request lasts.
pub trait Standing: fmt::Debug {
    /// Whether it was.
    fn is_withdrawn(&self) -> bool;
}

/// A record that was fetched, and what log lines say of it.
#[derive(Clone, Debug)]
pub struct FetchedRecord {
    /// what logs call the document that it is from
    pub source: Rc<str>,
    /// how often that had changed
    pub generation: u64,
    /// whether it still counts
    pub standing: Rc<dyn Standing>,
}

impl PartialEq for FetchedRecord {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
            && self.generation == other.generation
            && Rc::ptr_eq(&self.standing, &other.standing)
    }
}

impl Eq for FetchedRecord {}

/// Who is calling, proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity<'e> {
    /// how it was proved
    pub method: Method,
    /// the configured name of the key or the issuer
    pub id: CredentialId<'e>,
    /// the person or program
    pub subject: Rc<str>,
    /// what it may do
    pub scopes: ScopeSet,
    /// of a token without a scope: what its claim says in their place
    pub unmapped: Option<Rc<str>>,
    /// the claims that go into headers, in the order of the configuration; of a token only
    pub claims: Option<Rc<[Option<String>]>>,
    /// whether a previous secret still proved it
    pub by_previous_secret: bool,
    /// what of the proof a browser may have sent by itself, on whatever page its user is
    pub by_browser: Option<SentByBrowser>,
    /// when that is no proof any more
    pub expiry: Option<Expiry>,
    /// where it may come from, beside the rules for everybody; of a key only
    pub allow_from: Option<Rc<Ranges>>,
    /// the record that it was proved by, if that was fetched; boxed, since most are not
    pub fetched: Option<Box<FetchedRecord>>,
    /// what the operator has noted of the credential, for log lines; of a key only
    pub labels: Option<Rc<str>>,
    /// which models it may use, and how much it may ask for
    pub rules: RuleSet,
}

impl Identity<'_> {
    /// Holds the request from `client` against the rules for everybody, and against its own.
    ///
    /// # Errors
    /// As of [`ClientAddress::check`], with the name of the credential.
    pub fn check_network(&self, client: &ClientAddress<'_>) -> Result<(), Denial> {
        let checked = client.check(self.allow_from.as_deref());
        checked.map_err(|denial| denial.of(&self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::RequestHead;
    use crate::network::{Appended, Connection, NetworkRules, Peer};

    struct Gateway(Peer);

    impl Connection for Gateway {
        fn peer(&self) -> Peer {
            self.0
        }
    }

    #[test]
    fn a_refusal_for_the_network_names_the_credential() {
        let only = Ranges::read(["10.0.0.0/8"]).unwrap();
        let mut identity = Identity {
            method: Method::ApiKey,
            id: CredentialId::Configured("laptop"),
            subject: "alice".into(),
            scopes: ScopeSet::DEFAULT,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: None,
            expiry: None,
            allow_from: Some(only.into()),
            fetched: None,
            labels: None,
            rules: RuleSet::default(),
        };
        let pairs: [(&[u8], &[u8]); 3] = [(b":method", b"GET"), (b":path", b"/"), (b"host", b"h")];
        let (head, rules) = (RequestHead::read(pairs).unwrap(), NetworkRules::default());
        let gateway = Gateway(Peer::Real("192.168.1.7".parse().unwrap(), Appended::No));
        let client = ClientAddress::new(&rules, &gateway, &head);
        let denial = identity.check_network(&client).unwrap_err();
        assert_eq!(denial.reason().code(), "network_denied");
        assert_eq!(denial.id(), Some("laptop"));
        identity.allow_from = None;
        assert!(identity.check_network(&client).is_ok());
    }
}
