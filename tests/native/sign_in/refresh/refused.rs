//! A session that the provider does not refresh.

use super::*;
use crate::world::signer;

/// How far past the access token's end a session goes that is not refreshed any more, in seconds.
const GRACE: i64 = 10;

#[test]
fn whoever_the_provider_does_not_know_any_more_is_out_when_the_access_token_has_ended() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    provider.grants.end();
    world.wait(240);
    // Another gateway may have refreshed it: it is asked once.
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, TOKEN.map(str::to_owned).to_vec())
    );
    for _ in 0..60 + GRACE - 1 {
        world.wait(1);
        assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    }
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    let sent = browser.go(&world, &provider, "/api/tags");
    assert_eq!(sent.status(), 303, "a person signs in again");
    assert_eq!(provider.grants.refused.get(), 1);
    let lines = world.lines_with("expired_session");
    assert!(lines.is_empty(), "a redirection is no refusal: {lines:?}");
}

#[test]
fn somebody_who_was_locked_out_while_away_is_out_at_once() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    provider.grants.end();
    world.wait(3600);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    let said = world.lines_with("session_refresh_refused");
    assert!(
        said[0].contains("invalid_grant") && said[0].contains("alice"),
        "{said:?}"
    );
    for _ in 0..200 {
        world.wait(1);
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 401);
    }
    assert_eq!(provider.grants.refused.get(), 1, "nobody asks once more");
}

#[test]
fn a_provider_that_cannot_be_asked_ends_no_session_and_is_not_asked_by_everybody() {
    for (what, answer) in [
        ("an error", (503, b"{}".to_vec())),
        ("a page", (200, b"<html>sign in</html>".to_vec())),
        (
            "a client that it does not know",
            (401, br#"{"error":"invalid_client"}"#.to_vec()),
        ),
        (
            "nothing of use",
            (200, br#"{"token_type":"Bearer"}"#.to_vec()),
        ),
        (
            "another type",
            (200, br#"{"token_type":"DPoP","access_token":"x"}"#.to_vec()),
        ),
    ] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        *provider.grants.answer.borrow_mut() = Some(answer);
        world.wait(240);
        let mut calls = 0;
        for _ in 0..1200 {
            let (status, asked) = asked(&world, &provider, &mut browser);
            assert_eq!(status, 200, "{what}");
            calls += asked.len();
            world.wait(1);
        }
        assert!((10..40).contains(&calls), "{what}: {calls} in 20 minutes");
        let shown = world.lines_with("sso");
        assert!(
            shown.iter().all(|line| !line.contains("<html>")),
            "{shown:?}"
        );
        // It is back.
        *provider.grants.answer.borrow_mut() = None;
        world.wait(60);
        assert_eq!(
            asked(&world, &provider, &mut browser),
            (200, TOKEN.map(str::to_owned).to_vec()),
            "{what}"
        );
    }
}

#[test]
fn a_session_that_is_used_while_the_provider_is_down_is_not_idle() {
    let mut login = refreshing();
    login["idle_timeout"] = json!("2m");
    for answer in [Some((503, b"{}".to_vec())), None] {
        let (world, provider, mut browser) = signed_in_for(300, login.clone());
        let is_up = answer.is_none();
        *provider.grants.answer.borrow_mut() = answer;
        for second in 0..3600 {
            world.wait(1);
            let (status, _) = asked(&world, &provider, &mut browser);
            assert_eq!(status, 200, "up: {is_up}, after {second} s");
        }
        world.wait(120);
        assert_eq!(asked(&world, &provider, &mut browser).0, 401, "up: {is_up}");
    }
}

#[test]
fn a_provider_that_does_not_answer_keeps_few_waiting() {
    let (world, provider, browser) = signed_in_for(300, refreshing());
    let mut others: Vec<_> = (0..10).map(|_| Browser::default()).collect();
    for other in &mut others {
        other.sign_in(&world, &provider, "/api/tags");
    }
    world.wait(240);
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(request.verdict().1, "waits");
    assert_eq!(request.answer_of_size(None, b"", 0).0, 200);
    assert_eq!(world.lines_with("session_refresh_failed").len(), 1);
    for other in &mut others {
        assert_eq!(asked(&world, &provider, other), (200, vec![]));
    }
    world.wait(5);
    for other in &mut others {
        assert_eq!(asked(&world, &provider, other).1, TOKEN);
    }
}

#[test]
fn a_refreshed_id_token_that_is_not_the_same_persons_ends_the_session() {
    let forged = {
        let claims =
            json!({ "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": NOW, "exp": NOW + 9999 });
        signer(9).sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims.to_string())
    };
    let answered = |token: &str| {
        let answer = json!({ "token_type": "Bearer", "access_token": "at-2", "id_token": token });
        Some((200, answer.to_string().into_bytes()))
    };
    for (what, claims, answer) in [
        ("another person", json!({ "sub": "bob" }), None),
        ("nobody", json!({ "sub": null }), None),
        (
            "another issuer",
            json!({ "iss": "https://evil.example" }),
            None,
        ),
        ("another client", json!({ "aud": "other" }), None),
        ("another party", json!({ "azp": "other" }), None),
        ("another sign-in", json!({ "nonce": "another" }), None),
        ("an end long ago", json!({ "exp": NOW - 3600 }), None),
        ("no time", json!({ "iat": null }), None),
        (
            "another access token",
            json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }),
            None,
        ),
        ("another key", json!({}), answered(&forged)),
        (
            "no signature",
            json!({}),
            answered("eyJhbGciOiJub25lIn0.e30."),
        ),
    ] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        *provider.grants.claims.borrow_mut() = claims;
        *provider.grants.answer.borrow_mut() = answer;
        let before = browser.cookies.clone();
        world.wait(250);
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict, (401, "expired_session".to_owned()), "{what}");
        assert!(browser.cookies.is_empty(), "{what}");
        // Nor does a copy of the cookies that were taken away let anybody in.
        browser.cookies = before;
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict, (401, "expired_session".to_owned()), "{what}");
    }
    // The nonce of this very sign-in may stand in it, as Keycloak has it.
    let (world, provider, mut browser) = (gate(refreshing()), issuing(300), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags");
    let nonce = parameters(&sent.location())["nonce"].clone();
    let back = provider.authorize(&sent.location());
    browser.go(&world, &provider, &back);
    *provider.grants.claims.borrow_mut() = json!({ "nonce": nonce });
    world.wait(250);
    assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    assert_eq!(provider.grants.refreshes.get(), 1);
}

