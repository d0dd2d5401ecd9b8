//! Sessions in a store that refresh themselves.

use super::*;
use ollama_gate::{CallToken, Flow};

/// The same as [`refreshing`], in a store.
pub(super) fn stored() -> Value {
    let mut login = refreshing();
    login["store"] =
        json!({ "kind": "redis", "url": "http://webdis.internal", "upstream": "webdis" });
    login
}

/// Somebody is signed in there, by tokens that are good for 300 seconds, and it is time to refresh that.
pub(super) fn due(login: Value) -> (World, Provider, Browser) {
    let (world, provider, browser) = signed_in_for(300, login);
    world.wait(240);
    (world, provider, browser)
}

/// How many refreshes there were, and how many were refused.
pub(super) fn refreshes(provider: &Provider) -> (u32, u32) {
    let grants = &provider.grants;
    (grants.refreshes.get(), grants.refused.get())
}

/// Status and code of a program's request with the browser's cookies.
pub(super) fn verdict(world: &World, provider: &Provider, browser: &Browser) -> (u16, String) {
    fetched(world, provider, &mut browser.clone(), "GET", "/api/tags")
}

pub(super) fn code(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_session_in_a_store_is_refreshed_in_the_request_that_notices_and_its_ticket_stays() {
    let (world, provider, mut browser) = due(stored());
    let (before, sealed) = (browser.cookies.clone(), provider.webdis.only().1);
    let page = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(page.status(), 200);
    assert_eq!(page.asked, ["load", "claim", "/token", "save"]);
    assert_eq!(page.passed("set-cookie"), [""; 0]);
    assert_eq!(browser.cookies, before);
    assert_ne!(provider.webdis.only().1, sealed);
    assert!(provider.webdis.locks.borrow().is_empty(), "it is given up");
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, vec!["load".into()])
    );
    for _ in 0..50 {
        world.wait(240);
        assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    }
    assert_eq!(refreshes(&provider), (51, 0));
    let growth = provider.webdis.only().1.len() - sealed.len();
    assert!(growth < 8, "{growth}: numbers get longer, and nothing else");
}

#[test]
fn what_the_provider_says_now_counts_for_the_request_that_asked_and_for_all_others() {
    let mut login = stored();
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider, mut browser) = (gate(login.clone()), issuing(300), Browser::default());
    *provider.claims.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    let other = replica(&world, login);
    *provider.grants.claims.borrow_mut() = json!({ "groups": [] });
    for world in [&world, &other] {
        world.wait(240);
    }
    for (whose, world) in [("who asked", &world), ("another", &other)] {
        let (status, code) = verdict(world, &provider, &browser);
        assert_eq!((status, code.as_str()), (403, "scope_denied"), "{whose}");
    }
    assert_eq!(refreshes(&provider), (1, 0));
}

#[test]
fn whoever_the_provider_does_not_know_any_more_is_out_everywhere_and_nobody_asks_again() {
    for answer in [None, Some(json!({ "sub": "mallory" }))] {
        let (world, provider, browser) = due(stored());
        let other = replica(&world, stored());
        match &answer {
            None => provider.grants.end(),
            Some(claims) => provider.grants.claims.borrow_mut().clone_from(claims),
        }
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        let mut lines = Vec::new();
        while request.waits_for.is_some() {
            provider.serve_one(&world.gateway, &mut request);
            lines.extend(world.lines_with("session_refresh_refused"));
        }
        let over = request.verdict();
        assert_eq!(over, code(401, "expired_session"), "{answer:?}");
        assert_eq!(lines.len(), 1, "{answer:?}: {lines:?}");
        assert!(provider.webdis.sessions.borrow().is_empty(), "{answer:?}");
        for world in [&world, &other] {
            world.wait(400);
            let (status, asked) = asked(world, &provider, &mut browser.clone());
            assert_eq!((status, asked), (401, vec!["load".into()]), "{answer:?}");
        }
    }
}

