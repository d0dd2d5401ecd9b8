//! Host calls that fail: the gate stays shut, whichever it is.

use ollama_gate_wasm_tests::world::{Clock, Fault, Which};
use ollama_gate_wasm_tests::{ClientRequest, Outcome, Verdict};
use serde_json::json;

use crate::support::*;

const STATUSES: [i32; 3] = [2, 10, 12];

fn requests() -> Vec<ClientRequest> {
    vec![
        ClientRequest::post("/api/chat")
            .like_the_openai_sdk()
            .bearer(ALICE)
            .header("Cookie", "token=abcdefghijklmn")
            .header("X-Forwarded-User", "root-of-the-client"),
        ClientRequest::post("/v1/messages").header("x-api-key", session()),
        ClientRequest::get("/api/version").header("Remote-User", "root-of-the-client"),
    ]
}

/// One request with one call failing; a new instance where the old one is gone.
fn with_fault(lab: &mut Lab, request: &ClientRequest, which: Which, status: i32) -> Outcome {
    lab.world().fault = Some(Fault { which, status });
    let root = lab.root();
    let outcome = lab.gateway.try_send_to(root, request);
    lab.world().fault = None;
    lab.check(request, &outcome);
    outcome
}

#[test]
pub fn whichever_call_of_an_allowed_request_fails_nothing_goes_on_with_a_credential() {
    for host in HOSTS {
        let mut lab = Lab::new(host(), &configured());
        for request in requests() {
            let calls = lab.allowed(&request).record.calls;
            for (nth, call) in calls.iter().enumerate() {
                for status in STATUSES {
                    let outcome = with_fault(&mut lab, &request, Which::Nth(nth), status);
                    let shown = format!("{}: {} {} -> {status}", lab.host, call.name, call.about);
                    assert!(
                        !matches!(outcome.verdict, Verdict::Crashed(_)),
                        "{shown}: {outcome:?}"
                    );
                    assert_ne!(outcome.verdict, Verdict::Held, "{shown}");
                    if outcome.forwarded() {
                        let ours = ["x-forwarded-user", "x-credential-identifier"];
                        for name in STRIPPED.iter().filter(|name| !ours.contains(name)) {
                            assert!(outcome.upstream_text(name).is_empty(), "{shown}: {name}");
                        }
                        let identity = outcome.upstream_header("x-forwarded-user").concat();
                        assert!(!identity.contains("root"), "{shown}: {identity}");
                    }
                    if call.name.contains("metric") || call.name == "proxy_log" {
                        assert!(outcome.forwarded(), "{shown}: {outcome:?}");
                    }
                    lab.still_serves();
                }
            }
        }
    }
}

#[test]
pub fn whichever_call_of_a_denied_request_fails_it_stays_denied() {
    for host in HOSTS {
        let mut lab = Lab::new(host(), &configured());
        for request in [
            ClientRequest::post("/api/chat").bearer(STRANGER),
            ClientRequest::post("/v1/messages"),
            ClientRequest::post("/api/pull").bearer(ALICE),
            ClientRequest::post("/api//pull").bearer(ALICE),
        ] {
            let usual = lab.send(&request);
            assert_eq!(usual.verdict, Verdict::Replied);
            for (nth, call) in usual.record.calls.iter().enumerate() {
                for status in STATUSES {
                    let outcome = with_fault(&mut lab, &request, Which::Nth(nth), status);
                    let shown = format!("{}: {} {} -> {status}", lab.host, call.name, call.about);
                    assert!(!outcome.forwarded(), "{shown}");
                    match (&outcome.verdict, call.name) {
                        // Nothing is left but to hold the request; on APISIX the
                        // worker ends with it (hosts.md, "three ways" 3).
                        (Verdict::Held | Verdict::Crashed(_), "proxy_send_local_response") => {
                            if lab.gateway.dead().is_some() {
                                lab = Lab::new(host(), &configured());
                            }
                        }
                        (Verdict::Replied, _) => {}
                        (other, _) => panic!("{shown}: {other:?}"),
                    }
                    if call.name.contains("metric") || call.name == "proxy_log" {
                        assert_eq!(outcome.code(), usual.code(), "{shown}");
                    }
                    lab.still_serves();
                }
            }
        }
    }
}

