//! Requests whose key may be in a document that is not there, or grows old.

use super::*;

#[test]
fn the_first_request_of_a_key_that_may_be_in_a_document_waits_for_it() {
    for kind in KINDS {
        let world = without_ticks(&kind, &json!({}));
        assert_eq!(
            world.verdict(KEY),
            ok(),
            "{}: the configuration's own waits for nothing",
            kind.name
        );
        let mut request = world.ask(FETCHED);
        assert_eq!(request.verdict(), waits(), "{}", kind.name);
        assert_eq!(
            request.answer(200, &answer(&kind, &one())),
            ok(),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        assert_eq!(
            world.verdict(OTHER),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
    }
}

#[test]
fn a_source_that_was_never_reached_is_503_with_when_to_come_back_and_not_401() {
    let world = without_ticks(&KINDS[0], &json!({}));
    let mut request = world.ask(FETCHED);
    assert_eq!(request.answer(503, b""), refused(503, "keys_unavailable"));
    assert_eq!(request.reply_header("retry-after").as_deref(), Some("1"));
    // It is left alone for a moment, whoever asks.
    let next = world.ask(OTHER);
    assert_eq!(next.verdict(), refused(503, "keys_unavailable"));
    assert_eq!(world.verdict(KEY), ok());
    world.wait(30);
    assert_eq!(
        world.ask(FETCHED).answer(200, one().to_string().as_bytes()),
        ok()
    );
}

#[test]
fn so_many_requests_ask_for_an_absent_document_and_no_more() {
    let world = without_ticks(&KINDS[0], &json!({}));
    let mut waiting: Vec<_> = (0..8).map(|_| world.ask(FETCHED)).collect();
    assert!(waiting.iter().all(|request| request.verdict() == waits()));
    assert_eq!(world.verdict(FETCHED), refused(503, "keys_pending"));
    for request in &mut waiting {
        assert_eq!(request.answer(200, one().to_string().as_bytes()), ok());
    }
}

#[test]
fn without_ticks_one_request_fetches_anew_what_is_stale_and_the_others_go_on() {
    let world = without_ticks(&KINDS[0], &json!({}));
    assert_eq!(
        world.ask(FETCHED).answer(200, one().to_string().as_bytes()),
        ok()
    );
    world.wait(29);
    assert_eq!(world.verdict(FETCHED), ok());
    world.wait(1);
    let mut first = world.ask(FETCHED);
    assert_eq!(first.verdict(), waits());
    for _ in 0..3 {
        assert_eq!(world.verdict(FETCHED), ok());
    }
    assert_eq!(first.answer(503, b""), ok(), "what is stale still holds");
    assert_eq!(world.verdict(FETCHED), ok());
}

#[test]
fn without_ticks_a_new_key_is_looked_for_in_a_document_that_is_stale() {
    let world = without_ticks(&KINDS[0], &json!({}));
    assert_eq!(
        world.ask(FETCHED).answer(200, one().to_string().as_bytes()),
        ok()
    );
    assert_eq!(
        world.verdict(OTHER),
        refused(401, "unknown_key"),
        "it is fresh"
    );
    world.wait(30);
    let both = document(&[("fetched", FETCHED), ("other", OTHER)]);
    assert_eq!(
        world.ask(OTHER).answer(200, both.to_string().as_bytes()),
        ok()
    );
}

#[test]
fn with_ticks_no_request_fetches_what_is_stale() {
    let mut world = world(&KINDS[0], &json!({}));
    world.fetch(200, one().to_string().as_bytes());
    world.wait(60);
    let calls = world.call_count();
    assert_eq!(world.verdict(FETCHED), ok());
    assert_eq!(world.verdict(OTHER), refused(401, "unknown_key"));
    assert_eq!(world.call_count(), calls);
}

#[test]
fn what_is_older_than_max_stale_is_used_no_more() {
    let mut world = world(&KINDS[0], &json!({ "max_stale": "1m" }));
    world.fetch(200, one().to_string().as_bytes());
    world.wait(59);
    assert_eq!(world.verdict(FETCHED), ok());
    world.fetch(503, b"");
    world.wait(1);
    let mut request = world.ask(FETCHED);
    assert_eq!(request.answer(503, b""), refused(503, "keys_unavailable"));
    assert_eq!(world.verdict(KEY), ok());
}

#[test]
fn a_client_that_goes_away_suppresses_nothing() {
    let world = without_ticks(&KINDS[0], &json!({}));
    for _ in 0..8 {
        drop(world.ask(FETCHED));
    }
    world.wait(1);
    assert_eq!(
        world.ask(FETCHED).answer(200, one().to_string().as_bytes()),
        ok()
    );
}
