//! Several tabs, workers and gateways that have one session. Whatever they do, no refresh token is used twice.

use super::*;

#[test]
fn while_one_tab_waits_for_the_provider_the_other_goes_on() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(240);
    let first = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(first.verdict().1, "waits");
    for _ in 0..5 {
        assert_eq!(
            asked(&world, &provider, &mut browser.clone()),
            (200, vec![])
        );
    }
    let answer = browser.finish(&world, &provider, first);
    assert_eq!((answer.status(), answer.asked.len()), (200, 1));
    assert_eq!(
        (
            provider.grants.refreshes.get(),
            provider.grants.refused.get()
        ),
        (1, 0)
    );
}

#[test]
fn a_tab_that_still_has_the_old_cookies_gets_the_new_ones_and_asks_nobody() {
    for rotates in [true, false] {
        let (world, provider, mut browser) = signed_in_for(300, refreshing());
        provider.grants.rotates.set(rotates);
        let mut old = browser.clone();
        world.wait(240);
        assert_eq!(
            asked(&world, &provider, &mut browser).1,
            TOKEN,
            "rotates: {rotates}"
        );
        world.wait(200);
        assert_eq!(
            asked(&world, &provider, &mut old),
            (200, vec![]),
            "rotates: {rotates}"
        );
        assert_eq!(old.cookies, browser.cookies, "rotates: {rotates}");
        world.wait(40);
        assert_eq!(
            asked(&world, &provider, &mut old).1,
            TOKEN,
            "rotates: {rotates}"
        );
        assert_eq!(
            (
                provider.grants.refreshes.get(),
                provider.grants.refused.get()
            ),
            (2, 0),
            "rotates: {rotates}"
        );
    }
}

#[test]
fn all_workers_of_a_gateway_refresh_a_session_once() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let other = worker(&world, refreshing());
    for world in [&world, &other] {
        world.wait(240);
    }
    let first = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(
        asked(&other, &provider, &mut browser.clone()),
        (200, vec![])
    );
    let mut old = browser.clone();
    browser.finish(&world, &provider, first);
    assert_eq!(asked(&other, &provider, &mut old), (200, vec![]));
    assert_eq!(old.cookies, browser.cookies);
    // The other one has its turn just as well.
    for world in [&world, &other] {
        world.wait(240);
    }
    let (status, asked) = asked(&other, &provider, &mut browser);
    assert!(status == 200 && asked.contains(&"/token".to_owned()));
    assert_eq!(
        (
            provider.grants.refreshes.get(),
            provider.grants.refused.get()
        ),
        (2, 0)
    );
}

#[test]
fn another_gateway_leaves_the_first_half_to_the_one_that_made_the_session() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let other = replica(&world, refreshing());
    for world in [&world, &other] {
        world.wait(240);
    }
    for _ in 0..30 {
        assert_eq!(asked(&other, &provider, &mut browser), (200, vec![]));
        other.wait(1);
    }
    let mut waited = 30;
    while asked(&other, &provider, &mut browser).1.is_empty() {
        other.wait(1);
        waited += 1;
    }
    assert!((30..60).contains(&waited), "{waited}");
    // It is the one that made it from now on.
    other.wait(240);
    assert_eq!(asked(&other, &provider, &mut browser).1, TOKEN);
}

#[test]
fn two_tabs_and_two_gateways_never_use_a_refresh_token_twice() {
    for rotates in [true, false] {
        let (world, provider, mut browser) = signed_in_for(30, refreshing());
        provider.grants.rotates.set(rotates);
        let other = replica(&world, refreshing());
        let mut turn = 0;
        for second in 0..1800 {
            for world in [&world, &other] {
                world.wait(1);
            }
            // Both tabs ask before either has its answer, by whichever gateway comes next.
            let requests = [(); 2].map(|()| {
                turn += 1;
                let world = if turn % 3 == 0 { &world } else { &other };
                (world, browser.ask(world, "GET", "/api/tags", &[]))
            });
            for (world, request) in requests {
                let answer = browser.finish(world, &provider, request);
                assert_eq!(answer.status(), 200, "after {second} s");
            }
        }
        assert_eq!(provider.grants.refused.get(), 0, "rotates: {rotates}");
        assert!(
            (80..=91).contains(&provider.grants.refreshes.get()),
            "{:?}",
            provider.grants
        );
    }
}

#[test]
fn the_loser_of_a_race_between_gateways_goes_on_until_it_has_the_winners_cookies() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let other = replica(&world, refreshing());
    for world in [&world, &other] {
        world.wait(299);
    }
    let (first, mut second) = (browser.clone(), browser.clone());
    let early = first.ask(&world, "GET", "/api/tags", &[]);
    let late = second.ask(&other, "GET", "/api/tags", &[]);
    assert_eq!(
        (early.verdict().1, late.verdict().1),
        ("waits".into(), "waits".into())
    );
    assert_eq!(browser.finish(&world, &provider, early).status(), 200);
    let lost = second.finish(&other, &provider, late);
    assert_eq!((lost.status(), lost.passed("set-cookie").len()), (200, 0));
    assert_eq!(provider.grants.refused.get(), 1);
    // The browser has what the winner got, and the loser took nothing away.
    assert_eq!(asked(&other, &provider, &mut browser), (200, vec![]));
}

