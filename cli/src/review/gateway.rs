//! What a gateway's own settings have to say for the configuration in its file to work, and to guard.

use super::tree::{at, is_true, objects, texts};
use super::{Say, Weight};
use crate::document::{Kind, Plugin};
use ollama_gate_engine::Json;

/// Says it of `plugin`, which is `json`, in the file `part`.
pub fn on(part: &Json, plugin: &Plugin, json: &Json, say: Say<'_>) {
    of_host(plugin.kind, json, say);
    match plugin.kind {
        Kind::Plugin => {}
        Kind::Envoy => envoy(part, plugin, json, say),
        Kind::Istio => {
            let Some(owner) = above(part, &plugin.place, ".pluginConfig") else {
                return;
            };
            if owner.member("failStrategy").and_then(Json::text) == Some("FAIL_OPEN") {
                fails_open("failStrategy", say);
            }
            let env = owner
                .member("vmConfig")
                .and_then(|config| config.member("env"));
            let env = match env {
                Some(Json::List(items)) => items
                    .iter()
                    .filter_map(|item| item.member("name")?.text())
                    .collect(),
                _ => Vec::new(),
            };
            variables(json, &env, "vmConfig.env", say);
        }
        Kind::EnvoyGateway => {
            let Some(owner) = above(part, &plugin.place, ".config") else {
                return;
            };
            if is_true(owner, "failOpen") {
                fails_open("failOpen", say);
            }
            let env = texts(owner.member("env").and_then(|env| env.member("hostKeys")));
            variables(json, &env, "env.hostKeys", say);
        }
        Kind::Apisix => apisix(part, plugin, json, say),
        Kind::Kong => kong(part, plugin, say),
    }
}

/// What is at `place` without its `end`.
fn above<'j>(part: &'j Json, place: &str, end: &str) -> Option<&'j Json> {
    match place.strip_suffix(end) {
        Some(place) => at(part, place),
        // The owner is the file itself.
        None => (place == end.trim_start_matches('.')).then_some(part),
    }
}

fn fails_open(setting: &str, say: Say<'_>) {
    let message = "lets everybody in where the module cannot be loaded or has failed";
    say(Weight::Error, "fail_open", setting, message.to_owned());
}

fn of_host(kind: Kind, json: &Json, say: Say<'_>) {
    let name = at(json, "host.name").and_then(Json::text);
    let expected: &[&str] = match kind {
        Kind::Plugin => return,
        Kind::Envoy | Kind::Istio | Kind::EnvoyGateway => &["envoy", "istio"],
        Kind::Apisix => &["apisix"],
        Kind::Kong => &["kong"],
    };
    match name {
        None => {
            let message =
                "is missing: without it the gate calls nothing that only this gateway can do";
            say(
                Weight::Warning,
                "host_missing",
                "host.name",
                message.to_owned(),
            );
        }
        Some(name) if !expected.contains(&name) => {
            let message = format!(
                "is not the gateway whose file this is, {}: the gate refuses that",
                kind.name()
            );
            say(Weight::Error, "host_mismatch", "host.name", message);
        }
        Some(_) => {}
    }
}

/// Each variable of `json` has to be one that the gateway passes on.
fn variables(json: &Json, passed: &[&str], setting: &str, say: Say<'_>) {
    objects(json, "", &mut |path, members| {
        let member = |name: &str| {
            members
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value)
        };
        let Some(name) = member("env").and_then(Json::text) else {
            return;
        };
        let optional = member("optional") == Some(&Json::Bool(true));
        if !optional && !passed.contains(&name) {
            let message = format!("the gateway does not pass {name} on: add it to `{setting}`");
            say(Weight::Error, "variable_not_passed", path, message);
        }
    });
}

