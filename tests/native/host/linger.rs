//! Refusals that wait for the rest of a short request.

use crate::world::{Gateway, KEY, World, with};
use ollama_gate::{Filter, Flow, Status};
use serde_json::{Value, json};

const PIECE: usize = 64 * 1024;
const NONE: [u16; 0] = [];
const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;

fn holding() -> Value {
    with("/host", json!({ "name": "envoy", "hold_head": true }))
}

/// Begins a POST in the context `number`, whose body is yet to come.
fn begin(world: &World, number: u32, fields: &[(&str, &str)]) -> Filter<Gateway> {
    let usual = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
    ];
    let state = &world.gateway.0;
    *state.headers.borrow_mut() = usual
        .iter()
        .chain(fields)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    state.body.borrow_mut().clear();
    let mut filter = world.root.filter().in_context(number);
    let flow = filter.request_head(usual.len() + fields.len(), false);
    assert_eq!(flow, Flow::Pause, "a refused request goes nowhere");
    filter
}

/// The statuses of all answers so far.
fn answers(world: &World) -> Vec<u16> {
    let replies = world.gateway.0.replies.borrow();
    replies.iter().map(|reply| reply.status).collect()
}

#[test]
fn the_refusal_of_a_short_request_waits_for_its_end() {
    for length in [None, Some("34"), Some("65536")] {
        let world = World::new(&holding());
        let fields: Vec<_> = length.map(|l| ("content-length", l)).into_iter().collect();
        let mut filter = begin(&world, 7, &fields);
        assert_eq!(answers(&world), NONE, "{length:?}");
        let flow = filter.request_body(10, false);
        assert_eq!((flow, answers(&world)), (Flow::Pause, vec![]), "{length:?}");
        let flow = filter.request_body(34, true);
        assert_eq!(flow, Flow::Pause, "{length:?}");
        assert_eq!(answers(&world), [401], "{length:?}");
        let read = world.gateway.0.calls.borrow().contains(&"request_body");
        assert!(!read, "nobody looks at what comes: {length:?}");
    }
}

#[test]
fn it_is_logged_and_counted_at_once_and_only_once() {
    let world = World::new(&holding());
    let mut filter = begin(&world, 7, &[]);
    let lines = || world.gateway.0.lines.borrow().len();
    let before = lines();
    let line = world.gateway.0.lines.borrow().last().unwrap().1.clone();
    assert!(line.contains("missing_credential"), "{line}");
    filter.request_body(10, true);
    assert_eq!(lines(), before);
}

#[test]
fn trailers_are_the_end_too() {
    let world = World::new(&holding());
    let mut filter = begin(&world, 7, &[]);
    filter.request_body(10, false);
    assert_eq!(filter.request_trailers(), Flow::Pause);
    assert_eq!(answers(&world), [401]);
}

#[test]
fn a_longer_body_is_not_waited_for() {
    let world = World::new(&holding());
    for length in ["65537", "18446744073709551616", "-1", "x", ""] {
        world.gateway.0.replies.borrow_mut().clear();
        begin(&world, 7, &[("content-length", length)]);
        assert_eq!(answers(&world), [401], "{length:?}");
    }
    world.gateway.0.replies.borrow_mut().clear();
    let mut filter = begin(&world, 8, &[]);
    filter.request_body(PIECE, false);
    assert_eq!(answers(&world), NONE);
    assert_eq!(filter.request_body(PIECE + 1, false), Flow::Pause);
    assert_eq!(answers(&world), [401]);
    assert_eq!(filter.request_body(PIECE + 2, true), Flow::Pause);
    assert_eq!(answers(&world), [401], "once");
}

#[test]
fn the_second_tick_ends_the_wait() {
    let mut world = World::new(&holding());
    let mut filter = begin(&world, 7, &[]);
    world.root.tick();
    assert_eq!(answers(&world), NONE);
    world.root.tick();
    assert_eq!(answers(&world), [401]);
    assert_eq!(world.gateway.0.context.get(), Some(7));
    // What still comes goes nowhere, and is not answered again.
    assert_eq!(filter.request_body(10, false), Flow::Pause);
    assert_eq!(filter.request_body(20, true), Flow::Pause);
    assert_eq!(filter.request_trailers(), Flow::Pause);
    world.root.tick();
    assert_eq!(answers(&world), [401]);
}

#[test]
fn a_request_that_has_ended_is_not_answered() {
    let mut world = World::new(&holding());
    drop(begin(&world, 7, &[]));
    world.root.tick();
    world.root.tick();
    assert_eq!(answers(&world), NONE);
    // Nor is another one in the place of a context that the gateway does not know any more.
    let _filter = begin(&world, 8, &[]);
    let failing = &world.gateway.0.failing;
    failing.borrow_mut().insert("enter_context", Status(2));
    world.root.tick();
    world.root.tick();
    assert_eq!(answers(&world), NONE);
}

#[test]
fn so_many_wait_and_all_others_are_answered_at_once() {
    let world = World::new(&holding());
    let mut waiting: Vec<_> = (1..=64).map(|number| begin(&world, number, &[])).collect();
    assert_eq!(answers(&world), NONE);
    drop(begin(&world, 65, &[]));
    assert_eq!(answers(&world), [401]);
    // The place of one that has ended is free again.
    waiting.pop();
    let _next = begin(&world, 66, &[]);
    assert_eq!(answers(&world), [401]);
}

#[test]
fn where_nothing_would_end_the_wait_or_show_the_rest_nobody_waits() {
    let cases: [(&str, Value, Option<&'static str>, bool); 4] = [
        ("no hold_head", json!({ "name": "envoy" }), None, true),
        (
            "no ticks",
            holding()["host"].clone(),
            Some("set_tick"),
            true,
        ),
        (
            "no head",
            holding()["host"].clone(),
            Some("request_header"),
            true,
        ),
        ("no number", holding()["host"].clone(), None, false),
    ];
    for (name, host, failing, numbered) in cases {
        let gateway = Gateway::default();
        if let Some(call) = failing {
            gateway.0.failing.borrow_mut().insert(call, Status(2));
        }
        let configuration = with("/host", host).to_string();
        let world = World::on(gateway, configuration.as_bytes());
        if numbered {
            drop(begin(&world, 7, &[]))
        } else {
            drop(world.post("/api/chat", &[], &[CHAT]))
        }
        assert_eq!(answers(&world), [401], "{name}");
    }
    // And a request without a body has nothing to wait for.
    let world = World::new(&holding());
    assert_eq!(world.send("POST", "/api/chat", &[]).verdict().0, 401);
}

#[test]
fn a_refusal_for_what_a_body_says_waits_for_its_end_too() {
    let mut configuration = holding();
    configuration["api_keys"]["keys"][0]["models"] = json!(["llama3.2"]);
    let world = World::new(&configuration);
    let bearer = format!("Bearer {KEY}");
    let mut filter = begin(&world, 7, &[("authorization", &bearer)]);
    let state = &world.gateway.0;
    state.body.borrow_mut().extend_from_slice(b"}}");
    assert_eq!(filter.request_body(2, false), Flow::Pause);
    assert_eq!(answers(&world), NONE);
    assert_eq!(filter.request_body(40, true), Flow::Pause);
    assert_eq!(answers(&world), [400]);
}
