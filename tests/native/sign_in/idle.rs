//! Sessions that end when nobody uses them.

use super::sessions::{fetched, signed_in};
use super::*;
use crate::world::KEY;

const HALF_AN_HOUR: i64 = 1800;

fn idle() -> (World, Provider, Browser) {
    signed_in(
        json!({ "idle_timeout": "30m", "cookie_expire": "2h" }),
        json!({}),
    )
}

#[test]
fn a_session_that_nobody_uses_ends() {
    let (world, provider, mut browser) = idle();
    world.wait(HALF_AN_HOUR - 1);
    assert_eq!(
        fetched(&world, &provider, &mut browser.clone(), "GET", "/api/tags").0,
        200
    );
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    assert_eq!(browser.go(&world, &provider, "/.gate/whoami").status(), 401);
    assert_eq!(browser.go(&world, &provider, "/api/tags").status(), 303);
}

#[test]
fn a_session_that_is_used_goes_on_to_its_own_end() {
    let (world, provider, mut browser) = idle();
    let first = browser.cookies[SESSION].clone();
    // Two hours, in steps of 25 minutes.
    for step in 1..=4 {
        world.wait(1500);
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 200, "{step}");
    }
    assert_ne!(browser.cookies[SESSION], first);
    world.wait(1199);
    assert_eq!(
        fetched(&world, &provider, &mut browser, "GET", "/api/tags").0,
        200
    );
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(
        verdict,
        (401, "expired_session".to_owned()),
        "whoever uses it"
    );
    // A copy from before says when that was used.
    browser.cookies.insert(SESSION.to_owned(), first);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
}

#[test]
fn the_note_that_a_session_is_used_costs_a_cookie_a_minute_at_the_most() {
    let (world, provider, mut browser) = idle();
    let mut told = 0;
    for second in 0..600 {
        let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
        assert_eq!(answer.status(), 200, "{second}");
        told += answer.passed("set-cookie").len();
        assert!(answer.asked.is_empty());
        world.wait(1);
    }
    assert_eq!(told, 9);
}

#[test]
fn a_response_that_carries_a_session_is_kept_by_no_cache() {
    let (world, provider, mut browser) = idle();
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(answer.passed("cache-control"), ["public, max-age=3600"]);
    world.wait(60);
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(answer.passed("set-cookie").len(), 1);
    assert_eq!(answer.passed("cache-control"), ["no-store"]);
    assert_eq!(answer.passed("vary"), ["Accept"]);
}

#[test]
fn a_request_that_is_refused_or_brings_another_credential_does_not_use_a_session() {
    let (world, provider, mut browser) = idle();
    world.wait(600);
    let bearer = format!("Bearer {KEY}");
    for (method, target, fields, status) in [
        (
            "GET",
            "/api/tags",
            vec![("origin", "https://evil.example")],
            403,
        ),
        ("DELETE", "/api/delete", vec![], 403),
        (
            "GET",
            "/api/tags",
            vec![("authorization", bearer.as_str())],
            200,
        ),
    ] {
        let before = browser.cookies.clone();
        let answer = browser.send(&world, &provider, method, target, &fields);
        assert_eq!(answer.status(), status, "{method} {target} {fields:?}");
        assert_eq!(browser.cookies, before, "{method} {target} {fields:?}");
    }
}

#[test]
fn where_nothing_is_enforced_no_cookie_is_set() {
    let mut configuration = with_login(json!({ "idle_timeout": "30m" }));
    let (_, provider, mut browser) = idle();
    configuration["mode"] = json!("report");
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    world.wait(600);
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(
        answer.response,
        RESPONSE.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
}

#[test]
fn the_file_of_the_module_that_sees_no_responses_refuses_it() {
    for (login, good) in [(json!({ "idle_timeout": "30m" }), false), (json!({}), true)] {
        let gateway = Gateway::default();
        gateway.0.has_fewer_exports.set(true);
        let world = World::on(gateway, with_login(login).to_string().as_bytes());
        let errors = world.errors();
        assert_eq!(errors.is_empty(), good, "{errors:?}");
        assert!(
            good || errors[0].starts_with("login.idle_timeout: needs the callbacks"),
            "{errors:?}"
        );
    }
}