fn envoy(part: &Json, plugin: &Plugin, json: &Json, say: Say<'_>) {
    let Some(owner) = above(part, &plugin.place, ".configuration.value") else {
        return;
    };
    if owner.member("failure_policy").and_then(Json::text) == Some("FAIL_OPEN")
        || is_true(owner, "fail_open")
    {
        fails_open("failure_policy", say);
    }
    let holds = at(json, "host.hold_head") == Some(&Json::Bool(true));
    if holds && !is_true(owner, "allow_on_headers_stop_iteration") {
        let message = "needs `allow_on_headers_stop_iteration: true` in the filter's own configuration: without it \
                       requests whose body is looked into hang";
        say(
            Weight::Error,
            "setting_missing",
            "host.hold_head",
            message.to_owned(),
        );
    }
    let environment = at(owner, "vm_config.environment_variables");
    let mut passed = texts(environment.and_then(|env| env.member("host_env_keys")));
    if let Some(Json::Object(members)) = environment.and_then(|env| env.member("key_values")) {
        passed.extend(members.iter().map(|(name, _)| name.as_str()));
    }
    variables(json, &passed, "environment_variables.host_env_keys", say);
    objects(part, "", &mut |path, members| {
        let config = members
            .iter()
            .find(|(name, _)| name == "typed_per_filter_config");
        let off = config.and_then(|(_, config)| config.member("ollama-gate"));
        if off.is_some_and(|off| is_true(off, "disabled")) {
            let message = "switches the gate off for this route or host".to_owned();
            say(Weight::Error, "route_unguarded", path, message);
        }
    });
}

/// Whether requests to `/v1/…` match `pattern` of a route, below `prefix`.
fn covers_v1(pattern: &str, prefix: &str) -> bool {
    let path = format!("{prefix}/v1/chat/completions");
    match pattern.strip_suffix('*') {
        Some(start) => path.starts_with(start),
        None => path == pattern,
    }
}

fn prefix_of(json: &Json) -> &str {
    json.member("path_prefix")
        .and_then(Json::text)
        .unwrap_or_default()
}

fn apisix(part: &Json, plugin: &Plugin, json: &Json, say: Say<'_>) {
    let Some(route) = above(part, &plugin.place, ".plugins.ollama-gate.conf")
        .or_else(|| plugin.place.starts_with("plugins.").then_some(part))
    else {
        return;
    };
    let mut patterns = texts(route.member("uris"));
    patterns.extend(route.member("uri").and_then(Json::text));
    let others = others_cover(part, prefix_of(json));
    if !patterns.is_empty()
        && !others
        && !patterns.iter().any(|one| covers_v1(one, prefix_of(json)))
    {
        say(Weight::Warning, "v1_not_covered", "uri", not_covered());
    }
}

/// Whether any route of the file with the gate covers `/v1`.
fn others_cover(part: &Json, prefix: &str) -> bool {
    let mut found = false;
    objects(part, "", &mut |_, members| {
        let member = |name: &str| {
            members
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value)
        };
        let guarded =
            member("plugins").is_some_and(|plugins| plugins.member("ollama-gate").is_some());
        let mut patterns = texts(member("uris"));
        patterns.extend(member("uri").and_then(Json::text));
        found |= guarded && patterns.iter().any(|one| covers_v1(one, prefix));
    });
    found
}

fn not_covered() -> String {
    "the route does not cover `/v1/*`: OpenAI's and Anthropic's clients get the gateway's 404, or reach Ollama by \
     another route without the gate"
        .to_owned()
}

fn kong(part: &Json, plugin: &Plugin, say: Say<'_>) {
    let Some(filter) = above(part, &plugin.place, ".config") else {
        return;
    };
    let chain_place = plugin
        .place
        .rsplit_once("filters[")
        .map_or("", |(before, _)| before);
    let chain_place = chain_place.trim_end_matches('.');
    let chain = at(part, chain_place);
    let is_off = |json: &Json| json.member("enabled") == Some(&Json::Bool(false));
    if is_off(filter) || chain.is_some_and(is_off) {
        let message = "switches the gate off: requests reach Ollama without it".to_owned();
        say(Weight::Error, "route_unguarded", "enabled", message);
    }
    let Some((owner, _)) = chain_place.rsplit_once("filter_chains[") else {
        return;
    };
    let Some(owner) = at(part, owner.trim_end_matches('.')) else {
        return;
    };
    // A service with its routes, or a route alone.
    let routes: Vec<&Json> = match owner.member("routes") {
        Some(Json::List(routes)) => routes.iter().collect(),
        _ => vec![owner],
    };
    let mut paths = routes
        .iter()
        .flat_map(|route| texts(route.member("paths")))
        .peekable();
    let covers = |path: &str| path.starts_with('~') || "/v1/chat/completions".starts_with(path);
    if paths.peek().is_some() && !paths.any(covers) {
        say(Weight::Warning, "v1_not_covered", "paths", not_covered());
    }
}
