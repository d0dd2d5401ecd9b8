//! Whether decisions are enforced.

/// What becomes of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// they hold
    #[default]
    Enforce,
    /// they are logged and counted, and nobody is refused
    Report,
}

/// Proof that the configuration enforces nothing. Only a configuration in report mode makes one, and letting a
/// request go on as it came needs one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched(());

impl Mode {
    /// The modes by their names in the configuration.
    pub const ALL: [(&'static str, Self); 2] =
        [("enforce", Self::Enforce), ("report", Self::Report)];

    /// The proof, where nothing is enforced.
    pub(crate) const fn watched(self) -> Option<Watched> {
        match self {
            Self::Enforce => None,
            Self::Report => Some(Watched(())),
        }
    }
}
