//! `allow_anonymous`: who brings no credential, and who brings one that is no good.

use crate::world::{ADMIN_KEY, KEY, World, cli, configuration, errors, jwt, with};
use ollama_gate_engine::Level;
use serde_json::{Value, json};

fn allowing(scopes: &[&str]) -> Value {
    with("/allow_anonymous", json!({ "scopes": scopes }))
}

const CHAT: (&str, &str) = ("POST", "/v1/chat/completions");

#[test]
fn who_brings_no_credential_gets_the_scopes_that_are_named_and_no_other() {
    for (scopes, open) in [
        (
            &["read"][..],
            &[("GET", "/"), ("GET", "/api/tags"), ("GET", "/v1/models")][..],
        ),
        (&["inference"], &[CHAT, ("GET", "/api/version")]),
        (&["health"], &[("HEAD", "/")]),
        (&["read", "manage"], &[("POST", "/api/pull")]),
    ] {
        let world = World::new(&allowing(scopes));
        for (method, path) in open {
            let seen = world.send(method, path, &[]);
            assert_eq!(seen.verdict().0, 200, "{scopes:?} {path}");
        }
    }
    let world = World::new(&allowing(&["read"]));
    for (method, path) in [CHAT, ("DELETE", "/api/delete"), ("POST", "/api/me")] {
        let verdict = world.send(method, path, &[]).verdict();
        assert_eq!(verdict, (401, "missing_credential".into()), "{path}");
        assert_eq!(
            world.bearer(method, path, ADMIN_KEY).verdict().0,
            200,
            "{method} {path}"
        );
    }
}

#[test]
fn a_route_that_is_not_known_is_open_to_nobody() {
    let every = ["health", "read", "inference", "manage", "cloud"];
    let world = World::new(&allowing(&every));
    for (method, path, status, code) in [
        ("GET", "/metrics", 404, "unknown_route"),
        ("GET", "/api/tags/", 307, "trailing_slash"),
        ("OPTIONS", "/api/tags", 405, "method_not_allowed"),
        ("PUT", "/api/tags", 405, "method_not_allowed"),
    ] {
        let outside = world.send(method, path, &[]).verdict();
        assert_eq!(outside, (401, "missing_credential".into()), "{path}");
        let inside = world.bearer(method, path, KEY).verdict();
        assert_eq!(inside, (status, code.into()), "{path}");
    }
    let malformed = world.send("GET", "/api/../tags", &[]).verdict();
    assert_eq!(malformed, (400, "malformed_path".into()));
}

#[test]
fn a_bad_credential_makes_nobody_anonymous() {
    let mut configuration = allowing(&["read", "inference"]);
    configuration["ollama_cli"] = json!({ "authorized_keys": [cli::Cli::new(1).line("alice")] });
    let world = World::new(&configuration);
    let expired = jwt(json!({ "exp": 1 }));
    let twice = [("x-api-key", "none"), ("api-key", "two words")];
    for (fields, status, code) in [
        (
            &[("x-api-key", "sk-wrong-0123456789")][..],
            401,
            "unknown_key",
        ),
        (&[("authorization", expired.as_str())], 401, "expired_token"),
        (&[("authorization", "a.b.c")], 401, "malformed_token"),
        (
            &[("authorization", "Basic eDp5")],
            401,
            "unsupported_credential",
        ),
        (
            &[("authorization", "AAAAC3NzaC1lZDI1NTE5AAAAIA:c2ln")],
            401,
            "malformed_signature",
        ),
        (&[("api-key", "two words")], 401, "malformed_credential"),
        (&[("api-key", "\u{e9}")], 401, "malformed_credential"),
        (&twice, 401, "malformed_credential"),
        (
            &[("x-api-key", KEY), ("api-key", ADMIN_KEY)],
            400,
            "ambiguous_credential",
        ),
    ] {
        let seen = world.send("GET", "/api/tags", fields);
        assert_eq!(seen.verdict(), (status, code.into()), "{fields:?}");
    }
    world.gateway.0.seconds.set(0);
    let token = jwt(json!({}));
    let unknown = world.bearer("GET", "/api/tags", &token).verdict();
    assert_eq!(unknown, (503, "clock_unavailable".into()));
    let without = world.send("GET", "/api/tags", &[]).verdict();
    assert_eq!(without.0, 200, "nothing of theirs expires");
}

