//! Requests that wait for a call: clients that leave, answers that come late,
//! many at once, and ticks that make waiting needless.

use std::sync::Arc;

use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Verdict};

use crate::issuer::*;
use crate::support::*;

/// Opens a request that waits for keys: its context and the call's token.
fn waiting(lab: &mut Lab) -> (u32, u32) {
    let root = lab.root();
    let Ok(id) = lab.gateway.open(root, &chat(&signed(NOW))) else {
        panic!("refused by the gateway");
    };
    assert!(!lab.gateway.request_headers(id), "{}: it went on", lab.host);
    let call = lab.gateway.calls().iter().find(|call| call.context == id);
    let token = call.map(|call| call.token);
    (id, token.expect("a call of its own"))
}

fn answered() -> CallEnd {
    CallEnd::of(200, keys(&[NOW]))
}

#[test]
pub fn a_client_that_leaves_while_waiting_leaves_no_trace() {
    on_every_host_with(&remote(), |lab| {
        // More often than there are places for fetches, and fewer than may begin in one second.
        for number in 0..70 {
            lab.at(number / 30);
            let (id, token) = waiting(lab);
            assert_eq!(lab.gateway.close(id).verdict, Verdict::Held);
            // On Envoy the call is the root context's, and its answer comes.
            let heard = lab.gateway.answer_call(token, answered());
            assert_eq!(heard, lab.is_envoy(), "{}", lab.host);
            assert_eq!(lab.gateway.dead(), None);
        }
        lab.still_serves();
        lab.at(60);
        // Nothing was learnt, no cool-down was begun: the next one asks.
        lab.publish(&[NOW]);
        let outcome = lab.allowed(&chat(&signed(NOW)));
        assert_eq!(outcome.record.fetches.len(), 1, "{}", lab.host);
    });
}

#[test]
pub fn failures_that_nobody_waited_for_start_no_back_off() {
    on_every_host_with(&remote(), |lab| {
        for _ in 0..5 {
            let (id, token) = waiting(lab);
            lab.gateway.close(id);
            lab.gateway.answer_call(token, CallEnd::NoConnection);
        }
        lab.publish(&[NOW]);
        lab.allowed(&chat(&signed(NOW)));
    });
}

#[test]
pub fn each_of_many_waits_for_its_own_call_and_one_too_many_is_told_to_come_back() {
    on_every_host_with(&remote(), |lab| {
        let all: Vec<_> = (0..32).map(|_| waiting(lab)).collect();
        let outcome = lab.denied(&chat(&signed(NOW)), 503, "keys_pending");
        assert_eq!(outcome.reply_header("retry-after"), ["1"], "{}", lab.host);
        lab.still_serves();
        for (id, token) in all.into_iter().rev() {
            assert!(lab.gateway.answer_call(token, answered()));
            let outcome = lab.gateway.close(id);
            lab.check(&chat(&signed(NOW)), &outcome);
            assert!(outcome.forwarded(), "{}: {outcome:?}", lab.host);
        }
        lab.publish(&[]);
        assert!(lab.allowed(&chat(&signed(NOW))).record.fetches.is_empty());
    });
}

#[test]
pub fn one_failure_denies_only_the_one_that_waited_for_it() {
    on_every_host_with(&remote(), |lab| {
        let (one, other) = (waiting(lab), waiting(lab));
        assert!(lab.gateway.answer_call(one.1, CallEnd::NoAnswer));
        let outcome = lab.gateway.close(one.0);
        lab.check(&chat(&signed(NOW)), &outcome);
        assert_eq!(
            (outcome.status(), outcome.code().as_str()),
            (503, "keys_unavailable")
        );
        assert!(lab.gateway.answer_call(other.1, answered()));
        let outcome = lab.gateway.close(other.0);
        lab.check(&chat(&signed(NOW)), &outcome);
        assert!(outcome.forwarded(), "{}: {outcome:?}", lab.host);
    });
}

