//! `completions`: what a shell completes.

use crate::args::Arguments;
use crate::output::{Failure, Plain, Report};
use clap::CommandFactory;
use clap_complete::Shell;

/// Prints the completions for a shell, for its folder of completions
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The shell
    shell: Shell,
}

/// Makes them.
///
/// # Errors
/// None.
pub fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let mut text = Vec::new();
    let mut command = Arguments::command();
    clap_complete::generate(options.shell, &mut command, "ollama-gate", &mut text);
    Ok(Plain(String::from_utf8_lossy(&text).into_owned()))
}
