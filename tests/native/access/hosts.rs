//! The names of the gate: what is refused for another, and where they have to be listed.

use crate::world::{KEY, World, configuration, errors, with};
use serde_json::{Value, json};

/// A gate that lets in whoever brings no credential, with these names.
fn open(hosts: Value) -> World {
    let mut all = with(
        "/allow_anonymous",
        json!({ "scopes": ["read", "inference"] }),
    );
    all["hosts"] = hosts;
    World::new(&all)
}

fn asked(world: &World, fields: &[(&str, &str)]) -> (u16, String) {
    let usual = [(":method", "GET"), (":path", "/api/tags")];
    world.send_raw(&[&usual[..], fields].concat()).verdict()
}

fn denied() -> (u16, String) {
    (403, "host_denied".into())
}

#[test]
fn a_page_that_rebinds_its_name_reaches_nothing_with_or_without_a_credential() {
    let world = open(json!(["localhost", "127.0.0.1", "gate.example"]));
    for (host, origin) in [
        ("evil.example:11435", "http://evil.example:11435"),
        ("evil.example", "https://evil.example"),
        ("localhost.evil.example", "http://localhost.evil.example"),
        ("127.0.0.2:11435", "http://127.0.0.2:11435"),
        ("gate.example@evil.example", "http://evil.example"),
    ] {
        for key in ["", KEY] {
            for name in [":authority", "host"] {
                let fields = [(name, host), ("origin", origin), ("x-api-key", key)];
                assert_eq!(asked(&world, &fields), denied(), "{name}: {host}, {key}");
            }
        }
    }
    for (host, origin) in [
        ("localhost:11435", "http://localhost:11435"),
        ("LOCALHOST.:11435", "http://localhost:11435"),
        ("gate.example:443", "https://gate.example"),
    ] {
        let fields = [(":authority", host), ("origin", origin)];
        assert_eq!(asked(&world, &fields).0, 200, "{host}");
    }
}

#[test]
fn the_name_goes_before_everything_else() {
    let world = open(json!(["gate.example"]));
    for (method, path) in [
        ("GET", "/"),
        ("OPTIONS", "/api/chat"),
        ("GET", "/api/../tags"),
        ("GET", "/metrics"),
    ] {
        let head = [
            (":method", method),
            (":path", path),
            (":authority", "evil.example"),
        ];
        let seen = world.send_raw(&head);
        assert_eq!(seen.verdict(), denied(), "{method} {path}");
        assert!(seen.upstream.is_none(), "{method} {path}");
    }
}

#[test]
fn a_page_without_tls_is_none_of_a_gate_with_tls() {
    let world = open(json!(["gate.example", "https://proxied.example"]));
    for (scheme, host, origin, status) in [
        ("https", "gate.example", "http://gate.example", 403),
        ("http", "proxied.example", "http://proxied.example", 403),
        ("https", "gate.example", "https://gate.example", 200),
        ("http", "gate.example", "https://gate.example", 200),
        ("http", "gate.example", "http://gate.example", 200),
        ("http", "proxied.example", "https://proxied.example", 200),
    ] {
        let fields = [
            (":scheme", scheme),
            (":authority", host),
            ("origin", origin),
        ];
        assert_eq!(asked(&world, &fields).0, status, "{scheme} {host} {origin}");
    }
}

#[test]
fn names_have_to_be_listed_where_browsers_send_by_themselves_what_lets_a_caller_in() {
    let without = |path: &str, value: Value| {
        let mut all = with(path, value);
        all.as_object_mut().unwrap().remove("hosts");
        errors(&all)
    };
    let hash = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
    for (path, value, named) in [
        (
            "/allow_anonymous",
            json!({ "scopes": ["read"] }),
            "`allow_anonymous`",
        ),
        (
            "/basic",
            json!({ "users": [{ "name": "bob", "password_hash": hash }] }),
            "`basic`",
        ),
        ("/jwt/0/cookie", json!("token"), "`jwt[].cookie`"),
    ] {
        let told = without(path, value);
        assert_eq!(told.len(), 1, "{path}: {told:?}");
        let start = format!("hosts: required with {named}:");
        assert!(
            told.iter().all(|line| line.starts_with(&start)),
            "{path}: {told:?}"
        );
    }
    let mut network = configuration();
    network.as_object_mut().unwrap().remove("hosts");
    assert_eq!(errors(&network), Vec::<String>::new(), "a key is meant");
    network["network"] = json!({ "allow": ["192.168.1.0/24"] });
    network["require"] = json!({ "at_least": 2, "of": ["network", "api_key"] });
    let told = errors(&network).concat();
    assert!(
        told.contains("hosts: required with `network` in `require`"),
        "{told}"
    );
}

#[test]
fn what_is_no_name_cannot_be_listed() {
    for bad in [
        json!([]),
        json!("gate.example"),
        json!(["*"]),
        json!(["*.example.com"]),
        json!(["http://gate.example"]),
        json!(["https://gate.example/"]),
        json!(["gate.example:port"]),
        json!(["gate example"]),
        json!([""]),
        json!([7]),
        json!(["::1"]),
        json!(["gate.example", "GATE.example."]),
    ] {
        let told = errors(&with("/hosts", bad.clone()));
        assert_eq!(told.len(), 1, "{bad}: {told:?}");
        assert!(told.concat().starts_with("hosts"), "{bad}: {told:?}");
    }
}
