//! What users with passwords may do: those of an htpasswd file, all of them or by name.

use crate::world::{Seen, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// SHA-1 of `secret`.
const HASH: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// A gate whose file has alice, bob and carol, and what `basic` has beside it.
fn world(basic: Value) -> World {
    let file = ["alice", "bob", "carol"].map(|name| format!("{name}:{HASH}\n"));
    let mut section = json!({ "htpasswd": file.concat() });
    section
        .as_object_mut()
        .unwrap()
        .extend(basic.as_object().unwrap().clone());
    let host = json!({ "name": "envoy", "hold_head": true });
    let world = World::new(&json!({ "basic": section, "hosts": ["gate.example"], "host": host }));
    assert_eq!(world.errors(), Vec::<String>::new());
    world
}

fn post(world: &World, user: &str, path: &str, body: &Value) -> Seen {
    let login = format!("Basic {}", STANDARD.encode(format!("{user}:secret")));
    let fields = [("authorization", login.as_str())];
    let (seen, _) = world.post(path, &fields, &[body.to_string().as_bytes()]);
    assert_eq!(seen.upstream.is_some(), seen.verdict().0 == 200);
    seen
}

/// The code for a chat of `user` with `model`; empty where it goes on.
fn chat(world: &World, user: &str, model: &str) -> String {
    let seen = post(world, user, "/api/chat", &json!({ "model": model }));
    seen.verdict().1
}

#[test]
fn models_of_the_section_hold_for_every_user_of_the_file() {
    let world = world(json!({ "models": ["llama3.2", "team/*"] }));
    // The second login is one that is remembered.
    for _ in 0..2 {
        for user in ["alice", "bob", "carol"] {
            assert_eq!(chat(&world, user, "llama3.2"), "", "{user}");
            assert_eq!(chat(&world, user, "Team/x:8b"), "", "{user}");
            assert_eq!(chat(&world, user, "qwen3"), "model_denied", "{user}");
            assert_eq!(chat(&world, user, "llama3.2:1b"), "model_denied", "{user}");
        }
    }
    let seen = post(&world, "bob", "/api/chat", &json!({ "model": "qwen3" }));
    assert_eq!(seen.record["credential"], "basic");
    assert_eq!(seen.record["id"], "bob");
    assert_eq!(seen.verdict(), (403, "model_denied".to_owned()));
}

#[test]
fn limits_and_scopes_of_the_section_hold_for_every_user_of_the_file() {
    let world = world(json!({ "scopes": ["inference"], "limits": { "num_ctx": 4096 } }));
    let asking = |num_ctx: u32| json!({ "model": "a", "options": { "num_ctx": num_ctx } });
    for user in ["alice", "bob", "carol"] {
        let code = |path: &str, body: &Value| post(&world, user, path, body).verdict().1;
        assert_eq!(code("/api/chat", &asking(4096)), "", "{user}");
        assert_eq!(code("/api/chat", &asking(4097)), "limit_exceeded", "{user}");
        assert_eq!(code("/api/show", &asking(1)), "scope_denied", "{user}");
        assert_eq!(code("/api/create", &asking(1)), "scope_denied", "{user}");
        assert_eq!(chat(&world, user, "a:cloud"), "scope_denied", "{user}");
    }
}

#[test]
fn no_models_are_none_and_a_file_without_a_rule_is_not_read() {
    for none in [json!([]), json!({})] {
        let world = world(json!({ "models": none }));
        assert_eq!(chat(&world, "alice", "llama3.2"), "model_denied", "{none}");
    }
    let world = world(json!({}));
    let seen = post(&world, "alice", "/api/chat", &json!({ "model": "a:cloud" }));
    assert_eq!(seen.verdict().0, 200);
    assert!(!seen.calls.contains(&"request_body"));
}

#[test]
fn a_user_of_the_file_may_have_more_or_less_than_the_others() {
    let world = world(json!({
        "scopes": ["inference"],
        "models": ["llama3.2"],
        "limits": { "num_ctx": 4096 },
        "users": [
            { "name": "alice", "models": ["*"], "scopes": ["read", "inference", "cloud"] },
            { "name": "bob", "limits": { "raw": true }, "subject": "bob@example.com" },
            { "name": "listed", "password_hash": HASH },
            { "name": "own", "password_hash": HASH, "models": [] },
        ],
    }));
    // Own models in the place of the others' models, with the others' limits.
    assert_eq!(chat(&world, "alice", "qwen3"), "");
    assert_eq!(chat(&world, "alice", "qwen3:cloud"), "");
    let large = json!({ "model": "llama3.2", "options": { "num_ctx": 8192 } });
    let code = |user: &str| post(&world, user, "/api/chat", &large).verdict().1;
    assert_eq!(code("alice"), "limit_exceeded");
    // Own limits in the place of all others, with the others' models.
    assert_eq!(code("bob"), "");
    assert_eq!(chat(&world, "bob", "qwen3"), "model_denied");
    let seen = post(&world, "bob", "/api/chat", &large);
    assert_eq!(seen.record["subject"], "bob@example.com");
    // Who is not named, and who is listed with nothing of its own.
    for user in ["carol", "listed"] {
        assert_eq!(code(user), "limit_exceeded", "{user}");
        assert_eq!(chat(&world, user, "llama3.2"), "", "{user}");
        assert_eq!(chat(&world, user, "qwen3"), "model_denied", "{user}");
        assert_eq!(chat(&world, user, "a:cloud"), "scope_denied", "{user}");
    }
    assert_eq!(chat(&world, "own", "llama3.2"), "model_denied");
    // Own scopes in the place of all others.
    let show = json!({ "model": "llama3.2" });
    for (user, code) in [
        ("alice", ""),
        ("bob", "scope_denied"),
        ("carol", "scope_denied"),
        ("listed", "scope_denied"),
    ] {
        let seen = post(&world, user, "/api/show", &show);
        assert_eq!(seen.verdict().1, code, "{user}");
    }
}

#[test]
fn a_name_of_the_list_opens_with_the_password_of_the_file_alone() {
    let world = world(json!({ "users": [{ "name": "alice", "models": ["a"] }] }));
    for (pair, status) in [("alice:secret", 200), ("alice:", 401), ("alice:other", 401)] {
        let login = format!("Basic {}", STANDARD.encode(pair));
        let seen = world.send("GET", "/api/tags", &[("authorization", &login)]);
        assert_eq!(seen.verdict().0, status, "{pair}");
    }
}
