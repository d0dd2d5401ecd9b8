//! A session that the provider refreshes.

use super::*;

#[test]
fn a_session_is_refreshed_in_the_request_that_notices_and_the_browser_is_told_with_the_response() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let before = browser.cookies[SESSION].clone();
    // A minute before the access token ends.
    world.wait(239);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    assert_eq!(browser.cookies[SESSION], before);
    world.wait(1);
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(
        (answer.status(), &answer.asked[..]),
        (200, &["/token".to_owned()][..])
    );
    assert_eq!(answer.passed("set-cookie").len(), 1);
    assert_eq!(answer.passed("cache-control"), ["no-store"]);
    assert_ne!(browser.cookies[SESSION], before);
    world.wait(239);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    let form = provider
        .redeemed
        .borrow()
        .as_ref()
        .unwrap()
        .body()
        .unwrap()
        .to_vec();
    let form = String::from_utf8(form).unwrap();
    assert!(
        form.starts_with("grant_type=refresh_token&refresh_token=rt-"),
        "{form}"
    );
}

#[test]
fn a_shorter_period_than_the_access_tokens_counts_and_a_longer_one_does_not() {
    for (expires_in, period, due) in [
        (Some(3600), "5m", 300),
        (Some(300), "1h", 240),
        (Some(30), "1h", 20),
        (Some(3), "1h", 2),
        (None, "5m", 300),
        (Some(310), "5m", 250),
    ] {
        let mut login = refreshing();
        login["cookie_refresh"] = json!(period);
        let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
        provider.grants.expires_in.set(expires_in);
        browser.sign_in(&world, &provider, "/api/tags");
        world.wait(due - 1);
        assert_eq!(
            asked(&world, &provider, &mut browser),
            (200, vec![]),
            "{expires_in:?} {period}"
        );
        world.wait(1);
        assert_eq!(
            asked(&world, &provider, &mut browser).1,
            TOKEN,
            "{expires_in:?} {period}"
        );
    }
}

#[test]
fn nobody_is_sent_away_in_half_an_hour_of_two_tabs_and_tokens_of_thirty_seconds() {
    for rotates in [true, false] {
        let (world, provider, mut browser) = signed_in_for(30, refreshing());
        provider.grants.rotates.set(rotates);
        for second in 0..1800 {
            world.wait(1);
            for tab in 0..2 {
                let (status, _) = asked(&world, &provider, &mut browser);
                assert_eq!(status, 200, "tab {tab} after {second} s");
            }
        }
        assert_eq!(
            (
                provider.grants.refreshes.get(),
                provider.grants.refused.get()
            ),
            (90, 0),
            "rotates: {rotates}"
        );
    }
}

#[test]
fn a_session_has_its_end_however_often_it_is_refreshed() {
    let mut login = refreshing();
    login["cookie_expire"] = json!("1h");
    let (world, provider, mut browser) = signed_in_for(300, login);
    for _ in 0..59 {
        world.wait(60);
        assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    }
    world.wait(60);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
}

#[test]
fn what_the_provider_says_anew_counts_in_the_very_request() {
    let mut login = refreshing();
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"], "admins": ["read", "manage"] });
    let (world, provider) = (gate(login), issuing(300));
    let mut browser = Browser::default();
    *provider.claims.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    for (groups, tags, delete) in [
        (json!(["staff"]), 200, 403),
        (json!(["admins"]), 200, 200),
        (json!([]), 403, 403),
    ] {
        *provider.grants.claims.borrow_mut() = json!({ "groups": groups });
        world.wait(240);
        let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
        assert_eq!((answer.status(), answer.asked.len()), (tags, 1), "{groups}");
        let deleted = fetched(&world, &provider, &mut browser, "DELETE", "/api/delete");
        assert_eq!(deleted.0, delete, "{groups}");
    }
    // Whoever is refused everything was refreshed all the same, and carries that.
    assert_eq!(provider.grants.refused.get(), 0);
}

#[test]
fn without_a_new_id_token_the_claims_stay() {
    let mut login = refreshing();
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider) = (gate(login), issuing(300));
    let mut browser = Browser::default();
    *provider.claims.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    provider.grants.names.set(false);
    for _ in 0..5 {
        world.wait(240);
        assert_eq!(
            asked(&world, &provider, &mut browser),
            (200, TOKEN.map(str::to_owned).to_vec())
        );
    }
}

#[test]
fn the_userinfo_endpoint_is_asked_again_where_it_has_the_claims() {
    let mut login = refreshing();
    login["userinfo"] = json!(true);
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "staff": ["read"] });
    let (world, provider) = (gate(login), issuing(300));
    let mut browser = Browser::default();
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    world.wait(240);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, vec!["/token".to_owned(), "/me".to_owned()])
    );
    // Where it cannot be asked, what it said before goes on, and it is asked again soon.
    *provider.user_info_answer.borrow_mut() = Some((500, b"{}".to_vec()));
    world.wait(240);
    assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    *provider.user_info_answer.borrow_mut() = None;
    *provider.user_info.borrow_mut() = json!({ "groups": [] });
    world.wait(20);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (403, vec!["/token".to_owned(), "/me".to_owned()])
    );
    // It speaks of somebody else.
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"], "sub": "bob" });
    let (world, provider, mut browser) = (world, provider, Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"] });
    browser.sign_in(&world, &provider, "/api/tags");
    *provider.user_info.borrow_mut() = json!({ "groups": ["staff"], "sub": "bob" });
    world.wait(240);
    assert_eq!(asked(&world, &provider, &mut browser).0, 401);
}

