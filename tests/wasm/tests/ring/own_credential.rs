//! `upstream.credential` in the built module: the gate's own credential, and what the server in front of Ollama says
//! of it.

use ollama_gate_wasm_tests::module::Build;
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Outcome, Verdict};
use serde_json::{Value, json};

use crate::support::*;

const HEADER: &str = "x-front-token";
const OWN: &str = "front-8c1d5f20b7e94a36d2c1";
const TOKEN: &str = "issued-51d0c9e7ab3f4428";

/// Every gateway with the file that has every export, and this credential.
fn on_every_host(credential: Value, scenario: impl Fn(&mut Lab)) {
    let mut members = credential;
    members["header"] = json!(HEADER);
    let configuration = with(plain(), json!({ "upstream": { "credential": members } }));
    for host in HOSTS {
        let mut lab = Lab::loading(Build::Every, host());
        for secret in [OWN, TOKEN] {
            lab.hide(secret);
        }
        let configured = lab.configure(&configuration);
        let said = configured.record.everything();
        assert!(configured.accepted, "{}: {said}", lab.host);
        scenario(&mut lab);
    }
}

fn grant() -> Value {
    json!({ "client_credentials": { "token_url": "https://sso.example.com/token", "upstream": "sso:443",
        "client_id": "gate", "client_secret": OWN } })
}

fn issued(seconds: u64) -> CallEnd {
    let answer = json!({ "access_token": TOKEN, "token_type": "Bearer", "expires_in": seconds });
    CallEnd::of(200, answer.to_string())
}

fn tags() -> ClientRequest {
    ClientRequest::get("/api/tags").bearer(ALICE)
}

fn responding(lab: &mut Lab, head: &[(&str, &str)]) -> Outcome {
    let head = head.iter();
    lab.world().upstream_response = head
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect();
    lab.send(&tags())
}

#[test]
pub fn an_allowed_request_carries_it_once_and_a_refused_one_shows_it_to_nobody() {
    on_every_host(json!({ "value": OWN }), |lab| {
        for sent in [None, Some("mine-0123456789")] {
            let request = match sent {
                Some(value) => tags().header("X-Front-Token", value),
                None => tags(),
            };
            let outcome = lab.allowed(&request);
            assert_eq!(outcome.upstream_text(HEADER), [OWN], "{}", lab.host);
        }
        lab.denied(
            &ClientRequest::get("/api/tags").bearer(OWN),
            401,
            "unknown_key",
        );
        lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        lab.still_serves();
    });
}

/// The calls of a warm request that edit its head, and all of them.
fn calls(
    host: fn() -> std::sync::Arc<dyn ollama_gate_wasm_tests::Profile>,
    configuration: &Value,
) -> (usize, usize) {
    let mut lab = Lab::loading(Build::Every, host());
    lab.hide(OWN);
    assert!(lab.configure(configuration).accepted);
    lab.world().upstream_response = vec![(":status".into(), "200".into())];
    lab.allowed(&tags());
    let calls = lab.allowed(&tags()).record.calls;
    let edits = calls.iter().filter(|call| {
        call.name.ends_with("header_map_value") && !call.name.starts_with("proxy_get")
            || call.name == "proxy_set_header_map_pairs"
    });
    (edits.count(), calls.len())
}

#[test]
pub fn it_adds_one_header_edit_at_the_most_to_a_request() {
    for host in HOSTS {
        let without = calls(host, &plain());
        for header in ["Authorization", HEADER] {
            let members =
                json!({ "upstream": { "credential": { "value": OWN, "header": header } } });
            let with = calls(host, &with(plain(), members));
            let name = host().name();
            println!("{name}, {header}: (edits, calls) {without:?} without, {with:?} with it");
            assert!(with.0 <= without.0 + 1, "{name}");
        }
    }
}

#[test]
pub fn a_refusal_by_the_front_is_a_502_without_its_challenge() {
    on_every_host(json!({ "value": OWN }), |lab| {
        for status in ["401", "407"] {
            let head = [
                (":status", status),
                ("www-authenticate", "Bearer realm=\"front\""),
                ("proxy-authenticate", "x"),
            ];
            let outcome = responding(lab, &head);
            let log = outcome.record.everything();
            assert!(
                log.contains("upstream_credential_refused"),
                "{}: {log}",
                lab.host
            );
            if lab.is_envoy() {
                let reply = outcome.answer.reply.as_ref().expect("an answer");
                let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
                assert_eq!(
                    (reply.status, &body["code"]),
                    (502, &json!("upstream_credential_refused"))
                );
            } else {
                // No answer can take the place of a response there.
                assert_eq!(outcome.response_text(":status"), ["502"], "{}", lab.host);
                for name in ["www-authenticate", "proxy-authenticate"] {
                    assert!(
                        outcome.response_text(name).is_empty(),
                        "{}: {name}",
                        lab.host
                    );
                }
            }
        }
        let outcome = responding(lab, &[(":status", "403")]);
        assert_eq!(outcome.response_text(":status"), ["403"], "{}", lab.host);
        assert_eq!(outcome.verdict, Verdict::Forwarded);
        let _ = responding(lab, &[(":status", "200")]);
        lab.still_serves();
    });
}

#[test]
pub fn a_token_is_waited_for_used_to_its_end_and_then_it_is_a_503() {
    on_every_host(grant(), |lab| {
        lab.answer_with(issued(100));
        let outcome = lab.allowed(&tags());
        assert_eq!(outcome.upstream_text(HEADER), [TOKEN], "{}", lab.host);
        lab.answer_with(CallEnd::NoConnection);
        lab.at(94);
        let outcome = lab.allowed(&tags());
        assert_eq!(outcome.upstream_text(HEADER), [TOKEN], "{}", lab.host);
        lab.at(120);
        let outcome = lab.denied(&tags(), 503, "upstream_credential_unavailable");
        lab.says_when_to_come_back(&outcome);
        // A stranger is refused before anything is asked for.
        let stranger = lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        assert!(stranger.record.fetches.is_empty(), "{}", lab.host);
        lab.at(300);
        lab.answer_with(issued(100));
        let outcome = lab.allowed(&tags());
        assert_eq!(outcome.upstream_text(HEADER), [TOKEN], "{}", lab.host);
        lab.still_serves();
    });
}

#[test]
pub fn what_is_no_token_lets_nobody_in_and_traps_nothing() {
    on_every_host(grant(), |lab| {
        let deep = "[".repeat(30_000);
        for (number, body) in [
            &b""[..],
            b"\xff\xfe",
            b"<html>",
            deep.as_bytes(),
            br#"{"access_token":"a\u0000b","token_type":"Bearer"}"#,
            br#"{"access_token":"abc","token_type":"mac"}"#,
            br#"{"access_token":"abc","token_type":"Bearer","expires_in":0}"#,
            br#"{"access_token":"abc","token_type":"Bearer","expires_in":1e999}"#,
            br#"{"access_token":"abc","token_type":"Bearer","expires_in":-9223372036854775808}"#,
        ]
        .into_iter()
        .enumerate()
        {
            lab.at(60 * number as u64);
            lab.answer_with(CallEnd::of(200, body));
            lab.denied(&tags(), 503, "upstream_credential_unavailable");
        }
        lab.at(3600);
        lab.answer_with(issued(i64::MAX.unsigned_abs()));
        lab.allowed(&tags());
        lab.still_serves();
    });
}