#[test]
fn without_a_refresh_token_a_session_ends_when_it_would_be_refreshed() {
    let (world, provider, mut browser) = (gate(refreshing()), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    let said = world.lines_with("session_not_refreshable");
    assert!(said[0].contains("offline_access"), "{said:?}");
    world.wait(299);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    // So do sessions from before it was configured.
    let (_, provider, mut browser) =
        super::super::sessions::signed_in(json!({ "cookie_expire": "8h" }), json!({}));
    let world = gate(refreshing());
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    world.wait(300);
    assert_eq!(asked(&world, &provider, &mut browser).0, 401);
}

#[test]
fn a_refresh_token_that_fits_into_no_cookies_is_told_and_not_carried() {
    let (world, provider, mut browser) = (gate(refreshing()), issuing(300), Browser::default());
    provider.grants.length.set(20_000);
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303);
    let said = world.lines_with("session_not_refreshable");
    assert!(said[0].contains("does not fit"), "{said:?}");
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    world.wait(300);
    assert_eq!(asked(&world, &provider, &mut browser).0, 401);
}

#[test]
fn where_nothing_is_enforced_nothing_is_refreshed() {
    let (_, provider, mut browser) = signed_in_for(300, refreshing());
    let mut configuration = with_login(refreshing());
    configuration["mode"] = json!("report");
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    world.wait(299);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
}

