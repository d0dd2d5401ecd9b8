//! What a request costs: host calls, and fuel: executed instructions, which no busy machine changes.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{ClientRequest, Outcome, module};
use serde_json::{Value, json};

use crate::cases::signer::{Owner, Signer};
use crate::sign_in::session_of;
use crate::support::*;

/// The host calls of a request, in their order, for each place in [`HOSTS`]: counters are defined and caches filled.
/// `key` is one without an end, in a configuration where another key has one.
const CALLS: [(&str, [&[&str]; 4]); 5] = [
    ("key", [&ENVOYS, &ENVOYS, &APISIXS, &KONGS]),
    (
        "key, without its line",
        [
            &[MAP, REMOVE, REPLACE],
            &[MAP, REMOVE, REPLACE],
            &[VALUE, MAP, REMOVE],
            &[MAP, PROPERTY, REPLACE, REMOVE, COUNT],
        ],
    ),
    (
        "key with an end",
        [
            &[MAP, CLOCK, REMOVE, REPLACE, LOG],
            &[MAP, CLOCK, REMOVE, REPLACE, LOG],
            &[VALUE, MAP, CLOCK, REMOVE, LOG],
            &[MAP, PROPERTY, CLOCK, REPLACE, REMOVE, LOG, COUNT],
        ],
    ),
    (
        "token",
        [
            &[MAP, CLOCK, REMOVE, REPLACE, LOG],
            &[MAP, CLOCK, REMOVE, REPLACE, LOG],
            &[VALUE, MAP, CLOCK, REMOVE, LOG],
            &[MAP, PROPERTY, CLOCK, REPLACE, REMOVE, LOG, COUNT],
        ],
    ),
    (
        "refusal",
        [
            &[MAP, PROPERTY, LOG, COUNT, REPLY],
            &[MAP, PROPERTY, LOG, COUNT, REPLY],
            &[VALUE, MAP, PROPERTY, PROPERTY, LOG, REPLY],
            &[MAP, PROPERTY, PROPERTY, PROPERTY, LOG, COUNT, REPLY],
        ],
    ),
];
const ENVOYS: [&str; 4] = [MAP, REMOVE, REPLACE, LOG];
const APISIXS: [&str; 4] = [VALUE, MAP, REMOVE, LOG];
const KONGS: [&str; 6] = [MAP, PROPERTY, REPLACE, REMOVE, LOG, COUNT];
const MAP: &str = "proxy_get_header_map_pairs";
const VALUE: &str = "proxy_get_header_map_value";
const REMOVE: &str = "proxy_remove_header_map_value";
const REPLACE: &str = "proxy_replace_header_map_value";
const PROPERTY: &str = "proxy_get_property";
const CLOCK: &str = "clock_time_get";
const LOG: &str = "proxy_log";
const COUNT: &str = "proxy_increment_metric";
const REPLY: &str = "proxy_send_local_response";
const CALLS_OF_A_DENIED_REQUEST: usize = 7;

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
pub fn a_request_makes_the_host_calls_of_the_table_and_no_other() {
    let ends = json!([{"id": "alice-laptop", "key": ALICE, "expires_at": "2099-01-31T00:00:00Z"}]);
    for (what, expected) in CALLS {
        let changes = match what {
            "key, without its line" => json!({"log": {"allowed": false}}),
            "key with an end" => json!({"api_keys": {"keys": ends}}),
            _ => json!({}),
        };
        let request = match what {
            "token" => typical(&session()),
            "refusal" => ClientRequest::post("/api/chat"),
            _ => typical(ALICE),
        };
        for (host, expected) in HOSTS.iter().zip(expected) {
            let mut lab = Lab::new(host(), &with(plain(), changes.clone()));
            let record = third(&mut lab, &request).record;
            let calls: Vec<_> = record.calls.iter().map(|call| call.name).collect();
            assert_eq!(calls, expected, "{}, {what}", lab.host);
        }
    }
}

