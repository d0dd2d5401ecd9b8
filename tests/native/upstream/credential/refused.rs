//! The server in front of Ollama refuses the gate's own credential.

use super::{OWN, fixed, respond, with_credential};
use crate::world::{KEY, READ_KEY, World, configuration};
use ollama_gate::{Flow, Status};
use serde_json::json;

const KEYS: [(&str, &str); 1] = [("x-api-key", KEY)];
const CHALLENGE: (&str, &str) = ("www-authenticate", "Bearer realm=\"front\"");

#[test]
fn a_front_that_sends_the_credential_back_shows_it_to_no_client() {
    for members in [
        json!({ "value": OWN }),
        json!({ "value": OWN, "header": "X-Front-Token" }),
    ] {
        let name = members["header"]
            .as_str()
            .unwrap_or("authorization")
            .to_ascii_lowercase();
        let mut configuration = with_credential(members);
        for host in ["envoy", "kong", "apisix"] {
            configuration["host"] = json!({ "name": host });
            let world = match host {
                "kong" => World::kong(&configuration),
                "apisix" => World::apisix(&configuration),
                _ => World::new(&configuration),
            };
            for status in ["200", "404", "500"] {
                let head = [
                    (":status", status),
                    (name.as_str(), OWN),
                    ("x-other", "kept"),
                ];
                let came = respond(&world, "/api/tags", &[("x-api-key", KEY)], &head);
                assert!(came.values(&name).is_empty(), "{host} {status}");
                assert_eq!(came.values("x-other"), ["kept"], "{host} {status}");
                assert!(!came.log.concat().contains(OWN), "{host} {status}");
            }
        }
    }
}

#[test]
fn a_refusal_becomes_a_502_that_says_whose_credential_it_was() {
    for status in ["401", "407"] {
        for (path, at) in [
            ("/api/tags", ""),
            ("/v1/models", "/error"),
            ("/api/version", ""),
        ] {
            let world = World::new(&fixed());
            let head = [(":status", status), CHALLENGE];
            let came = respond(&world, path, &KEYS, &head);
            let (answered, body) = came.answer();
            assert_eq!(answered, 502, "{path}");
            assert_eq!(came.flow, Flow::Pause, "{path}");
            let code = body.pointer(&format!("{at}/code"));
            assert_eq!(
                code,
                Some(&json!("upstream_credential_refused")),
                "{path}: {body}"
            );
            let text = body.to_string();
            for part in [
                "the gate's own credential",
                "yours was accepted",
                "upstream.credential",
            ] {
                assert!(text.contains(part), "{part}: {text}");
            }
            let names = came.reply.as_ref().unwrap().headers.iter();
            let names: Vec<_> = names.map(|(name, _)| *name).collect();
            assert!(!names.contains(&"www-authenticate"), "{names:?}");
            assert!(!names.contains(&"x-should-retry"), "{path}: {names:?}");
            let line = came
                .log
                .iter()
                .find(|line| line.contains("\"denied\""))
                .unwrap();
            assert!(line.contains("upstream_credential_refused"), "{line}");
            assert!(line.contains(&format!("status {status}")), "{line}");
            assert!(!came.log.concat().contains(OWN), "{:?}", came.log);
            assert_eq!(
                world.counted("ollama_gate_denied_upstream_credential_refused_total"),
                1,
                "{path} {status}"
            );
        }
    }
}

#[test]
fn every_other_status_goes_on_as_it_is() {
    let world = World::new(&fixed());
    for status in [
        "200", "204", "304", "400", "402", "403", "404", "429", "500", "502", "503",
    ] {
        let head = [(":status", status), ("content-type", "text/plain")];
        let came = respond(&world, "/api/tags", &KEYS, &head);
        assert!(came.reply.is_none(), "{status}");
        assert_eq!(came.flow, Flow::Continue, "{status}");
        assert_eq!(came.values(":status"), [status], "{head:?}");
        assert_eq!(came.head.len(), 2, "{status}");
    }
}

#[test]
fn without_a_credential_of_the_gates_a_401_is_ollamas_own_and_no_call_is_made() {
    let world = World::new(&configuration());
    let came = respond(&world, "/api/tags", &KEYS, &[(":status", "401"), CHALLENGE]);
    assert!(came.reply.is_none());
    assert_eq!(came.values("www-authenticate").len(), 1);
    assert_eq!(*world.gateway.0.calls.borrow(), [""; 0]);
}

/// The answer runs through the callbacks of the response too, as does a refusal by the gate itself.
#[test]
fn the_gates_own_401_stays_one() {
    let world = World::new(&fixed());
    let state = &world.gateway.0;
    let seen = world.send(
        "GET",
        "/api/tags",
        &[("x-api-key", "sk-unknown-0123456789")],
    );
    assert_eq!(seen.verdict().0, 401);
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(9, true), Flow::Pause);
    state.replies.borrow_mut().clear();
    *state.response.borrow_mut() = vec![(":status".to_owned(), "401".to_owned())];
    assert_eq!(filter.response_head(false), Flow::Continue);
    assert!(state.replies.borrow().is_empty());
}

