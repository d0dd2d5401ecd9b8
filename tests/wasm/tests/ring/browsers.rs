//! `cors` in both files of the module, and what a response costs.

use std::sync::Arc;

use ollama_gate_wasm_tests::module::Build;
use ollama_gate_wasm_tests::world::{Fault, Which};
use ollama_gate_wasm_tests::{ClientRequest, Outcome, Profile, Verdict};
use serde_json::{Value, json};

use crate::support::*;

const APP: &str = "https://app.example.com";
const ALLOW: &str = "access-control-allow-origin";

fn listing() -> Value {
    with(plain(), json!({ "cors": { "allow_origins": [APP] } }))
}

/// Every gateway with the file that has every export.
fn on_every_host(scenario: impl Fn(&mut Lab)) {
    for host in HOSTS {
        let mut lab = Lab::loading(Build::Every, host());
        assert!(lab.configure(&listing()).accepted, "{}", lab.host);
        scenario(&mut lab);
    }
}

fn chat(origin: Option<&str>) -> ClientRequest {
    let request = ClientRequest::post("/v1/chat/completions").bearer(ALICE);
    match origin {
        Some(origin) => request.header("Origin", origin),
        None => request,
    }
}

fn preflight(origin: &str) -> ClientRequest {
    ClientRequest::new("OPTIONS", "/v1/messages")
        .header("Origin", origin)
        .header("Access-Control-Request-Method", "POST")
        .header(
            "Access-Control-Request-Headers",
            "x-api-key,anthropic-version",
        )
}

