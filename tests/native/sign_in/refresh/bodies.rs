//! Bodies of requests whose session is due.

use super::*;
use crate::sign_in::sessions::signed_in;
use ollama_gate::Flow;

/// The head of a chat by `browser`, with a body of so many bytes, if that is known.
pub(super) fn chat<'f>(cookies: &'f str, length: Option<&'f str>) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        (":scheme", "https"),
        ("content-type", "application/json"),
        ("cookie", cookies),
    ];
    fields.extend(length.map(|length| ("content-length", length)));
    fields
}

pub(super) fn head(world: &World, fields: &[(&str, &str)]) {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let state = &world.gateway.0;
    *state.headers.borrow_mut() = fields.iter().map(owned).collect();
    state.replies.borrow_mut().clear();
    state.calls.borrow_mut().clear();
}

#[test]
fn a_long_body_or_one_without_end_is_not_held_for_a_refresh() {
    for length in [None, Some("600000"), Some("99999999999999999999")] {
        let (world, provider, browser) = signed_in_for(300, refreshing());
        let cookies = browser.cookie_header();
        world.wait(240);
        head(&world, &chat(&cookies, length));
        let mut filter = world.root.filter();
        assert_eq!(filter.request_head(6, false), Flow::Continue, "{length:?}");
        for _ in 0..100 {
            assert_eq!(
                filter.request_body(65_536, false),
                Flow::Continue,
                "{length:?}"
            );
        }
        assert_eq!(filter.request_body(1, true), Flow::Continue, "{length:?}");
        assert_eq!(provider.grants.refreshes.get(), 0, "{length:?}");
        // Once nobody can know what the person may do, it has to be asked first.
        world.wait(60);
        head(&world, &chat(&cookies, length));
        let mut filter = world.root.filter();
        assert_eq!(filter.request_head(6, false), Flow::Pause, "{length:?}");
        let reply = world.gateway.0.replies.borrow()[0].clone();
        assert_eq!(reply.status, 503, "{length:?}");
        assert!(
            String::from_utf8(reply.body)
                .unwrap()
                .contains("too long to be held meanwhile"),
            "{length:?}"
        );
    }
}

#[test]
fn a_body_that_comes_while_the_provider_is_asked_goes_on_whole() {
    for models in [json!(null), json!(["llama3.2"])] {
        for (model, status) in [("llama3.2", 200), ("qwen3", 403)] {
            let status = if models.is_null() { 200 } else { status };
            let mut login = refreshing();
            login["models"] = models.clone();
            let (world, provider, browser) = signed_in_for(300, login);
            let cookies = browser.cookie_header();
            let body = json!({ "model": model, "messages": [] }).to_string();
            let length = body.len().to_string();
            world.wait(240);
            let state = &world.gateway.0;
            head(&world, &chat(&cookies, Some(&length)));
            *state.body.borrow_mut() = body.clone().into_bytes();
            let known = world.call_count();
            let mut filter = world.root.filter();
            assert_eq!(
                filter.request_head(7, false),
                Flow::Pause,
                "{model} of {models}"
            );
            assert_eq!(world.call_count(), known + 1, "{model} of {models}");
            // Part of it, and the rest, while the answer is on its way.
            assert_eq!(
                filter.request_body(10, false),
                Flow::Pause,
                "{model} of {models}"
            );
            assert_eq!(
                filter.request_body(body.len(), true),
                Flow::Pause,
                "{model} of {models}"
            );
            let call = state.http_calls.borrow().last().unwrap().clone();
            let (code, answer) = provider.redeem(&call, state.seconds.get());
            let json = vec![("content-type", "application/json".to_owned())];
            *state.answer_headers.borrow_mut() = json;
            *state.answer.borrow_mut() = Some((code, answer.clone()));
            let token = ollama_gate::CallToken(u32::try_from(known + 1).unwrap());
            filter.call_done(token, answer.len());
            let replies = state.replies.borrow();
            let given = replies.first().map_or(200, |reply| reply.status);
            assert_eq!(given, status, "{model} of {models}");
            let resumed = state.calls.borrow().contains(&"resume");
            assert_eq!(resumed, status == 200, "{model} of {models}");
            // Whoever is refused by the body is told the new session too.
            if let Some(reply) = replies.first() {
                assert!(
                    reply.headers.iter().any(|(name, _)| *name == "set-cookie"),
                    "{model} of {models}"
                );
            }
        }
    }
}

#[test]
fn a_body_that_grows_too_large_while_the_provider_is_asked_is_refused_with_the_reason() {
    let (world, _, browser) = signed_in_for(300, refreshing());
    let cookies = browser.cookie_header();
    world.wait(240);
    head(&world, &chat(&cookies, Some("1000")));
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(7, false), Flow::Pause);
    // A client that lies about its length.
    assert_eq!(filter.request_body(2 << 20, false), Flow::Pause);
    let reply = world.gateway.0.replies.borrow()[0].clone();
    let body = String::from_utf8(reply.body).unwrap();
    assert!(
        reply.status == 503 && body.contains("session_refresh_pending"),
        "{body}"
    );
}