#[test]
fn no_line_of_the_log_shows_a_token() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let mut shown = Vec::new();
    for answer in [
        None,
        Some((
            400,
            br#"{"error":"invalid_grant","error_description":"rt-1-rrr"}"#.to_vec(),
        )),
        Some((200, br#"rt-1-rrr"#.to_vec())),
    ] {
        *provider.grants.answer.borrow_mut() = answer;
        world.wait(240);
        asked(&world, &provider, &mut browser);
        shown.extend(world.lines_with(""));
    }
    let shown = shown.join("\n");
    assert!(
        !shown.contains("rt-") && !shown.contains("at-") && !shown.contains("eyJ"),
        "{shown}"
    );
}

#[test]
fn the_file_of_the_module_that_sees_no_responses_refuses_it() {
    let gateway = Gateway::default();
    gateway.0.has_fewer_exports.set(true);
    let world = World::on(gateway, with_login(refreshing()).to_string().as_bytes());
    let errors = world.errors();
    assert!(
        errors[0].starts_with("login.cookie_refresh: needs the callbacks"),
        "{errors:?}"
    );
}

#[test]
fn a_session_that_ends_while_the_provider_is_asked_lets_nobody_in() {
    let mut login = refreshing();
    login["cookie_expire"] = json!("6m");
    let (world, provider, mut browser) = signed_in_for(3_600, login);
    world.wait(359);
    let waiting = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(waiting.verdict().1, "waits");
    world.wait(1);
    let answer = browser.finish(&world, &provider, waiting);
    assert_eq!((answer.status(), answer.code()), (401, "expired_session"));
}

#[test]
fn somebody_who_was_locked_out_is_not_let_in_by_requests_that_are_broken_off() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    provider.grants.end();
    world.wait(3600);
    let mut let_in = 0;
    for _ in 0..100 {
        drop(browser.ask(&world, "GET", "/api/tags", &[]));
        for _ in 0..5 {
            let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
            let_in += u32::from(answer.status() == 200);
            world.wait(5);
        }
    }
    // One question that is broken off is forgiven.
    assert!(let_in <= 10, "{let_in} of 500");
    world.wait(25);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    assert_eq!(provider.grants.refused.get(), 1);
}

#[test]
fn whoever_is_broken_off_again_and_again_is_told_that_nobody_can_know() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(3600);
    for lease in ["first", "second"] {
        drop(browser.ask(&world, "GET", "/api/tags", &[]));
        world.wait(24);
        let seen = asked(&world, &provider, &mut browser);
        assert_eq!(seen, (200, vec![]), "in the {lease} lease");
        world.wait(1);
    }
    drop(browser.ask(&world, "GET", "/api/tags", &[]));
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (503, "session_refresh_pending".to_owned()));
    world.wait(25);
    assert_eq!(
        asked(&world, &provider, &mut browser).1,
        TOKEN,
        "it is asked all the same"
    );
}

#[test]
fn what_does_not_fit_any_more_ends_the_session_and_takes_its_cookies_away() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(240);
    assert_eq!(asked(&world, &provider, &mut browser).1, TOKEN);
    let before = browser.cookies.clone();
    provider.grants.length.set(20_000);
    world.wait(240);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    assert!(browser.cookies.is_empty());
    browser.cookies = before;
    assert_eq!(asked(&world, &provider, &mut browser), (401, vec![]));
}

#[test]
fn an_access_token_that_cannot_be_sent_proves_nothing_about_a_person() {
    let mut login = refreshing();
    login["userinfo"] = json!(true);
    login["required_claims"] = json!({ "suspended": { "absent": true } });
    let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    *provider.user_info.borrow_mut() = json!({ "suspended": true });
    let claims =
        json!({ "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": NOW, "exp": NOW + 9999 });
    let answer =
        json!({ "token_type": "Bearer", "access_token": "at-\u{e9}", "id_token": sign(&claims) });
    *provider.grants.answer.borrow_mut() = Some((200, answer.to_string().into_bytes()));
    world.wait(240);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, TOKEN.map(str::to_owned).to_vec())
    );
    // It is asked again soon, and then it can be.
    *provider.grants.answer.borrow_mut() = None;
    world.wait(20);
    let (status, asked) = asked(&world, &provider, &mut browser);
    assert_eq!((status, asked.len()), (401, 2), "{asked:?}");
}

