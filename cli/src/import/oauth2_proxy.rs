//! oauth2-proxy's settings: its configuration file, its environment, or the flags of a compose file.

use super::draft::Draft;
use super::secret::{object, variable};
use super::settings::Settings;
use super::{Imported, text};
use ollama_gate_engine::Json;
use std::collections::BTreeMap;

const PREFIX: &str = "OAUTH2_PROXY_";
/// Settings that let somebody in without a session, each with what they did.
const OPEN: [(&str, &str); 5] = [
    ("skip_auth_routes", "let everybody in on these paths"),
    ("skip_auth_regex", "let everybody in on these paths"),
    ("trusted_ips", "let these addresses in without a sign-in"),
    (
        "skip_auth_preflight",
        "answered OPTIONS without a sign-in; `cors` of the gate answers preflights by itself",
    ),
    (
        "api_routes",
        "only chose between a redirect and a 401; the gate never redirects",
    ),
];
/// Settings that say who among those who are signed in may come in.
const NARROW: [&str; 6] = [
    "authenticated_emails_file",
    "google_group",
    "github_org",
    "github_team",
    "keycloak_group",
    "allowed_roles",
];

/// Every setting, by its name in the file, the singular as the plural.
type Values = BTreeMap<String, Vec<String>>;

/// In: the text of the file. Out: the plugin configuration, or why there is none.
pub(super) fn import(file: &str) -> Result<Imported, String> {
    let values = read(file)?;
    if values.is_empty() {
        return Err("no setting of oauth2-proxy in it: expected oauth2-proxy.cfg, OAUTH2_PROXY_ variables or a compose file".to_owned());
    }
    let one = |name: &str| {
        values
            .get(name)
            .and_then(|all| all.first())
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let mut imported = Imported::default();
    let mut draft = Draft::default();
    let provider = one("provider").unwrap_or("google");
    let issuer =
        one("oidc_issuer_url").or((provider == "google").then_some("https://accounts.google.com"));
    match (issuer, one("client_id")) {
        (Some(issuer), Some(client)) => {
            let mut audiences = vec![client.to_owned()];
            audiences.extend(values.get("oidc_extra_audiences").cloned().unwrap_or_default());
            draft.issuer("oauth2-proxy", provided(issuer, &audiences, &values, &mut imported));
        }
        _ => imported.note(format!("`provider = {}` has no `oidc_issuer_url` and `client_id` here: it gives nobody a token that the gate can check", provider.escape_debug())),
    }
    for pair in values.get("extra_jwt_issuers").into_iter().flatten() {
        if let Some((issuer, audience)) = pair.split_once('=') {
            draft.issuer(
                "extra",
                provided(issuer, &[audience.to_owned()], &values, &mut imported),
            );
        }
    }
    draft.htpasswd = one("htpasswd_file").is_some();
    if draft.htpasswd {
        imported.note("put the content of the file of `htpasswd_file` into OLLAMA_HTPASSWD; `ollama-gate check` says which hashes the gate takes");
    }
    if !draft.has_credential() {
        return Err(format!(
            "nobody shows a credential there that the gate can check: `provider = {}` without an OpenID Connect issuer, and no `htpasswd_file`; people can sign in only at a provider with OpenID Connect",
            provider.escape_debug()
        ));
    }
    for url in values.get("redirect_url").into_iter().flatten() {
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        draft.host(rest.split('/').next().unwrap_or_default());
    }
    seeming(&values, &mut imported);
    draft.finish(&mut imported, false);
    identity(&values, &mut imported);
    let host = Json::Object(vec![("name".to_owned(), text("envoy"))]);
    imported.put("host", host);
    Ok(imported)
}

fn read(file: &str) -> Result<Values, String> {
    let mut values = Values::new();
    let mut put = |name: &str, all: Vec<String>| {
        let name = name.to_ascii_lowercase().replace('-', "_");
        let plural = match name.as_str() {
            "oidc_extra_audience"
            | "skip_auth_route"
            | "trusted_ip"
            | "email_domain"
            | "allowed_group"
            | "api_route"
            | "upstream"
            | "extra_jwt_issuer"
            | "allowed_role" => format!("{name}s"),
            _ => name,
        };
        values.entry(plural).or_default().extend(all);
    };
    let scalar = |value: &toml::Value| match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(value) => value.to_string(),
        // No setting of it is anything else.
        _ => String::new(),
    };
    match file.parse::<toml::Table>() {
        Ok(table) if !table.keys().any(|name| name.starts_with(PREFIX)) => {
            for (name, value) in &table {
                let all = match value {
                    toml::Value::Array(items) => items.iter().map(scalar).collect(),
                    one => vec![scalar(one)],
                };
                put(name, all);
            }
        }
        Err(error) if is_toml(file) => {
            // What a TOML reader says may quote a line, and that may be a secret.
            let end = error.span().map_or(0, |span| span.start);
            let before = file.get(..end).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            return Err(format!("is no TOML: the error is in line {line}"));
        }
        _ => {
            let settings = Settings::read(file)?;
            let split = |value: &str| {
                value
                    .split(',')
                    .map(|item| item.trim().to_owned())
                    .collect::<Vec<_>>()
            };
            for name in settings.names() {
                if let Some(own) = name.strip_prefix(PREFIX) {
                    put(own, split(settings.get(name).unwrap_or_default()));
                }
            }
            for (name, value) in &settings.flags {
                put(name, split(value));
            }
        }
    }
    Ok(values)
}

/// Whether it was meant to be TOML: its first line says so, and no variable of a shell is in it.
fn is_toml(file: &str) -> bool {
    let mut lines = file.lines().map(str::trim);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    first.is_some_and(|line| line.contains('=') && !line.starts_with('-')) && !file.contains(PREFIX)
}

