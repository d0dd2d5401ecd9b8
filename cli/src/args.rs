//! The command line: what is asked for, and in which form the answer is wanted.

use crate::commands::Command;
use crate::output::{self, Failure, Format};
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::process::ExitCode;

/// Makes and runs a gate before Ollama, checks its configuration, explains its decisions, makes its keys.
///
/// It is built on the engine of the filter: same parser, same decisions. It needs no network unless a
/// command says so.
///
/// Exit codes: 0 fine, 1 something was found (an error in a configuration, a refused request), 2 bad
/// input or usage.
#[derive(Debug, Parser)]
#[command(name = "ollama-gate", version, propagate_version = true)]
pub struct Arguments {
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

impl Arguments {
    /// The form of the answer.
    pub const fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            Format::Text
        }
    }
}

/// The command line ends here: help was asked for, or it cannot be used.
#[derive(Debug)]
pub struct Stop {
    error: clap::Error,
    format: Format,
}

/// Reads the command line, the name of the program first.
///
/// # Errors
/// Help or the version was asked for, or the line cannot be used.
pub fn read(line: impl IntoIterator<Item = OsString>) -> Result<Arguments, Stop> {
    let line: Vec<_> = line.into_iter().collect();
    Arguments::try_parse_from(&line).map_err(|error| Stop {
        error,
        format: if line.iter().any(|word| word == "--json") {
            Format::Json
        } else {
            Format::Text
        },
    })
}

impl Stop {
    /// Prints the help that was asked for, or why the line cannot be used, in one sentence.
    pub fn finish(self) -> ExitCode {
        match self.error.kind() {
            ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
                let asked = self.error.exit_code() == 0;
                output::print(&self.error.render().to_string(), asked);
                if asked {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::from(2)
                }
            }
            _ => output::finish(Err(Failure::new(sentence(&self.error))), self.format),
        }
    }
}

/// What clap says, without its usage and its marks, on one line.
fn sentence(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let said = text.split("\nUsage:").next().unwrap_or_default();
    let said = said
        .split("\nFor more information")
        .next()
        .unwrap_or_default();
    let words: Vec<_> = said.split_whitespace().collect();
    let said = words.join(" ");
    format!(
        "{}; `--help` lists what there is",
        said.trim_start_matches("error: ")
    )
}

#[cfg(test)]
mod tests {
    use super::Arguments;
    use clap::{Command, CommandFactory};

    fn check(command: &Command, path: &str) {
        let path = format!("{path} {}", command.get_name());
        assert!(
            command.get_about().is_some(),
            "{path} says nothing of itself"
        );
        for argument in command.get_arguments() {
            let id = argument.get_id();
            assert!(argument.get_help().is_some(), "{path} {id} has no help");
        }
        command
            .get_subcommands()
            .for_each(|below| check(below, &path));
    }

    #[test]
    fn every_command_and_every_flag_has_help() {
        let mut command = Arguments::command();
        command.build();
        check(&command, "");
        command.debug_assert();
    }
}
