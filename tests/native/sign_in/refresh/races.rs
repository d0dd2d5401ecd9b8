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
    world.wait(19);
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
    configuration["login"]["upstream"] = json!("sso");
    configuration["host"] = json!({ "name": "apisix" });
    configuration["login"]["upstream"] = json!("sso.example:443");
    let world = World::apisix(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    assert!(world.gateway.0.shared.borrow().is_empty());
}
