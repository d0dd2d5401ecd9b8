//! Variables that a configuration refers to, as far as they are known here.

use crate::input::Input;
use crate::output::Failure;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Where variables come from.
#[derive(Debug, clap::Args)]
pub struct EnvironmentOptions {
    /// Also take variables from FILE, lines of NAME=value as of `docker run --env-file`
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
}

/// The variables of this process and of a file. One that is not set gets a stand-in, so that
/// everything else is read, and is remembered.
#[derive(Debug)]
pub struct Variables {
    file: BTreeMap<String, String>,
    unset: RefCell<BTreeSet<String>>,
}

/// What stands in for a secret that is not known here. Nobody is let in by it: no command asks with
/// a credential of its own.
const STAND_IN: &str = "sk-Zt5vQm8wLr2yXc9nBd4kHs7gPj3fTa6eUo1iRq0zWxYbNvMcKl";

impl EnvironmentOptions {
    /// Reads the file, if there is one.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is no assignment.
    pub fn read(&self) -> Result<Variables, Failure> {
        let mut file = BTreeMap::new();
        if let Some(path) = &self.env_file {
            let input = Input::read(path)?;
            for (place, line) in input.text.lines().enumerate() {
                let line = line.trim();
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let Some((name, value)) = line.split_once('=') else {
                    // Not quoted: it may be a secret.
                    let message = format!("{} line {} is not NAME=value", input.name(), place + 1);
                    return Err(Failure::new(message));
                };
                let name = name.trim_start_matches("export ").trim();
                file.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(Variables {
            file,
            unset: RefCell::default(),
        })
    }
}

impl Variables {
    /// Those of this process alone.
    pub fn of_process() -> Self {
        Self {
            file: BTreeMap::new(),
            unset: RefCell::default(),
        }
    }

    /// The value of the variable `name`, if it is set.
    pub fn known(&self, name: &str) -> Option<String> {
        let known = self.file.get(name).cloned();
        let known = known.or_else(|| std::env::var(name).ok());
        known.filter(|value| !value.is_empty())
    }

    /// The value of the variable `name`, or a stand-in.
    pub fn value(&self, name: &str) -> String {
        self.known(name).unwrap_or_else(|| {
            self.unset.borrow_mut().insert(name.to_owned());
            // Each its own: two keys may not be the same.
            format!("{STAND_IN}{name}")
        })
    }

    /// Whether `name` was asked for and is not set.
    pub fn is_unset(&self, name: &str) -> bool {
        self.unset.borrow().contains(name)
    }
}
