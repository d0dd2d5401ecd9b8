//! The options of a gateway's files: one that changes nothing in what is written is refused, and not ignored.

use super::{File, Host, Settings, files};
use crate::output::Failure;

/// An option, whether it is given, and whether a file has a place for it.
type Place = (
    &'static str,
    fn(&Settings) -> bool,
    fn(Host, &str, bool) -> bool,
);

/// In the order of the command line. A file is told by its gateway, its name, and whether the gate is in it.
const PLACES: [Place; 4] = [
    (
        "--upstream",
        |settings| settings.upstream.is_some(),
        |host, name, _| match host {
            Host::Envoy => is_listener(name),
            Host::Istio | Host::EnvoyGateway => name == "gateway.yaml",
            Host::Apisix => name == "apisix.yaml",
            Host::Kong => name == "kong.yaml",
        },
    ),
    (
        "--listen",
        |settings| settings.listen.is_some(),
        |host, name, _| host == Host::Envoy && is_listener(name),
    ),
    (
        "--tls",
        |settings| settings.tls.is_some(),
        |host, name, _| {
            host == Host::Envoy && ["tls.yaml", "watched/certificate.yaml"].contains(&name)
        },
    ),
    (
        "--module",
        |settings| settings.module.is_some(),
        |host, _, has_gate| has_gate && !matches!(host, Host::Apisix | Host::Kong),
    ),
];

/// Whether the file `name` of Envoy has a listener, and a route to Ollama with it.
fn is_listener(name: &str) -> bool {
    !["watched/gate.yaml", "watched/certificate.yaml"].contains(&name)
}

/// In: what [`super::render`] is asked for.
///
/// # Errors
/// An option changes nothing in any of the files: which ones have a place for it, or where the gateway has it.
pub(crate) fn supported(
    host: Host,
    name: Option<&str>,
    settings: &Settings,
) -> Result<(), Failure> {
    let files = files(host, name, settings)?;
    for (option, is_given, has_place) in PLACES {
        let has = |file: &&File| has_place(host, file.name, file.gate.is_some());
        if !is_given(settings) || files.iter().any(has) {
            continue;
        }
        let others = super::of_host(host).filter(has);
        let others: Vec<_> = others.map(|file| format!("`{}`", file.name)).collect();
        return Err(Failure::new(if others.is_empty() {
            elsewhere(host, option)
        } else {
            let name = files.first().map_or("", |file| file.name);
            let others = others.join(", ");
            format!("{option}: `{name}` has no place for it, expected one of {others} as --file")
        }));
    }
    Ok(())
}

/// Where a gateway has what no file of its pack has a place for.
fn elsewhere(host: Host, option: &str) -> String {
    let place = match (host, option) {
        (Host::Apisix, "--module") => "APISIX has its path in `wasm` of `config.yaml`",
        (Host::Kong, "--module") => "Kong has its folder in `wasm_filters_path` of `kong.conf`",
        (Host::Apisix, "--tls") => "APISIX has certificates in its `ssls`",
        (Host::Apisix, _) => "the port is `apisix.node_listen` of `config.yaml`",
        (Host::Kong, "--tls") => "Kong has certificates in its `certificates`",
        (Host::Kong, _) => "the port is `proxy_listen` of `kong.conf`",
        (_, "--tls") => "the certificate is in the secret `ollama-tls` of `gateway.yaml`",
        _ => "the port is in `gateway.yaml`",
    };
    let hosts = if option == "--module" {
        "Envoy, Istio and Envoy Gateway"
    } else {
        "Envoy"
    };
    format!("{option} is for {hosts}; {place}")
}
