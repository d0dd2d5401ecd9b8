//! `logs`: what the gate has decided.

use super::site_folder;
use crate::input::{Input, shown};
use crate::output::{Failure, Report};
use crate::service::systemd::{self, Manager};
use crate::service::{ScopeOptions, notify};
use crate::site::Site;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Show the log of a gate: of its service from the journal, else of the last `up`
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory of the gate [default: as for `init`]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    scope: ScopeOptions,
    /// How many lines
    #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    lines: u32,
    /// Go on, as the log of the service grows
    #[arg(long, short, conflicts_with = "json")]
    follow: bool,
}

/// Reads it.
///
/// # Errors
/// There is none, or the journal cannot be read.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let site = Site::open(&site_folder(options.folder.as_deref())?)?;
    let scope = options.scope.scope();
    if systemd::installed(scope)?.is_some() {
        let manager = Manager::reach(scope)?;
        if options.follow {
            manager.follow(options.lines)?;
            return Ok(Lines(Vec::new()));
        }
        let text = manager.log(options.lines)?;
        return Ok(Lines(text.lines().map(str::to_owned).collect()));
    }
    let path = site.path(notify::LOG);
    if options.follow {
        return Err(Failure::new(format!(
            "--follow is for a service, and none is installed: `tail -F` follows {}",
            shown(&path)
        )));
    }
    if !path.exists() {
        return Err(Failure::new(format!(
            "there is no log: no service is installed, and {} is not there",
            shown(&path)
        )));
    }
    let text = match std::fs::metadata(&path) {
        Ok(file) if file.len() == 0 => String::new(),
        _ => Input::read(&path)?.text,
    };
    let lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let most = usize::try_from(options.lines).unwrap_or(usize::MAX);
    let skipped = lines.len().saturating_sub(most);
    Ok(Lines(lines.into_iter().skip(skipped).collect()))
}

/// The last lines.
struct Lines(Vec<String>);

impl Report for Lines {
    fn text(&self) -> String {
        self.0
            .iter()
            .fold(String::new(), |text, line| text + line + "\n")
    }

    fn json(&self) -> Value {
        json!({ "lines": self.0 })
    }
}
