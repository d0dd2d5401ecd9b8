//! Reads the files by which people protect Ollama today, and writes the plugin configuration that does the same.

mod nginx;
mod syntax;

use ollama_gate_engine::Json;
use sha2::{Digest, Sha256};

/// Whose file it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Source {
    /// A site with `proxy_pass` to Ollama
    Nginx,
}

/// A plugin configuration, and what the file only seemed to do.
#[derive(Debug, Default)]
pub(crate) struct Imported {
    members: Vec<(String, Json)>,
    pub(crate) notes: Vec<String>,
}

impl Imported {
    fn put(&mut self, name: &str, value: Json) {
        self.members.push((name.to_owned(), value));
    }

    /// Adds a note, once.
    fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The plugin configuration.
    pub(crate) fn plugin(&self) -> Json {
        Json::Object(self.members.clone())
    }
}

/// In: whose file it is, and its text. Out: the configuration, or why there is none. Neither has a key in it.
pub(crate) fn import(source: Source, text: &str) -> Result<Imported, String> {
    match source {
        Source::Nginx => nginx::import(text),
    }
}

fn text(value: &str) -> Json {
    Json::Text(value.to_owned())
}

fn digest(key: &str) -> String {
    Sha256::digest(key.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
