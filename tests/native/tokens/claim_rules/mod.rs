//! What an issuer's rules ask of a token beyond that: type and further claims.

mod forms;

use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign, with};
use serde_json::{Value, json};

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn issuer(name: &str, value: Value) -> World {
    World::new(&with(&format!("/jwt/0/{name}"), value))
}

fn of_type(typ: Value) -> String {
    let mut header = header();
    match typ {
        Value::Null => drop(header.as_object_mut().unwrap().remove("typ")),
        typ => header["typ"] = typ,
    }
    let claims = json!({ "sub": "alice", "exp": NOW + 60 });
    sign(&header.to_string(), &claims.to_string(), SECRET)
}

#[test]
fn what_is_no_word_in_a_list_grants_nothing_and_locks_nobody_out() {
    let world = issuer("scopes_claim", json!("groups"));
    for groups in [
        json!(["read", null]),
        json!([null, "read"]),
        json!([42, "read"]),
        json!([{ "name": "manage" }, "read"]),
        json!([["manage"], "read", true]),
    ] {
        let token = jwt(json!({ "groups": groups }));
        assert_eq!(verdict(&world, &token), ok(), "{groups}");
        let delete = world.bearer("DELETE", "/api/delete", &token);
        assert_eq!(delete.verdict(), (403, "scope_denied".into()), "{groups}");
    }
    for groups in [
        json!([null]),
        json!([{ "name": "read" }]),
        json!([["read"]]),
    ] {
        let token = jwt(json!({ "groups": groups }));
        let none = (403, "scope_denied".to_owned());
        assert_eq!(verdict(&world, &token), none, "{groups}");
    }
    for groups in [json!(1), json!(true)] {
        let token = jwt(json!({ "groups": groups }));
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{groups}"
        );
    }
}

#[test]
fn a_token_of_another_type_is_another_token() {
    let world = issuer("typ", json!(["at+jwt", "application/Session"]));
    for typ in [
        "at+jwt",
        "AT+JWT",
        "application/at+jwt",
        "session",
        "Application/session",
    ] {
        assert_eq!(verdict(&world, &of_type(json!(typ))), ok(), "{typ}");
    }
    for typ in [
        json!(null),
        json!("JWT"),
        json!("jwt"),
        json!(""),
        json!("at+jwt "),
        json!("at"),
        json!("application/"),
        json!("application/application/session"),
        json!("text/session"),
        json!("logout+jwt"),
        json!(["at+jwt"]),
        json!(1),
        json!(true),
    ] {
        assert_eq!(
            verdict(&world, &of_type(typ.clone())),
            refused("malformed_token"),
            "{typ}"
        );
    }
    let usual = World::new(&configuration());
    for typ in [json!(null), json!("JWT"), json!("at+jwt")] {
        assert_eq!(verdict(&usual, &of_type(typ.clone())), ok(), "{typ}");
    }
    assert_eq!(
        verdict(&usual, &of_type(json!("session"))),
        refused("malformed_token")
    );
}

#[test]
fn a_required_claim_has_to_be_there_and_to_be_right() {
    let world = issuer("required_claims", json!({ "tier": "gold" }));
    for tier in [json!("gold"), json!(["gold"]), json!(["silver", 1, "gold"])] {
        assert_eq!(
            verdict(&world, &jwt(json!({ "tier": tier }))),
            ok(),
            "{tier}"
        );
    }
    for tier in [
        json!(null),
        json!("Gold"),
        json!("gold "),
        json!("gol"),
        json!("silver gold"),
        json!(""),
        json!([]),
        json!([["gold"]]),
        json!(["silver"]),
        json!({ "gold": true }),
        json!(true),
        json!(1),
    ] {
        let verdict = verdict(&world, &jwt(json!({ "tier": tier })));
        assert_eq!(verdict, refused("claim_mismatch"), "{tier}");
    }
    let null = format!(r#"{{"sub":"alice","exp":{},"tier":null}}"#, NOW + 60);
    let token = sign(&header().to_string(), &null, SECRET);
    assert_eq!(verdict(&world, &token), refused("claim_mismatch"));
}

#[test]
fn a_required_value_is_of_its_own_kind() {
    for (asked, fit, unfit) in [
        (
            json!(true),
            json!(true),
            vec![json!("true"), json!(1), json!(false)],
        ),
        (
            json!(false),
            json!(false),
            vec![json!("false"), json!(0), json!(null), json!("")],
        ),
        (
            json!(1),
            json!(1),
            vec![json!("1"), json!(true), json!(2), json!(-1)],
        ),
        (json!("1"), json!("1"), vec![json!(1), json!("01")]),
        (
            json!(["a", "b"]),
            json!("b"),
            vec![json!("c"), json!("ab"), json!("a,b")],
        ),
        (
            json!([1, "x", true]),
            json!([true]),
            vec![json!("true"), json!(["1"])],
        ),
    ] {
        let world = issuer("required_claims", json!({ "claim": asked }));
        assert_eq!(
            verdict(&world, &jwt(json!({ "claim": fit }))),
            ok(),
            "{asked}"
        );
        for other in unfit {
            let verdict = verdict(&world, &jwt(json!({ "claim": other })));
            assert_eq!(verdict, refused("claim_mismatch"), "{asked} {other}");
        }
    }
}

#[test]
fn a_claim_that_must_be_absent_is_not_there_at_all() {
    let world = issuer(
        "required_claims",
        json!({ "mfa_pending": { "absent": true } }),
    );
    assert_eq!(verdict(&world, &jwt(json!({}))), ok());
    for there in ["null", "false", "true", "\"\"", "[]", "{}"] {
        let claims = format!(
            r#"{{"sub":"alice","exp":{},"mfa_pending":{there}}}"#,
            NOW + 60
        );
        let token = sign(&header().to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &token),
            refused("claim_mismatch"),
            "{there}"
        );
    }
}

