//! What is told of a decision: the log line, its level, and the counters.

use crate::world::{Gateway, KEY, READ_KEY, Seen, World, configuration, dated, jwt, with};
use ollama_gate::Status;
use ollama_gate_engine::Level;
use serde_json::{Value, json};

#[test]
fn counters_and_log_lines_are_no_reason_to_stop() {
    let world = World::new(&configuration());
    for call in ["log", "count"] {
        world
            .gateway
            .0
            .failing
            .borrow_mut()
            .insert(call, Status(10));
    }
    assert_eq!(world.bearer("GET", "/api/tags", KEY).verdict().0, 200);
    assert_eq!(world.send("GET", "/api/tags", &[]).verdict().0, 401);
}

#[test]
fn an_allowed_request_is_logged_only_if_wanted_and_a_refused_one_always() {
    let world = World::new(&with("/log", json!({ "allowed": false })));
    assert_eq!(world.bearer("GET", "/", KEY).record, Value::Null);
    assert_eq!(
        world.send("GET", "/", &[]).record["code"],
        "missing_credential"
    );
}

#[test]
fn a_record_tells_who_what_and_why_and_no_secret() {
    let world = World::new(&configuration());
    let allowed = world
        .bearer("POST", "/api/chat?token=sk-in-the-query", KEY)
        .record;
    assert_eq!(
        allowed,
        json!({
            "gate": "ollama-gate", "decision": "allowed", "method": "POST", "route": "/api/chat", "scope": "inference",
            "credential": "api_key", "id": "alice-laptop", "subject": "alice", "request_id": "r-1",
        })
    );
    let denied = world.bearer("POST", "/api/chat", READ_KEY).record;
    assert_eq!(
        denied,
        json!({
            "gate": "ollama-gate", "decision": "denied", "status": 403, "code": "scope_denied",
            "cause": "/api/chat needs `inference`, this credential has `read`", "method": "POST",
            "route": "/api/chat", "scope": "inference", "credential": "api_key", "id": "reader", "subject": "reader",
            "request_id": "r-1",
        })
    );
    let hostile = world.send("GET\"\n", "/x\"\n{}?secret", &[]).record;
    assert_eq!(hostile["method"], "other");
    assert_eq!(hostile["path"], "/x\"\n{}");
}

#[test]
fn whatever_a_request_is_refused_for_its_line_names_its_route() {
    let world = World::new(&configuration());
    let twice = [("authorization", "Bearer a"), ("authorization", "Bearer b")];
    for (code, fields) in [
        ("host_denied", &[("host", "elsewhere.example")][..]),
        ("ambiguous_credential", &twice),
        ("malformed_request", &[("upgrade", "websocket")]),
        ("missing_credential", &[]),
    ] {
        let record = world.send("POST", "/api/chat", fields).record;
        assert_eq!(
            (&record["code"], &record["route"], record.get("path")),
            (&json!(code), &json!("/api/chat"), None),
            "{record}"
        );
    }
    let malformed = world.send("GET", "/api//tags", &[]).record;
    assert_eq!(malformed["path"], "/api//tags");
}

#[test]
fn levels_and_counters_follow_the_decision() {
    let mut world = World::new(&dated());
    let level = |world: &World| world.gateway.0.lines.borrow()[0].0;
    let _ = world.bearer("GET", "/", KEY);
    assert_eq!(level(&world), Level::Info);
    let _ = world.send("GET", "/", &[]);
    assert_eq!(level(&world), Level::Warn);
    world.gateway.0.seconds.set(0);
    let _ = world.bearer("GET", "/", KEY);
    assert_eq!(level(&world), Level::Error);
    world.root.tick();
    let names = [
        "denied_missing_credential",
        "denied_clock_unavailable",
        "allowed",
    ];
    assert_eq!(
        counted(&world),
        names.map(|name| (format!("ollama_gate_{name}_total"), 1))
    );
}

/// The counters that have counted something.
fn counted(world: &World) -> Vec<(String, u64)> {
    let counters = world.gateway.0.counters.borrow();
    let counted = counters.iter().filter(|(_, count)| *count > 0);
    counted.cloned().collect()
}

