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

/// Proof that the configuration enforces nothing. Only [`Mode::watched`] makes one, and letting a
/// request go on as it came needs one.
///
/// ```compile_fail
/// // INVARIANT: nothing outside can let a request go on as it came.
/// let watched = ollama_gate_engine::exchange::Watched(());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched(());

impl Mode {
    /// The modes by their names in the configuration.
    pub const ALL: [(&'static str, Self); 2] =
        [("enforce", Self::Enforce), ("report", Self::Report)];

    /// The proof, where nothing is enforced.
    pub const fn watched(self) -> Option<Watched> {
        match self {
            Self::Enforce => None,
            Self::Report => Some(Watched(())),
        }
    }
}
