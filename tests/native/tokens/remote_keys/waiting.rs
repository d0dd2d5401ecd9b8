//! Requests that wait for keys.

use super::{good, ok, one_key, refused, waits};
use crate::world::{KEY, NOW, World, remote, signer};
use ollama_gate::{CallToken, Status};
use serde_json::json;

#[test]
fn the_first_request_waits_for_its_call_and_goes_on() {
    let world = World::new(&remote(json!({ "timeout": "7s" })));
    let mut first = world.ask(&good());
    let (_, call) = first.waits_for.clone().unwrap();
    assert_eq!(
        (
            call.upstream(),
            call.url().scheme().name(),
            call.url().authority()
        ),
        ("sso", "https", "sso.example")
    );
    assert_eq!((call.url().path(), call.timeout().as_secs()), ("/certs", 7));
    assert_eq!(first.answer(200, &one_key()), ok());
    let seen = first.seen.as_ref().unwrap();
    assert_eq!(seen.record["id"], "sso");
    assert_eq!(seen.upstream_values("authorization"), Vec::<&str>::new());
    // The next ones find the keys.
    assert_eq!(world.ask(&good()).verdict(), ok());
    let other = signer(1).token("k1", json!({ "sub": "bob" }));
    assert_eq!(world.ask(&other).verdict(), ok());
    assert_eq!(world.call_count(), 1);
    assert_eq!(world.counted("ollama_gate_fetch_succeeded_total"), 1);
}

#[test]
fn what_is_refused_anyway_asks_for_no_keys() {
    let world = World::new(&remote(json!({})));
    for (claims, code) in [
        (json!({ "exp": NOW - 60 }), "expired_token"),
        (json!({ "exp": null }), "missing_expiry"),
        (json!({ "iss": "https://other.example" }), "wrong_issuer"),
        (json!({ "iss": null }), "wrong_issuer"),
        (json!({ "aud": "other" }), "wrong_audience"),
        (json!({ "aud": null }), "wrong_audience"),
        (json!({ "sub": null }), "missing_subject"),
        (json!({ "nbf": NOW + 61 }), "token_not_yet_valid"),
        (json!({ "exp": "soon" }), "malformed_token"),
    ] {
        let token = signer(1).token("k1", claims.clone());
        assert_eq!(world.ask(&token).verdict(), refused(401, code), "{claims}");
    }
    let other = good().replacen("ey", "e", 1);
    assert_eq!(world.ask(&other).verdict(), refused(401, "malformed_token"));
    assert_eq!(world.ask(KEY).verdict(), ok(), "a key needs no issuer");
    assert_eq!(world.call_count(), 0);
}

#[test]
fn several_wait_each_for_its_own_call() {
    let world = World::new(&remote(json!({})));
    let (mut one, mut two, mut three) = (
        world.ask(&good()),
        world.ask(&good()),
        world.ask(&signer(2).token("k1", json!({}))),
    );
    assert_eq!(world.call_count(), 3);
    assert_eq!(two.answer(200, &one_key()), ok());
    assert_eq!(one.verdict(), waits(), "nobody else wakes it");
    assert_eq!(
        three.answer(200, &one_key()),
        refused(401, "invalid_signature")
    );
    // Its own call fails, but there are keys by now.
    assert_eq!(one.answer(500, b""), ok());
    assert_eq!(world.counted("ollama_gate_fetch_succeeded_total"), 2);
    assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1);
}

#[test]
fn an_answer_to_another_call_decides_nothing() {
    let world = World::new(&remote(json!({})));
    let (mut one, two) = (world.ask(&good()), world.ask(&good()));
    let (other, _) = two.waits_for.clone().unwrap();
    *world.gateway.0.answer.borrow_mut() = Some((200, one_key()));
    one.called_back(other, one_key().len());
    assert_eq!(one.verdict(), waits());
    assert_eq!(one.answer(200, &one_key()), ok());
    // Nor does one that comes twice.
    let before = one.seen.take();
    one.called_back(CallToken(1), 0);
    assert!(before.is_some() && one.seen.is_none());
}

