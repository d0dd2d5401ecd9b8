//! A key that is taken out of a document opens nothing any more, wherever it was remembered.

use super::*;
use ollama_gate::Flow;

#[test]
fn a_key_that_is_taken_out_is_refused_with_the_next_document_and_through_every_memory() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        world.fetch(
            200,
            &answer(&kind, &document(&[("fetched", FETCHED), ("other", OTHER)])),
        );
        for _ in 0..3 {
            assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        }
        world.wait(30);
        world.fetch(200, &answer(&kind, &document(&[("other", OTHER)])));
        assert_eq!(
            world.verdict(FETCHED),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(OTHER), ok(), "{}", kind.name);
    }
}

#[test]
fn a_key_is_rotated_with_an_overlap_and_nobody_notices() {
    let mut world = world(&KINDS[0], &json!({}));
    world.fetch(200, one().to_string().as_bytes());
    assert_eq!(world.verdict(FETCHED), ok());
    let rotated = json!([{ "id": "fetched", "key": OTHER,
        "previous": [{ "key": FETCHED, "until": "2026-01-01T00:05:00Z" }] }]);
    world.wait(30);
    world.fetch(200, rotated.to_string().as_bytes());
    assert_eq!(world.verdict(FETCHED), ok());
    assert_eq!(world.verdict(OTHER), ok());
    world.wait(270);
    assert_eq!(world.verdict(FETCHED), refused(401, "expired_key"));
    assert_eq!(world.verdict(OTHER), ok());
}

#[test]
fn there_is_a_fetch_in_every_interval() {
    let mut world = world(&KINDS[0], &json!({ "every": "10s" }));
    world.fetch(200, one().to_string().as_bytes());
    for _ in 0..5 {
        let calls = world.call_count();
        for _ in 0..10 {
            world.wait(1);
            world.tick();
        }
        assert!(world.call_count() > calls);
        world.answer_root(world.call_count(), 200, one().to_string().as_bytes());
    }
}

/// What becomes of a request whose body is held while the document becomes `next`.
fn held_while(next: &Value) -> (u16, String) {
    let mut world = world(&KINDS[0], &json!({}));
    let with_models = json!([{ "id": "fetched", "key": FETCHED, "models": ["llama3.2"] }]);
    world.fetch(200, with_models.to_string().as_bytes());
    let bearer = format!("Bearer {FETCHED}");
    let fields = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        ("authorization", &bearer),
    ];
    let state = std::rc::Rc::clone(&world.gateway.0);
    let headers = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
    *state.headers.borrow_mut() = headers.to_vec();
    let mut filter = world.root.filter();
    filter.request_head(4, false);
    world.wait(30);
    world.fetch(200, next.to_string().as_bytes());
    *state.headers.borrow_mut() = headers.to_vec();
    state.replies.borrow_mut().clear();
    *state.body.borrow_mut() = br#"{"model":"llama3.2"}"#.to_vec();
    let size = state.body.borrow().len();
    let flow = filter.request_body(size, true);
    let reply = state.replies.borrow().first().cloned();
    match (flow, reply) {
        (Flow::Continue, None) => ok(),
        (_, Some(reply)) => {
            let body = String::from_utf8(reply.body).unwrap();
            let known = ["configuration_changed", "unknown_key"];
            let code = known.into_iter().find(|code| body.contains(code));
            (reply.status, code.unwrap_or(&body).to_owned())
        }
        (Flow::Pause, None) => waits(),
    }
}

#[test]
fn a_request_that_is_held_while_its_key_is_taken_out_does_not_go_on() {
    let record = |members: Value| {
        let mut record = json!({ "id": "fetched", "key": FETCHED, "models": ["llama3.2"] });
        for (name, value) in members.as_object().unwrap() {
            record[name] = value.clone();
        }
        json!([record, { "id": "other", "key": OTHER }])
    };
    assert_eq!(
        held_while(&record(json!({}))),
        ok(),
        "another key is none of its business"
    );
    let rotated = json!({ "key": "sk-new-70c2e95d1ab8436f",
        "previous": [{ "key": FETCHED, "until": "2026-01-01T01:00:00Z" }] });
    assert_eq!(
        held_while(&record(rotated)),
        ok(),
        "its secret still counts"
    );
    let changed = refused(503, "configuration_changed");
    assert_eq!(
        held_while(&document(&[("other", OTHER)])),
        changed,
        "taken out"
    );
    assert_eq!(
        held_while(&record(json!({ "disabled": true }))),
        changed,
        "disabled"
    );
    assert_eq!(
        held_while(&record(json!({ "models": ["qwen3"] }))),
        changed,
        "other rights"
    );
    assert_eq!(
        held_while(&record(json!({ "key": "sk-new-70c2e95d1ab8436f" }))),
        changed,
        "another secret"
    );
}
