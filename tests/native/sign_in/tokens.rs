//! What the provider answers when a code is redeemed.

use super::*;

/// Holds that a sign-in with such a provider fails with `status` and `code`; gives the cause in the log.
fn fails(world: &World, provider: &Provider, status: u16, code: &str, what: &str) -> String {
    let mut browser = Browser::default();
    let answer = browser.sign_in(world, provider, "/api/tags");
    assert_eq!((answer.status(), answer.code()), (status, code), "{what}");
    assert!(
        answer.header("content-type").starts_with("text/html"),
        "{what}"
    );
    assert!(browser.cookies.is_empty(), "{what}: {browser:?}");
    answer.record["cause"].as_str().unwrap().to_owned()
}

#[test]
fn an_id_token_that_is_not_for_this_very_sign_in_signs_nobody_in() {
    let provider = Provider::new();
    for (claims, cause) in [
        (json!({ "nonce": null }), "no `nonce`"),
        (json!({ "nonce": "" }), "another sign-in"),
        (json!({ "nonce": "another" }), "another sign-in"),
        (json!({ "aud": "other" }), "`aud` is"),
        (json!({ "aud": null }), "no `aud`"),
        (json!({ "aud": ["gate", "other"] }), "no `azp`"),
        (json!({ "aud": ["gate", "other"], "azp": "other" }), "`azp`"),
        (json!({ "azp": "other" }), "`azp`"),
        (json!({ "iss": "https://evil.example" }), "`iss` is"),
        (json!({ "iss": null }), "no `iss`"),
        (json!({ "exp": NOW - 60 }), "expired"),
        (json!({ "exp": null }), "`exp`"),
        (json!({ "iat": NOW + 61 }), "ahead of this gate's clock"),
        (json!({ "iat": null }), "no `iat`"),
        (json!({ "nbf": NOW + 61 }), "ahead of this gate's clock"),
        (json!({ "sub": null }), "`sub`"),
        (json!({ "sub": "" }), "`sub`"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), "at_hash"),
    ] {
        let world = gate(json!({}));
        *provider.claims.borrow_mut() = claims.clone();
        let told = fails(
            &world,
            &provider,
            403,
            "sign_in_failed",
            &claims.to_string(),
        );
        assert!(told.contains(cause), "{claims}: {told}");
    }
    let half = &sha2::Sha512::digest("at-1")[..32];
    for good in [
        json!({ "at_hash": URL_SAFE_NO_PAD.encode(half) }),
        json!({ "aud": ["gate", "other"], "azp": "gate" }),
        json!({ "iat": NOW + 59 }),
        json!({ "exp": NOW - 59 }),
    ] {
        let world = gate(json!({}));
        *provider.claims.borrow_mut() = good.clone();
        let answer = Browser::default().sign_in(&world, &provider, "/api/tags");
        assert_eq!(answer.status(), 303, "{good}");
    }
}

