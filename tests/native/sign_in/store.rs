//! Sessions that a Redis keeps, and a browser has the ticket of.

use super::sessions::fetched;
use super::*;
use crate::world::KEY;

pub(super) fn store() -> Value {
    json!({ "kind": "redis", "url": "http://webdis.internal", "upstream": "webdis" })
}

fn with_store(login: Value) -> World {
    let mut section = json!({ "store": store() });
    put(&mut section, &login);
    gate(section)
}

/// Somebody who is signed in there.
fn signed_in(login: Value) -> (World, Provider, Browser) {
    let (world, provider, mut browser) = (with_store(login), Provider::new(), Browser::default());
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303, "{answer:?}");
    (world, provider, browser)
}

fn verdict(world: &World, provider: &Provider, browser: &mut Browser) -> (u16, String) {
    fetched(world, provider, browser, "GET", "/api/tags")
}

const UNAVAILABLE: (u16, &str) = (503, "session_store_unavailable");

#[test]
fn a_browser_carries_a_ticket_and_the_store_the_session() {
    let (world, provider, mut browser) = signed_in(json!({}));
    assert_eq!(world.lines_with("signed_in").len(), 1);
    assert_eq!(browser.named("__Host-").as_slice(), [SESSION]);
    let (name, text) = provider.webdis.only();
    assert!(name.starts_with("ollama-gate:session:"), "{name}");
    assert!(browser.cookies[SESSION].len() < 140, "{browser:?}");
    let id = name.rsplit(':').next().unwrap();
    assert!(!browser.cookies[SESSION].contains(id), "it is sealed");
    assert!(!text.contains("alice"));
    assert_eq!(provider.webdis.sessions.borrow()[&name].1, 86_400);
    let page = browser.go(&world, &provider, "/api/tags");
    assert_eq!(
        (page.status(), page.asked.as_slice()),
        (200, &["load".to_owned()][..])
    );
    let who = browser.go(&world, &provider, "/.gate/whoami");
    assert_eq!(who.json()["subject"], "alice");
    assert_eq!(who.asked, ["load"]);
}

#[test]
fn a_session_that_is_gone_from_the_store_is_over_at_once() {
    let (world, provider, mut browser) = signed_in(json!({}));
    assert_eq!(verdict(&world, &provider, &mut browser).0, 200);
    provider.webdis.sessions.borrow_mut().clear();
    let gone = verdict(&world, &provider, &mut browser);
    assert_eq!(gone, (401, "invalid_session".to_owned()));
    // Somebody at a browser signs in again.
    assert_eq!(browser.go(&world, &provider, "/api/tags").status(), 303);
}

#[test]
fn whoever_has_a_number_for_a_name_or_an_odd_session_of_the_provider_signs_in() {
    let numeric = json!({ "numeric_subject": true });
    for world in [gate(numeric.clone()), with_store(numeric)] {
        for claims in [
            json!({ "sub": 123 }),
            json!({ "sid": 7 }),
            json!({ "sid": ["x"] }),
            json!({ "sid": "" }),
            json!({ "sid": null }),
        ] {
            let (provider, mut browser) = (Provider::new(), Browser::default());
            *provider.claims.borrow_mut() = claims.clone();
            let answer = browser.sign_in(&world, &provider, "/api/tags");
            assert_eq!(answer.status(), 303, "{claims}: {answer:?}");
            assert_eq!(verdict(&world, &provider, &mut browser).0, 200, "{claims}");
        }
    }
}

