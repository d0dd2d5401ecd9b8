//! The engine: everything that decides, and nothing that talks to a gateway.
//!
//! Sans-io: no host call, no clock, no randomness. What came in is an argument or a port, what to do
//! next is the result.

mod body;
mod decision;
mod fetching;
mod list;
mod mode;
mod record;
mod reply;
mod response;
mod share;
mod states;

pub use body::{Fed, HostBody};
pub use list::{ListHead, Listing};
pub use mode::{Mode, Watched};
pub use record::Record;
pub use reply::Reply;
pub use response::ResponseStep;
pub use share::Shared;
pub use states::{Exchange, Outcome, Ports, RequestStep, Rest, Unread};

use crate::authn::{Anonymous, Authenticators, Requirement};
use crate::cors::Cors;
use crate::grant::ScopeSet;
use crate::http::PathPrefix;
use crate::network::NetworkRules;
use crate::ollama::Routes;
use crate::source::Sources;
use crate::upstream::UpstreamRules;

/// One configuration, ready to decide. Holds all state; nothing outlives it.
#[derive(Debug)]
pub struct Engine {
    /// who can prove who they are
    pub authenticators: Authenticators,
    /// what is fetched
    pub sources: Sources,
    /// how many methods have to prove it
    pub require: Requirement,
    /// where requests may come from
    pub network: NetworkRules,
    /// whether somebody may come in who proves nothing
    pub anonymous: Option<Anonymous>,
    /// the pages of other sites that may use the gate, if there are any
    pub cors: Option<Cors>,
    /// scopes open to anybody
    pub public: ScopeSet,
    /// what Ollama sees
    pub upstream: UpstreamRules,
    /// where the gate is mounted
    pub path_prefix: Option<PathPrefix>,
    /// which routes there are
    pub routes: Routes,
    /// where a person gets a credential
    pub signin_url: Option<String>,
    /// whether allowed requests are logged
    pub log_allowed: bool,
    /// what becomes of decisions
    pub mode: Mode,
    /// whether the rest of the gateway is told who calls
    pub share_identity: bool,
    /// whether lists of models show a caller only those that it may use
    pub filter_lists: bool,
}
