//! What is remembered of tokens, and how many signatures a request costs.

use crate::world::{ISSUER, NOW, SECRET, jwks, remote, signer};
use ollama_gate_engine::{
    Algorithm, Appended, Clock, Configuration, Connection, Engine, Exchange, HostBody, Outcome,
    Peer, Ports, PublicKey, Randomness, RequestHead, RequestStep, Response, ResponseBody, Software,
    Timestamp, Verifier,
};
use serde_json::{Value, json};
use std::cell::Cell;

/// Counts what it is asked.
#[derive(Default)]
struct Counting(Cell<u32>);

impl Verifier for Counting {
    fn verify_sound(
        &self,
        algorithm: Algorithm,
        key: &PublicKey,
        input: &[u8],
        signature: &[u8],
    ) -> bool {
        self.0.set(self.0.get() + 1);
        Software.verify_sound(algorithm, key, input, signature)
    }
}

/// An engine, a clock, and the verifications that were made.
struct Gate {
    engine: Engine,
    now: Cell<i64>,
    milliseconds: Cell<u64>,
    from: Cell<Peer>,
    verifier: Counting,
}

impl Randomness for Gate {
    fn bytes(&self) -> Option<[u8; 32]> {
        None
    }
}

impl Clock for Gate {
    fn wall(&self) -> Option<Timestamp> {
        let seconds = u64::try_from(self.now.get()).unwrap();
        let milliseconds = seconds * 1_000 + self.milliseconds.get();
        Timestamp::from_wall_nanoseconds(milliseconds * 1_000_000)
    }
}

impl Connection for Gate {
    fn peer(&self) -> Peer {
        self.from.get()
    }
}

impl Gate {
    fn new(configuration: &Value) -> Self {
        let bytes = configuration.to_string().into_bytes();
        let secret = |_: &str| Some(SECRET.to_owned());
        Self {
            engine: Configuration::read(&bytes, &secret, 1).unwrap().engine,
            now: Cell::new(NOW),
            milliseconds: Cell::new(0),
            from: Cell::new(Peer::Unknown),
            verifier: Counting::default(),
        }
    }

    /// With the keys of the first two signers in the configuration, as `k1` and `k2`.
    fn with_keys() -> Self {
        let mut all = remote(json!({}));
        let issuer = all["jwt"][0].as_object_mut().unwrap();
        issuer.remove("jwks");
        issuer.insert(
            "keys".into(),
            json!([signer(1).jwk("k1"), signer(2).jwk("k2")]),
        );
        Self::new(&all)
    }

    /// From now on requests come from this address.
    fn come_from(&self, number: u32) {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + number).into();
        self.from.set(Peer::Real(address, Appended::No));
    }

    /// The code of the refusal, empty if there is none, and how many signatures it cost.
    fn ask(&self, token: &str) -> (&'static str, u32) {
        let before = self.verifier.0.get();
        let ports = Ports {
            engine: &self.engine,
            verifier: &self.verifier,
            connection: self,
            clock: self,
            randomness: self,
            memory: None,
            body: HostBody {
                max_bytes: 1024,
                absent: Some(true),
            },
        };
        let bearer = format!("Bearer {token}");
        let pairs: [(&[u8], &[u8]); 4] = [
            (b":method", b"GET"),
            (b":path", b"/api/tags"),
            (b"host", b"gate.example"),
            (b"authorization", bearer.as_bytes()),
        ];
        let head = RequestHead::read(pairs).unwrap();
        let mut exchange = Exchange::default();
        let mut outcome = exchange.request_head(ports, &head);
        if let RequestStep::Await(_) = outcome.step {
            let body = jwks(&[signer(1).jwk("k1")]);
            let response = Response {
                status: Some(200),
                headers: &[],
                body: ResponseBody::Bytes(&body),
            };
            outcome = exchange.call_done(ports, &head, &response);
        }
        (code(&outcome), self.verifier.0.get() - before)
    }
}

