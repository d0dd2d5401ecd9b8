//! Headers that the configuration names, and the users of a key.

use crate::world::{KEY, error, errors, with};
use serde_json::json;

#[test]
fn only_a_free_header_may_carry_an_identity() {
    for taken in [
        "Expect",
        "Host",
        "Cookie",
        "Authorization",
        "TE",
        "Content-Length",
    ] {
        let headers = json!({ "identity_headers": { "subject": taken } });
        let errors = errors(&with("/upstream", headers));
        assert!(
            errors[0].contains("free to carry an identity"),
            "{taken}: {errors:?}"
        );
    }
    let same = json!({ "identity_headers": { "subject": "X-A", "credential_id": "x-a" } });
    let errors = errors(&with("/upstream", same));
    assert_eq!(
        errors,
        ["upstream.identity_headers.credential_id: is the same header as `subject`"]
    );
}

#[test]
fn users_are_those_of_an_issuer_with_a_header() {
    let expected = "expected the `name` of an issuer in `jwt` that has a `header`";
    for wrong in ["nobody", "open-webui", "", "Open-WebUI"] {
        assert_eq!(
            error("/api_keys/keys/0/users", json!(wrong)),
            format!("api_keys.keys[0].users: {expected}, found `{wrong}`"),
            "{wrong:?}"
        );
    }
    let found = error("/api_keys/keys/0/users", json!(KEY));
    assert_eq!(
        found,
        format!("api_keys.keys[0].users: {expected}, found a string")
    );
}

#[test]
fn headers_of_claims_and_users_are_free_ones() {
    for taken in [
        "Host",
        "Authorization",
        "Cookie",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Upgrade",
        "Content-Length",
        "X-Api-Key",
        "Origin",
        "X-Request-Id",
        "Proxy-Authorization",
        ":path",
        "x user",
        "x_user",
        "",
    ] {
        let headers = json!({ "identity_headers": { "claims": { taken: "email" } } });
        let found = errors(&with("/upstream", headers));
        let end = "is not the name of a header that is free to carry an identity";
        assert!(
            found.len() == 1 && found[0].ends_with(end),
            "{taken}: {found:?}"
        );
        assert!(
            found[0].starts_with("upstream.identity_headers.claims."),
            "{taken:?}: {found:?}"
        );
        let error = error("/jwt/0/header", json!(taken));
        let start = "jwt[0].header: expected the name of a header that is free to carry an identity, found ";
        assert!(error.starts_with(start), "{taken}: {error}");
    }
    let claims = json!({ "Xa": "/a~", "Xb": "" });
    let found = errors(&with(
        "/upstream",
        json!({ "identity_headers": { "claims": claims } }),
    ));
    let paths: Vec<_> = found
        .iter()
        .filter_map(|error| error.split(": ").next())
        .collect();
    assert_eq!(
        paths,
        [
            "upstream.identity_headers.claims.Xa",
            "upstream.identity_headers.claims.Xb"
        ]
    );
    for same in [
        json!({ "subject": "X-A", "claims": { "x-a": "email" } }),
        json!({ "claims": { "X-A": "email", "x-a": "name" } }),
    ] {
        let found = errors(&with("/upstream", json!({ "identity_headers": same })));
        assert!(
            found.len() == 1 && found[0].contains("is the same header as"),
            "{same}: {found:?}"
        );
    }
}

/// In the first issuer's `header` the token of a user comes in. What the gate itself writes under that name
/// would take its place, or the secret of the proof would be read as a token.
#[test]
fn a_header_in_which_tokens_come_carries_nothing_else() {
    let base = || {
        let mut base = with("/jwt/0/header", json!("X-User-Token"));
        base["api_keys"]["keys"][0]["users"] = json!("open-webui");
        base
    };
    assert_eq!(errors(&base()), Vec::<String>::new());
    let proof = json!({ "header": "x-user-token", "secret": "7d1f0c92ab48e36500f9c2d7b1a4e86f" });
    for (upstream, place) in [
        (json!({ "proof": proof }), "proof.header"),
        (
            json!({ "identity_headers": { "subject": "X-USER-TOKEN" } }),
            "identity_headers.subject",
        ),
        (
            json!({ "identity_headers": { "credential_id": "x-user-token" } }),
            "identity_headers.credential_id",
        ),
        (
            json!({ "identity_headers": { "claims": { "X-User-Token": "email" } } }),
            "identity_headers.claims.…",
        ),
    ] {
        let mut both = base();
        both["upstream"] = upstream;
        let expected = format!("upstream.{place}: is the same header as `jwt[].header`");
        assert_eq!(errors(&both), [expected], "{place}");
    }
    for own in ["Accept-Encoding", "X-Api-Key", "X-Request-Id"] {
        let found = error("/jwt/0/header", json!(own));
        assert!(found.contains("is free to carry"), "{own}: {found}");
    }
    // Two Open WebUIs send theirs in one header, and the key says whose it is.
    let mut two = base();
    let mut second = two["jwt"][0].clone();
    second["name"] = json!("another");
    two["jwt"].as_array_mut().unwrap().push(second);
    assert_eq!(errors(&two), Vec::<String>::new());
}