/// The rules for tokens of `issuer`, which are also those for whoever oauth2-proxy would let in.
fn provided(
    issuer: &str,
    audiences: &[String],
    values: &Values,
    imported: &mut Imported,
) -> Vec<(String, Json)> {
    let list = |items: &[String]| Json::List(items.iter().map(|item| text(item)).collect());
    let host = issuer
        .split_once("://")
        .map_or(issuer, |(_, rest)| rest)
        .split(['/', ':'])
        .next()
        .unwrap_or_default();
    let jwks = object(&[("upstream", text(&variable(&[host]).to_ascii_lowercase()))]);
    imported.note("the provider's keys are fetched through the gateway: give it a cluster of the name in `jwt[].jwks.upstream` (docs/tokens.md)");
    let mut rules = vec![
        ("algorithms".to_owned(), list(&["RS256".to_owned()])),
        ("issuer".to_owned(), text(issuer)),
        ("audiences".to_owned(), list(audiences)),
        ("jwks".to_owned(), jwks),
    ];
    let claim = |name: &str, default: &str| {
        values
            .get(name)
            .and_then(|all| all.first())
            .cloned()
            .unwrap_or_else(|| default.to_owned())
    };
    let mut required = Vec::new();
    let domains: Vec<_> = values
        .get("email_domains")
        .into_iter()
        .flatten()
        .filter(|domain| *domain != "*")
        .collect();
    if !domains.is_empty() {
        let suffixes = domains.iter().map(|domain| {
            object(&[(
                "suffix",
                text(&format!("@{}", domain.trim_start_matches(['.', '*', '@']))),
            )])
        });
        required.push((
            claim("oidc_email_claim", "email"),
            Json::List(suffixes.collect()),
        ));
        required.push(("email_verified".to_owned(), Json::Bool(true)));
    } else {
        imported.note("`email_domains = \"*\"` let in everybody who has an account at the provider; so does the gate: `jwt[].required_claims` says who may");
    }
    if let Some(groups) = values.get("allowed_groups") {
        required.push((claim("oidc_groups_claim", "groups"), list(groups)));
    }
    if !required.is_empty() {
        rules.push(("required_claims".to_owned(), Json::Object(required)));
    }
    if NARROW.iter().any(|name| values.contains_key(*name)) {
        rules.push(("scopes".to_owned(), Json::List(Vec::new())));
    }
    rules
}

/// What the gate does not do, and what the proxy only seemed to.
fn seeming(values: &Values, imported: &mut Imported) {
    let is_true = |name: &str| {
        values
            .get(name)
            .and_then(|all| all.first())
            .is_some_and(|value| value == "true")
    };
    imported.note("`login` was not written: a browser without a token is refused; add `login` to have the gate sign people in (docs/migration/oauth2-proxy.md has its settings), or callers send the provider's ID token, or keep oauth2-proxy before the gate with `pass_authorization_header = true`, which sends it");
    let sessions: Vec<_> = [
        "cookie_refresh",
        "cookie_expire",
        "session_store_type",
        "redis_connection_url",
        "cookie_secret",
        "cookie_domains",
    ]
    .into_iter()
    .filter(|name| values.contains_key(*name))
    .collect();
    if !sessions.is_empty() {
        imported.note(format!("sessions are oauth2-proxy's own and were not taken over: {}; a token is good at the gate until its `exp`, and a session of `login` has its own `cookie_refresh`, `cookie_expire` and `store`", sessions.join(", ")));
    }
    if !is_true("skip_jwt_bearer_tokens") {
        imported.note("oauth2-proxy took no bearer tokens (`skip_jwt_bearer_tokens` is off); the gate takes those of the same issuer, for the same client");
    }
    for (name, did) in OPEN {
        if values.get(name).is_some_and(|all| {
            all.iter()
                .any(|value| value != "false" && !value.is_empty())
        }) {
            imported.note(format!("`{name}` {did}: it was not taken over"));
        }
    }
    for name in NARROW {
        if values.contains_key(name) {
            imported.note(format!("`{name}` narrowed who may come in and cannot be taken over: `scopes` is empty, and nobody may do anything, until `jwt[].required_claims` says who"));
        }
    }
    if is_true("insecure_oidc_allow_unverified_email") {
        imported.note("`insecure_oidc_allow_unverified_email` believed whoever wrote the address; the gate asks for `email_verified`");
    }
    if is_true("pass_host_header") || !values.contains_key("pass_host_header") {
        imported.note("the client's Host went on to Ollama, which answers 403 to a foreign one; the gate sends `upstream.host`");
    }
    for name in ["client_secret", "cookie_secret"] {
        if values.contains_key(name) {
            imported.note(format!(
                "`{name}` stands in the file; `login` alone needs one"
            ));
        }
    }
}

/// The headers that name the caller, which oauth2-proxy sets unless it is told not to.
fn identity(values: &Values, imported: &mut Imported) {
    let off = values
        .get("pass_user_headers")
        .and_then(|all| all.first())
        .is_some_and(|value| value == "false");
    if off {
        return upstream_host(imported, Vec::new());
    }
    let headers = object(&[
        ("subject", text("X-Forwarded-User")),
        ("claims", object(&[("X-Forwarded-Email", text("email"))])),
    ]);
    upstream_host(imported, vec![("identity_headers".to_owned(), headers)]);
}

fn upstream_host(imported: &mut Imported, more: Vec<(String, Json)>) {
    let mut members = vec![("host".to_owned(), text("localhost:11434"))];
    members.extend(more);
    imported.put("upstream", Json::Object(members));
}
