//! The engine: everything that decides, and nothing that talks to a gateway.
//!
//! Sans-io: no host call, no clock, no randomness. What came in is an argument or a port, what to do
//! next is the result.

mod back_channel;
mod body;
mod callback;
mod coding;
mod cookies;
mod decision;
mod fetching;
mod list;
mod mode;
mod record;
mod refreshing;
mod refusal;
mod reply;
mod request;
mod response;
mod session;
mod share;
mod sign_in;
mod states;
mod unheld;
mod watch;

pub use body::{Fed, HostBody};
pub use list::{ListHead, Listing};
pub use mode::{Mode, Watched};
pub(crate) use record::LogRules;
pub use record::Record;
pub use reply::Reply;
pub use response::{CHALLENGES, ResponseStep};
pub use share::Shared;
pub use states::{Excess, Exchange, Outcome, Ports, RequestStep, Rest, Unread};
pub(crate) use watch::Watch;
pub use watch::{Ending, GAUGES};

use crate::authn::{Anonymous, Authenticators, Requirement};
use crate::cors::Cors;
use crate::credential::CredentialHeader;
use crate::grant::ScopeSet;
use crate::http::PathPrefix;
use crate::login::{Login, SessionDirectory};
use crate::network::NetworkRules;
use crate::ollama::Routes;
use crate::ollama::body::DecoderMemory;
use crate::policy::Hosts;
use crate::source::Sources;
use crate::upstream::UpstreamRules;
use std::rc::Rc;

/// One configuration, ready to decide. Holds all state; nothing outlives it.
///
/// A [`Configuration`](crate::Configuration) makes one; [`Exchange`]s ask it.
#[derive(Debug)]
pub struct Engine {
    /// who can prove who they are
    pub(crate) authenticators: Authenticators,
    /// where credentials may come, beside the places that are always looked at
    pub(crate) credential_headers: Vec<CredentialHeader>,
    /// what is fetched
    pub(crate) sources: Sources,
    /// how many methods have to prove it
    pub(crate) require: Requirement,
    /// where requests may come from
    pub(crate) network: NetworkRules,
    /// whether somebody may come in who proves nothing
    pub(crate) anonymous: Option<Anonymous>,
    /// where people sign in, if they can
    pub(crate) login: Option<Rc<Login>>,
    /// the names that clients reach the gate by, where they are known
    pub hosts: Option<Hosts>,
    /// the pages of other sites that may use the gate, if there are any
    pub(crate) cors: Option<Cors>,
    /// scopes open to anybody
    pub(crate) public: ScopeSet,
    /// what Ollama sees
    pub(crate) upstream: UpstreamRules,
    /// where the gate is mounted
    pub(crate) path_prefix: Option<PathPrefix>,
    /// which routes there are
    pub(crate) routes: Routes,
    /// where a person gets a credential
    pub(crate) signin_url: Option<String>,
    /// what is logged
    pub(crate) log: LogRules,
    /// what becomes of decisions
    pub(crate) mode: Mode,
    /// whether the rest of the gateway is told who calls
    pub(crate) share_identity: bool,
    /// whether lists of models show a caller only those that it may use
    pub(crate) filter_lists: bool,
    /// what reads compressed bodies
    pub(crate) decoders: DecoderMemory,
    /// what grows old
    pub(crate) watch: Watch,
}

impl Engine {
    /// What becomes of decisions.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The sessions of people who are signed in, if a store keeps them.
    pub fn session_directory(&self) -> Option<SessionDirectory<'_>> {
        self.login.as_ref()?.directory()
    }

    /// The header of the gate's own credential, if it has one.
    pub fn own_credential_header(&self) -> Option<&str> {
        let own = self.upstream.credential.as_ref();
        own.map(crate::upstream::OwnCredential::header)
    }

    /// The field of the configuration, if there is one, that needs a gateway which shows responses.
    pub fn field_for_responses(&self) -> Option<&'static str> {
        if self.cors.is_some() {
            Some("cors")
        } else if self.filter_lists {
            Some("filter_lists")
        } else if self.upstream.credential.is_some() {
            Some("upstream.credential")
        } else if let Some(login) = &self.login {
            login.field_for_responses()
        } else {
            None
        }
    }
}
