//! Requests whose body decides: what is held, what is read of it, and when it goes on.

use crate::world::*;
use ollama_gate::{Flow, Status};
use serde_json::{Value, json};

const HOLD: Flow = Flow::Pause;
const GO: Flow = Flow::Continue;
const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;
const OTHER: &[u8] = br#"{"model":"qwen3","messages":[]}"#;

/// A key with a rule for models, one without, and what the host section has beside its name.
fn configuration(host: Value) -> Value {
    let mut section = json!({ "name": "envoy" });
    section
        .as_object_mut()
        .unwrap()
        .extend(host.as_object().unwrap().clone());
    json!({
        "api_keys": { "keys": [
            { "id": "ruled", "key": KEY, "models": ["llama3.2"] },
            { "id": "sized", "key": READ_KEY, "scopes": ["read"], "limits": { "request_bytes": 64 } },
            { "id": "free", "key": ADMIN_KEY } ] },
        "host": section,
    })
}

fn bearer(key: &str) -> [(&'static str, String); 1] {
    [("authorization", format!("Bearer {key}"))]
}

/// Sends a chat in parts with `key`.
fn chat(world: &World, key: &str, parts: &[&[u8]]) -> (Seen, Vec<Flow>) {
    let fields = bearer(key);
    let fields = fields
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    world.post("/api/chat", &fields, parts)
}

fn refusal(seen: &Seen) -> (u16, String) {
    assert!(seen.upstream.is_none(), "it went on");
    seen.verdict()
}

#[test]
fn the_head_waits_with_the_body_only_where_that_is_configured() {
    for (host, first) in [(json!({ "hold_head": true }), HOLD), (json!({}), GO)] {
        let world = World::new(&configuration(host.clone()));
        let (seen, flows) = chat(&world, KEY, &[CHAT]);
        assert_eq!(flows, [first, GO], "{host}");
        assert_eq!(seen.verdict().0, 200, "{host}");
        assert_eq!(seen.record["id"], "ruled", "{host}");
        let (seen, flows) = chat(&world, KEY, &[OTHER]);
        assert_eq!(flows, [first, HOLD], "{host}");
        assert_eq!(refusal(&seen), (403, "model_denied".into()), "{host}");
        assert_eq!(seen.record["id"], "ruled", "{host}");
        assert_eq!(seen.record["route"], "/api/chat", "{host}");
    }
}

#[test]
fn every_part_is_held_until_the_last_and_short_ones_are_read_together() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let long = [CHAT, &b" ".repeat(200_000)].concat();
    for (body, size, reads) in [(CHAT, 1, 1), (&long, 1000, 4), (&long, 70_000, 4)] {
        let parts: Vec<&[u8]> = body.chunks(size).collect();
        let (seen, flows) = chat(&world, KEY, &parts);
        let length = body.len();
        let before = &flows[..flows.len() - 1];
        assert!(
            before.iter().all(|flow| *flow == HOLD),
            "{length} by {size}"
        );
        assert_eq!(seen.verdict().0, 200, "{length} by {size}");
        let found = seen.calls.iter().filter(|call| **call == "request_body");
        assert_eq!(found.count(), reads, "{length} by {size}");
    }
}

#[test]
fn the_credential_is_gone_before_the_body_comes() {
    let world = World::new(&configuration(json!({})));
    let (seen, _) = chat(&world, KEY, &[CHAT]);
    let names = seen.upstream.unwrap();
    assert!(!names.iter().any(|(name, _)| name == "authorization"));
}

#[test]
fn who_has_no_rule_is_neither_held_nor_read() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let (seen, flows) = chat(&world, ADMIN_KEY, &[OTHER, OTHER]);
    assert_eq!(flows, [GO, GO, GO]);
    assert!(!seen.calls.contains(&"request_body"));
}

#[test]
fn a_body_is_refused_as_soon_as_it_is_known_to_be() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let begin = br#"{"model":"llama3.2","Model":"#;
    let parts = [&begin[..], &b" ".repeat(64 * 1024), b"and more"];
    let (seen, flows) = chat(&world, KEY, &parts);
    assert_eq!(refusal(&seen), (400, "ambiguous_body".into()));
    assert_eq!(seen.calls.last(), Some(&"reply"), "more was read");
    assert!(flows.iter().all(|flow| *flow == HOLD));
    assert_eq!(world.gateway.0.replies.borrow().len(), 1);
}

#[test]
fn what_is_larger_than_the_gateway_holds_is_a_413_that_names_the_setting() {
    let world = World::new(&configuration(
        json!({ "hold_head": true, "body_limit": "16B" }),
    ));
    let (seen, _) = chat(&world, KEY, &[&CHAT[..10], &CHAT[10..]]);
    assert_eq!(refusal(&seen), (413, "body_too_large".into()));
    assert!(
        seen.body()["error"]
            .as_str()
            .unwrap()
            .contains("host.body_limit")
    );
    // By its announced length, before anything has come.
    let length = CHAT.len().to_string();
    let key = format!("Bearer {KEY}");
    let fields = [("authorization", key.as_str()), ("content-length", &length)];
    let (seen, flows) = world.post("/api/chat", &fields, &[]);
    assert_eq!(refusal(&seen), (413, "body_too_large".into()));
    assert_eq!(flows, [HOLD]);
}

