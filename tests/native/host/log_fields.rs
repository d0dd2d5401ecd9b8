//! What log lines hold beside who and what: the client's address and the model.

use crate::world::{Gateway, KEY, READ_KEY, Seen, World, configuration, errors, with};
use serde_json::{Value, json};

const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;
const OTHER: &[u8] = br#"{"model":"gpt-oss\u000a","messages":[]}"#;

/// A world at 192.168.1.7, with a rule for models on alice's key and these settings for the log.
fn world(log: &Value) -> World {
    let mut configuration = with("/api_keys/keys/0/models", json!(["llama3.2", "qwen3:*"]));
    configuration["log"] = log.clone();
    let gateway = Gateway::default();
    *gateway.0.address.borrow_mut() = ("source\0address".into(), b"192.168.1.7:4242".to_vec());
    let world = World::on(gateway, configuration.to_string().as_bytes());
    assert_eq!(world.errors(), [""; 0]);
    world
}

fn chat(world: &World, body: &[u8]) -> Seen {
    let authorization = format!("Bearer {KEY}");
    world
        .post("/api/chat", &[("authorization", &authorization)], &[body])
        .0
}

/// How often the gateway was asked for the address.
fn asked(seen: &Seen) -> usize {
    seen.calls
        .iter()
        .filter(|call| **call == "request_property")
        .count()
}

fn of(seen: &Seen) -> (Option<&str>, Option<&str>) {
    (
        seen.record["address"].as_str(),
        seen.record["model"].as_str(),
    )
}

#[test]
fn an_allowed_request_tells_address_and_model_only_where_the_log_asks() {
    let address = Some("192.168.1.7");
    for (fields, expected) in [
        (json!([]), (None, None)),
        (json!(["address"]), (address, None)),
        (json!(["model"]), (None, Some("llama3.2"))),
        (json!(["model", "address"]), (address, Some("llama3.2"))),
    ] {
        let world = world(&json!({ "fields": fields }));
        let seen = chat(&world, CHAT);
        assert_eq!(seen.verdict().0, 200, "{fields}");
        assert_eq!(of(&seen), expected, "{fields}");
        let by_path = world.bearer("GET", "/v1/models/qwen3:8b", KEY);
        let model = expected.1.map(|_| "qwen3:8b");
        assert_eq!(of(&by_path), (expected.0, model), "{fields}");
        let unread = world.bearer("GET", "/api/tags", READ_KEY);
        assert_eq!(of(&unread), (expected.0, None), "{fields}");
        assert_eq!(
            asked(&unread),
            usize::from(expected.0.is_some()),
            "{fields}"
        );
    }
}

#[test]
fn a_refused_request_tells_both_where_they_are_known() {
    let world = world(&json!({}));
    let address = Some("192.168.1.7");
    let body = chat(&world, OTHER);
    assert_eq!(body.verdict(), (403, "model_denied".into()));
    assert_eq!(of(&body), (address, Some("gpt-oss\n")));
    let path = world.bearer("GET", "/v1/models/gpt-oss", KEY);
    assert_eq!(path.verdict(), (403, "model_denied".into()));
    assert_eq!(of(&path), (address, Some("gpt-oss")));
    let scope = world.bearer("POST", "/api/chat", READ_KEY);
    assert_eq!(of(&scope), (address, None));
    let unreadable = chat(&world, b"[]");
    assert_eq!(unreadable.verdict(), (400, "ambiguous_body".into()));
    assert_eq!(of(&unreadable), (address, None));
    let dots = world.send("GET", "/api/../x", &[]);
    assert_eq!(of(&dots), (address, None));
    assert_eq!(asked(&dots), 1);
}

#[test]
fn what_strangers_put_into_a_path_is_not_logged_as_a_model() {
    let world = world(&json!({ "fields": ["model"] }));
    let seen = world.send("GET", "/v1/models/sk-somebody-elses-key", &[]);
    assert_eq!(seen.verdict(), (401, "missing_credential".into()));
    assert!(
        !seen.record.to_string().contains("sk-somebody"),
        "{}",
        seen.record
    );
}

#[test]
fn an_address_that_anybody_can_write_is_not_logged() {
    let world = world(&json!({ "fields": ["address"] }));
    // Port 0: Envoy took it from a header.
    *world.gateway.0.address.borrow_mut() = ("source\0address".into(), b"10.0.0.1:0".to_vec());
    for seen in [
        world.bearer("GET", "/api/tags", KEY),
        world.send("GET", "/", &[]),
    ] {
        assert_eq!(seen.record.get("address"), None, "{}", seen.record);
    }
}

#[test]
fn a_long_model_is_cut_between_two_characters_and_one_that_fits_is_not() {
    let world = world(&json!({}));
    for (model, told) in [
        ("m".repeat(900), format!("{}…", "m".repeat(128))),
        ("m".repeat(128), "m".repeat(128)),
        ("m".repeat(127) + "\u{e9}x", format!("{}…", "m".repeat(127))),
    ] {
        let body = json!({ "model": model, "messages": [] }).to_string();
        let record = chat(&world, body.as_bytes()).record;
        assert_eq!(record["model"], told, "{model}");
    }
}

#[test]
fn only_known_fields_are_taken_and_each_once() {
    let mut configuration = configuration();
    for (log, error) in [
        (
            json!({ "fields": ["adress"] }),
            "log.fields[0]: expected \"address\" or \"model\", found `adress`",
        ),
        (
            json!({ "fields": ["model", "model"] }),
            "log.fields[1]: is a duplicate",
        ),
        (
            json!({ "fields": "model" }),
            "log.fields: expected a list of fields, found a string",
        ),
    ] {
        configuration["log"] = log.clone();
        assert_eq!(errors(&configuration), [error], "{log}");
    }
}

#[test]
fn proxies_may_be_trusted_for_the_sake_of_the_log_alone() {
    let mut configuration = with("/network", json!({ "trusted_proxies": 1 }));
    assert_eq!(errors(&configuration).len(), 1);
    configuration["log"] = json!({ "fields": ["address"] });
    assert_eq!(errors(&configuration), [""; 0]);
}
