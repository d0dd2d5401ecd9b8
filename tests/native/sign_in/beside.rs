//! What stands beside a session in a request.

use super::*;
use crate::world::{SECRET, jwt};

const PROXY: &str = "cf-access-jwt-assertion";

/// A gate that people sign in at, behind a proxy that says who is signed in there, and beside a program whose
/// tokens come in a cookie.
fn both() -> World {
    let mut configuration = with_login(json!({}));
    configuration["jwt"] = json!([
        { "name": "proxy", "algorithms": ["HS256"], "secrets": [SECRET], "assertion_header": PROXY },
        { "name": "webui", "algorithms": ["HS256"], "secrets": [SECRET], "cookie": "token" },
    ]);
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    world
}

fn token(subject: &str, end: i64) -> String {
    jwt(json!({ "sub": subject, "exp": end }))
}

/// Status, code and subject of who is calling, with these fields beside the cookies.
fn who(world: &World, browser: &mut Browser, fields: &[(&str, &str)]) -> (u16, String, Value) {
    let answer = browser.send(world, &Provider::new(), "GET", "/api/tags", fields);
    let code = answer.code().to_owned();
    (answer.status(), code, answer.record["subject"].clone())
}

#[test]
fn whoever_a_proxy_says_is_signed_in_is_calling_whatever_session_the_browser_has() {
    let (world, provider, mut browser) = (both(), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    let good = |subject: &str| (200, String::new(), json!(subject));
    assert_eq!(who(&world, &mut browser, &[]), good("alice"));
    let bob = token("bob", NOW + 300);
    assert_eq!(who(&world, &mut browser, &[(PROXY, &bob)]), good("bob"));
    // Also where it is no good: a header holds a credential then, and no cookie counts.
    let late = token("bob", NOW - 300);
    let forged = format!("{bob}A");
    for (bad, code) in [(&late, "expired_token"), (&forged, "invalid_signature")] {
        let seen = who(&world, &mut browser, &[(PROXY, bad)]);
        assert_eq!((seen.0, seen.1.as_str()), (401, code), "{bad}");
    }
    // An empty header says nothing.
    assert_eq!(who(&world, &mut browser, &[(PROXY, "")]), good("alice"));
}

#[test]
fn a_session_counts_before_a_token_in_a_cookie_that_others_can_set() {
    let (world, provider, mut browser) = (both(), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    let bob = token("bob", NOW + 300);
    browser.cookies.insert("token".to_owned(), bob);
    assert_eq!(who(&world, &mut browser, &[]).2, json!("alice"));
    // One that has ended stands in nobody's way.
    browser
        .cookies
        .insert(SESSION.to_owned(), "1.AAAA".to_owned());
    assert_eq!(who(&world, &mut browser, &[]).2, json!("bob"));
}

#[test]
fn a_session_that_cannot_be_asked_for_makes_nobody_somebody_else() {
    let store = json!({ "kind": "redis", "url": "http://webdis.internal", "upstream": "webdis" });
    let mut configuration = with_login(json!({ "store": store }));
    configuration["jwt"] = json!([
        { "name": "webui", "algorithms": ["HS256"], "secrets": [SECRET], "cookie": "token" },
    ]);
    let (world, provider) = (World::new(&configuration), Provider::new());
    assert!(world.configured, "{:?}", world.errors());
    let mut browser = Browser::default();
    browser.sign_in(&world, &provider, "/api/tags");
    let bob = token("bob", NOW + 300);
    browser.cookies.insert("token".to_owned(), bob);
    let mut ask = || browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(ask().record["subject"], "alice");
    for answer in [None, Some((200, br#"{"GET":[false,"ERR"]}"#.to_vec()))] {
        let shown = format!("{answer:?}");
        *provider.webdis.answer.borrow_mut() = Some(answer);
        let refused = ask();
        assert_eq!(
            (refused.status(), refused.code()),
            (503, "session_store_unavailable"),
            "{shown}"
        );
    }
    // One that is over stands in nobody's way.
    *provider.webdis.answer.borrow_mut() = Some(Some((200, br#"{"GET":null}"#.to_vec())));
    assert_eq!(ask().record["subject"], "bob");
}

#[test]
fn a_cookie_that_others_can_set_shuts_nobody_out_who_has_a_session() {
    let (world, provider, mut signed_in) = (both(), Provider::new(), Browser::default());
    signed_in.sign_in(&world, &provider, "/api/tags");
    let other = token("bob", NOW + 300);
    for (what, planted) in [
        ("white space", "a b".to_owned()),
        ("no ASCII", "\u{e9}".to_owned()),
        ("too long", "x".repeat(9_000)),
        ("twice", format!("{other}; token={other}")),
    ] {
        let mut browser = signed_in.clone();
        browser.cookies.insert("token".to_owned(), planted);
        let seen = who(&world, &mut browser, &[]);
        assert_eq!(seen, (200, String::new(), json!("alice")), "{what}");
        // Without a session it is refused as before.
        browser.cookies.remove(SESSION);
        assert_ne!(who(&world, &mut browser, &[]).0, 200, "{what}");
        // A session that has ended leads to the sign-in, whatever stands beside it.
        browser
            .cookies
            .insert(SESSION.to_owned(), "1.AAAA".to_owned());
        let answer = browser.go(&world, &provider, "/api/tags");
        assert_eq!(answer.status(), 303, "{what}: {}", answer.code());
    }
}