#[test]
fn beyond_thirty_two_nobody_waits() {
    let world = World::new(&remote(json!({})));
    let mut waiting: Vec<_> = (0..32).map(|_| world.ask(&good())).collect();
    assert!(waiting.iter().all(|request| request.waits_for.is_some()));
    let next = world.ask(&good());
    assert_eq!(next.verdict(), refused(503, "keys_pending"));
    assert_eq!(next.reply_header("retry-after").as_deref(), Some("1"));
    assert_eq!(world.call_count(), 32);
    assert_eq!(world.ask(KEY).verdict(), ok());
    // A client that goes away makes room for one, and for no more, and not in the same second.
    drop(waiting.pop());
    assert_eq!(world.ask(&good()).verdict(), refused(503, "keys_pending"));
    world.wait(1);
    let late = world.ask(&good());
    assert!(late.waits_for.is_some());
    assert_eq!(world.ask(&good()).verdict(), refused(503, "keys_pending"));
    waiting.push(late);
    for mut request in waiting {
        assert_eq!(request.answer(200, &one_key()), ok());
    }
    assert_eq!(world.ask(&good()).verdict(), ok());
}

#[test]
fn a_call_that_cannot_be_made_is_a_failure() {
    let world = World::new(&remote(json!({})));
    let fails = Status(2);
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("http_call", fails);
    let request = world.ask(&good());
    assert_eq!(request.verdict(), refused(503, "keys_unavailable"));
    let lines =
        world.lines_with("could not call the upstream `sso`: host call failed with status 2");
    assert_eq!(lines.len(), 1);
    world.gateway.0.failing.borrow_mut().clear();
    let soon = world.ask(&good());
    assert_eq!(soon.verdict(), refused(503, "keys_unavailable"));
    assert_eq!(world.call_count(), 0, "it is left alone for a second");
    world.wait(1);
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
}

#[test]
fn without_a_clock_an_answer_lets_nobody_in() {
    let world = World::new(&remote(json!({})));
    let mut request = world.ask(&good());
    let fails = Status(12);
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("wall_clock", fails);
    assert_eq!(
        request.answer(200, &one_key()),
        refused(503, "clock_unavailable")
    );
    world.gateway.0.failing.borrow_mut().clear();
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
}

#[test]
fn a_token_that_expires_while_its_request_waits_is_refused() {
    let world = World::new(&remote(json!({})));
    let mut request = world.ask(&signer(1).token("k1", json!({ "exp": NOW - 59 })));
    world.wait(1);
    assert_eq!(
        request.answer(200, &one_key()),
        refused(401, "expired_token")
    );
}

#[test]
fn a_waiting_request_keeps_the_configuration_that_it_began_with() {
    let mut world = World::new(&remote(json!({})));
    let mut request = world.ask(&good());
    *world.gateway.0.configuration.borrow_mut() = b"{}".to_vec();
    assert!(!world.root.configure());
    assert_eq!(world.ask(&good()).verdict(), refused(500, "misconfigured"));
    assert_eq!(request.answer(200, &one_key()), ok());
}

#[test]
fn an_issuer_that_is_down_does_not_stand_before_another_of_its_name() {
    let mut all = remote(json!({}));
    let mut second = all["jwt"][0].clone();
    second["name"] = json!("second");
    second["jwks"]["url"] = json!("https://sso.example/other");
    all["jwt"].as_array_mut().unwrap().push(second);
    let world = World::new(&all);
    // One request asks both, one after the other.
    let mut request = world.ask(&good());
    assert_eq!(request.answer(500, b""), waits());
    assert_eq!(world.calls_from(0), ["/certs", "/other"]);
    drop(request);
    // The first is left alone now; the second is not.
    let mut request = world.ask(&good());
    assert_eq!(request.verdict(), waits());
    assert_eq!(request.answer(200, &one_key()), ok());
    assert_eq!(world.calls_from(2), ["/other"]);
    assert_eq!(world.ask(&good()).verdict(), ok());
}
