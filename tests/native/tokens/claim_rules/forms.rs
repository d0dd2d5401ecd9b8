//! Claims that are asked for by word, beginning, end and member; numbers that name the caller; what a token without a scope is told.

use super::{issuer, ok, refused, verdict};
use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign, with};
use serde_json::{Value, json};

/// Whether a token with `found` as its claim is let in where `asked` is required.
fn fits(asked: &Value, found: &Value) -> bool {
    let world = issuer("required_claims", json!({ "claim": asked }));
    assert!(world.configured, "{asked}: {:?}", world.errors());
    let verdict = verdict(&world, &jwt(json!({ "claim": found })));
    if verdict == ok() {
        return true;
    }
    assert_eq!(verdict, refused("claim_mismatch"), "{asked} {found}");
    false
}

#[test]
fn a_word_is_one_between_spaces_or_an_item_and_never_a_part() {
    let asked = json!({ "word": "access_as_user" });
    for found in [
        json!("access_as_user"),
        json!("openid access_as_user"),
        json!("access_as_user  email"),
        json!(["openid", "access_as_user"]),
    ] {
        assert!(fits(&asked, &found), "{found}");
    }
    for found in [
        json!("access_as_users"),
        json!("x-access_as_user"),
        json!("openid,access_as_user"),
        json!("openid\taccess_as_user"),
        json!("Access_As_User"),
        json!(["openid access_as_user"]),
        json!([["access_as_user"]]),
        json!({ "access_as_user": true }),
        json!(null),
        json!(""),
        json!(1),
    ] {
        assert!(!fits(&asked, &found), "{found}");
    }
}

#[test]
fn an_address_of_another_domain_never_fits_a_domain() {
    let asked = json!([{ "suffix": "@example.com" }, { "suffix": "@example.org" }]);
    for found in [
        json!("alice@example.com"),
        json!("Alice@EXAMPLE.org"),
        json!(["x@evil.com", "alice@example.com"]),
    ] {
        assert!(fits(&asked, &found), "{found}");
    }
    for found in [
        json!("alice@evil-example.com"),
        json!("evil-example.com"),
        json!("a@evil.com,@example.com"),
        json!("a@evil.com,b@example.com"),
        json!("a@evil.com b@example.com"),
        json!("a@evil.com@example.com"),
        json!("\"a@evil.com\"@example.com"),
        json!("<a@evil.com> b@example.com"),
        json!("a@evil.com\u{0}b@example.com"),
        json!("a@evil.com\r\nb@example.com"),
        json!("a@example.com.evil.com"),
        json!("a@sub.example.com"),
        json!("@example.com"),
        json!(["a@evil.com,@example.com"]),
        json!([["a@example.com"]]),
        json!({ "a@example.com": true }),
        json!(null),
        json!(true),
    ] {
        assert!(!fits(&asked, &found), "{found}");
    }
}

#[test]
fn a_beginning_and_an_end_are_of_one_value() {
    for (asked, good, bad) in [
        (
            json!({ "prefix": "ollama/" }),
            vec![json!("ollama/read"), json!(["x", "ollama/a b"])],
            vec![
                json!("ollama/"),
                json!("xollama/read"),
                json!("ollama/read openid"),
                json!("openid ollama/read"),
                json!({ "ollama/read": 1 }),
            ],
        ),
        (
            json!({ "suffix": "-admins" }),
            vec![json!("team-admins"), json!(["Team A-admins"])],
            vec![
                json!("-admins"),
                json!("x y-admins"),
                json!("team-Admins"),
                json!("team-admins "),
            ],
        ),
        (
            json!({ "suffix": ".example.com" }),
            vec![json!("a.example.com"), json!("x@a.Example.com")],
            vec![
                json!("example.com"),
                json!("x@example.com"),
                json!("x@evil.com,a.example.com"),
            ],
        ),
    ] {
        for found in good {
            assert!(fits(&asked, &found), "{asked} {found}");
        }
        for found in bad {
            assert!(!fits(&asked, &found), "{asked} {found}");
        }
    }
}

#[test]
fn a_member_is_a_name_in_an_object_that_is_set() {
    let asked = json!({ "member": "ollama-user" });
    let organizations = json!({ "3141": "example.com" });
    for found in [
        json!({ "ollama-user": organizations }),
        json!({ "x": {}, "ollama-user": true }),
    ] {
        assert!(fits(&asked, &found), "{found}");
    }
    for found in [
        json!({ "ollama-users": organizations }),
        json!({ "x": { "ollama-user": organizations } }),
        json!({ "ollama-user": null }),
        json!({ "ollama-user": false }),
        json!(["ollama-user"]),
        json!([{ "ollama-user": true }]),
        json!("ollama-user"),
        json!({}),
        json!(null),
    ] {
        assert!(!fits(&asked, &found), "{found}");
    }
}

