//! The cookies of a session: what is wrong with them, and how many there are.

use super::sessions::{fetched, signed_in};
use super::*;

#[test]
fn sessions_that_were_tampered_with_cut_or_swapped_let_nobody_in() {
    let (world, provider, browser) = signed_in(json!({}), json!({}));
    let value = browser.cookies[SESSION].clone();
    let mut tried = vec![
        ("empty".to_owned(), "x".to_owned()),
        ("another secret".to_owned(), {
            let other = gate(json!({ "secrets": [OLD_RING] }));
            let mut browser = Browser::default();
            browser.sign_in(&other, &provider, "/api/tags");
            browser.cookies[SESSION].clone()
        }),
        ("what was sealed for a sign-in".to_owned(), {
            let mut browser = Browser::default();
            browser.go(&world, &provider, "/api/tags");
            browser.cookies.values().next().unwrap().clone()
        }),
        (
            "more parts than there are".to_owned(),
            value.replacen('1', "2", 1),
        ),
    ];
    for place in (0..value.len()).step_by(11) {
        tried.push((format!("cut at {place}"), value[..place].to_owned()));
        let mut bytes = value.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        tried.push((
            format!("changed at {place}"),
            String::from_utf8(bytes).unwrap(),
        ));
    }
    for (what, value) in tried {
        let mut browser = Browser::default();
        browser.cookies.insert(SESSION.to_owned(), value);
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict, (401, "invalid_session".to_owned()), "{what}");
    }
}

#[test]
fn a_flood_of_cookies_lets_nobody_in_and_keeps_nobody_out_who_has_a_key() {
    let (world, provider, browser) = signed_in(json!({}), json!({}));
    let many = |count: usize, size: usize| {
        let mut browser = browser.clone();
        for number in 0..count {
            browser
                .cookies
                .insert(format!("c{number}"), "x".repeat(size));
        }
        browser
    };
    let fine = fetched(&world, &provider, &mut many(40, 100), "GET", "/api/tags");
    assert_eq!(fine.0, 200, "forty small ones of others");
    let flood = fetched(&world, &provider, &mut many(16, 4000), "GET", "/api/tags");
    assert_eq!(flood, (401, "invalid_session".to_owned()));
    let bearer = format!("Bearer {}", crate::world::KEY);
    let fields = [("authorization", bearer.as_str())];
    let key = many(16, 4000).send(&world, &provider, "GET", "/api/tags", &fields);
    assert_eq!(key.status(), 200);
    // Their number is bounded too, or a header of semicolons is work.
    for (count, status) in [(500, 200), (600, 401)] {
        let verdict = fetched(&world, &provider, &mut many(count, 1), "GET", "/api/tags");
        assert_eq!(verdict.0, status, "{count} of one letter");
    }
    let mut twice = browser.clone();
    let value = twice.cookies[SESSION].clone();
    twice.cookies.insert(format!("x=1; {SESSION}"), value);
    let verdict = fetched(&world, &provider, &mut twice, "GET", "/api/tags");
    assert_eq!(verdict, (401, "invalid_session".to_owned()), "twice");
    // Whoever cannot be let in so signs in again, and the flood of attempts is cleared.
    let mut attempts = Browser::default();
    for number in 0..40 {
        let name = format!("{ATTEMPT}{number:016}");
        attempts.cookies.insert(name, "1.AAAA".to_owned());
    }
    assert_eq!(attempts.go(&world, &provider, "/api/tags").status(), 303);
    assert_eq!(attempts.cookies.len(), 1);
}

