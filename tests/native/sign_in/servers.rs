//! Providers whose endpoints are on several servers, and metadata that name servers of their own choice.

use super::*;

/// Everything in `login` that a provider on four servers takes, and then what it says.
fn spread(login: Value) -> Value {
    let mut all = json!({
        "userinfo": true,
        "upstreams": { "tokens.example": "tokens", "keys.example": "keys", "people.example:8443": "people" },
    });
    put(&mut all, &login);
    all
}

/// A provider on four servers.
fn provider() -> Provider {
    let provider = Provider::new();
    *provider.metadata.borrow_mut() = json!({
        "token_endpoint": "https://tokens.example/token", "jwks_uri": "https://keys.example/certs",
        "userinfo_endpoint": "https://people.example:8443/me",
    });
    *provider.servers.borrow_mut() = HashMap::from([
        ("/token", ("tokens", "tokens.example")),
        ("/certs", ("keys", "keys.example")),
        ("/me", ("people", "people.example:8443")),
    ]);
    provider
}

#[test]
fn each_endpoint_is_asked_at_the_upstream_of_its_host() {
    let by_group =
        json!({ "scopes_claim": "groups", "scope_map": { "admins": ["read", "manage"] } });
    let (world, provider, mut browser) = (gate(spread(by_group)), provider(), Browser::default());
    *provider.user_info.borrow_mut() = json!({ "groups": ["admins"] });
    assert_eq!(
        browser.sign_in(&world, &provider, "/api/tags").status(),
        303
    );
    let who = browser.go(&world, &provider, "/.gate/whoami").json();
    assert_eq!(who["scopes"], "`read`, `manage`");
}

#[test]
fn endpoints_that_are_given_go_to_the_upstreams_of_their_hosts_too() {
    let given = json!({
        "upstream": "tokens", "authorization_endpoint": "https://sso.example/auth",
        "token_endpoint": "https://tokens.example/token", "jwks_uri": "https://keys.example/certs",
        "userinfo_endpoint": "https://people.example:8443/me",
        "upstreams": { "KEYS.example": "keys", "people.example:8443": "people" },
    });
    let (world, provider) = (gate(spread(given)), provider());
    let answer = Browser::default().sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.asked, ["/token", "/certs", "/me"]);
    assert_eq!(answer.status(), 303);
}

#[test]
fn a_refresh_goes_to_the_servers_of_the_sign_in() {
    let login = spread(json!({ "cookie_refresh": "5m" }));
    let (world, provider, mut browser) = (gate(login), provider(), Browser::default());
    provider.grants.issues.set(true);
    provider.grants.expires_in.set(Some(300));
    browser.sign_in(&world, &provider, "/api/tags");
    world.wait(240);
    let answer = browser.send(&world, &provider, "GET", "/api/tags", &[]);
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.asked, ["/token", "/me"]);
}

/// Addresses that metadata may name, and that are on none of the servers of `spread`.
const ELSEWHERE: [&str; 16] = [
    "https://evil.example/token",
    "https://evil.example:443/token",
    "https://tokens.example:8443/token",
    "https://people.example/token",
    "http://tokens.example/token",
    "http://tokens.example:443/token",
    "https://tokens.example./token",
    "https://www.tokens.example/token",
    "https://tokens.example.evil.example/token",
    "https://tokens.example@evil.example/token",
    "https://gate:secret@tokens.example/token",
    "https://evil.example\\@tokens.example/token",
    "https://evil.example#@tokens.example/token",
    "https://tokéns.example/token",
    "//tokens.example/token",
    "tokens.example/token",
];

#[test]
fn metadata_send_no_code_no_secret_and_no_token_to_a_server_that_is_not_named() {
    for address in ELSEWHERE {
        for name in ["token_endpoint", "userinfo_endpoint", "jwks_uri"] {
            let (world, provider, mut browser) =
                (gate(spread(json!({}))), provider(), Browser::default());
            provider.metadata.borrow_mut()[name] = json!(address);
            let answer = browser.go(&world, &provider, "/api/tags");
            let seen = (answer.status(), answer.code());
            assert_eq!(seen, (503, "provider_unavailable"), "{name}: {address}");
            let metadata = ["/.well-known/openid-configuration"];
            assert_eq!(answer.asked, metadata, "{name}: {address}");
            assert!(browser.cookies.is_empty(), "{name}: {address}");
            let lines = world.lines_with(&format!("`{name}`"));
            assert_eq!(lines.len(), 1, "{name}: {address}: {lines:?}");
            let log = world.lines_with("").join("\n");
            assert!(!log.contains("secret@"), "{name}: {address}: {log}");
        }
    }
}

#[test]
fn the_log_says_which_endpoint_is_on_which_host_and_what_to_write() {
    let (world, provider) = (gate(json!({ "userinfo": true })), provider());
    let answer = Browser::default().go(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 503);
    let [line] = &world.lines_with("fetch failed")[..] else {
        panic!("{:?}", world.lines_with("fetch failed"));
    };
    for (name, host) in [
        ("token_endpoint", "tokens.example"),
        ("userinfo_endpoint", "people.example:8443"),
        ("jwks_uri", "keys.example"),
    ] {
        let says = format!("`{name}` is on `{host}`, another server than the issuer's");
        assert!(line.contains(&says), "{line}");
        let writes = format!("`{{ \"{host}\": \"NAME\" }}` in `login.upstreams`");
        assert!(line.contains(&writes), "{line}");
    }
    assert!(
        !answer.text().contains("tokens.example"),
        "{}",
        answer.text()
    );
}

#[test]
fn metadata_that_change_while_somebody_signs_in_send_the_code_nowhere_else() {
    let (world, provider, mut browser) = (gate(spread(json!({}))), provider(), Browser::default());
    let sent = browser.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    provider.metadata.borrow_mut()["token_endpoint"] = json!("https://evil.example/token");
    // Another instance, which has not seen them before.
    let world = gate(spread(json!({})));
    let answer = browser.go(&world, &provider, &back);
    assert_eq!(answer.asked, ["/.well-known/openid-configuration"]);
    assert_eq!(
        (answer.status(), answer.code()),
        (503, "provider_unavailable")
    );
    assert!(provider.redeemed.borrow().is_none());
}

#[test]
fn on_gateways_of_nginx_further_servers_have_names_too() {
    for (upstream, good) in [
        ("tokens.example:443", true),
        ("10.0.0.7:443", false),
        ("a b", false),
    ] {
        let upstreams = json!({ "tokens.example": upstream });
        let mut configuration =
            with_login(json!({ "upstream": "sso.example:443", "upstreams": upstreams }));
        configuration["host"] = json!({ "name": "apisix" });
        let errors = World::apisix(&configuration).errors();
        assert_eq!(errors.is_empty(), good, "{upstream}: {errors:?}");
        let path = "login.upstreams.…: ";
        assert!(
            errors.iter().all(|error| error.starts_with(path)),
            "{errors:?}"
        );
    }
}
