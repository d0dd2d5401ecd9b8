//! What somebody may try on the way.

use super::*;

/// A sign-in that has come as far as the provider: the target that the browser is sent back to.
fn begun(world: &World, provider: &Provider, browser: &mut Browser) -> String {
    let sent = browser.go(world, provider, "/api/tags");
    provider.authorize(&sent.location())
}

/// Holds that `target` signs nobody in, and that the provider's token endpoint was not asked.
fn refused(world: &World, provider: &Provider, browser: &mut Browser, target: &str, what: &str) {
    let answer = browser.go(world, provider, target);
    assert_eq!(
        (answer.status(), answer.code()),
        (403, "sign_in_failed"),
        "{what}"
    );
    let redeems = answer.asked.iter().any(|path| path == "/token");
    assert!(!redeems, "{what}: {:?}", answer.asked);
    assert!(
        answer.header("content-type").starts_with("text/html"),
        "{what}"
    );
    assert!(browser.named(SESSION).is_empty(), "{what}");
}

#[test]
fn the_state_of_another_user_redeems_nothing() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let mut attacker = Browser::default();
    let theirs = begun(&world, &provider, &mut attacker);
    let mut victim = Browser::default();
    refused(
        &world,
        &provider,
        &mut victim,
        &theirs,
        "no sign-in of the victim's",
    );
    begun(&world, &provider, &mut victim);
    refused(
        &world,
        &provider,
        &mut victim,
        &theirs,
        "another of the victim's",
    );
}

#[test]
fn an_answer_is_good_once() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let back = begun(&world, &provider, &mut browser);
    let copy = browser.clone();
    assert_eq!(browser.go(&world, &provider, &back).status(), 303);
    browser.cookies.clear();
    refused(&world, &provider, &mut browser, &back, "replayed");
    // With the cookie too, which a thief may have copied: the provider knows that the code was used.
    let mut thief = copy;
    let answer = thief.go(&world, &provider, &back);
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
    assert_eq!(answer.asked, ["/token"]);
    let cause = answer.record["cause"].as_str().unwrap();
    assert!(
        cause.contains("status 400, error `invalid_grant`"),
        "{cause}"
    );
}

#[test]
fn an_answer_that_was_changed_redeems_nothing() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let other = "&iss=https%3A%2F%2Fevil.example";
    let own = "&iss=https%3A%2F%2Fsso.example";
    type Change = fn(String) -> String;
    let changes: [(&str, Change); 9] = [
        ("no state", |back| back.replace("state=", "stat=")),
        ("state twice", |back| format!("{back}&state=x")),
        ("a state cut short", |back| back.replace("&iss=", "x&iss=")),
        ("another state", |back| {
            let place = back.find("&iss").unwrap();
            let mut changed = back.into_bytes();
            changed[place - 1] = if changed[place - 1] == b'A' {
                b'B'
            } else {
                b'A'
            };
            String::from_utf8(changed).unwrap()
        }),
        ("no code", |back| back.replace("code=", "cod=")),
        ("an empty code", |back| {
            let (_, rest) = back.split_once('&').unwrap();
            format!("/.gate/callback?code=&{rest}")
        }),
        ("two codes", |back| format!("{back}&code=x")),
        ("an error", |back| format!("{back}&error=access_denied")),
        ("code that is no text", |back| {
            back.replace("code=", "code=%ff")
        }),
    ];
    for (what, change) in changes {
        let mut browser = Browser::default();
        let back = change(begun(&world, &provider, &mut browser));
        refused(&world, &provider, &mut browser, &back, what);
    }
    let mut browser = Browser::default();
    let back = begun(&world, &provider, &mut browser).replace(own, other);
    refused(
        &world,
        &provider,
        &mut browser,
        &back,
        "another issuer (RFC 9207)",
    );
}

