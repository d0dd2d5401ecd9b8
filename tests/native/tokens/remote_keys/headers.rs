//! `jwks.headers`: what the key server wants to see.

use super::{good, ok, one_key, waits};
use crate::world::{ISSUER, World, errors, remote};
use serde_json::{Value, json};

const VALUE: &str = "Bearer c0ffee5f-key-of-the-gate";

fn asked(world: &World, number: usize, name: &str) -> Vec<String> {
    let calls = world.gateway.0.http_calls.borrow();
    let headers = calls[number].headers();
    let named = headers.filter(|header| header.0 == name);
    named.map(|header| header.1.to_owned()).collect()
}

#[test]
fn a_name_or_a_value_that_cannot_be_sent_is_refused_and_not_shown() {
    let jwks = |headers: Value| errors(&remote(json!({ "headers": headers })));
    for (name, value, expected) in [
        (
            "Host",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        (
            ":path",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        (
            "Content-Length",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        (
            "Transfer-Encoding",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        (
            "Accept-Encoding",
            json!("gzip"),
            "is not the name of a header that the gate may send",
        ),
        (
            "x y",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        (
            "",
            json!(VALUE),
            "is not the name of a header that the gate may send",
        ),
        ("X-Key", json!(""), "is empty"),
        (
            "X-Key",
            json!("c0ffee5f\r\nX-Other: 1"),
            "holds a control character",
        ),
        (
            "X-Key",
            json!("c0ffee5f\u{e9}"),
            "expected up to 4096 bytes",
        ),
        (
            "X-Key",
            json!("c0ffee5f".repeat(513)),
            "expected up to 4096 bytes",
        ),
        (
            "X-Key",
            json!("c0ffee5f\n"),
            "which would be part of the secret",
        ),
        ("X-Key", json!("$ENV://SSO_KEY"), "did not resolve"),
        ("X-Key", json!({ "env": "NOT_SET" }), "is not set"),
        ("X-Key", json!(1), "expected a string or"),
    ] {
        let found = jwks(json!({ name: value }));
        assert_eq!(found.len(), 1, "{name} {value}: {found:?}");
        assert!(
            found[0].starts_with("jwt[0].jwks.headers."),
            "{name} {value}: {found:?}"
        );
        assert!(found[0].contains(expected), "{name} {value}: {found:?}");
        assert!(!found[0].contains("c0ffee5f"), "{name} {value}: {found:?}");
    }
    let twice = jwks(json!({ "X-Key": "one", "x-key": "two" }));
    assert_eq!(twice.len(), 1, "{twice:?}");
    assert!(twice[0].contains("in another spelling"), "{twice:?}");
}

#[test]
fn every_call_to_the_key_server_carries_them_once_and_no_line_shows_them() {
    let headers = json!({ "Authorization": VALUE, "User-Agent": "our gate", "X-Tenant": "a b" });
    let world = World::new(&remote(json!({ "url": null, "headers": headers })));
    let mut request = world.ask(&good());
    let uri = "https://sso.example/keys";
    let metadata = json!({ "issuer": ISSUER, "jwks_uri": uri }).to_string();
    assert_eq!(request.answer(200, metadata.as_bytes()), waits());
    for number in [0, 1] {
        assert_eq!(asked(&world, number, "authorization"), [VALUE], "{number}");
        assert_eq!(
            asked(&world, number, "user-agent"),
            ["our gate"],
            "{number}"
        );
        assert_eq!(asked(&world, number, "x-tenant"), ["a b"], "{number}");
        assert_eq!(
            asked(&world, number, "accept"),
            ["application/json"],
            "{number}"
        );
    }
    assert_eq!(request.answer(200, &one_key()), ok());
    let sent = format!("{:?}", request.seen.as_ref().map(|seen| &seen.upstream));
    assert!(!sent.contains("c0ffee5f"), "{sent}");
    // A server that refuses: what the log says of it.
    let refused = World::new(&remote(json!({ "headers": { "Authorization": VALUE } })));
    let _ = refused.ask(&good()).answer(401, VALUE.as_bytes());
    for world in [world, refused] {
        let lines = format!("{:?}{:?}", world.gateway.0.lines.borrow(), world.root);
        assert!(!lines.contains("c0ffee5f"), "{lines}");
    }
}

#[test]
fn without_them_a_call_carries_the_gates_own_alone() {
    let world = World::new(&remote(json!({})));
    let _ = world.ask(&good());
    let calls = world.gateway.0.http_calls.borrow();
    let names: Vec<_> = calls[0].headers().map(|header| header.0).collect();
    assert_eq!(names, ["accept", "user-agent"]);
}