/// Its head went to the front, and then its body was refused: that answer is the gate's.
#[test]
fn a_request_whose_body_was_refused_gets_the_gates_own_answer() {
    let mut configuration = fixed();
    configuration["api_keys"]["keys"][0]["models"] = json!(["llama3.2"]);
    configuration["api_keys"]["keys"][0]["expires_at"] = json!("2026-01-01T00:01:00Z");
    let world = World::new(&configuration);
    let state = &world.gateway.0;
    let fields = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        KEYS[0],
    ];
    let owned = fields.map(|(n, v)| (n.to_owned(), v.to_owned()));
    *state.headers.borrow_mut() = owned.to_vec();
    let mut filter = world.root.filter();
    filter.request_head(4, false);
    world.wait(120);
    *state.body.borrow_mut() = b"{\"model\":\"llama3.2\"}".to_vec();
    filter.request_body(20, true);
    let reply = state.replies.borrow_mut().pop().unwrap();
    assert_eq!(reply.status, 401, "its key has ended");
    *state.response.borrow_mut() = vec![(":status".to_owned(), "401".to_owned())];
    assert_eq!(filter.response_head(false), Flow::Continue);
    assert!(state.replies.borrow().is_empty());
}

#[test]
fn where_no_answer_can_take_its_place_the_status_and_the_challenges_are_edited() {
    let mut kong = fixed();
    kong["host"] = json!({ "name": "kong" });
    let mut apisix = fixed();
    apisix["host"] = json!({ "name": "apisix" });
    let mut unnamed = fixed();
    unnamed.as_object_mut().unwrap().remove("host");
    for (name, world) in [
        ("kong", World::new(&kong)),
        ("apisix", World::apisix(&apisix)),
        ("unnamed", World::new(&unnamed)),
    ] {
        assert!(world.configured, "{:?}", world.errors());
        let head = [
            (":status", "401"),
            CHALLENGE,
            ("proxy-authenticate", "Basic"),
        ];
        let came = respond(&world, "/api/tags", &KEYS, &head);
        assert_eq!(came.flow, Flow::Continue, "{name}");
        assert!(came.reply.is_none(), "{name}");
        let edited = [(":status".to_owned(), "502".to_owned())];
        assert_eq!(came.head, edited, "{name}");
        let line = came.log.concat();
        assert!(line.contains("upstream_credential_refused"), "{line}");
    }
}

#[test]
fn a_status_that_cannot_be_read_is_taken_for_a_refusal() {
    let world = World::new(&fixed());
    for status in [2, 10, 12] {
        let mut failing = world.gateway.0.failing.borrow_mut();
        failing.insert("response_header", Status(status));
        drop(failing);
        let came = respond(&world, "/api/tags", &KEYS, &[(":status", "200")]);
        assert_eq!(came.answer().0, 502, "{status}");
        let log = came.log.concat();
        assert!(log.contains("does not show the status"), "{status}: {log}");
    }
}

#[test]
fn a_list_that_is_filtered_is_refused_first() {
    let mut filtering = fixed();
    filtering["filter_lists"] = json!(true);
    filtering["api_keys"]["keys"][1]["models"] = json!(["a"]);
    let world = World::new(&filtering);
    let key = [("x-api-key", READ_KEY)];
    let came = respond(&world, "/api/tags", &key, &[(":status", "401"), CHALLENGE]);
    let (status, body) = came.answer();
    assert_eq!(
        (status, &body["code"]),
        (502, &json!("upstream_credential_refused"))
    );
}

#[test]
fn a_page_of_another_site_may_read_the_refusal() {
    let mut with_pages = fixed();
    with_pages["cors"] = json!({ "allow_origins": ["https://chat.example"] });
    let fields = [KEYS[0], ("origin", "https://chat.example")];
    let head = [(":status", "401"), CHALLENGE];
    let came = respond(&World::new(&with_pages), "/api/tags", &fields, &head);
    let reply = came.reply.unwrap();
    let names: Vec<_> = reply.headers.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"access-control-allow-origin"), "{names:?}");
    with_pages["host"] = json!({ "name": "kong" });
    let came = respond(&World::new(&with_pages), "/api/tags", &fields, &head);
    assert_eq!(came.values("access-control-allow-origin").len(), 1);
}

#[test]
fn a_refusal_before_the_body_has_ended_is_answered_in_the_dialect_of_its_path() {
    let mut configuration = fixed();
    configuration["api_keys"]["keys"][0]["models"] = json!(["llama3.2"]);
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    let state = &world.gateway.0;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let fields = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "gate.example"),
        ("x-api-key", KEY),
    ];
    *state.headers.borrow_mut() = fields.map(owned).to_vec();
    *state.body.borrow_mut() = b"{\"model\":".to_vec();
    let mut filter = world.root.filter().in_context(7);
    filter.request_head(fields.len(), false);
    filter.request_body(9, false);
    *state.response.borrow_mut() = [(":status", "401"), CHALLENGE].map(owned).to_vec();
    assert_eq!(filter.response_head(true), Flow::Pause);
    let replies = state.replies.borrow();
    let body: serde_json::Value = serde_json::from_slice(&replies[0].body).unwrap();
    let code = body.pointer("/error/code");
    assert_eq!(code, Some(&json!("upstream_credential_refused")), "{body}");
    let lines = state.lines.borrow();
    let (_, line) = lines.last().unwrap();
    assert!(line.contains("/v1/chat/completions"), "{line}");
}
