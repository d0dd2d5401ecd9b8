//! The recipes of docs/tokens.md: accepted as they stand, and a token as its provider makes it comes in.

use crate::world::{NOW, SECRET, World, header, secret, sign};
use ollama_gate_engine::Configuration;
use serde_json::{Value, json};
use std::path::Path;

/// The configurations on the page.
fn configurations() -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/tokens.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("\n```").unwrap().0.to_owned());
    blocks.collect()
}

#[test]
fn each_configuration_on_the_page_of_tokens_is_accepted() {
    let configurations = configurations();
    assert!(configurations.len() >= 11, "{}", configurations.len());
    for text in configurations {
        let environment = |_: &str| Some(secret(64));
        let errors = Configuration::read(text.as_bytes(), &environment, 0).err();
        let errors = errors.map(|errors| errors.lines().collect::<Vec<_>>());
        assert_eq!(errors, None, "{text}");
    }
}

/// The last recipe of the page for the issuer called `name`, with a secret in the place of the provider's keys.
fn recipe(name: &str) -> Value {
    let configurations = configurations();
    let parsed = configurations.iter().map(|text| serde_json::from_str(text));
    let mut found: Value = parsed
        .map(Result::unwrap)
        .rfind(|all: &Value| all["jwt"][0]["name"] == name)
        .unwrap();
    let issuer = found["jwt"][0].as_object_mut().unwrap();
    issuer.remove("jwks");
    issuer.insert("algorithms".to_owned(), json!(["HS256"]));
    issuer.insert("secrets".to_owned(), json!([SECRET]));
    found
}

#[test]
fn a_token_as_its_provider_makes_it_comes_in_and_others_do_not() {
    let roles = "urn:zitadel:iam:org:project:roles";
    let mismatch = (401, "claim_mismatch");
    let unscoped = (403, "scope_denied");
    for (name, claims, subject, refused) in [
        (
            "cognito",
            json!({ "token_use": "access", "client_id": "6jk2v8bqm4r1example", "username": "alice",
                "scope": "openid ollama/use" }),
            "alice",
            vec![
                (json!({ "token_use": "id" }), mismatch),
                (json!({ "client_id": "another" }), mismatch),
                (json!({ "scope": "openid inference" }), unscoped),
            ],
        ),
        (
            "entra",
            json!({ "aud": "66666666-7777-8888-9999-000000000000", "oid": "o-1", "scp": "openid access_as_user",
                "roles": ["Ollama.User"] }),
            "o-1",
            vec![
                (json!({ "scp": "openid access_as_users" }), mismatch),
                (json!({ "roles": ["User"] }), unscoped),
                (json!({ "aud": "api://other" }), (401, "wrong_audience")),
            ],
        ),
        (
            "zitadel",
            json!({ "aud": ["312345678901234567", "x"], "sub": "211", roles: { "ollama-user": { "3": "example.com" } } }),
            "211",
            vec![
                (
                    json!({ roles: { "viewer": { "3": "example.com" } } }),
                    mismatch,
                ),
                (json!({ roles: { "ollama-user": null } }), mismatch),
                (
                    json!({ roles: { "ollama-admin": { "3": "example.com" } } }),
                    unscoped,
                ),
            ],
        ),
        (
            "authentik",
            json!({ "aud": "vQ8example3TzXclientid", "preferred_username": "alice", "groups": ["x", "authentik Admins"] }),
            "alice",
            vec![
                (json!({ "groups": ["authentik", "Admins"] }), mismatch),
                (json!({ "groups": "xollama-users" }), mismatch),
                (json!({ "groups": ["ollama-guests"] }), unscoped),
            ],
        ),
        (
            "google",
            json!({ "aud": "1234567890-abc.apps.googleusercontent.com", "hd": "example.com", "email": "alice@example.com",
                "email_verified": true }),
            "alice@example.com",
            vec![
                (json!({ "hd": "evil.com" }), mismatch),
                (json!({ "email": "alice@evil-example.com" }), mismatch),
                (json!({ "email_verified": false }), mismatch),
            ],
        ),
    ] {
        let configuration = recipe(name);
        let world = World::new(&configuration);
        assert!(world.configured, "{name}: {:?}", world.errors());
        let issuer = &configuration["jwt"][0]["issuer"];
        let mut all = json!({ "sub": "s", "iss": issuer, "exp": NOW + 600 });
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        let send = |claims: &Value| {
            let token = sign(&header().to_string(), &claims.to_string(), SECRET);
            world.bearer("POST", "/api/chat", &token)
        };
        let seen = send(&all);
        assert_eq!(seen.verdict().0, 200, "{name}: {:?}", seen.record);
        assert_eq!(seen.record["subject"], subject, "{name}");
        for (changes, (status, code)) in refused {
            let mut other = all.clone();
            let changes = changes.as_object().unwrap().clone();
            other.as_object_mut().unwrap().extend(changes.clone());
            assert_eq!(
                send(&other).verdict(),
                (status, code.to_owned()),
                "{name}: {changes:?}"
            );
        }
    }
}
