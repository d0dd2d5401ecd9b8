//! Permits that depend on the body.

use super::{Caller, Permit};
use crate::denial::Denial;
use crate::grant::{RuleSet, ScopeSet, check, check_cloud_name};
use crate::http::RequestLine;
use crate::identity::Identity;
use crate::ollama::body::{BodyKind, Members};
use crate::ollama::{Naming, Route};

/// An identity on a route that its scope allows. No permit yet: its rules may need the body.
#[derive(Debug)]
pub(crate) struct InScope<'p, 'e> {
    pub(super) identity: &'p Identity<'e>,
    pub(super) route: &'p Route,
}

/// What follows from the head of a request.
#[derive(Debug)]
pub(crate) enum Verdict<'p, 'e> {
    /// it may go on
    Permitted(Permit<'p, 'e>),
    /// it may go on once its body was looked at
    OnBody(ConditionalPermit<'p, 'e>),
}

/// A permit that depends on the body. Only `policy` makes one, of an identity whose scope allows the route.
#[derive(Debug)]
pub struct ConditionalPermit<'p, 'e> {
    identity: &'p Identity<'e>,
    condition: BodyCondition,
}

/// What a body has to be like. It holds nothing of the request's head or of the configuration, so
/// that it may wait for the body.
#[derive(Clone, Debug)]
pub struct BodyCondition {
    rules: RuleSet,
    scopes: ScopeSet,
    route: Route,
    kind: BodyKind,
}

/// Proof that a body is what it has to be. Only its check against the rules makes one, and letting go of a
/// held request needs one.
#[derive(Debug, PartialEq, Eq)]
pub struct BodyApproved(());

impl<'p, 'e> InScope<'p, 'e> {
    /// What follows from all that is known without the body. What leaves the machine by the model in
    /// the path needs the scope for it, whatever rules there are; of bodies nothing is known without.
    ///
    /// # Errors
    /// The request is about a model that it may not be about.
    pub(crate) fn judge(self, line: RequestLine<'_>) -> Result<Verdict<'p, 'e>, Denial> {
        let Self { identity, route } = self;
        if route.naming() == Naming::Path {
            check_cloud_name(identity.scopes, route.parameter(line.path))?;
        }
        let rules = &identity.rules;
        rules
            .iter()
            .try_for_each(|rules| rules.check_head(route, line))?;
        let kind = rules.iter().find_map(|rules| rules.kind(route, line));
        let Some(kind) = kind else {
            return Ok(Verdict::Permitted(Permit {
                caller: Caller::behind(identity),
            }));
        };
        Ok(Verdict::OnBody(ConditionalPermit {
            identity,
            condition: BodyCondition {
                rules: rules.clone(),
                scopes: identity.scopes,
                route: route.clone(),
                kind,
            },
        }))
    }
}

impl<'p, 'e> ConditionalPermit<'p, 'e> {
    /// Whose request it is.
    pub const fn caller(&self) -> Caller<'p, 'e> {
        Caller::behind(self.identity)
    }

    /// What its body has to be like, to be kept until that is there.
    pub const fn condition(&self) -> &BodyCondition {
        &self.condition
    }

    /// The permit, if the body is what it has to be. For a request without a body, `members` are
    /// those of none.
    ///
    /// # Errors
    /// It is not.
    pub fn decide(self, members: &Members) -> Result<Permit<'p, 'e>, Denial> {
        let BodyApproved(()) = self.condition.check(members)?;
        Ok(Permit {
            caller: self.caller(),
        })
    }
}

impl BodyCondition {
    /// What is to be read of the body.
    pub const fn kind(&self) -> BodyKind {
        self.kind
    }

    /// Whether Ollama takes the body in Zstandard as well.
    pub fn takes_zstd(&self) -> bool {
        self.route.takes_zstd()
    }

    /// Checks that a body of which `bytes` are there, or announced, may go on growing.
    ///
    /// # Errors
    /// It is too long already.
    pub fn check_size(&self, bytes: u64) -> Result<(), Denial> {
        self.rules
            .iter()
            .try_for_each(|rules| rules.limits.check_size(bytes))
    }

    /// Checks the whole body, read as [`BodyCondition::kind`] says.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn check(&self, members: &Members) -> Result<BodyApproved, Denial> {
        let rules = self.rules.iter();
        check(rules, self.scopes, &self.route, self.kind, members)?;
        Ok(BodyApproved(()))
    }
}

#[cfg(test)]
#[path = "conditional_tests.rs"]
mod tests;