#[test]
fn every_metric_has_a_name_that_prometheus_takes_as_it_stands() {
    for mode in ["enforce", "report"] {
        let mut configuration = configuration();
        configuration["mode"] = json!(mode);
        let world = World::new(&configuration);
        let counters = world.gateway.0.counters.borrow();
        assert!(!counters.is_empty(), "{mode}");
        for (name, _) in counters.iter() {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            let fits = plain && name.starts_with("ollama_gate_") && name.ends_with("_total");
            assert!(fits, "`{name}` (mode {mode})");
        }
        let gauges = world.gateway.0.gauges.borrow();
        assert!(!gauges.is_empty(), "{mode}");
        for (name, _) in gauges.iter() {
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            // promtool takes no other unit of time.
            let units = ["total", "days", "hours", "minutes", "milliseconds"];
            let fits = plain && name.starts_with("ollama_gate_");
            let other = units.iter().any(|unit| name.ends_with(unit));
            assert!(fits && !other, "`{name}` (mode {mode})");
        }
    }
}

#[test]
fn no_allowed_request_is_counted_twice_or_not_at_all() {
    let told = |gateway: &Gateway| {
        let counters = gateway.0.counters.borrow();
        let allowed = |(name, _): &&(String, u64)| name == "ollama_gate_allowed_total";
        counters.iter().find(allowed).map(|(_, count)| *count)
    };
    let mut world = World::new(&configuration());
    for _ in 0..3 {
        let _ = world.bearer("GET", "/", KEY);
    }
    assert_eq!(
        told(&world.gateway),
        Some(0),
        "a tick tells of them together"
    );
    world.root.tick();
    world.root.tick();
    assert_eq!(told(&world.gateway), Some(3));
    let _ = world.bearer("GET", "/", KEY);
    let mut last = world.root.filter();
    let gateway = world.gateway.clone();
    drop(world.root);
    assert_eq!(told(&gateway), Some(4));
    let key = ("authorization".to_owned(), format!("Bearer {KEY}"));
    gateway.0.headers.borrow_mut().push(key);
    let _ = last.request_head(0, true);
    assert_eq!(
        told(&gateway),
        Some(5),
        "whoever comes after the last tick counts by itself"
    );
    let kong = World::new(&with("/host/name", json!("kong")));
    kong.gateway.0.is_kong.set(true);
    let _ = kong.bearer("GET", "/", KEY);
    assert_eq!(told(&kong.gateway), Some(1), "its ticks are not used");
}

#[test]
fn a_key_that_somebody_wrote_into_the_path_is_not_logged() {
    let world = World::new(&configuration());
    for path in [
        &format!("/{KEY}/api/tags")[..],
        "/sk-short/x",
        "/a/eyJhbGciOi",
        "/0123456789abcdef",
        "/k=sk-ab",
        "/x;SK-123",
        "/%73k-ab",
    ] {
        let record = world.send("GET", path, &[]).record.to_string();
        assert!(record.contains('\u{2026}'), "{path}: {record}");
        let secret = path.split('/').max_by_key(|part| part.len()).unwrap();
        assert!(!record.contains(secret), "{path}: {record}");
    }
    let told = world.send("GET", "/api/unheard/of", &[]).record;
    assert_eq!(told["path"], "/api/unheard/of");
}

#[test]
fn a_message_says_what_to_do_and_a_record_whose_it_was() {
    let world = World::new(&configuration());
    let message = |seen: &Seen| seen.body()["error"].as_str().unwrap().to_owned();
    let dots = message(&world.send("GET", "/api/../x", &[]));
    assert_eq!(dots, "the path is malformed: it has a `.` or `..` segment");
    let twice = message(&world.send("GET", "/", &[("cookie", "a"), ("cookie", "b")]));
    assert!(
        twice.ends_with("appears more than once, send it once"),
        "{twice}"
    );
    let method = world.send_raw(&[(":path", "/"), (":authority", "gate.example")]);
    assert_eq!(
        message(&method),
        "the request is malformed: it has no method"
    );
    let spaces = message(&world.send("GET", "/", &[("x-api-key", "two words")]));
    assert!(
        spaces.contains("white space inside the value of `X-Api-Key`"),
        "{spaces}"
    );
    let openai = world.bearer("POST", "/v1/embeddings", READ_KEY).body();
    assert_eq!(openai["error"]["type"], "permission_error");
    let expired = world.bearer("GET", "/", &jwt(json!({ "exp": 1 })));
    assert_eq!(expired.record["id"], "open-webui");
}

#[test]
fn a_request_id_that_is_long_or_no_ascii_is_left_out() {
    let world = World::new(&configuration());
    for id in ["é", &"a".repeat(129), "a b", ""] {
        let fields = [
            (":method", "GET"),
            (":path", "/"),
            (":authority", "gate.example"),
            ("x-request-id", id),
        ];
        assert_eq!(
            world.send_raw(&fields).record.get("request_id"),
            None,
            "{id}"
        );
    }
}