#[test]
fn answers_of_the_token_endpoint_that_are_none_sign_nobody_in() {
    let (world, provider) = (gate(json!({})), Provider::new());
    let good = json!({ "token_type": "Bearer", "access_token": "a", "id_token": "b.c.d" });
    let without = |name: &str, value: Value| {
        let mut answer = good.clone();
        put(&mut answer, &json!({ name: value }));
        answer.to_string()
    };
    let html = "<!doctype html><title>Sign in</title>".to_owned();
    for (status, body, refusal, code) in [
        (200, html.clone(), 403, "sign_in_failed"),
        (200, String::new(), 403, "sign_in_failed"),
        (200, "[]".to_owned(), 403, "sign_in_failed"),
        (
            200,
            without("token_type", Value::Null),
            403,
            "sign_in_failed",
        ),
        (
            200,
            without("token_type", json!("DPoP")),
            403,
            "sign_in_failed",
        ),
        (200, without("id_token", Value::Null), 403, "sign_in_failed"),
        (200, without("id_token", json!(1)), 403, "sign_in_failed"),
        (200, without("id_token", json!("x")), 403, "sign_in_failed"),
        (
            200,
            without("id_token", json!("x".repeat(40_000))),
            403,
            "sign_in_failed",
        ),
        (
            200,
            without("access_token", Value::Null),
            403,
            "sign_in_failed",
        ),
        (
            200,
            without("id_token", json!("eyJhbGciOiJub25lIn0.e30.")),
            403,
            "sign_in_failed",
        ),
        (200, "x".repeat(70_000), 503, "provider_unavailable"),
        (302, html.clone(), 403, "sign_in_failed"),
        (
            400,
            r#"{"error":"invalid_grant"}"#.to_owned(),
            403,
            "sign_in_failed",
        ),
        (
            401,
            r#"{"error":"invalid_client"}"#.to_owned(),
            403,
            "sign_in_failed",
        ),
        (500, html, 503, "provider_unavailable"),
        (503, String::new(), 503, "provider_unavailable"),
    ] {
        *provider.token_answer.borrow_mut() = Some((status, body.clone().into_bytes()));
        let cause = fails(&world, &provider, refusal, code, &body);
        assert!(
            !cause.contains("doctype") && !cause.contains("xxx"),
            "{cause}"
        );
        world.wait(1);
    }
}

#[test]
fn tokens_in_an_answer_that_does_not_say_that_it_is_json_sign_nobody_in() {
    for media_type in [
        "text/html",
        "text/plain; charset=utf-8",
        "",
        "application/jwt",
    ] {
        let (world, provider) = (gate(json!({})), Provider::new());
        provider.types.borrow_mut().insert("/token", media_type);
        let cause = fails(&world, &provider, 403, "sign_in_failed", media_type);
        assert!(cause.contains("application/json"), "{media_type}: {cause}");
    }
}

#[test]
fn an_id_token_of_another_key_signs_nobody_in() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let claims = provider.id_token_claims(&parameters(&sent.location())["nonce"]);
    let forged = signer(2).sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &claims.to_string());
    let answer = json!({ "token_type": "Bearer", "access_token": "at-1", "id_token": forged });
    *provider.token_answer.borrow_mut() = Some((200, answer.to_string().into_bytes()));
    let answer = browser.go(&world, &provider, &back);
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
    assert!(browser.cookies.is_empty());
}

#[test]
fn a_provider_that_cannot_be_asked_is_told_so_and_asked_again_later() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    *provider.metadata.borrow_mut() = json!({ "issuer": "https://evil.example" });
    let answer = browser.go(&world, &provider, "/api/tags");
    assert_eq!(
        (answer.status(), answer.code()),
        (503, "provider_unavailable")
    );
    assert!(!answer.header("retry-after").is_empty());
    assert!(answer.header("content-type").starts_with("text/html"));
    *provider.metadata.borrow_mut() = json!({});
    world.wait(10);
    assert_eq!(browser.go(&world, &provider, "/api/tags").status(), 303);
}

#[test]
fn no_secret_reaches_the_log() {
    let (world, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    let mut lines = Vec::new();
    let mut note = |world: &World| lines.extend(world.lines_with(""));
    let sent = browser.go(&world, &provider, "/api/tags");
    note(&world);
    let back = provider.authorize(&sent.location());
    let mut stranger = Browser::default();
    stranger.go(&world, &provider, &back);
    note(&world);
    browser.go(&world, &provider, &back);
    note(&world);
    let session = browser.cookies.values().next().unwrap().clone();
    let log = lines.join("\n");
    let parameters = parameters(&sent.location());
    let query = self::parameters(&back);
    let secrets = [
        &parameters["state"],
        &parameters["nonce"],
        &query["code"],
        &session,
    ];
    for secret in secrets
        .into_iter()
        .map(String::as_str)
        .chain([CLIENT_SECRET, RING, "at-1"])
    {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(log.contains("signed_in"), "{log}");
}
