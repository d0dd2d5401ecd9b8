//! The page that says who is calling, which others ask before they let somebody in.

use super::*;
use crate::sign_in::store::store;

fn who(world: &World, provider: &Provider, browser: &mut Browser) -> (u16, Vec<String>) {
    let answer = browser.send(world, provider, "GET", "/.gate/whoami", &[]);
    (answer.status(), answer.asked)
}

#[test]
fn whoami_calls_nobody_signed_in_whom_the_provider_does_not_know_any_more() {
    for section in [Value::Null, store()] {
        let mut login = refreshing();
        login["store"] = section.clone();
        let (world, provider, mut browser) = signed_in_for(300, login);
        provider.grants.end();
        world.wait(3600);
        let (status, asked) = who(&world, &provider, &mut browser);
        assert_eq!(status, 401, "{section}");
        assert!(
            asked.iter().any(|path| path == "/token"),
            "{section}: {asked:?}"
        );
        for _ in 0..3 {
            let (status, asked) = who(&world, &provider, &mut browser);
            assert_eq!(status, 401, "{section}");
            assert!(
                !asked.iter().any(|path| path == "/token"),
                "{section}: {asked:?}"
            );
        }
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 401, "{section}");
    }
}

#[test]
fn whoami_refreshes_a_session_once_and_hands_it_over() {
    let (world, provider, mut browser) = signed_in_for(300, refreshing());
    let before = browser.cookies.clone();
    world.wait(240);
    let answer = browser.send(&world, &provider, "GET", "/.gate/whoami", &[]);
    assert_eq!(
        (answer.status(), &answer.asked[..]),
        (200, &TOKEN.map(str::to_owned)[..])
    );
    assert_eq!(answer.json()["subject"], "alice");
    let kept: Vec<_> = answer.reply.as_ref().unwrap().headers.iter().collect();
    let is = |header: &&&(&str, String)| header.0 == "cache-control";
    assert_eq!(kept.iter().filter(is).count(), 1, "{kept:?}");
    assert_ne!(browser.cookies, before);
    assert_eq!(asked(&world, &provider, &mut browser), (200, vec![]));
    assert_eq!(provider.grants.refreshes.get(), 1);
    // The form that it gives is for the session that it has handed over.
    sign_out(&world, &provider, &mut browser);
}

#[test]
fn whoami_says_what_the_provider_says_now() {
    let (world, provider, mut browser) = signed_in_by_a_group();
    let answer = browser.send(&world, &provider, "GET", "/.gate/whoami", &[]);
    let scopes = answer.json()["scopes"].take();
    assert!(!scopes.to_string().contains("read"), "{scopes}");
}

#[test]
fn whoami_is_no_use_of_a_session_and_a_page_elsewhere_has_nothing_refreshed() {
    let mut login = refreshing();
    login["idle_timeout"] = json!("30m");
    let (world, provider, mut browser) = signed_in_for(7200, login.clone());
    let before = browser.cookies.clone();
    for _ in 0..4 {
        world.wait(400);
        provider.grants.issues.set(false);
        let foreign = [("origin", "https://evil.example")];
        let answer = browser.send(&world, &provider, "GET", "/.gate/whoami", &foreign);
        assert_eq!((answer.code(), answer.asked.len()), ("origin_denied", 0));
    }
    assert_eq!(browser.cookies, before);
    let idle = json!({ "idle_timeout": "30m", "cookie_expire": "8h" });
    let (world, provider, mut browser) = signed_in_for(7200, idle);
    let before = browser.cookies.clone();
    for _ in 0..3 {
        world.wait(599);
        assert_eq!(who(&world, &provider, &mut browser), (200, vec![]));
        assert_eq!(browser.cookies, before);
    }
    world.wait(3);
    assert_eq!(who(&world, &provider, &mut browser), (401, vec![]));
}
