//! Writes a gateway's configuration with the gate in it.

mod template;
mod text;

use crate::output::Failure;
use ollama_gate_engine::Json;
use template::{NoPlace, Template};

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
const FILES: [File; 15] = [
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
    file!(Envoy, "envoy", "watched/envoy.yaml", None, false),
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

/// The variable of the packs.
const VARIABLE: &str = "OLLAMA_GATE_KEY";

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
}

/// In: a gateway, one file of its pack or the main ones, the gate's configuration, and what differs from the
/// pack. Out: the text of the file, several as documents of YAML.
pub(crate) fn render(
    host: Host,
    name: Option<&str>,
    plugin: &Json,
    settings: &Settings,
) -> Result<String, Failure> {
    supported(host, settings)?;
    let name = name.or((host == Host::Envoy && settings.tls.is_some()).then_some("tls.yaml"));
    let of_host = || FILES.iter().filter(|file| file.host == host);
    let files: Vec<&File> = of_host()
        .filter(|file| name.map_or(file.main, |name| file.name == name))
        .collect();
    if files.is_empty() {
        let names: Vec<_> = of_host().map(|file| format!("`{}`", file.name)).collect();
        return Err(Failure::new(format!(
            "--file: expected one of {}",
            names.join(", ")
        )));
    }
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

/// Refuses what a gateway has elsewhere.
fn supported(host: Host, settings: &Settings) -> Result<(), Failure> {
    let elsewhere =
        |option: &str, place: &str| Err(Failure::new(format!("{option} is for Envoy; {place}")));
    if host == Host::Envoy {
        return Ok(());
    }
    let (tls, listen) = match host {
        Host::Istio | Host::EnvoyGateway => (
            "the certificate is in the secret `ollama-tls` of `gateway.yaml`",
            "the port is in `gateway.yaml`",
        ),
        Host::Apisix => (
            "APISIX has certificates in its `ssls`",
            "the port is `apisix.node_listen` of `config.yaml`",
        ),
        _ => (
            "Kong has certificates in its `certificates`",
            "the port is `proxy_listen` of `kong.conf`",
        ),
    };
    if settings.tls.is_some() {
        return elsewhere("--tls", tls);
    }
    if settings.listen.is_some() {
        return elsewhere("--listen", listen);
    }
    Ok(())
}

fn fill(
    file: &File,
    plugin: &Json,
    variables: &[String],
    settings: &Settings,
) -> Result<String, NoPlace> {
    let mut template = Template::new(file.text);
    match file.gate {
        Some((anchor, Form::Json)) => template.put_below(anchor, &text::json(plugin))?,
        Some((anchor, Form::Yaml)) => template.put_below(anchor, &text::yaml(plugin))?,
        None => {}
    }
    environment(&mut template, file, variables)?;
    if let Some((host, port)) = &settings.upstream {
        upstream(&mut template, file, host, *port)?;
    }
    if let Some(module) = &settings.module
        && file.gate.is_some()
    {
        let module = text::scalar(module);
        match file.host {
            Host::Envoy => template.replace("dist/ollama_gate_envoy.wasm", &module)?,
            Host::Istio => {
                template.replace("oci://registry.example.com/ollama-gate:0.1.0", &module)?
            }
            Host::EnvoyGateway => {
                template.replace("registry.example.com/ollama-gate:0.1.0", &module)?
            }
            Host::Apisix | Host::Kong => {}
        }
    }
    if file.host == Host::Envoy && file.name != "watched/gate.yaml" {
        envoy(&mut template, file, settings)?;
    }
    Ok(template.text())
}

/// Hands variables on to the gate.
fn environment(template: &mut Template, file: &File, variables: &[String]) -> Result<(), NoPlace> {
    let list = format!("[{}]", variables.join(", "));
    let item = format!("- name: {VARIABLE}");
    match (file.host, file.name) {
        (Host::Envoy, "watched/envoy.yaml") | (Host::Istio, "envoy-filter.yaml") => Ok(()),
        (Host::Envoy, _) | (Host::EnvoyGateway, "gate.yaml") => {
            template.replace(&format!("[{VARIABLE}]"), &list)
        }
        (Host::Istio | Host::EnvoyGateway, _) => template.repeat(&item, VARIABLE, variables),
        (Host::Apisix, "config.yaml") => {
            template.repeat(&format!("- {VARIABLE}"), VARIABLE, variables)
        }
        (Host::Kong, "kong.conf") => {
            let line = match variables {
                [] => "# nginx_main_env = NAME".to_owned(),
                [name] => format!("nginx_main_env = {name}"),
                names => {
                    let lines: Vec<_> = names.iter().map(|name| format!("env {name};")).collect();
                    format!(
                        "# This file holds: {}\nnginx_main_include = /usr/local/kong/env.conf",
                        lines.join(" ")
                    )
                }
            };
            template.replace(&format!("nginx_main_env = {VARIABLE}"), &line)
        }
        (Host::Apisix | Host::Kong, _) => Ok(()),
    }
}

fn upstream(template: &mut Template, file: &File, host: &str, port: u16) -> Result<(), NoPlace> {
    let authority = format!("{}:{port}", crate::authority::bracketed(host));
    match (file.host, file.name) {
        (Host::Envoy, "watched/gate.yaml") => Ok(()),
        (Host::Envoy, _) => {
            if host.parse::<std::net::IpAddr>().is_err() {
                // `localhost` is two addresses, and Ollama listens at that of IPv4.
                let resolved = "type: STRICT_DNS\n      dns_lookup_family: V4_PREFERRED";
                template.replace("type: STATIC", resolved)?;
            }
            let address = format!("{{ address: {}, port_value: {port} }}", text::scalar(host));
            template.replace("{ address: 127.0.0.1, port_value: 11434 }", &address)
        }
        (Host::Istio, "gateway.yaml") => {
            let destination = format!(
                "{{ host: {}, port: {{ number: {port} }} }}",
                text::scalar(host)
            );
            template.replace(
                "{ host: ollama.ollama.svc.cluster.local, port: { number: 11434 } }",
                &destination,
            )?;
            template.replace(
                "ports: [{ port: 11434 }]",
                &format!("ports: [{{ port: {port} }}]"),
            )
        }
        (Host::EnvoyGateway, "gateway.yaml") => {
            let reference = format!("[{{ name: {}, port: {port} }}]", text::scalar(host));
            template.replace("[{ name: ollama, port: 11434 }]", &reference)?;
            template.replace(
                "ports: [{ port: 11434 }]",
                &format!("ports: [{{ port: {port} }}]"),
            )
        }
        (Host::Apisix, "apisix.yaml") => {
            template.replace("\"ollama:11434\": 1", &format!("\"{authority}\": 1"))
        }
        (Host::Kong, "kong.yaml") => {
            template.replace("http://ollama:11434", &format!("http://{authority}"))
        }
        _ => Ok(()),
    }
}

fn envoy(template: &mut Template, file: &File, settings: &Settings) -> Result<(), NoPlace> {
    if let Some((host, port)) = &settings.listen {
        let own = if file.name == "tls.yaml" {
            11443
        } else {
            11435
        };
        let address = format!("{{ address: {}, port_value: {port} }}", text::scalar(host));
        template.replace(
            &format!("{{ address: 127.0.0.1, port_value: {own} }}"),
            &address,
        )?;
    }
    if let Some((certificate, key)) = &settings.tls {
        template.replace(
            "{ filename: .run/tls/cert.pem }",
            &format!("{{ filename: {} }}", text::scalar(certificate)),
        )?;
        template.replace(
            "{ filename: .run/tls/key.pem }",
            &format!("{{ filename: {} }}", text::scalar(key)),
        )?;
    }
    Ok(())
}

/// In: a configuration for any gateway. Out: the same for this one.
fn fitted(host: Host, plugin: &Json) -> Json {
    let Json::Object(members) = plugin else {
        return plugin.clone();
    };
    let word = |text: &str| Json::Text(text.to_owned());
    let mut section = vec![(
        "name".to_owned(),
        word(match host {
            Host::Envoy | Host::EnvoyGateway => "envoy",
            Host::Istio => "istio",
            Host::Apisix => "apisix",
            Host::Kong => "kong",
        }),
    )];
    if host == Host::Envoy {
        section.push(("hold_head".to_owned(), Json::Bool(true)));
        section.push(("body_limit".to_owned(), word("64MiB")));
    }
    if let Some(Json::Object(own)) = plugin.member("host") {
        // The rest is the operator's own.
        let own = own
            .iter()
            .filter(|(name, _)| !["name", "hold_head", "body_limit"].contains(&name.as_str()));
        section.extend(own.cloned());
    }
    let mut members: Vec<(String, Json)> = members
        .iter()
        .filter(|(name, _)| name != "host" && name != "$schema")
        .map(|(name, member)| {
            (
                name.clone(),
                if host == Host::Apisix {
                    member.clone()
                } else {
                    resolved(member)
                },
            )
        })
        .collect();
    members.push(("host".to_owned(), Json::Object(section)));
    Json::Object(members)
}

const REFERENCE: &str = "$env://";

/// In: a value from a file of APISIX. Out: the same with the gate's own references to variables.
fn resolved(value: &Json) -> Json {
    match value {
        Json::Text(text) => match text.strip_prefix(REFERENCE) {
            Some(name) => Json::Object(vec![("env".to_owned(), Json::Text(name.to_owned()))]),
            None => value.clone(),
        },
        Json::List(items) => Json::List(items.iter().map(resolved).collect()),
        Json::Object(members) => Json::Object(
            members
                .iter()
                .map(|(name, member)| (name.clone(), resolved(member)))
                .collect(),
        ),
        _ => value.clone(),
    }
}

/// Adds the names of the variables that a value refers to, each once.
fn collect(value: &Json, names: &mut Vec<String>) {
    let mut add = |name: &str| {
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if plain && !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    };
    match value {
        Json::Text(text) => {
            if let Some(name) = text.strip_prefix(REFERENCE) {
                add(name);
            }
        }
        Json::List(items) => items.iter().for_each(|item| collect(item, names)),
        Json::Object(members) => {
            if let Some(Json::Text(name)) = value.member("env") {
                add(name);
            }
            members
                .iter()
                .for_each(|(_, member)| collect(member, names));
        }
        _ => {}
    }
}