#[test]
fn a_provider_that_gives_no_answer_ends_no_session_and_is_asked_ever_more_rarely_by_all_gates() {
    for answer in [(500, Vec::new()), (200, b"<html>".to_vec())] {
        let (world, provider, browser) = due(stored());
        let other = replica(&world, stored());
        other.wait(0);
        *provider.grants.answer.borrow_mut() = Some(answer.clone());
        let ask = |world: &World| {
            let (status, asked) = asked(world, &provider, &mut browser.clone());
            assert_eq!(status, 200, "{answer:?}");
            asked.contains(&"/token".to_owned())
        };
        let mut seen = Vec::new();
        for second in 0..130 {
            for world in [&world, &other] {
                if ask(world) {
                    seen.push(second);
                }
            }
            for world in [&world, &other] {
                world.wait(1);
            }
        }
        assert_eq!(seen, [0, 2, 6, 14, 30, 62, 122], "{answer:?}");
        *provider.grants.answer.borrow_mut() = None;
        world.wait(60);
        assert!(ask(&world), "{answer:?}");
        assert_eq!(refreshes(&provider), (1, 0), "{answer:?}");
    }
}

#[test]
fn tokens_are_safe_before_anybody_else_is_asked_about_the_person() {
    let mut login = stored();
    login["userinfo"] = json!(true);
    let (world, provider, mut browser) = due(login.clone());
    let page = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    let asked_for = ["load", "claim", "/token", "save", "/me", "save"];
    assert_eq!(
        (page.status(), page.asked.as_slice()),
        (200, &asked_for.map(str::to_owned)[..])
    );
    // Whoever goes away meanwhile takes nothing along.
    world.wait(240);
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    for expected in ["load", "claim", "/token", "save"] {
        let seen = provider.serve_one(&world.gateway, &mut request);
        assert_eq!(seen, expected, "{expected}");
    }
    drop(request);
    let lease = 4 * 5 + 5 + 4 * 2;
    world.wait(lease);
    assert_eq!(asked(&world, &provider, &mut browser.clone()).0, 200);
    assert_eq!(refreshes(&provider), (3, 0));
}

#[test]
fn a_request_that_cannot_wait_refreshes_nothing_and_is_refused_once_nobody_can_know() {
    let (world, provider, browser) = due(stored());
    let cookies = browser.cookie_header();
    // The status of a chat with a long body, and what the store was asked.
    let post = || {
        let state = &world.gateway.0;
        bodies::head(&world, &bodies::chat(&cookies, Some("600000")));
        let mut filter = world.root.filter();
        let (mut asked, mut flow) = (Vec::new(), filter.request_head(7, false));
        let mut known = usize::MAX;
        while flow == Flow::Pause && known != world.call_count() {
            known = world.call_count();
            let call = state.http_calls.borrow().last().unwrap().clone();
            provider.webdis.now.set(state.seconds.get());
            let (word, answer) = provider.webdis.serve(&call);
            asked.push(word);
            let size = answer.as_ref().map_or(0, |(_, body)| body.len());
            *state.answer.borrow_mut() = answer;
            filter.call_done(CallToken(u32::try_from(known).unwrap()), size);
            if state.calls.borrow().contains(&"resume") {
                flow = Flow::Continue;
            }
        }
        let replies = state.replies.borrow();
        let status = replies.first().map_or(200, |reply| reply.status);
        assert_eq!((flow == Flow::Continue), status == 200);
        (status, asked)
    };
    let seen = |status: u16, words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        (status, words)
    };
    assert_eq!(post(), seen(200, &["load"]));
    world.wait(60);
    assert_eq!(post(), seen(503, &["load", "claim"]));
    assert_eq!(refreshes(&provider), (0, 0));
    // As it is while the provider gives no answer.
    *provider.grants.answer.borrow_mut() = Some((500, Vec::new()));
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    assert_eq!(post(), seen(200, &["load", "claim"]));
}

#[test]
fn nothing_is_refreshed_where_nothing_is_enforced() {
    let mut document = with_login(stored());
    document["mode"] = json!("report");
    let world = World::new(&document);
    let (provider, mut browser) = (issuing(300), Browser::default());
    browser.sign_in(&world, &provider, "/.gate/login");
    world.wait(240);
    let (status, asked) = asked(&world, &provider, &mut browser);
    assert_eq!((status, asked), (200, vec!["load".to_owned()]));
}

#[test]
fn a_session_in_a_store_without_a_refresh_token_ends_when_it_would_be_refreshed() {
    let (world, provider, mut browser) = (gate(stored()), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    world.wait(299);
    assert_eq!(verdict(&world, &provider, &browser).0, 200);
    world.wait(1);
    let over = verdict(&world, &provider, &browser);
    assert_eq!(over, code(401, "expired_session"));
}
