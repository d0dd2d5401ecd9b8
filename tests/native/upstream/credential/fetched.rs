//! What is fetched is used until it has ended, replaced without a gap, and waited for where there is none.

use super::kinds::{BAD, KINDS, Kind, SECRET};
use super::{OWN, respond};
use crate::world::{KEY, Request, World};

const OTHER: &str = "front-other-91e2d7ab40c3";
const REFUSED: [(&str, &str); 1] = [(":status", "401")];

fn ask(world: &World) -> Request {
    world.ask_with("/api/tags", &[("x-api-key", KEY)])
}

/// The credential that a request carries which comes now and does not wait.
#[track_caller]
fn carried(world: &World) -> String {
    let request = ask(world);
    assert_eq!(request.verdict().0, 200, "{:?}", request.verdict());
    own(&request)
}

fn own(request: &Request) -> String {
    let seen = request.seen.as_ref().unwrap();
    let values = seen.upstream_values("authorization");
    assert_eq!(values.len(), 1, "{values:?}");
    values[0].strip_prefix("Bearer ").unwrap().to_owned()
}

#[track_caller]
fn unavailable(request: &Request, kind: &str) {
    let verdict = request.verdict();
    assert_eq!(
        verdict,
        (503, "upstream_credential_unavailable".into()),
        "{kind}"
    );
    assert!(request.reply_header("retry-after").is_some(), "{kind}");
}

/// A world in which a tick has fetched this answer.
fn filled(kind: &Kind, body: &str) -> World {
    let mut world = World::new(&kind.configuration());
    assert!(world.configured, "{}: {:?}", kind.name, world.errors());
    world.tick();
    answer(&mut world, 200, body);
    world
}

/// The last call of the root context is answered.
fn answer(world: &mut World, status: u16, body: &str) {
    world.answer_root(world.call_count(), status, body.as_bytes());
}

/// Ticks until there is a call, for so many seconds at the most. Whether there was one.
fn ticks(world: &mut World, seconds: i64) -> bool {
    let before = world.call_count();
    (0..seconds).any(|_| {
        world.wait(1);
        world.tick();
        world.call_count() > before
    })
}

#[test]
fn a_tick_fetches_it_before_any_request_and_each_carries_it() {
    for kind in KINDS {
        let world = filled(&kind, &(kind.good)(OWN));
        assert_eq!(carried(&world), OWN, "{}", kind.name);
        assert_eq!(world.call_count(), 1, "{}", kind.name);
    }
}

#[test]
fn a_request_that_comes_first_waits_for_its_own_fetch_and_goes_on_with_it() {
    for kind in KINDS {
        for (path, fields) in [
            ("/api/tags", &[("x-api-key", KEY)][..]),
            ("/api/version", &[]),
        ] {
            let world = World::new(&kind.configuration());
            let mut request = world.ask_with(path, fields);
            assert_eq!(
                request.verdict(),
                (0, "waits".into()),
                "{} {path}",
                kind.name
            );
            request.answer(200, (kind.good)(OWN).as_bytes());
            assert_eq!(own(&request), OWN, "{} {path}", kind.name);
        }
    }
}

#[test]
fn nobody_who_is_refused_makes_the_gate_fetch_it() {
    for kind in KINDS {
        let world = World::new(&kind.configuration());
        for (path, fields) in [
            ("/api/tags", &[("x-api-key", "sk-unknown-0123456789")][..]),
            ("/api/tags", &[]),
            ("/api/delete", &[("x-api-key", KEY)]),
            ("/api/none", &[("x-api-key", KEY)]),
        ] {
            let request = world.ask_with(path, fields);
            assert!(request.verdict().0 >= 400, "{} {path}", kind.name);
        }
        assert_eq!(world.call_count(), 0, "{}", kind.name);
    }
}

#[test]
fn requests_that_wait_at_a_time_are_bounded_and_the_others_come_again() {
    let world = World::new(&KINDS[2].configuration());
    let waiting: Vec<_> = (0..16).map(|_| ask(&world)).collect();
    assert!(waiting.iter().all(|one| one.verdict().1 == "waits"));
    let over = ask(&world);
    unavailable(&over, "over");
    assert_eq!(over.reply_header("retry-after").as_deref(), Some("1"));
    assert_eq!(world.call_count(), 16);
}