#[test]
fn a_provider_that_says_it_names_itself_has_to() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    *provider.metadata.borrow_mut() =
        json!({ "authorization_response_iss_parameter_supported": true });
    let back = begun(&world, &provider, &mut browser);
    let nameless = back.split("&iss=").next().unwrap().to_owned();
    refused(
        &world,
        &provider,
        &mut browser.clone(),
        &nameless,
        "nameless",
    );
    assert_eq!(browser.go(&world, &provider, &back).status(), 303);
}

#[test]
fn a_sign_in_at_one_provider_is_not_ended_by_another_one() {
    let (provider, mut browser) = (Provider::new(), Browser::default());
    let world = gate(json!({}));
    let back = begun(&world, &provider, &mut browser);
    let mut configuration = with_login(json!({ "issuer": "https://other.example" }));
    configuration["login"]["authorization_endpoint"] = json!("https://sso.example/auth");
    configuration["login"]["token_endpoint"] = json!("https://sso.example/token");
    configuration["login"]["jwks_uri"] = json!("https://sso.example/certs");
    let other = World::new(&configuration);
    let nameless = back.split("&iss=").next().unwrap();
    refused(
        &other,
        &provider,
        &mut browser,
        nameless,
        "of another provider",
    );
}

#[test]
fn a_sign_in_takes_ten_minutes_at_the_most() {
    let (world, provider) = (gate(json!({})), Provider::new());
    for (seconds, status) in [(599, 303), (600, 403)] {
        let mut browser = Browser::default();
        let back = begun(&world, &provider, &mut browser);
        *provider.claims.borrow_mut() = json!({ "exp": NOW + 9_999 });
        world.wait(seconds);
        assert_eq!(
            browser.go(&world, &provider, &back).status(),
            status,
            "{seconds}"
        );
        world.wait(-seconds);
    }
}

#[test]
fn cookies_that_were_tampered_with_cut_or_swapped_end_no_sign_in() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let mut browser = Browser::default();
    let back = begun(&world, &provider, &mut browser);
    let other = begun(&world, &provider, &mut browser);
    let names = browser.named(ATTEMPT);
    let mut swapped = browser.clone();
    let values: Vec<_> = names
        .iter()
        .map(|name| browser.cookies[name].clone())
        .collect();
    swapped.cookies.insert(names[0].clone(), values[1].clone());
    swapped.cookies.insert(names[1].clone(), values[0].clone());
    refused(&world, &provider, &mut swapped.clone(), &back, "swapped");
    refused(&world, &provider, &mut swapped, &other, "swapped");
    for length in [0, 1, 2, 10, 40, values[0].len() - 1] {
        let mut cut = browser.clone();
        for (name, value) in names.iter().zip(&values) {
            cut.cookies.insert(name.clone(), value[..length].to_owned());
        }
        refused(&world, &provider, &mut cut, &back, "cut");
    }
    for place in (0..values[0].len()).step_by(7) {
        let mut changed = browser.clone();
        for (name, value) in names.iter().zip(&values) {
            let mut bytes = value.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            let value = String::from_utf8(bytes).unwrap();
            changed.cookies.insert(name.clone(), value);
        }
        refused(&world, &provider, &mut changed, &back, "changed");
    }
}

#[test]
fn a_sign_in_among_too_many_cookies_or_there_twice_redeems_nothing() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let mut browser = Browser::default();
    let back = begun(&world, &provider, &mut browser);
    let name = browser.named(ATTEMPT).remove(0);
    let value = browser.cookies[&name].clone();
    let mut many = browser.clone();
    many.cookies.insert("a".to_owned(), ";".repeat(600));
    refused(&world, &provider, &mut many, &back, "600 cookies");
    let mut late = browser.clone();
    late.cookies.insert("a".to_owned(), "x".repeat(33_000));
    refused(&world, &provider, &mut late, &back, "over 32 kB");
    let mut twice = browser.clone();
    twice.cookies.insert(format!("x=1; {name}"), value);
    refused(&world, &provider, &mut twice, &back, "twice");
    assert_eq!(browser.go(&world, &provider, &back).status(), 303);
}

