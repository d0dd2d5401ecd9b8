//! What differs between gateways and cannot be made equal: each with its
//! reason, and each held by a test, so that it stays as small as it is.

use ollama_gate_wasm_tests::{ClientRequest, Kong, Verdict, map, nginx};
use serde_json::json;
use std::sync::Arc;

use crate::ledger::{Decision, Entry};
use crate::support::*;

/// A difference in decision between a gateway and Envoy.
pub struct Difference {
    /// What differs.
    pub what: &'static str,
    /// Why it cannot be equal.
    pub why: &'static str,
    /// The test that holds it.
    pub held_by: &'static str,
    /// Whether it explains two entries: the gateway, its entry, Envoy's.
    pub explains: fn(&str, &Entry, &Entry) -> bool,
}

/// All of them. The table fails over any other.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        what: "nginx refuses by itself what the gate refuses elsewhere",
        why: "a second Authorization or Host; on Kong also a target that nginx cannot resolve, \
              and a method that it does not serve. The filter never sees it",
        held_by: "differences::what_nginx_refuses_by_itself_is_refused_on_envoy_too",
        explains: |host, entry, envoy| {
            is_nginx(host)
                && matches!(entry.decision, Decision::RefusedByHost(400..=499))
                && matches!(envoy.decision, Decision::Denied(400..=499, _))
        },
    },
    Difference {
        what: "nginx takes scheme and host off an absolute target",
        why: "what goes up is the rest, and so the rest is judged; Envoy shows the filter the whole",
        held_by: "hostile::targets_of_another_form_are_refused",
        explains: |host, entry, _| {
            host == "kong" && entry.request.as_ref().is_some_and(is_absolute)
        },
    },
    Difference {
        what: "Kong puts its own name in the place of an absent Host",
        why: "`:authority` is the server's name there; only HTTP/1.0 has no Host. Elsewhere the gate \
              refuses such a request",
        held_by: "differences::without_host_kong_still_asks_for_a_credential",
        explains: |host, entry, _| {
            let host_of = |request: &ClientRequest| request.host.clone().unwrap_or_default();
            host == "kong"
                && entry
                    .request
                    .as_ref()
                    .is_some_and(|request| host_of(request).is_empty())
        },
    },
    Difference {
        what: "Envoy joins two Cookie headers to one",
        why: "RFC 9113 section 8.2.3 asks it to; the gate takes the one out. On nginx the two are two, \
              and refused",
        held_by: "differences::two_cookie_headers_never_reach_ollama",
        explains: |host, entry, envoy| {
            let cookies = |request: &ClientRequest| map::values(&request.headers, "cookie").len();
            is_nginx(host)
                && entry
                    .request
                    .as_ref()
                    .is_some_and(|request| cookies(request) > 1)
                && entry.decision == Decision::Denied(400, "malformed_request".into())
                && !matches!(envoy.decision, Decision::RefusedByHost(_) | Decision::Stuck)
        },
    },
    Difference {
        what: "the limit of header fields counts what the gateway adds",
        why: "Envoy adds two, nginx shows Host as one; what is near 100 is refused on one and not on \
              the other, and never cut",
        held_by: "floods::a_crowd_of_headers_hides_no_credential_and_no_identity",
        explains: |_, entry, envoy| {
            let many = Decision::Denied(400, "malformed_request".into());
            let count = entry
                .request
                .as_ref()
                .map_or(0, |request| request.headers.len());
            (90..=104).contains(&count) && (entry.decision == many) != (envoy.decision == many)
        },
    },
];

fn is_nginx(host: &str) -> bool {
    matches!(host, "apisix" | "kong")
}

/// Whether the target has a scheme and a host.
fn is_absolute(request: &ClientRequest) -> bool {
    let raw = request.target.clone().unwrap_or_default();
    nginx::request_uri(&raw) != raw
}

#[test]
pub fn what_nginx_refuses_by_itself_is_refused_on_envoy_too() {
    let request = ClientRequest::get("/api/tags");
    for request in [
        request.clone().bearer(ALICE).bearer(ALICE),
        ClientRequest::get("/../api/tags").bearer(ALICE),
        ClientRequest::get("/api/tags%zz").bearer(ALICE),
        ClientRequest::new("get", "/api/tags").bearer(ALICE),
        ClientRequest::new("TRACE", "/").bearer(ALICE),
    ] {
        for host in HOSTS {
            let outcome = Lab::new(host(), &plain()).refused(&request);
            assert!(!outcome.forwarded());
        }
    }
}

#[test]
pub fn without_host_kong_still_asks_for_a_credential() {
    let mut lab = Lab::new(HOSTS[KONG](), &plain());
    let request = ClientRequest::get("/api/tags").without_host();
    lab.denied(&request, 401, "missing_credential");
    lab.denied(&request.clone().bearer(STRANGER), 401, "unknown_key");
    let outcome = lab.send(&request.bearer(ALICE));
    // Host is then ours: Lab::check_upstream.
    assert!(matches!(
        outcome.verdict,
        Verdict::Forwarded | Verdict::Replied
    ));
}

