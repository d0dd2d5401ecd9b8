//! What is known of a token once its signature was right.

use super::claims::Times;
use super::keys::VerifiedSignature;
use super::rules::Claimed;
use crate::grant::{BodyRules, ScopeSet};
use std::rc::Rc;

/// What a token says whose signature was verified: facts, never a decision. Only a
/// `VerifiedSignature` makes one.
#[derive(Debug)]
pub struct VerifiedToken {
    issuer: usize,
    claimed: Claimed,
    forwarded: Rc<[Option<String>]>,
    previous: bool,
}

impl VerifiedToken {
    /// What a token of the issuer at this place in the configuration `claimed`, proved by its
    /// `signature`. `forwarded` are the claims that go into headers, in the order of the
    /// configuration.
    pub(super) fn new(
        issuer: usize,
        claimed: Claimed,
        forwarded: Rc<[Option<String>]>,
        signature: &VerifiedSignature,
    ) -> Self {
        Self {
            issuer,
            claimed,
            forwarded,
            previous: signature.by_a_previous_secret(),
        }
    }

    /// The place of its issuer in the configuration.
    pub const fn issuer(&self) -> usize {
        self.issuer
    }

    /// Who is calling.
    pub const fn subject(&self) -> &Rc<str> {
        &self.claimed.subject
    }

    /// What the caller may do.
    pub const fn scopes(&self) -> ScopeSet {
        self.claimed.scopes
    }

    /// What its claim for scopes says, where that means nothing here.
    pub const fn unmapped(&self) -> &Option<Rc<str>> {
        &self.claimed.unmapped
    }

    /// Which models it may use, and how much it may ask for.
    pub const fn rules(&self) -> &Option<Rc<BodyRules>> {
        &self.claimed.rules
    }

    /// When it is valid.
    pub const fn times(&self) -> &Times {
        &self.claimed.times
    }

    /// The claims that go into headers, in the order of the configuration.
    pub const fn forwarded(&self) -> &Rc<[Option<String>]> {
        &self.forwarded
    }

    /// Whether a previous secret signed it.
    pub const fn by_a_previous_secret(&self) -> bool {
        self.previous
    }
}
