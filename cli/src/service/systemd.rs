//! systemd, asked by its own programs.

use super::unit::{NAME, Scope};
use crate::input::{shown, why};
use crate::output::Failure;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// A service manager that answers.
#[derive(Debug)]
pub(crate) struct Manager(Scope);

/// How the service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    /// systemd's word, such as `active` or `failed`
    pub(crate) active: String,
    /// it is started with the machine, or with its user's manager
    pub(crate) enabled: bool,
    /// how often it was started again after a failure
    pub(crate) restarts: u32,
    /// systemd's words for the time of its last start; empty if there was none
    pub(crate) since: String,
}

impl Manager {
    /// The manager of the machine, or of this user.
    ///
    /// # Errors
    /// There is none here.
    pub(crate) fn reach(scope: Scope) -> Result<Self, Failure> {
        let manager = Self(scope);
        let asked = manager
            .command("systemctl")
            .args(["show", "--property=Version"])
            .output();
        if asked.is_ok_and(|output| output.status.success()) {
            return Ok(manager);
        }
        Err(Failure::new(match scope {
            Scope::System => {
                "there is no systemd on this machine: have what starts services here run `ollama-gate up \
                              DIR` (it stays in the foreground, and ends on SIGTERM)"
            }
            Scope::User => {
                "there is no systemd that answers this user: log in as the user himself and not with su, or \
                            install for the machine with `sudo ollama-gate install --system DIR`, or have what starts \
                            services here run `ollama-gate up DIR`"
            }
        }))
    }

    /// Where the unit is, or would be.
    pub(crate) fn unit(&self) -> Result<PathBuf, Failure> {
        unit(self.0)
    }

    /// Runs `systemctl` with `words`.
    ///
    /// # Errors
    /// It failed, with its last line.
    pub(crate) fn control(&self, words: &[&str]) -> Result<(), Failure> {
        let output = self.output("systemctl", words)?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = said.lines().find(|line| !line.trim().is_empty());
        Err(Failure::new(format!(
            "`systemctl {}` failed: {}",
            words.join(" "),
            line.unwrap_or("it does not say why").trim_end_matches('.')
        )))
    }

    /// How the service is.
    pub(crate) fn state(&self) -> Result<State, Failure> {
        let properties = "--property=ActiveState,UnitFileState,NRestarts,ActiveEnterTimestamp";
        let output = self.output("systemctl", &["show", NAME, properties])?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            let found = lines.find(|(own, _)| *own == name);
            found.map_or_else(String::new, |(_, value)| value.to_owned())
        };
        Ok(State {
            active: value("ActiveState"),
            enabled: value("UnitFileState") == "enabled",
            restarts: value("NRestarts").parse().unwrap_or_default(),
            since: value("ActiveEnterTimestamp"),
        })
    }

    /// The last `lines` lines of the service's log.
    pub(crate) fn log(&self, lines: u32) -> Result<String, Failure> {
        let number = lines.to_string();
        let words = ["--no-pager", "--output=cat", "--lines", &number];
        let output = self.journal(&words).output();
        let output = output.map_err(|error| unusable("journalctl", &error))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let line = said.lines().next().unwrap_or("it does not say why");
            return Err(Failure::new(format!("`journalctl` failed: {line}")));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Shows the log as it grows, until Ctrl-C.
    pub(crate) fn follow(&self, lines: u32) -> Result<(), Failure> {
        let number = lines.to_string();
        let words = ["--no-pager", "--output=cat", "--follow", "--lines", &number];
        let ran = self.journal(&words).status();
        ran.map(drop)
            .map_err(|error| unusable("journalctl", &error))
    }

    /// Has this user's manager start with the machine. Out: whether it does.
    pub(crate) fn linger(&self) -> bool {
        if self.0 == Scope::System {
            return true;
        }
        let user = rustix::process::getuid().as_raw().to_string();
        let lingers = || {
            let asked = Command::new("loginctl")
                .args(["show-user", &user, "--property=Linger", "--value"])
                .stdin(Stdio::null())
                .output();
            asked.is_ok_and(|output| output.stdout.starts_with(b"yes"))
        };
        if lingers() {
            return true;
        }
        let enabled = Command::new("loginctl")
            .args(["enable-linger", &user])
            .stdin(Stdio::null())
            .output();
        enabled.is_ok_and(|output| output.status.success()) && lingers()
    }

    fn journal(&self, words: &[&str]) -> Command {
        let mut command = self.plain("journalctl");
        command.args(match self.0 {
            Scope::System => ["--unit", NAME],
            Scope::User => ["--user-unit", NAME],
        });
        command.args(words);
        command
    }

    fn output(&self, program: &str, words: &[&str]) -> Result<Output, Failure> {
        let output = self.command(program).args(words).output();
        output.map_err(|error| unusable(program, &error))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.plain(program);
        if self.0 == Scope::User {
            command.arg("--user");
        }
        command
    }

    fn plain(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.stdin(Stdio::null()).env("LC_ALL", "C");
        // sudo and su do not set it, and the manager may be there.
        if self.0 == Scope::User && env::var_os("XDG_RUNTIME_DIR").is_none() {
            let user = rustix::process::getuid().as_raw();
            command.env("XDG_RUNTIME_DIR", format!("/run/user/{user}"));
        }
        command
    }
}

/// Where a unit of this scope is, or would be.
///
/// # Errors
/// The user has no home.
pub(crate) fn unit(scope: Scope) -> Result<PathBuf, Failure> {
    if scope == Scope::System {
        return Ok(PathBuf::from("/etc/systemd/system").join(NAME));
    }
    let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty());
    let home = || Some(PathBuf::from(set("HOME")?).join(".config"));
    let folder = set("XDG_CONFIG_HOME").map(PathBuf::from).or_else(home);
    let folder = folder.ok_or_else(|| {
        Failure::new("the variable HOME is not set, and the units of a user are below it")
    })?;
    Ok(folder.join("systemd/user").join(NAME))
}

/// The unit of this scope, if it is installed.
///
/// # Errors
/// It cannot be read.
pub(crate) fn installed(scope: Scope) -> Result<Option<String>, Failure> {
    let path = unit(scope)?;
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::new(format!("{} {}", shown(&path), why(&error)))),
    }
}

fn unusable(program: &str, error: &std::io::Error) -> Failure {
    Failure::new(format!("`{program}` cannot be run: {error}"))
}
