//! What an answer says beside its body: whether the document is another one, for how long it holds, when to ask
//! again.

use super::super::super::{CONTENT_ENCODING, ETAG, RETRY_AFTER};
use super::*;

/// A text whose answers are read with every field, and whose refusals are read too.
#[derive(Debug, Default)]
struct Note {
    lifetime: Option<Lifetime>,
}

impl Document for Note {
    type Value = String;

    fn first(&self, _: Timestamp) -> Call {
        let body = b"which=all".to_vec();
        call("/note")
            .posting("application/x-www-form-urlencoded", body)
            .reading(&[ETAG, RETRY_AFTER, CONTENT_ENCODING])
            .of_at_most(10)
    }

    fn accepts(&self, status: u16) -> bool {
        matches!(status, 200 | 400)
    }

    fn read(&self, answer: &Answer<'_, String>) -> Result<Read<String>, String> {
        let text = String::from_utf8_lossy(answer.body).into_owned();
        if answer.status == 400 {
            return Err(format!(
                "the server says {text} at {}",
                answer.now.seconds()
            ));
        }
        if answer.held == Some(&text) {
            return Ok(Read::Unchanged);
        }
        Ok(Read::Value {
            value: text,
            warnings: Vec::new(),
            lifetime: self.lifetime,
        })
    }
}

fn note() -> Source<Note> {
    Source::new("note".to_owned(), Note::default(), RULES, 7)
}

