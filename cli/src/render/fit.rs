//! A configuration, made to fit another gateway.

use super::Host;
use ollama_gate_engine::Json;

/// In: a configuration for any gateway. Out: the same for this one.
pub(super) fn fitted(host: Host, plugin: &Json) -> Json {
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
pub(super) fn collect(value: &Json, names: &mut Vec<String>) {
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
