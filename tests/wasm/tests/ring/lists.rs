//! `filter_lists` in the built module: lists in any parts, and what each gateway makes of them.

use ollama_gate_wasm_tests::module::Build;
use ollama_gate_wasm_tests::world::{Fault, Which};
use ollama_gate_wasm_tests::{ClientRequest, Outcome, Verdict};
use serde_json::{Value, json};

use crate::support::*;

const BODY: &str = r#"{"models":[{"name":"qwen3"},{"name":"llama3.2"}]}"#;
const OWN: &str = r#"{"models":[{"name":"llama3.2"}]}"#;

fn filtering(host: &str, holds: bool) -> Value {
    let keys = json!([
        { "id": "alice-laptop", "key": ALICE, "models": ["llama3.2"] },
        { "id": "reader", "key": READER, "scopes": ["read"] },
    ]);
    let mut host = json!({ "name": host });
    if holds {
        host["hold_head"] = json!(true);
    }
    with(
        plain(),
        json!({ "filter_lists": true, "api_keys": { "keys": keys }, "host": host }),
    )
}

/// Envoy with heads that wait and without, and Istio.
fn on_every_envoy(scenario: impl Fn(&mut Lab, bool)) {
    for (host, holds) in [(ENVOY, true), (ENVOY, false), (ISTIO, false)] {
        let mut lab = Lab::loading(Build::Every, HOSTS[host]());
        let json = filtering(lab.host, holds);
        assert!(lab.gateway.configure_json(&json).accepted, "{}", lab.host);
        scenario(&mut lab, holds);
    }
}

/// What comes of a list in these parts.
fn ask(lab: &mut Lab, key: &str, parts: &[&[u8]], trailers: bool) -> Outcome {
    let head = [(":status", "200"), ("content-length", "49"), ("etag", "1")];
    ask_with(lab, key, &head, parts, trailers)
}

fn ask_with(
    lab: &mut Lab,
    key: &str,
    head: &[(&str, &str)],
    parts: &[&[u8]],
    trailers: bool,
) -> Outcome {
    let pairs = head.iter();
    lab.world().upstream_response = pairs
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    lab.world().upstream_body = parts.iter().map(|part| part.to_vec()).collect();
    lab.world().upstream_trailers = trailers;
    let outcome = lab.send(&ClientRequest::get("/api/tags").bearer(key));
    assert_eq!(outcome.verdict, Verdict::Forwarded, "{}", lab.host);
    outcome
}

#[track_caller]
fn shown(outcome: &Outcome, expected: &str) {
    assert_eq!(outcome.answer.reply, None);
    assert_eq!(String::from_utf8_lossy(&outcome.answer.body), expected);
}

/// Nothing of it has gone on; after its head the client gets no end.
#[track_caller]
fn refused(outcome: &Outcome, code: &str, head_gone: bool) {
    assert_eq!(outcome.answer.body, b"");
    let reply = outcome.answer.reply.as_ref().expect("an answer");
    let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
    assert_eq!(body["code"], code);
    assert_eq!(outcome.answer.broken_off, head_gone);
    let log = outcome.record.everything();
    assert!(log.contains(&format!("\"code\":\"{code}\"")), "{log}");
}

#[test]
pub fn a_key_is_shown_its_models_wherever_the_list_is_cut() {
    on_every_envoy(|lab, _| {
        for trailers in [false, true] {
            for place in 0..=BODY.len() {
                let (one, other) = BODY.as_bytes().split_at(place);
                let outcome = ask(lab, ALICE, &[one, other], trailers);
                shown(&outcome, OWN);
                assert_eq!(outcome.response_text(":status"), ["200"]);
                assert!(outcome.response_text("content-length").is_empty());
                assert!(outcome.response_text("etag").is_empty());
                assert_eq!(outcome.upstream_text("accept-encoding"), ["identity"]);
            }
            let bytes: Vec<&[u8]> = BODY.as_bytes().chunks(1).collect();
            shown(&ask(lab, ALICE, &bytes, trailers), OWN);
            shown(&ask(lab, ALICE, &[BODY.as_bytes(), b""], trailers), OWN);
        }
    });
}

#[test]
pub fn who_has_no_rule_costs_a_response_no_call() {
    on_every_envoy(|lab, _| {
        let outcome = ask(lab, READER, &[b"no ", b"list"], false);
        shown(&outcome, "no list");
        assert_eq!(outcome.response_text("content-length"), ["49"]);
        let names: Vec<_> = outcome.record.calls.iter().map(|call| call.name).collect();
        assert!(!names.contains(&"proxy_get_buffer_bytes"), "{names:?}");
        assert!(!names.contains(&"proxy_set_buffer_bytes"), "{names:?}");
    });
}

