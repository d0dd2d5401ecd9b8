//! The address of the keys, found from the issuer.

use super::{good, ok, one_key, refused, waits};
use crate::world::{ISSUER, World, remote};
use serde_json::{Value, json};

const METADATA: &str = "/.well-known/openid-configuration";

fn world() -> World {
    World::new(&remote(json!({ "url": null })))
}

fn metadata(issuer: &str, jwks_uri: Value) -> Vec<u8> {
    json!({ "issuer": issuer, "jwks_uri": jwks_uri, "response_types_supported": ["code"] })
        .to_string()
        .into_bytes()
}

#[test]
fn a_request_waits_for_both_calls() {
    let world = world();
    let mut request = world.ask(&good());
    let good_metadata = metadata(ISSUER, json!("https://sso.example/keys?v=2"));
    assert_eq!(request.answer(200, &good_metadata), waits());
    assert_eq!(request.answer(200, &one_key()), ok());
    assert_eq!(world.calls_from(0), [METADATA, "/keys?v=2"]);
    assert_eq!(world.ask(&good()).verdict(), ok());
    assert_eq!(world.counted("ollama_gate_fetch_succeeded_total"), 1);
}

#[test]
fn a_tick_makes_both_calls() {
    let mut world = world();
    world.tick();
    world.tick();
    world.answer_root(1, 200, &metadata(ISSUER, json!("https://sso.example/keys")));
    assert_eq!(world.calls_from(0), [METADATA, "/keys"]);
    world.tick();
    assert_eq!(world.call_count(), 2);
    world.answer_root(2, 200, &one_key());
    assert_eq!(world.ask(&good()).verdict(), ok());
}

#[test]
fn metadata_are_believed_of_the_issuer_and_its_server_only() {
    for (issuer, uri, why) in [
        (
            "https://sso.example/",
            json!("https://sso.example/keys"),
            "another issuer's",
        ),
        (
            "https://SSO.example",
            json!("https://sso.example/keys"),
            "another issuer's",
        ),
        (
            "http://sso.example",
            json!("https://sso.example/keys"),
            "another issuer's",
        ),
        ("", json!("https://sso.example/keys"), "another issuer's"),
        (ISSUER, json!("https://evil.example/keys"), "another server"),
        (
            ISSUER,
            json!("https://sso.example.evil/keys"),
            "another server",
        ),
        (
            ISSUER,
            json!("https://sso.example:444/keys"),
            "another server",
        ),
        (
            ISSUER,
            json!("http://sso.example/keys"),
            "begins with http://",
        ),
        (
            ISSUER,
            json!("https://sso.example@evil.example/keys"),
            "no usable `jwks_uri`",
        ),
        (ISSUER, json!("//evil.example/keys"), "no usable `jwks_uri`"),
        (ISSUER, json!("/keys"), "no usable `jwks_uri`"),
        (ISSUER, json!("file:///etc/passwd"), "no usable `jwks_uri`"),
        (
            ISSUER,
            json!("https://sso.example/a\r\nb"),
            "no usable `jwks_uri`",
        ),
        (
            ISSUER,
            json!(["https://sso.example/keys"]),
            "no usable `jwks_uri`",
        ),
        (ISSUER, json!(null), "no usable `jwks_uri`"),
    ] {
        let world = world();
        let mut request = world.ask(&good());
        let verdict = request.answer(200, &metadata(issuer, uri.clone()));
        assert_eq!(verdict, refused(503, "keys_unavailable"), "{issuer} {uri}");
        assert_eq!(world.call_count(), 1, "{issuer} {uri}");
        let lines = world.lines_with("fetch failed");
        assert!(lines[0].contains(why), "{why}: {lines:?}");
        // The host is quoted where it has to be named, and nothing else is.
        let may_quote = why == "another server";
        assert!(
            may_quote || !lines[0].contains("evil"),
            "{issuer} {uri}: {lines:?}"
        );
        assert!(!lines[0].contains("/keys"), "{issuer} {uri}: {lines:?}");
    }
}

#[test]
fn keys_on_a_server_of_their_own_are_fetched_from_the_upstream_that_is_named_for_it() {
    let named = json!({ "url": null, "upstreams": { "keys.example": "keys" } });
    for (uri, upstream) in [
        ("https://keys.example/keys", Some("keys")),
        ("https://sso.example/keys", Some("sso")),
        ("https://keys.example:8443/keys", None),
        ("http://keys.example/keys", None),
        ("https://evil.example/keys", None),
    ] {
        let world = World::new(&remote(named.clone()));
        let mut request = world.ask(&good());
        let verdict = request.answer(200, &metadata(ISSUER, json!(uri)));
        match upstream {
            Some(upstream) => {
                assert_eq!(verdict, waits(), "{uri}");
                let call = &request.waits_for.as_ref().unwrap().1;
                assert_eq!(call.upstream(), upstream, "{uri}");
                assert_eq!(request.answer(200, &one_key()), ok(), "{uri}");
            }
            None => assert_eq!(verdict, refused(503, "keys_unavailable"), "{uri}"),
        }
    }
    let errors = World::new(&remote(json!({ "upstreams": { "keys.example": "keys" } }))).errors();
    let path = "jwt[0].jwks.upstreams: has no effect with `url`";
    assert!(errors[0].starts_with(path), "{errors:?}");
}

#[test]
fn metadata_that_are_none_are_a_failure() {
    for (status, body) in [
        (500, &b""[..]),
        (302, b""),
        (404, b"<html>"),
        (200, b""),
        (200, b"<html>"),
        (200, b"[]"),
        (200, br#"{"issuer":"https://sso.example","issuer":"https://sso.example","jwks_uri":"https://sso.example/keys"}"#),
        // A set of keys stands in for the metadata.
        (200, &one_key()),
    ] {
        let world = world();
        let verdict = world.ask(&good()).answer(status, body);
        assert_eq!(verdict, refused(503, "keys_unavailable"), "{status}");
        assert_eq!(world.call_count(), 1, "{status}");
    }
}

#[test]
fn the_second_call_may_fail_as_well() {
    let good_metadata = metadata(ISSUER, json!("https://sso.example/keys"));
    // The metadata again, which a set of keys is not.
    for (status, body) in [(500, &b""[..]), (200, &good_metadata), (301, b"")] {
        let world = world();
        let mut request = world.ask(&good());
        assert_eq!(request.answer(200, &good_metadata), waits(), "{status}");
        let verdict = request.answer(status, body);
        assert_eq!(verdict, refused(503, "keys_unavailable"), "{status}");
        assert_eq!(world.call_count(), 2, "{status}");
        assert_eq!(
            world.counted("ollama_gate_fetch_failed_total"),
            1,
            "{status}"
        );
    }
    let world = world();
    let mut request = world.ask(&good());
    let fails = ollama_gate::Status(2);
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("http_call", fails);
    assert_eq!(
        request.answer(200, &good_metadata),
        refused(503, "keys_unavailable")
    );
}

#[test]
fn a_place_is_held_through_both_calls() {
    let world = world();
    let good_metadata = metadata(ISSUER, json!("https://sso.example/keys"));
    let mut waiting: Vec<_> = (0..32).map(|_| world.ask(&good())).collect();
    for request in &mut waiting {
        assert_eq!(request.answer(200, &good_metadata), waits());
    }
    world.wait(1);
    assert_eq!(world.ask(&good()).verdict(), refused(503, "keys_pending"));
    waiting.pop();
    assert_eq!(world.ask(&good()).verdict(), waits());
}
