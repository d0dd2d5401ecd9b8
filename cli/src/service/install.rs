//! Puts the service in place, and takes it out again: whole, or not at all.

use super::systemd::{self, Manager};
use super::unit::{self, NAME, Scope};
use crate::input::{shown, why};
use crate::output::Failure;
use crate::site::{Site, put};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// What was installed.
#[derive(Debug)]
pub(crate) struct Installed {
    pub(crate) unit: PathBuf,
    /// it is up after a reboot before anybody logs in
    pub(crate) lingers: bool,
}

/// In: whose service it will be. Out: its manager, if this user may speak to it about `site`.
///
/// # Errors
/// No systemd, no right, or a service that runs another directory.
pub(crate) fn allowed(site: &Site, scope: Scope) -> Result<Manager, Failure> {
    let root = rustix::process::geteuid().is_root();
    if scope == Scope::System && !root {
        return Err(Failure::new(
            "a service of the machine is for root: run it with sudo, or install one of your own with --user",
        ));
    }
    if scope == Scope::User {
        site.owned()?;
    }
    let manager = Manager::reach(scope)?;
    if let Some(text) = systemd::installed(scope)?
        && !belongs(&text, site)
    {
        return Err(Failure::new(format!(
            "{} runs another gate: `ollama-gate uninstall` takes it out first",
            shown(&manager.unit()?)
        )));
    }
    Ok(manager)
}

/// Whether the unit `text` runs `site`, with whatever Envoy.
fn belongs(text: &str, site: &Site) -> bool {
    let start = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("ExecStart="));
        line.map(str::to_owned).unwrap_or_default()
    };
    let own = unit::text(site, Scope::User, None, None).unwrap_or_default();
    start(text).starts_with(&start(&own))
}

/// Installs the service of `site`, starts it, and waits until the gate answers.
///
/// # Errors
/// It does not come up. Then it is not installed, unless it was before.
pub(crate) fn install(
    site: &Site,
    manager: &Manager,
    scope: Scope,
    envoy: Option<&Path>,
) -> Result<Installed, Failure> {
    let path = manager.unit()?;
    let before = systemd::installed(scope)?;
    let owner = (scope == Scope::System).then(|| site.owner()).flatten();
    let text = unit::text(site, scope, owner, envoy)?;
    copy_program(site)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|error| Failure::new(format!("{} {}", shown(folder), why(&error))))?;
    }
    put(&path, 0o644, text.as_bytes())?;
    let started = manager
        .control(&["daemon-reload"])
        .and_then(|()| manager.control(&["enable", NAME]))
        .and_then(|()| manager.control(&["restart", NAME]));
    if let Err(failure) = started {
        let reason = reason(manager).unwrap_or_else(|| failure.to_string());
        match before {
            None => remove(manager, &path)?,
            Some(text) => {
                put(&path, 0o644, text.as_bytes())?;
                manager.control(&["daemon-reload"])?;
            }
        }
        return Err(Failure::new(format!(
            "the service did not start, and is as it was before: {reason}"
        )));
    }
    Ok(Installed {
        unit: path,
        lingers: manager.linger(),
    })
}

/// Stops the service and takes it out. Out: where its unit was.
///
/// # Errors
/// There is none, or systemd failed.
pub(crate) fn uninstall(scope: Scope) -> Result<PathBuf, Failure> {
    let path = systemd::unit(scope)?;
    if systemd::installed(scope)?.is_none() {
        return Err(Failure::new(format!(
            "there is no service of a gate to take out: {} is not there",
            shown(&path)
        )));
    }
    if scope == Scope::System && !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            "a service of the machine is for root: run it with sudo",
        ));
    }
    let manager = Manager::reach(scope)?;
    remove(&manager, &path)?;
    Ok(path)
}

fn remove(manager: &Manager, path: &Path) -> Result<(), Failure> {
    manager.control(&["disable", "--now", NAME])?;
    fs::remove_file(path)
        .map_err(|error| Failure::new(format!("{} {}", shown(path), why(&error))))?;
    manager.control(&["daemon-reload"])?;
    // A failed unit that is gone is listed until it is forgotten; one that did not fail is not known.
    drop(manager.control(&["reset-failed", NAME]));
    Ok(())
}

/// Why the service did not start, in the gate's own words.
fn reason(manager: &Manager) -> Option<String> {
    let log = manager.log(50).ok()?;
    let mut lines = log.lines().rev();
    let line = lines.find_map(|line| line.strip_prefix("ollama-gate: "));
    line.map(str::to_owned)
}

/// The service runs a copy of this program, which stays where it is when a checkout is cleaned.
fn copy_program(site: &Site) -> Result<(), Failure> {
    let to = unit::program(site);
    let failed = |path: &Path, error: &std::io::Error| {
        Failure::new(format!("{} {}", shown(path), why(error)))
    };
    let from = env::current_exe()
        .map_err(|error| Failure::new(format!("this program cannot be found: {error}")))?;
    if fs::canonicalize(&to).is_ok_and(|to| to == from) {
        return Ok(());
    }
    let content = fs::read(&from).map_err(|error| failed(&from, &error))?;
    let folder = to.parent().unwrap_or(&to);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    put(&to, 0o755, &content).inspect_err(|_| {
        // If it is empty, it was made just now.
        drop(fs::remove_dir(folder));
    })
}