/// Faults, against every kind: the first credential is not had, and the last good one is kept.
#[test]
fn what_is_no_credential_replaces_none_and_lets_nobody_in() {
    for kind in KINDS {
        let bodies = BAD
            .iter()
            .chain(kind.bad)
            .map(|body| (200, (*body).to_owned()));
        let cut = (kind.good)(OWN);
        let cut = (1..cut.len()).map(|end| (200, cut[..end].to_owned()));
        // What is cut of a bare text is another text: only an end that is named could show it.
        let cut = cut.filter(|_| kind.name != "text");
        let statuses = [
            204, 301, 302, 304, 307, 400, 401, 403, 404, 429, 500, 502, 503,
        ];
        let statuses = statuses.map(|status| (status, (kind.good)(OTHER)));
        let ended = (200, (kind.ending)(OTHER, 0));
        let large = (200, (kind.good)(&"x".repeat(9000)));
        let larger = (200, (kind.good)(&"x".repeat(100_000)));
        let faults = bodies
            .chain(cut)
            .chain(statuses)
            .chain([ended, large, larger]);
        for (status, body) in faults {
            let shown: String = body.chars().take(60).collect();
            let row = format!("{}: {status} {shown:?}", kind.name);
            let world = World::new(&kind.configuration());
            let mut request = ask(&world);
            request.answer(status, body.as_bytes());
            unavailable(&request, &row);
            assert_eq!(world.counted("ollama_gate_fetch_failed_total"), 1, "{row}");

            let mut world = filled(&kind, &(kind.good)(OWN));
            assert!(ticks(&mut world, 600), "{row}: never fetched anew");
            answer(&mut world, status, &body);
            assert_eq!(carried(&world), OWN, "{row}");
            let said = world
                .gateway
                .0
                .lines
                .borrow()
                .iter()
                .map(|(_, line)| line.clone())
                .collect::<String>();
            for secret in [OWN, OTHER, SECRET] {
                assert!(!said.contains(secret), "{row}: {said}");
            }
        }
    }
}

#[test]
fn no_answer_and_one_that_was_not_read_are_faults_too() {
    for kind in KINDS {
        let world = World::new(&kind.configuration());
        let mut request = ask(&world);
        request.answer_of_size(None, b"", 0);
        unavailable(&request, kind.name);
        let world = World::new(&kind.configuration());
        let mut request = ask(&world);
        request.answer_of_size(Some(200), b"", 1 << 30);
        unavailable(&request, kind.name);
    }
}

#[test]
fn it_is_used_until_it_has_ended_then_503_says_so_and_it_recovers_by_itself() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.ending)(OWN, 100));
        let first = carried(&world);
        // A tenth of it, five seconds at the most, is for the way to the front.
        for second in 1..95 {
            world.wait(1);
            let before = world.call_count();
            world.tick();
            if world.call_count() > before {
                answer(&mut world, 500, "down");
            }
            assert_eq!(carried(&world), first, "{} {second}", kind.name);
        }
        world.wait(1);
        let mut request = ask(&world);
        if request.verdict().1 == "waits" {
            request.answer(500, b"down");
        }
        unavailable(&request, kind.name);
        let text = format!("{}", request.seen.as_ref().unwrap().body());
        assert!(
            text.contains("the last one has expired"),
            "{}: {text}",
            kind.name
        );
        assert!(
            ticks(&mut world, 60),
            "{}: it is not asked again",
            kind.name
        );
        let later = world.gateway.0.seconds.get() - crate::world::NOW + 100;
        answer(&mut world, 200, &(kind.ending)(OTHER, later));
        assert!(carried(&world).ends_with(OTHER), "{}", kind.name);
    }
}