#[test]
fn a_worker_that_holds_all_it_may_takes_the_answer_to_a_refresh_all_the_same() {
    let mut document = with_login(refreshing());
    document["host"]["held_limit"] = json!("1KiB");
    let (world, provider) = (World::new(&document), issuing(300));
    let mut browser = Browser::default();
    browser.sign_in(&world, &provider, "/api/tags");
    let cookies = browser.cookie_header();
    world.wait(240);
    head(&world, &chat(&cookies, Some("2000")));
    let state = &world.gateway.0;
    *state.body.borrow_mut() = vec![b'x'; 2000];
    let known = world.call_count();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(7, false), Flow::Pause);
    assert_eq!(filter.request_body(2000, true), Flow::Pause);
    assert!(state.replies.borrow().is_empty(), "the token would be lost");
    let call = state.http_calls.borrow().last().unwrap().clone();
    let (code, answer) = provider.redeem(&call, state.seconds.get());
    let json = vec![("content-type", "application/json".to_owned())];
    *state.answer_headers.borrow_mut() = json;
    *state.answer.borrow_mut() = Some((code, answer.clone()));
    let token = ollama_gate::CallToken(u32::try_from(known + 1).unwrap());
    filter.call_done(token, answer.len());
    assert!(state.calls.borrow().contains(&"resume"));
}

#[test]
fn a_body_that_is_held_for_a_refresh_counts_among_those_that_are_held() {
    let mut document = with_login(refreshing());
    document["host"]["held_limit"] = json!("1KiB");
    document["api_keys"]["keys"][0]["models"] = json!(["llama3.2"]);
    let (world, provider) = (World::new(&document), issuing(300));
    let (mut alice, mut bob) = (Browser::default(), Browser::default());
    alice.sign_in(&world, &provider, "/api/tags");
    bob.sign_in(&world, &provider, "/api/tags");
    world.wait(240);
    let state = &world.gateway.0;
    *state.body.borrow_mut() = vec![b'x'; 2000];
    let cookies = alice.cookie_header();
    head(&world, &chat(&cookies, Some("2000")));
    let mut first = world.root.filter();
    assert_eq!(first.request_head(7, false), Flow::Pause);
    assert_eq!(first.request_body(1990, false), Flow::Pause);
    assert!(state.replies.borrow().is_empty(), "the token would be lost");
    let authorization = format!("Bearer {}", crate::world::KEY);
    let beside = || {
        let key = [
            (":method", "POST"),
            (":path", "/api/chat"),
            (":authority", "gate.example"),
            ("content-type", "application/json"),
            ("authorization", authorization.as_str()),
        ];
        head(&world, &key);
        let mut other = world.root.filter();
        other.request_head(key.len(), false);
        other.request_body(100, false);
        let replies = state.replies.borrow();
        replies.first().map(|reply| reply.status)
    };
    assert_eq!(beside(), Some(503), "there is no room beside it");
    drop(first);
    assert_eq!(beside(), None, "and there is once it has gone");
}

#[test]
fn a_request_that_its_body_refuses_is_no_use_of_a_session() {
    let login = json!({ "idle_timeout": "30m", "cookie_expire": "2h", "models": ["llama3.2"] });
    for (model, uses) in [("llama3.2", true), ("qwen3", false)] {
        let (world, _, browser) = signed_in(login.clone(), json!({}));
        world.wait(600);
        let body = json!({ "model": model, "messages": [] }).to_string();
        let (cookies, length) = (browser.cookie_header(), body.len().to_string());
        head(&world, &chat(&cookies, Some(&length)));
        let state = &world.gateway.0;
        *state.body.borrow_mut() = body.clone().into_bytes();
        let mut filter = world.root.filter();
        filter.request_head(7, false);
        filter.request_body(body.len(), true);
        let given = state.replies.borrow().first().cloned();
        assert_eq!(given.is_none(), uses, "{model}");
        let Some(reply) = given else { continue };
        assert_eq!(reply.status, 403, "{model}");
        let cookies = reply
            .headers
            .iter()
            .filter(|(name, _)| *name == "set-cookie");
        assert_eq!(cookies.count(), 0, "{model}");
    }
}

#[test]
fn a_session_keeps_no_head_of_a_request_that_has_gone_on() {
    let login = json!({ "idle_timeout": "30m", "models": ["llama3.2"] });
    for (body, lists, kept) in [
        (false, false, false),
        (true, false, false),
        (false, true, true),
    ] {
        let mut configuration = with_login(login.clone());
        configuration["filter_lists"] = json!(lists);
        let (world, provider) = (World::new(&configuration), Provider::new());
        let mut browser = Browser::default();
        browser.sign_in(&world, &provider, "/");
        world.wait(600);
        let cookies = browser.cookie_header();
        let text = json!({ "model": "llama3.2", "messages": [] }).to_string();
        let length = text.len().to_string();
        let mut fields = chat(&cookies, Some(&length));
        if !body {
            fields.truncate(6);
            fields[0] = (":method", "GET");
            fields[1] = (":path", "/api/tags");
        }
        head(&world, &fields);
        *world.gateway.0.body.borrow_mut() = text.clone().into_bytes();
        let mut filter = world.root.filter();
        filter.request_head(fields.len(), !body);
        if body {
            let flow = filter.request_body(text.len(), true);
            assert_eq!(flow, Flow::Continue, "{body} {lists}");
        }
        let shown = format!("{filter:?}");
        assert!(
            world.gateway.0.replies.borrow().is_empty(),
            "{body} {lists}"
        );
        let is_empty = shown.contains("head: GivenHead(0 bytes)");
        assert_eq!(is_empty, !kept, "{body} {lists}");
    }
}
