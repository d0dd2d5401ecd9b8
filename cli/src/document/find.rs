//! Where in a gateway's file the plugin JSON is.

use super::{Kind, Plugin, to_text};
use ollama_gate_engine::Json;

/// Members that a gateway's file has at its top, and no plugin JSON has.
const OF_GATEWAYS: [&str; 12] = [
    "apiVersion",
    "static_resources",
    "dynamic_resources",
    "resources",
    "typed_config",
    "_format_version",
    "services",
    "upstreams",
    "plugins",
    "filters",
    "filter_chains",
    "uri",
];

/// Whether `json` is a gateway's file, with the gate in it or not.
pub fn is_of_gateway(json: &Json) -> bool {
    OF_GATEWAYS.iter().any(|name| json.member(name).is_some())
}

/// Every configuration of the gate in the file `json`, in its order.
pub fn plugins(json: &Json) -> Vec<Plugin> {
    let mut found = Vec::new();
    search(json, "", json, &mut found);
    found
}

fn search(json: &Json, place: &str, root: &Json, found: &mut Vec<Plugin>) {
    match json {
        Json::List(items) => {
            for (at, item) in items.iter().enumerate() {
                search(item, &format!("{place}[{at}]"), root, found);
            }
        }
        Json::Object(members) => {
            for (name, value) in members {
                let below = below(place, name);
                let count = found.len();
                look_at(name, value, json, &below, root, found);
                if found.len() == count {
                    search(value, &below, root, found);
                }
            }
        }
        _ => {}
    }
}

/// The path of the member `name` of what is at `place`.
pub fn below(place: &str, name: &str) -> String {
    match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    }
}

/// Takes `value`, the member `name` of `within`, if it is where a gateway has the gate's configuration.
fn look_at(
    name: &str,
    value: &Json,
    within: &Json,
    place: &str,
    root: &Json,
    found: &mut Vec<Plugin>,
) {
    let kind_of_root = root.member("kind").and_then(Json::text);
    match name {
        // Envoy: `configuration` of a wasm filter, whose `vm_config` is beside it.
        "configuration" if within.member("vm_config").is_some() => {
            let value_of = value.member("value");
            let place = super::find::below(place, "value");
            if let Some(value) = value_of {
                push(Kind::Envoy, place, value, found);
            }
        }
        "pluginConfig" => push(Kind::Istio, place.to_owned(), value, found),
        "config"
            if kind_of_root == Some("EnvoyExtensionPolicy") && within.member("code").is_some() =>
        {
            push(Kind::EnvoyGateway, place.to_owned(), value, found);
        }
        "ollama-gate" => {
            if let Some(conf) = value.member("conf") {
                push(Kind::Apisix, below(place, "conf"), conf, found);
            }
        }
        "config" if is_of_kong(within) => push(Kind::Kong, place.to_owned(), value, found),
        _ => {}
    }
}

/// A filter of a chain of Kong, by the names that the gate is installed under.
fn is_of_kong(filter: &Json) -> bool {
    let name = filter.member("name").and_then(Json::text);
    matches!(name, Some("ollama_gate" | "ollama-gate")) && filter.member("code").is_none()
}

fn push(kind: Kind, place: String, value: &Json, found: &mut Vec<Plugin>) {
    let text = match value {
        Json::Text(text) => text.clone(),
        Json::Object(_) => to_text(value),
        _ => return,
    };
    found.push(Plugin { kind, place, text });
}
