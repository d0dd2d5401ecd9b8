use super::*;
use crate::http::Url;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);
const RULES: FetchRules = FetchRules {
    every: 600,
    spread: false,
    max_back_off: 300,
    max_stale: 3600,
    cool_down: 10,
    max_in_flight: 3,
    max_per_second: 1000,
};

/// A list of words. `-> /path` points elsewhere, `!` cannot be used, `?` brings warnings along.
#[derive(Debug)]
struct Words;

fn call(path: &str) -> Call {
    let url = Url::parse(&format!("https://words.example{path}")).unwrap();
    Call::get_json("words".to_owned(), url, Duration::from_secs(5))
}

impl Document for Words {
    type Value = Vec<String>;

    fn first(&self, _: Timestamp) -> Call {
        call("/first")
    }

    fn read(&self, answer: &Answer<'_, Self::Value>) -> Result<Read<Self::Value>, String> {
        let step = answer.step;
        let text = std::str::from_utf8(answer.body).map_err(|_| "it is not text")?;
        if let Some(path) = text.strip_prefix("-> ") {
            return Ok(Read::Follow(call(path)));
        }
        if text == "!" {
            return Err(format!("it is of no use at step {step}"));
        }
        let warnings = text.matches('?').map(|_| "one is odd".to_owned());
        Ok(Read::Value {
            value: text.split(' ').map(str::to_owned).collect(),
            warnings: warnings.collect(),
            lifetime: None,
        })
    }
}

fn source() -> Source<Words> {
    Source::new("words".to_owned(), Words, RULES, 7)
}

fn begin(source: &Source<Words>, why: Why<'_>, now: Timestamp) -> Fetch {
    let (fetch, first) = source.begin(why, now).unwrap();
    assert_eq!(first, call("/first"));
    fetch
}

fn refused(source: &Source<Words>, why: Why<'_>, now: Timestamp) -> NotFetched {
    source.begin(why, now).unwrap_err()
}

fn ok(body: &str) -> Response<'_> {
    Response {
        status: Some(200),
        headers: &[],
        body: ResponseBody::Bytes(body.as_bytes()),
    }
}

/// Whether it changed, whether it was had, and what is logged of it.
fn done(progress: Progress) -> (bool, bool, Vec<String>) {
    match progress {
        Progress::Done { changed, ok, news } => {
            let lines = news.into_iter().map(|news| news.line);
            (changed, ok, lines.collect())
        }
        Progress::Follow(..) | Progress::Reading => panic!("it goes on"),
    }
}

fn fetch(source: &Source<Words>, body: &str, now: Timestamp) -> (bool, bool, Vec<String>) {
    let fetch = begin(source, Why::Absent, now);
    done(source.answer(fetch, &ok(body), now))
}

/// With `a b` from `NOW` on.
fn filled() -> Source<Words> {
    let source = source();
    let what = (true, true, vec!["ollama-gate: words: fetched".to_owned()]);
    assert_eq!(fetch(&source, "a b", NOW), what);
    source
}

fn value() -> Rc<Vec<String>> {
    Rc::new(vec!["a".to_owned(), "b".to_owned()])
}

#[test]
fn what_is_held_is_fresh_then_stale_then_gone() {
    assert_eq!(source().held(NOW), Cached::Nothing);
    let source = filled();
    assert_eq!(source.held(NOW), Cached::Fresh(value()));
    assert_eq!(source.held(NOW.plus(599)), Cached::Fresh(value()));
    assert_eq!(source.held(NOW.plus(600)), Cached::Stale(value()));
    assert_eq!(source.held(NOW.plus(3599)), Cached::Stale(value()));
    assert_eq!(source.held(NOW.plus(3600)), Cached::Nothing);
    assert_eq!(source.held(NOW), Cached::Nothing, "gone is gone");
}

#[test]
fn an_answer_makes_it_fresh_again_even_the_same_one() {
    let source = filled();
    assert_eq!(
        fetch(&source, "a b", NOW.plus(700)),
        (false, true, Vec::new())
    );
    assert_eq!(source.held(NOW.plus(1299)), Cached::Fresh(value()));
    assert_eq!(source.held(NOW.plus(700 + 3599)), Cached::Stale(value()));
    let (changed, had, lines) = fetch(&source, "b", NOW.plus(800));
    assert_eq!((changed, had), (true, true));
    assert_eq!(lines, ["ollama-gate: words: fetched, and changed"]);
}

#[test]
fn a_clock_that_was_put_back_makes_it_stale_and_keeps_it_usable() {
    let source = filled();
    let earlier = NOW.plus(-100_000);
    assert_eq!(source.held(earlier), Cached::Stale(value()));
    // From here on its age counts anew, the time in which it was fresh spent.
    assert_eq!(source.held(earlier.plus(2999)), Cached::Stale(value()));
    assert_eq!(source.held(earlier.plus(3000)), Cached::Nothing);
}

#[test]
fn a_clock_that_was_put_back_ends_every_wait() {
    let source = filled();
    let fetch = begin(&source, Why::Missing("x"), NOW);
    done(source.answer(fetch, &ok("a b"), NOW));
    source.note_missing("x", NOW);
    assert_eq!(
        refused(&source, Why::Missing("x"), NOW),
        NotFetched::Missing
    );
    begin(&source, Why::Missing("x"), NOW.plus(-1));
    let fetch = begin(&source, Why::Absent, NOW);
    done(source.answer(fetch, &Response::none(), NOW));
    assert!(!source.is_due(NOW));
    assert!(source.is_due(NOW.plus(-1)));
}

