//! A document of very many keys is read in pieces: meanwhile requests are decided by the one before it.

use super::*;
use std::fmt::Write as _;
use std::ops::Range;

/// So many keys take more than one piece, also of the first document.
const MANY: usize = 2_000;

/// A document with `FETCHED`, so many other keys, and `last`.
fn many(count: usize, last: &str) -> String {
    let first = format!(r#"{{"id":"fetched","key":"{FETCHED}"}}"#);
    numbered(&first, 0..count, last)
}

/// A document with the keys of these numbers between `first` and `last`.
fn numbered(first: &str, numbers: Range<usize>, last: &str) -> String {
    let mut text = format!(r#"{{"keys":[{first}"#);
    for number in numbers {
        let digest =
            ollama_gate_engine::internals::digest(format!("sk-one-of-many-{number}").as_bytes());
        write!(text, r#",{{"id":"key-{number}","sha256":""#).unwrap();
        digest
            .iter()
            .for_each(|byte| write!(text, "{byte:02x}").unwrap());
        text.push_str("\"}");
    }
    text + "," + last + "]}"
}

fn with_other(count: usize) -> String {
    many(count, &format!(r#"{{"id":"other","key":"{OTHER}"}}"#))
}

fn without_other(count: usize) -> String {
    many(count, r#"{"id":"none","key":"sk-none-7b02d95fa1e3c648"}"#)
}

/// Ticks until nothing is read any more.
fn read_to_the_end(world: &mut World, seen: impl Fn(&World)) {
    for _ in 0..10_000 {
        if world.gateway.0.periods.borrow().last() == Some(&1000) {
            return;
        }
        seen(world);
        world.tick();
    }
    panic!("there is no end to it");
}

fn with_bytes(kind: &Kind) -> Value {
    source(kind, &json!({ "max_bytes": "16MiB", "max_removed": 100 }))
}

fn document_of(kind: &Kind, text: &str) -> Vec<u8> {
    answer(kind, &serde_json::from_str(text).unwrap())
}

#[test]
fn the_old_set_decides_until_the_new_one_has_been_read_to_its_end() {
    for kind in KINDS {
        let mut world = World::new(&with_source(with_bytes(&kind)));
        world.fetch(200, &answer(&kind, &one()));
        world.wait(30);
        world.fetch(200, &document_of(&kind, &with_other(MANY)));
        let old = |world: &World| {
            assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
            assert_eq!(
                world.verdict(OTHER),
                refused(401, "unknown_key"),
                "{}",
                kind.name
            );
            assert_eq!(world.verdict(KEY), ok(), "{}", kind.name);
        };
        old(&world);
        let in_force = |world: &World| world.verdict(OTHER) == ok();
        let mut ticks = 0;
        while !in_force(&world) {
            old(&world);
            world.tick();
            ticks += 1;
            assert!(ticks < 10_000, "{}", kind.name);
        }
        assert!(ticks > 20, "{}: all at once, in {ticks} ticks", kind.name);
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        read_to_the_end(&mut world, |world| {
            assert!(in_force(world), "{}", kind.name)
        });
        // And what is taken out of so many is taken out with all of them.
        world.wait(30);
        world.fetch(200, &document_of(&kind, &without_other(MANY)));
        assert_eq!(world.verdict(OTHER), ok(), "{}", kind.name);
        read_to_the_end(&mut world, |_| ());
        assert_eq!(
            world.verdict(OTHER),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
    }
}

#[test]
fn ticks_come_often_while_something_is_read_and_each_second_else() {
    let mut world = World::new(&with_source(with_bytes(&KINDS[0])));
    world.fetch(200, one().to_string().as_bytes());
    world.tick();
    let periods = |world: &World| world.gateway.0.periods.borrow().clone();
    assert_eq!(periods(&world), [50, 1000]);
    world.wait(30);
    world.fetch(200, with_other(MANY).as_bytes());
    assert_eq!(periods(&world), [50, 1000, 5]);
    let calls = world.call_count();
    read_to_the_end(&mut world, |_| ());
    assert_eq!(periods(&world), [50, 1000, 5, 1000]);
    assert_eq!(world.call_count(), calls, "nothing was due meanwhile");
    world.wait(30);
    world.tick();
    assert_eq!(world.call_count(), calls + 1);
}

#[test]
fn a_fault_at_the_end_of_a_long_document_changes_nothing() {
    for (last, why) in [
        (
            r#"{"id":"fetched","key":"sk-twice-91c5e0d72ab36f84"}"#,
            "the id `fetched` is used by two keys",
        ),
        (
            r#"{"id":"z","key":"sk-z-27f1b9e5d0c83a46","scope":[]}"#,
            "keys[2001].scope",
        ),
        (
            r#"{"id":"alice-laptop","key":"sk-z-27f1b9e5d0c83a46"}"#,
            "`alice-laptop` is in the configuration too",
        ),
        ("{", "not JSON"),
        ("1]}x", "keys[2001]: expected"),
    ] {
        let mut world = World::new(&with_source(with_bytes(&KINDS[0])));
        world.fetch(200, one().to_string().as_bytes());
        world.wait(30);
        world.fetch(200, many(MANY, last).as_bytes());
        assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 0, "{why}");
        let calls = world.call_count();
        read_to_the_end(&mut world, |world| {
            assert_eq!(world.verdict(FETCHED), ok(), "{why}");
        });
        assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1, "{why}");
        assert_eq!(world.verdict(FETCHED), ok(), "{why}");
        assert_eq!(world.verdict(OTHER), refused(401, "unknown_key"), "{why}");
        assert_eq!(world.call_count(), calls, "{why}");
        // The next good one is taken.
        world.wait(30);
        let good = document(&[("fetched", FETCHED), ("other", OTHER)]);
        world.fetch(200, good.to_string().as_bytes());
        assert_eq!(world.verdict(OTHER), ok(), "{why}");
    }
}

#[test]
fn the_first_document_is_waited_for_with_503_and_configured_keys_wait_for_nothing() {
    let mut world = World::new(&with_source(with_bytes(&KINDS[0])));
    world.fetch(200, with_other(MANY).as_bytes());
    let mut pending = 0;
    read_to_the_end(&mut world, |world| {
        assert_eq!(world.verdict(KEY), ok());
        let verdict = world.verdict(OTHER);
        assert!(
            [ok(), refused(503, "keys_pending")].contains(&verdict),
            "{verdict:?}"
        );
    });
    assert_eq!(world.verdict(OTHER), ok());
    let mut world = World::new(&with_source(with_bytes(&KINDS[0])));
    world.fetch(200, with_other(MANY).as_bytes());
    while world.verdict(OTHER) != ok() {
        let request = world.ask(OTHER);
        assert_eq!(request.reply_header("retry-after").as_deref(), Some("1"));
        pending += 1;
        world.tick();
    }
    assert!(pending > 10, "it was read all at once");
}

#[test]
fn without_ticks_each_request_reads_its_share_and_none_waits_for_the_rest() {
    let world = without_ticks(&KINDS[0], &json!({ "max_bytes": "1MiB" }));
    let first = without_other(MANY);
    assert_eq!(
        world.ask(FETCHED).answer(200, first.as_bytes()),
        ok(),
        "read at once"
    );
    world.wait(30);
    let mut request = world.ask(FETCHED);
    assert_eq!(request.answer(200, with_other(MANY).as_bytes()), ok());
    let mut shares = 0;
    loop {
        let verdict = world.verdict(OTHER);
        if verdict == ok() {
            break;
        }
        assert_eq!(verdict, refused(503, "keys_pending"));
        assert_eq!(world.verdict(FETCHED), ok());
        shares += 2;
        assert!(shares < 10_000);
    }
    assert!(shares > 20, "it was read at once, in {shares} shares");
    assert_eq!(world.call_count(), 2);
}

#[test]
fn without_ticks_and_with_few_requests_a_key_that_was_taken_out_does_not_count_for_long() {
    let world = without_ticks(&KINDS[0], &json!({ "max_bytes": "1MiB" }));
    let mut request = world.ask(OTHER);
    assert_eq!(request.answer(200, with_other(MANY).as_bytes()), ok());
    world.wait(30);
    let mut request = world.ask(FETCHED);
    assert_eq!(request.answer(200, without_other(MANY).as_bytes()), ok());
    assert_eq!(world.verdict(OTHER), ok(), "it is being read");
    world.wait(2);
    assert_eq!(world.verdict(OTHER), refused(401, "unknown_key"));
}

/// Two sources that are called `a` and `b`.
fn two() -> Value {
    json!([
        { "url": "http://keys.internal/a", "upstream": "a", "max_bytes": "1MiB", "max_removed": 100 },
        { "url": "http://keys.internal/b", "upstream": "b", "max_bytes": "1MiB", "max_removed": 100 },
    ])
}

#[test]
fn without_ticks_a_key_that_was_taken_out_of_one_document_does_not_wait_for_another_document() {
    let other = format!(r#"{{"id":"other","key":"{OTHER}"}}"#);
    let [x, y, z, w] = ["x", "y", "z", "w"]
        .map(|id| format!(r#"{{"id":"{id}","key":"sk-{id}-27f1b9e5d0c83a46"}}"#));
    let second = |first: &str| numbered(first, MANY..2 * MANY, &y);
    let mut all = with_source(two());
    all.as_object_mut().unwrap().remove("host");
    let world = World::new(&all);
    let mut request = world.ask(OTHER);
    assert_eq!(request.answer(200, many(MANY, &x).as_bytes()), waits());
    assert_eq!(request.answer(200, second(&other).as_bytes()), ok());
    world.wait(30);
    let mut request = world.ask(FETCHED);
    let changed = many(MANY, &z);
    assert_eq!(request.answer(200, changed.as_bytes()), ok());
    let mut request = world.ask(OTHER);
    let changed = second(&w);
    assert_eq!(request.answer(200, changed.as_bytes()), ok());
    assert_eq!(world.verdict(OTHER), ok(), "it is being read");
    world.wait(2);
    assert_eq!(world.verdict(OTHER), refused(401, "unknown_key"));
}

#[test]
fn a_document_that_ends_while_another_one_changes_is_told_of_too() {
    let first = |last: &str| many(300, last);
    let [x, y, z] =
        ["x", "y", "z"].map(|id| format!(r#"{{"id":"{id}","key":"sk-{id}-27f1b9e5d0c83a46"}}"#));
    for ticks in 0..10 {
        let mut world = World::new(&with_source(two()));
        world.tick();
        world.answer_root(1, 200, first(&x).as_bytes());
        world.answer_root(2, 200, format!("[{y}]").as_bytes());
        read_to_the_end(&mut world, |_| ());
        world.wait(30);
        world.tick();
        world.answer_root(3, 200, first(&z).as_bytes());
        for _ in 0..ticks {
            world.tick();
        }
        world.answer_root(4, 200, document(&[("y2", OTHER)]).to_string().as_bytes());
        read_to_the_end(&mut world, |_| ());
        assert_eq!(
            world.lines_with("keys_changed").len(),
            4,
            "after {ticks} ticks"
        );
    }
}

#[test]
fn two_long_documents_that_are_read_at_the_same_time_do_not_both_get_an_id() {
    let mut world = World::new(&with_source(two()));
    world.tick();
    world.answer_root(1, 200, with_other(MANY).as_bytes());
    let other = r#"{"keys":[{"id":"other","key":"sk-z-27f1b9e5d0c83a46"}]}"#;
    world.answer_root(2, 200, other.as_bytes());
    read_to_the_end(&mut world, |_| ());
    assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1);
    assert_eq!(
        world.verdict("sk-z-27f1b9e5d0c83a46"),
        ok(),
        "it was read first"
    );
    let both = [FETCHED, OTHER].map(|key| world.verdict(key));
    assert_eq!(
        both,
        [
            refused(503, "keys_unavailable"),
            refused(503, "keys_unavailable")
        ]
    );
}
