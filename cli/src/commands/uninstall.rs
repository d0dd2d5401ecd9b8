//! `uninstall`: takes the service out again.

use crate::input::shown;
use crate::output::{Failure, Report};
use crate::service::{ScopeOptions, install};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Stop the service of the gate, and take it out of systemd; the directory of the gate stays
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    scope: ScopeOptions,
}

/// Takes it out.
///
/// # Errors
/// There is none, or systemd failed.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    install::uninstall(options.scope.scope()).map(Removed)
}

/// Where the unit was.
struct Removed(PathBuf);

impl Report for Removed {
    fn text(&self) -> String {
        format!(
            "The service is stopped, and {} is gone. The directory of the gate is as it was.\n",
            shown(&self.0)
        )
    }

    fn json(&self) -> Value {
        json!({ "removed": self.0.display().to_string() })
    }
}
