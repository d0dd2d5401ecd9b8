//! Open WebUI's environment: a file of variables, or a compose file.

use super::draft::Draft;
use super::secret::{self, Secret, object, reference};
use super::settings::Settings;
use super::{Imported, text, upstream};
use ollama_gate_engine::Json;

/// The variable that signs sessions; the second is its older name.
const SECRETS: [&str; 2] = ["WEBUI_SECRET_KEY", "WEBUI_JWT_SECRET_KEY"];
/// Settings of who may come in that have no counterpart here, each with what to know of it.
const OTHERS: [(&str, &str); 8] = [
    (
        "WEBUI_AUTH_TRUSTED_EMAIL_HEADER",
        "whoever reaches Open WebUI past the proxy that sets the header is whoever it names; the gate takes no name from a header",
    ),
    (
        "ENABLE_API_KEY_ENDPOINT_RESTRICTIONS",
        "give keys `scopes` and `models` in its place",
    ),
    (
        "ENABLE_API_KEYS_ENDPOINT_RESTRICTIONS",
        "give keys `scopes` and `models` in its place",
    ),
    (
        "API_KEY_ALLOWED_ENDPOINTS",
        "give keys `scopes` and `models` in its place",
    ),
    (
        "API_KEYS_ALLOWED_ENDPOINTS",
        "give keys `scopes` and `models` in its place",
    ),
    (
        "ENABLE_OAUTH_SIGNUP",
        "Open WebUI signs people in, and its sessions are what the gate takes",
    ),
    (
        "ENABLE_LDAP",
        "Open WebUI signs people in, and its sessions are what the gate takes",
    ),
    (
        "CORS_ALLOW_ORIGIN",
        "`cors.allow_origins` lists the sites whose pages may use the gate",
    ),
];

/// In: the text of the file. Out: the plugin configuration, or why there is none.
pub(super) fn import(file: &str) -> Result<Imported, String> {
    let settings = Settings::read(file)?;
    let known = |name: &str| {
        SECRETS.contains(&name)
            || ["WEBUI_", "OLLAMA_", "OPENAI_API", "ENABLE_API_KEY"]
                .iter()
                .any(|start| name.starts_with(start))
    };
    if !settings.names().any(known) {
        return Err(
            "no setting of Open WebUI in it, such as WEBUI_SECRET_KEY or OLLAMA_BASE_URL"
                .to_owned(),
        );
    }
    let mut imported = Imported::default();
    let mut draft = Draft::default();
    sessions(&settings, &mut draft, &mut imported);
    connection(&settings, &mut draft, &mut imported);
    if let Some(url) = settings.get("WEBUI_URL") {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        draft.host(rest.split('/').next().unwrap_or_default());
    }
    for (name, advice) in OTHERS {
        if settings
            .get(name)
            .is_some_and(|value| !value.eq_ignore_ascii_case("false"))
        {
            imported.note(format!("`{name}` was not taken over: {advice}"));
        }
    }
    draft.finish(&mut imported, false);
    upstream(&mut imported, "envoy");
    Ok(imported)
}

