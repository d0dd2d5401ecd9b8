//! `jwt[].assertion_header`: tokens that a proxy before the gateway sends for whoever is signed in there.

use crate::world::{KEY, NOW, World, configuration, errors, jwt, with};
use serde_json::json;

const NAME: &str = "Cf-Access-Jwt-Assertion";

fn world() -> World {
    World::new(&with("/jwt/0/assertion_header", json!(NAME)))
}

#[test]
fn a_page_of_another_site_cannot_use_what_the_proxy_adds() {
    let world = world();
    let token = jwt(json!({}));
    for origin in ["https://evil.example", "null", "https://gate.example.evil"] {
        let seen = world.send("POST", "/api/chat", &[(NAME, &token), ("origin", origin)]);
        assert_eq!(seen.verdict(), (403, "origin_denied".into()), "{origin}");
        assert!(seen.upstream.is_none(), "{origin}");
    }
}

#[test]
fn what_is_wrong_there_is_refused() {
    let world = world();
    let (token, other) = (jwt(json!({})), jwt(json!({ "sub": "mallory" })));
    let joined = format!("{token},{other}");
    let expired = jwt(json!({ "exp": NOW - 61 }));
    for (value, code) in [
        (expired.as_str(), "expired_token"),
        (&joined, "malformed_token"),
        (KEY, "malformed_token"),
        ("a b", "malformed_credential"),
        ("", "missing_credential"),
    ] {
        let seen = world.send("GET", "/api/tags", &[(NAME, value)]);
        assert_eq!(seen.verdict(), (401, code.into()), "{value}");
    }
    let twice = world.send("GET", "/api/tags", &[(NAME, &token), (NAME, &other)]);
    assert_eq!(twice.verdict().0, 400);
    let underscores = world.send("GET", "/api/tags", &[("cf_access_jwt_assertion", &token)]);
    assert_eq!(underscores.verdict(), (401, "missing_credential".into()));
    let plain = World::new(&configuration());
    let seen = plain.send("GET", "/api/tags", &[(NAME, &token)]);
    assert_eq!(seen.verdict(), (401, "missing_credential".into()));
}

#[test]
fn a_token_of_the_proxy_comes_in_and_goes_no_further() {
    let world = world();
    let token = jwt(json!({}));
    for own in [&[][..], &[("origin", "http://gate.example")]] {
        let copy = [(NAME, token.as_str()), ("x-anything", &token)];
        let seen = world.send("GET", "/api/tags", &[own, &copy].concat());
        assert_eq!(seen.verdict(), (200, String::new()), "{own:?}");
        assert_eq!(seen.record["subject"], "alice", "{own:?}");
        let sent = format!("{:?}", seen.upstream);
        assert!(!sent.contains(&token), "{own:?}: {sent}");
    }
    // A key counts alone, good or not, and what the proxy says is not asked.
    let expired = jwt(json!({ "exp": NOW - 61 }));
    let seen = world.send("GET", "/api/tags", &[(NAME, &expired), ("x-api-key", KEY)]);
    assert_eq!(seen.verdict(), (200, String::new()));
    assert!(seen.upstream_values("cf-access-jwt-assertion").is_empty());
    let wrong = [
        (NAME, token.as_str()),
        ("x-api-key", "sk-unknown-0123456789"),
    ];
    assert_eq!(
        world.send("GET", "/api/tags", &wrong).verdict(),
        (401, "unknown_key".into())
    );
}

#[test]
fn only_the_issuer_that_names_the_header_judges_what_is_in_it() {
    let mut two = with("/jwt/0/cookie", json!("token"));
    let mut proxy = two["jwt"][0].clone();
    proxy["name"] = json!("proxy");
    proxy["secrets"] = json!(["5e0b7d93c1f8a2643d9e70b5f1c8a6d2"]);
    proxy["assertion_header"] = json!(NAME);
    proxy.as_object_mut().unwrap().remove("cookie");
    two["jwt"].as_array_mut().unwrap().push(proxy);
    let world = World::new(&two);
    let token = jwt(json!({}));
    let seen = world.send("GET", "/api/tags", &[(NAME, &token)]);
    assert_eq!(seen.verdict(), (401, "invalid_signature".into()));
    let cookie = format!("token={token}");
    let seen = world.send("GET", "/api/tags", &[("cookie", &cookie)]);
    assert_eq!(seen.verdict(), (200, String::new()));
    // Different tokens of two places name two callers.
    let other = jwt(json!({ "sub": "mallory" }));
    let both = [("cookie", cookie.as_str()), (NAME, &other)];
    let seen = world.send("GET", "/api/tags", &both);
    assert_eq!(seen.verdict(), (400, "ambiguous_credential".into()));
}

#[test]
fn its_header_stands_for_nothing_else_and_needs_the_gates_names() {
    let of = |field: &str, value| {
        let mut all = with("/jwt/0/assertion_header", json!(NAME));
        match field {
            "hosts" => drop(all.as_object_mut().unwrap().remove("hosts")),
            "header" => all["jwt"][0]["header"] = value,
            "proof" => all["upstream"]["proof"] = value,
            _ => all["upstream"]["identity_headers"] = value,
        }
        errors(&all)
    };
    let proof = json!({ "header": NAME, "secret": "7d1f0c92ab48e36500f9c2d7b1a4e86f" });
    for (field, value, expected) in [
        (
            "hosts",
            json!(null),
            "required with `jwt[].assertion_header`",
        ),
        ("header", json!("X-Other"), "has no effect beside `header`"),
        (
            "proof",
            proof,
            "is the same header as `jwt[].assertion_header`",
        ),
        (
            "subject",
            json!({ "subject": NAME }),
            "is the same header as `jwt[].assertion_header`",
        ),
    ] {
        let found = of(field, value);
        assert!(
            found.iter().any(|error| error.contains(expected)),
            "{field}: {found:?}"
        );
    }
}
