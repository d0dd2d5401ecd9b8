//! Where the gateway has ticks, they fetch, and no request waits for what grows old.

use super::{good, ok, one_key, refused, set, token, waits};
use crate::world::{Gateway, ISSUER, NOW, World, configuration, remote, signer};
use ollama_gate::Status;
use serde_json::{Value, json};

/// With ticks, and the key `k1` fetched by the second one.
fn filled() -> World {
    let mut world = World::new(&remote(json!({})));
    world.tick();
    world.tick();
    world.answer_root(1, 200, &one_key());
    world
}

#[test]
fn on_kong_the_first_tick_makes_no_call_and_the_second_does() {
    let mut world = kong(remote(json!({})));
    drop(world.ask(&good()));
    let before = world.call_count();
    world.tick();
    assert_eq!(world.call_count(), before, "Kong crashes at one");
    world.tick();
    assert_eq!(world.call_count(), before + 1);
}

#[test]
fn the_first_tick_fetches_and_the_next_ones_leave_it_alone() {
    let mut world = World::new(&remote(json!({})));
    world.tick();
    assert_eq!(world.calls_from(0), ["/certs"]);
    world.tick();
    assert_eq!(world.call_count(), 1, "it is under way");
    world.answer_root(1, 200, &one_key());
    assert_eq!(world.counted("ollama_gate_fetch_succeeded_total"), 1);
    assert_eq!(world.ask(&good()).verdict(), ok(), "nobody has to wait");
    assert_eq!(world.call_count(), 1);
}

#[test]
fn strangers_who_hang_up_do_not_keep_a_tick_from_fetching_and_a_key_that_was_withdrawn_dies() {
    let mut world = filled();
    assert_eq!(world.ask(&good()).verdict(), ok());
    for second in 0..460 {
        let strangers = (0..25).map(|number| world.ask(&token(2, &format!("k-{second}-{number}"))));
        let strangers: Vec<_> = strangers.collect();
        let before = world.call_count();
        world.tick();
        // The provider has withdrawn `k1`, and answers the tick alone: all others are gone by then.
        drop(strangers);
        if world.call_count() > before {
            world.answer_root(before + 1, 200, &set(&[(2, "k2")]));
        }
        world.wait(1);
    }
    let calls = world.call_count();
    assert!(
        calls <= 2 + 4 * 46,
        "four in each cool-down and the ticks': {calls}"
    );
    let old = signer(1).token("k1", json!({ "exp": NOW + 9_000 }));
    assert_ne!(world.ask(&old).verdict(), ok());
}

#[test]
fn a_request_that_comes_before_the_ticks_waits_for_its_own_call() {
    let mut world = World::new(&remote(json!({})));
    let mut request = world.ask(&good());
    world.tick();
    world.tick();
    assert_eq!(
        world.call_count(),
        2,
        "the tick's own depends on no request"
    );
    assert_eq!(request.answer(200, &one_key()), ok());
}

#[test]
fn ticks_fetch_before_the_keys_are_old_and_once() {
    let mut world = filled();
    for _ in 0..449 {
        world.wait(1);
        world.tick();
    }
    assert_eq!(world.call_count(), 1);
    for _ in 0..100 {
        world.wait(1);
        world.tick();
    }
    assert_eq!(world.call_count(), 2, "three quarters of ten minutes");
    world.answer_root(2, 200, &set(&[(1, "k1"), (2, "k2")]));
    assert_eq!(world.ask(&token(2, "k2")).verdict(), ok());
    assert_eq!(world.call_count(), 2);
}

#[test]
fn a_provider_that_is_down_sees_no_storm() {
    let mut world = filled();
    let token = good();
    world.wait(450);
    for _ in 0..3_000 {
        world.tick();
        let calls = world.call_count();
        if calls > 1 {
            world.answer_root(calls, 503, b"");
        }
        assert_eq!(world.ask(&token).verdict(), ok(), "what is known goes on");
        world.wait(1);
    }
    let calls = world.call_count() - 1;
    // 1, 2, 4, … 300 seconds apart, a quarter more or less.
    assert!((14..=24).contains(&calls), "{calls}");
    assert_eq!(
        world.counted("ollama_gate_fetch_failed_total"),
        u64::try_from(calls).unwrap()
    );
    world.wait(150);
    world.tick();
    if world.call_count() > calls + 1 {
        world.answer_root(calls + 2, 503, b"");
    }
    let late = signer(1).token("k1", json!({ "exp": NOW + 9_000 }));
    assert_eq!(
        world.ask(&late).verdict(),
        refused(503, "keys_unavailable"),
        "the keys are too old"
    );
    let known = world.call_count();
    while world.call_count() == known {
        world.wait(1);
        world.tick();
    }
    world.answer_root(known + 1, 200, &one_key());
    assert_eq!(world.ask(&late).verdict(), ok());
}

#[test]
fn stale_keys_make_no_request_wait_where_there_are_ticks() {
    let world = filled();
    world.wait(3599);
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(world.call_count(), 1);
    world.wait(1);
    let late = signer(1).token("k1", json!({ "exp": NOW + 9_000 }));
    assert_eq!(world.ask(&late).verdict(), waits());
}