/// The next fetch, answered so, and the validator that its call named.
fn ask(
    source: &Source<Note>,
    status: u16,
    headers: &[(&'static str, &str)],
    body: &str,
    now: Timestamp,
) -> (Option<String>, (bool, bool, Vec<String>)) {
    let (fetch, call) = source.begin(Why::Absent, now).unwrap();
    let named = call.headers().find(|(name, _)| *name == "if-none-match");
    let named = named.map(|(_, value)| value.to_owned());
    let headers: Vec<_> = headers
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    let response = Response {
        status: Some(status),
        headers: &headers,
        body: ResponseBody::Bytes(body.as_bytes()),
    };
    (named, done(source.answer(fetch, &response, now)))
}

#[test]
fn a_call_says_what_it_sends_and_what_it_reads() {
    let call = Note::default().first(NOW);
    assert_eq!(call.method(), "POST");
    assert_eq!(call.body(), Some(&b"which=all"[..]));
    assert_eq!(call.expected().max_bytes, 10);
    assert_eq!(
        call.expected().headers,
        [ETAG, RETRY_AFTER, CONTENT_ENCODING]
    );
    let types: Vec<_> = call
        .headers()
        .filter(|(name, _)| *name == "content-type")
        .collect();
    assert_eq!(
        types,
        [("content-type", "application/x-www-form-urlencoded")]
    );
}

#[test]
fn what_has_a_validator_is_asked_for_by_it_and_304_makes_it_fresh_again() {
    let source = note();
    let (named, (changed, ok, _)) = ask(&source, 200, &[(ETAG, "\"1\"")], "a", NOW);
    assert_eq!((named, changed, ok), (None, true, true));
    let later = NOW.plus(3000);
    let (named, answered) = ask(&source, 304, &[], "", later);
    assert_eq!(named.as_deref(), Some("\"1\""));
    assert_eq!(answered, (false, true, Vec::new()));
    assert_eq!(
        source.held(later.plus(599)),
        Cached::Fresh(Rc::new("a".to_owned()))
    );
    // Named again, although the 304 did not repeat it.
    let (named, (changed, ..)) = ask(&source, 200, &[(ETAG, "\"2\"")], "b", later);
    assert_eq!((named.as_deref(), changed), (Some("\"1\""), true));
    let (named, _) = ask(&source, 200, &[], "c", later);
    assert_eq!(named.as_deref(), Some("\"2\""));
    let (named, _) = ask(&source, 200, &[], "c", later);
    assert_eq!(named, None, "the last one had none");
}

#[test]
fn a_304_that_nobody_asked_for_is_no_answer() {
    let source = note();
    let (_, (changed, worked, lines)) = ask(&source, 304, &[(ETAG, "\"1\"")], "", NOW);
    assert_eq!((changed, worked), (false, false));
    assert!(lines[0].contains("(304), of another document"), "{lines:?}");
    assert_eq!(source.held(NOW), Cached::Nothing);
    // Without a validator there is nothing that it could speak of.
    let source = note();
    ask(&source, 200, &[], "a", NOW);
    let (named, (_, worked, _)) = ask(&source, 304, &[], "", NOW);
    assert_eq!((named, worked), (None, false));
    // It speaks of what was held when it was asked, and that is another one by now.
    let source = note();
    ask(&source, 200, &[(ETAG, "\"1\"")], "a", NOW);
    let (older, _) = source.begin(Why::Absent, NOW).unwrap();
    let (newer, _) = source.begin(Why::Absent, NOW).unwrap();
    let tag = [(ETAG, "\"2\"".to_owned())];
    let response = Response {
        headers: &tag,
        ..ok("b")
    };
    done(source.answer(older, &response, NOW));
    let nothing_new = Response {
        status: Some(304),
        ..ok("")
    };
    let (_, ok, _) = done(source.answer(newer, &nothing_new, NOW));
    assert!(!ok);
}

#[test]
fn a_304_with_the_validator_of_another_document_has_all_of_it_asked_for_the_next_time() {
    for (said, named_next) in [
        ("\"1\"", Some("\"1\"")),
        ("W/\"1\"", Some("W/\"1\"")),
        ("\"2\"", None),
    ] {
        let source = note();
        ask(&source, 200, &[(ETAG, "\"1\"")], "a", NOW);
        let (_, (changed, worked, _)) = ask(&source, 304, &[(ETAG, said)], "", NOW);
        // With another one the server contradicts itself: it was asked about the first.
        assert_eq!((changed, worked), (false, said != "\"2\""), "{said}");
        let (named, _) = ask(&source, 200, &[(ETAG, "\"2\"")], "b", NOW.plus(400));
        assert_eq!(named.as_deref(), named_next, "{said}");
        assert_eq!(
            source.held(NOW.plus(400)),
            Cached::Fresh(Rc::new("b".to_owned())),
            "{said}"
        );
    }
}

#[test]
fn a_validator_that_cannot_be_sent_back_is_none() {
    for odd in ["", "\"a b\"", "\"\r\nx: y\"", &"e".repeat(257)] {
        let source = note();
        ask(&source, 200, &[(ETAG, odd)], "a", NOW);
        assert_eq!(ask(&source, 200, &[], "a", NOW).0, None, "{odd:?}");
    }
}

#[test]
fn a_document_may_say_that_it_is_the_one_that_is_held() {
    let source = note();
    ask(&source, 200, &[], "a", NOW);
    let (_, answered) = ask(&source, 200, &[(ETAG, "\"9\"")], "a", NOW.plus(700));
    assert_eq!(answered, (false, true, Vec::new()));
    assert!(matches!(source.held(NOW.plus(1299)), Cached::Fresh(_)));
    let (named, _) = ask(&source, 304, &[], "", NOW);
    assert_eq!(named.as_deref(), Some("\"9\""));
}

#[test]
fn an_answer_is_read_whose_status_the_document_accepts() {
    let (_, (_, ok, lines)) = ask(&note(), 400, &[], "no", NOW);
    assert!(
        !ok && lines[0].contains("the server says no at 1700000000"),
        "{lines:?}"
    );
    let (_, (_, ok, lines)) = ask(&note(), 401, &[], "no", NOW);
    assert!(!ok && lines[0].contains("status 401"), "{lines:?}");
}

#[test]
fn what_is_compressed_is_not_taken_for_text() {
    for (coding, fits) in [
        ("gzip", false),
        ("br", false),
        ("", false),
        ("Identity", true),
    ] {
        let (_, (_, ok, _)) = ask(&note(), 200, &[(CONTENT_ENCODING, coding)], "a", NOW);
        assert_eq!(ok, fits, "{coding}");
    }
}

#[test]
fn a_server_that_says_when_to_come_back_is_left_alone_until_then() {
    for (said, seconds) in [
        ("20", 20),
        (" 7 ", 7),
        ("99999", 300),
        ("soon", 1),
        ("-5", 1),
    ] {
        let source = note();
        ask(&source, 503, &[(RETRY_AFTER, said)], "", NOW);
        let unavailable = NotFetched::Unavailable {
            retry_after: seconds,
        };
        let refused = source.begin(Why::Absent, NOW).unwrap_err();
        assert_eq!(refused, unavailable, "{said}");
    }
}

#[test]
fn a_document_that_says_for_how_long_it_holds_is_believed() {
    let lifetime = Some(Lifetime {
        fresh: 20,
        used: 30,
    });
    let source = Source::new("note".to_owned(), Note { lifetime }, RULES, 7);
    ask(&source, 200, &[], "a", NOW);
    assert!(matches!(source.held(NOW.plus(19)), Cached::Fresh(_)));
    assert!(matches!(source.held(NOW.plus(29)), Cached::Stale(_)));
    let due = |seconds| source.begin(Why::Prefetch, NOW.plus(seconds)).is_ok();
    assert!(!due(14) && due(15));
    assert_eq!(source.held(NOW.plus(30)), Cached::Nothing);
}

#[test]
fn workers_fetch_at_different_times_and_each_before_it_is_stale() {
    let rules = FetchRules {
        spread: true,
        ..RULES
    };
    let due = |seed| {
        let source = Source::new("note".to_owned(), Note::default(), rules, seed);
        ask(&source, 200, &[], "a", NOW);
        let is_due = |seconds: &i64| source.begin(Why::Prefetch, NOW.plus(*seconds)).is_ok();
        (0..700).find(is_due).unwrap()
    };
    let times: std::collections::HashSet<_> = (0..16).map(due).collect();
    assert!(
        times.iter().all(|time| (450..600).contains(time)),
        "{times:?}"
    );
    assert!(times.len() > 8, "{times:?}");
}

#[test]
fn a_server_that_keeps_failing_is_asked_as_often_as_the_rules_say() {
    let rules = FetchRules {
        max_back_off: 4,
        ..RULES
    };
    let source = Source::new("note".to_owned(), Note::default(), rules, 7);
    let mut now = NOW;
    for _ in 0..12 {
        ask(&source, 500, &[], "", now);
        now = now.plus(5);
    }
}
