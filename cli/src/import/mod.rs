//! Reads the files by which people protect Ollama today, and writes the plugin configuration that does the same.

mod apisix;
mod consumers;
mod draft;
mod kong;
mod litellm;
mod nginx;
mod oauth2_proxy;
mod open_webui;
mod secret;
mod settings;
mod syntax;
mod tree;

use ollama_gate_engine::Json;
use sha2::{Digest, Sha256};

/// Whose file it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Source {
    /// A site with `proxy_pass` to Ollama
    Nginx,
    /// A declarative file (YAML or JSON), or a route
    Apisix,
    /// A declarative file (YAML or JSON)
    Kong,
    /// Its configuration file, its environment, or a compose file
    Oauth2Proxy,
    /// Its environment: a file of variables, or a compose file
    OpenWebui,
    /// config.yaml of its proxy
    Litellm,
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
        Source::Apisix => apisix::import(text),
        Source::Kong => kong::import(text),
        Source::Oauth2Proxy => oauth2_proxy::import(text),
        Source::OpenWebui => open_webui::import(text),
        Source::Litellm => litellm::import(text),
    }
}

/// Puts the sections of what is behind the gate and before it: Ollama on this machine, and the gateway `host`.
fn upstream(imported: &mut Imported, host: &str) {
    // Kong takes the name from the service's `url`.
    if host != "kong" {
        let ollama = Json::Object(vec![("host".to_owned(), text("localhost:11434"))]);
        imported.put("upstream", ollama);
    }
    let host = Json::Object(vec![("name".to_owned(), text(host))]);
    imported.put("host", host);
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
