//! `smoke`: asks a deployment, from outside, whether it guards Ollama.

use crate::input::Input;
use crate::output::{Failure, Report, Verdict};
use crate::smoke::{self, Client, Own, Plan, Target};
use clap::Args;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Ask a deployment, from outside, whether it guards Ollama
///
/// Sends requests that a good gate refuses: without a key, with wrong and made-up ones, by other paths,
/// hosts and methods. Changes nothing: requests that could are about a model that there is not. Says of each
/// check what it found and what to do.
///
/// Exit codes: 0 guarded, 1 not guarded, 2 could not tell.
#[derive(Args, Debug)]
pub struct Options {
    /// The address that clients use, such as https://gate.example:11443
    url: String,
    /// The variable that holds a key that should work
    #[arg(long, value_name = "NAME", conflicts_with = "key_file")]
    key_env: Option<String>,
    /// The file that holds a key that should work; `-` for the standard input
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// The variable that holds a key that is over
    #[arg(long, value_name = "NAME", conflicts_with = "expired_key_file")]
    expired_key_env: Option<String>,
    /// The file that holds a key that is over
    #[arg(long, value_name = "FILE")]
    expired_key_file: Option<PathBuf>,
    /// The key is meant to manage models
    #[arg(long)]
    manager: bool,
    /// Where Ollama itself should not answer, by default port 11434 of the same host
    #[arg(long, value_name = "[HOST:]PORT")]
    ollama_port: Option<String>,
    /// Certificates (PEM) to trust beside those of this machine
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Asks.
///
/// # Errors
/// The address is none, or a key or a certificate cannot be read.
pub fn run(options: &Options) -> Result<smoke::Report, Failure> {
    let target = Target::read(&options.url)
        .map_err(|error| Failure::new(format!("`{}`: {error}", options.url.escape_debug())))?;
    if options.ca.is_some() && !target.tls() {
        return Err(Failure::new(
            "--ca is for an address with https, and this one shows no certificate",
        ));
    }
    let ollama = match &options.ollama_port {
        Some(text) => {
            Own::read(text).map_err(|error| Failure::new(format!("--ollama-port: {error}")))?
        }
        None => Own::default(),
    };
    let plan = Plan {
        key: key(options.key_env.as_deref(), options.key_file.as_deref())?,
        expired_key: key(
            options.expired_key_env.as_deref(),
            options.expired_key_file.as_deref(),
        )?,
        manager: options.manager,
        ollama,
    };
    let client = Client::new(target, options.ca.as_deref()).map_err(Failure::new)?;
    Ok(smoke::run(&client, &plan))
}

/// In: where a key is. Out: the key, which no message shows.
fn key(variable: Option<&str>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let (text, name) = match (variable, file) {
        (Some(variable), _) => {
            let text = std::env::var(variable).map_err(|_| {
                Failure::new(format!(
                    "the variable `{}` is not set",
                    variable.escape_debug()
                ))
            })?;
            (text, format!("`{}`", variable.escape_debug()))
        }
        (None, Some(file)) => {
            let input = Input::read(file)?;
            let name = input.name();
            (input.text, name)
        }
        (None, None) => return Ok(None),
    };
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Failure::new(format!(
            "{name} holds no key: expected one line of visible ASCII"
        )));
    }
    Ok(Some(key.to_owned()))
}

impl Report for smoke::Report {
    fn text(&self) -> String {
        self.text()
    }

    fn json(&self) -> Value {
        self.json()
    }

    fn verdict(&self) -> Verdict {
        match self.status() {
            0 => Verdict::Fine,
            1 => Verdict::Found,
            _ => Verdict::Unsure,
        }
    }
}
