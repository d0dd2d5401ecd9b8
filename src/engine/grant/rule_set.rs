//! All the rules of one caller.

use super::BodyRules;
use std::rc::Rc;

/// The rules that an identity has for its requests' bodies: those of each credential that proves it,
/// and of the user that it speaks for. All of them have to hold. Without any it allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleSet(Vec<Rc<BodyRules>>);

impl RuleSet {
    /// Those of one credential.
    pub fn own(rules: &Option<Rc<BodyRules>>) -> Self {
        Self(rules.iter().cloned().collect())
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &BodyRules> {
        self.0.iter().map(Rc::as_ref)
    }
}
