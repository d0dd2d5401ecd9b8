//! Keys that an issuer publishes: a request waits for its own call, and goes on
//! or is answered, whatever comes.

use std::sync::Arc;

use ollama_gate_wasm_tests::world::{Fault, Which};
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Verdict};
use serde_json::{Value, json};

use crate::issuer::*;
use crate::support::*;

/// What a provider may send in the place of keys.
fn no_keys() -> Vec<(&'static str, CallEnd)> {
    vec![
        ("500", CallEnd::of(500, "")),
        ("404 with keys", CallEnd::of(404, keys(&[NOW]))),
        ("a redirect", CallEnd::of(302, keys(&[NOW]))),
        (
            "a page",
            CallEnd::of(200, "<!doctype html><title>Sign in</title>"),
        ),
        ("nothing in it", CallEnd::of(200, "")),
        ("no keys", CallEnd::of(200, r#"{"keys":[]}"#)),
        ("half of it", CallEnd::of(200, &keys(&[NOW])[..60])),
        ("10 MB", CallEnd::of(200, vec![b' '; 10 << 20])),
        ("no connection", CallEnd::NoConnection),
        ("no answer", CallEnd::NoAnswer),
        ("cut short", CallEnd::CutShort),
    ]
}

#[test]
pub fn the_first_request_has_the_keys_fetched_and_goes_on() {
    on_every_host_with(&remote(), |lab| {
        lab.publish(&[NOW]);
        let token = signed(NOW);
        let outcome = lab.allowed(&chat(&token));
        let [call] = outcome.record.fetches.as_slice() else {
            panic!("{}: {:?}", lab.host, outcome.record.fetches);
        };
        assert_eq!((call.upstream.as_str(), call.timeout), ("sso:443", 5000));
        for (name, value) in [
            (":method", "GET"),
            (":scheme", "https"),
            (":authority", "sso.example.com"),
            (":path", "/certs"),
            ("authorization", ""),
            ("x-api-key", ""),
            ("cookie", ""),
        ] {
            assert_eq!(call.header(name), value, "{}: {name}", lab.host);
        }
        for _ in 0..3 {
            assert!(lab.allowed(&chat(&token)).record.fetches.is_empty());
        }
        // A key may have been exchanged under its name: that is looked into once.
        for fetches in [1, 0] {
            let forged = lab.denied(&chat(&forged(NOW)), 401, "invalid_signature");
            assert_eq!(forged.record.fetches.len(), fetches, "{}", lab.host);
        }
        lab.still_serves();
    });
}

#[test]
pub fn whatever_comes_in_the_place_of_keys_is_503_and_nothing_goes_on() {
    for (what, end) in no_keys() {
        on_every_host_with(&remote(), |lab| {
            lab.answer_with(end.clone());
            let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
            assert_eq!(outcome.record.fetches.len(), 1, "{}: {what}", lab.host);
            lab.says_when_to_come_back(&outcome);
            // The provider is left alone for a moment, whoever asks.
            let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
            assert!(outcome.record.fetches.is_empty(), "{}: {what}", lab.host);
            lab.says_when_to_come_back(&outcome);
            lab.still_serves();
            lab.at(400);
            lab.publish(&[NOW]);
            lab.allowed(&chat(&signed(NOW)));
        });
    }
}

#[test]
pub fn a_call_that_the_gateway_does_not_make_is_503_and_no_trap() {
    // No gateway has another one (source), and the SDK panics at any other.
    for status in [2, 10] {
        on_every_host_with(&remote(), |lab| {
            lab.publish(&[NOW]);
            lab.world().fault = Some(Fault {
                which: Which::Named("proxy_http_call"),
                status,
            });
            let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
            lab.says_when_to_come_back(&outcome);
            let said = outcome.record.everything();
            assert!(said.contains("`sso:443`"), "{}: {said}", lab.host);
            lab.still_serves();
            lab.world().fault = None;
            lab.at(400);
            lab.allowed(&chat(&signed(NOW)));
        });
    }
}

#[test]
pub fn a_kid_that_is_not_there_is_looked_for_once() {
    on_every_host_with(&remote(), |lab| {
        lab.publish(&[NOW]);
        lab.allowed(&chat(&signed(NOW)));
        lab.at(60);
        let unknown = signed(NEXT);
        let outcome = lab.denied(&chat(&unknown), 401, "unknown_signing_key");
        assert_eq!(outcome.record.fetches.len(), 1, "{}", lab.host);
        let again = lab.denied(&chat(&unknown), 401, "unknown_signing_key");
        assert!(again.record.fetches.is_empty(), "{}", lab.host);
        // Others may have come since, and are looked for when the cool-down is over.
        for kid in ["another", "../../etc/passwd"] {
            let outcome = lab.denied(&chat(&signed(kid)), 503, "keys_pending");
            assert!(outcome.record.fetches.is_empty(), "{}", lab.host);
            lab.says_when_to_come_back(&outcome);
        }
        // With the provider down nobody can know, and the known keys go on.
        lab.at(120);
        lab.answer_with(CallEnd::NoConnection);
        let outcome = lab.denied(&chat(&unknown), 503, "keys_unavailable");
        assert_eq!(outcome.record.fetches.len(), 1, "{}", lab.host);
        lab.says_when_to_come_back(&outcome);
        lab.allowed(&chat(&signed(NOW)));
        // It has the new key when it is back.
        lab.at(600);
        lab.publish(&[NOW, NEXT]);
        lab.allowed(&chat(&unknown));
        lab.allowed(&chat(&signed(NOW)));
        lab.still_serves();
    });
}

#[test]
pub fn stale_keys_hold_while_the_provider_is_down_and_not_for_ever() {
    on_every_host_with(&remote(), |lab| {
        lab.publish(&[NOW]);
        lab.allowed(&chat(&signed(NOW)));
        lab.answer_with(CallEnd::NoAnswer);
        for hours in [1, 5, 23] {
            lab.at(hours * 3600);
            lab.allowed(&chat(&signed(NOW)));
        }
        lab.at(25 * 3600);
        lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
        lab.at(26 * 3600);
        lab.publish(&[NOW]);
        lab.allowed(&chat(&signed(NOW)));
    });
}

#[test]
pub fn the_server_of_the_keys_sees_the_headers_that_it_wants_and_nobody_else_does() {
    const VALUE: &str = "Bearer c0ffee5f-key-of-the-gate";
    let mut configured = remote();
    let issuers = configured["jwt"].as_array_mut();
    let corp = issuers.and_then(|issuers| issuers.last_mut());
    corp.expect("an issuer")["jwks"]["headers"] = json!({ "Authorization": VALUE });
    on_every_host_with(&configured, |lab| {
        // In no log, in no reply and not before Ollama.
        lab.hide(VALUE);
        lab.publish(&[NOW]);
        let outcome = lab.allowed(&chat(&signed(NOW)));
        let [call] = outcome.record.fetches.as_slice() else {
            panic!("{}: {:?}", lab.host, outcome.record.fetches);
        };
        assert_eq!(call.header("authorization"), VALUE, "{}", lab.host);
        assert_eq!(call.header("accept"), "application/json", "{}", lab.host);
        lab.still_serves();
    });
}

#[test]
pub fn discovery_is_two_calls_of_one_request() {
    on_every_host_with(&discovered(), |lab| {
        lab.serve(Arc::new(|call| match call.header(":path").as_str() {
            "/.well-known/openid-configuration" => CallEnd::of(200, metadata(ISSUER, "/certs")),
            "/certs" => CallEnd::of(200, keys(&[NOW])),
            other => panic!("{other}"),
        }));
        let outcome = lab.allowed(&chat(&signed(NOW)));
        assert_eq!(outcome.record.fetches.len(), 2, "{}", lab.host);
        assert!(lab.allowed(&chat(&signed(NOW))).record.fetches.is_empty());
    });
    for metadata in [
        metadata("https://evil.example", "/certs"),
        json!({"issuer": ISSUER, "jwks_uri": "https://evil.example/certs"}).to_string(),
        json!({"issuer": ISSUER}).to_string(),
        keys(&[NOW]),
    ] {
        on_every_host_with(&discovered(), |lab| {
            lab.answer_with(CallEnd::of(200, metadata.clone()));
            let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
            assert_eq!(outcome.record.fetches.len(), 1, "{}", lab.host);
        });
    }
    // The keys' own address fails: the request still has its answer.
    on_every_host_with(&discovered(), |lab| {
        lab.serve(Arc::new(|call| match call.header(":path").as_str() {
            "/certs" => CallEnd::NoAnswer,
            _ => CallEnd::of(200, metadata(ISSUER, "/certs")),
        }));
        let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
        assert_eq!(outcome.record.fetches.len(), 2, "{}", lab.host);
    });
}

#[test]
pub fn tokens_that_could_not_be_right_fetch_nothing() {
    on_every_host_with(&remote(), |lab| {
        lab.publish(&[NOW]);
        let claims = |changes: Value| with(claims(), changes);
        for (token, code) in [
            (
                token_of(NOW, &claims(json!({"iss": "https://evil.example"}))),
                "wrong_issuer",
            ),
            (
                token_of(NOW, &claims(json!({"aud": "other"}))),
                "wrong_audience",
            ),
            (token_of(NOW, &claims(json!({"exp": 1}))), "expired_token"),
            ("eyJhbGciOiJFZERTQSJ9.e30.".to_owned(), "malformed_token"),
        ] {
            let outcome = lab.send(&chat(&token));
            assert_eq!(outcome.status(), 401, "{}: {code}", lab.host);
            assert!(outcome.record.fetches.is_empty(), "{}: {code}", lab.host);
        }
        for request in [
            ClientRequest::post("/api/chat"),
            ClientRequest::post("/api/chat").bearer(STRANGER),
            ClientRequest::post("/api/chat").bearer(ALICE),
        ] {
            let outcome = lab.send(&request);
            assert_ne!(outcome.verdict, Verdict::Held);
            assert!(outcome.record.fetches.is_empty(), "{}", lab.host);
        }
    });
}