#[test]
fn sixty_groups_fit_and_cookies_that_are_not_needed_any_more_are_taken_away() {
    let groups: Vec<_> = (0..60)
        .map(|number| format!("/company/department-{number}/team"))
        .collect();
    let login = json!({ "scopes_claim": "groups", "scope_map": { "/company/department-7/team": ["read"] } });
    let (world, provider, mut browser) = signed_in(login.clone(), json!({ "groups": groups }));
    assert_eq!(
        fetched(&world, &provider, &mut browser, "GET", "/api/tags").0,
        200
    );
    let small = Browser {
        cookies: signed_in(json!({}), json!({})).2.cookies,
    };
    assert_eq!(small.cookies.len(), 1);
    assert!(
        small.cookies[SESSION].len() < 400,
        "{}",
        small.cookies[SESSION].len()
    );
    let many: Vec<_> = (0..300)
        .map(|number| format!("/company/department-{number}/team"))
        .collect();
    *provider.claims.borrow_mut() = json!({ "groups": many });
    browser.sign_in(&world, &provider, "/.gate/login");
    assert!(browser.cookies.len() > 1);
    assert_eq!(
        fetched(&world, &provider, &mut browser, "GET", "/api/tags").0,
        200
    );
    *provider.claims.borrow_mut() = json!({});
    browser.sign_in(&world, &provider, "/.gate/login");
    assert_eq!(browser.cookies.len(), 1);
}

#[test]
fn the_gates_own_cookies_never_grow_beyond_what_it_reads() {
    let groups: Vec<_> = (0..570)
        .map(|number| format!("/company/department-{number}"))
        .collect();
    let login =
        json!({ "scopes_claim": "groups", "scope_map": { "/company/department-7": ["read"] } });
    let (world, provider, mut browser) = signed_in(login, json!({ "groups": groups }));
    assert_eq!(browser.cookies.len(), 5, "the longest session");
    let target = format!("/.gate/login?return=/{}", "a".repeat(1000));
    for number in 0..12 {
        let sent = browser.go(&world, &provider, &target);
        let back = provider.authorize(&sent.location());
        let size = browser.cookie_header().len();
        assert!(size <= 28 * 1024, "{number}: {size} bytes");
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 200, "{number}");
        let answer = browser.clone().go(&world, &provider, &back);
        assert_eq!(answer.status(), 303, "{number}");
        world.wait(1);
    }
    // Several tabs at it fit all the same.
    assert_eq!(browser.named(ATTEMPT).len(), 4);
}

#[test]
fn whoever_carries_more_than_the_gate_reads_gets_rid_of_it_by_signing_in() {
    let (world, provider, signed_in) = signed_in(json!({}), json!({}));
    let parts = (0..5).map(|part| match part {
        0 => (SESSION.to_owned(), format!("5.{}", "x".repeat(4000))),
        part => (format!("{SESSION}-{part}"), "x".repeat(4000)),
    });
    let others = (0..4).map(|number| (format!("b{number}"), "x".repeat(3500)));
    let among_others = parts.clone().chain(others).collect();
    let attempts = (0..16).map(|number| {
        (
            format!("{ATTEMPT}{number:016}"),
            format!("1.{}", "x".repeat(1600)),
        )
    });
    let long = (0..13).map(|number| {
        (
            format!("{ATTEMPT}{number:016}"),
            format!("1.{}", "x".repeat(3000)),
        )
    });
    for (what, cookies) in [
        (
            "a long session and sign-ins",
            parts.chain(attempts).collect::<Vec<_>>(),
        ),
        ("a long session among others", among_others),
        ("sign-ins alone", long.collect()),
    ] {
        let mut browser = signed_in.clone();
        browser.cookies.extend(cookies);
        let before = browser.cookies.len();
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 401, "{what}");
        let sent = browser.go(&world, &provider, "/api/tags");
        let back = provider.authorize(&sent.location());
        assert!(browser.cookies.len() < before, "{what}");
        let answer = browser.go(&world, &provider, &back);
        assert_eq!((answer.status(), answer.code()), (303, ""), "{what}");
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 200, "{what}");
    }
}

#[test]
fn groups_that_fit_into_no_cookies_are_told_so() {
    let groups: Vec<_> = (0..700)
        .map(|number| format!("/company/department-{number}"))
        .collect();
    let login = json!({ "scopes_claim": "groups" });
    let (world, provider, mut browser) = (gate(login), Provider::new(), Browser::default());
    *provider.claims.borrow_mut() = json!({ "groups": groups });
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
    assert!(answer.text().contains("do not fit into cookies"));
}