#[test]
fn a_bad_cookie_or_password_makes_nobody_anonymous_either() {
    let mut configuration = allowing(&["read"]);
    configuration["jwt"][0]["cookie"] = json!("token");
    let world = World::new(&configuration);
    let cookie = |token: &str| {
        let cookie = format!("token={token}");
        let seen = world.send("GET", "/api/tags", &[("cookie", &cookie)]);
        (seen.verdict(), seen.record["credential"].clone())
    };
    let expired = cookie(&jwt(json!({ "exp": 1 })));
    assert_eq!(expired, ((401, "expired_token".into()), Value::Null));
    let malformed = cookie("abc");
    assert_eq!(malformed, ((401, "malformed_token".into()), Value::Null));
    let good = cookie(&jwt(json!({})));
    assert_eq!(good, ((200, String::new()), json!("jwt")));
    let none = cookie("");
    assert_eq!(none, ((200, String::new()), json!("anonymous")));
    let password = [("authorization", "Basic YWxpY2U6d3Jvbmc=")];
    let verdict = world.send("GET", "/api/tags", &password).verdict();
    assert_eq!(verdict, (401, "unsupported_credential".into()));
}

#[test]
fn networks_hold_for_them_and_half_a_proof_makes_nobody_anonymous() {
    let mut configuration = allowing(&["read"]);
    configuration["network"] = json!({ "allow": ["10.0.0.0/8"] });
    configuration["require"] = json!({ "at_least": 2, "of": ["api_key", "jwt"] });
    let world = World::new(&configuration);
    let from = |address: &str, fields: &[(&str, &str)]| {
        let peer = ("source\0address".to_owned(), address.into());
        *world.gateway.0.address.borrow_mut() = peer;
        world.send("GET", "/api/tags", fields).verdict()
    };
    assert_eq!(from("10.0.0.7:4711", &[]).0, 200);
    let outside = from("192.0.2.7:4711", &[]);
    assert_eq!(outside, (403, "network_denied".into()));
    let half = from("10.0.0.7:4711", &[("x-api-key", KEY)]);
    assert_eq!(half, (401, "insufficient_methods".into()));
}

#[test]
fn nothing_and_what_stands_for_nothing_are_no_credential() {
    let world = World::new(&allowing(&["read"]));
    for value in ["", "Bearer", "Bearer ", "Bearer ollama", "none"] {
        let seen = world.send("GET", "/api/tags", &[("authorization", value)]);
        assert_eq!(seen.verdict().0, 200, "{value:?}");
        assert!(
            seen.upstream_values("authorization").is_empty(),
            "{value:?}"
        );
        assert_eq!(seen.record["credential"], "anonymous", "{value:?}");
    }
    let elsewhere = [("authorization", "Bearer ollama")];
    let verdict = world.send(CHAT.0, CHAT.1, &elsewhere).verdict();
    assert_eq!(verdict, (401, "placeholder_credential".into()));
}

#[test]
fn a_good_credential_keeps_its_own_scopes() {
    let world = World::new(&allowing(&["manage"]));
    let pull = ("POST", "/api/pull");
    assert_eq!(world.send(pull.0, pull.1, &[]).verdict().0, 200);
    let key = world.bearer(pull.0, pull.1, KEY);
    assert_eq!(key.verdict(), (403, "scope_denied".into()));
    assert_eq!(key.record["id"], "alice-laptop");
}

#[test]
fn a_page_of_another_site_is_not_anonymous() {
    let world = World::new(&allowing(&["read", "inference"]));
    for (method, path) in [("GET", "/api/tags"), CHAT] {
        for origin in ["https://evil.example", "null", "", "app://obsidian.md"] {
            for credential in ["", "Bearer ollama"] {
                let fields = [("origin", origin), ("authorization", credential)];
                let verdict = world.send(method, path, &fields).verdict();
                assert_eq!(verdict, (403, "origin_denied".into()), "{origin}");
            }
            let own = [("origin", origin), ("x-api-key", KEY)];
            assert_eq!(
                world.send(method, path, &own).verdict().0,
                200,
                "{method} {path}, {origin}"
            );
        }
        let same = [("origin", "https://gate.example")];
        assert_eq!(
            world.send(method, path, &same).verdict().0,
            200,
            "{method} {path}"
        );
    }
    let closed = [("origin", "https://evil.example")];
    let verdict = world.send("POST", "/api/pull", &closed).verdict();
    assert_eq!(verdict, (401, "missing_credential".into()));
}

