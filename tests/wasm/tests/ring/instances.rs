//! Two configurations in one virtual machine: each decides as if alone.

use ollama_gate_wasm_tests::credentials::digest;
use ollama_gate_wasm_tests::{ClientRequest, Outcome, Profile};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::*;

/// Alice under `/a`, health public, her name told to Ollama.
fn first() -> Value {
    json!({
        "api_keys": {"keys": [{"id": "shared-id", "sha256": digest(ALICE), "subject": "alice"}]},
        "public": ["health"], "path_prefix": "/a", "log": {"allowed": true},
        "upstream": {"host": "localhost:11434",
            "identity_headers": {"subject": "X-First-User", "credential_id": "X-First-Key"}},
    })
}

/// The reader under `/b` with the same id, and tokens; nothing public.
fn second() -> Value {
    json!({
        "api_keys": {"keys": [{"id": "shared-id", "sha256": digest(READER), "subject": "bob",
            "scopes": ["read"], "expires_at": "2026-11-21T12:00:10Z"}]},
        "jwt": [{"name": "open-webui", "algorithms": ["HS256"], "secrets": [{"env": "WEBUI_SECRET_KEY"}]}],
        "path_prefix": "/b", "log": {"allowed": false}, "signin_url": "https://b.example/keys",
        "upstream": {"host": "localhost:11434", "identity_headers": {"subject": "X-Second-User"}},
    })
}

fn requests() -> Vec<ClientRequest> {
    let mut all = Vec::new();
    for path in [
        "/a/api/tags",
        "/b/api/tags",
        "/api/tags",
        "/a/api/version",
        "/b/api/version",
        "/a/",
        "/b/",
    ] {
        let get = ClientRequest::get(path);
        all.push(get.clone());
        for credential in [ALICE, READER, STRANGER, &session()] {
            let told = get
                .clone()
                .header("X-First-User", "root")
                .header("X-Second-User", "root");
            all.push(told.bearer(credential));
        }
    }
    all.push(ClientRequest::post("/a/api/chat").bearer(ALICE));
    all.push(ClientRequest::post("/b/v1/messages").bearer(READER));
    all.push(ClientRequest::get("/b//").bearer(READER));
    all
}

/// All that anybody can see of an outcome.
fn seen(outcome: &Outcome) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        outcome.verdict,
        outcome.reply,
        outcome.upstream,
        outcome.record.log,
        outcome.record.metrics
    )
}

fn alone(host: fn() -> Arc<dyn Profile>, configuration: &Value, seconds: u64) -> Vec<String> {
    let mut lab = Lab::new(host(), configuration);
    lab.at(seconds);
    // The first request has one more call, and no more to see.
    requests()
        .iter()
        .map(|request| seen(&lab.send(request)))
        .collect()
}

#[test]
pub fn two_instances_in_one_vm_decide_as_each_alone() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let a = lab.configure(&first()).root;
        let b = lab.configure(&second()).root;
        let mut compared = 0;
        for seconds in [0, 20] {
            lab.at(seconds);
            let (of_a, of_b) = (
                alone(host, &first(), seconds),
                alone(host, &second(), seconds),
            );
            for (number, request) in requests().iter().enumerate() {
                // Now the one first, now the other.
                let pair = [(a, &of_a), (b, &of_b)];
                for turn in 0..2 {
                    let (root, expected) = pair[(number + turn) % 2];
                    let outcome = lab.send_to(root, request);
                    assert_eq!(
                        seen(&outcome),
                        expected[number],
                        "{}: {request:?}",
                        lab.host
                    );
                    compared += 1;
                }
            }
        }
        println!(
            "{}: {compared} outcomes of two instances are those of each alone",
            lab.host
        );
    }
}

#[test]
pub fn one_that_was_refused_leaves_the_other_alone() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let good = lab.configure(&first()).root;
        let bad = lab.configure(&json!({"public": 1})).root;
        let expected = alone(host, &first(), 0);
        for (number, request) in requests().iter().enumerate() {
            let refused = lab.send_to(bad, request);
            assert!(
                !refused.forwarded() && refused.code() == "misconfigured",
                "{refused:?}"
            );
            assert_eq!(
                seen(&lab.send_to(good, request)),
                expected[number],
                "{}",
                lab.host
            );
        }
        lab.gateway.delete_root(bad);
        assert!(
            lab.send_to(good, &ClientRequest::get("/a/api/version"))
                .forwarded()
        );
    }
}

#[test]
pub fn streams_of_both_that_are_open_at_once_stay_apart() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let a = lab.configure(&first()).root;
        let b = lab.configure(&second()).root;
        let asks = [
            (a, "/a/api/tags", ALICE, true),
            (b, "/b/api/tags", READER, true),
            (a, "/b/api/tags", ALICE, false),
            (b, "/b/api/tags", ALICE, false),
            (a, "/a/api/tags", READER, false),
        ];
        let mut ids = Vec::new();
        for (root, path, key, _) in asks {
            let Ok(id) = lab
                .gateway
                .open(root, &ClientRequest::get(path).bearer(key))
            else {
                panic!("refused by the gateway");
            };
            ids.push(id);
        }
        for (id, (.., allowed)) in ids.iter().zip(asks).rev() {
            assert_eq!(lab.gateway.request_headers(*id), allowed, "{}", lab.host);
        }
        for (id, (.., allowed)) in ids.iter().zip(asks) {
            assert_eq!(lab.gateway.close(*id).forwarded(), allowed, "{}", lab.host);
        }
    }
}
