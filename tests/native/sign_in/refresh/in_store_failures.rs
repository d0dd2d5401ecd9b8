//! A store, a gateway and a provider that fail while a session in the store is refreshed, and people who use that.

use super::in_store::{code, due, refreshes, stored, verdict};
use super::in_store_races::{lease, two, until, wait};
use super::*;
use ollama_gate::Status;

#[test]
fn whoever_is_called_something_else_by_now_is_found_by_that_name_alone() {
    let mut login = stored();
    login["subject_claim"] = json!("email");
    let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
    *provider.claims.borrow_mut() = json!({ "email": "alice@example.com" });
    browser.sign_in(&world, &provider, "/api/tags");
    let found = || -> Vec<_> {
        let places = provider.webdis.places.borrow();
        let noted = places.iter().filter(|(_, names)| !names.is_empty());
        noted.map(|(place, _)| place.clone()).collect()
    };
    let before = found();
    assert_eq!(before.len(), 3, "`subject`, `sub`, and no `sid`");
    *provider.grants.claims.borrow_mut() = json!({ "email": "alice@example.org" });
    world.wait(240);
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    let after = found();
    let kept: Vec<_> = after
        .iter()
        .filter(|place| before.contains(place))
        .collect();
    assert_eq!((after.len(), kept.len()), (3, 2), "{before:?} {after:?}");
    // And stays there.
    world.wait(240);
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(found(), after);
}

#[test]
fn whoever_has_lost_a_right_does_not_keep_it_by_breaking_off_the_question_about_it() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider, mut browser) = (gate(login.clone()), issuing(300), Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    let other = replica(&world, login);
    *provider.user_info.borrow_mut() = json!({ "groups": [] });
    wait([&world, &other], 3600);
    for times in 1..=5 {
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "/me");
        drop(request);
        wait([&world, &other], lease() - 1);
        let beside = verdict(&other, &provider, &browser);
        if times < 3 {
            assert_eq!(beside.0, 200, "{times}");
        } else {
            assert_eq!(beside, code(503, "session_refresh_pending"), "{times}");
        }
        wait([&world, &other], 1);
    }
    assert_eq!(
        verdict(&other, &provider, &browser),
        code(403, "scope_denied")
    );
    assert_eq!(refreshes(&provider).1, 0);
}

#[test]
fn a_no_of_the_provider_that_the_store_did_not_hear_counts_at_that_gate_at_once_and_is_told_again()
{
    let (world, other, provider, browser) = two();
    provider.grants.end();
    wait([&world, &other], 3600);
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    provider.serve_one(&world.gateway, &mut request);
    *provider.webdis.answer.borrow_mut() = Some(None);
    let refused = browser.clone().finish(&world, &provider, request);
    assert_eq!(
        (refused.status(), refused.asked),
        (401, vec!["end refused".to_owned(); 3])
    );
    *provider.webdis.answer.borrow_mut() = None;
    assert_eq!(
        verdict(&world, &provider, &browser),
        code(401, "expired_session")
    );
    assert_eq!(
        provider.webdis.sessions.borrow().len(),
        1,
        "the lock is there"
    );
    wait([&world, &other], lease());
    assert_eq!(
        verdict(&world, &provider, &browser),
        code(401, "expired_session")
    );
    assert!(provider.webdis.sessions.borrow().is_empty());
    assert_eq!(verdict(&other, &provider, &browser).0, 401);
    assert_eq!(refreshes(&provider), (0, 1));
}

#[test]
fn whoever_goes_away_while_the_store_is_told_costs_no_tokens() {
    for gone in [0, 1, 2] {
        let (world, other, provider, browser) = two();
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "save");
        *provider.webdis.answer.borrow_mut() = Some(None);
        for _ in 0..gone {
            provider.serve_one(&world.gateway, &mut request);
        }
        drop(request);
        *provider.webdis.answer.borrow_mut() = None;
        assert_eq!(verdict(&other, &provider, &browser).0, 200, "{gone}");
        let back = asked(&world, &provider, &mut browser.clone());
        assert_eq!(
            back,
            (200, ["load", "save"].map(str::to_owned).into()),
            "{gone}"
        );
        wait([&world, &other], 240);
        assert_eq!(verdict(&other, &provider, &browser).0, 200, "{gone}");
        assert_eq!(refreshes(&provider), (2, 0), "{gone}");
    }
}

#[test]
fn whoever_has_lost_a_right_is_not_let_in_by_tokens_that_nobody_was_asked_about() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    *provider.user_info.borrow_mut() = json!({ "groups": [] });
    world.wait(3600);
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "save");
    *provider.webdis.answer.borrow_mut() = Some(None);
    provider.serve_one(&world.gateway, &mut request);
    drop(request);
    *provider.webdis.answer.borrow_mut() = None;
    let back = verdict(&world, &provider, &browser);
    assert_eq!(back, code(503, "session_refresh_pending"));
}

