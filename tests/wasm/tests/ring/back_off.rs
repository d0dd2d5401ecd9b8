//! Who guesses is held back on every gateway, by the address that each tells in its own way.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ollama_gate_wasm_tests::ClientRequest;
use serde_json::{Value, json};

use crate::support::*;

/// bcrypt of `correct horse`, made by libxcrypt.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";

fn house() -> Value {
    let users = ["anna", "bert"].map(|name| json!({ "name": name, "password_hash": HASH }));
    let changes = json!({ "hosts": ["gate.example.com"], "basic": { "users": users }, "back_off": { "after": 3 } });
    with(plain(), changes)
}

fn basic(pair: &str) -> ClientRequest {
    let value = format!("Basic {}", STANDARD.encode(pair));
    ClientRequest::get("/api/tags").header("Authorization", value)
}

#[test]
pub fn who_guesses_is_held_back_on_every_gateway_and_others_are_not() {
    on_every_host_with(&house(), |lab| {
        for number in 0..3 {
            let guess = basic(&format!("anna:guess {number}"));
            lab.denied(&guess, 401, "wrong_password");
        }
        let outcome = lab.denied(&basic("anna:correct horse"), 429, "too_many_failures");
        let asked = |about: &str| {
            let calls = outcome.record.calls.iter();
            calls.filter(|call| call.about == about).count()
        };
        let properties = ["source\0address", "source.address", "remote_addr"];
        let asked: usize = properties.into_iter().map(asked).sum();
        assert_eq!(asked, 1, "{}", outcome.record.call_list());
        lab.allowed(&basic("bert:correct horse"));
        lab.at(30);
        lab.allowed(&basic("anna:correct horse"));
        lab.still_serves();
    });
}
