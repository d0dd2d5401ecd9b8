//! A configuration file of whatever kind: the plugin JSON itself, or a gateway's file with it inside.

mod find;
mod json;
mod yaml;

pub use find::plugins as plugins_in;
pub use json::to_text;
pub use yaml::read as yaml;

use crate::input::Input;
use crate::output::Failure;
use ollama_gate_engine::Json;

/// The gateway whose file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// the plugin JSON itself
    Plugin,
    /// Envoy's own file, a watched resource, or an EnvoyFilter of Istio
    Envoy,
    /// Istio's WasmPlugin or TrafficExtension
    Istio,
    /// Envoy Gateway's EnvoyExtensionPolicy
    EnvoyGateway,
    /// a route, service or declarative file of APISIX
    Apisix,
    /// a filter chain or declarative file of Kong
    Kong,
}

impl Kind {
    /// Its name, as options and reports have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plugin => "plugin",
            Self::Envoy => "envoy",
            Self::Istio => "istio",
            Self::EnvoyGateway => "envoy-gateway",
            Self::Apisix => "apisix",
            Self::Kong => "kong",
        }
    }
}

/// Whether `text`, which is JSON, is a gateway's file.
pub fn is_of_gateway(text: &str) -> bool {
    let json = Json::parse(text.as_bytes());
    json.is_ok_and(|json| find::is_of_gateway(&json))
}

/// One plugin configuration, and where in the file it is.
#[derive(Clone, Debug)]
pub struct Plugin {
    /// the gateway whose file it is in
    pub kind: Kind,
    /// the path to it in the file; empty for the plugin JSON itself
    pub place: String,
    /// what the gateway passes to the filter
    pub text: String,
}

/// A file, taken apart.
#[derive(Clone, Debug)]
pub struct Document {
    /// the documents of the file: one, or several in YAML
    pub parts: Vec<Json>,
    /// every plugin configuration in it, at least one
    pub plugins: Vec<Plugin>,
}

impl Document {
    /// Takes the file apart, by its content: JSON begins with a brace or bracket, all else is YAML.
    ///
    /// # Errors
    /// It is YAML that cannot be read, or a gateway's file without the gate.
    pub fn read(input: &Input) -> Result<Self, Failure> {
        let text = input.text.as_str();
        let of_text = || Plugin {
            kind: Kind::Plugin,
            place: String::new(),
            text: text.to_owned(),
        };
        let parts = if text.trim_start().starts_with(['{', '[']) {
            match Json::parse(text.as_bytes()) {
                Ok(json) => vec![json],
                // The engine says what is wrong with it.
                Err(_) => {
                    return Ok(Self {
                        parts: Vec::new(),
                        plugins: vec![of_text()],
                    });
                }
            }
        } else {
            yaml::read(text).map_err(|why| {
                Failure::new(format!("{} is neither JSON nor YAML: {why}", input.name()))
            })?
        };
        let mut plugins: Vec<_> = parts.iter().flat_map(find::plugins).collect();
        if let ([only], true) = (parts.as_slice(), plugins.is_empty())
            && matches!(only, Json::Object(_))
            && !find::is_of_gateway(only)
        {
            let text = if text.trim_start().starts_with('{') {
                text.to_owned()
            } else {
                to_text(only)
            };
            plugins.push(Plugin {
                kind: Kind::Plugin,
                place: String::new(),
                text,
            });
        }
        if plugins.is_empty() {
            return Err(Failure::new(format!(
                "{} holds no configuration of ollama-gate: expected the plugin JSON, or a file of Envoy, Istio, \
                 Envoy Gateway, APISIX or Kong with it inside",
                input.name()
            )));
        }
        Ok(Self { parts, plugins })
    }
}
