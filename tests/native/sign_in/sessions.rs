//! A session as a credential.

use super::*;

pub(super) fn signed_in(login: Value, claims: Value) -> (World, Provider, Browser) {
    let (world, provider, mut browser) = (gate(login), Provider::new(), Browser::default());
    *provider.claims.borrow_mut() = claims;
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303, "{answer:?}");
    (world, provider, browser)
}

/// What a program gets with the browser's cookies.
pub(super) fn fetched(
    world: &World,
    provider: &Provider,
    browser: &mut Browser,
    method: &str,
    target: &str,
) -> (u16, String) {
    let answer = browser.send(world, provider, method, target, &[]);
    (answer.status(), answer.code().to_owned())
}

#[test]
fn a_session_may_do_what_its_claims_say_by_the_rules_of_tokens() {
    let login = json!({
        "scopes_claim": "groups", "scope_map": { "staff": ["read"], "admins": ["read", "manage"] },
        "required_claims": { "email": { "suffix": "@example.com" } },
    });
    for (claims, tags, delete) in [
        (json!({ "groups": ["staff", "other"] }), 200, 403),
        (json!({ "groups": ["admins"] }), 200, 200),
        (json!({ "groups": ["other"] }), 403, 403),
        (json!({ "groups": [] }), 403, 403),
        (json!({}), 403, 403),
    ] {
        let mut all = claims.clone();
        all["email"] = json!("alice@example.com");
        let (world, provider, mut browser) = signed_in(login.clone(), all);
        let read = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(read.0, tags, "{claims}");
        let deleted = fetched(&world, &provider, &mut browser, "DELETE", "/api/delete");
        assert_eq!(deleted.0, delete, "{claims}");
    }
    let (world, provider, mut browser) = (gate(login), Provider::new(), Browser::default());
    *provider.claims.borrow_mut() = json!({ "email": "alice@evil.example" });
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
}

#[test]
fn rules_that_change_count_for_those_who_are_signed_in() {
    let open = json!({ "scopes_claim": "groups", "scope_map": { "staff": ["read"] } });
    let (_, provider, mut browser) = signed_in(open, json!({ "groups": ["staff"] }));
    let closed = gate(json!({ "scopes_claim": "groups", "scope_map": { "boss": ["read"] } }));
    let verdict = fetched(&closed, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (403, "scope_denied".to_owned()));
    let other = gate(json!({ "subject_claim": "email" }));
    let verdict = fetched(&other, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict.0, 401, "{verdict:?}");
}

#[test]
fn a_rule_about_a_claim_that_no_session_holds_yet_ends_the_sessions_that_there_are() {
    let before = json!({ "required_claims": { "email": { "suffix": "@example.com" } } });
    let claims = json!({ "email": "alice@example.com", "suspended": true, "groups": ["llm"] });
    let (_, provider, browser) = signed_in(before.clone(), claims);
    let email = before["required_claims"]["email"].clone();
    let locked = json!({ "required_claims": { "email": email, "suspended": { "absent": true } } });
    let nested =
        json!({ "required_claims": { "email": email, "/state/locked": { "absent": true } } });
    let mut grouped = before.clone();
    grouped["scopes_claim"] = json!("groups");
    grouped["scope_map"] = json!({ "llm": ["read"] });
    let mut models = before.clone();
    models["models_claim"] = json!("models");
    let mut forwarded = with_login(before.clone());
    forwarded["upstream"] = json!({ "identity_headers": { "claims": { "X-Groups": "groups" } } });
    for (what, configuration, after) in [
        ("locked out", with_login(locked), 403),
        ("locked out by a pointer", with_login(nested), 303),
        ("scopes by a claim", with_login(grouped), 303),
        ("models by a claim", with_login(models), 303),
        ("a claim in a header", forwarded, 303),
    ] {
        let world = World::new(&configuration);
        assert!(world.configured, "{what}: {:?}", world.errors());
        let mut own = browser.clone();
        let verdict = fetched(&world, &provider, &mut own, "GET", "/api/tags");
        assert_eq!(verdict, (401, "invalid_session".to_owned()), "{what}");
        // Signing in anew keeps what is asked for now.
        let answer = own.sign_in(&world, &provider, "/api/tags");
        assert_eq!(answer.status(), after, "{what}");
    }
    // A rule less asks for no claim that was not kept.
    let fewer = gate(json!({}));
    let verdict = fetched(&fewer, &provider, &mut browser.clone(), "GET", "/api/tags");
    assert_eq!(verdict.0, 200);
}

#[test]
fn a_session_may_use_the_models_that_its_claim_names() {
    let login = json!({ "models_claim": "models" });
    let (world, _, browser) = signed_in(login, json!({ "models": "llama3.2" }));
    let cookies = browser.cookie_header();
    let fields = [
        ("cookie", cookies.as_str()),
        ("content-type", "application/json"),
    ];
    for (model, status) in [("llama3.2", 200), ("qwen3", 403)] {
        let body = json!({ "model": model }).to_string();
        let (seen, _) = world.post("/api/chat", &fields, &[body.as_bytes()]);
        assert_eq!(seen.verdict().0, status, "{model}");
    }
}

