//! How long a body is held.

use crate::world::{Gateway, KEY, World};
use ollama_gate::{Filter, Flow, Status};
use serde_json::{Value, json};

const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;
const NONE: [u16; 0] = [];

/// A key with a rule for models; a body is held for four seconds, and for two without progress.
fn configuration(host: Value) -> Value {
    let mut all = json!({
        "api_keys": { "keys": [{ "id": "ruled", "key": KEY, "models": ["llama3.2"] }] },
        "host": { "name": "envoy", "hold_head": true, "held_for": "4s", "held_idle": "2s" },
    });
    for (name, value) in host.as_object().unwrap() {
        all["host"][name] = value.clone();
    }
    all
}

fn world() -> World {
    World::new(&configuration(json!({})))
}

/// Begins a POST in the context `number`, whose body is yet to come.
fn begin(world: &World, number: Option<u32>, path: &str) -> Filter<Gateway> {
    let before = answers(world);
    let filter = begun(world, number, path);
    assert_eq!(answers(world), before, "it was refused");
    filter
}

fn begun(world: &World, number: Option<u32>, path: &str) -> Filter<Gateway> {
    let fields = [
        (":method", "POST"),
        (":path", path),
        (":authority", "gate.example"),
        ("authorization", &format!("Bearer {KEY}")),
    ];
    let state = &world.gateway.0;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    *state.headers.borrow_mut() = fields.map(owned).to_vec();
    *state.body.borrow_mut() = CHAT.to_vec();
    let mut filter = world.root.filter();
    if let Some(number) = number {
        filter = filter.in_context(number);
    }
    filter.request_head(fields.len(), false);
    filter
}

/// The statuses of all answers so far.
fn answers(world: &World) -> Vec<u16> {
    let replies = world.gateway.0.replies.borrow();
    replies.iter().map(|reply| reply.status).collect()
}

/// So many ticks come.
fn ticks(world: &mut World, count: usize) {
    for _ in 0..count {
        world.root.tick();
    }
}

#[test]
fn a_body_of_which_nothing_comes_is_refused_and_goes_nowhere_any_more() {
    let mut world = world();
    let mut filter = begin(&world, Some(7), "/api/chat");
    ticks(&mut world, 2);
    assert_eq!(answers(&world), NONE);
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
    assert_eq!(world.gateway.0.context.get(), Some(7));
    // What comes after that is not read, and not answered again.
    assert_eq!(filter.request_body(10, false), Flow::Pause);
    assert_eq!(filter.request_body(CHAT.len(), true), Flow::Pause);
    assert_eq!(filter.request_trailers(), Flow::Pause);
    assert!(!world.gateway.0.calls.borrow().contains(&"request_body"));
    ticks(&mut world, 9);
    assert_eq!(answers(&world), [408]);
}

#[test]
fn the_refusal_is_in_the_dialect_of_the_path_logged_and_counted_once() {
    for (path, code) in [
        ("/api/chat", "/code"),
        ("/v1/chat/completions", "/error/code"),
        ("/v1/messages", "/error/code"),
    ] {
        let mut world = world();
        let _filter = begin(&world, Some(7), path);
        ticks(&mut world, 3);
        let replies = world.gateway.0.replies.borrow();
        let body: Value = serde_json::from_slice(&replies[0].body).unwrap();
        assert_eq!(
            body.pointer(code),
            Some(&json!("body_timeout")),
            "{path}: {body}"
        );
        let lines = world.lines_with("body_timeout");
        assert_eq!(lines.len(), 1, "{path}: {lines:?}");
        let counted = world.counted("ollama_gate_denied_body_timeout_total");
        assert_eq!(counted, 1, "{path}");
    }
}

#[test]
fn a_body_that_comes_slowly_has_the_whole_time_and_no_more() {
    let mut world = world();
    let mut filter = begin(&world, Some(7), "/api/chat");
    for size in 1..=2 {
        ticks(&mut world, 2);
        assert_eq!(filter.request_body(size, false), Flow::Pause);
        assert_eq!(answers(&world), NONE, "{size}");
    }
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
}

#[test]
fn what_is_shown_again_is_no_progress() {
    let mut world = world();
    let mut filter = begin(&world, Some(7), "/api/chat");
    assert_eq!(filter.request_body(5, false), Flow::Pause);
    ticks(&mut world, 2);
    assert_eq!(filter.request_body(5, false), Flow::Pause);
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
}

