//! Sets of scopes.

use crate::ollama::Scope;
use std::fmt;

/// A set of scopes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(u8);

impl ScopeSet {
    /// No scope.
    pub const NONE: Self = Self(0);

    /// What a credential gets when the configuration names no scopes.
    pub const DEFAULT: Self = Self::NONE.with(Scope::Read).with(Scope::Inference);

    /// Every scope.
    pub const EVERY: Self = Self(0b1_1111);

    /// What both sets grant.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set grants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set and `scope`.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether the set grants `scope`. Any scope grants `health`: a client that may do something
    /// may also ask whether Ollama is alive.
    pub const fn grants(self, scope: Scope) -> bool {
        match scope {
            Scope::Health => self.0 != 0,
            other => self.0 & other.bit() != 0,
        }
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for ScopeSet {
    /// "`read`, `inference`", or "no scope".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut held = Scope::ALL
            .into_iter()
            .filter(|scope| self.0 & scope.bit() != 0)
            .map(Scope::name);
        match held.next() {
            None => f.write_str("no scope"),
            Some(first) => {
                write!(f, "`{first}`")?;
                held.try_for_each(|name| write!(f, ", `{name}`"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_grants_itself_and_health_and_nothing_else() {
        for held in Scope::ALL {
            let set = ScopeSet::NONE.with(held);
            for asked in Scope::ALL {
                let granted = asked == held || asked == Scope::Health;
                assert_eq!(set.grants(asked), granted, "{held:?} for {asked:?}");
            }
        }
        assert!(
            Scope::ALL
                .iter()
                .all(|scope| !ScopeSet::NONE.grants(*scope))
        );
    }

    #[test]
    fn a_set_reads_like_a_sentence() {
        assert_eq!(ScopeSet::DEFAULT.to_string(), "`read`, `inference`");
        assert_eq!(ScopeSet::NONE.to_string(), "no scope");
    }
}