#[test]
pub fn a_denied_request_makes_at_most_seven_host_calls() {
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

/// A token of this algorithm, and a configuration that takes it beside the keys.
fn signed(algorithm: &'static str, owner: Owner) -> (String, Value) {
    let header = json!({"alg": algorithm, "typ": "JWT", "kid": "current"});
    let claims = json!({"sub": "carol", "exp": NOON + 3600, "iss": "https://sso.example.com",
        "aud": "ollama"});
    let input = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = input.join(".");
    let signature = Signer::new(algorithm, owner).sign(input.as_bytes());
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    let right = Signer::new(algorithm, Owner::Current);
    let mut issuer = json!({"name": "corp", "algorithms": [algorithm], "audiences": ["ollama"],
        "issuer": "https://sso.example.com"});
    match right.secret() {
        Some(secret) => issuer["secrets"] = json!([secret]),
        None => issuer["keys"] = json!([right.named_jwk("current")]),
    }
    (token, with(plain(), json!({"jwt": [issuer]})))
}

/// What is measured: a name, a configuration, a request.
fn measures() -> Vec<(String, Value, ClientRequest)> {
    let nobody = ClientRequest::post("/v1/chat/completions").like_the_openai_sdk();
    let without_line = with(plain(), json!({"log": {"allowed": false}}));
    let mut all = vec![
        ("key".to_owned(), plain(), typical(ALICE)),
        (
            "key, without its line".to_owned(),
            without_line.clone(),
            typical(ALICE),
        ),
        (
            "key, network rule".to_owned(),
            with(
                without_line,
                json!({"network": {"deny": ["10.66.0.0/16", "fc00::/7"]}}),
            ),
            typical(ALICE),
        ),
        (
            "session of Open WebUI, warm".to_owned(),
            plain(),
            typical(&session()),
        ),
        ("no credential".to_owned(), plain(), nobody),
        ("unknown key".to_owned(), plain(), typical(STRANGER)),
    ];
    for (what, text) in [
        ("prose", "The quick brown fox jumps over the lazy dog.\n"),
        ("an image", "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"),
        (
            "escaped letters",
            "\u{5feb}\u{901f}\u{7684}\u{68d5}\u{8272}\u{72d0}\u{72f8}",
        ),
    ] {
        let key = json!({"id": "alice-laptop", "key": ALICE, "models": ["llama3.2"]});
        // Kong shows no body of more than 8 kB.
        let content = text.repeat(6000 / in_ascii(text).len());
        let body = json!({"messages": [{"role": "user", "content": content}], "model": "llama3.2"});
        let body = in_ascii(&body.to_string());
        all.push((
            format!("{} bytes of {what}, rule for models", body.len()),
            with(
                plain(),
                json!({"log": {"allowed": false}, "api_keys": {"keys": [key]}}),
            ),
            typical(ALICE).with_body(body),
        ));
    }
    for algorithm in ["HS256", "RS256", "ES256", "EdDSA"] {
        for (owner, what) in [
            (Owner::Current, "warm"),
            (Owner::Stranger, "forged, replayed"),
        ] {
            let (token, configuration) = signed(algorithm, owner);
            all.push((
                format!("{algorithm}, {what}"),
                configuration,
                typical(&token),
            ));
        }
    }
    all
}

/// The same for people who are signed in at the gate, where that is possible.
fn sessions() -> Vec<(String, Value, ClientRequest)> {
    let of = |groups: usize| {
        let (configuration, cookies) = session_of(groups);
        let request = ClientRequest::post("/v1/chat/completions")
            .like_the_openai_sdk()
            .header("Cookie", &cookies);
        (
            format!("sign-in, {groups} groups, warm"),
            configuration,
            request,
        )
    };
    vec![of(1), of(60)]
}

/// The same JSON with escapes for what is not ASCII, as Python's clients send it.
fn in_ascii(json: &str) -> String {
    let mut text = String::new();
    for letter in json.chars() {
        match letter.is_ascii() {
            true => text.push(letter),
            false => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
        }
    }
    text
}

/// Runs this in a trace of its own: `make bench-engines` takes the time of what is measured here.
fn in_trace_of<T: Send>(what: &str, run: impl FnOnce() -> T + Send) -> T {
    let name = format!("budget::fuel_per_request_is_the_recorded_one::{what}");
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name(name);
        let run = thread.spawn_scoped(scope, run).expect("a thread");
        match run.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

#[test]
pub fn fuel_per_request_is_the_recorded_one() {
    let path = recorded();
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let before: Value = serde_json::from_str(&before).unwrap_or_default();
    let mut measured = json!({});
    for host in HOSTS {
        let measures = measures().into_iter().chain(sessions());
        for (what, configuration, request) in measures {
            if configuration.get("login").is_some() && host().name() == "kong" {
                continue;
            }
            let (host, fuel) = in_trace_of(&what, || {
                let mut lab = Lab::new(host(), &configuration);
                let outcome = third(&mut lab, &request);
                let denied = ["no credential", "unknown", "forged"];
                let denied = denied.iter().any(|word| what.contains(word));
                assert_eq!(
                    outcome.forwarded(),
                    !denied,
                    "{}, {what}: {outcome:?}",
                    lab.host
                );
                (lab.host, outcome.record.fuel)
            });
            let change = before[host][&what].as_f64();
            let change = change.map_or(0.0, |before| (fuel as f64 / before - 1.0) * 100.0);
            println!("{host}, {what}: {fuel} fuel, {change:+.1} %");
            measured[host][what] = json!(fuel);
        }
    }
    if std::env::var_os("RECORD_FUEL").is_some() {
        let text = serde_json::to_string_pretty(&measured).expect("JSON") + "\n";
        std::fs::write(&path, text).expect("the figures written");
        return;
    }
    assert!(
        before.is_object(),
        "no fuel.json: make it with RECORD_FUEL=1"
    );
    let mut wrong = Vec::new();
    for (host, figures) in measured.as_object().expect("hosts") {
        let figures = figures.as_object().expect("figures");
        let known = before[host].as_object().map_or(0, |known| known.len());
        if known != figures.len() {
            wrong.push(format!(
                "{host}: {} figures, {known} are recorded",
                figures.len()
            ));
        }
        for (what, now) in figures {
            let (now, before) = (now.as_f64(), before[host][what].as_f64());
            let ratio = now.unwrap_or(0.0) / before.unwrap_or(1.0);
            if !(0.9..=1.1).contains(&ratio) {
                wrong.push(format!("{host}, {what}: {now:?}, recorded {before:?}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "if that is meant: RECORD_FUEL=1\n{wrong:#?}"
    );
}

#[test]
pub fn a_known_token_and_a_replayed_forgery_cost_no_signature() {
    for host in HOSTS {
        for algorithm in ["RS256", "ES256", "EdDSA"] {
            for owner in [Owner::Current, Owner::Stranger] {
                let (token, configuration) = signed(algorithm, owner);
                let mut lab = Lab::new(host(), &configuration);
                // So that the first one does not pay for what every first request pays.
                lab.send(&typical(ALICE));
                let request = typical(&token);
                let mut fuel = || lab.send(&request).record.fuel;
                let (first, second) = (fuel(), fuel());
                println!("{algorithm}, {owner:?}: first {first}, then {second} fuel");
                // On Envoy the gateway computes: what is left is the module's own reading.
                let saved = if lab.is_envoy() && algorithm != "EdDSA" {
                    1
                } else {
                    5
                };
                assert!(second * saved < first, "{}: {first}, {second}", lab.host);
            }
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
