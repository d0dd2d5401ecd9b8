//! When a signature is good, and how often.

use super::{BOB, alice, refused, with_alice, world};
use crate::world::cli::{Cli, send};
use crate::world::{NOW, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

#[test]
fn a_signature_is_good_around_its_time_and_not_beyond() {
    for (setting, window) in [(json!(null), 30), (json!("1s"), 1), (json!("5m"), 300)] {
        let mut all = with_alice();
        if !setting.is_null() {
            all["ollama_cli"]["window"] = setting.clone();
        }
        let world = World::new(&all);
        let at = |time| alice().call_at(&world, "GET", "/api/tags", time).verdict();
        for good in [-window, -1, 0, 1, window] {
            assert_eq!(at(NOW + good).0, 200, "{good} of {window}");
        }
        for stale in [-window - 1, window + 1, -86_400, 86_400, 1 - NOW] {
            let verdict = at(NOW + stale);
            assert_eq!(verdict, refused("stale_signature"), "{stale} of {window}");
        }
        assert_eq!(
            at(99_999_999_999),
            refused("stale_signature"),
            "{setting}, {window}"
        );
    }
}

#[test]
fn the_same_signature_comes_in_within_a_second_and_not_after() {
    let world = world();
    let call = |method, path| alice().call(&world, method, path).verdict();
    assert_eq!(call("POST", "/api/chat").0, 200);
    assert_eq!(call("POST", "/api/chat").0, 200);
    world.gateway.0.seconds.set(NOW + 1);
    assert_eq!(call("POST", "/api/chat").0, 200);
    for later in [2, 10, 30] {
        world.gateway.0.seconds.set(NOW + later);
        assert_eq!(
            call("POST", "/api/chat"),
            refused("replayed_signature"),
            "{later}"
        );
    }
    assert_eq!(
        call("GET", "/api/tags").0,
        200,
        "another call of that second"
    );
    world.gateway.0.seconds.set(NOW + 31);
    assert_eq!(call("POST", "/api/chat"), refused("stale_signature"));
}

#[test]
fn another_signature_of_what_was_used_is_a_replay_too() {
    let world = world();
    assert_eq!(alice().call(&world, "POST", "/api/chat").verdict().0, 200);
    world.gateway.0.seconds.set(NOW + 5);
    let target = format!("/api/chat?ts={NOW}");
    let other = alice().other_signature(&format!("POST,{target}"));
    assert_ne!(other, alice().signature(&format!("POST,{target}")));
    let header = format!("{}:{}", alice().blob(), STANDARD.encode(other));
    let seen = send(&world, "POST", &target, &header);
    assert_eq!(seen.verdict(), refused("replayed_signature"));
}

#[test]
fn a_signature_of_the_future_is_remembered_until_its_time_has_passed() {
    let world = world();
    let call = || {
        alice()
            .call_at(&world, "POST", "/api/chat", NOW + 30)
            .verdict()
    };
    assert_eq!(call().0, 200);
    for later in [2, 30, 59, 60] {
        world.gateway.0.seconds.set(NOW + later);
        assert_eq!(call(), refused("replayed_signature"), "{later}");
    }
    world.gateway.0.seconds.set(NOW + 61);
    assert_eq!(call(), refused("stale_signature"));
}

#[test]
fn the_replay_window_is_that_of_the_configuration() {
    let mut all = with_alice();
    all["ollama_cli"]["replay_window"] = json!("10s");
    let world = World::new(&all);
    let call = || alice().call(&world, "POST", "/api/chat").verdict();
    assert_eq!(call().0, 200);
    world.gateway.0.seconds.set(NOW + 10);
    assert_eq!(call().0, 200);
    world.gateway.0.seconds.set(NOW + 11);
    assert_eq!(call(), refused("replayed_signature"));
}

#[test]
fn two_people_may_make_the_same_call_and_what_was_refused_is_no_use() {
    let mut all = with_alice();
    all["ollama_cli"]["authorized_keys"] =
        json!([alice().line("alice"), Cli::new(BOB).line("bob")]);
    let world = World::new(&all);
    // A forged one with Alice's key uses nothing up.
    let target = format!("/api/chat?ts={NOW}");
    let forged = format!("{}:{}", alice().blob(), STANDARD.encode([7; 64]));
    let seen = send(&world, "POST", &target, &forged);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
    world.gateway.0.seconds.set(NOW + 5);
    assert_eq!(alice().call(&world, "POST", "/api/chat").verdict().0, 200);
    world.gateway.0.seconds.set(NOW + 10);
    assert_eq!(
        Cli::new(BOB).call(&world, "POST", "/api/chat").verdict().0,
        200
    );
    let again = alice().call(&world, "POST", "/api/chat").verdict();
    assert_eq!(again, refused("replayed_signature"));
}

#[test]
fn a_flood_of_one_key_is_no_trouble_for_another() {
    let mut all = with_alice();
    all["ollama_cli"]["authorized_keys"] =
        json!([alice().line("alice"), Cli::new(BOB).line("bob")]);
    let world = World::new(&all);
    assert_eq!(
        Cli::new(BOB).call(&world, "POST", "/api/chat").verdict().0,
        200
    );
    for number in 0..1100 {
        let path = format!("/v1/models/m{number}");
        let time = NOW + i64::from(number >= 550);
        assert_eq!(
            alice().call_at(&world, "GET", &path, time).verdict().0,
            200,
            "{number}"
        );
    }
    world.gateway.0.seconds.set(NOW + 20);
    // What was forgotten is not let in again, and neither is what is remembered.
    let forgotten = alice().call_at(&world, "GET", "/v1/models/m0", NOW);
    assert_eq!(forgotten.verdict(), refused("stale_signature"));
    let known = alice().call_at(&world, "GET", "/v1/models/m1099", NOW + 1);
    assert_eq!(known.verdict(), refused("replayed_signature"));
    let new = alice().call_at(&world, "GET", "/v1/models/m0", NOW + 20);
    assert_eq!(new.verdict().0, 200);
    let bobs = Cli::new(BOB).call(&world, "GET", "/api/tags").verdict();
    assert_eq!(bobs.0, 200, "Bob's old signature is not Alice's matter");
    let again = Cli::new(BOB).call(&world, "POST", "/api/chat").verdict();
    assert_eq!(again, refused("replayed_signature"));
}

#[test]
fn forged_signatures_of_a_key_that_is_public_take_a_bounded_time_and_only_its_own() {
    let mut all = with_alice();
    all["ollama_cli"]["authorized_keys"] =
        json!([alice().line("alice"), Cli::new(BOB).line("bob")]);
    let world = World::new(&all);
    let mut looked_at = 0;
    for number in 0..2_000 {
        // Alice's public key, and a signature of something else.
        let signed = format!("GET,/api/other-{number}?ts={NOW}");
        let header = format!(
            "{}:{}",
            alice().blob(),
            STANDARD.encode(alice().signature(&signed))
        );
        let target = format!("/api/tags?ts={NOW}");
        match send(&world, "GET", &target, &header).verdict() {
            (401, code) if code == "invalid_signature" => looked_at += 1,
            other => assert_eq!(other, (429, "too_many_signatures".to_owned())),
        }
    }
    assert_eq!(
        looked_at,
        39 + 3,
        "10 ms of all, 0.625 ms of its own, 258 µs each"
    );
    let held_up = alice().call(&world, "GET", "/api/tags");
    assert_eq!(held_up.verdict(), (429, "too_many_signatures".to_owned()));
    assert_eq!(held_up.record["id"], "alice");
    world.gateway.0.seconds.set(NOW + 1);
    assert_eq!(alice().call(&world, "GET", "/api/tags").verdict().0, 200);
    assert_eq!(
        Cli::new(BOB).call(&world, "GET", "/api/tags").verdict().0,
        200
    );
}

#[test]
fn a_signature_that_somebody_has_seen_and_sends_again_and_again_takes_a_bounded_time() {
    let world = world();
    let target = format!("/api/tags?ts={NOW}");
    let signature = alice().signature(&format!("GET,{target}"));
    let header = format!("{}:{}", alice().blob(), STANDARD.encode(signature));
    assert_eq!(send(&world, "GET", &target, &header).verdict().0, 200);
    world.gateway.0.seconds.set(NOW + 5);
    let codes = (0..500).map(|_| send(&world, "GET", &target, &header).verdict().1);
    let replays = codes.filter(|code| code == "replayed_signature").count();
    assert_eq!(replays, 39 + 3);
}