#[test]
fn whoever_goes_away_while_the_provider_is_asked_keeps_nobody_from_refreshing_for_long() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(240);
    let request = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(request.verdict().1, "waits");
    drop(request);
    world.wait(24);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    world.wait(1);
    assert_eq!(asked(&world, &provider, &mut browser).1, TOKEN);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
}

#[test]
fn a_response_that_comes_late_does_not_bring_back_the_session_of_before() {
    let (world, provider, mut browser) = signed_in_for(300, {
        let mut login = refreshing();
        login["idle_timeout"] = json!("30m");
        login
    });
    // Chats whose models load for minutes: one notes that the session was used, one refreshes it.
    world.wait(200);
    let mut noting = browser.ask(&world, "GET", "/api/tags", &[]);
    world.wait(40);
    let mut slow = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(provider.serve(&world.gateway, &mut slow), TOKEN);
    // Meanwhile another tab gets the new one, and refreshes that too.
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    let second = browser.cookies.clone();
    world.wait(240);
    assert_eq!(asked(&world, &provider, &mut browser).1, TOKEN);
    let third = browser.cookies.clone();
    assert_ne!(second, third);
    for (what, late) in [("noting", &mut noting), ("slow", &mut slow)] {
        let head = late.respond(&RESPONSE);
        let pairs = head
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        browser.keep(pairs);
        assert_eq!(browser.cookies, third, "{what}");
    }
    world.wait(240);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, TOKEN.map(str::to_owned).to_vec())
    );
    assert_eq!(provider.grants.refused.get(), 0);
}

#[test]
fn a_response_that_comes_late_still_brings_what_nobody_else_has() {
    let (world, provider, mut browser) = signed_in_for(30, refreshing());
    world.wait(20);
    let mut slow = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(provider.serve(&world.gateway, &mut slow), TOKEN);
    world.wait(120);
    let answer = browser.receive(slow, Vec::new());
    assert_eq!(answer.passed("set-cookie").len(), 1);
    assert_eq!(
        asked(&world, &provider, &mut browser),
        (200, TOKEN.map(str::to_owned).to_vec())
    );
    assert_eq!(provider.grants.refused.get(), 0);
}

#[test]
fn a_configuration_that_comes_while_the_provider_is_asked_costs_the_request_and_not_the_session() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    world.wait(240);
    let request = browser.ask(&world, "GET", "/api/tags", &[]);
    let mut login = refreshing();
    login["cookie_expire"] = json!("7h");
    let next = worker(&world, login);
    let answer = browser.finish(&world, &provider, request);
    assert_eq!(
        (answer.status(), answer.code()),
        (503, "configuration_changed")
    );
    assert_eq!(asked(&next, &provider, &mut browser), (200, vec![]));
    assert_eq!(
        (
            provider.grants.refreshes.get(),
            provider.grants.refused.get()
        ),
        (1, 0)
    );
}

#[test]
fn a_gateway_without_a_memory_for_all_workers_refreshes_by_each() {
    let mut configuration = with_login(refreshing());
    configuration["host"] = json!({ "name": "apisix" });
    configuration["login"]["upstream"] = json!("sso.example:443");
    let world = World::apisix(&configuration);
    let other = {
        let gateway = Gateway::default();
        gateway.0.is_apisix.set(true);
        gateway.0.seed.set(1);
        World::on(gateway, configuration.to_string().as_bytes())
    };
    assert!(world.configured && other.configured, "{:?}", world.errors());
    let (provider, mut browser) = (issuing(300), Browser::default());
    let host = [("host", "gate.example")];
    let get = |world: &World, browser: &mut Browser| {
        let answer = browser.send(world, &provider, "GET", "/api/tags", &host);
        (answer.status(), answer.asked.contains(&"/token".to_owned()))
    };
    let page: Vec<_> = PAGE.into_iter().chain(host).collect();
    let sent = browser.send(&world, &provider, "GET", "/api/tags", &page);
    let back = provider.authorize(&sent.location());
    assert_eq!(
        browser
            .send(&world, &provider, "GET", &back, &page)
            .status(),
        303
    );
    for world in [&world, &other] {
        world.wait(240);
    }
    // Each worker is a gateway of its own: the one that made the session has the first turn.
    assert_eq!(get(&other, &mut browser.clone()), (200, false));
    let mut old = browser.clone();
    assert_eq!(get(&world, &mut browser), (200, true));
    assert_eq!(get(&world, &mut old), (200, false));
    assert_eq!(old.cookies, browser.cookies);
    other.wait(240);
    other.wait(60);
    assert_eq!(get(&other, &mut browser), (200, true));
    assert_eq!(provider.grants.refused.get(), 0);
    assert!(world.gateway.0.shared.borrow().is_empty());
}