#[test]
fn a_store_that_cannot_be_asked_stops_sessions_and_nobody_else() {
    let (world, provider, browser) = signed_in(json!({}));
    let answers = [
        None,
        Some((503, Vec::new())),
        Some((403, Vec::new())),
        Some((302, Vec::new())),
        Some((200, b"<html>".to_vec())),
        Some((200, Vec::new())),
        Some((
            200,
            br#"{"GET":[false,"LOADING Redis is loading"]}"#.to_vec(),
        )),
        Some((200, br#"{"GET":[false,"ERR alice"]}"#.to_vec())),
        Some((200, br#"{"GET":[true,"OK"]}"#.to_vec())),
        Some((200, br#"{"GET":1}"#.to_vec())),
        Some((200, br#"{"SET":null}"#.to_vec())),
        Some((200, br#"{"GET":null,"GET":null}"#.to_vec())),
        Some((
            200,
            [br#"{"GET":""#, &[b'x'; 70_000][..], br#""}"#].concat(),
        )),
    ];
    for answer in answers {
        let shown = format!("{:?}", answer.as_ref().map(|(status, _)| status));
        *provider.webdis.answer.borrow_mut() = Some(answer);
        let mut browser = browser.clone();
        let (status, code) = verdict(&world, &provider, &mut browser);
        assert_eq!((status, code.as_str()), UNAVAILABLE, "{shown}");
        let quoted = world.lines_with("ERR alice");
        assert!(quoted.is_empty(), "{shown}: {quoted:?}");
        for page in ["/api/tags", "/.gate/whoami", "/.gate/logout"] {
            let answer = browser.go(&world, &provider, page);
            assert_eq!(answer.status(), 503, "{shown} {page}");
            assert_eq!(answer.header("retry-after"), "1", "{shown} {page}");
        }
        assert!(browser.cookies.contains_key(SESSION), "{shown}: it goes on");
        // A key counts in its place, and nobody asks the store.
        let before = provider.webdis.count.get();
        let bearer = format!("Bearer {KEY}");
        let by_key = [("authorization", bearer.as_str())];
        let keyed = browser.send(&world, &provider, "GET", "/api/tags", &by_key);
        assert_eq!((keyed.status(), provider.webdis.count.get()), (200, before));
        let open = Browser::default().send(&world, &provider, "GET", "/api/tags", &by_key);
        assert_eq!(open.status(), 200, "{shown}");
    }
    *provider.webdis.answer.borrow_mut() = None;
    assert_eq!(verdict(&world, &provider, &mut browser.clone()).0, 200);
}

#[test]
fn nobody_signs_in_whose_session_is_not_kept() {
    let (world, provider, mut browser) =
        (with_store(json!({})), Provider::new(), Browser::default());
    for answer in [
        None,
        Some((200, br#"{"EVAL":null}"#.to_vec())),
        Some((200, br#"{"EVAL":0}"#.to_vec())),
        Some((
            200,
            br#"{"EVAL":[false,"OOM command not allowed"]}"#.to_vec(),
        )),
    ] {
        let shown = format!("{answer:?}");
        *provider.webdis.answer.borrow_mut() = Some(answer);
        let refused = browser.sign_in(&world, &provider, "/api/tags");
        assert_eq!((refused.status(), refused.code()), UNAVAILABLE, "{shown}");
        assert!(browser.named("__Host-").is_empty(), "{shown}: {browser:?}");
        assert!(world.lines_with("signed_in").is_empty(), "{shown}");
    }
}

#[test]
fn a_ticket_that_is_none_of_this_gate_asks_nobody() {
    let (world, provider, browser) = signed_in(json!({}));
    let ticket = browser.cookies[SESSION].clone();
    let (name, _) = provider.webdis.only();
    let id = name.rsplit(':').next().unwrap().to_owned();
    let other = with_store(json!({ "secrets": [OLD_RING] }));
    let client = with_store(json!({ "client_id": "other" }));
    let in_cookie = gate(json!({}));
    let mut elsewhere = Browser::default();
    elsewhere.sign_in(&in_cookie, &provider, "/api/tags");
    let before = provider.webdis.count.get();
    let flipped = |place: usize| {
        let mut bytes = ticket.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut tried: Vec<String> = (2..ticket.len()).map(flipped).collect();
    tried.extend([
        ticket[..ticket.len() - 1].to_owned(),
        format!("{ticket}A"),
        format!("1.{id}"),
        id,
        name,
        elsewhere.cookies[SESSION].clone(),
    ]);
    for value in tried {
        let mut browser = Browser::default();
        browser.cookies.insert(SESSION.to_owned(), value.clone());
        let refused = verdict(&world, &provider, &mut browser);
        assert_eq!(refused, (401, "invalid_session".to_owned()), "{value}");
    }
    for (world, whose) in [
        (&other, "of another secret"),
        (&client, "another client"),
        (&in_cookie, "without a store"),
    ] {
        let refused = verdict(world, &provider, &mut browser.clone());
        assert_eq!(refused.0, 401, "{whose}");
    }
    assert_eq!(provider.webdis.count.get(), before);
}

#[test]
fn a_session_under_the_name_of_another_is_none() {
    let (world, provider, mut alice) = signed_in(json!({}));
    *provider.claims.borrow_mut() = json!({ "sub": "mallory" });
    let mut mallory = Browser::default();
    mallory.sign_in(&world, &provider, "/api/tags");
    let names: Vec<_> = provider.webdis.sessions.borrow().keys().cloned().collect();
    {
        // Whoever writes to Redis swaps the two.
        let mut sessions = provider.webdis.sessions.borrow_mut();
        let [one, other] = [&names[0], &names[1]].map(|name| sessions[name].clone());
        sessions.insert(names[0].clone(), other);
        sessions.insert(names[1].clone(), one);
    }
    for (browser, whose) in [(&mut alice, "alice"), (&mut mallory, "mallory")] {
        let refused = verdict(&world, &provider, browser);
        assert_eq!(refused, (401, "invalid_session".to_owned()), "{whose}");
    }
    // Or puts there what is sealed for something else.
    for text in ["", "x", &alice.cookies[SESSION].clone()[2..]] {
        for name in &names {
            let kept = (text.to_owned(), 60);
            provider
                .webdis
                .sessions
                .borrow_mut()
                .insert(name.clone(), kept);
        }
        let refused = verdict(&world, &provider, &mut alice);
        assert_eq!(refused, (401, "invalid_session".to_owned()), "{text}");
    }
}

#[test]
fn a_sign_in_makes_a_new_ticket_and_takes_no_name_from_the_browser() {
    let (world, provider, mut browser) = signed_in(json!({}));
    let planted = browser.cookies[SESSION].clone();
    browser.sign_in(&world, &provider, "/.gate/login");
    assert_ne!(browser.cookies[SESSION], planted);
    assert_eq!(provider.webdis.sessions.borrow().len(), 2);
}

#[test]
fn a_stranger_has_the_gate_write_nothing() {
    let (world, provider) = (with_store(json!({})), Provider::new());
    let mut browser = Browser::default();
    let sent = browser.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let wrong = back.replace("code-1", "code-2");
    assert_eq!(browser.go(&world, &provider, &wrong).status(), 403);
    *provider.claims.borrow_mut() = json!({ "nonce": "other" });
    assert_eq!(browser.sign_in(&world, &provider, "/x").status(), 403);
    for page in [
        "/.gate/logout",
        "/.gate/whoami",
        "/.gate/login",
        "/api/tags",
    ] {
        browser.go(&world, &provider, page);
        browser.send(&world, &provider, "POST", page, &PAGE);
    }
    assert_eq!(provider.webdis.count.get(), 0);
}

#[test]
fn whoever_signs_out_is_out_for_every_copy_of_the_ticket() {
    let (world, provider, mut browser) = signed_in(json!({}));
    let mut copy = browser.clone();
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    let action = who["sign_out"].as_str().unwrap().to_owned();
    let own = [("origin", "https://gate.example")];
    // Without the token it goes on.
    let refused = browser.send(&world, &provider, "POST", "/.gate/logout", &own);
    assert_eq!(refused.status(), 403);
    assert_eq!(verdict(&world, &provider, &mut copy).0, 200);
    // The store does not answer: nobody is told that it is over.
    *provider.webdis.answer.borrow_mut() = Some(None);
    let late = browser.send(&world, &provider, "POST", &action, &own);
    assert_eq!((late.status(), late.code()), UNAVAILABLE);
    assert!(world.lines_with("signed_out").is_empty());
    *provider.webdis.answer.borrow_mut() = None;
    let out = browser.send(&world, &provider, "POST", &action, &own);
    assert_eq!(
        (out.status(), out.asked.as_slice()),
        (303, &["load".to_owned(), "remove".to_owned()][..])
    );
    assert!(browser.named("__Host-").is_empty());
    assert_eq!(world.lines_with("signed_out").len(), 1);
    let refused = verdict(&world, &provider, &mut copy);
    assert_eq!(refused, (401, "invalid_session".to_owned()));
}

#[test]
fn a_session_in_a_store_that_is_used_goes_on_and_ends_with_its_ticket() {
    let (world, provider, mut browser) =
        signed_in(json!({ "idle_timeout": "30m", "cookie_expire": "2h" }));
    let (name, _) = provider.webdis.only();
    let seconds = || provider.webdis.sessions.borrow()[&name].1;
    assert_eq!(seconds(), 1800);
    world.wait(6000);
    let page = browser.go(&world, &provider, "/api/tags");
    assert_eq!(page.asked, ["use"]);
    assert_eq!(page.passed("set-cookie"), [""; 0]);
    assert_eq!(seconds(), 1200, "it ends in any case");
    world.wait(1200);
    let over = verdict(&world, &provider, &mut browser);
    assert_eq!(over, (401, "expired_session".to_owned()));
}

#[test]
fn a_request_asks_the_store_once_whatever_it_waits_for_beside() {
    let (world, provider, mut browser) = signed_in(json!({}));
    for (method, page) in [
        ("GET", "/api/tags"),
        ("POST", "/api/show"),
        ("GET", "/.gate/logout"),
    ] {
        let before = provider.webdis.count.get();
        browser.send(&world, &provider, method, page, &PAGE);
        assert_eq!(provider.webdis.count.get() - before, 1, "{page}");
    }
}

#[test]
fn a_session_in_a_store_counts_in_report_mode_too() {
    let mut document = with_login(json!({ "store": store() }));
    document["mode"] = json!("report");
    let world = World::new(&document);
    assert!(world.configured, "{:?}", world.errors());
    let (provider, mut browser) = (Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/.gate/login");
    let page = browser.go(&world, &provider, "/api/tags");
    assert_eq!(
        (page.status(), page.record["subject"].as_str()),
        (200, Some("alice"))
    );
}

#[test]
fn a_secret_that_was_rotated_opens_tickets_and_sessions_until_it_goes() {
    let (old, provider, mut browser) = signed_in(json!({ "secrets": [OLD_RING] }));
    assert_eq!(verdict(&old, &provider, &mut browser).0, 200);
    let both = with_store(json!({ "secrets": [RING, OLD_RING] }));
    assert_eq!(verdict(&both, &provider, &mut browser).0, 200);
    let new = with_store(json!({}));
    assert_eq!(verdict(&new, &provider, &mut browser).0, 401);
}

#[test]
fn the_gate_s_own_pages_do_not_put_the_end_of_an_unused_session_off() {
    let (world, provider, mut browser) = signed_in(json!({ "idle_timeout": "30m" }));
    for page in ["/.gate/whoami", "/.gate/logout"] {
        let shown = browser.go(&world, &provider, page);
        assert_eq!(
            (shown.status(), shown.asked.as_slice()),
            (200, &["load".to_owned()][..]),
            "{page}"
        );
    }
    assert_eq!(browser.go(&world, &provider, "/api/tags").asked, ["use"]);
}

#[test]
fn a_store_that_hangs_holds_few_requests_and_is_asked_by_one_at_a_time() {
    let (world, provider, browser) = signed_in(json!({}));
    let ask = || browser.ask(&world, "GET", "/api/tags", &[]);
    let unavailable = (UNAVAILABLE.0, UNAVAILABLE.1.to_owned());
    let waiting: Vec<_> = (0..256).map(|_| ask()).collect();
    assert!(waiting.iter().all(|request| request.waits_for.is_some()));
    assert_eq!(ask().verdict(), unavailable);
    drop(waiting);
    *provider.webdis.answer.borrow_mut() = Some(None);
    for number in 0..4 {
        assert_eq!(
            verdict(&world, &provider, &mut browser.clone()),
            unavailable,
            "{number}"
        );
    }
    // One finds out whether it is back; a key beside it waits for nobody.
    let mut one = ask();
    assert!(one.waits_for.is_some());
    assert_eq!(ask().verdict(), unavailable);
    let bearer = format!("Bearer {KEY}");
    let by_key = [("authorization", bearer.as_str())];
    let keyed = browser
        .clone()
        .send(&world, &provider, "GET", "/api/tags", &by_key);
    assert_eq!(keyed.status(), 200);
    *provider.webdis.answer.borrow_mut() = None;
    provider.serve_one(&world.gateway, &mut one);
    assert_eq!(one.verdict().0, 200);
    let both = [ask(), ask()];
    assert!(both.iter().all(|request| request.waits_for.is_some()));
}