#[test]
fn a_person_may_be_called_something_else_by_the_claim_that_names_people() {
    let mut login = refreshing();
    login["subject_claim"] = json!("email");
    let (world, provider) = (gate(login), issuing(300));
    let mut browser = Browser::default();
    // At first by the very name that the provider has in `sub`.
    *provider.claims.borrow_mut() = json!({ "email": "alice" });
    browser.sign_in(&world, &provider, "/api/tags");
    *provider.grants.claims.borrow_mut() = json!({ "email": "alice@example.com" });
    world.wait(240);
    assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    *provider.grants.claims.borrow_mut() = json!({ "email": "alice@example.org" });
    world.wait(240);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, TOKEN.map(str::to_owned).to_vec())
    );
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["subject"], "alice@example.org");
}

#[test]
fn cookies_grow_and_shrink_with_what_the_provider_says() {
    let mut login = refreshing();
    login["scopes_claim"] = json!("groups");
    login["scope_map"] = json!({ "/company/department-7/team": ["read"] });
    let (world, provider, mut browser) = (gate(login), issuing(300), Browser::default());
    let groups = |count: usize| -> Value {
        let names = (0..count).map(|number| format!("/company/department-{number}/team"));
        names.collect::<Vec<_>>().into()
    };
    *provider.claims.borrow_mut() = json!({ "groups": groups(20) });
    browser.sign_in(&world, &provider, "/api/tags");
    for (count, cookies) in [(300, 4), (20, 1), (300, 4)] {
        *provider.grants.claims.borrow_mut() = json!({ "groups": groups(count) });
        world.wait(240);
        assert_eq!(asked(&world, &provider, &mut browser).0, 200, "{count}");
        assert_eq!(browser.cookies.len(), cookies, "{count}");
        assert_eq!(
            asked(&world, &provider, &mut browser),
            (200, vec![]),
            "{count}"
        );
    }
}

#[test]
fn a_session_of_an_old_secret_is_sealed_by_the_new_one_when_it_is_refreshed() {
    let mut login = refreshing();
    login["secrets"] = json!([OLD_RING]);
    let (_, provider, mut browser) = signed_in_for(300, login.clone());
    login["secrets"] = json!([RING, OLD_RING]);
    let world = gate(login.clone());
    // It is not the gateway that made it.
    world.wait(300);
    assert_eq!(asked(&world, &provider, &mut browser).0, 200);
    login["secrets"] = json!([RING]);
    let world = gate(login);
    world.wait(310);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
}

#[test]
fn the_page_for_signing_out_and_other_credentials_refresh_nothing() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(250);
    let bearer = format!("Bearer {}", crate::world::KEY);
    for (method, target, fields, status) in [
        (
            "GET",
            "/.gate/whoami",
            vec![("authorization", bearer.as_str())],
            200,
        ),
        ("GET", "/.gate/logout", vec![], 200),
        (
            "GET",
            "/api/tags",
            vec![("authorization", bearer.as_str())],
            200,
        ),
        (
            "GET",
            "/api/tags",
            vec![("origin", "https://evil.example")],
            403,
        ),
        ("DELETE", "/api/delete", vec![], 403),
    ] {
        let answer = browser.send(&world, &provider, method, target, &fields);
        assert_eq!(answer.status(), status, "{method} {target}");
        assert_eq!(answer.asked, NOTHING, "{method} {target}");
    }
}

#[test]
fn a_list_that_is_refused_takes_no_refreshed_session_away() {
    let mut login = refreshing();
    login["models"] = json!(["llama3.2"]);
    let mut configuration = with_login(login);
    configuration["filter_lists"] = json!(true);
    let (world, provider) = (World::new(&configuration), issuing(300));
    assert!(world.configured, "{:?}", world.errors());
    let mut browser = Browser::default();
    browser.sign_in(&world, &provider, "/");
    world.wait(240);
    let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
    provider.serve(&world.gateway, &mut request);
    let reply = request.respond_in_vain(&[(":status", "206")]);
    assert_eq!(reply.status, 502);
    let before = browser.cookies.clone();
    let headers = reply.headers.iter();
    browser.keep(headers.map(|(name, value)| (*name, value.as_str())));
    assert_ne!(browser.cookies, before);
    // Another gateway knows nothing of it.
    world.wait(1);
    assert_eq!(
        asked(&replica(&world, refreshing()), &provider, &mut browser).0,
        200
    );
    assert_eq!(provider.grants.refused.get(), 0);
}
