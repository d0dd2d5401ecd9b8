//! Two methods, and whom they name.

use super::{Absent, Right, Wrong, ask, required, world};
use crate::world::{ADMIN_KEY, KEY, READ_KEY, configuration, jwt};
use serde_json::json;

#[test]
fn two_methods_that_name_different_callers_are_refused() {
    let world = world(&required(json!("all")), Right);
    let ask = |key: &str, token: &str| {
        let fields = [("x-api-key", key), ("authorization", token)];
        world.send("GET", "/api/tags", &fields)
    };
    let alice = ask(KEY, &jwt(json!({})));
    assert_eq!(alice.verdict().0, 200);
    assert_eq!(alice.record["subject"], "alice");
    for other in ["bob", "Alice", "alice ", "alice@example.com"] {
        let seen = ask(KEY, &jwt(json!({ "sub": other })));
        assert_eq!(seen.verdict(), (403, "subject_mismatch".into()), "{other}");
        assert_eq!(seen.record["id"], "alice-laptop", "{other:?}");
        assert_eq!(
            seen.body()["error"],
            "the credentials name different callers: the api_key and the jwt have to be of one person, send two \
             that are",
            "{other:?}"
        );
    }
    assert_eq!(
        ask(ADMIN_KEY, &jwt(json!({}))).verdict(),
        (403, "subject_mismatch".into())
    );
    assert_eq!(
        ask(ADMIN_KEY, &jwt(json!({ "sub": "admin" }))).verdict().0,
        200
    );
}

#[test]
fn the_first_that_is_named_names_the_caller_and_what_is_not_needed_is_not_looked_at() {
    for (of, credential, id) in [
        (["api_key", "jwt"], "api_key", "alice-laptop"),
        (["jwt", "api_key"], "jwt", "open-webui"),
    ] {
        let both = world(&required(json!({ "at_least": 2, "of": of })), Right);
        let seen = ask(&both, Right, Right);
        assert_eq!(seen.verdict().0, 200, "{of:?}, {credential}");
        assert_eq!(
            (&seen.record["credential"], &seen.record["id"]),
            (&json!(credential), &json!(id)),
            "{of:?}, {credential}"
        );
    }
    let bob = jwt(json!({ "sub": "bob" }));
    let enough = world(
        &required(json!({ "at_least": 2, "of": ["network", "api_key", "jwt"] })),
        Right,
    );
    let seen = enough.send(
        "GET",
        "/api/tags",
        &[("x-api-key", KEY), ("authorization", &bob)],
    );
    assert_eq!(seen.verdict().0, 200);
    assert_eq!(seen.record["subject"], "alice", "network and key are two");
}

#[test]
fn two_methods_may_do_what_both_may() {
    let mut configuration = required(json!("all"));
    configuration["jwt"][0]["scopes_claim"] = json!("scope");
    let world = world(&configuration, Right);
    let token = jwt(json!({ "sub": "admin", "scope": "read" }));
    let ask = |method, path| {
        let fields = [("x-api-key", ADMIN_KEY), ("authorization", token.as_str())];
        world.send(method, path, &fields).verdict()
    };
    assert_eq!(ask("GET", "/api/tags").0, 200);
    for path in ["/api/chat", "/api/pull"] {
        assert_eq!(ask("POST", path), (403, "scope_denied".into()), "{path}");
    }
}

#[test]
fn a_wider_second_method_gives_nothing() {
    let mut configuration = required(json!({ "at_least": 2, "of": ["api_key", "jwt"] }));
    configuration["jwt"][0]["scopes_claim"] = json!("scope");
    let world = world(&configuration, Right);
    let token = jwt(json!({ "scope": "read inference manage cloud" }));
    let fields = [("x-api-key", KEY), ("authorization", token.as_str())];
    let seen = world.send("POST", "/api/pull", &fields);
    assert_eq!(seen.verdict(), (403, "scope_denied".into()));
}

#[test]
fn the_networks_of_a_key_count_and_restrict() {
    let mut configuration = configuration();
    configuration["api_keys"]["keys"][0]["allow_from"] = json!(["10.0.0.0/8"]);
    configuration["api_keys"]["keys"][1]["allow_from"] = json!(["0.0.0.0/0"]);
    configuration["require"] = json!({ "at_least": 2, "of": ["network", "api_key", "jwt"] });
    let verdict = |network, fields: &[(&str, &str)]| {
        world(&configuration, network)
            .send("GET", "/api/tags", fields)
            .verdict()
    };
    let few = (401, "insufficient_methods".to_owned());
    assert_eq!(
        verdict(Right, &[("x-api-key", KEY)]).0,
        200,
        "from its network"
    );
    assert_eq!(
        verdict(Wrong, &[("x-api-key", KEY)]),
        (403, "network_denied".into())
    );
    assert_eq!(
        verdict(Absent, &[("x-api-key", KEY)]),
        (403, "address_unknown".into())
    );
    assert_eq!(
        verdict(Right, &[("x-api-key", READ_KEY)]),
        few,
        "everywhere is no method"
    );
    assert_eq!(
        verdict(Right, &[("x-api-key", ADMIN_KEY)]),
        few,
        "it has no network"
    );
    let token = jwt(json!({}));
    assert_eq!(
        verdict(Right, &[("authorization", &token)]),
        few,
        "a token has none"
    );
    let both = [("authorization", token.as_str()), ("x-api-key", KEY)];
    assert_eq!(verdict(Right, &both).0, 200);
    assert_eq!(
        verdict(Wrong, &both),
        (403, "network_denied".into()),
        "always, beside everything else"
    );
}

#[test]
fn to_be_where_everybody_is_counts_for_nobody() {
    let mut configuration = configuration();
    configuration["api_keys"]["keys"][0]["allow_from"] = json!(["10.0.0.0/8"]);
    configuration["require"] = json!({ "at_least": 2, "of": ["network", "api_key"] });
    for everybody in [
        json!(["0.0.0.0/0"]),
        json!(["0.0.0.0/0", "::/0"]),
        json!(["10.0.0.0/8", "0.0.0.0/1", "128.0.0.0/1"]),
        json!(["10.0.0.0/8", "::/0"]),
    ] {
        configuration["network"] = json!({ "allow": everybody });
        let world = world(&configuration, Right);
        let verdict = |key| world.bearer("GET", "/api/tags", key).verdict();
        assert_eq!(
            verdict(KEY).0,
            200,
            "it has a network of its own: {everybody}"
        );
        let few = (401, "insufficient_methods".to_owned());
        assert_eq!(verdict(ADMIN_KEY), few, "{everybody}");
    }
}
