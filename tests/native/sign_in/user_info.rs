//! What the provider says of people beside the ID token.

use super::*;

/// Everything in `login` beside what asks the provider about people.
fn asking(login: Value) -> Value {
    let mut all = json!({ "userinfo": true });
    put(&mut all, &login);
    all
}

fn with_groups() -> Value {
    asking(
        json!({ "scopes_claim": "groups", "scope_map": { "admins": ["read", "manage"], "users": ["read"] } }),
    )
}

/// What whoever is signed in may do, as the gate says.
fn scopes(world: &World, provider: &Provider, browser: &mut Browser) -> Value {
    browser.go(world, provider, "/.gate/whoami").json()["scopes"].take()
}

#[test]
fn claims_that_the_id_token_does_not_hold_come_from_the_provider_with_the_access_token() {
    let (world, provider, mut browser) = (gate(with_groups()), Provider::new(), Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["admins"] });
    let sent = browser.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let answer = browser.go(&world, &provider, &back);
    assert_eq!(answer.status(), 303);
    assert_eq!(
        answer.asked,
        [
            "/token",
            "/.well-known/openid-configuration",
            "/certs",
            "/me"
        ],
        "last of all, once it is known whose it is"
    );
    let call = provider.inquired.borrow_mut().take().unwrap();
    let headers: HashMap<_, _> = call.headers().collect();
    assert_eq!(
        (call.method(), headers["authorization"]),
        ("GET", "Bearer at-1")
    );
    assert_eq!((call.url().path(), call.body()), ("/me", None));
    assert_eq!(scopes(&world, &provider, &mut browser), "`read`, `manage`");
    let log = world.lines_with("").join("\n");
    assert!(!log.contains("at-1"), "{log}");
}

#[test]
fn nobody_is_asked_about_where_that_is_not_configured() {
    let login = json!({ "scopes_claim": "groups", "scope_map": { "admins": ["read", "manage"] } });
    let (world, provider, mut browser) = (gate(login), Provider::new(), Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["admins"] });
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303);
    assert!(
        !answer.asked.iter().any(|path| path == "/me"),
        "{:?}",
        answer.asked
    );
    assert_ne!(scopes(&world, &provider, &mut browser), "`read`, `manage`");
}

#[test]
fn a_claim_of_the_id_token_is_not_overruled() {
    let (world, provider, mut browser) = (gate(with_groups()), Provider::new(), Browser::default());
    *provider.claims.borrow_mut() = json!({ "groups": ["users"] });
    *provider.user_info.borrow_mut() = json!({ "groups": ["admins"] });
    assert_eq!(
        browser.sign_in(&world, &provider, "/api/tags").status(),
        303
    );
    assert_eq!(scopes(&world, &provider, &mut browser), "`read`");
}

#[test]
fn the_endpoint_may_be_configured_with_the_others_and_in_place_of_the_discovered_one() {
    let given = json!({
        "userinfo_endpoint": "https://sso.example/me", "authorization_endpoint": "https://sso.example/auth",
        "token_endpoint": "https://sso.example/token", "jwks_uri": "https://sso.example/certs",
    });
    let provider = Provider::new();
    let answer = Browser::default().sign_in(&gate(asking(given)), &provider, "/");
    assert_eq!(answer.asked, ["/token", "/certs", "/me"]);
    *provider.metadata.borrow_mut() = json!({ "userinfo_endpoint": "https://sso.example/another" });
    let given = json!({ "userinfo_endpoint": "https://sso.example/me" });
    let answer = Browser::default().sign_in(&gate(asking(given)), &provider, "/");
    assert_eq!(answer.asked.last().unwrap(), "/me");
}

#[test]
fn a_provider_whose_metadata_name_no_endpoint_on_its_server_signs_nobody_in() {
    for endpoint in [Value::Null, json!("https://evil.example/me"), json!(1)] {
        let (world, provider) = (gate(asking(json!({}))), Provider::new());
        *provider.metadata.borrow_mut() = json!({ "userinfo_endpoint": endpoint.clone() });
        let answer = Browser::default().go(&world, &provider, "/api/tags");
        let seen = (answer.status(), answer.code());
        assert_eq!(seen, (503, "provider_unavailable"), "{endpoint}");
        let lines = world.lines_with("userinfo_endpoint");
        assert_eq!(lines.len(), 1, "{endpoint}: the operator finds why");
    }
}

/// Holds that a sign-in fails with `status` and `code`; gives the cause in the log.
fn fails(world: &World, provider: &Provider, (status, code): (u16, &str), what: &str) -> String {
    let mut browser = Browser::default();
    let answer = browser.sign_in(world, provider, "/api/tags");
    assert_eq!((answer.status(), answer.code()), (status, code), "{what}");
    assert!(browser.cookies.is_empty(), "{what}: {browser:?}");
    let page = answer.text();
    assert!(!page.contains("SECRET"), "{what}: {page}");
    answer.record["cause"].as_str().unwrap().to_owned()
}