fn code(outcome: &Outcome<'_>) -> &'static str {
    let record = outcome.record.as_ref().unwrap();
    record.reason.map_or("", |reason| reason.code())
}

/// The token, its signature that of another one.
fn forged(number: u32) -> String {
    let token = signer(1).token("k1", json!({ "jti": number }));
    let (input, _) = token.rsplit_once('.').unwrap();
    let other = signer(1).token("k1", json!({ "jti": -1 }));
    format!("{input}.{}", other.rsplit_once('.').unwrap().1)
}

fn good(claims: Value) -> String {
    signer(1).token("k1", claims)
}

#[test]
fn a_token_costs_one_signature() {
    let gate = Gate::with_keys();
    let (one, two) = (good(json!({})), good(json!({ "sub": "bob" })));
    assert_eq!(gate.ask(&one), ("", 1));
    assert_eq!(gate.ask(&one), ("", 0));
    assert_eq!(gate.ask(&two), ("", 1));
    assert_eq!(gate.ask(&one), ("", 0));
    assert_eq!(gate.ask(&two), ("", 0));
}

#[test]
fn a_forgery_that_is_replayed_costs_one_signature() {
    let gate = Gate::with_keys();
    let token = forged(1);
    assert_eq!(gate.ask(&token), ("invalid_signature", 1));
    for _ in 0..100 {
        assert_eq!(gate.ask(&token), ("invalid_signature", 0));
    }
    assert_eq!(
        gate.ask(&forged(2)),
        ("invalid_signature", 1),
        "another one"
    );
    assert_eq!(
        gate.ask(&good(json!({ "jti": 1 }))),
        ("", 1),
        "the right one"
    );
}

#[test]
fn a_forgery_forgets_no_good_token() {
    let gate = Gate::with_keys();
    let known = good(json!({}));
    assert_eq!(gate.ask(&known), ("", 1));
    for number in 0..300 {
        // There is time for so many of them.
        gate.now.set(NOW + i64::from(number) / 40);
        assert_eq!(
            gate.ask(&forged(number)),
            ("invalid_signature", 1),
            "{number}"
        );
    }
    assert_eq!(gate.ask(&known), ("", 0));
}

#[test]
fn forged_tokens_take_a_fifth_of_a_worker_and_whoever_is_known_waits_for_none() {
    let gate = Gate::with_keys();
    let known = good(json!({}));
    assert_eq!(gate.ask(&known), ("", 1));
    let mut computed = 0;
    for number in 0..10_000_u32 {
        // They know whom to forge, and come from anywhere.
        gate.milliseconds.set(u64::from(number) / 4);
        gate.come_from(number);
        match gate.ask(&forged(number)) {
            ("invalid_signature", 1) => computed += 1,
            refusal => assert_eq!(refusal, ("too_many_signatures", 0), "{number}"),
        }
        assert_eq!(gate.ask(&known), ("", 0), "{number}");
    }
    // 20 ms, and a fifth of the 2,500 that go by, 258 µs each.
    let all = (20_000 + 2_500 * 200) / 258;
    assert!(
        (all * 9 / 10..=all + 18).contains(&computed),
        "{computed} of {all}"
    );
}

/// Forged tokens from `from`, of a subject that is not known, until none is looked at any more.
fn flood(gate: &Gate, from: u32, count: u32) -> u32 {
    gate.come_from(from);
    let mut computed = 0;
    for _ in 0..count {
        let number = gate.verifier.0.get() + 1_000_000 * from;
        let claims = json!({ "sub": "mallory", "jti": number });
        let token = signer(3).token("k1", claims);
        computed += gate.ask(&token).1;
    }
    computed
}

#[test]
fn a_flood_from_one_address_leaves_new_callers_from_others_their_time() {
    let gate = Gate::with_keys();
    let computed = flood(&gate, 1, 500);
    assert_eq!(computed, 20 + 3, "what is common, and its own part");
    // Of 8 addresses one at least is in another part than the flood, but for one case in 16^8.
    let mut good_ones = (2..10_u32).map(|from| {
        gate.come_from(from);
        gate.ask(&good(json!({ "sub": format!("new-{from}") }))).0
    });
    let in_at_once = good_ones.any(|code| code.is_empty());
    assert!(in_at_once);
    // And one address by itself is within a few minutes.
    let newcomer = good(json!({ "sub": "newcomer", "exp": NOW + 3_600 }));
    let tries = (0..10).find(|minute| {
        gate.now.set(NOW + 61 * minute);
        flood(&gate, 1, 500);
        gate.come_from(20);
        gate.ask(&newcomer).0.is_empty()
    });
    assert!(tries.is_some(), "{tries:?}");
}

#[test]
fn a_flood_leaves_a_subject_that_was_good_before_time_for_its_next_token() {
    let gate = Gate::with_keys();
    assert_eq!(gate.ask(&good(json!({}))), ("", 1));
    // From where no address is told, and from everywhere.
    for from in 0..1_000 {
        flood(&gate, from, 3);
    }
    gate.from.set(Peer::Unknown);
    let stranger = good(json!({ "sub": "stranger" }));
    assert_eq!(gate.ask(&stranger), ("too_many_signatures", 0));
    assert_eq!(gate.ask(&good(json!({ "jti": "the next" }))), ("", 1));
}

#[test]
fn good_tokens_take_no_time_from_each_other() {
    let gate = Gate::with_keys();
    for number in 0..2_000 {
        let token = good(json!({ "sub": format!("user-{number}") }));
        assert_eq!(gate.ask(&token), ("", 1), "{number}");
    }
}

#[test]
fn a_token_that_there_was_no_time_for_is_not_taken_for_a_forged_one() {
    let gate = Gate::with_keys();
    let mut number = 0;
    while gate.ask(&forged(number)).0 == "invalid_signature" {
        number += 1;
    }
    let new = good(json!({ "sub": "bob" }));
    for token in [&new, &forged(number)] {
        assert_eq!(gate.ask(token), ("too_many_signatures", 0), "{token}");
    }
    gate.now.set(NOW + 1);
    assert_eq!(gate.ask(&new), ("", 1));
    assert_eq!(gate.ask(&forged(number)), ("invalid_signature", 1));
}

#[test]
fn what_cannot_be_a_signature_takes_no_time_from_others() {
    let gate = Gate::with_keys();
    let cut = |number: u32| forged(number).rsplit_once('.').unwrap().0.to_owned();
    let short = |number| format!("{}.AAAA", cut(number));
    let unknown = |number: u32| signer(2).token("k9", json!({ "jti": number }));
    let nameless = |number: u32| {
        let claims =
            json!({ "iss": ISSUER, "aud": "ollama", "sub": "a", "exp": NOW + 60, "jti": number });
        signer(2).sign(r#"{"alg":"EdDSA"}"#, &claims.to_string())
    };
    for number in 0..2_000 {
        assert_eq!(gate.ask(&short(number)), ("invalid_signature", 0));
        assert_eq!(gate.ask(&unknown(number)), ("unknown_signing_key", 0));
        assert_eq!(gate.ask(&nameless(number)), ("unknown_signing_key", 0));
    }
    assert_eq!(gate.ask(&good(json!({}))), ("", 1));
}

#[test]
fn tokens_of_a_secret_are_judged_however_many_come() {
    let gate = Gate::new(&crate::world::configuration());
    let token = |number: u32, secret: &str| {
        let claims = json!({ "sub": "alice", "exp": NOW + 60, "jti": number });
        crate::world::sign(r#"{"alg":"HS256"}"#, &claims.to_string(), secret)
    };
    for number in 0..10_000 {
        let forged = token(number, "another secret of 32 bytes at least");
        assert_eq!(gate.ask(&forged), ("invalid_signature", 0));
    }
    assert_eq!(gate.ask(&token(1, crate::world::SECRET)), ("", 0));
}

#[test]
fn what_is_cheap_to_refuse_costs_no_signature() {
    let gate = Gate::with_keys();
    for (claims, code) in [
        (json!({ "exp": NOW - 60 }), "expired_token"),
        (json!({ "exp": null }), "missing_expiry"),
        (json!({ "nbf": NOW + 61 }), "token_not_yet_valid"),
        (json!({ "iat": NOW + 61 }), "token_not_yet_valid"),
        (json!({ "iss": "https://else.example" }), "wrong_issuer"),
        (json!({ "aud": "else" }), "wrong_audience"),
        (json!({ "sub": null }), "missing_subject"),
        (json!({ "exp": "soon" }), "malformed_token"),
    ] {
        let token = good(claims.clone());
        for _ in 0..2 {
            assert_eq!(gate.ask(&token), (code, 0), "{claims}");
        }
    }
    let unknown = signer(1).token("k3", json!({}));
    assert_eq!(gate.ask(&unknown), ("unknown_signing_key", 0));
    let cut = good(json!({}));
    assert_eq!(
        gate.ask(&cut[..cut.len() - 2]),
        ("invalid_signature", 0),
        "its length"
    );
}

#[test]
fn a_key_is_looked_for_by_its_name_and_tried_alone() {
    let gate = Gate::with_keys();
    assert_eq!(gate.ask(&signer(2).token("k2", json!({}))), ("", 1));
    assert_eq!(
        gate.ask(&signer(2).token("k1", json!({}))),
        ("invalid_signature", 1)
    );
}

#[test]
fn of_keys_without_names_four_are_tried() {
    let mut all = remote(json!({}));
    let keys: Vec<_> = (1..=6)
        .map(|number| {
            let mut key = signer(number).jwk("");
            key.as_object_mut().unwrap().remove("kid");
            key
        })
        .collect();
    let issuer = all["jwt"][0].as_object_mut().unwrap();
    issuer.remove("jwks");
    issuer.insert("keys".into(), json!(keys));
    let gate = Gate::new(&all);
    assert_eq!(gate.ask(&signer(4).token("any", json!({}))), ("", 4));
    assert_eq!(
        gate.ask(&signer(5).token("any", json!({}))),
        ("invalid_signature", 4)
    );
}

#[test]
fn a_token_that_is_known_expires_to_the_second() {
    let gate = Gate::with_keys();
    let token = good(json!({ "exp": NOW + 100 }));
    assert_eq!(gate.ask(&token), ("", 1));
    gate.now.set(NOW + 159);
    assert_eq!(gate.ask(&token), ("", 0));
    gate.now.set(NOW + 160);
    assert_eq!(gate.ask(&token), ("expired_token", 0));
    assert_eq!(gate.ask(&token), ("expired_token", 0));
    // A clock that was put back finds it valid, and looks at its signature again.
    gate.now.set(NOW);
    assert_eq!(gate.ask(&token), ("", 1));
}

#[test]
fn a_token_that_is_known_is_not_valid_before_its_time() {
    let gate = Gate::with_keys();
    let token = good(json!({ "nbf": NOW, "iat": NOW }));
    assert_eq!(gate.ask(&token), ("", 1));
    gate.now.set(NOW - 61);
    assert_eq!(gate.ask(&token), ("token_not_yet_valid", 0));
    gate.now.set(NOW - 60);
    assert_eq!(gate.ask(&token), ("", 1));
}

#[test]
fn a_forgery_that_is_early_at_another_issuer_is_asked_again() {
    let mut all = remote(json!({}));
    let issuer = all["jwt"][0].as_object_mut().unwrap();
    issuer.remove("jwks");
    issuer.insert("keys".into(), json!([signer(1).jwk("k1")]));
    issuer.insert("leeway".into(), json!("5m"));
    let mut second = all["jwt"][0].clone();
    second["name"] = json!("second");
    second["keys"] = json!([signer(2).jwk("k1")]);
    second["leeway"] = json!("0s");
    all["jwt"].as_array_mut().unwrap().push(second);
    let gate = Gate::new(&all);
    let token = signer(2).token("k1", json!({ "nbf": NOW + 10 }));
    assert_eq!(gate.ask(&token), ("invalid_signature", 1));
    gate.now.set(NOW + 10);
    assert_eq!(gate.ask(&token), ("", 2));
}

#[test]
fn what_is_known_goes_with_the_keys_behind_it() {
    let gate = Gate::new(&remote(json!({})));
    let token = good(json!({ "exp": NOW + 90_000 }));
    assert_eq!(gate.ask(&token), ("", 1));
    assert_eq!(gate.ask(&token), ("", 0));
    // Fetched again and the same: what is known still holds.
    gate.now.set(NOW + 600);
    assert_eq!(gate.ask(&token), ("", 0));
    // Gone, and fetched anew.
    gate.now.set(NOW + 600 + 3600);
    assert_eq!(gate.ask(&token), ("", 1));
}

#[test]
fn a_very_long_token_is_verified_each_time() {
    let gate = Gate::with_keys();
    let long = good(json!({ "x": "x".repeat(8_000) }));
    for _ in 0..3 {
        assert_eq!(gate.ask(&long), ("", 1));
    }
    let other = good(json!({ "iss": ISSUER, "x": "x".repeat(5_000) }));
    assert_eq!(gate.ask(&other), ("", 1));
    assert_eq!(gate.ask(&other), ("", 0));
}
