//! Keys of documents that are fetched: they come in, are revoked and are missed on every gateway, whoever fetches.

use ollama_gate_wasm_tests::{CallEnd, ClientRequest};
use serde_json::{Value, json};

use crate::support::*;

const FETCHED: &str = "sk-fetched-2f9c61d8b7e30a54";
const OTHER: &str = "sk-other-8d04be7391c6f25a";

fn sourced() -> Value {
    let source = json!({"url": "http://keys.internal/keys.json", "upstream": "keys.internal:80", "every": "30s"});
    let mut all = plain();
    all["api_keys"]["source"] = source;
    all
}

fn document(keys: &[(&str, &str)]) -> CallEnd {
    let keys = keys.iter().map(|(id, key)| json!({"id": id, "key": key}));
    let keys: Vec<Value> = keys.collect();
    CallEnd::of(200, json!({ "keys": keys }).to_string())
}

fn chat(key: &str) -> ClientRequest {
    ClientRequest::post("/api/chat").bearer(key)
}

/// What is due is fetched: by a tick where there are some, and by a request of a known key elsewhere.
fn refresh(lab: &mut Lab, known: &str) {
    let root = lab.root();
    if lab.is_envoy() {
        // The first tick comes at once, the second is one as ever.
        lab.gateway.tick(root);
        lab.gateway.tick(root);
    } else {
        lab.send(&chat(known));
    }
}

#[test]
pub fn a_key_of_a_document_comes_in_and_the_first_request_waits_for_it() {
    on_every_host_with(&sourced(), |lab| {
        lab.allowed(&chat(ALICE));
        lab.answer_with(document(&[("fetched", FETCHED)]));
        let outcome = lab.allowed(&chat(FETCHED));
        let [call] = outcome.record.fetches.as_slice() else {
            panic!("{}: {:?}", lab.host, outcome.record.fetches);
        };
        for (name, value) in [
            (":method", "GET"),
            (":path", "/keys.json"),
            (":authority", "keys.internal"),
            ("authorization", ""),
        ] {
            assert_eq!(call.header(name), value, "{}: {name}", lab.host);
        }
        for _ in 0..3 {
            assert!(lab.allowed(&chat(FETCHED)).record.fetches.is_empty());
        }
        lab.denied(&chat(OTHER), 401, "unknown_key");
        lab.still_serves();
    });
}

#[test]
pub fn a_source_that_was_never_reached_is_503_and_the_configured_keys_go_on() {
    for end in [
        CallEnd::of(500, ""),
        CallEnd::of(200, "<!doctype html>"),
        CallEnd::of(200, r#"{"keys":[]}"#),
        CallEnd::of(304, ""),
        CallEnd::of(200, vec![b' '; 2 << 20]),
        CallEnd::NoConnection,
        CallEnd::NoAnswer,
        CallEnd::CutShort,
    ] {
        on_every_host_with(&sourced(), |lab| {
            lab.answer_with(end.clone());
            let outcome = lab.denied(&chat(FETCHED), 503, "keys_unavailable");
            lab.says_when_to_come_back(&outcome);
            lab.allowed(&chat(ALICE));
            lab.still_serves();
            lab.at(400);
            lab.answer_with(document(&[("fetched", FETCHED)]));
            lab.allowed(&chat(FETCHED));
        });
    }
}

#[test]
pub fn a_key_that_is_taken_out_is_refused_with_the_next_fetch_whoever_makes_it() {
    on_every_host_with(&sourced(), |lab| {
        lab.answer_with(document(&[("fetched", FETCHED), ("other", OTHER)]));
        lab.allowed(&chat(FETCHED));
        lab.allowed(&chat(OTHER));
        lab.at(31);
        lab.answer_with(document(&[("other", OTHER)]));
        refresh(lab, OTHER);
        lab.denied(&chat(FETCHED), 401, "unknown_key");
        lab.allowed(&chat(OTHER));
        lab.still_serves();
    });
}

#[test]
pub fn an_unchanged_document_is_known_by_its_validator() {
    on_every_host_with(&sourced(), |lab| {
        let CallEnd::Answered { status, body, .. } = document(&[("fetched", FETCHED)]) else {
            panic!("an answer");
        };
        let headers = vec![(b"etag".to_vec(), b"\"1\"".to_vec())];
        lab.answer_with(CallEnd::Answered {
            status,
            headers,
            body,
        });
        lab.allowed(&chat(FETCHED));
        lab.at(31);
        lab.serve(std::sync::Arc::new(|call| {
            let named = call.header("if-none-match") == "\"1\"";
            CallEnd::of(if named { 304 } else { 500 }, "")
        }));
        refresh(lab, FETCHED);
        let outcome = lab.allowed(&chat(FETCHED));
        let said = outcome.record.everything();
        assert!(!said.contains("fetch failed"), "{}: {said}", lab.host);
        lab.still_serves();
    });
}

/// A document that takes more than one piece to read: with `FETCHED`, very many others, and `OTHER` at its end.
fn very_many() -> CallEnd {
    let others = (0..1000).map(|number| {
        (
            format!("one-{number}"),
            format!("sk-one-of-many-{number}-7c1e"),
        )
    });
    let first = ("fetched".to_owned(), FETCHED.to_owned());
    let last = ("other".to_owned(), OTHER.to_owned());
    let keys = [first].into_iter().chain(others).chain([last]);
    let keys: Vec<Value> = keys
        .map(|(id, key)| json!({"id": id, "key": key}))
        .collect();
    CallEnd::of(200, json!({ "keys": keys }).to_string())
}

#[test]
pub fn a_long_document_is_read_between_requests_which_the_one_before_it_decides() {
    on_every_host_with(&sourced(), |lab| {
        lab.answer_with(document(&[("fetched", FETCHED)]));
        lab.allowed(&chat(FETCHED));
        lab.at(31);
        lab.answer_with(very_many());
        refresh(lab, FETCHED);
        // Envoy reads in its ticks, and says of a key that is not there yet what it is; where requests read, the key may come.
        let (status, code) = if lab.is_envoy() {
            (401, "unknown_key")
        } else {
            (503, "keys_pending")
        };
        let mut pieces = 0;
        loop {
            let outcome = lab.send(&chat(OTHER));
            if outcome.forwarded() {
                break;
            }
            let answered = (outcome.status(), outcome.code());
            assert_eq!(
                answered,
                (status, code.to_owned()),
                "{}: {pieces}",
                lab.host
            );
            lab.allowed(&chat(FETCHED));
            lab.allowed(&chat(ALICE));
            if lab.is_envoy() {
                let root = lab.root();
                lab.gateway.tick(root);
            }
            pieces += 1;
            assert!(pieces < 100, "{}: there is no end to it", lab.host);
        }
        assert!(pieces > 1, "{}: it was read at once", lab.host);
        lab.still_serves();
    });
}