#[test]
fn a_refusal_that_carries_a_session_is_kept_by_no_cache() {
    let (world, provider, mut browser) = signed_in_by_a_group();
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(
        (answer.status(), answer.header("cache-control").as_str()),
        (403, "no-store")
    );
    assert!(answer.header("set-cookie").starts_with(SESSION));
}

#[test]
fn a_refusal_of_long_ago_lets_nobody_in_while_it_is_asked_for_again() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    provider.grants.end();
    world.wait(3600);
    assert_eq!(asked(&world, &provider, &mut browser).0, 401);
    for time in 0..3 {
        world.wait(301);
        drop(browser.ask(&world, "GET", "/api/tags", &[]));
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(
            verdict,
            (503, "session_refresh_pending".to_owned()),
            "{time}"
        );
    }
}

#[test]
fn a_session_that_the_provider_ended_is_taken_away_from_a_page_too() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    *provider.grants.claims.borrow_mut() = json!({ "sub": "bob" });
    world.wait(240);
    let answer = browser.go(&world, &provider, "/api/tags");
    assert_eq!(answer.asked.first().map(String::as_str), Some("/token"));
    let left: Vec<_> = browser
        .cookies
        .keys()
        .filter(|name| name.starts_with(SESSION))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_page_that_was_closed_hours_ago_holds_up_nobody_who_comes_back() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(240);
    drop(browser.ask(&world, "GET", "/api/tags", &[]));
    world.wait(4 * 3600);
    let first = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(first.verdict().1, "waits");
    let beside = asked(&world, &provider, &mut browser.clone());
    assert_eq!(beside, (200, vec![]));
    assert_eq!(browser.finish(&world, &provider, first).status(), 200);
}

#[test]
fn a_provider_that_hangs_shuts_nobody_out_however_many_are_signed_in() {
    for (login, store) in [(refreshing(), "cookies"), (in_store::stored(), "a store")] {
        let (world, provider, mut browser) = signed_in_for(300, login);
        let mut others = others_signed_in(&world, &provider);
        world.wait(3600);
        let until_asked = |browser: &Browser| {
            let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
            let path = |request: &Request| {
                request
                    .waits_for
                    .as_ref()
                    .unwrap()
                    .1
                    .url()
                    .path()
                    .to_owned()
            };
            while path(&request) != "/token" {
                provider.serve_one(&world.gateway, &mut request);
            }
            request
        };
        // Without any answer so far nobody can know.
        let waiting: Vec<_> = others.iter().map(until_asked).collect();
        let full = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(full, (503, "session_refresh_pending".to_owned()), "{store}");
        *provider.grants.answer.borrow_mut() = Some((504, Vec::new()));
        for (request, browser) in waiting.into_iter().zip(&mut others) {
            let answer = browser.finish(&world, &provider, request);
            assert_eq!(answer.status(), 200, "{store}");
        }
        world.wait(6);
        let waiting: Vec<_> = others.iter().map(until_asked).collect();
        let full = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(full.0, 200, "{store}");
        drop(waiting);
    }
}

#[test]
fn whoever_has_the_gate_ask_too_much_for_metadata_stays_in_by_it_no_more_than_others() {
    let login = refreshing();
    let (world, provider, browser) = signed_in_for(300, login.clone());
    provider.grants.end();
    // Another gateway, which has asked for none yet.
    let other = replica(&world, login);
    for world in [&world, &other] {
        world.wait(3600);
    }
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let request = browser.ask(&other, "GET", "/api/tags", &[]);
        match request.verdict() {
            (0, _) => waiting.push(request),
            seen => assert_eq!(seen, (503, "session_refresh_pending".to_owned())),
        }
    }
    assert_eq!(waiting.len(), 16);
}
