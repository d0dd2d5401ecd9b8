//! Fills the places of one file.

use super::template::{NoPlace, Template};
use super::{File, Form, Host, Settings, text};
use ollama_gate_engine::Json;

/// The variable of the packs.
const VARIABLE: &str = "OLLAMA_GATE_KEY";

/// In: a file, the configuration for its gateway, the variables that it refers to, and what differs from the pack.
/// Out: the text of the file.
pub(super) fn fill(
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
    match (file.host, file.name) {
        (Host::Envoy, "watched/gate.yaml") => {}
        (Host::Envoy, "watched/certificate.yaml") => certificate(&mut template, settings)?,
        (Host::Envoy, _) => envoy(&mut template, file, settings)?,
        _ => {}
    }
    Ok(template.text())
}

/// Hands variables on to the gate.
fn environment(template: &mut Template, file: &File, variables: &[String]) -> Result<(), NoPlace> {
    let list = format!("[{}]", variables.join(", "));
    let item = format!("- name: {VARIABLE}");
    match (file.host, file.name) {
        (Host::Envoy, "watched/envoy.yaml" | "watched/tls.yaml" | "watched/certificate.yaml")
        | (Host::Istio, "envoy-filter.yaml")
        | (Host::EnvoyGateway, "edge.yaml") => Ok(()),
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
        (Host::Envoy, "watched/gate.yaml" | "watched/certificate.yaml") => Ok(()),
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
        let own = if file.name.ends_with("tls.yaml") {
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
    if let Some(port) = settings.admin {
        template.replace("port_value: 9901", &format!("port_value: {port}"))?;
    }
    if let Some(watched) = &settings.watched {
        watch(template, watched, "gate.yaml")?;
        if file.name == "watched/tls.yaml" {
            watch(template, watched, "certificate.yaml")?;
        }
    }
    if file.name == "tls.yaml" {
        paths(template, settings)?;
    }
    Ok(())
}

/// Has Envoy read the file `name` in the directory `watched`.
fn watch(template: &mut Template, watched: &str, name: &str) -> Result<(), NoPlace> {
    let path = text::scalar(&format!("{watched}/{name}"));
    template.replace(
        &format!("path: envoy/watched/{name}"),
        &format!("path: {path}"),
    )?;
    let directory = text::scalar(watched);
    template.replace(
        "{ path: envoy/watched }",
        &format!("{{ path: {directory} }}"),
    )
}

/// The resource with the certificate: a file that is moved into its folder, or into `watched`, renews it.
fn certificate(template: &mut Template, settings: &Settings) -> Result<(), NoPlace> {
    let folder = settings.tls.as_ref().map(|(certificate, _)| {
        let folder = certificate.rsplit_once('/').map(|(folder, _)| folder);
        match folder {
            None => ".",
            Some("") => "/",
            Some(folder) => folder,
        }
    });
    if let Some(folder) = settings.watched.as_deref().or(folder) {
        let folder = text::scalar(folder);
        template.replace("{ path: .run/tls }", &format!("{{ path: {folder} }}"))?;
    }
    paths(template, settings)
}

/// Certificate and key.
fn paths(template: &mut Template, settings: &Settings) -> Result<(), NoPlace> {
    let Some((certificate, key)) = &settings.tls else {
        return Ok(());
    };
    for (old, new) in [("cert.pem", certificate), ("key.pem", key)] {
        template.replace(
            &format!("{{ filename: .run/tls/{old} }}"),
            &format!("{{ filename: {} }}", text::scalar(new)),
        )?;
    }
    Ok(())
}
