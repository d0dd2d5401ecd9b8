//! An issuer with published keys: configurations, tokens, servers.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ollama_gate_wasm_tests::calls::Servers;
use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Outcome};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::cases::signer::{Owner, Signer};
use crate::support::*;

pub const ISSUER: &str = "https://sso.example.com";

/// The names of its keys: one that is published, and one that will be.
pub const NOW: &str = "now";
pub const NEXT: &str = "next";

const ALGORITHM: &str = "EdDSA";

/// Beside keys and Open WebUI's sessions, an issuer whose keys are fetched.
pub fn remote() -> Value {
    issuer(json!({"upstream": "sso:443", "url": "https://sso.example.com/certs"}))
}

/// The same, the address of the keys being found.
pub fn discovered() -> Value {
    issuer(json!({"upstream": "sso:443"}))
}

fn issuer(jwks: Value) -> Value {
    let mut issuers = plain()["jwt"].clone();
    let corp = json!({"name": "corp", "algorithms": [ALGORITHM], "issuer": ISSUER,
        "audiences": ["ollama"], "jwks": jwks});
    issuers.as_array_mut().expect("a list").push(corp);
    with(plain(), json!({"jwt": issuers}))
}

/// The metadata of an issuer with keys at this path of its own server.
pub fn metadata(issuer: &str, path: &str) -> String {
    json!({"issuer": issuer, "jwks_uri": format!("{ISSUER}{path}")}).to_string()
}

fn owner(kid: &str) -> Owner {
    match kid {
        NOW => Owner::Current,
        _ => Owner::Previous,
    }
}

/// The JWKS with these keys.
pub fn keys(kids: &[&str]) -> String {
    let key = |kid: &&str| Signer::new(ALGORITHM, owner(kid)).named_jwk(kid);
    let keys: Vec<Value> = kids.iter().map(key).collect();
    json!({ "keys": keys }).to_string()
}

/// What its tokens say.
pub fn claims() -> Value {
    json!({"sub": "carol", "exp": NOON + 30 * 24 * 3600, "iss": ISSUER, "aud": "ollama"})
}

/// A token by the key of this name.
pub fn signed(kid: &str) -> String {
    token_of(kid, &claims())
}

/// The same with other claims.
pub fn token_of(kid: &str, claims: &Value) -> String {
    token(&Signer::new(ALGORITHM, owner(kid)), kid, claims)
}

/// A token that names this key, and was signed with another one.
pub fn forged(kid: &str) -> String {
    token(&Signer::new(ALGORITHM, Owner::Stranger), kid, &claims())
}

fn token(signer: &Signer, kid: &str, claims: &Value) -> String {
    let header = json!({"alg": ALGORITHM, "typ": "JWT", "kid": kid});
    let input = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = input.join(".");
    let signature = signer.sign(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What people ask for.
pub fn chat(token: &str) -> ClientRequest {
    ClientRequest::post("/api/chat").bearer(token)
}

impl Lab {
    /// From now on these servers answer calls.
    pub fn serve(&mut self, servers: Servers) {
        self.world().servers = Some(servers);
    }

    /// From now on this comes of every call.
    pub fn answer_with(&mut self, end: CallEnd) {
        self.serve(Arc::new(move |_| end.clone()));
    }

    /// From now on every call is answered with these keys.
    pub fn publish(&mut self, kids: &[&str]) {
        self.answer_with(CallEnd::of(200, keys(kids)));
    }

    /// A 503 names the seconds to wait.
    #[track_caller]
    pub fn says_when_to_come_back(&self, outcome: &Outcome) {
        let seconds = outcome.reply_header("retry-after").concat();
        let seconds: u32 = seconds.parse().expect("a number of seconds");
        assert!((1..=300).contains(&seconds), "{}: {seconds}", self.host);
    }
}
