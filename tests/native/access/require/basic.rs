//! Passwords and cookies beside other methods. One proof counts once.

use super::{Right, Wrong, required, world};
use crate::world::{ADMIN_KEY, KEY, World, jwt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// SHA-1 of `secret`.
const HASH: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

/// `required(require)` with Alice as a user, and tokens in a cookie.
fn with_users(require: Value) -> Value {
    let mut configuration = required(require);
    configuration["basic"] = json!({ "users": [{ "name": "alice", "password_hash": HASH }] });
    configuration["jwt"][0]["cookie"] = json!("token");
    configuration
}

fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("alice:{password}")))
}

fn verdict(world: &World, fields: &[(&str, &str)]) -> (u16, String) {
    world.send("GET", "/api/tags", fields).verdict()
}

fn few() -> (u16, String) {
    (401, "insufficient_methods".into())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

#[test]
fn a_password_counts_beside_a_key_and_beside_the_network() {
    let (good, wrong) = (basic("secret"), basic("guess"));
    for of in [["api_key", "basic"], ["basic", "api_key"]] {
        let world = world(&with_users(json!({ "at_least": 2, "of": of })), Right);
        let ask = |login: &str, key: &str| {
            verdict(&world, &[("authorization", login), ("x-api-key", key)])
        };
        assert_eq!(ask(&good, KEY), ok(), "{of:?}");
        assert_eq!(ask(&wrong, KEY), (401, "wrong_password".into()), "{of:?}");
        assert_eq!(
            ask(&good, "sk-unknown-0123456789"),
            (401, "unknown_key".into()),
            "{of:?}"
        );
        assert_eq!(
            ask(&good, ADMIN_KEY),
            (403, "subject_mismatch".into()),
            "{of:?}"
        );
        assert_eq!(
            verdict(&world, &[("authorization", &good)]),
            few(),
            "{of:?}"
        );
        assert_eq!(verdict(&world, &[("x-api-key", KEY)]), few(), "{of:?}");
    }
    let network = with_users(json!({ "at_least": 2, "of": ["network", "basic"] }));
    let fields = [("authorization", good.as_str())];
    assert_eq!(verdict(&world(&network, Right), &fields), ok());
    let outside = verdict(&world(&network, Wrong), &fields);
    assert_eq!(outside, (403, "network_denied".into()));
}

#[test]
fn a_key_in_a_passwords_place_is_a_key_and_counts_once() {
    let login = basic(KEY);
    for of in [["api_key", "basic"], ["basic", "api_key"]] {
        let world = world(&with_users(json!({ "at_least": 2, "of": of })), Right);
        assert_eq!(
            verdict(&world, &[("authorization", &login)]),
            few(),
            "{of:?}"
        );
        let twice = [("authorization", login.as_str()), ("x-api-key", KEY)];
        assert_eq!(
            verdict(&world, &twice),
            few(),
            "the same key is one: {of:?}"
        );
        let two = [("authorization", login.as_str()), ("x-api-key", ADMIN_KEY)];
        assert_eq!(
            verdict(&world, &two),
            (400, "ambiguous_credential".into()),
            "{of:?}"
        );
    }
    let network = with_users(json!({ "at_least": 2, "of": ["network", "api_key"] }));
    assert_eq!(
        verdict(&world(&network, Right), &[("authorization", &login)]),
        ok()
    );
    let password = with_users(json!({ "at_least": 2, "of": ["network", "basic"] }));
    assert_eq!(
        verdict(&world(&password, Right), &[("authorization", &login)]),
        few()
    );
}

#[test]
fn a_cookie_is_a_token_and_stands_alone() {
    let cookie = format!("token={}", jwt(json!({})));
    let cookie = ("cookie", cookie.as_str());
    let network = world(
        &with_users(json!({ "at_least": 2, "of": ["network", "jwt"] })),
        Right,
    );
    assert_eq!(verdict(&network, &[cookie]), ok());
    let foreign = [cookie, ("origin", "https://evil.example")];
    assert_eq!(verdict(&network, &foreign), (403, "origin_denied".into()));
    assert_eq!(verdict(&network, &[cookie, ("x-api-key", KEY)]), few());
    for require in [
        json!("all"),
        json!({ "at_least": 2, "of": ["api_key", "jwt"] }),
        json!({ "at_least": 2, "of": ["network", "api_key"] }),
    ] {
        let two = world(&with_users(require.clone()), Right);
        assert_eq!(verdict(&two, &[cookie]), few(), "{require}");
        let beside = verdict(&two, &[cookie, ("x-api-key", KEY)]);
        let expected = if require["of"][0] == "network" {
            ok()
        } else {
            few()
        };
        assert_eq!(beside, expected, "{require}");
    }
}

#[test]
fn a_page_of_another_site_is_refused_where_a_password_counts() {
    let login = basic("secret");
    let world = world(
        &with_users(json!({ "at_least": 2, "of": ["api_key", "basic"] })),
        Right,
    );
    let foreign = [
        ("authorization", login.as_str()),
        ("x-api-key", KEY),
        ("origin", "https://evil.example"),
    ];
    assert_eq!(verdict(&world, &foreign), (403, "origin_denied".into()));
}