#[test]
fn a_sign_in_of_a_gate_with_another_secret_counts_for_nothing() {
    let provider = Provider::new();
    let (theirs, ours) = (gate(json!({ "secrets": [OLD_RING] })), gate(json!({})));
    let mut browser = Browser::default();
    let back = begun(&theirs, &provider, &mut browser);
    refused(&ours, &provider, &mut browser, &back, "another secret");
}

#[test]
fn a_session_that_was_planted_is_not_the_one_after_a_sign_in() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let mut attacker = Browser::default();
    *provider.claims.borrow_mut() = json!({ "sub": "mallory" });
    attacker.sign_in(&world, &provider, "/api/tags");
    let planted = attacker.cookies[SESSION].clone();
    let mut victim = attacker.clone();
    *provider.claims.borrow_mut() = json!({});
    victim.sign_in(&world, &provider, "/.gate/login");
    assert_ne!(victim.cookies[SESSION], planted);
    let who = victim.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["subject"], "alice");
    let who = attacker.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["subject"], "mallory");
}

#[test]
fn a_page_of_the_same_domain_makes_no_browser_give_up_a_sign_in() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let back = begun(&world, &provider, &mut browser);
    let cookies = browser.cookies.clone();
    let html = PAGE[0];
    for (what, fields) in [
        (
            "a picture",
            vec![("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")],
        ),
        (
            "a frame",
            vec![
                html,
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "iframe"),
            ],
        ),
        (
            "a script",
            vec![
                html,
                ("sec-fetch-mode", "cors"),
                ("sec-fetch-dest", "empty"),
            ],
        ),
        (
            "what is fetched ahead",
            [&PAGE[..], &[("sec-purpose", "prefetch")]].concat(),
        ),
        ("a program", vec![("accept", "*/*")]),
    ] {
        for _ in 0..9 {
            let answer = browser.send(&world, &provider, "GET", "/.gate/login", &fields);
            assert_eq!(
                (answer.status(), answer.code()),
                (403, "sign_in_failed"),
                "{what}"
            );
        }
        assert_eq!(browser.cookies, cookies, "{what}");
    }
    assert_eq!(browser.go(&world, &provider, &back).location(), "/api/tags");
}

#[test]
fn a_page_elsewhere_signs_nobody_out() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    let action = browser.go(&world, &provider, "/.gate/whoami").json()["sign_out"].clone();
    let action = action.as_str().unwrap();
    let mut other = Browser::default();
    other.sign_in(&world, &provider, "/api/tags");
    world.wait(1);
    let mut later = Browser::default();
    later.sign_in(&world, &provider, "/api/tags");
    let theirs = later.go(&world, &provider, "/.gate/whoami").json()["sign_out"].clone();
    let own = [("origin", "https://gate.example")];
    for (what, target, fields) in [
        (
            "another origin",
            action,
            &[("origin", "https://evil.example")],
        ),
        ("no origin that is known", action, &[("origin", "null")]),
        ("no token", "/.gate/logout", &own),
        ("an empty token", "/.gate/logout?token=", &own),
        ("another session's token", theirs.as_str().unwrap(), &own),
        (
            "a sealed session as the token",
            "/.gate/logout?token=AQ",
            &own,
        ),
    ] {
        let answer = browser.send(&world, &provider, "POST", target, fields);
        assert_eq!(
            (answer.status(), answer.code()),
            (403, "origin_denied"),
            "{what}"
        );
        assert_eq!(browser.named(SESSION).len(), 1, "{what}");
    }
    let got = browser.go(&world, &provider, action);
    assert_eq!(got.status(), 200, "a link signs nobody out");
    assert_eq!(browser.named(SESSION).len(), 1);
}