#[test]
fn a_body_that_has_ended_and_a_request_that_has_are_left_alone() {
    let mut world = world();
    let mut filter = begin(&world, Some(7), "/api/chat");
    ticks(&mut world, 2);
    assert_eq!(filter.request_body(CHAT.len(), true), Flow::Continue);
    drop(begin(&world, Some(8), "/api/chat"));
    ticks(&mut world, 9);
    assert_eq!(answers(&world), NONE);
    // Nor is another one answered in the place of a context that the gateway does not know any more.
    let _filter = begin(&world, Some(9), "/api/chat");
    let failing = &world.gateway.0.failing;
    failing.borrow_mut().insert("enter_context", Status(2));
    ticks(&mut world, 9);
    assert_eq!(answers(&world), NONE);
}

#[test]
fn each_request_has_its_own_time() {
    let mut world = world();
    let _first = begin(&world, Some(7), "/api/chat");
    ticks(&mut world, 2);
    let mut second = begin(&world, Some(8), "/api/chat");
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
    world.gateway.0.replies.borrow_mut().clear();
    assert_eq!(second.request_body(CHAT.len(), true), Flow::Continue);
    assert_eq!(answers(&world), NONE);
}

#[test]
fn requests_that_come_and_go_leave_the_time_of_the_others_alone() {
    let mut world = world();
    let _first = begin(&world, Some(7), "/api/chat");
    for number in 20..90 {
        let _other = begin(&world, Some(number), "/api/chat");
    }
    ticks(&mut world, 1);
    // Each of these takes a place that another one has had.
    let second = begin(&world, Some(8), "/api/chat");
    let third = begin(&world, Some(9), "/api/chat");
    drop(second);
    ticks(&mut world, 2);
    assert_eq!(answers(&world), [408]);
    assert_eq!(world.gateway.0.context.get(), Some(7));
    let _fourth = begin(&world, Some(10), "/api/chat");
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408, 408]);
    assert_eq!(world.gateway.0.context.get(), Some(9));
    drop(third);
    ticks(&mut world, 2);
    assert_eq!(answers(&world), [408; 3]);
    assert_eq!(world.gateway.0.context.get(), Some(10));
}

#[test]
fn only_what_is_held_has_a_deadline() {
    // Without a rule for its body, in report mode, or where no tick could answer it.
    let mut free = configuration(json!({}));
    free["api_keys"]["keys"][0]["models"] = json!(["*"]);
    let key = free["api_keys"]["keys"][0].as_object_mut();
    key.unwrap().remove("models");
    let mut report = configuration(json!({}));
    report["mode"] = json!("report");
    for (all, number) in [
        (free, Some(7)),
        (report, Some(7)),
        (configuration(json!({})), None),
    ] {
        let mut world = World::new(&all);
        let _filter = begin(&world, number, "/api/chat");
        ticks(&mut world, 9);
        assert_eq!(answers(&world), NONE, "{all}");
    }
}

#[test]
fn nothing_is_said_of_it_where_the_gateway_ends_the_wait() {
    for name in ["apisix", "kong"] {
        for field in ["held_for", "held_idle"] {
            let all = json!({
                "api_keys": { "keys": [{ "id": "ruled", "key": KEY }] },
                "host": { "name": name, field: "5s" },
            });
            let gateway = Gateway::default();
            gateway.0.is_apisix.set(name == "apisix");
            let world = World::on(gateway, all.to_string().as_bytes());
            let errors = world.errors();
            let start = format!("host.{field}: has no effect here");
            assert!(
                errors.iter().any(|line| line.contains(&start)),
                "{errors:?}"
            );
        }
    }
    for wrong in ["0s", "61m", "2h"] {
        let world = World::new(&configuration(json!({ "held_for": wrong })));
        assert_eq!(world.errors().len(), 1, "{wrong}: {:?}", world.errors());
    }
}

#[test]
fn unless_something_is_said_a_pause_has_a_minute_and_a_body_ten() {
    let mut all = configuration(json!({}));
    for field in ["held_for", "held_idle"] {
        all["host"].as_object_mut().unwrap().remove(field);
    }
    let mut world = World::new(&all);
    let _filter = begin(&world, Some(7), "/api/chat");
    ticks(&mut world, 60);
    assert_eq!(answers(&world), NONE);
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
    world.gateway.0.replies.borrow_mut().clear();
    let mut filter = begin(&world, Some(8), "/api/chat");
    let long = format!(r#"{{"model":"llama3.2","x":"{}"#, "a".repeat(600));
    *world.gateway.0.body.borrow_mut() = long.into_bytes();
    for size in 1..=600 {
        ticks(&mut world, 1);
        assert_eq!(filter.request_body(size, false), Flow::Pause);
    }
    assert_eq!(answers(&world), NONE);
    ticks(&mut world, 1);
    assert_eq!(answers(&world), [408]);
}