#[test]
pub fn calls_that_always_fail_never_open_the_gate() {
    for host in HOSTS {
        for name in [
            "header_map",
            "get_header_map",
            "remove_header",
            "replace_header",
            "add_header",
            "property",
            "environ",
            "random",
        ] {
            for status in STATUSES {
                let mut lab = Lab::new(host(), &configured());
                for request in requests() {
                    let outcome = with_fault(&mut lab, &request, Which::Named(name), status);
                    assert!(
                        matches!(outcome.verdict, Verdict::Replied | Verdict::Forwarded),
                        "{}: {name} {status}: {outcome:?}",
                        lab.host,
                    );
                    assert!(outcome.upstream_text("authorization").is_empty());
                    assert!(outcome.upstream_text("x-api-key").is_empty());
                    assert!(outcome.upstream_text("cookie").is_empty());
                    assert!(outcome.upstream_text("remote-user").is_empty());
                }
                lab.still_serves();
            }
        }
    }
}

#[test]
pub fn a_clock_that_fails_is_503_for_those_whose_credential_has_dates() {
    on_every_host(|lab| {
        lab.world().clock = Clock::Broken;
        for credential in [FUTURE.to_owned(), session(), EXPIRED.to_owned()] {
            let request = ClientRequest::post("/v1/messages").bearer(&credential);
            let outcome = lab.denied(&request, 503, "clock_unavailable");
            assert_eq!(outcome.json()["type"], "error");
        }
        let nobody = ClientRequest::get("/api/tags");
        lab.denied(&nobody, 401, "missing_credential");
        let endless = ClientRequest::get("/api/tags").bearer(ALICE);
        assert!(
            lab.send(&endless).forwarded(),
            "of this key nothing expires"
        );
        lab.at(0);
        lab.still_serves();
    });
}

#[test]
pub fn a_clock_in_another_age_opens_nothing() {
    on_every_host(|lab| {
        for seconds in [0, 1, u64::MAX / 2_000_000_000] {
            lab.world().clock = Clock::At(seconds);
            for credential in [EXPIRED, FUTURE, STRANGER] {
                let request = ClientRequest::get("/api/tags").bearer(credential);
                let outcome = lab.send(&request);
                println!(
                    "{}: at {seconds}: {:?} {}",
                    lab.host,
                    outcome.verdict,
                    outcome.code()
                );
            }
            lab.send(&ClientRequest::get("/api/tags").bearer(&session()));
        }
        lab.at(0);
        lab.still_serves();
    });
}

#[test]
pub fn counters_that_fail_change_nothing() {
    for host in HOSTS {
        for status in STATUSES {
            let mut lab = Lab::unconfigured(host());
            lab.world().fault = Some(Fault {
                which: Which::Named("metric"),
                status,
            });
            assert!(lab.configure(&configured()).accepted);
            lab.still_serves();
            lab.denied(
                &ClientRequest::get("/api/tags").bearer(STRANGER),
                401,
                "unknown_key",
            );
            lab.world().fault = Some(Fault {
                which: Which::Named("proxy_log"),
                status,
            });
            lab.still_serves();
            lab.denied(
                &ClientRequest::get("/api/tags").bearer(STRANGER),
                401,
                "unknown_key",
            );
        }
    }
}

#[test]
pub fn a_configuration_that_cannot_be_read_denies_everything() {
    for host in HOSTS {
        for name in ["proxy_get_buffer_bytes"] {
            for status in STATUSES {
                let mut lab = Lab::unconfigured(host());
                lab.world().fault = Some(Fault {
                    which: Which::Named(name),
                    status,
                });
                let configured = lab.configure(&configured());
                lab.world().fault = None;
                assert!(!configured.accepted, "{}", lab.host);
                lab.denied(
                    &ClientRequest::get("/api/tags").bearer(ALICE),
                    500,
                    "misconfigured",
                );
            }
        }
    }
}

/// With identity headers and logged allowances, so that every call is made.
fn configured() -> serde_json::Value {
    with(
        plain(),
        json!({
            "log": {"allowed": true},
            "upstream": {"host": "localhost:11434", "identity_headers":
                {"subject": "X-Forwarded-User", "credential_id": "X-Credential-Identifier"}},
        }),
    )
}
