//! From a page without a session to one with it, and out again.

use super::*;
use crate::world::{Assertion, p256_pem};
use std::collections::HashSet;

#[test]
fn somebody_at_a_browser_signs_in_and_comes_back_to_the_page_that_was_asked_for() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags?x=1");
    assert_eq!(sent.status(), 303);
    assert_eq!(sent.asked, ["/.well-known/openid-configuration"]);
    assert_eq!(parameters(&sent.location())["scope"], "openid");
    assert_eq!(sent.header("cache-control"), "no-store");
    let back = provider.authorize(&sent.location());
    let signed_in = browser.go(&world, &provider, &back);
    assert_eq!(
        (signed_in.status(), signed_in.location().as_str()),
        (303, "/api/tags?x=1")
    );
    assert_eq!(
        signed_in.asked,
        ["/token", "/.well-known/openid-configuration", "/certs"]
    );
    let lines = world.lines_with("signed_in");
    assert!(lines[0].contains(r#""subject":"alice""#), "{lines:?}");
    assert_eq!(browser.named("__Host-").as_slice(), [SESSION]);

    let page = browser.go(&world, &provider, "/api/tags?x=1");
    let upstream = page.upstream.as_ref().unwrap();
    assert!(
        !upstream.iter().any(|(name, _)| name == "cookie"),
        "{upstream:?}"
    );
    assert!(page.asked.is_empty());
}

#[test]
fn nobody_but_a_navigation_is_sent_to_the_provider() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let json = [("accept", "application/json")];
    let fetched = [PAGE[0], ("sec-fetch-mode", "cors")];
    for (method, fields) in [
        ("GET", &[][..]),
        ("GET", &json),
        ("GET", &fetched),
        ("POST", &PAGE),
        ("HEAD", &PAGE),
    ] {
        let answer = Browser::default().send(&world, &provider, method, "/api/tags", fields);
        assert_eq!(answer.status(), 401, "{method} {fields:?}");
        assert_eq!(answer.code(), "missing_credential", "{method} {fields:?}");
        assert!(answer.asked.is_empty(), "{method} {fields:?}");
    }
    // Who brings a credential that is wrong is told so.
    let wrong = [
        PAGE[0],
        PAGE[1],
        ("authorization", "Bearer sk-wrong-1234567890abcdef"),
    ];
    let answer = Browser::default().send(&world, &provider, "GET", "/api/tags", &wrong);
    assert_eq!((answer.status(), answer.code()), (401, "unknown_key"));
}

#[test]
fn a_sign_in_that_began_on_one_instance_ends_on_another_whose_secret_was_rotated_meanwhile() {
    let provider = Provider::new();
    let one = gate(json!({ "secrets": [OLD_RING] }));
    let two = gate(json!({ "secrets": [RING, OLD_RING] }));
    let mut browser = Browser::default();
    let sent = browser.go(&one, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    assert_eq!(browser.go(&two, &provider, &back).location(), "/api/tags");
    assert!(browser.go(&two, &provider, "/api/tags").upstream.is_some());
    // The one that does not know the new secret yet cannot open it, and sends to sign in.
    assert_eq!(browser.go(&one, &provider, "/api/tags").status(), 303);
}

#[test]
fn three_tabs_sign_in_at_once_and_end_in_any_order() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let targets = ["/api/tags", "/api/ps", "/v1/models"];
    let back = targets.map(|target| {
        let sent = browser.go(&world, &provider, target);
        provider.authorize(&sent.location())
    });
    assert_eq!(browser.named(ATTEMPT).len(), 3);
    for place in [1, 2, 0] {
        let answer = browser.go(&world, &provider, &back[place]);
        assert_eq!(answer.location(), targets[place], "{place}");
    }
    assert_eq!(browser.named(ATTEMPT).len(), 0);
}

#[test]
fn a_browser_carries_eight_sign_ins_at_the_most_the_newest() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let mut back = Vec::new();
    for _ in 0..12 {
        let sent = browser.go(&world, &provider, "/api/tags");
        back.push(provider.authorize(&sent.location()));
        world.wait(1);
        assert!(browser.named(ATTEMPT).len() <= 8);
    }
    assert_eq!(browser.go(&world, &provider, &back[11]).status(), 303);
    assert_eq!(
        browser.go(&world, &provider, &back[0]).code(),
        "sign_in_failed"
    );
}

