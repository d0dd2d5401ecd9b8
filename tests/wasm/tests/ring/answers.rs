//! What a decision says: the reply's dialect, the log line, the counter.

use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::record::Level;
use serde_json::json;

use crate::support::*;

#[test]
pub fn a_denial_speaks_the_dialect_of_the_path() {
    on_every_host(|lab| {
        for (path, kind_401, kind_403) in [
            ("/api/chat", "", ""),
            (
                "/v1/chat/completions",
                "authentication_error",
                "permission_error",
            ),
            ("/v1/messages", "authentication_error", "permission_error"),
        ] {
            let unknown = lab
                .denied(&ClientRequest::post(path), 401, "missing_credential")
                .json();
            let denied = ClientRequest::post(path).bearer(READER);
            let denied = lab.denied(&denied, 403, "scope_denied").json();
            for (body, kind) in [(&unknown, kind_401), (&denied, kind_403)] {
                let sentence = match path {
                    "/api/chat" => &body["error"],
                    _ => {
                        assert_eq!(body["error"]["type"], kind, "{body}");
                        &body["error"]["message"]
                    }
                };
                let words = sentence.as_str().unwrap_or_default().split(' ').count();
                assert!(words >= 4, "a sentence that helps: {body}");
                match path {
                    "/v1/messages" => {
                        assert_eq!(body["type"], "error");
                        // nginx gives a request no id that the filter sees.
                        let id = &body["request_id"];
                        assert!(
                            id.is_string() || (!lab.is_envoy() && id.is_null()),
                            "{body}"
                        );
                    }
                    "/v1/chat/completions" => assert!(body["error"]["param"].is_null()),
                    _ => assert_eq!(
                        body.as_object().map(serde_json::Map::len),
                        Some(2),
                        "{body}"
                    ),
                }
            }
        }
    });
}

#[test]
pub fn only_a_401_carries_a_challenge_and_every_denial_is_json() {
    on_every_host(|lab| {
        let unknown = lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        let challenge = unknown.reply_header("www-authenticate").concat();
        assert!(
            challenge.starts_with("Bearer realm=\"ollama-gate\""),
            "{challenge}"
        );
        let denied = ClientRequest::post("/api/pull").bearer(ALICE);
        let denied = lab.denied(&denied, 403, "scope_denied");
        assert!(denied.reply_header("www-authenticate").is_empty());
        for outcome in [unknown, denied] {
            let kind = outcome.reply_header("content-type").concat();
            assert!(kind.starts_with("application/json"), "{kind}");
        }
    });
}

#[test]
pub fn the_sign_in_address_is_shown_with_a_401_to_ollamas_own_client() {
    let url = "https://wiki.example.com/ollama-keys";
    on_every_host_with(&with(plain(), json!({"signin_url": url})), |lab| {
        let outcome = lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        assert_eq!(outcome.json()["signin_url"], url);
        let denied = ClientRequest::post("/api/chat").bearer(READER);
        let denied = lab.denied(&denied, 403, "scope_denied");
        assert!(denied.json().get("signin_url").is_none());
    });
}

#[test]
pub fn each_decision_is_one_line_of_json_and_one_counter() {
    on_every_host_with(&with(plain(), json!({"log": {"allowed": true}})), |lab| {
        let allowed = lab.allowed(&ClientRequest::post("/api/chat").bearer(ALICE));
        let denied = ClientRequest::post("/api/chat").bearer(READER);
        let denied = lab.denied(&denied, 403, "scope_denied");
        for (outcome, level, decision, counter) in [
            (
                &allowed,
                Level::Info,
                "allowed",
                "ollama_gate_allowed_total",
            ),
            (
                &denied,
                Level::Warn,
                "denied",
                "ollama_gate_denied_scope_denied_total",
            ),
        ] {
            assert_eq!(outcome.record.log.len(), 1, "{:?}", outcome.record.log);
            let line = &outcome.record.log[0];
            assert_eq!(line.level, level);
            let json: serde_json::Value =
                serde_json::from_str(&line.text).expect("one JSON object");
            assert_eq!(json["gate"], "ollama-gate");
            assert_eq!(json["decision"], decision);
            assert_eq!(json["route"], "/api/chat");
            assert_eq!(json["method"], "POST");
            if lab.is_envoy() {
                // What was allowed is counted on ticks.
                let mut counters = outcome.record.metrics.clone();
                if decision == "allowed" {
                    assert!(counters.is_empty(), "{counters:?}");
                    let root = lab.root();
                    counters = lab.gateway.tick(root).metrics;
                    counters.retain(|name, _| name.ends_with("_total"));
                }
                assert_eq!(counters, [(counter.to_owned(), 1)].into());
                assert_eq!(json["request_id"], "6b1f9e2c-1d52-4d0e-9f0a-0d6c3a1f2b33");
            }
        }
        assert!(denied.record.log[0].text.contains("\"status\":403"));
    });
}

#[test]
pub fn allowed_requests_are_not_logged_where_the_configuration_says_so() {
    on_every_host_with(&with(plain(), json!({"log": {"allowed": false}})), |lab| {
        let allowed = lab.allowed(&ClientRequest::post("/api/chat").bearer(ALICE));
        assert!(allowed.record.log.is_empty(), "{:?}", allowed.record.log);
        let denied = lab.send(&ClientRequest::post("/api/chat"));
        assert_eq!(denied.record.log.len(), 1);
    });
}
