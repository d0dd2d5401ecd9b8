//! Names and passwords beside other credentials, and keys in their place.

use super::{all, basic, login, ok, refused, verdict};
use crate::world::{ADMIN_KEY, KEY, NOW, READ_KEY, World, configuration, jwt};
use serde_json::json;

#[test]
fn a_right_credential_is_not_refused_because_of_a_wrong_one_beside_it() {
    let world = World::new(&all());
    let token = jwt(json!({}));
    let send = |pair: &str, name: &str, value: &str| {
        let fields = [("authorization", basic(pair)), (name, value.to_owned())];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        let seen = world.send("GET", "/api/tags", &fields);
        (seen.verdict(), seen.record["credential"].clone())
    };
    let (right, wrong) = ("alice:correct horse", "alice:wrong");
    assert_eq!(send(wrong, "x-api-key", KEY), (ok(), json!("api_key")));
    assert_eq!(send("no colon", "x-api-key", KEY), (ok(), json!("api_key")));
    assert_eq!(send(wrong, "x-api-key", &token), (ok(), json!("jwt")));
    assert_eq!(
        send(right, "x-api-key", "sk-unknown-0123456789"),
        (ok(), json!("basic"))
    );
    assert_eq!(send(right, "x-api-key", "a.b.c"), (ok(), json!("basic")));
    assert_eq!(
        send(right, "x-api-key", "two words"),
        (ok(), json!("basic"))
    );
    assert_eq!(send(right, "x-api-key", "ollama"), (ok(), json!("basic")));
    assert_eq!(
        send(right, "x-api-key", KEY),
        (ok(), json!("api_key")),
        "the key goes first"
    );
    let (denied, _) = send(wrong, "x-api-key", "sk-unknown-0123456789");
    assert_eq!(
        denied,
        refused(401, "unknown_key"),
        "what was tried first is told"
    );
}

#[test]
fn a_key_may_come_as_the_password_whatever_the_name() {
    let mut only_keys = configuration();
    only_keys.as_object_mut().unwrap().remove("jwt");
    for configuration in [all(), configuration(), only_keys] {
        let world = World::new(&configuration);
        for user in ["", "alice", "bob", "anything at all", "sk-other"] {
            let seen = login(&world, "GET", "/api/tags", &format!("{user}:{KEY}"));
            assert_eq!(seen.verdict(), ok(), "{user}");
            assert_eq!(
                seen.record["credential"], "api_key",
                "{configuration:?}, {user}"
            );
            assert_eq!(
                seen.record["id"], "alice-laptop",
                "{configuration:?}, {user}"
            );
        }
        let reads = login(&world, "POST", "/api/chat", &format!(":{READ_KEY}"));
        assert_eq!(
            reads.verdict(),
            refused(403, "scope_denied"),
            "the key's scopes, nobody else's: {configuration:?}"
        );
        let unknown = login(&world, "GET", "/api/tags", "alice:sk-unknown-0123456789");
        assert_eq!(
            unknown.verdict(),
            refused(401, "unknown_key"),
            "{configuration:?}"
        );
        let as_name = login(&world, "GET", "/api/tags", &format!("{KEY}:"));
        assert_eq!(as_name.verdict(), ok(), "{configuration:?}");
        assert_ne!(
            login(&world, "GET", "/api/tags", &format!("x:{KEY} ")).verdict(),
            ok(),
            "{configuration:?}"
        );
    }
}

#[test]
fn a_key_as_the_password_ends_when_the_key_does() {
    let mut ending = all();
    ending["api_keys"]["keys"][0]["expires_at"] = json!("2026-01-01T00:00:10Z");
    let world = World::new(&ending);
    let pair = format!("alice:{KEY}");
    assert_eq!(verdict(&world, &pair), ok());
    world.gateway.0.seconds.set(NOW + 10);
    let seen = login(&world, "GET", "/api/tags", &pair);
    assert_eq!(seen.verdict(), refused(401, "expired_key"));
    assert_eq!(seen.record["id"], "alice-laptop");
}

#[test]
fn two_different_keys_are_ambiguous_wherever_they_stand() {
    let world = World::new(&all());
    let send = |key: &str| {
        let pair = basic(format!("alice:{key}"));
        let fields = [("authorization", pair.as_str()), ("x-api-key", KEY)];
        world.send("GET", "/api/tags", &fields).verdict()
    };
    assert_eq!(send(KEY), ok());
    assert_eq!(send(ADMIN_KEY), refused(400, "ambiguous_credential"));
    assert_eq!(
        send("sk-unknown-0123456789"),
        refused(400, "ambiguous_credential")
    );
    assert_eq!(send("another kind"), ok());
}

#[test]
fn a_password_that_looks_like_a_key_is_still_a_password() {
    let mut alike = all();
    // SHA-1 of `sk-password`.
    alike["basic"]["users"][1]["password_hash"] = json!("{SHA}gmVUc4krvGcZle8yad/Dilg8JWM=");
    let world = World::new(&alike);
    let seen = login(&world, "GET", "/api/tags", "bob:sk-password");
    assert_eq!((seen.verdict(), &seen.record["id"]), (ok(), &json!("bob")));
    assert_eq!(
        verdict(&world, "bob:sk-passwork"),
        refused(401, "unknown_key")
    );
    let mut users_only = alike.clone();
    users_only.as_object_mut().unwrap().remove("api_keys");
    let world = World::new(&users_only);
    assert_eq!(verdict(&world, "bob:sk-password"), ok());
    assert_eq!(
        verdict(&world, "bob:sk-passwork"),
        refused(401, "wrong_password")
    );
}
