//! What a request costs: host calls, and fuel, which no busy machine changes.

use std::path::PathBuf;

use ollama_gate_wasm_tests::{ClientRequest, Outcome, module};
use serde_json::{Value, json};

use crate::support::*;

const CALLS_OF_AN_ALLOWED_REQUEST: usize = 8;
const CALLS_OF_A_DENIED_REQUEST: usize = 5;

fn typical(credential: &str) -> ClientRequest {
    ClientRequest::post("/v1/chat/completions")
        .like_the_openai_sdk()
        .bearer(credential)
}

/// The third time: counters are defined, caches filled.
fn third(lab: &mut Lab, request: &ClientRequest) -> Outcome {
    lab.send(request);
    lab.send(request);
    lab.send(request)
}

#[test]
pub fn an_allowed_request_makes_at_most_eight_host_calls() {
    on_every_host_with(&with(plain(), json!({"log": {"allowed": true}})), |lab| {
        for (what, credential) in [("key", ALICE.to_owned()), ("token", session())] {
            let outcome = third(lab, &typical(&credential));
            assert!(outcome.forwarded());
            let calls = outcome.record.calls.len();
            println!("{}, allowed by {what}: {calls} host calls", lab.host);
            print!("{}", outcome.record.call_list());
            assert!(
                calls <= CALLS_OF_AN_ALLOWED_REQUEST,
                "{}: {calls}",
                lab.host
            );
        }
    });
}

#[test]
pub fn a_denied_request_makes_at_most_five_host_calls() {
    on_every_host(|lab| {
        for (what, request) in [
            ("unknown key", typical(STRANGER)),
            ("no credential", ClientRequest::post("/api/chat")),
            ("scope", typical(READER)),
            (
                "malformed head",
                ClientRequest::post("/api/chat")
                    .header("Remote-User", "a")
                    .header("remote-user", "b")
                    .bearer(ALICE),
            ),
        ] {
            let outcome = third(lab, &request);
            let calls = outcome.record.calls.len();
            println!("{}, denied for {what}: {calls} host calls", lab.host);
            print!("{}", outcome.record.call_list());
            assert!(calls <= CALLS_OF_A_DENIED_REQUEST, "{}: {calls}", lab.host);
        }
    });
}

#[test]
pub fn fuel_per_request_is_the_recorded_one() {
    let mut measured = json!({});
    for host in HOSTS {
        let mut lab = Lab::new(host(), &plain());
        for (what, request) in [
            ("allowed by key", typical(ALICE)),
            ("allowed by token", typical(&session())),
            (
                "denied",
                ClientRequest::post("/v1/chat/completions").like_the_openai_sdk(),
            ),
        ] {
            let fuel = third(&mut lab, &request).record.fuel;
            println!("{}, {what}: {fuel} fuel", lab.host);
            measured[lab.host][what] = json!(fuel);
        }
    }
    let path = recorded();
    if std::env::var_os("RECORD_FUEL").is_some() {
        let text = serde_json::to_string_pretty(&measured).expect("JSON") + "\n";
        std::fs::write(&path, text).expect("the figures written");
        return;
    }
    let text = std::fs::read_to_string(&path).expect("fuel.json; make it with RECORD_FUEL=1");
    let before: Value = serde_json::from_str(&text).expect("JSON");
    for (host, figures) in measured.as_object().expect("hosts") {
        for (what, now) in figures.as_object().expect("figures") {
            let (now, before) = (now.as_f64(), before[host][what].as_f64());
            let ratio = now.unwrap_or(0.0) / before.unwrap_or(1.0);
            assert!(
                (0.9..=1.1).contains(&ratio),
                "{host}, {what}: {now:?} where {before:?} is recorded; if that is meant: RECORD_FUEL=1",
            );
        }
    }
}

fn recorded() -> PathBuf {
    module::crate_directory().join("fuel.json")
}

#[test]
pub fn the_number_of_keys_does_not_change_what_a_request_costs() {
    for host in HOSTS {
        let few = Lab::new(host(), &many_keys(1)).fuel();
        let many = Lab::new(host(), &many_keys(3000)).fuel();
        println!("fuel with 1 key {few}, with 3000 keys {many}");
        assert!(many < few + few / 5, "{few} {many}");
    }
}

/// Alice and this many other keys.
pub fn many_keys(count: usize) -> Value {
    let mut keys: Vec<Value> = (0..count)
        .map(|number| {
            let digest = ollama_gate_wasm_tests::credentials::digest(&format!("sk-key-{number}"));
            json!({"id": format!("key-{number}"), "sha256": digest, "subject": "someone",
                   "scopes": ["read", "inference"]})
        })
        .collect();
    let alice = ollama_gate_wasm_tests::credentials::digest(ALICE);
    keys.push(json!({"id": "alice-laptop", "sha256": alice}));
    with(plain(), json!({"api_keys": {"keys": keys}}))
}

impl Lab {
    fn fuel(&mut self) -> u64 {
        let outcome = third(self, &typical(ALICE));
        assert!(outcome.forwarded());
        outcome.record.fuel
    }
}