#[test]
pub fn a_body_and_trailers_do_not_pass_a_head_that_waits() {
    for host in [ENVOY, ISTIO] {
        let mut lab = Lab::new(HOSTS[host](), &remote());
        let (id, token) = waiting(&mut lab);
        assert!(!lab.gateway.request_body(id, b"{}", false));
        assert!(!lab.gateway.request_body(id, b"{}", true));
        assert!(!lab.gateway.request_trailers(id));
        assert!(lab.gateway.answer_call(token, answered()));
        assert!(lab.gateway.close(id).forwarded());
    }
}

#[test]
pub fn a_token_of_another_call_wakes_nobody() {
    on_every_host_with(&remote(), |lab| {
        let (one, other) = (waiting(lab), waiting(lab));
        lab.gateway.answer_call(other.1, answered());
        // The keys are there now, and the first still waits for its own.
        assert_eq!(lab.gateway.close(one.0).verdict, Verdict::Held);
        assert!(lab.gateway.close(other.0).forwarded());
    });
}

#[test]
pub fn a_new_configuration_ends_the_wait_where_the_old_one_can_hear_of_it() {
    on_every_host_with(&remote(), |lab| {
        let (id, token) = waiting(lab);
        assert!(lab.configure(&plain()).accepted);
        lab.denied(&chat(&signed(NOW)), 401, "unsupported_algorithm");
        lab.gateway.answer_call(token, answered());
        let outcome = lab.gateway.close(id);
        lab.check(&chat(&signed(NOW)), &outcome);
        // On APISIX and Kong nothing tells the old one.
        let expected = if lab.is_envoy() {
            "configuration_changed"
        } else {
            ""
        };
        assert_eq!(outcome.code(), expected, "{}: {outcome:?}", lab.host);
        assert_eq!(outcome.forwarded(), expected.is_empty(), "{}", lab.host);
    });
}

#[test]
pub fn where_there_are_ticks_no_request_waits() {
    on_every_host_with(&remote(), |lab| {
        let root = lab.root();
        assert_eq!(lab.gateway.ticks(root), lab.host != "apisix");
        lab.publish(&[NOW]);
        let at_once = usize::from(lab.is_envoy());
        if lab.gateway.ticks(root) {
            // Kong bears no call in the first one, and nobody has asked for the second.
            let fetches = lab.gateway.tick(root).fetches.len();
            assert_eq!(fetches, at_once, "{}", lab.host);
            assert!(lab.gateway.tick(root).fetches.is_empty(), "{}", lab.host);
            assert!(lab.gateway.tick(root).fetches.is_empty(), "{}", lab.host);
        }
        let outcome = lab.allowed(&chat(&signed(NOW)));
        assert_eq!(outcome.record.fetches.len(), 1 - at_once, "{}", lab.host);
        lab.at(500);
        if lab.gateway.ticks(root) {
            assert_eq!(lab.gateway.tick(root).fetches.len(), 1, "{}", lab.host);
        }
        assert!(lab.allowed(&chat(&signed(NOW))).record.fetches.is_empty());
        assert_eq!(lab.gateway.dead(), None);
    });
}

#[test]
pub fn ticks_bear_every_end_of_a_call() {
    for end in [
        CallEnd::of(500, ""),
        CallEnd::of(200, "<html>"),
        CallEnd::of(200, vec![b' '; 10 << 20]),
        CallEnd::NoConnection,
        CallEnd::NoAnswer,
        CallEnd::CutShort,
    ] {
        on_every_host_with(&remote(), |lab| {
            lab.answer_with(end.clone());
            let root = lab.root();
            let mut fetches = 0;
            for second in 0..30 {
                lab.at(second);
                // On Kong the ticks fetch only where somebody asks.
                lab.send(&ClientRequest::get("/api/tags"));
                if lab.gateway.ticks(root) {
                    fetches += lab.gateway.tick(root).fetches.len();
                }
            }
            // 1, 2, 4, 8, … seconds apart: no storm.
            assert!(fetches <= 6, "{}: {fetches}", lab.host);
            assert_eq!(lab.gateway.dead(), None);
            lab.at(400);
            lab.publish(&[NOW]);
            lab.allowed(&chat(&signed(NOW)));
            lab.still_serves();
        });
    }
}

