//! Whoever is signed in at the gate itself. How a session is carried is known on the floor above.

use crate::denial::Denial;
use crate::grant::{BodyRules, ScopeSet};
use crate::http::RequestHead;
use crate::identity::Expiry;
use crate::time::Timestamp;
use std::fmt;
use std::rc::Rc;

/// What opens the sessions that browsers carry.
pub(crate) trait Sessions: fmt::Debug {
    /// What log lines call them.
    fn name(&self) -> &str;

    /// Whether the request with `head` carries one, good or not.
    fn is_presented(&self, head: &RequestHead<'_>) -> bool;

    /// Who is signed in by the one that the request with `head` carries.
    ///
    /// # Errors
    /// It is none of this gate, or it has ended, or the rules grant nobody with its claims anything.
    fn open(&self, head: &RequestHead<'_>, now: Timestamp) -> Result<SignedIn, Denial>;
}

/// Somebody who is signed in, proved.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    /// the person
    pub subject: Rc<str>,
    /// what the person may do
    pub scopes: ScopeSet,
    /// where that is nothing: what the claim for scopes says
    pub unmapped: Option<Rc<str>>,
    /// the claims that go into headers, in the order of the configuration
    pub claims: Rc<[Option<String>]>,
    /// which models the person may use, and how much of them
    pub rules: Option<Rc<BodyRules>>,
    /// when the session ends
    pub expiry: Expiry,
    /// whether a previous secret still opened it
    pub by_previous_secret: bool,
}
