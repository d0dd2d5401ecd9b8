//! `credential_headers`: places for credentials that the configuration adds.

use crate::world::{KEY, READ_KEY, World, configuration, errors, jwt, with};
use serde_json::{Value, json};

fn added() -> Value {
    let headers = json!(["apikey", "X-Goog-Api-Key", { "name": "X-Team-Auth", "scheme": "Token" },
        { "name": "Authorization", "scheme": "ApiKey" }]);
    with("/credential_headers", headers)
}

#[test]
fn two_values_in_any_two_places_are_refused_and_nothing_goes_on() {
    let world = World::new(&added());
    for fields in [
        [("apikey", KEY), ("apikey", KEY)],
        [("apikey", KEY), ("APIKEY", READ_KEY)],
        [("apikey", KEY), ("x-goog-api-key", READ_KEY)],
        [("apikey", READ_KEY), ("x-api-key", KEY)],
        [("authorization", KEY), ("X-Team-Auth", READ_KEY)],
    ] {
        let seen = world.send("GET", "/api/tags", &fields);
        let expected = (400, "ambiguous_credential".to_owned());
        assert_eq!(seen.verdict(), expected, "{fields:?}");
        assert!(seen.upstream.is_none(), "{fields:?}");
    }
    let joined = format!("{KEY},{READ_KEY}");
    let seen = world.send("GET", "/api/tags", &[("apikey", &joined)]);
    assert_eq!(seen.verdict(), (400, "ambiguous_credential".to_owned()));
}

#[test]
fn what_is_wrong_there_is_refused_and_shown_to_nobody() {
    let world = World::new(&added());
    for (name, value, expected) in [
        ("apikey", "sk-unknown-0123456789", "unknown_key"),
        ("apikey", "a b", "malformed_credential"),
        (
            "apikey",
            "Bearer sk-unknown-0123456789",
            "malformed_credential",
        ),
        ("apikey", "lm-studio", "placeholder_credential"),
        ("apikey", "", "missing_credential"),
        ("X-Team-Auth", "Token", "missing_credential"),
        (
            "X-Team-Auth",
            "Other sk-unknown-0123456789",
            "malformed_credential",
        ),
        (
            "authorization",
            "Token sk-unknown-0123456789",
            "unsupported_credential",
        ),
        (
            "authorization",
            "ApiKey sk-unknown-0123456789",
            "unknown_key",
        ),
        // Another spelling is taken out, never read.
        ("api_key", KEY, "missing_credential"),
        ("x_goog_api_key", KEY, "missing_credential"),
        ("x_team_auth", KEY, "missing_credential"),
    ] {
        let seen = world.send("GET", "/api/tags", &[(name, value)]);
        assert_eq!(
            seen.verdict(),
            (401, expected.to_owned()),
            "{name}: {value}"
        );
        assert!(
            !format!("{:?}", seen.reply).contains("sk-unknown"),
            "{name}: {value}"
        );
    }
    let lines = format!("{:?}", world.gateway.0.lines.borrow());
    assert!(!lines.contains("sk-unknown"), "{lines}");
    // Without the field it is no place.
    let plain = World::new(&configuration());
    let seen = plain.send("GET", "/api/tags", &[("apikey", KEY)]);
    assert_eq!(seen.verdict(), (401, "missing_credential".to_owned()));
}