#[test]
fn another_one_takes_its_place_with_the_next_request() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.good)(OWN));
        assert!(ticks(&mut world, 600), "{}", kind.name);
        assert_eq!(carried(&world), OWN, "{}: while it is fetched", kind.name);
        answer(&mut world, 200, &(kind.good)(OTHER));
        let lines = world.lines_with("upstream_credential_changed");
        assert!(
            lines
                .last()
                .is_some_and(|line| line.contains("\"generation\":\"2\"")),
            "{lines:?}"
        );
        assert_eq!(carried(&world), OTHER, "{}", kind.name);
    }
}

#[test]
fn the_line_of_a_change_says_when_a_credential_ends_that_says_so_and_else_nothing() {
    for kind in KINDS {
        let world = filled(&kind, &(kind.ending)(OWN, 600));
        let lines = world.lines_with("upstream_credential_changed");
        assert!(
            lines[0].contains("\"expires_at\":"),
            "{}: {lines:?}",
            kind.name
        );
    }
    let kept = KINDS.iter().find(|kind| kind.name == "text").unwrap();
    let world = filled(kept, OWN);
    let lines = world.lines_with("upstream_credential_changed");
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].contains("expires_at"), "{lines:?}");
}

#[test]
fn a_refresh_comes_before_the_end_and_no_more_often_than_that() {
    for kind in KINDS {
        for (lifetime, least) in [(20, 5), (600, 5), (3600, 20)] {
            let mut world = filled(&kind, &(kind.ending)(OWN, lifetime));
            let start = world.gateway.0.seconds.get();
            assert!(ticks(&mut world, lifetime), "{} {lifetime}", kind.name);
            let after = world.gateway.0.seconds.get() - start;
            assert!(
                after >= least && after < lifetime,
                "{} {lifetime}: {after}",
                kind.name
            );
        }
    }
}

#[test]
fn a_refusal_by_the_front_fetches_it_once_in_a_cool_down() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.good)(OWN));
        for _ in 0..50 {
            assert!(
                respond(&world, "/api/tags", &[("x-api-key", KEY)], &REFUSED)
                    .reply
                    .is_some(),
                "{}",
                kind.name
            );
        }
        world.tick();
        assert_eq!(world.call_count(), 2, "{}: one early fetch", kind.name);
        answer(&mut world, 200, &(kind.good)(OWN));
        for second in 1..30 {
            let _ = respond(&world, "/api/tags", &[("x-api-key", KEY)], &REFUSED);
            world.wait(1);
            if second < 20 {
                world.tick();
                assert_eq!(world.call_count(), 2, "{} after {second} s", kind.name);
            }
        }
        world.wait(1);
        world.tick();
        assert_eq!(
            world.call_count(),
            3,
            "{}: and another one after it",
            kind.name
        );
    }
}

#[test]
fn strangers_and_refusals_of_an_older_one_are_no_reason_to_fetch_it() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.good)(OWN));
        for _ in 0..20 {
            let came = respond(&world, "/api/version", &[], &REFUSED);
            assert_eq!(came.answer().0, 502, "{}", kind.name);
        }
        world.tick();
        assert_eq!(world.call_count(), 1, "{}", kind.name);
        // A request that carried the old one is answered when there is a new one.
        let late = ask(&world);
        assert_eq!(own(&late), OWN, "{}", kind.name);
        assert!(ticks(&mut world, 600), "{}", kind.name);
        let count = world.call_count();
        answer(&mut world, 200, &(kind.good)(OTHER));
        let head = vec![(":status".to_owned(), "401".to_owned())];
        *world.gateway.0.response.borrow_mut() = head;
        late.response_head();
        world.tick();
        assert_eq!(world.call_count(), count, "{}", kind.name);
    }
}

