//! Report mode: the whole decision, and nothing of it done.

use crate::world::{KEY, READ_KEY, World, configuration, jwt, with};
use ollama_gate_engine::Level;
use serde_json::{Value, json};

fn reporting() -> Value {
    let mut configuration = configuration();
    configuration["mode"] = json!("report");
    configuration
}

/// Method, path and fields.
type Request<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// The counters that have counted something, without what all begin with.
fn counted(world: &World) -> Vec<(String, u64)> {
    let counters = world.gateway.0.counters.borrow();
    let some = counters.iter().filter(|(_, count)| *count > 0);
    some.map(|(name, count)| (name.replace("ollama_gate_", ""), *count))
        .collect()
}

#[test]
fn every_request_goes_on_as_it_came_with_the_decision_that_it_would_have_got() {
    let enforcing = World::new(&configuration());
    let reporting = World::new(&reporting());
    let token = format!("Bearer {}", jwt(json!({ "exp": 1 })));
    let key = format!("Bearer {KEY}");
    let read = format!("Bearer {READ_KEY}");
    let requests: [Request<'_>; 9] = [
        ("GET", "/api/tags", &[("authorization", &key)]),
        ("GET", "/api/tags", &[]),
        (
            "GET",
            "/api/tags",
            &[("authorization", "Bearer sk-unknown-key-000")],
        ),
        ("GET", "/api/tags", &[("authorization", &token)]),
        ("POST", "/api/chat", &[("authorization", &read)]),
        ("GET", "/metrics", &[("authorization", &key)]),
        ("GET", "/api//tags", &[("authorization", &key)]),
        ("GET", "/api/tags", &[("cookie", "a=b"), ("cookie", "c=d")]),
        ("", "/api/tags", &[("authorization", &key)]),
    ];
    for (method, path, fields) in requests {
        let would = enforcing.send(method, path, fields);
        let seen = reporting.send(method, path, fields);
        assert_eq!(seen.verdict().0, 200, "{method} {path} {fields:?}");
        let upstream = seen.upstream.unwrap();
        let sent = fields
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()));
        assert!(
            upstream.ends_with(&sent.collect::<Vec<_>>()),
            "{method} {path}: {upstream:?}"
        );
        assert_eq!(upstream.len(), 6 + fields.len(), "{method} {path}");
        let changes = ["set_request_header", "remove_request_header", "reply"];
        assert!(
            !seen.calls.iter().any(|call| changes.contains(call)),
            "{method} {path}"
        );
        let mut record = seen.record.clone();
        let members = record.as_object_mut().unwrap();
        assert_eq!(
            members.remove("mode"),
            Some(json!("report")),
            "{method} {path}"
        );
        assert_eq!(record, would.record, "{method} {path}");
    }
}

#[test]
fn what_would_be_denied_is_counted_under_names_of_its_own() {
    let mut world = World::new(&reporting());
    let _ = world.bearer("GET", "/", KEY);
    let _ = world.bearer("GET", "/", KEY);
    let _ = world.send("GET", "/api/tags", &[]);
    let _ = world.bearer("POST", "/api/pull", READ_KEY);
    world.root.tick();
    let expected = [
        ("report_denied_missing_credential_total", 1),
        ("report_denied_scope_denied_total", 1),
        ("report_allowed_total", 2),
    ];
    let mut expected = expected.map(|(name, count)| (name.to_owned(), count));
    let mut counted = counted(&world);
    expected.sort();
    counted.sort();
    assert_eq!(counted, expected);
}

#[test]
fn it_is_said_loudly_at_the_start() {
    let world = World::new(&reporting());
    let loud = |world: &World| {
        let lines = world.gateway.0.lines.borrow();
        let loud = lines
            .iter()
            .find(|(_, line)| line.contains("NOTHING IS ENFORCED"));
        loud.map(|(level, _)| *level)
    };
    assert_eq!(loud(&world), Some(Level::Warn));
    assert_eq!(loud(&World::new(&configuration())), None);
}

#[test]
fn a_gateway_that_cannot_do_an_edit_is_not_asked_to() {
    let world = World::new(&reporting());
    world.gateway.0.refuses_headers.set(true);
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn a_configuration_with_an_error_serves_nobody_whatever_its_mode() {
    let mut wrong = reporting();
    wrong["hots"] = json!({});
    let world = World::new(&wrong);
    assert!(!world.configured);
    assert_eq!(world.bearer("GET", "/", KEY).verdict().1, "misconfigured");
    let kongs = with("/host/name", json!("kong")).to_string();
    let world = World::of_bytes(kongs.as_bytes());
    assert_eq!(world.bearer("GET", "/", KEY).verdict().1, "misconfigured");
    let mut other = reporting();
    other["host"] = json!({ "name": "kong" });
    let world = World::of_bytes(other.to_string().as_bytes());
    assert_eq!(world.bearer("GET", "/", KEY).verdict().1, "misconfigured");
}

#[test]
fn a_mode_is_one_of_two() {
    for mode in ["Report", "off", ""] {
        let mut wrong = configuration();
        wrong["mode"] = json!(mode);
        assert!(!World::new(&wrong).configured, "{mode}");
    }
}

#[test]
fn networks_and_methods_are_reported_too() {
    let mut configuration = reporting();
    configuration["network"] = json!({ "allow": ["10.0.0.0/8"] });
    configuration["require"] = json!({ "at_least": 2, "of": ["network", "api_key"] });
    let world = World::new(&configuration);
    let token = jwt(json!({}));
    for (address, credential, code) in [
        ("10.0.0.1:5000", KEY, Value::Null),
        ("10.0.0.1:5000", &token, json!("insufficient_methods")),
        ("203.0.113.9:5000", KEY, json!("network_denied")),
        ("10.0.0.1:0", KEY, json!("address_unknown")),
    ] {
        *world.gateway.0.address.borrow_mut() = ("source\0address".to_owned(), address.into());
        let seen = world.bearer("GET", "/api/tags", credential);
        assert_eq!(
            seen.verdict().0,
            200,
            "nobody is refused: {address}, {credential}"
        );
        let shown = (&seen.record["mode"], &seen.record["code"]);
        assert_eq!(shown, (&json!("report"), &code), "{address}");
    }
}
