//! Rules that look into bodies: each gateway shows them in its own way.

use ollama_gate_wasm_tests::world::{Fault, Which};
use ollama_gate_wasm_tests::{ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::support::*;

const GOOD: &str = r#"{"messages":[],"model":"llama3.2"}"#;
const OTHER: &str = r#"{"messages":[],"model":"qwen3"}"#;

/// One key that may run one model.
fn ruled() -> Value {
    let key = json!({ "id": "alice-laptop", "key": ALICE, "models": ["llama3.2"] });
    with(plain(), json!({ "api_keys": { "keys": [key] } }))
}

fn chat(body: impl AsRef<[u8]>) -> ClientRequest {
    let request = ClientRequest::new("POST", "/api/chat").bearer(ALICE);
    request.with_body(body)
}

fn reads(outcome: &Outcome) -> usize {
    let calls = outcome.record.calls.iter();
    calls
        .filter(|call| call.name == "proxy_get_buffer_bytes")
        .count()
}

#[test]
pub fn the_body_decides_on_every_gateway() {
    on_every_host_with(&ruled(), |lab| {
        let outcome = lab.allowed(&chat(GOOD));
        assert_eq!(reads(&outcome), 1, "{}", lab.host);
        lab.denied(&chat(OTHER), 403, "model_denied");
        lab.denied(&chat("{}"), 403, "model_denied");
        lab.denied(&chat(format!("{GOOD}{{}}")), 400, "ambiguous_body");
        lab.denied(&chat(GOOD.replace("model", "Model")), 400, "ambiguous_body");
        let twice = r#"{"model":"llama3.2","model":"qwen3"}"#;
        lab.denied(&chat(twice), 400, "ambiguous_body");
        let packed = chat(GOOD).header("Content-Encoding", "gzip");
        lab.denied(&packed, 400, "ambiguous_body");
        lab.allowed(&chat(GOOD));
    });
}

/// The module passes over blocks of 64 bytes by vectors, which are nowhere but in WebAssembly.
#[test]
pub fn an_escape_is_judged_alike_wherever_it_stands_in_a_text() {
    let escapes = [
        (r"\n", true),
        (r"\/\b\f\r\t", true),
        (r#"\\\\\""#, true),
        (r"\u5feb\uD83D\ude00", true),
        (r"\x", false),
        (r"\u12g4", false),
        (r"\u123", false),
        ("\u{1}", false),
        (r#"\\"x"#, false),
    ];
    on_every_host_with(&ruled(), |lab| {
        for (before, (escape, is_one)) in (0..72).zip(escapes.into_iter().cycle()) {
            // Each of them comes to each eighth place or so, and to the ends of blocks.
            for before in [before, 58, 59, 60, 61, 62, 63] {
                let (before, after) = ("a".repeat(before), "\u{e9} b".repeat(40));
                let prompt = format!("{before}{escape}{after}");
                let request = chat(format!(r#"{{"prompt":"{prompt}","model":"llama3.2"}}"#));
                match is_one {
                    true => drop(lab.allowed(&request)),
                    false => drop(lab.denied(&request, 400, "ambiguous_body")),
                }
            }
        }
    });
}

#[test]
pub fn a_request_without_a_body_is_refused_where_a_rule_looks_into_one() {
    on_every_host_with(&ruled(), |lab| {
        let empty = ClientRequest::new("POST", "/api/chat").bearer(ALICE);
        lab.denied(&empty, 400, "ambiguous_body");
        let zero = empty.clone().header("Content-Length", "0");
        lab.denied(&zero, 400, "ambiguous_body");
        lab.allowed(&ClientRequest::get("/api/tags").bearer(ALICE));
    });
}

#[test]
pub fn a_body_that_the_gateway_does_not_hold_is_a_413() {
    on_every_host_with(&ruled(), |lab| {
        let long = |size: usize| {
            let filler = "x".repeat(size);
            chat(format!(r#"{{"prompt":"{filler}","model":"llama3.2"}}"#))
        };
        let most = match lab.host {
            "kong" => 8 << 10,
            "apisix" => 32 << 20,
            _ => 1 << 20,
        };
        lab.denied(&long(most), 413, "body_too_large");
        lab.allowed(&long(most / 2));
        // One that does not say how long it is.
        let mut silent = long(most);
        silent.headers.retain(|(name, _)| name != b"Content-Length");
        silent = silent.header("Transfer-Encoding", "chunked");
        lab.denied(&silent, 413, "body_too_large");
        lab.allowed(&chat(GOOD));
    });
}

#[test]
pub fn a_body_that_reads_as_none_is_refused() {
    on_every_host_with(&ruled(), |lab| {
        for status in [1, 2, 7, 10, 12] {
            lab.world().fault = Some(Fault {
                which: Which::Named("buffer_bytes"),
                status,
            });
            lab.denied(&chat(GOOD), 413, "body_too_large");
            lab.world().fault = None;
            lab.allowed(&chat(GOOD));
        }
    });
}

#[test]
pub fn only_apisix_is_asked_to_show_a_body_and_a_refusal_is_closed() {
    on_every_host_with(&ruled(), |lab| {
        let asks = |outcome: &Outcome| {
            let calls = outcome.record.calls.iter();
            calls
                .filter(|call| call.name == "proxy_set_property")
                .count()
        };
        let asked = usize::from(lab.host == "apisix");
        assert_eq!(asks(&lab.allowed(&chat(GOOD))), asked, "{}", lab.host);
        assert_eq!(
            asks(&lab.allowed(&ClientRequest::get("/api/tags").bearer(ALICE))),
            0
        );
        if lab.host == "apisix" {
            lab.world().fault = Some(Fault {
                which: Which::Named("set_property"),
                status: 2,
            });
            lab.denied(&chat(GOOD), 500, "host_failure");
        }
    });
}

#[test]
pub fn who_has_no_rule_is_not_read() {
    let key = json!({ "id": "alice-laptop", "key": ALICE });
    let free = with(plain(), json!({ "api_keys": { "keys": [key] } }));
    on_every_host_with(&free, |lab| {
        let outcome = lab.allowed(&chat(OTHER));
        assert_eq!(reads(&outcome), 0, "{}", lab.host);
    });
}

#[test]
pub fn a_new_configuration_ends_a_held_body_where_the_old_one_can_hear_of_it() {
    for host in [ENVOY, ISTIO] {
        for changes in [true, false] {
            let mut lab = Lab::new(HOSTS[host](), &ruled());
            let root = lab.root();
            let Ok(id) = lab.gateway.open(root, &chat(GOOD)) else {
                panic!("refused by the gateway");
            };
            lab.gateway.request_headers(id);
            let next = if changes { plain() } else { ruled() };
            assert!(lab.configure(&next).accepted);
            let went_on = lab.gateway.request_body(id, GOOD.as_bytes(), true);
            assert_eq!(went_on, !changes, "{}", lab.host);
            let outcome = lab.gateway.close(id);
            lab.check(&chat(GOOD), &outcome);
            let code = if changes { "configuration_changed" } else { "" };
            assert_eq!(outcome.code(), code, "{}", lab.host);
        }
    }
}

#[test]
pub fn envoy_holds_the_head_with_the_body_where_that_is_configured() {
    let mut lab = Lab::unconfigured(HOSTS[ENVOY]());
    let held = with(
        ruled(),
        json!({ "host": { "name": "envoy", "hold_head": true } }),
    );
    assert!(lab.gateway.configure_json(&held).accepted);
    for (body, goes_on) in [(GOOD, true), (OTHER, false)] {
        let root = lab.root();
        let Ok(id) = lab.gateway.open(root, &chat(body)) else {
            panic!("refused by the gateway");
        };
        assert!(!lab.gateway.request_headers(id));
        let (first, _) = body.split_at(9);
        assert!(!lab.gateway.request_body(id, first.as_bytes(), false));
        assert!(!lab.gateway.request_body(id, body.as_bytes(), false));
        // Over HTTP/2 the end comes with the trailers.
        assert_eq!(lab.gateway.request_trailers(id), goes_on, "{body}");
        let outcome = lab.gateway.close(id);
        lab.check(&chat(body), &outcome);
        assert_eq!(outcome.forwarded(), goes_on);
    }
}

#[test]
pub fn a_body_that_never_ends_is_refused_by_a_tick_where_there_are_some() {
    // A pack would write a section `host` of its own over this one.
    let bounded = |name: &str| {
        let host = json!({ "name": name, "held_for": "4s", "held_idle": "2s" });
        with(ruled(), json!({ "host": host }))
    };
    for host in [ENVOY, ISTIO] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let configuration = bounded(lab.host);
        assert!(lab.gateway.configure_json(&configuration).accepted);
        let root = lab.root();
        assert!(lab.gateway.ticks(root), "{}", lab.host);
        let Ok(id) = lab.gateway.open(root, &chat(GOOD)) else {
            panic!("refused by the gateway");
        };
        lab.gateway.request_headers(id);
        let (first, _) = GOOD.split_at(9);
        assert!(!lab.gateway.request_body(id, first.as_bytes(), false));
        for _ in 0..2 {
            lab.gateway.tick(root);
        }
        assert!(!lab.gateway.request_body(id, first.as_bytes(), false));
        lab.gateway.tick(root);
        assert!(
            !lab.gateway.request_body(id, GOOD.as_bytes(), true),
            "{}",
            lab.host
        );
        let outcome = lab.gateway.close(id);
        assert_eq!(
            (outcome.status(), outcome.code().as_str()),
            (408, "body_timeout"),
            "{}",
            lab.host
        );
        lab.check(&chat(GOOD), &outcome);
        lab.allowed(&chat(GOOD));
    }
    for host in [APISIX, KONG] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let configuration = bounded(lab.host);
        let refused = lab.gateway.configure_json(&configuration);
        let told = refused
            .record
            .log
            .iter()
            .any(|line| line.text.contains("client_body_timeout"));
        assert!(told, "{}", lab.host);
    }
}
