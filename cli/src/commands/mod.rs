//! The commands, a file each: its options, and what it does.

pub mod check;
pub mod completions;
pub mod explain;
pub mod import;
pub mod key;
pub mod man;
pub mod render;
pub mod smoke;

use crate::output::{Failure, Report};
use clap::Subcommand;

/// What is asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Options),
    Explain(explain::Options),
    Key(key::Options),
    Completions(completions::Options),
    Man(man::Options),
    Import(import::Options),
    Render(render::Options),
    Smoke(smoke::Options),
}

impl Command {
    /// Does it.
    ///
    /// # Errors
    /// Why it could not be done: bad input, or a wrong use.
    pub fn run(&self) -> Result<Box<dyn Report>, Failure> {
        match self {
            Self::Check(options) => check::run(options).map(boxed),
            Self::Explain(options) => explain::run(options).map(boxed),
            Self::Key(options) => key::run(options),
            Self::Completions(options) => completions::run(options).map(boxed),
            Self::Man(options) => man::run(options).map(boxed),
            Self::Import(options) => import::run(options).map(boxed),
            Self::Render(options) => render::run(options).map(boxed),
            Self::Smoke(options) => smoke::run(options).map(boxed),
        }
    }
}

fn boxed<R: Report + 'static>(report: R) -> Box<dyn Report> {
    Box::new(report)
}