/// Whether anything was done to the response.
fn edits(outcome: &Outcome) -> usize {
    let calls = outcome.record.calls.iter();
    calls
        .filter(|call| call.about.starts_with("access-control") || call.about == "vary")
        .count()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

#[test]
pub fn a_listed_page_may_read_what_ollama_answers_and_no_other_page() {
    on_every_host(|lab| {
        lab.world().upstream_response = pairs(&[
            ("content-type", "text/event-stream"),
            ("Access-Control-Allow-Origin", "*"),
            ("access-control-allow-origin", "https://evil.example"),
            ("access-control-allow-credentials", "true"),
            ("vary", "accept"),
        ]);
        let outcome = lab.allowed(&chat(Some(APP)));
        assert_eq!(outcome.response_text(ALLOW), [APP], "{}", lab.host);
        assert!(
            outcome
                .response_text("access-control-allow-credentials")
                .is_empty()
        );
        assert_eq!(outcome.response_text("vary"), ["accept", "Origin"]);
        assert_eq!(outcome.response_text("content-type"), ["text/event-stream"]);
        let before = lab.world().upstream_response.clone();
        for origin in [None, Some("https://evil.example"), Some("null")] {
            let outcome = lab.allowed(&chat(origin));
            assert_eq!(outcome.response, before, "{}: {origin:?}", lab.host);
            assert_eq!(edits(&outcome), 0);
        }
        lab.still_serves();
    });
}

/// hosts.md, "response body": after an `ngx.exec` the response comes to a context that never saw its
/// request, so it cannot be known who may read it, and nobody is told that they may.
#[test]
pub fn a_response_without_its_request_is_left_as_it_is_and_serves_on() {
    on_every_host(|lab| {
        lab.world().redirects = true;
        let forgets = lab.host == "apisix";
        let before = lab.world().upstream_response.clone();
        for origin in [Some(APP), Some("https://evil.example"), None] {
            let outcome = lab.allowed(&chat(origin));
            let readable = origin == Some(APP) && !forgets;
            assert_eq!(edits(&outcome) > 0, readable, "{}: {origin:?}", lab.host);
            assert_eq!(outcome.response == before, !readable, "{}", lab.host);
        }
        // What the gate answers itself is not redirected.
        let outcome = lab.send(&preflight(APP));
        assert_eq!(outcome.response_text(ALLOW), [APP]);
        let stranger = ClientRequest::get("/api/tags")
            .header("Origin", APP)
            .bearer(STRANGER);
        assert_eq!(
            lab.denied(&stranger, 401, "unknown_key")
                .response_text(ALLOW),
            [APP]
        );
        lab.still_serves();
        lab.world().redirects = false;
        assert_eq!(lab.allowed(&chat(Some(APP))).response_text(ALLOW), [APP]);
    });
}

#[test]
pub fn on_apisix_the_log_says_at_startup_what_takes_it_away() {
    for host in HOSTS {
        let mut lab = Lab::loading(Build::Every, host());
        let configured = lab.configure(&listing());
        let log = configured.record.log.iter();
        let says = log.filter(|line| line.text.contains("`proxy-buffering`"));
        assert_eq!(
            says.count(),
            usize::from(lab.host == "apisix"),
            "{}",
            lab.host
        );
        let none = with(plain(), json!({ "cors": { "allow_origins": [] } }));
        let log = lab.configure(&none).record.log;
        assert!(!log.iter().any(|line| line.text.contains("proxy-buffering")));
    }
}

#[test]
pub fn a_preflight_is_answered_for_a_listed_page_and_refused_for_any_other() {
    on_every_host(|lab| {
        let outcome = lab.send(&preflight(APP));
        assert_eq!(outcome.verdict, Verdict::Replied, "{}", lab.host);
        assert_eq!(outcome.status(), 200);
        assert_eq!(outcome.response_text(ALLOW), [APP]);
        let headers = outcome.response_text("access-control-allow-headers");
        assert!(headers[0].contains("x-api-key") && headers[0].ends_with("anthropic-version"));
        assert_eq!(edits(&outcome), 0, "the answer says it already");
        let outcome = lab.denied(&preflight("https://evil.example"), 403, "origin_denied");
        assert!(outcome.response_text(ALLOW).is_empty());
        lab.still_serves();
    });
}

#[test]
pub fn a_preflight_names_the_headers_that_are_listed() {
    let cors = json!({ "allow_origins": [APP], "allow_headers": ["X-Title", "HTTP-Referer"] });
    let configured = with(plain(), json!({ "cors": cors }));
    on_every_host(|lab| {
        assert!(lab.configure(&configured).accepted, "{}", lab.host);
        let outcome = lab.send(&preflight(APP));
        assert_eq!(outcome.verdict, Verdict::Replied, "{}", lab.host);
        let headers = outcome.response_text("access-control-allow-headers");
        let end = ", x-title, http-referer, anthropic-version";
        assert!(headers[0].ends_with(end), "{}: {headers:?}", lab.host);
        lab.still_serves();
    });
}

#[test]
pub fn a_refusal_is_readable_once_and_its_answer_is_not_edited() {
    on_every_host(|lab| {
        for (credential, status, code) in [
            (STRANGER, 401, "unknown_key"),
            (READER, 403, "scope_denied"),
        ] {
            let request = ClientRequest::post("/v1/chat/completions")
                .header("origin", APP)
                .bearer(credential);
            let outcome = lab.denied(&request, status, code);
            assert_eq!(outcome.response_text(ALLOW), [APP], "{}", lab.host);
            assert_eq!(outcome.response_text("vary"), ["Origin"]);
            assert_eq!(edits(&outcome), 0);
        }
    });
}

#[test]
pub fn an_edit_that_fails_traps_nothing_and_leaves_the_response_unreadable() {
    on_every_host(|lab| {
        // The first request asks which gateway this is.
        lab.still_serves();
        let outcome = lab.allowed(&chat(Some(APP)));
        let calls = outcome.record.calls.iter().enumerate();
        let edits: Vec<usize> = calls
            .filter(|(_, call)| call.about.starts_with("access-control") || call.about == "vary")
            .map(|(nth, _)| nth)
            .collect();
        assert_eq!(edits.len(), 4, "{}", lab.host);
        for nth in edits {
            for status in [1, 2, 10, 12] {
                let which = Which::Nth(nth);
                lab.world().fault = Some(Fault { which, status });
                let outcome = lab.allowed(&chat(Some(APP)));
                lab.world().fault = None;
                assert!(outcome.response_text(ALLOW).is_empty(), "{}", lab.host);
                lab.still_serves();
            }
        }
    });
}

#[test]
pub fn the_file_for_envoy_refuses_it_and_says_which_file_to_load() {
    for host in [ENVOY, ISTIO] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let configured = lab.configure(&listing());
        assert!(!configured.accepted, "{}", lab.host);
        let said = configured.record.everything();
        let expected = "configuration: cors: needs the callbacks for responses, which `ollama_gate_envoy.wasm` \
                        leaves out: load `ollama_gate.wasm` in its place";
        assert!(said.contains(expected), "{said}");
        lab.denied(&chat(Some(APP)), 500, "misconfigured");
        let none = with(plain(), json!({ "cors": { "allow_origins": [] } }));
        assert!(lab.configure(&none).accepted);
        lab.still_serves();
    }
}

#[test]
pub fn without_it_a_response_costs_no_call_in_either_file() {
    let calls = |build, host: Arc<dyn Profile>| {
        let mut lab = Lab::loading(build, host);
        assert!(lab.configure(&plain()).accepted);
        let _ = lab.allowed(&chat(Some(APP)));
        let outcome = lab.allowed(&chat(Some(APP)));
        assert_eq!(outcome.response.len(), 1, "{}", lab.host);
        let calls = outcome.record.calls.into_iter();
        calls.map(|call| call.name).collect::<Vec<_>>()
    };
    for host in [ENVOY, ISTIO] {
        let every = calls(Build::Every, HOSTS[host]());
        assert_eq!(every, calls(Build::Envoy, HOSTS[host]()));
    }
}
