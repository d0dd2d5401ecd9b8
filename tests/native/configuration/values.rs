//! Values that are not what their fields take, each told at its path.

use crate::world::{KEY, World, error, errors, with};
use serde_json::{Value, json};

#[test]
fn an_empty_list_and_an_empty_object_are_the_same() {
    for empty in [json!([]), json!({})] {
        assert_eq!(
            errors(&with("/public", empty.clone())),
            Vec::<String>::new(),
            "{empty}"
        );
        assert_eq!(
            errors(&with("/upstream", empty.clone())),
            Vec::<String>::new(),
            "{empty}"
        );
        let world = World::new(&with("/api_keys/keys/0/scopes", empty.clone()));
        assert_eq!(
            world.bearer("GET", "/", KEY).verdict(),
            (403, "scope_denied".into()),
            "none is none: {empty}"
        );
    }
}

#[test]
fn null_is_refused_everywhere() {
    for path in [
        "/api_keys",
        "/jwt",
        "/public",
        "/upstream",
        "/api_keys/keys/0/scopes",
        "/jwt/0/issuer",
        "/$schema",
        "/unheard",
    ] {
        let error = errors(&with(path, Value::Null));
        assert!(
            error[0].ends_with("is null, leave the field out instead"),
            "{path}: {error:?}"
        );
    }
}

#[test]
fn a_member_twice_is_refused() {
    for document in [
        r#"{"api_keys":{"keys":[]},"api_keys":{"keys":[{"id":"a","key":"sk-61d9e4b07f2ca853"}]}}"#,
        r#"{"api_keys":{"keys":[{"id":"a","id":"a","key":"sk-61d9e4b07f2ca853"}]}}"#,
    ] {
        let world = World::of_bytes(document.as_bytes());
        assert!(
            world
                .errors()
                .iter()
                .any(|error| error.ends_with("is a duplicate member")),
            "{document}"
        );
    }
}

#[test]
fn values_of_another_kind_are_told_with_what_was_found() {
    for (path, value, expected) in [
        (
            "/api_keys",
            json!("x"),
            "api_keys: expected an object, found a string",
        ),
        (
            "/api_keys/keys",
            json!(7),
            "api_keys.keys: expected a list of keys, found a number",
        ),
        (
            "/api_keys/keys/0",
            json!([1]),
            "api_keys.keys[0]: expected an object, found a list",
        ),
        (
            "/api_keys/keys/0/expires_at",
            json!("tomorrow"),
            "api_keys.keys[0].expires_at: expected a time such as \"2027-01-31T00:00:00Z\" (RFC 3339), found `tomorrow`",
        ),
        (
            "/api_keys/keys/0/scopes",
            json!(["reed"]),
            "api_keys.keys[0].scopes[0]: expected one of health, read, inference, manage, cloud, found `reed`",
        ),
        (
            "/jwt/0/algorithms",
            json!(["RS256"]),
            "jwt[0].algorithms: RS256 needs public keys, in `keys` or `jwks` instead of `secrets`",
        ),
        (
            "/jwt/0/algorithms",
            json!([]),
            "jwt[0].algorithms: expected an algorithm such as \"RS256\", found none",
        ),
        (
            "/jwt/0/leeway",
            json!("6m"),
            "jwt[0].leeway: expected a duration such as \"30s\", of at most 5m, found `6m`",
        ),
        (
            "/jwt/0/leeway",
            json!(60),
            "jwt[0].leeway: expected a duration such as \"30s\", of at most 5m, found `60`",
        ),
        (
            "/jwt/0/require_expiry",
            json!("no"),
            "jwt[0].require_expiry: expected true or false, found `no`",
        ),
        (
            "/jwt/0/audiences",
            json!([]),
            "jwt[0].audiences: expected a non-empty list of strings, found none",
        ),
        (
            "/public",
            json!(["read"]),
            "public[0]: expected \"health\", found `read`",
        ),
        (
            "/path_prefix",
            json!("/ollama/"),
            "path_prefix: expected a path such as \"/ollama\", without a slash at its end, found `/ollama/`",
        ),
        (
            "/signin_url",
            json!("javascript:alert(1)"),
            "signin_url: expected an address that begins with https:// or http://, found `javascript:alert(1)`",
        ),
        (
            "/host/name",
            json!("nginx"),
            "host.name: expected \"envoy\", \"istio\", \"apisix\" or \"kong\", found `nginx`",
        ),
    ] {
        assert_eq!(error(path, value.clone()), expected, "{path}, {value}");
    }
    let host = errors(&with(
        "/upstream",
        json!({ "host": "http://localhost:11434/" }),
    ));
    assert!(host[0].starts_with("upstream.host: expected a host such as"));
}

#[test]
fn a_list_that_must_hold_something_is_not_empty_in_either_spelling() {
    for empty in [json!([]), json!({})] {
        let error = error("/jwt/0/audiences", empty.clone());
        assert_eq!(
            error, "jwt[0].audiences: expected a non-empty list of strings, found none",
            "{empty}"
        );
    }
}