#[test]
fn every_required_claim_counts_and_a_pointer_goes_inside() {
    let world = issuer(
        "required_claims",
        json!({
            "/realm_access/roles": ["ollama", "admin"],
            "https://example.com/team": "red",
            "/a~1b/~0c": 7,
            "/old": { "absent": true },
        }),
    );
    let good = json!({
        "realm_access": { "roles": ["x", "ollama"] },
        "https://example.com/team": "red",
        "a/b": { "~c": 7 },
    });
    assert_eq!(verdict(&world, &jwt(good.clone())), ok());
    for (name, value) in [
        ("realm_access", json!({ "roles": ["x"] })),
        ("realm_access", json!({ "Roles": ["ollama"] })),
        ("realm_access", json!({ "roles": { "ollama": "ollama" } })),
        ("realm_access", json!("ollama")),
        ("realm_access", json!([{ "roles": ["ollama"] }])),
        ("realm_access", json!(null)),
        ("https://example.com/team", json!("blue")),
        ("https://example.com/team", json!(null)),
        ("a/b", json!({ "~c": 8 })),
        ("a/b", json!({ "c": 7 })),
        ("old", json!(1)),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        let verdict = verdict(&world, &jwt(claims));
        assert_eq!(verdict, refused("claim_mismatch"), "{name} {value}");
    }
}

#[test]
fn the_subject_is_found_by_name_or_by_pointer() {
    for (claim, claims) in [
        ("email", json!({ "email": "a@example.com" })),
        (
            "/user/email",
            json!({ "user": { "email": "a@example.com" } }),
        ),
        (
            "https://example.com/id",
            json!({ "https://example.com/id": "a@example.com" }),
        ),
        ("a.b", json!({ "a.b": "a@example.com" })),
        ("/a~1b", json!({ "a/b": "a@example.com" })),
    ] {
        let world = issuer("subject_claim", json!(claim));
        let seen = world.bearer("GET", "/api/tags", &jwt(claims));
        assert_eq!(seen.record["subject"], "a@example.com", "{claim}");
        let without = jwt(json!({ "a": { "b": "x" }, "user": "x" }));
        assert_eq!(
            verdict(&world, &without),
            refused("missing_subject"),
            "{claim}"
        );
    }
    let nested = issuer("subject_claim", json!("/user/id"));
    for (user, code) in [
        (json!({ "id": "" }), "missing_subject"),
        (json!({ "id": 7 }), "malformed_token"),
        (json!({ "id": ["a"] }), "malformed_token"),
        (json!({ "id": { "id": "a" } }), "malformed_token"),
        (json!([{ "id": "a" }]), "missing_subject"),
    ] {
        let token = jwt(json!({ "user": user }));
        assert_eq!(verdict(&nested, &token), refused(code), "{user}");
    }
}

#[test]
fn scopes_are_found_by_pointer_too() {
    let world = issuer("scopes_claim", json!("/realm_access/roles"));
    let pull = |claims: Value| world.bearer("POST", "/api/pull", &jwt(claims)).verdict();
    let denied = (403, "scope_denied".to_owned());
    assert_eq!(
        pull(json!({ "realm_access": { "roles": ["x", "manage"] } })),
        ok()
    );
    assert_eq!(
        pull(json!({ "realm_access": { "roles": "x manage" } })),
        ok()
    );
    assert_eq!(pull(json!({ "realm_access": { "roles": ["x"] } })), denied);
    assert_eq!(pull(json!({ "realm_access": {} })), denied);
    assert_eq!(pull(json!({ "realm_access": { "roles": {} } })), denied);
    assert_eq!(pull(json!({ "roles": ["manage"] })), denied);
    assert_eq!(pull(json!({ "/realm_access/roles": ["manage"] })), denied);
    for wrong in [json!({ "roles": 1 }), json!({ "roles": true })] {
        let verdict = pull(json!({ "realm_access": wrong }));
        assert_eq!(verdict, refused("malformed_token"), "{wrong}");
    }
}

#[test]
fn a_number_that_is_asked_for_is_one_number_in_every_form() {
    let token = |claims: Value| jwt(claims);
    for (asked, found, fits) in [
        (json!(1.5), json!(1.5), true),
        (json!("1.5"), json!(1.5), true),
        (json!(5_000_000_000_u64), json!(5_000_000_000_u64), true),
        (json!("5000000000"), json!(5_000_000_000_u64), true),
        (json!(5_000_000_000_u64), json!("5000000000"), true),
        (json!(5.0), json!(5), true),
        (json!([1, "2.5"]), json!([2.5]), true),
        (json!("1.50"), json!("1.5"), true),
        (json!(5), json!("5"), false),
        (json!("5000000000"), json!(5_000_000_001_u64), false),
        (json!(1), json!(true), false),
        (json!("true"), json!(true), false),
        (json!("abc"), json!(1), false),
        (json!(5), json!("5 "), false),
    ] {
        let world = issuer("required_claims", json!({ "level": asked }));
        assert!(world.configured, "{asked}: {:?}", world.errors());
        let verdict = verdict(&world, &token(json!({ "level": found })));
        let expected = if fits {
            ok()
        } else {
            refused("claim_mismatch")
        };
        assert_eq!(verdict, expected, "{asked}, {found}");
    }
}