#[test]
fn a_session_ends_when_it_was_to_end() {
    let (world, provider, mut browser) = signed_in(json!({ "cookie_expire": "1h" }), json!({}));
    world.wait(3599);
    assert_eq!(
        fetched(&world, &provider, &mut browser, "GET", "/api/tags").0,
        200
    );
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
    assert_eq!(browser.go(&world, &provider, "/api/tags").status(), 303);
}

#[test]
fn a_session_that_was_opened_before_is_judged_anew_and_another_one_is_not_taken_for_it() {
    let (world, provider, mut browser) = signed_in(json!({}), json!({}));
    for turn in 0..3 {
        let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
        assert_eq!(verdict.0, 200, "{turn}");
    }
    // All but the first few bytes are those that are known.
    let value = browser.cookies[SESSION].clone();
    for place in 2..value.len() {
        let mut bytes = value.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let mut changed = browser.clone();
        let bytes = String::from_utf8(bytes).unwrap();
        changed.cookies.insert(SESSION.to_owned(), bytes);
        let verdict = fetched(&world, &provider, &mut changed, "GET", "/api/tags");
        assert_eq!(verdict, (401, "invalid_session".to_owned()), "{place}");
    }
    world.wait(86_399);
    assert_eq!(
        fetched(&world, &provider, &mut browser, "GET", "/api/tags").0,
        200
    );
    world.wait(1);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
}

#[test]
fn a_session_of_a_longer_lifetime_ends_by_the_shorter_one_that_is_in_force() {
    let (_, provider, mut browser) = signed_in(json!({ "cookie_expire": "24h" }), json!({}));
    let world = gate(json!({ "cookie_expire": "1m" }));
    world.wait(60);
    let verdict = fetched(&world, &provider, &mut browser, "GET", "/api/tags");
    assert_eq!(verdict, (401, "expired_session".to_owned()));
}

#[test]
fn a_page_elsewhere_cannot_use_a_session() {
    let (world, provider, mut browser) = signed_in(json!({}), json!({}));
    for (origin, status) in [
        ("https://gate.example", 200),
        ("https://evil.example", 403),
        ("https://gate.example.evil", 403),
        ("http://gate.example", 403),
        ("null", 403),
    ] {
        let fields = [("origin", origin)];
        let answer = browser.send(&world, &provider, "GET", "/api/tags", &fields);
        assert_eq!(answer.status(), status, "{origin}");
    }
}

#[test]
fn a_credential_in_a_header_counts_in_place_of_a_session() {
    let (world, provider, mut browser) = signed_in(json!({}), json!({ "sub": "bob" }));
    let bearer = format!("Bearer {}", crate::world::KEY);
    let fields = [("authorization", bearer.as_str())];
    let who = browser
        .send(&world, &provider, "GET", "/.gate/whoami", &fields)
        .json();
    assert_eq!(who["subject"], "alice");
    let wrong = [("authorization", "Bearer sk-wrong-1234567890abcdef")];
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &wrong);
    assert_eq!(answer.code(), "unknown_key");
}

#[test]
fn who_is_signed_in_goes_to_the_upstream_in_headers_that_a_client_cannot_write() {
    let mut configuration = with_login(json!({}));
    configuration["upstream"] = json!({ "identity_headers": {
        "subject": "X-Forwarded-User", "claims": { "X-Forwarded-Email": "email" } } });
    let (world, provider, mut browser) = (
        World::new(&configuration),
        Provider::new(),
        Browser::default(),
    );
    assert!(world.configured, "{:?}", world.errors());
    *provider.claims.borrow_mut() = json!({ "email": "alice@example.com" });
    browser.sign_in(&world, &provider, "/api/tags");
    let spoofed = [
        ("x-forwarded-user", "admin"),
        ("x-forwarded-email", "admin@example.com"),
    ];
    let page = browser.send(&world, &provider, "GET", "/api/tags", &spoofed);
    let upstream = page.upstream.unwrap();
    let of = |name: &str| -> Vec<_> {
        let found = upstream
            .iter()
            .filter(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).collect()
    };
    assert_eq!(of("x-forwarded-user"), ["alice"]);
    assert_eq!(of("x-forwarded-email"), ["alice@example.com"]);
}

#[test]
fn a_page_that_came_without_tls_is_none_of_the_gates_though_tls_ends_in_front() {
    let (world, provider, browser) = signed_in(json!({}), json!({}));
    let cookies = browser.cookie_header();
    for scheme in [Some("http"), None] {
        for (origin, host, status) in [
            ("http://gate.example", "gate.example", 403),
            ("http://gate.example:80", "gate.example:80", 403),
            ("http://gate.example:11435", "gate.example:11435", 403),
            ("https://gate.example", "gate.example", 200),
        ] {
            let fields = [
                (":method", "GET"),
                (":path", "/api/tags"),
                (":authority", host),
                ("origin", origin),
                ("cookie", cookies.as_str()),
            ];
            let scheme = scheme.map(|scheme| (":scheme", scheme));
            let all: Vec<_> = fields.into_iter().chain(scheme).collect();
            let mut request = world.ask_raw(&all);
            provider.serve(&world.gateway, &mut request);
            let seen = request.seen.take().unwrap();
            assert_eq!(seen.verdict().0, status, "{origin} {scheme:?}");
        }
    }
}

