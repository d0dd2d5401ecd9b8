//! The cast of the tests: keys, tokens, configurations.

use ollama_gate_wasm_tests::credentials::{digest, token};
use ollama_gate_wasm_tests::world::NOON;
use serde_json::{Value, json};

pub const ALICE: &str = "sk-alice-8a1f0c7e5d2b4936a8c1";
pub const READER: &str = "sk-reader-2f9e8d7c6b5a49382716";
pub const OPERATOR: &str = "sk-operator-55aa0f1e2d3c4b5a6978";
pub const NOBODY: &str = "sk-nobody-9c8b7a6f5e4d3c2b1a09";
pub const EXPIRED: &str = "sk-expired-1029384756afbecd0011";
pub const FUTURE: &str = "sk-future-a0b1c2d3e4f5a6b7c8d9";
pub const CI: &str = "ci-key-without-prefix-77f2e1d0";
pub const STRANGER: &str = "sk-stranger-deadbeefdeadbeefdead";
pub const WEBUI_SECRET: &str = "webui-secret-3e8b10d7f4c92a65-b07c4e19d8";
pub const CORP_SECRET: &str = "corp-secret-c2f71a8e05d4b963-4d9e60b1f73a82c5";
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("CI_OLLAMA_KEY", CI),
    ("WEBUI_SECRET_KEY", WEBUI_SECRET),
    ("PATH", "/usr/bin"),
];

pub const SECRETS: &[&str] = &[
    ALICE,
    READER,
    OPERATOR,
    NOBODY,
    EXPIRED,
    FUTURE,
    CI,
    WEBUI_SECRET,
    CORP_SECRET,
];

/// What an identity or credential header is called, upstream never sees one
/// that the client sent.
pub const STRIPPED: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-ollama-token",
    "cookie",
    "origin",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "remote-user",
    "x-remote-user",
    "x-user-id",
    "x-user-name",
    "x-user-email",
    "x-openwebui-user-id",
    "x-openwebui-user-jwt",
    "x-openwebui-user-email",
    "x-auth-request-user",
    "x-auth-request-email",
    "x-credential-identifier",
    "x_forwarded_user",
    "remote_user",
    "x_api_key",
    "x-forwarded_user",
];

/// Keys of every sort and one issuer, health public, no identity headers.
pub fn plain() -> Value {
    json!({
        "api_keys": { "keys": [
            { "id": "alice-laptop", "sha256": digest(ALICE), "subject": "alice" },
            { "id": "reader", "sha256": digest(READER), "scopes": ["read"] },
            { "id": "operator", "sha256": digest(OPERATOR), "scopes": ["read", "manage"] },
            { "id": "nobody", "sha256": digest(NOBODY), "scopes": [] },
            { "id": "old", "sha256": digest(EXPIRED), "expires_at": "2026-01-31T00:00:00Z" },
            { "id": "coming", "sha256": digest(FUTURE), "not_before": "2027-06-01T00:00:00Z" },
            { "id": "ci", "key": { "env": "CI_OLLAMA_KEY" } },
        ] },
        "jwt": [ { "name": "open-webui", "algorithms": ["HS256"],
            "secrets": [ { "env": "WEBUI_SECRET_KEY" },
                         { "env": "WEBUI_SECRET_KEY_PREVIOUS", "optional": true } ] } ],
        "public": ["health"],
        "upstream": { "host": "localhost:11434" },
    })
}

/// One issuer with issuer, audience and scopes claim.
pub fn corporate() -> Value {
    json!({
        "jwt": [ { "name": "corp", "algorithms": ["HS256"], "secrets": [CORP_SECRET],
            "issuer": "https://sso.example.com", "audiences": ["ollama"],
            "scopes_claim": "scope" } ],
        "upstream": { "host": "localhost:11434" },
    })
}

/// A configuration with the members of another put over it.
///
/// One for Kong says nothing of the upstream's Host: it has no effect there, and is refused. What
/// the others say is the default, so the decision and what Ollama sees stay the same.
pub fn with(mut base: Value, changes: Value) -> Value {
    if let (Some(base), Value::Object(changes)) = (base.as_object_mut(), changes) {
        base.extend(changes);
    }
    let is_kong = base.pointer("/host/name") == Some(&json!("kong"));
    let is_default = base.pointer("/upstream/host") == Some(&json!("localhost:11434"));
    if is_kong
        && is_default
        && let Some(upstream) = base["upstream"].as_object_mut()
    {
        upstream.remove("host");
    }
    base
}

/// A good token of the `open-webui` issuer.
pub fn session() -> String {
    token(WEBUI_SECRET, &json!({"sub": "bob", "exp": NOON + 3600}))
}