#[test]
fn a_credential_in_an_added_place_comes_in_and_goes_no_further() {
    let world = World::new(&added());
    let token = jwt(json!({}));
    for credential in [KEY, &token] {
        for (name, value) in [
            ("apikey", credential.to_owned()),
            ("APIKEY", format!(" {credential} ")),
            ("x-goog-api-key", credential.to_owned()),
            ("X-Team-Auth", credential.to_owned()),
            ("X-Team-Auth", format!("token {credential}")),
            ("Authorization", format!("apikey {credential}")),
            ("Authorization", format!("Bearer {credential}")),
        ] {
            let copy = ("x-anything", credential);
            let seen = world.send("GET", "/api/tags", &[(name, &value), copy]);
            assert_eq!(seen.verdict(), (200, String::new()), "{name}: {value}");
            let sent = format!("{:?}", seen.upstream);
            assert!(!sent.contains(credential), "{name}: {sent}");
        }
    }
    // The same value in two places is one, and whatever stands in them is taken out.
    let seen = world.send("GET", "/api/tags", &[("x-api-key", KEY), ("apikey", KEY)]);
    assert_eq!(seen.verdict(), (200, String::new()));
    let beside = [
        ("authorization", KEY),
        ("x-team-auth", "lm-studio"),
        ("x_team_auth", "y"),
    ];
    let seen = world.send("GET", "/api/tags", &beside);
    for name in ["x-team-auth", "x_team_auth"] {
        assert!(seen.upstream_values(name).is_empty(), "{name}");
    }
}

#[test]
fn only_a_free_header_that_no_proxy_fills_in_is_a_place() {
    for (item, expected) in [
        (json!("X-Api-Key"), "holds credentials anyway"),
        (json!("Authorization"), "holds credentials anyway"),
        (json!("Cookie"), "free to carry a credential"),
        (json!("Host"), "free to carry a credential"),
        (json!("x_api"), "free to carry a credential"),
        (json!("Content-Type"), "free to carry a credential"),
        (json!("Accept-Encoding"), "free to carry a credential"),
        (json!(""), "free to carry a credential"),
        (json!("Cf-Access-Jwt-Assertion"), "is added by a proxy"),
        (json!("X-Goog-Iap-Jwt-Assertion"), "is added by a proxy"),
        (
            json!({ "name": "Authorization", "scheme": "bearer" }),
            "is accepted in `Authorization` anyway",
        ),
        (
            json!({ "name": "X-A", "scheme": "a b" }),
            "expected a scheme",
        ),
        (json!({ "name": "X-A" }), "is required"),
        (json!(1), "expected the name of a header"),
    ] {
        let found = errors(&with("/credential_headers", json!([item])));
        assert_eq!(found.len(), 1, "{item}: {found:?}");
        assert!(found[0].contains(expected), "{item}: {found:?}");
    }
    for twice in [
        json!(["apikey", "ApiKey"]),
        json!([{ "name": "apikey", "scheme": "A" }, "apikey"]),
        json!([{ "name": "Authorization", "scheme": "A" }, { "name": "authorization", "scheme": "a" }]),
    ] {
        assert_eq!(
            errors(&with("/credential_headers", twice.clone())).len(),
            1,
            "{twice}"
        );
    }
    let mut both = with("/credential_headers", json!(["X-Team-Auth"]));
    both["upstream"]["identity_headers"] = json!({ "subject": "x-team-auth" });
    let expected = "upstream.identity_headers.subject: is the same header as `credential_headers`";
    assert_eq!(errors(&both), [expected]);
    let mut both = with("/credential_headers", json!(["X-Team-Auth"]));
    both["jwt"][0]["header"] = json!("x-team-auth");
    let expected = "credential_headers[0]: is the same header as `jwt[].header`";
    assert_eq!(errors(&both), [expected]);
}

#[test]
fn a_page_may_send_what_the_gate_reads() {
    let mut all = added();
    all["cors"] = json!({ "allow_origins": ["https://app.example.com"] });
    let fields = [
        ("origin", "https://app.example.com"),
        ("access-control-request-method", "POST"),
    ];
    let seen = World::new(&all).send("OPTIONS", "/api/chat", &fields);
    let headers = seen.reply.unwrap().headers;
    let allowed = headers
        .iter()
        .find(|header| header.0 == "access-control-allow-headers");
    let allowed = &allowed.unwrap().1;
    assert!(
        allowed.ends_with("apikey, x-goog-api-key, x-team-auth"),
        "{allowed}"
    );
}
