//! `man`: the pages of the manual.

use crate::args::Arguments;
use crate::input::{shown, why};
use crate::output::{Failure, Plain, Report};
use clap::CommandFactory;
use std::path::PathBuf;

/// Prints the page of the manual, or writes the pages of all commands into a folder
#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder, such as /usr/local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

/// Makes them.
///
/// # Errors
/// A page cannot be written.
pub fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let command = Arguments::command();
    let Some(folder) = &options.folder else {
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command).render(&mut page);
        rendered.map_err(|error| Failure::new(format!("the page {}", why(&error))))?;
        return Ok(Plain(String::from_utf8_lossy(&page).into_owned()));
    };
    let written = clap_mangen::generate_to(command, folder);
    written.map_err(|error| Failure::new(format!("{} {}", shown(folder), why(&error))))?;
    Ok(Plain(format!("the pages are in {}\n", shown(folder))))
}