#[test]
pub fn a_root_context_that_goes_with_a_call_under_way_disturbs_nobody() {
    for host in HOSTS {
        let mut lab = Lab::new(host(), &remote());
        let old = lab.root();
        if lab.gateway.ticks(old) {
            // Kong bears no call in the first one.
            let first = usize::from(lab.is_envoy());
            assert_eq!(lab.gateway.tick(old).fetches.len(), first, "{}", lab.host);
            lab.send(&ClientRequest::get("/api/tags"));
            assert_eq!(
                lab.gateway.tick(old).fetches.len(),
                1 - first,
                "{}",
                lab.host
            );
        }
        assert!(lab.configure(&remote()).accepted);
        let token = lab.gateway.calls().first().map(|call| call.token);
        lab.gateway.delete_root(old);
        let heard = token.map(|token| lab.gateway.answer_call(token, answered()));
        assert_ne!(heard, Some(true), "{}", lab.host);
        assert_eq!(lab.gateway.dead(), None);
        lab.publish(&[NOW]);
        lab.allowed(&chat(&signed(NOW)));
        lab.still_serves();
    }
}

/// hosts.md, "tick": on Kong no call out of the root's callback of another, and each answer of
/// discovery leads to one.
#[test]
pub fn discovery_in_ticks_is_one_call_in_each() {
    on_every_host_with(&discovered(), |lab| {
        lab.serve(Arc::new(|call| match call.header(":path").as_str() {
            "/.well-known/openid-configuration" => CallEnd::of(200, metadata(ISSUER, "/certs")),
            _ => CallEnd::of(200, keys(&[NOW])),
        }));
        let root = lab.root();
        if !lab.gateway.ticks(root) {
            return;
        }
        // Somebody asks, so that the ticks fetch on Kong too.
        lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        let mut paths = Vec::new();
        for _ in 0..4 {
            let fetches = lab.gateway.tick(root).fetches;
            assert_eq!(lab.gateway.dead(), None, "{}", lab.host);
            paths.push(
                fetches
                    .iter()
                    .map(|call| call.header(":path"))
                    .collect::<Vec<_>>(),
            );
        }
        let (first, second) = ("/.well-known/openid-configuration", "/certs");
        let expected: [&[&str]; 4] = match lab.host {
            "kong" => [&[], &[first], &[second], &[]],
            _ => [&[first, second], &[], &[], &[]],
        };
        assert_eq!(paths, expected, "{}", lab.host);
        assert!(lab.allowed(&chat(&signed(NOW))).record.fetches.is_empty());
    });
}

/// hosts.md, "Seen on a real Kong": a root context lives on after a reload, and ticks.
#[test]
pub fn a_configuration_that_is_over_fetches_nothing() {
    for configuration in [remote(), discovered()] {
        let mut lab = Lab::new(HOSTS[KONG](), &configuration);
        lab.answer_with(CallEnd::NoConnection);
        let old = lab.root();
        lab.gateway.tick(old);
        lab.denied(&chat(&signed(NOW)), 503, "keys_unavailable");
        assert!(lab.configure(&configuration).accepted);
        for second in 0..600 {
            lab.at(second);
            let fetches = lab.gateway.tick(old).fetches;
            // For some seconds it cannot be known.
            assert!(fetches.is_empty() || second <= 10, "at {second}");
        }
        let new = lab.root();
        lab.gateway.tick(new);
        assert!(lab.gateway.tick(new).fetches.is_empty(), "nobody has asked");
        lab.publish(&[NOW]);
        lab.send(&ClientRequest::get("/api/tags"));
        assert_eq!(lab.gateway.tick(new).fetches.len(), 1);
    }
}

#[test]
pub fn nothing_is_asked_for_where_nothing_is_fetched() {
    on_every_host(|lab| {
        lab.denied(&chat(&signed(NOW)), 401, "unsupported_algorithm");
        let root = lab.root();
        for _ in 0..3 {
            if lab.gateway.ticks(root) {
                lab.gateway.tick(root);
            }
        }
        assert!(lab.gateway.calls().is_empty(), "{}", lab.host);
    });
}