/// Its sessions, which are JWTs.
fn sessions(settings: &Settings, draft: &mut Draft, imported: &mut Imported) {
    if !settings.is_true("WEBUI_AUTH", true) {
        imported.note("`WEBUI_AUTH=false` let everybody in as the administrator: there are no sessions, and the gate takes the key of the connection alone");
        return;
    }
    let given = SECRETS
        .iter()
        .find_map(|name| Some((*name, settings.get(name)?)));
    let secret = match given {
        None => {
            imported.note("`WEBUI_SECRET_KEY` is not set: Open WebUI draws one, which may change when its container is made anew; set one of 32 bytes or more for both");
            vec![("env".to_owned(), text("WEBUI_SECRET_KEY"))]
        }
        Some((name, value)) => {
            // A default of a compose file may be what everybody has.
            if let Secret::Variable(_) = Secret::of(value)
                && value.contains(":-")
            {
                imported.note(format!("`{name}` has a default in the file: whoever knows the file signs sessions; set one of 32 bytes or more"));
            }
            match secret::shared(
                imported,
                "Open WebUI",
                value,
                ("HS256", None),
                "WEBUI_SECRET_KEY",
            ) {
                Json::Object(members) => members,
                _ => return,
            }
        }
    };
    let previous = object(&[
        ("env", text("WEBUI_SECRET_KEY_PREVIOUS")),
        ("optional", Json::Bool(true)),
    ]);
    let types = Json::List(["session", "automation", "subagent"].map(text).to_vec());
    draft.issuer(
        "open-webui",
        vec![
            ("algorithms".to_owned(), Json::List(vec![text("HS256")])),
            (
                "secrets".to_owned(),
                Json::List(vec![Json::Object(secret), previous]),
            ),
            ("subject_claim".to_owned(), text("id")),
            ("required_claims".to_owned(), object(&[("typ", types)])),
        ],
    );
    imported.note("sessions that Open WebUI revokes, and users who wait for approval (`pending`), are not seen in a session: with `ENABLE_SIGNUP` every stranger gets one that the gate takes; switch it off, or take the key of the connection alone");
    match settings.get("JWT_EXPIRES_IN") {
        Some("-1" | "0") => imported.note("`JWT_EXPIRES_IN=-1` makes sessions without an end, which the gate refuses (`missing_expiry`): set a time such as 8h"),
        None => imported.note("`JWT_EXPIRES_IN` is not set: a session is good for four weeks at the gate, after a sign-out too; set a time such as 8h"),
        Some(_) => {}
    }
    if settings.is_true("ENABLE_MFA", false) {
        imported.note(
            "`ENABLE_MFA`: add `\"mfa_verified\": true` to `required_claims` (docs/open-webui.md)",
        );
    }
    let keys = ["ENABLE_API_KEYS", "ENABLE_API_KEY"];
    if keys.iter().any(|name| settings.is_true(name, false)) {
        imported.note("`ENABLE_API_KEYS`: Open WebUI's own `sk-` keys are in its database, and it alone knows them: give programs keys of the gate (`ollama-gate key new`)");
    }
}

/// How Open WebUI reaches Ollama.
fn connection(settings: &Settings, draft: &mut Draft, imported: &mut Imported) {
    draft.key_of("open-webui-connection", "OPEN_WEBUI_CONNECTION_KEY");
    imported.note("Open WebUI itself needs a key: put one into OPEN_WEBUI_CONNECTION_KEY, and into its connection to Ollama");
    if settings.is_true("ENABLE_FORWARD_USER_INFO_HEADERS", false) {
        let secret = "FORWARD_USER_INFO_HEADER_JWT_SECRET";
        if settings.get(secret).is_some() {
            draft.of_last_key("users", text("open-webui-users"));
            let roles = Json::List(["user", "admin"].map(text).to_vec());
            draft.issuer(
                "open-webui-users",
                vec![
                    ("header".to_owned(), text("X-OpenWebUI-User-Jwt")),
                    ("algorithms".to_owned(), Json::List(vec![text("HS256")])),
                    ("secrets".to_owned(), Json::List(vec![reference(secret)])),
                    ("issuer".to_owned(), text("open-webui")),
                    ("required_claims".to_owned(), object(&[("role", roles)])),
                    ("max_lifetime".to_owned(), text("5m")),
                ],
            );
        } else {
            imported.note("`ENABLE_FORWARD_USER_INFO_HEADERS` sends names that anybody could send: the gate takes them out; with FORWARD_USER_INFO_HEADER_JWT_SECRET Open WebUI signs them");
        }
    }
    let bases = [
        ("OLLAMA_BASE_URLS", ';'),
        ("OLLAMA_BASE_URL", ';'),
        ("OLLAMA_API_BASE_URL", ';'),
        ("OPENAI_API_BASE_URLS", ';'),
        ("OPENAI_API_BASE_URL", ';'),
    ];
    for (name, between) in bases {
        for url in settings.list(name, between) {
            if url.contains(":11434") {
                imported.note(format!("`{name}` leads to Ollama itself, past the gate: give it the address of the gate"));
            } else if name.starts_with("OPENAI") {
                imported.note(format!(
                    "`{name}` leads to another provider, which the gate does not guard"
                ));
            }
        }
    }
}