#[test]
fn answers_about_somebody_else_sign_nobody_in() {
    for sub in [
        json!("mallory"),
        Value::Null,
        json!(""),
        json!("Alice"),
        json!(["alice"]),
        json!(0),
    ] {
        let (world, provider) = (gate(asking(json!({}))), Provider::new());
        *provider.user_info.borrow_mut() = json!({ "sub": sub.clone(), "email": "SECRET" });
        let cause = fails(&world, &provider, (403, "sign_in_failed"), &sub.to_string());
        assert!(cause.contains("somebody else"), "{sub}: {cause}");
    }
}

#[test]
fn answers_that_are_no_claims_sign_nobody_in() {
    let refused = (403, "sign_in_failed");
    let unavailable = (503, "provider_unavailable");
    let good = r#"{"sub":"alice","email":"SECRET"}"#;
    let html = "<!doctype html><title>SECRET</title>";
    let large = format!(r#"{{"sub":"alice","x":"{}"}}"#, "x".repeat(70_000));
    for (status, media_type, body, verdict, why) in [
        (200, "text/html", html, refused, "not of the type"),
        (200, "application/json", html, refused, "no JSON object"),
        (200, "application/json", "", refused, "no JSON object"),
        (200, "application/json", "[]", refused, "no JSON object"),
        (
            200,
            "application/json",
            r#"{"sub":"alice","sub":"bob"}"#,
            refused,
            "no JSON object",
        ),
        (200, "text/html", good, refused, "not of the type"),
        (200, "text/plain", good, refused, "not of the type"),
        (
            200,
            "application/json-seq",
            good,
            refused,
            "not of the type",
        ),
        (200, "", good, refused, "not of the type"),
        (
            200,
            "application/jwt",
            "e30.e30.SECRET",
            refused,
            "userinfo_signed_response_alg",
        ),
        (
            200,
            "Application/JWT; charset=utf-8",
            good,
            refused,
            "userinfo_signed_response_alg",
        ),
        (204, "application/json", "", refused, "status 204"),
        (302, "text/html", html, refused, "status 302"),
        (
            401,
            "application/json",
            r#"{"error":"SECRET"}"#,
            refused,
            "status 401",
        ),
        (403, "application/json", good, refused, "status 403"),
        (500, "text/html", html, unavailable, "status 500"),
        (
            200,
            "application/json",
            large.as_str(),
            unavailable,
            "over 65536",
        ),
    ] {
        let what = format!("{status} {media_type} {}", &body[..body.len().min(40)]);
        let (world, provider) = (gate(asking(json!({}))), Provider::new());
        provider.types.borrow_mut().insert("/me", media_type);
        *provider.user_info_answer.borrow_mut() = Some((status, body.as_bytes().to_vec()));
        let cause = fails(&world, &provider, verdict, &what);
        assert!(
            cause.contains(why) && !cause.contains("SECRET"),
            "{what}: {cause}"
        );
    }
    for media_type in ["application/json", "APPLICATION/JSON;charset=UTF-8"] {
        let (world, provider) = (gate(asking(json!({}))), Provider::new());
        provider.types.borrow_mut().insert("/me", media_type);
        let answer = Browser::default().sign_in(&world, &provider, "/");
        assert_eq!(answer.status(), 303, "{media_type}");
    }
}

#[test]
fn an_access_token_that_is_none_of_a_header_goes_into_none() {
    let (world, provider, mut browser) =
        (gate(asking(json!({}))), Provider::new(), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let claims = provider.id_token_claims(&parameters(&sent.location())["nonce"]);
    let answer = json!({ "token_type": "Bearer", "access_token": "a\r\nx-evil: 1", "id_token": sign(&claims) });
    *provider.token_answer.borrow_mut() = Some((200, answer.to_string().into_bytes()));
    let answer = browser.go(&world, &provider, &back);
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
    assert!(provider.inquired.borrow().is_none());
}

#[test]
fn conditions_hold_for_what_the_provider_says_too() {
    let login = asking(
        json!({ "required_claims": { "department": "ml", "suspended": { "absent": true } } }),
    );
    for (said, status) in [
        (json!({ "department": "ml" }), 303),
        (json!({ "department": "sales" }), 403),
        (json!({}), 403),
        (json!({ "department": "ml", "suspended": true }), 403),
    ] {
        let (world, provider) = (gate(login.clone()), Provider::new());
        *provider.user_info.borrow_mut() = said.clone();
        let answer = Browser::default().sign_in(&world, &provider, "/");
        assert_eq!(answer.status(), status, "{said}");
    }
}

#[test]
fn a_person_may_be_called_by_what_the_provider_says_beside_the_id_token() {
    let (world, provider) = (
        gate(asking(json!({ "subject_claim": "email" }))),
        Provider::new(),
    );
    *provider.user_info.borrow_mut() = json!({ "email": "alice@example.com" });
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&world, &provider, "/").status(), 303);
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["subject"], "alice@example.com");
}