#[test]
pub fn what_is_no_list_is_refused_before_anything_of_it_goes_on() {
    on_every_envoy(|lab, holds| {
        for body in [
            &BODY[1..],
            &BODY[..48],
            "qwen3",
            "[]",
            "{}",
            "\u{0}",
            "{\"models\":[]}{",
        ] {
            for trailers in [false, true] {
                let (one, other) = body.as_bytes().split_at(1);
                let outcome = ask(lab, ALICE, &[one, other], trailers);
                refused(&outcome, "unreadable_list", !holds);
                shown(&ask(lab, ALICE, &[BODY.as_bytes()], trailers), OWN);
            }
        }
        for head in [
            &[(":status", "206")][..],
            &[(":status", "200"), ("content-encoding", "gzip")],
            &[(":status", "200"), ("content-length", "16777217")],
        ] {
            let outcome = ask_with(lab, ALICE, head, &[BODY.as_bytes()], false);
            refused(&outcome, "unreadable_list", false);
        }
        for status in ["304", "404", "503"] {
            let outcome = ask_with(lab, ALICE, &[(":status", status)], &[b"qwen3"], false);
            shown(&outcome, "qwen3");
        }
    });
}

#[test]
pub fn deep_and_hostile_lists_trap_nothing() {
    on_every_envoy(|lab, holds| {
        let deep = "[".repeat(300_000) + &"]".repeat(300_000);
        let list = format!(r#"{{"a":{deep},"models":[{deep},{{"name":"llama3.2"}}]}}"#);
        let expected = format!(r#"{{"a":{deep},"models":[{{"name":"llama3.2"}}]}}"#);
        shown(&ask(lab, ALICE, &[list.as_bytes()], false), &expected);
        for bytes in [
            &b"\xff\xfe{"[..],
            b"{\"models\":[{\"name\":\"\\ud800\xff\"}]}",
            &[0; 70_000],
            &deep.as_bytes()[..300_000],
        ] {
            refused(&ask(lab, ALICE, &[bytes], false), "unreadable_list", !holds);
        }
        shown(&ask(lab, ALICE, &[BODY.as_bytes()], false), OWN);
    });
}

#[test]
pub fn each_call_that_fails_shows_nothing_and_traps_nothing() {
    on_every_envoy(|lab, _| {
        let parts: [&[u8]; 2] = [&BODY.as_bytes()[..9], &BODY.as_bytes()[9..]];
        let _ = ask(lab, ALICE, &parts, false);
        let outcome = ask(lab, ALICE, &parts, false);
        let calls = outcome.record.calls.iter().enumerate();
        let touches = |name: &str| name.contains("buffer_bytes") || name.contains("header_map");
        let first = calls
            .clone()
            .position(|(_, call)| call.about == ":status")
            .expect("the status is read");
        let later: Vec<usize> = calls
            .filter(|(nth, call)| *nth >= first && touches(call.name))
            .map(|(nth, _)| nth)
            .collect();
        assert!(later.len() >= 15, "{}", outcome.record.call_list());
        for nth in later {
            for status in [2, 10, 12] {
                let which = Which::Nth(nth);
                lab.world().fault = Some(Fault { which, status });
                let outcome = ask(lab, ALICE, &parts, false);
                lab.world().fault = None;
                assert_eq!(
                    outcome.answer.body,
                    b"",
                    "{nth}: {}",
                    outcome.record.call_list()
                );
                let reply = outcome.answer.reply.expect("an answer");
                assert!(String::from_utf8_lossy(&reply.body).contains("host_failure"));
            }
        }
        shown(&ask(lab, ALICE, &parts, false), OWN);
    });
}

#[test]
pub fn memory_is_flat_after_many_lists() {
    on_every_envoy(|lab, _| {
        let entries = r#"{"name":"qwen3","size":12345},"#.repeat(5_000);
        let list = format!(r#"{{"models":[{entries}{{"name":"llama3.2"}}]}}"#);
        let parts: Vec<&[u8]> = list.as_bytes().chunks(20_000).collect();
        let _ = ask(lab, ALICE, &parts, false);
        let pages = lab.gateway.memory_pages();
        for _ in 0..10 {
            shown(&ask(lab, ALICE, &parts, false), OWN);
        }
        assert_eq!(lab.gateway.memory_pages(), pages);
        let outcome = ask(lab, ALICE, &parts, false);
        println!("{} bytes of list: {} fuel", list.len(), outcome.record.fuel);
    });
}

#[test]
pub fn gateways_and_files_that_cannot_do_it_refuse_it() {
    for (host, reason) in [
        (APISIX, "cannot change the body of a response"),
        (KONG, "after sending its head"),
    ] {
        let mut lab = Lab::loading(Build::Every, HOSTS[host]());
        let json = filtering(lab.host, false);
        let configured = lab.configure(&json);
        assert!(!configured.accepted, "{}", lab.host);
        let said = configured.record.everything();
        assert!(
            said.contains("filter_lists: is not supported") && said.contains(reason),
            "{said}"
        );
    }
    for host in [ENVOY, ISTIO] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let json = filtering(lab.host, false);
        let configured = lab.configure(&json);
        assert!(!configured.accepted, "{}", lab.host);
        let said = configured.record.everything();
        assert!(
            said.contains("filter_lists: needs the callbacks for responses"),
            "{said}"
        );
    }
}
