//! LiteLLM's proxy configuration.

use super::draft::Draft;
use super::secret::Secret;
use super::tree::{documents, is_true, members, objects, word, words};
use super::{Imported, text, upstream};
use ollama_gate_engine::Json;

/// What its database or its own logic does, each with what to know of it.
const OTHERS: [(&str, &str); 9] = [
    (
        "database_url",
        "virtual keys and their budgets are in the database: make each a key of the gate (`ollama-gate key new --models …`)",
    ),
    (
        "custom_auth",
        "a program of yours decided there: see what it did",
    ),
    (
        "enable_jwt_auth",
        "name the issuer in `jwt` (docs/tokens.md); the gate guesses none",
    ),
    (
        "enable_oauth2_auth",
        "the gate asks nobody about a token: name the issuer in `jwt`",
    ),
    (
        "public_routes",
        "the gate opens `health` at the most (`public`)",
    ),
    (
        "pass_through_endpoints",
        "`routes` maps paths that the gate does not know",
    ),
    ("max_parallel_requests", "the gateway's own limits do that"),
    (
        "global_max_parallel_requests",
        "the gateway's own limits do that",
    ),
    (
        "max_request_size_mb",
        "`limits.request_bytes` of a key does that",
    ),
];

/// In: the text of the file. Out: the plugin configuration, or why there is none.
pub(super) fn import(file: &str) -> Result<Imported, String> {
    let parts = documents(file)?;
    let is_it = |part: &&Json| {
        part.member("model_list").is_some() || part.member("general_settings").is_some()
    };
    let root = parts.iter().find(is_it);
    let root =
        root.ok_or("no `model_list` or `general_settings` in it: expected LiteLLM's config.yaml")?;
    let mut imported = Imported::default();
    let mut draft = Draft::default();
    let general = root.member("general_settings").unwrap_or(&Json::Null);
    let models = models(root, &mut imported);
    match word(general, "master_key") {
        Some(key) => {
            if let Secret::Literal(_) = Secret::of(&key) {
                imported.note(
                    "`master_key` stands in the file: everybody who reads it may do everything",
                );
            }
            draft.key(&mut imported, "litellm-master", &key);
        }
        None => {
            imported.note("no `master_key`: LiteLLM asked nobody for a key, unless LITELLM_MASTER_KEY was set; the gate takes the key in LITELLM_MASTER_KEY");
            draft.key_of("litellm-master", "LITELLM_MASTER_KEY");
        }
    }
    imported.note("`master_key` managed LiteLLM too; here it has `read` and `inference`: `scopes` gives it `manage`");
    if !models.is_empty() {
        let models = models.iter().map(|model| text(model)).collect();
        draft.of_last_key("models", Json::List(models));
    }
    if general.member("allowed_ips").is_some() {
        draft.network(
            &mut imported,
            Some(words(general, "allowed_ips")),
            Vec::new(),
        );
        if is_true(general, "use_x_forwarded_for") {
            imported.note("`use_x_forwarded_for` took the address from a header that anybody can send; `network.trusted_proxies` says how many proxies there are");
        }
    }
    for (name, advice) in OTHERS {
        let value = general.member(name);
        if value.is_some_and(|value| !matches!(value, Json::Bool(false) | Json::Null)) {
            imported.note(format!("`{name}` was not taken over: {advice}"));
        }
    }
    for section in [
        "litellm_settings",
        "router_settings",
        "guardrails",
        "environment_variables",
    ] {
        if root.member(section).is_some() {
            imported.note(format!("`{section}` was not taken over: the gate neither routes between providers nor changes requests"));
        }
    }
    draft.finish(&mut imported, false);
    upstream(&mut imported, "envoy");
    Ok(imported)
}

/// Ollama's own names of the models in the list.
fn models(root: &Json, imported: &mut Imported) -> Vec<String> {
    let mut names = Vec::new();
    for entry in objects(root, "model_list") {
        let alias = word(entry, "model_name").unwrap_or_default();
        let none = Json::Null;
        let parameters = entry.member("litellm_params").unwrap_or(&none);
        let model = word(parameters, "model").unwrap_or_default();
        let own = model
            .strip_prefix("ollama_chat/")
            .or_else(|| model.strip_prefix("ollama/"));
        let Some(own) = own else {
            imported.note(format!(
                "`{}` is none of Ollama's models, and not behind the gate",
                shown(&alias)
            ));
            continue;
        };
        if alias != own {
            imported.note(format!(
                "clients called `{}` what Ollama calls `{}`: they use Ollama's name now",
                shown(&alias),
                shown(own)
            ));
        }
        if parameters.member("api_key").is_some() {
            imported.note(
                "`api_key` of a model was for Ollama, which asks for none: the gate sends none",
            );
        }
        if members(entry, "litellm_params")
            .iter()
            .any(|(name, _)| ["rpm", "tpm", "max_tokens"].contains(&name.as_str()))
        {
            imported.note("`rpm`, `tpm` and `max_tokens` were not taken over: `limits` of a key bound one request, the gateway's own limits their number");
        }
        if !names.iter().any(|known| known == own) {
            names.push(own.to_owned());
        }
    }
    names
}

fn shown(name: &str) -> String {
    name.escape_debug().take(128).collect()
}
