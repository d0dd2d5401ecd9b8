//! When a fetch is begun, and when it is not.

use super::*;

/// The source has just failed, so often.
fn failed(source: &Source<Words>, now: Timestamp) -> String {
    let fetch = begin(source, Why::Absent, now);
    let (_, had, mut lines) = done(source.answer(fetch, &Response::none(), now));
    assert!(!had);
    lines.remove(0)
}

/// The seconds for which nothing is asked now.
fn wait(source: &Source<Words>, now: Timestamp) -> i64 {
    match refused(source, Why::Absent, now) {
        NotFetched::Unavailable { retry_after } => retry_after,
        other => panic!("{other:?}"),
    }
}

/// The waits between failures of a source that never answers.
fn waits(seed: u64) -> Vec<i64> {
    let source = Source::new("words".to_owned(), Words, RULES, seed);
    let mut now = NOW;
    let mut waits = Vec::new();
    for _ in 0..12 {
        let line = failed(&source, now);
        let seconds = wait(&source, now);
        let end = format!("; the next attempt is in {seconds} s at the earliest");
        assert!(line.ends_with(&end), "{line}");
        waits.push(seconds);
        now = now.plus(seconds);
    }
    waits
}

#[test]
fn a_server_that_fails_is_left_alone_for_longer_and_longer() {
    let waits = waits(1);
    for (seconds, doubled) in waits
        .iter()
        .zip([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
    {
        let quarter = doubled / 4;
        let fit = doubled - quarter..=doubled + quarter;
        assert!(fit.contains(seconds), "{doubled}: {waits:?}");
    }
}

#[test]
fn workers_do_not_step_together() {
    let distinct: std::collections::HashSet<_> = (0..8).map(waits).collect();
    assert_eq!(distinct.len(), 8);
    assert_eq!(waits(3), waits(3));
}

#[test]
fn during_a_back_off_nothing_is_asked_for_any_reason() {
    let source = filled();
    failed(&source, NOW);
    assert!(!source.is_due(NOW));
    let unavailable = NotFetched::Unavailable { retry_after: 1 };
    assert_eq!(refused(&source, Why::Absent, NOW), unavailable);
    assert_eq!(refused(&source, Why::Missing("x"), NOW), unavailable);
    assert_eq!(refused(&source, Why::Stale, NOW), NotFetched::NotDue);
    assert_eq!(refused(&source, Why::Prefetch, NOW), NotFetched::NotDue);
    assert!(source.is_due(NOW.plus(1)));
    begin(&source, Why::Absent, NOW.plus(1));
}

#[test]
fn an_answer_of_use_ends_the_back_off() {
    let source = filled();
    let late = begin(&source, Why::Absent, NOW);
    failed(&source, NOW);
    failed(&source, NOW.plus(1));
    assert_eq!(wait(&source, NOW.plus(1)), 2);
    // It was begun before, and is answered now.
    let (changed, had, lines) = done(source.answer(late, &ok("a b"), NOW.plus(1)));
    assert_eq!((changed, had), (false, true));
    let again = "ollama-gate: words: fetched again after failures";
    assert_eq!(lines, [again]);
    failed(&source, NOW.plus(1));
    assert_eq!(wait(&source, NOW.plus(1)), 1, "it begins anew");
}

#[test]
fn what_fails_together_is_one_failure() {
    let source = source();
    let three: Vec<_> = (0..3).map(|_| begin(&source, Why::Absent, NOW)).collect();
    for fetch in three {
        done(source.answer(fetch, &Response::none(), NOW));
        assert_eq!(wait(&source, NOW), 1);
    }
    failed(&source, NOW.plus(1));
    assert_eq!(wait(&source, NOW.plus(1)), 2, "the second failure");
}

#[test]
fn a_client_that_goes_away_starts_no_wait() {
    let source = filled();
    for _ in 0..100 {
        drop(begin(&source, Why::Absent, NOW));
    }
    assert!(source.is_due(NOW));
    begin(&source, Why::Missing("x"), NOW);
    assert_eq!(source.held(NOW), Cached::Fresh(value()));
}

#[test]
fn a_look_that_is_given_up_counts_and_four_are_all_there_are() {
    let source = filled();
    for second in 0..4 {
        let why = [Why::Missing("x"), Why::Doubted][second % 2];
        drop(begin(&source, why, NOW));
    }
    for why in [Why::Missing("y"), Why::Doubted] {
        assert!(!source.may_look(NOW), "{why:?}");
        let cooling = NotFetched::CoolingDown { retry_after: 10 };
        assert_eq!(refused(&source, why, NOW), cooling, "{why:?}");
    }
    // What has to be fetched anyway does not wait for that.
    drop(begin(&source, Why::Stale, NOW));
    drop(begin(&source, Why::Absent, NOW));
    assert!(source.may_look(NOW.plus(10)));
    begin(&source, Why::Doubted, NOW.plus(10));
}

#[test]
fn a_look_for_what_is_doubted_and_one_for_what_is_missing_share_a_cool_down() {
    for (first, second) in [
        (Why::Missing("x"), Why::Doubted),
        (Why::Doubted, Why::Missing("y")),
        (Why::Doubted, Why::Doubted),
    ] {
        let source = filled();
        let look = begin(&source, first, NOW);
        done(source.answer(look, &ok("a b"), NOW));
        let cooling = NotFetched::CoolingDown { retry_after: 10 };
        assert_eq!(
            refused(&source, second, NOW),
            cooling,
            "{first:?}, {second:?}"
        );
        begin(&source, second, NOW.plus(10));
    }
}

#[test]
fn after_a_look_for_one_item_there_is_none_for_another_for_a_while() {
    let source = filled();
    let two = [
        begin(&source, Why::Missing("x"), NOW),
        begin(&source, Why::Missing("y"), NOW),
    ];
    for fetch in two {
        done(source.answer(fetch, &ok("a b"), NOW));
    }
    let last = NOW.plus(9);
    assert_eq!(
        refused(&source, Why::Missing("z"), last),
        NotFetched::CoolingDown { retry_after: 1 }
    );
    // What grows old is another matter.
    drop(begin(&source, Why::Stale, last));
    begin(&source, Why::Missing("z"), NOW.plus(10));
}

#[test]
fn only_a_look_for_an_item_starts_the_cool_down() {
    let source = filled();
    fetch(&source, "a b", NOW);
    let stale = begin(&source, Why::Stale, NOW);
    done(source.answer(stale, &ok("a b"), NOW));
    begin(&source, Why::Missing("x"), NOW);
}

#[test]
fn a_look_that_fails_starts_a_back_off_and_no_cool_down() {
    let source = filled();
    let look = begin(&source, Why::Missing("x"), NOW);
    done(source.answer(look, &Response::none(), NOW));
    let unavailable = NotFetched::Unavailable { retry_after: 1 };
    assert_eq!(refused(&source, Why::Missing("y"), NOW), unavailable);
    begin(&source, Why::Missing("y"), NOW.plus(1));
}

#[test]
fn what_was_looked_for_is_missing_for_a_while_whatever_else_holds() {
    let source = filled();
    source.note_missing("x", NOW);
    let full: Vec<_> = (0..3).map(|_| begin(&source, Why::Absent, NOW)).collect();
    let last = NOW.plus(9);
    assert_eq!(
        refused(&source, Why::Missing("x"), last),
        NotFetched::Missing
    );
    drop(full);
    failed(&source, last);
    assert_eq!(
        refused(&source, Why::Missing("x"), last),
        NotFetched::Missing
    );
    begin(&source, Why::Missing("x"), NOW.plus(10));
}

#[test]
fn another_document_may_have_what_was_missing() {
    let source = filled();
    source.note_missing("x", NOW);
    fetch(&source, "a b", NOW);
    assert_eq!(
        refused(&source, Why::Missing("x"), NOW),
        NotFetched::Missing
    );
    fetch(&source, "a b c", NOW);
    begin(&source, Why::Missing("x"), NOW);
}

#[test]
fn what_is_stale_is_fetched_once_at_a_time() {
    let source = filled();
    let now = NOW.plus(600);
    let one = begin(&source, Why::Stale, now);
    assert!(!source.is_due(now));
    assert_eq!(refused(&source, Why::Stale, now), NotFetched::NotDue);
    // Whoever has nothing to go on with does not wait for that one, and a tick for none at all.
    drop(begin(&source, Why::Missing("x"), now));
    drop(begin(&source, Why::Prefetch, now));
    drop(one);
    assert!(source.is_due(now));
    begin(&source, Why::Stale, now);
}

#[test]
fn a_caller_who_gives_up_a_refresh_again_and_again_keeps_others_from_none() {
    let source = filled();
    let now = NOW.plus(600);
    drop(begin(&source, Why::Stale, now));
    let hung = begin(&source, Why::Stale, now);
    // One was given up: others begin beside the next, four in a cool-down.
    drop(begin(&source, Why::Stale, now));
    let honest = begin(&source, Why::Stale, now);
    assert_eq!(refused(&source, Why::Stale, now), NotFetched::NotDue);
    let answered = done(source.answer(honest, &ok("c"), now));
    assert!(answered.0 && answered.1);
    drop(hung);
    // What is fresh is nobody's to refresh; when it is stale again the count begins anew.
    assert!(source.is_due(now.plus(600)));
}

#[test]
fn ticks_fetch_at_once_and_then_before_it_is_stale() {
    let source = source();
    let first = begin(&source, Why::Prefetch, NOW);
    assert_eq!(refused(&source, Why::Prefetch, NOW), NotFetched::NotDue);
    done(source.answer(first, &ok("a b"), NOW));
    assert_eq!(refused(&source, Why::Prefetch, NOW), NotFetched::NotDue);
    let last = NOW.plus(449);
    assert_eq!(refused(&source, Why::Prefetch, last), NotFetched::NotDue);
    begin(&source, Why::Prefetch, NOW.plus(450));
}

#[test]
fn warnings_are_told_of_another_document_only_and_not_without_end() {
    let source = source();
    let odd = "?".repeat(1_000);
    let (_, _, lines) = fetch(&source, &odd, NOW);
    assert_eq!(lines.len(), 1 + MAX_WARNINGS);
    assert_eq!(lines[1], "ollama-gate: words: one is odd");
    let again = fetch(&source, &odd, NOW);
    assert_eq!(again, (false, true, Vec::new()));
}

#[test]
fn an_older_answer_that_comes_late_takes_nothing_back() {
    let source = source();
    let (older, newer) = (
        begin(&source, Why::Absent, NOW),
        begin(&source, Why::Absent, NOW),
    );
    done(source.answer(newer, &ok("a b"), NOW));
    let late = done(source.answer(older, &ok("a"), NOW.plus(5)));
    assert_eq!(late, (false, true, Vec::new()));
    assert_eq!(source.held(NOW), Cached::Fresh(value()));
    assert_eq!(
        source.held(NOW.plus(600)),
        Cached::Stale(value()),
        "nor is it newer"
    );
    assert_eq!(source.in_flight.of_requests.get(), 0);
}

#[test]
fn of_two_answers_in_their_order_the_second_holds() {
    let source = source();
    let (older, newer) = (
        begin(&source, Why::Absent, NOW),
        begin(&source, Why::Absent, NOW),
    );
    done(source.answer(older, &ok("a"), NOW));
    let (changed, _, _) = done(source.answer(newer, &ok("a b"), NOW));
    assert!(changed);
    assert_eq!(source.held(NOW), Cached::Fresh(value()));
}
