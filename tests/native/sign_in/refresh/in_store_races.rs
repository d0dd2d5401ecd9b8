//! Gates that share a store, and refresh one session at the same time; a store that fails in between.

use super::in_store::{code, due, refreshes, stored, verdict};
use super::*;

/// Answers what `request` waits for until it waits for `word`.
pub(super) fn until(world: &World, provider: &Provider, request: &mut Request, word: &str) {
    let waits_for = |request: &Request| {
        let (_, call) = request.waits_for.as_ref().unwrap();
        let body = String::from_utf8_lossy(call.body().unwrap_or_default()).into_owned();
        match call.url().path() {
            "/" if body.contains("KEEPTTL") => "save".to_owned(),
            "/" if body.contains("newer") => "claim".to_owned(),
            path => path.to_owned(),
        }
    };
    while waits_for(request) != word {
        provider.serve_one(&world.gateway, request);
    }
}

pub(super) fn lease() -> i64 {
    4 * 5 + 5 + 4 * 2
}

/// Two gates at the same time.
pub(super) fn wait(worlds: [&World; 2], seconds: i64) {
    for world in worlds {
        world.wait(seconds);
    }
}

/// Two gates, and somebody whose session is due at both.
pub(super) fn two() -> (World, World, Provider, Browser) {
    let (world, provider, browser) = due(stored());
    let other = replica(&world, stored());
    (world, other, provider, browser)
}

#[test]
fn two_gates_that_refresh_a_session_at_the_same_moment_make_one_refresh() {
    for late in [0, 60, 3600] {
        let (world, other, provider, browser) = two();
        wait([&world, &other], late);
        let mut first = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut first, "/token");
        // The other one goes on with what it has.
        for _ in 0..3 {
            assert_eq!(verdict(&other, &provider, &browser).0, 200, "{late}");
        }
        let first = browser.clone().finish(&world, &provider, first);
        assert_eq!(first.status(), 200, "{late}");
        assert_eq!(verdict(&other, &provider, &browser).0, 200, "{late}");
        assert_eq!(refreshes(&provider), (1, 0), "{late}");
    }
}

#[test]
fn whoever_has_read_a_session_before_it_was_refreshed_goes_on_with_the_new_one() {
    let (world, other, provider, browser) = two();
    let mut late = browser.ask(&other, "GET", "/api/tags", &[]);
    until(&other, &provider, &mut late, "claim");
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    let late = browser.clone().finish(&other, &provider, late);
    assert_eq!((late.status(), late.asked), (200, vec!["claim".to_owned()]));
    assert_eq!(refreshes(&provider), (1, 0));
}

#[test]
fn a_provider_that_is_slow_has_no_second_gate_use_the_same_token() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    let (world, provider, browser) = due(login.clone());
    let other = replica(&world, login);
    let mut first = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut first, "/token");
    let mut asked_for = Vec::new();
    // Each answer comes in the last moment, and the store's too: longer than the lock lasts that was taken at first.
    while first.waits_for.is_some() {
        for _ in 0..4 {
            wait([&world, &other], 1);
            assert_eq!(verdict(&other, &provider, &browser).0, 200);
        }
        asked_for.push(provider.serve_one(&world.gateway, &mut first));
        wait([&world, &other], 1);
    }
    assert_eq!(asked_for, ["/token", "save", "/me", "save"]);
    assert_eq!(browser.clone().receive(first, asked_for).status(), 200);
    assert_eq!(refreshes(&provider), (1, 0));
}

#[test]
fn a_lock_lasts_longer_once_the_tokens_are_safe() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    let (world, provider, browser) = due(login);
    let until_when = || provider.webdis.locks.borrow().values().next().unwrap().1;
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    let first = until_when();
    world.wait(20);
    until(&world, &provider, &mut request, "/me");
    assert_eq!(until_when(), first + 20);
}

#[test]
fn a_session_that_is_ended_while_it_is_refreshed_stays_so() {
    for (at, is_down) in [
        ("claim", false),
        ("/token", false),
        ("/token", true),
        ("save", false),
    ] {
        let (world, provider, browser) = due(stored());
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, at);
        provider.webdis.sessions.borrow_mut().clear();
        // Whatever the provider says.
        if is_down {
            *provider.grants.answer.borrow_mut() = Some((500, Vec::new()));
        }
        let answer = browser.clone().finish(&world, &provider, request);
        let seen = (answer.status(), answer.code().to_owned());
        assert_eq!(seen, code(401, "invalid_session"), "{at}");
        assert!(provider.webdis.sessions.borrow().is_empty(), "{at}");
        let gone = verdict(&world, &provider, &browser);
        assert_eq!(gone, code(401, "invalid_session"), "{at}");
    }
}

#[test]
fn whoever_signs_out_while_the_session_is_refreshed_is_out() {
    let (world, provider, mut browser) = due(stored());
    let copy = browser.clone();
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    sign_out(&world, &provider, &mut browser);
    let answer = browser.finish(&world, &provider, request);
    assert_eq!(answer.status(), 401);
    assert!(browser.cookies.is_empty(), "{browser:?}");
    assert_eq!(verdict(&world, &provider, &copy).0, 401);
}

