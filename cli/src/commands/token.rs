//! `token`: makes JSON Web Tokens, and says what the gate would say to one.

mod inspect;
mod mint;

pub(in crate::commands) use mint::algorithm;

use crate::output::{Failure, Report};

/// Makes tokens, and says what the gate would say to one
#[derive(Debug, clap::Args)]
pub struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Mint(Box<mint::Options>),
    Inspect(inspect::Options),
}

/// Does what is asked for.
///
/// # Errors
/// A key, a token or a configuration cannot be used.
pub fn run(options: &Options) -> Result<Box<dyn Report>, Failure> {
    match &options.action {
        Action::Mint(options) => Ok(Box::new(mint::run(options)?)),
        Action::Inspect(options) => Ok(Box::new(inspect::run(options)?)),
    }
}
