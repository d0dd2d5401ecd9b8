//! What is taken for a mistake of whoever wrote a document, and what of the configuration is refused.

use super::*;
use crate::world::errors;

fn many(count: usize) -> Value {
    let keys = (0..count).map(|number| {
        json!({ "id": format!("key-{number}"), "key": format!("sk-many-5e0d17a9c3b84f62-{number}") })
    });
    json!({ "keys": keys.collect::<Vec<_>>() })
}

fn secret(number: usize) -> String {
    format!("sk-many-5e0d17a9c3b84f62-{number}")
}

#[test]
fn a_document_from_which_too_many_keys_are_missing_is_refused() {
    for (members, before, after, taken) in [
        (json!({}), 10, 5, true),
        (json!({}), 10, 4, false),
        (json!({}), 10, 1, false),
        (json!({ "max_removed": 90 }), 10, 1, true),
        (json!({ "max_removed": 10 }), 10, 6, false),
        // So few that somebody may well have revoked them.
        (json!({ "max_removed": 10 }), 10, 7, true),
        (json!({}), 4, 1, true),
        (json!({}), 10, 0, false),
        (json!({ "max_removed": 100 }), 10, 0, false),
        (json!({ "allow_empty": true }), 10, 0, true),
    ] {
        let mut world = world(&KINDS[0], &members);
        world.fetch(200, many(before).to_string().as_bytes());
        world.wait(30);
        world.fetch(200, many(after).to_string().as_bytes());
        let wanted = if taken {
            refused(401, "unknown_key")
        } else {
            ok()
        };
        let last = secret(before - 1);
        assert_eq!(world.verdict(&last), wanted, "{members} {before} {after}");
    }
}

#[test]
fn what_is_missing_is_counted_by_id_so_that_all_keys_may_be_rotated_at_once() {
    let mut world = world(&KINDS[0], &json!({}));
    world.fetch(200, many(10).to_string().as_bytes());
    world.wait(30);
    let rotated = many(10).to_string().replace("sk-many", "sk-more");
    world.fetch(200, rotated.as_bytes());
    assert_eq!(world.verdict(&secret(3)), refused(401, "unknown_key"));
    assert_eq!(world.verdict(&secret(3).replace("many", "more")), ok());
}