/// Without ticks one caller carries the refresh, the others go on with what is there, and strangers carry none.
#[test]
fn without_ticks_one_known_caller_carries_the_refresh() {
    for kind in KINDS {
        let world = World::apisix(&kind.on_apisix());
        assert!(world.configured, "{}: {:?}", kind.name, world.errors());
        let fields = [("x-api-key", KEY), ("host", "gate.example")];
        let ask = || world.ask_with("/api/tags", &fields);
        let mut first = ask();
        first.answer(200, (kind.ending)(OWN, 100).as_bytes());
        let held = own(&first);
        world.wait(70);
        let stranger = world.ask_with("/api/version", &[("host", "gate.example")]);
        assert_eq!(
            own(&stranger),
            held,
            "{}: a stranger waits for nothing",
            kind.name
        );
        let mut carrier = ask();
        assert_eq!(carrier.verdict().1, "waits", "{}", kind.name);
        let other = ask();
        assert_eq!(own(&other), held, "{}: others wait for nothing", kind.name);
        carrier.answer(500, b"");
        assert_eq!(
            own(&carrier),
            held,
            "{}: it goes on with the old one",
            kind.name
        );
        world.wait(31);
        let mut late = ask();
        assert_eq!(
            late.verdict().1,
            "waits",
            "{}: the old one has ended",
            kind.name
        );
        late.answer(200, (kind.ending)(OTHER, 300).as_bytes());
        assert!(own(&late).ends_with(OTHER), "{}", kind.name);
        // A refusal by the front is carried in the same way.
        let _ = respond(&world, "/api/tags", &fields[..1], &REFUSED);
        let mut doubting = ask();
        assert_eq!(doubting.verdict().1, "waits", "{}", kind.name);
        doubting.answer(200, (kind.ending)(OTHER, 300).as_bytes());
        let _ = respond(&world, "/api/tags", &fields[..1], &REFUSED);
        assert_eq!(
            ask().verdict().0,
            200,
            "{}: within the cool-down",
            kind.name
        );
    }
}

#[test]
fn a_clock_that_jumps_back_an_hour_ends_nothing_and_has_it_fetched_anew() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.ending)(OWN, 600));
        let held = carried(&world);
        world.wait(-3600);
        assert_eq!(carried(&world), held, "{}", kind.name);
        world.tick();
        assert_eq!(world.call_count(), 2, "{}", kind.name);
    }
}

#[test]
fn a_source_that_flaps_every_second_is_asked_ever_more_seldom_and_no_request_fails() {
    for kind in KINDS {
        let mut world = filled(&kind, &(kind.good)(OWN));
        let (mut good, mut calls) = (false, 0);
        for _ in 0..600 {
            let before = world.call_count();
            world.wait(1);
            world.tick();
            if world.call_count() > before {
                calls += 1;
                let status = if good { 200 } else { 500 };
                good = !good;
                answer(&mut world, status, &(kind.good)(OWN));
            }
            assert_eq!(carried(&world), OWN, "{}", kind.name);
        }
        assert!(calls < 60, "{}: {calls} calls in ten minutes", kind.name);
    }
}

#[test]
fn a_client_that_leaves_gives_up_its_fetch_and_no_other() {
    for kind in KINDS {
        let world = World::new(&kind.configuration());
        let gone = ask(&world);
        assert_eq!(gone.verdict().1, "waits", "{}", kind.name);
        let mut other = ask(&world);
        drop(gone);
        other.answer(200, (kind.good)(OWN).as_bytes());
        assert_eq!(own(&other), OWN, "{}", kind.name);
    }
}

#[test]
fn an_answer_that_comes_late_does_not_replace_a_newer_one() {
    let kind = &KINDS[2];
    let mut world = World::new(&kind.configuration());
    let mut slow = ask(&world);
    world.tick();
    answer(&mut world, 200, &(kind.good)(OTHER));
    slow.answer(200, (kind.good)(OWN).as_bytes());
    assert_eq!(own(&slow), OTHER);
    assert_eq!(carried(&world), OTHER);
}

#[test]
fn in_report_mode_no_request_waits_for_it() {
    for kind in KINDS {
        let mut reporting = kind.configuration();
        reporting["mode"] = serde_json::json!("report");
        let world = World::new(&reporting);
        let request = ask(&world);
        assert_eq!(request.verdict().0, 200, "{}", kind.name);
        assert_eq!(world.call_count(), 0, "{}", kind.name);
    }
}