#[test]
fn endpoints_that_are_configured_are_not_discovered() {
    let world = gate(json!({
        "authorization_endpoint": "https://sso.example/auth", "token_endpoint": "https://sso.example/token",
        "jwks_uri": "https://sso.example/certs",
    }));
    let (provider, mut browser) = (Provider::new(), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags");
    assert!(sent.asked.is_empty());
    let back = provider.authorize(&sent.location());
    assert_eq!(
        browser.go(&world, &provider, &back).asked,
        ["/token", "/certs"]
    );
}

#[test]
fn a_key_that_signs_proves_the_gate_for_each_code_anew_and_nothing_else_is_sent() {
    let pem = p256_pem();
    let login = json!({ "auth": "private_key_jwt", "client_secret": null, "private_key": pem, "key_id": "gate-2026" });
    let (world, provider) = (gate(login), Provider::new());
    let mut names = HashSet::new();
    for _ in 0..4 {
        let answer = Browser::default().sign_in(&world, &provider, "/api/tags");
        assert_eq!(answer.status(), 303);
        let call = provider.redeemed.borrow_mut().take().unwrap();
        assert!(call.headers().all(|(name, _)| name != "authorization"));
        let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
        let form = parameters(&format!("?{body}"));
        assert!(!form.contains_key("client_secret"), "{body}");
        assert_eq!(form["client_id"], "gate");
        assert_eq!(
            form["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let assertion = Assertion::read(&form["client_assertion"]);
        let name = assertion.claims["jti"].as_str().unwrap().to_owned();
        assert_eq!(
            assertion.header,
            json!({ "alg": "ES256", "typ": "JWT", "kid": "gate-2026" })
        );
        assert_eq!(
            assertion.claims,
            json!({ "iss": "gate", "sub": "gate", "aud": "https://sso.example/token", "jti": name,
                    "iat": NOW, "exp": NOW + 60 })
        );
        names.insert(name);
        let log = world.lines_with("").join("\n");
        assert!(!log.contains(&form["client_assertion"]), "{log}");
    }
    assert_eq!(names.len(), 4, "each of them once");
}

#[test]
fn the_gate_proves_itself_to_the_provider_as_it_is_configured() {
    for (login, header, in_body) in [
        (json!({}), Some("Basic Z2F0ZTprcTlUMnZMeDdSYlo0bVdk"), ""),
        (
            json!({ "auth": "client_secret_post" }),
            None,
            "client_id=gate&client_secret=kq9T2vLx7RbZ4mWd",
        ),
        (
            json!({ "auth": "none", "client_secret": null }),
            None,
            "client_id=gate",
        ),
    ] {
        let (world, provider, mut browser) = (gate(login), Provider::new(), Browser::default());
        let answer = browser.sign_in(&world, &provider, "/api/tags");
        assert_eq!(answer.status(), 303, "{header:?} {in_body}");
        let call = provider.redeemed.borrow_mut().take().unwrap();
        let sent = call.headers().find(|(name, _)| *name == "authorization");
        assert_eq!(sent.map(|(_, value)| value), header, "{in_body}");
        let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
        assert!(body.ends_with(in_body), "{body}");
        let is_in_body = body.contains("client_secret");
        assert_eq!(is_in_body, in_body.contains("client_secret"), "{body}");
    }
}

#[test]
fn the_login_page_sends_back_to_this_site_only() {
    let (world, provider) = (gate(json!({})), Provider::new());
    for (asked, back_to) in [
        ("/api/tags?a=b", "/api/tags?a=b"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\/evil.example", "/"),
        ("/%0d%0aset-cookie:a=b", "/"),
        ("/a\r\nb", "/"),
        ("/.gate/login", "/"),
        ("/.gate/logout?token=x", "/"),
        ("javascript:alert(1)", "/"),
    ] {
        let encoded: String = asked.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let mut browser = Browser::default();
        let target = format!("/.gate/login?return={encoded}");
        let answer = browser.sign_in(&world, &provider, &target);
        assert_eq!(answer.location(), back_to, "{asked:?}");
    }
}

#[test]
fn whoami_says_who_is_calling_by_whatever_credential() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let nobody = browser.go(&world, &provider, "/.gate/whoami");
    assert_eq!(
        (nobody.status(), nobody.code()),
        (401, "missing_credential")
    );
    browser.sign_in(&world, &provider, "/api/tags");
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["subject"], "alice");
    assert_eq!(who["method"], "session");
    assert_eq!(who["expires_at"], "2026-01-02T00:00:00Z");
    let bearer = format!("Bearer {}", crate::world::KEY);
    let fields = [("authorization", bearer.as_str())];
    let key = Browser::default().send(&world, &provider, "GET", "/.gate/whoami", &fields);
    assert_eq!(key.json()["id"], "laptop");
    let foreign = [("origin", "https://evil.example")];
    let page = browser.send(&world, &provider, "GET", "/.gate/whoami", &foreign);
    assert_eq!(page.code(), "origin_denied");
}

#[test]
fn somebody_signs_out_here_and_at_the_provider() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    *provider.metadata.borrow_mut() = json!({ "end_session_endpoint": "https://sso.example/end" });
    browser.sign_in(&world, &provider, "/api/tags");
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    let action = who["sign_out"].as_str().unwrap();
    let page = browser.go(&world, &provider, "/.gate/logout");
    assert_eq!(page.status(), 200);
    let out = browser.send(
        &world,
        &provider,
        "POST",
        action,
        &[("origin", "https://gate.example")],
    );
    // No redirection: the page with the form binds what its answer leads to.
    assert_eq!((out.status(), out.location().as_str()), (200, ""));
    let location = out.onward();
    let parameters = parameters(&location);
    assert!(
        location.starts_with("https://sso.example/end?"),
        "{location}"
    );
    assert_eq!(
        parameters["post_logout_redirect_uri"],
        "https://gate.example/.gate/signed-out"
    );
    assert_eq!(parameters["client_id"], "gate");
    assert_eq!(parameters["id_token_hint"].split('.').count(), 3);
    assert!(browser.cookies.is_empty(), "{browser:?}");
    assert_eq!(
        browser.go(&world, &provider, "/.gate/signed-out").status(),
        200
    );
    assert_eq!(browser.go(&world, &provider, "/api/tags").status(), 303);
}

#[test]
fn whoever_signs_out_where_the_provider_was_not_known_before_is_signed_out_there_too() {
    let provider = Provider::new();
    *provider.metadata.borrow_mut() =
        json!({ "end_session_endpoint": "https://other.example/end" });
    let mut browser = Browser::default();
    browser.sign_in(&gate(json!({})), &provider, "/api/tags");
    // Each of these requests comes to a worker that has asked the provider for nothing yet.
    let page = browser.go(&gate(json!({})), &provider, "/.gate/logout");
    assert!(page.asked.is_empty());
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self'; "), "{policy}");
    let text = page.text();
    let action = text.split("action=\"").nth(1).unwrap();
    let action = action.split('"').next().unwrap();
    let own = [("origin", "https://gate.example")];
    let out = browser.send(&gate(json!({})), &provider, "POST", action, &own);
    assert_eq!(out.asked, ["/.well-known/openid-configuration"]);
    let to = out.onward();
    assert!(to.starts_with("https://other.example/end?"), "{to}");
    assert!(browser.cookies.is_empty(), "{browser:?}");
}

#[test]
fn whoever_is_told_to_be_signed_out_holds_no_session_any_more() {
    let (world, provider, mut signed_in) = (gate(json!({})), Provider::new(), Browser::default());
    signed_in.sign_in(&world, &provider, "/api/tags");
    let value = signed_in.cookies[SESSION].clone();
    for (what, name, value) in [
        ("over 32 kB", "a".to_owned(), "x".repeat(33_000)),
        ("600 cookies", "a".to_owned(), ";".repeat(600)),
        ("a part twice", format!("x=1; {SESSION}"), value.clone()),
        ("a part that is none", format!("{SESSION}-7"), value.clone()),
        ("changed", SESSION.to_owned(), format!("{value}A")),
    ] {
        let mut browser = signed_in.clone();
        browser.cookies.insert(name.clone(), value);
        let out = browser.go(&world, &provider, "/.gate/logout");
        assert_eq!(
            out.location(),
            "https://gate.example/.gate/signed-out",
            "{what}"
        );
        browser.cookies.remove(&name);
        assert!(browser.cookies.is_empty(), "{what}: {browser:?}");
    }
    world.wait(86_400);
    let out = signed_in.go(&world, &provider, "/.gate/logout");
    assert_eq!(out.location(), "https://gate.example/.gate/signed-out");
    assert!(signed_in.cookies.is_empty(), "ended: {signed_in:?}");
    let nobody = Browser::default().go(&world, &provider, "/.gate/logout");
    assert_eq!(nobody.header("set-cookie"), "");
}

#[test]
fn without_a_place_to_sign_out_at_the_provider_somebody_signs_out_here() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    browser.sign_in(&world, &provider, "/api/tags");
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    let action = who["sign_out"].as_str().unwrap();
    let out = browser.send(&world, &provider, "POST", action, &[]);
    assert_eq!(out.location(), "https://gate.example/.gate/signed-out");
    assert!(browser.cookies.is_empty());
}

