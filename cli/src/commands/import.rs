//! `import`: the plugin configuration for a file by which Ollama is protected today.

use crate::document::{Kind, Plugin};
use crate::environment::EnvironmentOptions;
use crate::import::{self, Imported, Source};
use crate::input::Input;
use crate::output::{Failure, Report};
use crate::render;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Write the plugin configuration for a file by which Ollama is protected today
///
/// What the file only seemed to do, and what was not taken over, is said on the error output. No key is
/// shown: keys become digests.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Whose file it is
    #[arg(value_enum)]
    source: Source,
    /// The file; `-` is the standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// Writes it.
///
/// # Errors
/// The file cannot be read, holds nothing to take over, or something in it that the gate refuses.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let input = Input::read(&options.file)?;
    let name = input.name();
    let imported = import::import(options.source, &input.text)
        .map_err(|why| Failure::new(format!("{name}: {why}")))?;
    let plugin = Plugin {
        kind: Kind::Plugin,
        place: String::new(),
        text: crate::document::to_text(&imported.plugin()),
    };
    let reading = crate::reading::read(&plugin, &options.environment.read()?);
    match reading.errors.first() {
        Some((path, why)) => Err(Failure::new(format!(
            "{name}: the gate refuses `{path}` of what would be written: {why}"
        ))),
        None => Ok(imported),
    }
}

impl Report for Imported {
    fn text(&self) -> String {
        render::json_text(&self.plugin())
    }

    fn json(&self) -> Value {
        let plugin: Value = serde_json::from_str(&self.text()).unwrap_or_default();
        json!({ "plugin": plugin, "notes": self.notes })
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
