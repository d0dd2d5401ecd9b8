//! Scopes: what a caller may make Ollama do.

/// A group of Ollama's routes, by what they can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// whether it is alive, and its version
    Health,
    /// which models there are and what they are
    Read,
    /// running a model
    Inference,
    /// disk, downloads, uploads, deletion
    Manage,
    /// what leaves the machine for ollama.com, and the host's account there
    Cloud,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 5] = [
        Self::Health,
        Self::Read,
        Self::Inference,
        Self::Manage,
        Self::Cloud,
    ];

    /// The name in configurations, claims, logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Read => "read",
            Self::Inference => "inference",
            Self::Manage => "manage",
            Self::Cloud => "cloud",
        }
    }

    /// The name of every scope.
    pub fn names() -> Vec<&'static str> {
        Self::ALL.into_iter().map(Self::name).collect()
    }

    /// The scope called `name`.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    /// Its place in a set of scopes.
    pub(crate) const fn bit(self) -> u8 {
        match self {
            Self::Health => 1,
            Self::Read => 2,
            Self::Inference => 4,
            Self::Manage => 8,
            Self::Cloud => 16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        assert_eq!(Scope::named("manage"), Some(Scope::Manage));
        assert_eq!(Scope::named("Manage"), None);
        assert_eq!(Scope::named(""), None);
    }
}
