//! Several gates that share their secrets, or a host.

use super::*;

/// The name of the session of the gate whose name at the provider is `client`, at `address`.
fn session_of(client: &str, address: &str) -> String {
    let digest = Sha256::digest(format!("{client}\n{address}"));
    let first: Vec<_> = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("__Host-ollama-gate-session-{}", first.concat())
}

/// The gate of `with_login` below `prefix`.
fn below(prefix: &str, login: Value) -> World {
    let mut configuration = with_login(login);
    configuration["path_prefix"] = json!(prefix);
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
    world
}

#[test]
fn a_session_at_one_gate_lets_nobody_in_at_another_one_with_the_same_secrets() {
    assert_eq!(session_of("gate", "https://gate.example"), SESSION);
    let (everybody, provider, mut browser) = (gate(json!({})), Provider::new(), Browser::default());
    browser.sign_in(&everybody, &provider, "/api/tags");
    let value = browser.cookies[SESSION].clone();
    let mut moved = with_login(json!({ "url": "https://gate.example:8443" }));
    moved["hosts"] = json!(["gate.example", "gate.example:8443"]);
    let all_may = json!({ "scopes": ["read", "manage"] });
    let mut admins = all_may.clone();
    admins["client_id"] = json!("admins");
    for (what, world, target, name) in [
        (
            "another client",
            gate(admins),
            "/api/tags",
            session_of("admins", "https://gate.example"),
        ),
        (
            "another prefix",
            below("/admins", all_may),
            "/admins/api/tags",
            session_of("gate", "https://gate.example/admins"),
        ),
        (
            "another port",
            World::new(&moved),
            "/api/tags",
            session_of("gate", "https://gate.example:8443"),
        ),
    ] {
        assert!(world.configured, "{what}: {:?}", world.errors());
        // What a browser does by itself: each cookie of a host goes to every path and every port.
        let answer = browser.send(&world, &provider, "GET", target, &[]);
        let seen = (answer.status(), answer.code());
        assert_eq!(seen, (401, "missing_credential"), "{what}");
        let mut renamed = Browser::default();
        renamed.cookies.insert(name, value.clone());
        let answer = renamed.send(&world, &provider, "GET", target, &[]);
        let seen = (answer.status(), answer.code());
        assert_eq!(seen, (401, "invalid_session"), "{what}, under its name");
    }
    // Another instance of the same gate lets it in.
    let replica = gate(json!({ "secrets": [OLD_RING, RING] }));
    let answer = browser.send(&replica, &provider, "GET", "/api/tags", &[]);
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_sign_in_begun_at_one_gate_is_not_ended_at_another_one_with_the_same_secrets() {
    let (provider, mut browser) = (Provider::new(), Browser::default());
    let sent = browser.go(&gate(json!({})), &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let cookies = browser.cookies.clone();
    let tag = session_of("gate", "https://gate.example/b").replace("session", "login");
    for (name, value) in cookies {
        let renamed = name.replace(ATTEMPT, &format!("{tag}-"));
        browser.cookies.insert(renamed, value);
    }
    let answer = browser.go(&below("/b", json!({})), &provider, &format!("/b{back}"));
    assert_eq!((answer.status(), answer.code()), (403, "sign_in_failed"));
    assert!(!answer.asked.iter().any(|path| path == "/token"));
}

/// What a gate needs to know of another provider.
fn of_another_issuer(login: Value) -> Value {
    let mut all = json!({
        "issuer": "https://other.example", "authorization_endpoint": "https://sso.example/auth",
        "token_endpoint": "https://sso.example/token", "jwks_uri": "https://sso.example/certs",
    });
    put(&mut all, &login);
    all
}

#[test]
fn an_answer_of_one_gates_provider_redeems_nothing_at_the_gate_of_another_provider() {
    let (provider, mut browser) = (Provider::new(), Browser::default());
    let (one, two) = (
        below("/a", json!({})),
        below("/b", of_another_issuer(json!({}))),
    );
    // Both are under way, as somebody may have it who is lured to the wrong one.
    let sent = browser.go(&one, &provider, "/a/api/tags");
    let back = provider.authorize(&sent.location());
    browser.go(&two, &provider, "/b/api/tags");
    let answer = back.strip_prefix("/a").unwrap();
    let nameless = answer.split("&iss=").next().unwrap();
    for target in [answer, nameless] {
        let answer = browser.go(&two, &provider, &format!("/b{target}"));
        let seen = (answer.status(), answer.code());
        assert_eq!(seen, (403, "sign_in_failed"), "{target}");
        assert_eq!(answer.asked, Vec::<String>::new(), "{target}");
    }
    // The code is as good as before at its own gate.
    assert_eq!(browser.go(&one, &provider, &back).location(), "/a/api/tags");
}

#[test]
fn a_session_from_another_provider_lets_nobody_in() {
    for section in [Value::Null, store::store()] {
        let (provider, mut browser) = (Provider::new(), Browser::default());
        let before = gate(json!({ "store": section.clone() }));
        browser.sign_in(&before, &provider, "/api/tags");
        let status = |world: &World, browser: &mut Browser| {
            let answer = browser.send(world, &provider, "GET", "/api/tags", &[]);
            (answer.status(), answer.code().to_owned())
        };
        assert_eq!(status(&before, &mut browser).0, 200, "{section}");
        // The same gate, by client, address and secrets.
        let after = gate(of_another_issuer(json!({ "store": section.clone() })));
        let refused = (401, "invalid_session".to_owned());
        assert_eq!(status(&after, &mut browser), refused, "{section}");
    }
}

#[test]
fn gates_on_one_host_leave_each_others_cookies_alone() {
    let provider = Provider::new();
    let (one, two) = (
        below("/a", json!({})),
        below("/b", json!({ "secrets": [OLD_RING] })),
    );
    let mut browser = Browser::default();
    let sent = browser.go(&one, &provider, "/a/api/tags");
    let back = provider.authorize(&sent.location());
    // A sign-in at the other one takes away no sign-in that is under way here.
    let answer = browser.sign_in(&two, &provider, "/b/api/tags");
    assert_eq!(answer.location(), "/b/api/tags");
    assert_eq!(browser.go(&one, &provider, &back).location(), "/a/api/tags");
    for (world, target) in [(&one, "/a/api/tags"), (&two, "/b/api/tags")] {
        let answer = browser.send(world, &provider, "GET", target, &[]);
        assert_eq!(answer.status(), 200, "{target}");
    }
    let who = browser.go(&two, &provider, "/b/.gate/whoami").json();
    let action = who["sign_out"].as_str().unwrap();
    browser.send(&two, &provider, "POST", action, &[]);
    let answer = browser.send(&one, &provider, "GET", "/a/api/tags", &[]);
    assert_eq!(answer.status(), 200, "signed out at the other one");
}

#[test]
fn without_tls_cookies_go_to_the_prefix_alone_and_with_it_they_are_of_this_host_alone() {
    for (url, prefix, path, name) in [
        (
            "http://localhost:11435",
            "/ollama",
            "/ollama",
            "ollama-gate-",
        ),
        ("http://localhost:11435", "", "/", "ollama-gate-"),
        (
            "https://gate.example",
            "/ollama",
            "/",
            "__Host-ollama-gate-",
        ),
    ] {
        let mut configuration = with_login(json!({ "url": url }));
        let (scheme, host) = url.split_once("://").unwrap();
        configuration["hosts"] = json!([host]);
        if !prefix.is_empty() {
            configuration["path_prefix"] = json!(prefix);
        }
        let world = World::new(&configuration);
        assert!(world.configured, "{url}{prefix}: {:?}", world.errors());
        let provider = Provider::new();
        let set = |target: &str, cookie: &str| {
            let mut fields = vec![
                (":method", "GET"),
                (":path", target),
                (":authority", host),
                (":scheme", scheme),
            ];
            fields.extend(PAGE);
            fields.extend((!cookie.is_empty()).then_some(("cookie", cookie)));
            let mut request = world.ask_raw(&fields);
            provider.serve(&world.gateway, &mut request);
            let reply = request.seen.take().unwrap().reply.unwrap();
            let of = |wanted: &str| -> Vec<String> {
                let found = reply.headers.iter().filter(|(own, _)| *own == wanted);
                found.map(|(_, value)| value.clone()).collect()
            };
            (of("set-cookie"), of("location").concat())
        };
        let (begun, location) = set(&format!("{prefix}/api/tags"), "");
        let cookie = begun[0].split(';').next().unwrap();
        let authorized = provider.authorize_at(&location, url);
        let (ended, _) = set(&authorized, cookie);
        for line in begun.iter().chain(&ended) {
            let attributes: Vec<_> = line.split("; ").collect();
            assert!(line.starts_with(name), "{url}{prefix}: {line}");
            assert!(
                attributes.contains(&format!("Path={path}").as_str()),
                "{line}"
            );
        }
        assert_eq!(
            ended.len(),
            2,
            "{url}{prefix}: the session, and the end of the sign-in"
        );
    }
}
