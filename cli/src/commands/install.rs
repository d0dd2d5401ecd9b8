//! `install`: keeps a gate running as a service.

use super::site_folder;
use crate::envoy;
use crate::input::shown;
use crate::output::{Failure, Report};
use crate::service::install::{self, Installed};
use crate::service::unit::{NAME, Scope};
use crate::service::{ScopeOptions, systemd};
use crate::site::{self, Site};
use crate::stop::Stop;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Keep a gate running as a service of systemd: after a reboot, and again after a crash
///
/// Puts the unit in place, enables and starts it, and waits until the gate answers. For a user's own service
/// lingering is enabled, so that it is up before anybody logs in. If the gate does not come up, nothing is
/// installed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory of the gate [default: as for `init`]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeOptions,
    /// An Envoy of your own
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,
}

/// Installs it.
///
/// # Errors
/// There is no systemd, or the gate does not come up.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let site = Site::open(&site_folder(options.folder.as_deref())?)?;
    let scope = options.scope.scope();
    let manager = install::allowed(&site, scope)?;
    let runs = systemd::installed(scope)?.is_some() && manager.state()?.active == "active";
    if !runs {
        site::port_is_free(&site)?;
    }
    let stop = Stop::listen()?;
    let envoy = envoy::prepare(&site, options.envoy.as_deref(), &stop)?;
    stop.check()?;
    // The PATH of a service is another one.
    let outside = (!envoy.starts_with(&site.folder)).then_some(envoy.as_path());
    let installed = install::install(&site, &manager, scope, outside)?;
    let mut notes = Vec::new();
    if !installed.lingers {
        let user = rustix::process::getuid().as_raw();
        notes.push(format!(
            "it is up once you have logged in; to have it up before that: sudo loginctl enable-linger {user}"
        ));
    }
    Ok(Done {
        site,
        installed,
        scope,
        notes,
    })
}

struct Done {
    site: Site,
    installed: Installed,
    scope: Scope,
    notes: Vec<String>,
}

impl Report for Done {
    fn text(&self) -> String {
        format!(
            "The gate is up, and will be after a reboot: {}\n  {}\nThe service is `{NAME}` ({}); its unit is {}.\n",
            self.site.url(),
            self.site.curl(),
            self.scope.name(),
            shown(&self.installed.unit)
        )
    }

    fn json(&self) -> Value {
        json!({
            "url": self.site.url(),
            "service": NAME,
            "scope": self.scope.name(),
            "unit": self.installed.unit.display().to_string(),
            "starts_before_login": self.installed.lingers,
            "notes": self.notes,
        })
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