#[test]
pub fn two_cookie_headers_never_reach_ollama() {
    on_every_host(|lab| {
        let request = ClientRequest::get("/api/tags")
            .header("Cookie", "a=1234567890")
            .header("cookie", "b=1234567890")
            .bearer(ALICE);
        let outcome = lab.send(&request);
        assert_eq!(outcome.forwarded(), lab.is_envoy());
        assert!(outcome.upstream_text("cookie").is_empty());
    });
}

/// hosts.md, "header removal": blank it, then remove.
#[test]
pub fn a_header_that_was_taken_out_is_absent_and_on_kong_blank() {
    on_every_host(|lab| {
        let outcome = lab.allowed(&ClientRequest::get("/api/tags").bearer(ALICE));
        let left = outcome.upstream_header("authorization");
        let expected: &[&str] = if lab.host == "kong" { &[""] } else { &[] };
        assert_eq!(left, expected, "{}", lab.host);
    });
}

/// hosts.md, "metrics": APISIX drops them. nginx shows the filter no request id.
#[test]
pub fn counters_and_request_ids_are_those_that_the_gateway_has() {
    on_every_host(|lab| {
        let outcome = lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        assert_eq!(outcome.record.metrics.is_empty(), lab.host == "apisix");
        let has_id = outcome.record.log[0].text.contains("request_id");
        assert_eq!(has_id, lab.is_envoy(), "{:?}", outcome.record.log);
    });
}

/// A build of Kong as it is shipped has no `worker_id`: "source", `NGX_DEBUG`.
#[test]
pub fn kong_as_it_is_shipped_serves_like_one_with_a_debug_log() {
    let kong = Arc::new(Kong { released: true });
    let mut lab = Lab::new(kong, &plain());
    lab.still_serves();
    lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
}

/// To take Kong for Envoy would let credentials through; the other way round
/// nothing is opened, but nothing works either.
#[test]
pub fn a_gateway_that_is_named_wrong_serves_nobody_and_says_so_once() {
    for name in ["envoy", "istio"] {
        let mut lab = Lab::unconfigured(HOSTS[KONG]());
        let json = with(plain(), json!({"host": {"name": name}})).to_string();
        // That it is Kong shows in a request only.
        assert!(lab.configure_bytes(json.as_bytes()).accepted, "{name}");
        for number in 0..3 {
            let good = ClientRequest::get("/api/tags").bearer(ALICE);
            let outcome = lab.denied(&good, 500, "misconfigured");
            let says =
                |line: &&ollama_gate_wasm_tests::record::LogLine| line.text.contains("host.name");
            let lines = outcome.record.log.iter().filter(says).count();
            assert_eq!(lines, usize::from(number == 0), "{:?}", outcome.record.log);
        }
        crate::configuration::answers_misconfigured(&mut lab);
    }
}

/// Envoy shows itself when it is configured, and so does APISIX: contexts.rs.
#[test]
pub fn envoy_that_is_named_kong_is_refused_at_once() {
    for host in [ENVOY, ISTIO] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let json = with(plain(), json!({"host": {"name": "kong"}})).to_string();
        let configured = lab.configure_bytes(json.as_bytes());
        assert!(!configured.accepted && !configured.answered);
        crate::configuration::answers_misconfigured(&mut lab);
    }
}

/// hosts.md, "bad config". The answer is no where the gateway is then closed, or goes on with what
/// was good and says so. It is yes on Kong, which would go on with everything, and on APISIX, which
/// would ask again for each request.
#[test]
pub fn a_refusal_is_told_to_envoy_alone() {
    for bad in ["", "{", "{}", r#"{"host": {"name": "envoy"}}"#] {
        on_every_host(|lab| {
            let configured = lab.configure_bytes(bad.as_bytes());
            assert!(!configured.accepted, "{}: {bad}", lab.host);
            assert_eq!(configured.answered, !lab.is_envoy(), "{}", lab.host);
        });
    }
}

/// Only Kong, which shows itself in a request alone.
#[test]
pub fn the_gateway_is_asked_for_its_kind_once() {
    on_every_host(|lab| {
        for number in 0..3 {
            let outcome = lab.allowed(&ClientRequest::get("/api/tags").bearer(ALICE));
            let calls = outcome.record.calls.iter();
            let asked = calls
                .filter(|call| call.name == "proxy_get_property")
                .count();
            // Kong is asked for the target of each request besides.
            let expected = match (lab.host, number) {
                ("kong", 0) => 2,
                ("kong", _) => 1,
                _ => 0,
            };
            assert_eq!(asked, expected, "{}", lab.host);
        }
    });
}

#[test]
pub fn a_host_for_the_upstream_is_refused_on_kong_with_the_reason() {
    for (place, host) in HOSTS.iter().enumerate() {
        let mut lab = Lab::unconfigured(host());
        let asked = with(plain(), json!({"upstream": {"host": "ollama.internal"}}));
        let named = with(asked, json!({"host": {"name": lab.host}}));
        let configured = lab.configure_bytes(named.to_string().as_bytes());
        assert_eq!(configured.accepted, place != KONG, "{}", lab.host);
        let told = format!("{:?}", configured.record.log);
        assert_eq!(told.contains("takes Host from the service"), place == KONG);
    }
}
