//! The commands, a file each: its options, and what it does.

pub mod check;
pub mod completions;
pub mod explain;
pub mod import;
pub mod init;
pub mod install;
pub mod jwks;
pub mod key;
pub mod logs;
pub mod man;
pub mod render;
pub mod renew;
pub mod session;
pub mod smoke;
pub mod status;
pub mod token;
pub mod uninstall;
pub mod up;

use crate::output::{Failure, Report};
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Options),
    Explain(explain::Options),
    Key(key::Options),
    Token(token::Options),
    Jwks(jwks::Options),
    Completions(completions::Options),
    Man(man::Options),
    Import(import::Options),
    Init(init::Options),
    Render(render::Options),
    Renew(renew::Options),
    Session(session::Options),
    Smoke(smoke::Options),
    Up(up::Options),
    Install(install::Options),
    Uninstall(uninstall::Options),
    Status(status::Options),
    Logs(logs::Options),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Why it could not be done: bad input, or a wrong use.
    pub fn run(&self) -> Result<Box<dyn Report>, Failure> {
        match self {
            Self::Check(options) => check::run(options).map(boxed),
            Self::Explain(options) => explain::run(options),
            Self::Key(options) => key::run(options),
            Self::Token(options) => token::run(options),
            Self::Jwks(options) => jwks::run(options),
            Self::Completions(options) => completions::run(options).map(boxed),
            Self::Man(options) => man::run(options).map(boxed),
            Self::Init(options) => init::run(options).map(boxed),
            Self::Import(options) => import::run(options).map(boxed),
            Self::Render(options) => render::run(options).map(boxed),
            Self::Renew(options) => renew::run(options).map(boxed),
            Self::Up(options) => up::run(options).map(boxed),
            Self::Install(options) => install::run(options).map(boxed),
            Self::Uninstall(options) => uninstall::run(options).map(boxed),
            Self::Status(options) => status::run(options).map(boxed),
            Self::Logs(options) => logs::run(options).map(boxed),
            Self::Session(options) => session::run(options),
            Self::Smoke(options) => smoke::run(options).map(boxed),
        }
    }
}

fn boxed<R: Report + 'static>(report: R) -> Box<dyn Report> {
    Box::new(report)
}

/// In: the directory that was given, if any. Out: the directory of the site.
///
/// # Errors
/// None was given, and there is no home to have the default in.
fn site_folder(given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(folder) = given {
        return Ok(folder.to_owned());
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/opt/ollama-gate"));
    }
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let data = set("XDG_DATA_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(set("HOME")?).join(".local/share"));
    let data = data.or_else(home).ok_or_else(|| {
        Failure::new(
            "the variable HOME is not set: give the directory of the gate, such as `./gate`",
        )
    })?;
    Ok(data.join("ollama-gate"))
}