#[test]
fn below_a_prefix_the_pages_are_below_it_too() {
    let mut configuration = with_login(json!({}));
    configuration["path_prefix"] = json!("/ollama");
    let (world, provider) = (World::new(&configuration), Provider::new());
    let mut browser = Browser::default();
    let sent = browser.go(&world, &provider, "/ollama/api/tags");
    let redirect = &parameters(&sent.location())["redirect_uri"];
    assert_eq!(redirect, "https://gate.example/ollama/.gate/callback");
    let who = browser.go(&world, &provider, "/ollama/.gate/whoami");
    assert_eq!(who.code(), "missing_credential");
}

#[test]
fn in_report_mode_nobody_is_sent_away() {
    let mut configuration = with_login(json!({}));
    configuration["mode"] = json!("report");
    let (world, provider) = (World::new(&configuration), Provider::new());
    let page = Browser::default().go(&world, &provider, "/api/tags");
    assert!(page.upstream.is_some());
    assert_eq!(page.code(), "missing_credential");
}

#[test]
fn an_id_token_that_would_make_the_address_too_long_is_no_hint() {
    let (world, provider) = (gate(json!({})), Provider::new());
    *provider.metadata.borrow_mut() = json!({ "end_session_endpoint": "https://sso.example/end" });
    for length in [10, 2_000, 2_600, 2_800, 3_500, 9_000] {
        *provider.claims.borrow_mut() = json!({ "picture": "x".repeat(length) });
        let mut browser = Browser::default();
        let status = browser.sign_in(&world, &provider, "/").status();
        assert_eq!(status, 303, "{length}");
        let who = browser.go(&world, &provider, "/.gate/whoami").json();
        let action = who["sign_out"].as_str().unwrap();
        let out = browser.send(&world, &provider, "POST", action, &[]);
        let location = out.onward();
        assert!(location.len() <= 4096, "{length}: {} bytes", location.len());
        assert!(
            location.starts_with("https://sso.example/end?client_id=gate&"),
            "{location}"
        );
        let hints = location.contains("&id_token_hint=");
        assert_eq!(hints, length <= 2_600, "{length}: {location}");
    }
}

#[test]
fn a_subject_is_cut_in_the_lines_of_a_sign_in_as_it_is_in_others() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let long = "y".repeat(3_000);
    *provider.claims.borrow_mut() = json!({ "sub": long });
    browser.sign_in(&world, &provider, "/");
    let shown = format!(r#""subject":"{}\u2026""#, "y".repeat(128));
    let lines = world.lines_with(r#""event":"signed_in""#);
    assert!(lines[0].contains(&shown), "{lines:?}");
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    browser.send(
        &world,
        &provider,
        "POST",
        who["sign_out"].as_str().unwrap(),
        &[],
    );
    let lines = world.lines_with(r#""event":"signed_out""#);
    assert!(lines[0].contains(&shown), "{lines:?}");
}