#[test]
fn a_gate_whose_lock_has_lapsed_overwrites_nothing() {
    let (world, other, provider, browser) = two();
    provider.grants.rotates.set(false);
    let mut slow = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut slow, "save");
    wait([&world, &other], lease());
    // Another one has refreshed it meanwhile, or is at it.
    for is_done in [false, true] {
        let mut next = browser.ask(&other, "GET", "/api/tags", &[]);
        if is_done {
            browser.clone().finish(&other, &provider, next);
        } else {
            until(&other, &provider, &mut next, "/token");
            drop(next);
            wait([&world, &other], lease());
        }
    }
    let newest = provider.webdis.only().1;
    let answer = browser.clone().finish(&world, &provider, slow);
    assert_eq!(
        (answer.status(), answer.asked),
        (200, vec!["save".to_owned()])
    );
    assert_eq!(provider.webdis.only().1, newest);
}

#[test]
fn what_came_late_is_kept_while_nobody_else_has_begun() {
    let (world, provider, browser) = due(stored());
    let mut slow = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut slow, "save");
    world.wait(10 * lease());
    assert_eq!(
        browser.clone().finish(&world, &provider, slow).status(),
        200
    );
    // By a token that is not used up.
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(refreshes(&provider).1, 0);
}

#[test]
fn a_store_that_is_gone_after_the_provider_has_answered_is_told_when_it_is_back() {
    let (world, other, provider, browser) = two();
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "save");
    *provider.webdis.answer.borrow_mut() = Some(None);
    let answer = browser.clone().finish(&world, &provider, request);
    let seen = (answer.status(), answer.code().to_owned());
    assert_eq!(seen, code(503, "session_store_unavailable"));
    assert_eq!(answer.asked, ["save"; 3], "it is tried three times");
    *provider.webdis.answer.borrow_mut() = None;
    // The lock lasts for a while, and no other gate asks the provider meanwhile.
    assert_eq!(verdict(&other, &provider, &browser).0, 200);
    let back = asked(&world, &provider, &mut browser.clone());
    assert_eq!(back, (200, ["load", "save"].map(str::to_owned).into()));
    assert!(provider.webdis.locks.borrow().is_empty());
    assert_eq!(refreshes(&provider), (1, 0));
    world.wait(240);
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(refreshes(&provider), (2, 0));
}

#[test]
fn an_answer_of_the_store_that_is_lost_costs_nothing() {
    let (world, provider, browser) = due(stored());
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "save");
    // It does what it is asked, and nobody hears of it.
    provider.webdis.is_deaf.set(true);
    *provider.webdis.answer.borrow_mut() = Some(None);
    provider.serve_one(&world.gateway, &mut request);
    *provider.webdis.answer.borrow_mut() = None;
    let answer = browser.clone().finish(&world, &provider, request);
    assert_eq!(
        (answer.status(), answer.asked),
        (200, vec!["save".to_owned()])
    );
    assert!(provider.webdis.locks.borrow().is_empty());
    world.wait(240);
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(refreshes(&provider), (2, 0));
}

#[test]
fn a_store_that_does_not_say_who_refreshes_a_session_stops_it() {
    for answer in [
        None,
        Some((200, br#"{"EVAL":[false,"ERR x"]}"#.to_vec())),
        Some((200, br#"{"EVAL":["taken","x"]}"#.to_vec())),
        Some((200, br#"{"EVAL":["held"]}"#.to_vec())),
        Some((200, br#"{"EVAL":1}"#.to_vec())),
    ] {
        let (world, provider, browser) = due(stored());
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "claim");
        *provider.webdis.answer.borrow_mut() = Some(answer.clone());
        let refused = browser.clone().finish(&world, &provider, request);
        let seen = (refused.status(), refused.code().to_owned());
        assert_eq!(seen, code(503, "session_store_unavailable"), "{answer:?}");
        assert_eq!(refreshes(&provider), (0, 0), "{answer:?}");
    }
}

#[test]
fn whoever_was_locked_out_does_not_stay_in_by_breaking_off_the_question() {
    let (world, other, provider, browser) = two();
    provider.grants.end();
    wait([&world, &other], 3600);
    let break_off = || {
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "/token");
        drop(request);
    };
    // One is forgiven: pages are closed all the time.
    break_off();
    assert_eq!(verdict(&other, &provider, &browser).0, 200);
    wait([&world, &other], lease());
    break_off();
    for _ in 0..5 {
        wait([&world, &other], lease());
        break_off();
        let refused = verdict(&other, &provider, &browser);
        assert_eq!(refused, code(503, "session_refresh_pending"));
    }
    wait([&world, &other], lease());
    assert_eq!(verdict(&other, &provider, &browser).0, 401);
}

#[test]
fn a_page_that_was_closed_hours_ago_holds_up_nobody() {
    let (world, provider, browser) = due(stored());
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    drop(request);
    world.wait(4 * 3600);
    let mut first = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut first, "/token");
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(
        browser.clone().finish(&world, &provider, first).status(),
        200
    );
    assert_eq!(refreshes(&provider), (1, 0));
}

#[test]
fn a_configuration_that_comes_while_a_session_in_a_store_is_refreshed_costs_the_request_and_not_the_session()
 {
    let mut login = stored();
    login["userinfo"] = json!(true);
    for at in ["claim", "/token", "save", "/me"] {
        let (world, provider, browser) = due(login.clone());
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, at);
        let mut next = login.clone();
        next["cookie_expire"] = json!("7h");
        let next = worker(&world, next);
        let answer = browser.clone().finish(&world, &provider, request);
        assert_eq!(answer.code(), "configuration_changed", "{at}");
        next.wait(lease() + 30);
        assert_eq!(verdict(&next, &provider, &browser).0, 200, "{at}");
        assert_eq!(refreshes(&provider).1, 0, "{at}");
    }
}
