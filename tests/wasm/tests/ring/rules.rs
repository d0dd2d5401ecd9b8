//! Every way in which hosts.md says that a gateway goes down or lets somebody
//! through: the tests that hold the filter away from it, and a module that
//! walks into it, so that the profile is known to notice.
//!
//! `cargo test -p ollama-gate-wasm-tests -- rules --nocapture` prints the table.

use ollama_gate_wasm_tests::{ClientRequest, Verdict};

use crate::broken::{Broken, OPEN};
use crate::rules_of_calls;
use crate::rules_of_requests;
use crate::support::*;

/// A line of hosts.md, and what is made of it here.
pub struct Rule {
    /// Where it stands there; "source" is the source of Kong's module.
    pub row: &'static str,
    /// What a module must not do, or count on.
    pub never: &'static str,
    /// The tests that hold the filter to it.
    pub held_by: &'static [&'static str],
    /// Whether a module that does it is noticed on a gateway.
    pub noticed: fn(usize) -> bool,
    /// The gateways where it must be.
    pub on: &'static [usize],
}

/// Every gateway.
pub const ALL: &[usize] = &[ENVOY, ISTIO, APISIX, KONG];
/// Those that are Envoy.
pub const ENVOYS: &[usize] = &[ENVOY, ISTIO];

/// A module whose callback for the head is this.
pub fn head(head: &'static str) -> Broken {
    Broken { head, ..OPEN }
}

/// A plain request.
pub fn tags() -> ClientRequest {
    ClientRequest::get("/api/tags")
}

/// All rules.
fn all() -> impl Iterator<Item = &'static Rule> {
    rules_of_calls::RULES.iter().chain(rules_of_requests::RULES)
}

#[test]
pub fn a_module_that_breaks_a_rule_is_noticed_and_nowhere_else() {
    println!(
        "{} rules of hosts.md; where a module that breaks it is noticed:\n",
        all().count()
    );
    for rule in all() {
        let noticed: Vec<usize> = ALL
            .iter()
            .copied()
            .filter(|host| (rule.noticed)(*host))
            .collect();
        let names: Vec<&str> = noticed.iter().map(|host| HOSTS[*host]().name()).collect();
        println!("\"{}\": never {}", rule.row, rule.never);
        println!(
            "    noticed on {}; held by {}",
            names.join(", "),
            rule.held_by.join(", ")
        );
        assert_eq!(noticed, rule.on, "\"{}\": {}", rule.row, rule.never);
    }
}

#[test]
pub fn each_test_that_a_rule_names_is_there() {
    let tests = crate::table::tests();
    for name in all().flat_map(|rule| rule.held_by) {
        assert!(tests.iter().any(|test| test == name), "{name}");
    }
}

/// What the filter may ask of a gateway, in a request or when configured.
const CALLS: &[&str] = &[
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_property",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_set_effective_context",
    "proxy_send_local_response",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
    "random_get",
];

/// Requests of every kind: allowed, denied, malformed.
fn of_every_kind() -> Vec<ClientRequest> {
    vec![
        tags().bearer(ALICE),
        tags().bearer(&session()).header("Cookie", "token=abcdefgh"),
        tags().header("X-Forwarded-For", "10.0.0.1"),
        tags().bearer(STRANGER),
        tags().without_host(),
        ClientRequest::get("/api/version"),
        ClientRequest::get("/api//tags"),
        ClientRequest::post("/api/pull").bearer(ALICE),
        ClientRequest::post("/v1/messages")
            .header("x-api-key", ALICE)
            .header("x-api-key", READER),
        ClientRequest::post("/v1/chat/completions")
            .like_the_openai_sdk()
            .bearer(ALICE),
    ]
}

#[test]
pub fn the_filter_makes_no_call_but_these() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let mut calls = lab.configure(&plain()).record.calls;
        // Only `HashMap` draws randomness, for its own order.
        assert!(
            calls
                .iter()
                .filter(|call| call.name == "random_get")
                .count()
                <= 1
        );
        for request in of_every_kind() {
            let record = lab.send(&request).record;
            assert!(
                !record.calls.iter().any(
                    |call| call.name == "random_get" || call.name.ends_with("time_nanoseconds")
                )
            );
            calls.extend(record.calls);
        }
        for call in calls {
            assert!(CALLS.contains(&call.name), "{}: {}", lab.host, call.name);
        }
    }
}

#[test]
pub fn the_filter_asks_for_no_property_outside_a_request() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        for configuration in [plain(), serde_json::json!({}), corporate()] {
            let record = lab.configure(&configuration).record;
            assert!(
                !record
                    .calls
                    .iter()
                    .any(|call| call.name == "proxy_get_property"),
                "{}",
                lab.host
            );
        }
    }
}

#[test]
pub fn no_request_is_ever_held() {
    on_every_host(|lab| {
        for mut request in of_every_kind() {
            for body in [None, Some(b"{}".to_vec())] {
                request.body = body;
                let verdict = lab.send(&request).verdict;
                assert!(
                    !matches!(verdict, Verdict::Held | Verdict::Crashed(_)),
                    "{}: {request:?}",
                    lab.host
                );
            }
        }
    });
}

#[test]
pub fn no_reply_sets_a_cookie() {
    on_every_host(|lab| {
        for request in of_every_kind() {
            assert!(lab.send(&request).reply_header("set-cookie").is_empty());
        }
    });
}
