//! What is unwise in a configuration that holds: dates, rights, and where secrets are.

use super::tree::{at, below, objects, texts};
use super::{Rules, Say, Weight};
use crate::moment;
use ollama_gate_engine::Json;

/// Says it of the configuration `json`.
pub fn on(json: &Json, rules: &Rules, say: Say<'_>) {
    objects(json, "", &mut |path, members| {
        for (name, value) in members {
            let path = below(path, name);
            match (name.as_str(), value) {
                ("expires_at", Json::Text(text)) => of_date(&path, text, rules, say),
                (name, Json::Bool(true)) if name.starts_with("danger_") => {
                    let message = "a rule of the gate is switched off by it";
                    say(Weight::Warning, "danger_setting", &path, message.to_owned());
                }
                _ => {}
            }
        }
    });
    for scope in texts(at(json, "allow_anonymous.scopes")) {
        if scope != "health" && scope != "read" {
            let message = format!("`{scope}` is open to everybody who can reach the gate");
            say(
                Weight::Warning,
                "open_scope",
                "allow_anonymous.scopes",
                message,
            );
        }
    }
    if rules.world_readable
        && let Some(path) = plain_secret(json)
    {
        let message = "everybody on this machine can read the file, and a secret is in it: chmod 600, or \
                       put the secret into the environment";
        say(Weight::Warning, "world_readable", &path, message.to_owned());
    }
}

fn of_date(path: &str, text: &str, rules: &Rules, say: Say<'_>) {
    let Ok(end) = moment::read(text) else { return };
    let left = end.saturating_sub(rules.now);
    if left <= 0 {
        say(
            Weight::Warning,
            "expired",
            path,
            format!("has expired: {text}"),
        );
    } else if left <= rules.within {
        say(
            Weight::Warning,
            "expires_soon",
            path,
            format!("expires soon: {text}"),
        );
    }
}

/// Where a secret itself is, and neither its digest nor the name of a variable.
fn plain_secret(json: &Json) -> Option<String> {
    let mut found = None;
    objects(json, "", &mut |path, members| {
        for (name, value) in members {
            let is_secret = match name.as_str() {
                "key" => path.starts_with("api_keys.keys["),
                "secret" => path == "upstream.proof",
                "value" => path.contains(".secrets["),
                _ => false,
            };
            let literal = |value: &Json| {
                value
                    .text()
                    .is_some_and(|text| !text.starts_with(['$', '{']))
            };
            if is_secret && literal(value) {
                found.get_or_insert(below(path, name));
            }
            if let ("secrets", Json::List(items)) = (name.as_str(), value)
                && let Some(place) = items.iter().position(literal)
            {
                found.get_or_insert(format!("{}[{place}]", below(path, name)));
            }
        }
    });
    found
}
