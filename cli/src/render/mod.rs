//! Writes a gateway's configuration with the gate in it.

mod fill;
mod fit;
mod options;
mod template;
mod text;

pub(crate) use options::supported;

use crate::output::Failure;
use fill::fill;
use fit::{collect, fitted};
use ollama_gate_engine::Json;
use template::NoPlace;

/// A gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Host {
    Envoy,
    Istio,
    EnvoyGateway,
    Apisix,
    Kong,
}

/// How the gate's configuration stands in a file.
#[derive(Clone, Copy)]
enum Form {
    Json,
    Yaml,
}

/// A file of a pack.
struct File {
    host: Host,
    name: &'static str,
    text: &'static str,
    /// the line above the gate's configuration
    gate: Option<(&'static str, Form)>,
    /// it belongs to what is written when no file is asked for
    main: bool,
}

macro_rules! file {
    ($host:ident, $folder:literal, $name:literal, $gate:expr, $main:literal) => {
        File {
            host: Host::$host,
            name: $name,
            text: include_str!(concat!("../../../", $folder, "/", $name)),
            gate: $gate,
            main: $main,
        }
    };
}

/// What is in the packs and changes with the configuration, in the order in which it is applied.
const FILES: [File; 19] = [
    file!(
        Envoy,
        "envoy",
        "envoy.yaml",
        Some(("value: |", Form::Json)),
        true
    ),
    file!(
        Envoy,
        "envoy",
        "tls.yaml",
        Some(("value: |", Form::Json)),
        false
    ),
    file!(
        Envoy,
        "envoy",
        "struct.yaml",
        Some(("value:", Form::Yaml)),
        false
    ),
    file!(
        Envoy,
        "envoy",
        "mounted.yaml",
        Some(("value: |", Form::Json)),
        false
    ),
    file!(Envoy, "envoy", "watched/envoy.yaml", None, false),
    file!(Envoy, "envoy", "watched/tls.yaml", None, false),
    file!(Envoy, "envoy", "watched/certificate.yaml", None, false),
    file!(
        Envoy,
        "envoy",
        "watched/gate.yaml",
        Some(("value: |", Form::Json)),
        false
    ),
    // The gate before the route: there is no moment in which Ollama is open.
    file!(
        Istio,
        "istio",
        "wasm-plugin.yaml",
        Some(("pluginConfig:", Form::Yaml)),
        true
    ),
    file!(
        Istio,
        "istio",
        "traffic-extension.yaml",
        Some(("pluginConfig:", Form::Yaml)),
        false
    ),
    file!(Istio, "istio", "envoy-filter.yaml", None, true),
    file!(Istio, "istio", "gateway.yaml", None, true),
    file!(
        EnvoyGateway,
        "envoy-gateway",
        "gate.yaml",
        Some(("config:", Form::Yaml)),
        true
    ),
    file!(EnvoyGateway, "envoy-gateway", "gateway.yaml", None, true),
    // Envoy Gateway takes it only where its own configuration allows it.
    file!(EnvoyGateway, "envoy-gateway", "edge.yaml", None, false),
    file!(
        Apisix,
        "apisix",
        "apisix.yaml",
        Some(("conf:", Form::Yaml)),
        true
    ),
    file!(Apisix, "apisix", "config.yaml", None, false),
    file!(
        Kong,
        "kong",
        "kong.yaml",
        Some(("config:", Form::Yaml)),
        true
    ),
    file!(Kong, "kong", "kong.conf", None, false),
];

/// What differs from the pack.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// host and port of Ollama
    pub(crate) upstream: Option<(String, u16)>,
    /// address and port of the gateway
    pub(crate) listen: Option<(String, u16)>,
    /// paths of the certificate and its key
    pub(crate) tls: Option<(String, String)>,
    /// the path of the module, or the image with it
    pub(crate) module: Option<String>,
    /// the port of Envoy's admin interface
    pub(crate) admin: Option<u16>,
    /// the directory of the files that Envoy watches
    pub(crate) watched: Option<String>,
}

/// In: a gateway, one file of its pack or the main ones, the gate's configuration, and what differs from the
/// pack. Out: the text of the file, several as documents of YAML.
pub(crate) fn render(
    host: Host,
    name: Option<&str>,
    plugin: &Json,
    settings: &Settings,
) -> Result<String, Failure> {
    let files = files(host, name, settings)?;
    let plugin = fitted(host, plugin);
    let mut variables = Vec::new();
    collect(&plugin, &mut variables);
    let texts: Result<Vec<String>, NoPlace> = files
        .iter()
        .map(|file| fill(file, &plugin, &variables, settings))
        .collect();
    texts
        .map(|texts| texts.join("---\n"))
        .map_err(|error| Failure::new(error.to_string()))
}

/// In: a plugin configuration. Out: it as JSON, the way the packs have it.
pub(crate) fn json_text(plugin: &Json) -> String {
    format!("{}\n", text::json(plugin).join("\n"))
}

/// The files of the pack of a gateway.
fn of_host(host: Host) -> impl Iterator<Item = &'static File> {
    FILES.iter().filter(move |file| file.host == host)
}

/// The files that are to be written.
fn files(
    host: Host,
    name: Option<&str>,
    settings: &Settings,
) -> Result<Vec<&'static File>, Failure> {
    let name = name.or((host == Host::Envoy && settings.tls.is_some()).then_some("tls.yaml"));
    let files: Vec<_> = of_host(host)
        .filter(|file| name.map_or(file.main, |name| file.name == name))
        .collect();
    if files.is_empty() {
        let names: Vec<_> = of_host(host)
            .map(|file| format!("`{}`", file.name))
            .collect();
        return Err(Failure::new(format!(
            "--file: expected one of {}",
            names.join(", ")
        )));
    }
    Ok(files)
}
