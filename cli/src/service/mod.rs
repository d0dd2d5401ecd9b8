//! The gate as a service of systemd: up after a reboot, and again after a crash.

pub(crate) mod install;
pub(crate) mod notify;
pub(crate) mod systemd;
pub(crate) mod unit;

use unit::Scope;

/// Whose service it is.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ScopeOptions {
    /// The service of this user [default: for everybody but root]
    #[arg(long, conflicts_with = "system")]
    user: bool,
    /// The service of the machine, for root [default: for root]
    #[arg(long)]
    system: bool,
}

impl ScopeOptions {
    pub(crate) fn scope(self) -> Scope {
        match (self.user, self.system) {
            (true, _) => Scope::User,
            (_, true) => Scope::System,
            _ => Scope::of_this_user(),
        }
    }
}