#[test]
fn so_many_are_under_way_and_no_more() {
    let source = source();
    let mut under_way: Vec<_> = (0..3).map(|_| begin(&source, Why::Absent, NOW)).collect();
    assert_eq!(refused(&source, Why::Absent, NOW), NotFetched::Busy);
    assert_eq!(refused(&source, Why::Missing("x"), NOW), NotFetched::Busy);
    // A client that goes away frees its place, and nothing else comes of it.
    drop(under_way.pop());
    under_way.push(begin(&source, Why::Absent, NOW));
    assert_eq!(refused(&source, Why::Absent, NOW), NotFetched::Busy);
    // So does an answer, a good one or none.
    let (first, second) = (under_way.remove(0), under_way.remove(0));
    done(source.answer(first, &ok("a b"), NOW));
    under_way.push(begin(&source, Why::Absent, NOW));
    done(source.answer(second, &Response::none(), NOW));
    drop(under_way);
    assert_eq!(source.in_flight.of_requests.get(), 0);
}

#[test]
fn clients_that_go_away_cannot_make_the_server_be_asked_ever_faster() {
    let rules = FetchRules {
        max_per_second: 5,
        ..RULES
    };
    let source = Source::new("words".to_owned(), Words, rules, 7);
    for _ in 0..5 {
        drop(begin(&source, Why::Absent, NOW));
    }
    assert_eq!(refused(&source, Why::Absent, NOW), NotFetched::Busy);
    assert_eq!(refused(&source, Why::Missing("x"), NOW), NotFetched::Busy);
    drop(begin(&source, Why::Absent, NOW.plus(1)));
    // A clock that was put back holds nobody up.
    drop(begin(&source, Why::Absent, NOW));
}

#[test]
fn a_call_that_follows_keeps_the_one_place() {
    let source = source();
    let first = begin(&source, Why::Absent, NOW);
    let Progress::Follow(second, next) = source.answer(first, &ok("-> /second"), NOW) else {
        panic!("it does not go on");
    };
    assert_eq!(
        (source.in_flight.of_requests.get(), *next),
        (1, call("/second"))
    );
    let (changed, had, _) = done(source.answer(second, &ok("a b"), NOW));
    assert_eq!(
        (changed, had, source.in_flight.of_requests.get()),
        (true, true, 0)
    );
}

#[test]
fn only_one_call_may_follow() {
    let source = source();
    let first = begin(&source, Why::Absent, NOW);
    let Progress::Follow(second, _) = source.answer(first, &ok("-> /second"), NOW) else {
        panic!("it does not go on");
    };
    let (_, had, lines) = done(source.answer(second, &ok("-> /third"), NOW));
    assert!(!had);
    assert!(
        lines[0].contains("it points to yet another address"),
        "{lines:?}"
    );
    assert_eq!(source.in_flight.of_requests.get(), 0);
}

#[test]
fn what_fails_at_the_second_step_is_told_with_its_step() {
    let source = source();
    let first = begin(&source, Why::Absent, NOW);
    let Progress::Follow(second, _) = source.answer(first, &ok("-> /second"), NOW) else {
        panic!("it does not go on");
    };
    let (_, had, lines) = done(source.answer(second, &ok("!"), NOW));
    assert!(!had);
    assert!(lines[0].contains("it is of no use at step 1"), "{lines:?}");
}

#[test]
fn what_is_no_answer_of_use_changes_nothing_and_says_why() {
    let bytes = |status| Response {
        status: Some(status),
        headers: &[],
        body: ResponseBody::Bytes(b"x y"),
    };
    let large = Response {
        status: Some(200),
        headers: &[],
        body: ResponseBody::TooLarge(10 << 20),
    };
    for (response, why) in [
        (Response::none(), "no answer came"),
        (
            Response {
                status: None,
                ..ok("x y")
            },
            "no answer came",
        ),
        (large, "the answer has 10485760 bytes, over 262144"),
        (bytes(301), "a redirect (301), which is not followed"),
        (bytes(302), "a redirect (302), which is not followed"),
        (bytes(399), "a redirect (399), which is not followed"),
        (bytes(100), "status 100"),
        (bytes(201), "status 201"),
        (bytes(204), "status 204"),
        (bytes(206), "status 206"),
        (bytes(400), "status 400"),
        (bytes(404), "status 404"),
        (bytes(500), "status 500"),
        (bytes(0), "status 0"),
        (ok("!"), "it is of no use at step 0"),
        (
            Response {
                body: ResponseBody::Bytes(b"\xff"),
                ..ok("")
            },
            "it is not text",
        ),
    ] {
        let source = filled();
        let fetch = begin(&source, Why::Stale, NOW.plus(600));
        let (changed, had, lines) = done(source.answer(fetch, &response, NOW.plus(600)));
        assert_eq!((changed, had, lines.len()), (false, false, 1), "{why}");
        let start = "ollama-gate: words: fetch failed: ";
        let end = "; the next attempt is in 1 s at the earliest";
        assert!(
            lines[0].starts_with(start) && lines[0].ends_with(end),
            "{response:?}: {lines:?}"
        );
        assert!(lines[0].contains(why), "{why}: {lines:?}");
        assert_eq!(source.held(NOW.plus(3599)), Cached::Stale(value()), "{why}");
        assert_eq!(source.held(NOW.plus(3600)), Cached::Nothing, "{why}");
    }
}

#[path = "validator_tests.rs"]
mod validator;
#[path = "waiting_tests.rs"]
mod waiting;