#[test]
fn a_number_names_the_caller_only_where_that_is_configured() {
    let token = |sub: &str| {
        let claims = format!(r#"{{"sub":{sub},"exp":{}}}"#, NOW + 60);
        sign(&header().to_string(), &claims, SECRET)
    };
    let usual = World::new(&configuration());
    let seen = usual.bearer("GET", "/api/tags", &token("7"));
    assert_eq!(seen.verdict(), refused("malformed_token"));
    assert!(
        seen.body()["error"]
            .as_str()
            .unwrap()
            .contains("`numeric_subject`")
    );
    let world = issuer("numeric_subject", json!(true));
    for (sub, subject) in [
        ("7", "7"),
        ("0", "0"),
        ("9007199254740991", "9007199254740991"),
        ("\"alice\"", "alice"),
    ] {
        let seen = world.bearer("GET", "/api/tags", &token(sub));
        assert_eq!(seen.verdict(), ok(), "{sub}");
        assert_eq!(seen.record["subject"], subject, "{sub}");
    }
    for (sub, code) in [
        ("9007199254740992", "malformed_token"),
        ("18446744073709551616", "malformed_token"),
        ("1.5", "malformed_token"),
        ("1.0", "malformed_token"),
        ("1e3", "malformed_token"),
        ("-1", "malformed_token"),
        ("true", "malformed_token"),
        ("[7]", "malformed_token"),
        ("null", "missing_subject"),
        ("\"\"", "missing_subject"),
    ] {
        assert_eq!(verdict(&world, &token(sub)), refused(code), "{sub}");
    }
}

#[test]
fn a_refusal_for_want_of_a_scope_shows_the_values_that_map_to_none() {
    let mut all = with("/jwt/0/scopes_claim", json!("groups"));
    all["jwt"][0]["scope_map"] = json!({ "ollama-admins": ["manage"], "nothing": [] });
    let world = World::new(&all);
    let long = "x".repeat(1000);
    for (groups, told) in [
        (
            json!(["staff", "wiki"]),
            "its claim `groups` is a list with `staff`, `wiki`, none of which maps to a scope",
        ),
        (
            json!("openid profile"),
            "its claim `groups` is `openid`, `profile`, none of which maps to a scope",
        ),
        (
            json!({ "staff": {} }),
            "its claim `groups` is an object with `staff`, none of which maps to a scope",
        ),
        (
            json!(["nothing"]),
            "its claim `groups` is a list with `nothing`, none of which",
        ),
        (
            json!(["a\r\nb`"]),
            "its claim `groups` is a list with `a\\u{d}\\u{a}b\\u{60}`, none",
        ),
        (
            json!([2, null]),
            "is a list with `2`, `null`, none of which",
        ),
        (json!(2), ""),
        (
            json!([long]),
            "is a list with `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx`…, none",
        ),
        (
            json!(["a", "b", "c", "d", "e", "f"]),
            "`a`, `b`, `c`, `d` and 2 more, none of which",
        ),
        (
            json!({ "ollama-admins": null }),
            "none of which maps to a scope",
        ),
        (json!([]), "its claim `groups` is an empty list"),
        (json!(null), "its claim `groups` is missing"),
    ] {
        let token = jwt(json!({ "groups": groups }));
        // Once verified anew, once remembered.
        for _ in 0..2 {
            let seen = world.bearer("POST", "/api/pull", &token);
            if told.is_empty() {
                assert_eq!(seen.verdict(), refused("malformed_token"), "{groups}");
                continue;
            }
            assert_eq!(seen.verdict(), (403, "scope_denied".to_owned()), "{groups}");
            let error = seen.body()["error"].as_str().unwrap().to_owned();
            assert!(error.contains(told), "{groups}: {error}");
            assert!(error.len() < 600, "{error}");
            assert!(
                seen.record["cause"].as_str().unwrap().contains(told),
                "{groups}"
            );
        }
    }
    let admin = world.bearer(
        "POST",
        "/api/pull",
        &jwt(json!({ "groups": ["ollama-admins"] })),
    );
    assert_eq!(admin.verdict(), ok());
    // Of a token that has a scope, only that one is missing.
    let seen = world.bearer(
        "GET",
        "/api/tags",
        &jwt(json!({ "groups": ["ollama-admins", "x"] })),
    );
    let error = seen.body()["error"].as_str().unwrap().to_owned();
    assert!(
        error.contains("has `manage`") && !error.contains("maps"),
        "{error}"
    );
}