#[test]
fn a_response_that_comes_after_signing_out_signs_nobody_in_again() {
    for (what, login, due) in [
        ("a refresh", refreshing(), 240),
        ("a note", json!({ "idle_timeout": "30m" }), 200),
    ] {
        for bob_comes in [false, true] {
            let (world, provider, mut browser) = signed_in_for(300, login.clone());
            world.wait(due);
            let mut late = browser.ask(&world, "GET", "/api/tags", &[]);
            provider.serve(&world.gateway, &mut late);
            if bob_comes {
                *provider.claims.borrow_mut() = json!({ "sub": "bob" });
                let answer = browser.sign_in(&world, &provider, "/.gate/login");
                assert_eq!(answer.status(), 303, "{what}");
            } else {
                sign_out(&world, &provider, &mut browser);
            }
            let before = browser.cookies.clone();
            browser.receive(late, Vec::new());
            assert_eq!(browser.cookies, before, "{what}, bob comes: {bob_comes}");
        }
    }
}

#[test]
fn a_configuration_that_comes_between_two_questions_to_the_provider_costs_no_session() {
    let mut login = refreshing();
    login["userinfo"] = json!(true);
    for answered in [0, 1] {
        let (world, provider, mut browser) = signed_in_for(300, login.clone());
        world.wait(240);
        let mut request = browser.ask(&world, "GET", "/api/tags", &[]);
        for _ in 0..answered {
            provider.serve_one(&world.gateway, &mut request);
        }
        assert_eq!(request.verdict().1, "waits", "{answered}");
        let mut next = login.clone();
        next["cookie_expire"] = json!("7h");
        let next = worker(&world, next);
        let answer = browser.finish(&world, &provider, request);
        assert_eq!(answer.code(), "configuration_changed", "{answered}");
        assert_eq!(answer.asked.len(), 1, "{answered}: nothing more is asked");
        assert_eq!(
            asked(&next, &provider, &mut browser),
            (200, vec![]),
            "{answered}"
        );
        next.wait(20);
        let (status, again) = asked(&next, &provider, &mut browser);
        assert!(
            status == 200 && again.contains(&"/token".to_owned()),
            "{answered}: {again:?}"
        );
        assert_eq!(provider.grants.refused.get(), 0, "{answered}");
    }
}

#[test]
fn a_refresh_that_takes_long_is_not_begun_twice() {
    let mut login = refreshing();
    login["timeout"] = json!("30s");
    let (world, provider, mut browser) = signed_in_for(300, login);
    world.wait(240);
    let first = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(first.verdict().1, "waits");
    world.wait(119);
    let (status, asked) = asked(&world, &provider, &mut browser.clone());
    assert!(asked.is_empty(), "{status}: {asked:?}");
    assert_eq!(browser.finish(&world, &provider, first).status(), 200);
    assert_eq!(
        (
            provider.grants.refreshes.get(),
            provider.grants.refused.get()
        ),
        (1, 0)
    );
}

#[test]
fn a_note_that_comes_after_its_session_was_idle_brings_it_back_to_nobody() {
    for bob_comes in [false, true] {
        let login = json!({ "idle_timeout": "30m" });
        let (world, provider, mut browser) = signed_in_for(300, login);
        world.wait(1740);
        let mut late = browser.ask(&world, "GET", "/api/tags", &[]);
        provider.serve(&world.gateway, &mut late);
        world.wait(90);
        if bob_comes {
            let late = NOW + 1830;
            *provider.claims.borrow_mut() = json!({ "sub": "bob", "iat": late, "exp": late + 300 });
            let answer = browser.sign_in(&world, &provider, "/.gate/login");
            assert_eq!(answer.status(), 303, "bob comes: {bob_comes}");
        } else {
            let own = [("origin", "https://gate.example")];
            browser.send(&world, &provider, "POST", "/.gate/logout", &own);
        }
        let before = browser.cookies.clone();
        browser.receive(late, Vec::new());
        assert_eq!(browser.cookies, before, "bob comes: {bob_comes}");
    }
}

#[test]
fn a_refusal_that_comes_after_signing_out_signs_nobody_in_again() {
    let (world, provider, mut browser) = signed_in_by_a_group();
    let waiting = browser.ask(&world, "GET", "/api/tags", &[]);
    assert_eq!(waiting.verdict().1, "waits");
    sign_out(&world, &provider, &mut browser);
    let answer = browser.finish(&world, &provider, waiting);
    let told = answer.header("set-cookie");
    assert_eq!((answer.status(), told.as_str()), (403, ""));
    assert!(browser.cookies.is_empty());
}

#[test]
fn two_tabs_that_sign_in_within_a_second_stay_signed_in() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    browser.sign_in(&world, &provider, "/.gate/login");
    world.wait(240);
    let token = TOKEN.map(str::to_owned).to_vec();
    assert_eq!(asked(&world, &provider, &mut browser), (200, token));
}