#[test]
fn ollama_is_told_of_no_identity_and_the_log_says_anonymous() {
    let mut configuration = allowing(&["read"]);
    let headers = json!({ "subject": "X-My-User", "credential_id": "X-My-Key" });
    configuration["upstream"] = json!({ "identity_headers": headers });
    let forged = [("x-my-user", "root"), ("x-my-key", "k"), ("cookie", "a=b")];
    let seen = World::new(&configuration).send("GET", "/api/tags", &forged);
    assert_eq!(seen.verdict().0, 200);
    for name in ["x-my-user", "x-my-key", "cookie"] {
        assert!(seen.upstream_values(name).is_empty(), "{name}");
    }
    assert_eq!(
        seen.record,
        json!({
            "gate": "ollama-gate", "decision": "allowed", "method": "GET", "route": "/api/tags", "scope": "read",
            "credential": "anonymous", "id": "anonymous", "subject": "anonymous", "request_id": "r-1",
        })
    );
}

#[test]
fn it_is_said_loudly_at_the_start() {
    let said = |world: &World| {
        let lines = world.gateway.0.lines.borrow();
        let line = lines.iter().find(|line| line.1.contains("ANYONE"));
        line.cloned()
    };
    let line = "ollama-gate: allow_anonymous: ANYONE IS LET IN WITHOUT A CREDENTIAL, with the scopes `read`, `cloud`";
    let world = World::new(&allowing(&["cloud", "read"]));
    assert_eq!(said(&world), Some((Level::Warn, line.to_owned())));
    assert_eq!(said(&World::new(&configuration())), None);
}

#[test]
fn it_may_be_the_only_way_in_and_has_to_name_what_it_opens() {
    let only = json!({
        "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate.example"],
        "host": { "name": "envoy" },
    });
    let world = World::new(&only);
    assert_eq!(world.send("GET", "/api/tags", &[]).verdict().0, 200);
    let key = world.bearer("GET", "/api/tags", KEY).verdict();
    assert_eq!(key, (401, "unsupported_credential".into()));
    for (value, expected) in [
        (json!({}), "allow_anonymous.scopes: is required"),
        (json!([]), "allow_anonymous.scopes: is required"),
        (
            json!(true),
            "allow_anonymous: expected an object, found a boolean",
        ),
        (
            json!({ "scopes": [] }),
            "allow_anonymous.scopes: expected a non-empty list of scopes, found none: leave `allow_anonymous` out",
        ),
        (
            json!({ "scopes": "read" }),
            "allow_anonymous.scopes: expected a list of scopes, found a string",
        ),
        (
            json!({ "scopes": ["all"] }),
            "allow_anonymous.scopes[0]: expected one of health, read, inference, manage, cloud, found `all`",
        ),
        (
            json!({ "scopes": ["read"], "allow_from": ["10.0.0.0/8"] }),
            "allow_anonymous.allow_from: unknown field, expected one of scopes, models, limits",
        ),
    ] {
        assert_eq!(
            errors(&with("/allow_anonymous", value.clone())),
            [expected],
            "{value}"
        );
    }
}

#[test]
fn models_of_their_own_hold_for_them_and_for_nobody_else() {
    let mut configuration = allowing(&["read", "inference"]);
    configuration["allow_anonymous"]["models"] = json!(["llama3.2"]);
    let world = World::new(&configuration);
    let other = ("GET", "/v1/models/qwen3");
    let verdict = world.send(other.0, other.1, &[]).verdict();
    assert_eq!(verdict, (403, "model_denied".into()));
    assert_eq!(
        world.send("GET", "/v1/models/llama3.2", &[]).verdict().0,
        200
    );
    assert_eq!(world.bearer(other.0, other.1, KEY).verdict().0, 200);
}

#[test]
fn watching_counts_them_as_allowed() {
    let mut configuration = allowing(&["read"]);
    configuration["mode"] = json!("report");
    let seen = World::new(&configuration).send("GET", "/api/tags", &[]);
    assert_eq!(seen.record["decision"], "allowed");
    assert_eq!(seen.record["credential"], "anonymous");
}
