//! `render`: writes a gateway's configuration with the gate in it.

use crate::authority;
use crate::document::Document;
use crate::environment::EnvironmentOptions;
use crate::input::Input;
use crate::output::{Failure, Report};
use crate::render::{self, Host, Settings};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Write a gateway's configuration with the gate in it
///
/// CONFIG is the plugin JSON, or a file of any gateway with it inside. What is written is the pack of that
/// gateway with this configuration, its comments included: a file to load as it is.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The gateway
    #[arg(value_enum)]
    host: Host,
    /// The file; `-` is the standard input
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// One file of the pack, such as kong.conf, in place of the main ones
    #[arg(long, value_name = "NAME")]
    file: Option<String>,
    /// Where the gateway reaches Ollama
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<String>,
    /// Where Envoy listens
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Serve TLS with this certificate and its key (Envoy)
    #[arg(long, value_name = "CERT,KEY", value_delimiter = ',', num_args = 1)]
    tls: Vec<String>,
    /// The path of the module (Envoy), or the image with it (Istio, Envoy Gateway)
    #[arg(long, value_name = "PATH|IMAGE")]
    module: Option<String>,
    #[command(flatten)]
    environment: EnvironmentOptions,
}

/// What was written.
#[derive(Debug)]
struct Rendered(String);

/// Writes it.
///
/// # Errors
/// The configuration cannot be read or has errors, or an option is none that this gateway or file has.
pub(crate) fn run(options: &Options) -> Result<impl Report + use<>, Failure> {
    let input = Input::read(&options.config)?;
    let document = Document::read(&input)?;
    let [plugin] = document.plugins.as_slice() else {
        return Err(Failure::new(format!(
            "{} holds {} configurations of the gate, expected one",
            input.name(),
            document.plugins.len()
        )));
    };
    let reading = crate::reading::read(plugin, &options.environment.read()?);
    if let Some((path, why)) = reading.errors.first() {
        return Err(Failure::new(format!(
            "{} has errors, the first at `{path}`: {why}; `ollama-gate check` lists all",
            input.name()
        )));
    }
    let json = ollama_gate_engine::Json::parse(plugin.text.as_bytes()).map_err(Failure::new)?;
    let settings = Settings {
        upstream: options
            .upstream
            .as_deref()
            .map(|text| address("--upstream", text))
            .transpose()?,
        listen: options
            .listen
            .as_deref()
            .map(|text| address("--listen", text))
            .transpose()?,
        tls: match options.tls.as_slice() {
            [] => None,
            [certificate, key] if !certificate.is_empty() && !key.is_empty() => {
                Some((certificate.clone(), key.clone()))
            }
            _ => {
                return Err(Failure::new(
                    "--tls: expected two paths with a comma between them",
                ));
            }
        },
        module: options.module.clone(),
        admin: None,
        watched: None,
    };
    let file = options.file.as_deref();
    render::supported(options.host, file, &settings)?;
    render::render(options.host, file, &json, &settings).map(Rendered)
}

fn address(option: &str, text: &str) -> Result<(String, u16), Failure> {
    match authority::split(text) {
        Ok((host, Some(port))) => Ok((host.to_owned(), port)),
        Ok((_, None)) => Err(Failure::new(format!(
            "{option}: expected a port after the host"
        ))),
        Err(why) => Err(Failure::new(format!("{option}: {why}"))),
    }
}

impl Report for Rendered {
    fn text(&self) -> String {
        self.0.clone()
    }

    fn json(&self) -> Value {
        json!({ "text": self.0 })
    }
}