#[test]
fn a_gate_whose_port_a_proxy_takes_off_knows_its_own_pages() {
    let at = json!({ "url": "https://gate.example:8443" });
    let (world, _, browser) = signed_in(at, json!({}));
    let cookies = browser.cookie_header();
    for (origin, status) in [
        ("https://gate.example:8443", 200),
        ("https://GATE.example.:8443", 200),
        ("https://gate.example:8444", 403),
        ("http://gate.example:8443", 403),
        ("https://evil.example:8443", 403),
        ("https://gate.example:8443.evil.example", 403),
    ] {
        let fields = [
            (":method", "GET"),
            (":path", "/api/tags"),
            (":authority", "gate.example"),
            ("origin", origin),
            ("cookie", cookies.as_str()),
        ];
        let seen = world.ask_raw(&fields).seen.take().unwrap();
        assert_eq!(seen.verdict().0, status, "{origin}");
    }
    // What was sent to another port was not sent there.
    let fields = [
        (":method", "GET"),
        (":path", "/api/tags"),
        (":authority", "gate.example:9000"),
        ("origin", "https://gate.example:8443"),
        ("cookie", cookies.as_str()),
    ];
    let seen = world.ask_raw(&fields).seen.take().unwrap();
    assert_eq!(seen.verdict().0, 403);
}

/// A chat of whoever has these `fields`, whose body is held: status and code once it has come, after `meanwhile`.
fn held_while(
    world: &mut World,
    fields: &[(&str, &str)],
    meanwhile: impl FnOnce(&mut World),
) -> (u16, String) {
    let head = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        (":scheme", "https"),
    ];
    let all = head.iter().chain(fields);
    let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let state = world.gateway.clone().0;
    *state.headers.borrow_mut() = all.collect();
    state.replies.borrow_mut().clear();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(4, false), ollama_gate::Flow::Pause);
    assert!(state.replies.borrow().is_empty(), "it was refused");
    meanwhile(world);
    let chat = br#"{"model":"llama3.2","messages":[]}"#;
    *state.body.borrow_mut() = chat.to_vec();
    filter.request_body(chat.len(), true);
    let replies = state.replies.borrow();
    replies.first().map_or((200, String::new()), |reply| {
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        (reply.status, body["code"].as_str().unwrap().to_owned())
    })
}

/// The keys at `path` are others now, as a tick finds after ten minutes.
fn rotate(world: &mut World, path: &str) {
    world.wait(700);
    let before = world.call_count();
    world.tick();
    let after = world.call_count();
    let mut rotated = 0;
    for number in before + 1..=after {
        let asked = world.gateway.0.http_calls.borrow()[number - 1].clone();
        let is_rotated = format!("{asked:?}").contains(path);
        let key = if is_rotated {
            signer(3).jwk("k3")
        } else {
            signer(1).jwk("k1")
        };
        world.answer_root(number, 200, &jwks(&[key]));
        rotated += usize::from(is_rotated);
    }
    assert_eq!(rotated, 1, "{path}");
    world.gateway.0.replies.borrow_mut().clear();
}

#[test]
fn keys_that_prove_nothing_of_a_caller_may_change_while_its_body_is_held() {
    let mut configuration = with_login(json!({
        "models": ["llama3.2"], "authorization_endpoint": "https://sso.example/auth",
        "token_endpoint": "https://sso.example/token", "jwks_uri": "https://sso.example/certs",
    }));
    configuration["jwt"] = json!([{
        "name": "other", "issuer": "https://other.example", "algorithms": ["EdDSA"], "models": ["llama3.2"],
        "audiences": ["gate"], "jwks": { "url": "https://other.example/keys", "upstream": "other" },
    }]);
    configuration["host"] = json!({ "name": "envoy", "hold_head": true });
    let (mut world, provider) = (World::new(&configuration), Provider::new());
    assert!(world.configured, "{:?}", world.errors());
    world.tick();
    for number in 1..=world.call_count() {
        world.answer_root(number, 200, &jwks(&[signer(1).jwk("k1")]));
    }
    let mut browser = Browser::default();
    assert_eq!(browser.sign_in(&world, &provider, "/").status(), 303);
    let cookies = browser.cookie_header();
    let claims =
        json!({ "iss": "https://other.example", "aud": "gate", "sub": "bob", "exp": NOW + 99_999 });
    let bearer = format!("Bearer {}", sign(&claims));
    let session = [("cookie", cookies.as_str())];
    let token = [("authorization", bearer.as_str())];
    let good = (200, String::new());
    let of_login = |world: &mut World| rotate(world, "/certs");
    assert_eq!(
        held_while(&mut world, &token, of_login),
        good,
        "another issuer's token"
    );
    let of_other = |world: &mut World| rotate(world, "/keys");
    assert_eq!(
        held_while(&mut world, &session, of_other),
        good,
        "a session"
    );
}