#[test]
fn a_document_without_keys_is_taken_where_that_is_allowed() {
    let mut world = world(&KINDS[0], &json!({ "allow_empty": true }));
    world.fetch(200, br#"{"keys":[]}"#);
    assert_eq!(world.verdict(FETCHED), refused(401, "unknown_key"));
}

#[test]
fn an_id_and_a_secret_are_in_one_document_and_the_refusal_names_both() {
    let sources = json!([
        { "url": "http://keys.internal/a", "upstream": "a" },
        { "url": "http://keys.internal/b", "upstream": "b" },
    ]);
    for (second, why) in [
        (
            document(&[("fetched", OTHER)]),
            "keys of b: fetch failed: the key `fetched` is in the source `a` too",
        ),
        (
            document(&[("twin", FETCHED)]),
            "keys of b: fetch failed: the key `twin` has the same secret as `fetched` in the source `a`",
        ),
    ] {
        let mut world = World::new(&with_source(sources.clone()));
        world.tick();
        world.answer_root(1, 200, one().to_string().as_bytes());
        world.answer_root(2, 200, second.to_string().as_bytes());
        let lines = world.lines_with(why);
        assert_eq!(lines.len(), 1, "{why}");
        assert_eq!(world.verdict(FETCHED), ok(), "{why}");
        assert_eq!(
            world.ask(FETCHED).seen.unwrap().record["id"],
            "fetched",
            "{why}"
        );
    }
}

#[test]
fn both_of_two_documents_have_their_say_and_one_that_is_missing_is_not_taken_for_empty() {
    let sources = json!([
        { "url": "http://keys.internal/a", "upstream": "a" },
        { "url": "http://keys.internal/b", "upstream": "b" },
    ]);
    let mut world = World::new(&with_source(sources));
    world.tick();
    world.answer_root(1, 200, one().to_string().as_bytes());
    assert_eq!(world.verdict(FETCHED), ok());
    world.answer_root(2, 503, b"");
    assert_eq!(world.verdict(OTHER), refused(503, "keys_unavailable"));
    world.wait(30);
    world.tick();
    let calls = world.call_count();
    world.answer_root(
        calls,
        200,
        document(&[("other", OTHER)]).to_string().as_bytes(),
    );
    assert_eq!(world.verdict(OTHER), ok());
    assert_eq!(world.verdict(FETCHED), ok());
}

#[test]
fn what_a_source_cannot_be_is_told_with_its_place() {
    let plain = json!({ "url": "http://keys.internal/", "upstream": "keys" });
    let with = |members: Value| {
        let mut source = plain.clone();
        for (name, value) in members.as_object().unwrap() {
            source[name] = value.clone();
        }
        with_source(source)
    };
    for (all, error) in [
        (
            with_source(json!([])),
            "api_keys.source: expected one source, or a list of up to 16",
        ),
        (
            with(json!({ "kind": "redis" })),
            "api_keys.source.kind: expected the name of a kind, such as \"http\" or \"vault\", found `redis`",
        ),
        (
            with(json!({ "kind": "etcd" })),
            "api_keys.source.key: is required with `\"kind\": \"etcd\"`",
        ),
        (
            with(json!({ "key": "/a" })),
            "api_keys.source.key: is for `\"kind\": \"etcd\"` only",
        ),
        (
            with(json!({ "url": "file:///keys.json" })),
            "api_keys.source.url: expected an address that begins with https:// or http://, found `file:///keys.json`",
        ),
        (
            with(json!({ "pointer": "a" })),
            "api_keys.source.pointer: expected a JSON Pointer such as \"/data/data\" (RFC 6901), found `a`",
        ),
        (
            with(json!({ "every": "1h", "max_stale": "1m" })),
            "api_keys.source.max_stale: is shorter than `every`",
        ),
        (
            with(json!({ "max_bytes": "65MiB" })),
            "api_keys.source.max_bytes: expected a size such as \"64MiB\" (B, KiB, MiB or GiB), of 1 to 67108864 bytes, found `65MiB`",
        ),
        (
            with(json!({ "headers": { "Authorization": "x" }, "token": "y" })),
            "api_keys.source.headers: holds the header of `token` too",
        ),
        (
            with(json!({ "headers": { "Host": "x" } })),
            "api_keys.source.headers.Host: is not the name of a header that the gate may send",
        ),
        (
            with_source(json!([plain, plain])),
            "api_keys.source[1].name: is the name of another source too, give each a `name`",
        ),
    ] {
        assert_eq!(errors(&all), [error], "{all}");
    }
    let mut none = configuration();
    none["api_keys"] = json!({});
    assert_eq!(
        errors(&none),
        ["api_keys: expected at least one of `keys` and `source`"]
    );
}

#[test]
fn on_gateways_of_nginx_a_source_is_a_server_and_its_document_is_short() {
    for host in ["apisix", "kong"] {
        let on = |members: Value| {
            let mut all = with_source(source(&KINDS[0], &members));
            all["host"] = json!({ "name": host });
            if host == "apisix" {
                World::apisix(&all).errors()
            } else {
                World::kong(&all).errors()
            }
        };
        let fit = json!({ "upstream": "keys.internal:80", "max_bytes": "1MiB" });
        assert_eq!(on(fit), Vec::<String>::new(), "{host}");
        assert_eq!(
            on(json!({ "upstream": "outbound|80||keys" })),
            ["api_keys.source.upstream: is not `host` or `host:port`, which this gateway needs"],
            "{host}"
        );
        let long = on(json!({ "upstream": "keys.internal:80", "max_bytes": "2MiB" }));
        assert!(
            long[0].starts_with("api_keys.source.max_bytes: is over 1 MiB"),
            "{host}: {long:?}"
        );
    }
}

#[test]
fn keys_of_a_document_are_enough_to_have_a_gate() {
    let all = json!({ "api_keys": { "source": source(&KINDS[0], &json!({})) }, "host": { "name": "envoy" } });
    let mut world = World::new(&all);
    assert!(world.configured, "{:?}", world.errors());
    assert_eq!(world.ask(FETCHED).verdict(), waits());
    world.fetch(200, one().to_string().as_bytes());
    assert_eq!(world.verdict(FETCHED), ok());
}