#[test]
fn a_limit_of_the_key_holds_on_every_route_and_without_a_body_nothing_is_held() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let key = format!("Bearer {READ_KEY}");
    let fields = [("authorization", key.as_str())];
    let body = format!(r#"{{"model":"{}"}}"#, "x".repeat(60));
    let (seen, _) = world.post("/api/show", &fields, &[body.as_bytes()]);
    assert_eq!(refusal(&seen), (403, "limit_exceeded".into()));
    let seen = world.send("GET", "/api/tags", &fields);
    assert_eq!(seen.verdict().0, 200);
}

#[test]
fn a_body_that_the_gateway_does_not_show_is_refused() {
    let world = World::new(&configuration(json!({})));
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("request_body", Status(2));
    let (seen, _) = chat(&world, KEY, &[CHAT]);
    assert_eq!(refusal(&seen), (413, "body_too_large".into()));
}

#[test]
fn a_compressed_body_and_one_that_is_not_there_are_refused_by_the_head() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let key = format!("Bearer {KEY}");
    for coding in ["gzip", "zstd", "br", "deflate", "identity, gzip", "x"] {
        let fields = [
            ("authorization", key.as_str()),
            ("content-encoding", coding),
        ];
        let (seen, flows) = world.post("/api/chat", &fields, &[CHAT]);
        assert_eq!(refusal(&seen), (400, "ambiguous_body".into()), "{coding}");
        assert_eq!(flows, [HOLD, HOLD], "{coding}");
    }
    let fields = [
        ("authorization", key.as_str()),
        ("content-encoding", "identity"),
    ];
    let (seen, _) = world.post("/api/chat", &fields, &[CHAT]);
    assert_eq!(seen.verdict().0, 200);
    let seen = world.send("POST", "/api/chat", &[("authorization", &key)]);
    assert_eq!(refusal(&seen), (400, "ambiguous_body".into()));
}

#[test]
fn of_two_codings_either_may_compress_the_body() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let key = format!("Bearer {KEY}");
    for (first, second) in [("identity", "zstd"), ("gzip", "identity"), ("", "br")] {
        let fields = [
            ("authorization", key.as_str()),
            ("content-encoding", first),
            ("Content-Encoding", second),
        ];
        let (seen, _) = world.post("/api/chat", &fields, &[CHAT]);
        assert_eq!(refusal(&seen), (400, "ambiguous_body".into()), "{second}");
    }
}

#[test]
fn without_a_body_callback_nothing_goes_on_after_the_trailers() {
    let world = World::new(&configuration(json!({ "hold_head": true })));
    let mut filter = world.root.filter();
    let key = format!("Bearer {KEY}");
    let head = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        ("authorization", &*key),
    ];
    *world.gateway.0.headers.borrow_mut() =
        head.map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(filter.request_head(4, false), HOLD);
    *world.gateway.0.body.borrow_mut() = CHAT.to_vec();
    assert_eq!(filter.request_body(CHAT.len(), false), HOLD);
    assert_eq!(filter.request_trailers(), GO);
    let mut other = world.root.filter();
    *world.gateway.0.headers.borrow_mut() =
        head.map(|(name, value)| (name.into(), value.into())).into();
    assert_eq!(other.request_head(4, false), HOLD);
    assert_eq!(other.request_trailers(), HOLD);
    assert_eq!(world.gateway.0.replies.borrow().len(), 1);
}

#[test]
fn in_report_mode_each_part_passes_and_the_decision_is_told() {
    let mut configuration = configuration(json!({}));
    configuration["mode"] = json!("report");
    let world = World::new(&configuration);
    let (seen, flows) = chat(&world, KEY, &[&OTHER[..9], &OTHER[9..]]);
    assert_eq!(flows, [GO, GO, GO]);
    assert_eq!(seen.record["code"], "model_denied");
    let (seen, flows) = chat(&world, KEY, &[CHAT]);
    assert_eq!(flows, [GO, GO]);
    assert_eq!(seen.record["decision"], "allowed");
}

#[test]
fn only_envoy_holds_heads_and_sizes_have_a_unit() {
    for name in ["kong", "apisix"] {
        let world = World::new(&configuration(json!({ "name": name, "hold_head": true })));
        assert!(!world.configured, "{name}");
        assert!(
            world
                .errors()
                .iter()
                .any(|line| line.starts_with("host.hold_head:")),
            "{name}"
        );
    }
    for limit in [
        json!("0B"),
        json!("1"),
        json!("2GiB"),
        json!("1 mb"),
        json!(5),
        json!("-1B"),
    ] {
        let world = World::new(&configuration(json!({ "body_limit": limit })));
        assert!(!world.configured, "{limit}");
    }
}