#[test]
fn keys_that_a_tick_brings_empty_what_is_known_of_tokens() {
    let mut world = filled();
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(
        world.ask(&token(2, "k1")).answer(200, &one_key()),
        refused(401, "invalid_signature")
    );
    world.wait(450);
    world.tick();
    world.answer_root(3, 200, &set(&[(2, "k1")]));
    let exchanged = set(&[(2, "k1")]);
    assert_eq!(
        world.ask(&good()).answer(200, &exchanged),
        refused(401, "invalid_signature")
    );
    assert_eq!(world.ask(&token(2, "k1")).verdict(), ok());
}

#[test]
fn a_gateway_that_gives_no_ticks_leaves_it_to_requests() {
    let gateway = Gateway::default();
    gateway
        .0
        .failing
        .borrow_mut()
        .insert("set_tick", Status(12));
    let world = World::on(gateway, remote(json!({})).to_string().as_bytes());
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
    world.wait(600);
    assert_eq!(world.ask(&good()).verdict(), waits());
}

#[test]
fn ticks_are_asked_for_once_and_only_where_something_is_fetched() {
    // Envoy is asked for them in any case, for the counters.
    let on_kong = |mut configuration: Value| {
        configuration["host"]["name"] = json!("kong");
        configuration
    };
    let mut world = World::new(&on_kong(configuration()));
    let asked = |world: &World| {
        let calls = world.gateway.0.calls.borrow();
        calls.iter().filter(|call| **call == "set_tick").count()
    };
    assert_eq!(asked(&world), 0);
    let fetching = on_kong(remote(json!({}))).to_string().into_bytes();
    *world.gateway.0.configuration.borrow_mut() = fetching;
    for _ in 0..3 {
        assert!(world.root.configure());
    }
    assert_eq!(asked(&world), 1);
}

#[test]
fn a_call_that_a_tick_cannot_make_is_a_failure_and_tried_again() {
    let mut world = World::new(&remote(json!({})));
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("http_call", Status(2));
    world.tick();
    world.tick();
    assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1);
    assert_eq!(
        world.lines_with("could not call the upstream `sso`").len(),
        1
    );
    world.tick();
    assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1);
    world.gateway.0.failing.borrow_mut().clear();
    world.wait(1);
    world.tick();
    assert_eq!(world.call_count(), 1);
}

#[test]
fn an_answer_for_a_configuration_that_is_gone_is_dropped() {
    let mut world = World::new(&remote(json!({})));
    world.tick();
    world.tick();
    assert!(world.root.configure());
    world.answer_root(1, 200, &one_key());
    assert_eq!(world.ask(&good()).verdict(), waits());
    world.answer_root(77, 200, &one_key());
}

fn kong(mut configuration: Value) -> World {
    configuration["host"]["name"] = json!("kong");
    World::new(&configuration)
}

/// Kong crashes at a call that is made where the root context hears the answer to another.
#[test]
fn on_kong_the_second_call_of_discovery_waits_for_the_next_tick() {
    let mut world = kong(remote(json!({ "url": null })));
    let _ = world.ask("eyJ.e30.e30");
    world.tick();
    world.tick();
    assert_eq!(world.calls_from(0), ["/.well-known/openid-configuration"]);
    let found = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/certs")});
    world.answer_root(1, 200, found.to_string().as_bytes());
    assert_eq!(world.call_count(), 1, "not in the callback");
    world.tick();
    assert_eq!(world.call_count(), 2);
    world.answer_root(2, 200, &one_key());
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(world.call_count(), 2);
}

#[test]
fn on_kong_what_follows_is_dropped_with_its_configuration() {
    let mut world = kong(remote(json!({ "url": null })));
    let _ = world.ask("eyJ.e30.e30");
    world.tick();
    world.tick();
    let found = json!({"issuer": ISSUER, "jwks_uri": format!("{ISSUER}/certs")});
    world.answer_root(1, 200, found.to_string().as_bytes());
    assert!(world.root.configure());
    world.tick();
    assert_eq!(world.call_count(), 1);
}

/// Kong ends no root context after a reload.
#[test]
fn on_kong_ticks_fetch_only_while_requests_come() {
    let mut world = kong(remote(json!({})));
    for _ in 0..20 {
        world.tick();
    }
    assert_eq!(world.call_count(), 0, "nobody has asked");
    assert_eq!(world.ask(&good()).answer(200, &one_key()), ok());
    world.wait(449);
    world.tick();
    assert_eq!(world.call_count(), 1);
    world.wait(1);
    assert_eq!(world.ask(&good()).verdict(), ok());
    world.tick();
    assert_eq!(world.call_count(), 2, "three quarters of ten minutes");
    world.answer_root(2, 200, &one_key());
    for _ in 0..10 {
        world.wait(1);
        world.tick();
    }
    for _ in 0..30 {
        world.wait(100);
        world.tick();
    }
    assert_eq!(world.call_count(), 2, "nobody has asked for long");
    // Those that come then do not take old keys for fresh ones.
    let late = signer(1).token("k1", json!({ "exp": NOW + 9_000 }));
    assert_eq!(world.ask(&late).verdict(), waits());
}