#[test]
fn a_no_about_the_person_counts_though_the_tokens_were_kept_before() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    let (world, provider, browser) = due(login);
    *provider.user_info.borrow_mut() = json!({ "sub": "mallory" });
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/me");
    provider.serve_one(&world.gateway, &mut request);
    *provider.webdis.answer.borrow_mut() = Some(None);
    let refused = browser.clone().finish(&world, &provider, request);
    assert_eq!((refused.status(), refused.asked.len()), (401, 3));
    *provider.webdis.answer.borrow_mut() = None;
    assert_eq!(verdict(&world, &provider, &browser).0, 401);
}

#[test]
fn nobody_goes_on_unknown_to_a_store_that_failed_beside_the_provider() {
    let (world, provider, browser) = due(stored());
    *provider.grants.answer.borrow_mut() = Some((500, Vec::new()));
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    provider.serve_one(&world.gateway, &mut request);
    *provider.webdis.answer.borrow_mut() = Some(None);
    let refused = browser.clone().finish(&world, &provider, request);
    let seen = (refused.status(), refused.code().to_owned());
    assert_eq!(seen, code(503, "session_store_unavailable"));
    assert_eq!(refused.asked, ["fail"; 3]);
}

#[test]
fn what_comes_late_is_kept_where_another_gate_had_no_answer_meanwhile() {
    let (world, other, provider, browser) = two();
    let mut slow = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut slow, "save");
    wait([&world, &other], lease());
    *provider.grants.answer.borrow_mut() = Some((500, Vec::new()));
    assert_eq!(verdict(&other, &provider, &browser).0, 200);
    *provider.grants.answer.borrow_mut() = None;
    let answer = browser.clone().finish(&world, &provider, slow);
    assert_eq!(
        (answer.status(), answer.asked),
        (200, vec!["save".to_owned()])
    );
    wait([&world, &other], 240);
    assert_eq!(verdict(&other, &provider, &browser).0, 200);
    assert_eq!(refreshes(&provider), (2, 0));
}

#[test]
fn a_worker_with_too_many_refreshes_asks_the_store_first_who_has_to_wait() {
    let (world, provider, mut browser) = signed_in_for(300, stored());
    let others = others_signed_in(&world, &provider);
    world.wait(3600);
    let mut waiting = Vec::new();
    for other in &others {
        let mut request = other.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "/token");
        waiting.push(request);
    }
    let full = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(full.asked, ["load", "claim", "release"]);
    assert_eq!(full.code(), "session_refresh_pending");
    // What another gate has begun, or had no answer for, is none of it.
    let own = browser.cookies.clone();
    drop(waiting.pop());
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    waiting.push(request);
    let beside = asked(&world, &provider, &mut browser);
    assert_eq!(beside, (200, ["load", "claim"].map(str::to_owned).into()));
    assert_eq!(browser.cookies, own);
}

#[test]
fn whoever_is_locked_out_is_not_let_in_again_by_a_worker_that_has_no_room_to_ask() {
    let (world, provider, mut browser) = signed_in_for(300, stored());
    let other = replica(&world, stored());
    let others = others_signed_in(&world, &provider);
    provider.grants.end();
    wait([&world, &other], 3600);
    let broken_off = || {
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "/token");
        drop(request);
    };
    for _ in 0..2 {
        broken_off();
        wait([&world, &other], lease());
    }
    let mut waiting = Vec::new();
    for session in &others {
        let mut request = session.ask(&world, "GET", "/api/tags", &[]);
        until(&world, &provider, &mut request, "/token");
        waiting.push(request);
    }
    let full = browser
        .clone()
        .send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(full.asked, ["load", "claim", "release"]);
    drop(waiting);
    broken_off();
    wait([&world, &other], lease() - 1);
    let beside = verdict(&other, &provider, &browser);
    assert_eq!(beside, code(503, "session_refresh_pending"));
    browser.cookies.clear();
}

#[test]
fn a_call_that_a_gateway_refuses_after_a_reload_lets_nobody_in_by_the_rules_of_before() {
    let (world, provider, browser) = due(stored());
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    until(&world, &provider, &mut request, "/token");
    let mut next = stored();
    next["cookie_expire"] = json!("7h");
    let _next = worker(&world, next);
    *provider.grants.answer.borrow_mut() = Some((500, Vec::new()));
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("http_call", Status(10));
    let refused = browser.clone().finish(&world, &provider, request);
    assert_eq!(
        (refused.status(), refused.code()),
        (503, "configuration_changed")
    );
}