#[test]
fn other_methods_and_other_paths_are_no_pages_of_the_gate() {
    let (world, provider) = (gate(json!({})), Provider::new());
    for (method, target) in [
        ("POST", "/.gate/login"),
        ("POST", "/.gate/callback"),
        ("POST", "/.gate/whoami"),
        ("DELETE", "/.gate/logout"),
        ("PUT", "/.gate/signed-out"),
    ] {
        let answer = Browser::default().send(&world, &provider, method, target, &[]);
        assert_eq!(answer.code(), "method_not_allowed", "{method} {target}");
    }
    for target in [
        "/.gate",
        "/.gate/",
        "/.gate/callback/",
        "/.gate/Callback",
        "/x/.gate/login",
    ] {
        let answer = Browser::default().send(&world, &provider, "GET", target, &[]);
        assert_eq!(answer.code(), "missing_credential", "{target}");
    }
}

#[test]
fn no_more_codes_are_redeemed_at_a_time_than_a_worker_has_places_for() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let mut waiting = Vec::new();
    for number in 0..20 {
        let mut browser = Browser::default();
        let back = begun(&world, &provider, &mut browser);
        let cookies = browser.cookie_header();
        let fields = [
            (":method", "GET"),
            (":path", back.as_str()),
            (":authority", "gate.example"),
            ("cookie", cookies.as_str()),
        ];
        let request = world.ask_raw(&fields);
        assert_eq!(request.waits_for.is_some(), number < 16, "{number}");
        waiting.push(request);
        world.wait(1);
    }
    let refused = waiting.pop().unwrap().seen.unwrap();
    assert_eq!(refused.record["code"], "provider_unavailable");
    // Who goes away gives the place back.
    waiting.clear();
    let mut browser = Browser::default();
    let back = begun(&world, &provider, &mut browser);
    assert_eq!(browser.go(&world, &provider, &back).status(), 303);
}

/// A gate that knows where its clients are.
fn gate_with_addresses() -> World {
    let world = gate(json!({}));
    from(&world, "203.0.113.7");
    world
}

/// From now on requests come from `address`.
fn from(world: &World, address: &str) {
    let property = "source\0address".to_owned();
    *world.gateway.0.address.borrow_mut() = (property, format!("{address}:4711").into_bytes());
}

#[test]
fn a_stranger_with_codes_that_are_none_keeps_nobody_from_signing_in() {
    let (world, provider) = (gate_with_addresses(), Provider::new());
    let mut reached = 0;
    for second in 0..30 {
        from(&world, "203.0.113.7");
        for _ in 0..50 {
            let mut stranger = Browser::default();
            let back = begun(&world, &provider, &mut stranger).replace("code=code", "code=none");
            let answer = stranger.go(&world, &provider, &back);
            reached += usize::from(answer.asked.iter().any(|path| path == "/token"));
        }
        // In the same second: of those who are elsewhere only one in sixteen is in the stranger's group.
        let elsewhere = (0..20).filter(|number| {
            from(
                &world,
                &format!("198.51.100.{}", 20 * (second % 10) + number),
            );
            let mut browser = Browser::default();
            browser.sign_in(&world, &provider, "/api/tags").status() == 303
        });
        let served = elsewhere.count();
        assert!(served >= 8, "{served} in second {second}");
        world.wait(1);
    }
    // Sixteen in common, and two in a second of its own, in two minutes at the most.
    assert!(reached <= 2 * 16 + 2 * 31, "{reached} reached the provider");
}

#[test]
fn one_sign_in_is_redeemed_three_times_at_the_most() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let back = begun(&world, &provider, &mut browser);
    let bad = back.replace("code=code", "code=none");
    for turn in 0..600 {
        let mut copy = browser.clone();
        let answer = copy.go(&world, &provider, &bad);
        assert_eq!(answer.code(), "sign_in_failed", "{turn}");
        let reached = answer.asked.iter().any(|path| path == "/token");
        assert_eq!(reached, turn < 3, "{turn}");
        world.wait(i64::from(turn % 2));
    }
    // Nobody else is kept from it.
    let mut other = Browser::default();
    assert_eq!(other.sign_in(&world, &provider, "/").status(), 303);
}
