//! What a record may say beside its secret: secrets that it has replaced, that it is off, what it is noted under.

use super::*;
use crate::world::{errors, with};

const OLD: &str = "sk-old-61f3b0d92e7c48a5";

#[test]
fn a_previous_secret_opens_the_gate_until_its_end_and_the_log_says_so() {
    let previous = json!([{ "key": OLD, "until": "2026-01-01T01:00:00Z" }]);
    let world = World::new(&with("/api_keys/keys/0/previous", previous));
    let seen = world.ask(OLD).seen.unwrap();
    assert_eq!(seen.verdict(), ok());
    assert_eq!(seen.record["id"], "alice-laptop");
    assert_eq!(seen.record["secret"], "previous");
    assert_eq!(world.counted("ollama_gate_key_previous_secret_total"), 1);
    assert_eq!(world.counted("ollama_gate_jwt_previous_secret_total"), 0);
    let current = world.ask(KEY).seen.unwrap();
    assert_eq!(
        (current.verdict(), current.record.get("secret")),
        (ok(), None)
    );
    world.wait(3600);
    let late = world.ask(OLD).seen.unwrap();
    assert_eq!(late.verdict(), refused(401, "expired_key"));
    let body = String::from_utf8(late.reply.unwrap().body).unwrap();
    assert!(
        body.contains("counted until 2026-01-01T01:00:00Z: use the new one"),
        "{body}"
    );
    assert_eq!(world.verdict(KEY), ok());
}

#[test]
fn a_previous_secret_is_as_good_as_a_secret_and_has_an_end() {
    for (previous, error) in [
        (
            json!([{ "key": OLD }]),
            "api_keys.keys[0].previous[0].until: is required",
        ),
        (
            json!([{ "until": "2026-01-01T01:00:00Z" }]),
            "api_keys.keys[0].previous[0]: expected exactly one of `sha256` and `key`",
        ),
        (
            json!([{ "key": "sk-short", "until": "2026-01-01T01:00:00Z" }]),
            "api_keys.keys[0].previous[0].key: expected 16 or more characters of visible ASCII without a comma (`make key` makes one)",
        ),
        (
            json!([{ "key": KEY, "until": "2026-01-01T01:00:00Z" }]),
            "api_keys.keys[0]: is the same key as `alice-laptop`",
        ),
    ] {
        let found = errors(&with("/api_keys/keys/0/previous", previous));
        assert_eq!(found, [error], "{error}");
    }
    let previous = json!([{ "key": crate::world::READ_KEY, "until": "2026-01-01T01:00:00Z" }]);
    let found = errors(&with("/api_keys/keys/0/previous", previous));
    assert_eq!(
        found,
        ["api_keys.keys[1]: is the same key as `alice-laptop`"]
    );
}

#[test]
fn a_key_that_is_disabled_opens_nothing() {
    let world = World::new(&with("/api_keys/keys/0/disabled", json!(true)));
    let seen = world.ask(KEY).seen.unwrap();
    assert_eq!(seen.verdict(), refused(401, "disabled_key"));
    assert_eq!(seen.record["id"], "alice-laptop");
    assert_eq!(
        World::new(&with("/api_keys/keys/0/disabled", json!(false))).verdict(KEY),
        ok()
    );
}

#[test]
fn labels_are_in_the_line_of_each_request_with_the_key() {
    let labels = json!({ "team": "search", "ticket": "OPS-12" });
    let world = World::new(&with("/api_keys/keys/0/labels", labels));
    let seen = world.ask(KEY).seen.unwrap();
    assert_eq!(seen.record["labels"], "team=search,ticket=OPS-12");
    assert_eq!(
        world.ask(ADMIN_KEY).seen.unwrap().record.get("labels"),
        None
    );
    for (labels, error) in [
        (
            json!({ "Team": "x" }),
            "api_keys.keys[0].labels.Team: is no name of a label: expected up to 32 of a to z, 0 to 9, _ and -",
        ),
        (
            json!({ "team": "a b" }),
            "api_keys.keys[0].labels.team: expected 1 to 128 characters of visible ASCII, found `a b`",
        ),
    ] {
        let found = errors(&with("/api_keys/keys/0/labels", labels));
        assert_eq!(found, [error], "{error}");
    }
    let many: serde_json::Map<_, _> = (0..9)
        .map(|number| (format!("l{number}"), json!("x")))
        .collect();
    let found = errors(&with("/api_keys/keys/0/labels", Value::Object(many)));
    assert_eq!(
        found,
        ["api_keys.keys[0].labels: expected at most 8 labels"]
    );
}
