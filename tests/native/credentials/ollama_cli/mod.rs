//! The `ollama` CLI's own signature: whose it is, when it is good, and everything that is none.

mod forms;
mod message;
mod times;

use crate::world::cli::{Cli, send};
use crate::world::{KEY, NOW, World, configuration, jwt};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ollama_gate_engine::internals::{ROUTES, Scope};
use serde_json::{Value, json};

const ALICE: u8 = 1;
const BOB: u8 = 2;

fn alice() -> Cli {
    Cli::new(ALICE)
}

/// A configuration with Alice's key beside the other credentials.
fn with_alice() -> Value {
    let mut all = configuration();
    all["ollama_cli"] = json!({ "authorized_keys": [alice().line("alice")] });
    all
}

fn world() -> World {
    World::new(&with_alice())
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn a_signed_call_comes_in_and_ollama_does_not_see_the_signature() {
    let world = world();
    let seen = alice().call(&world, "GET", "/api/tags");
    assert_eq!(seen.verdict().0, 200);
    assert_eq!(seen.upstream_values("authorization"), Vec::<&str>::new());
    assert_eq!(
        seen.upstream_values(":path"),
        [format!("/api/tags?ts={NOW}")]
    );
    let record = seen.record;
    assert_eq!(
        (&record["credential"], &record["id"], &record["subject"]),
        (&json!("ollama_cli"), &json!("alice"), &json!("alice"))
    );
    for (method, path) in [
        ("POST", "/api/chat"),
        ("POST", "/api/show"),
        ("HEAD", "/"),
        ("GET", "/api/ps"),
        ("POST", "/v1/chat/completions"),
    ] {
        assert_eq!(
            alice().call(&world, method, path).verdict().0,
            200,
            "{path}"
        );
    }
}

#[test]
fn a_header_that_go_made_is_taken() {
    // By Go 1.19's crypto/ed25519, with the key of the seed 01 01 … 01.
    let header = concat!(
        "AAAAC3NzaC1lZDI1NTE5AAAAIIqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c:",
        "9UMNwVWVIeTNaGtDrhr8bfn1xAS+cl6fHPyVss3HXkipn+cZcl2ikxFLAVo+juccLz7RmX8geyuPUOrtdpnqDA=="
    );
    assert_eq!(alice().header("GET", "/api/tags", NOW), header);
    let seen = send(&world(), "GET", "/api/tags?ts=1767225600", header);
    assert_eq!(seen.verdict().0, 200);
}

#[test]
fn a_key_that_is_not_configured_is_unknown() {
    let seen = Cli::new(BOB).call(&world(), "GET", "/api/tags");
    assert_eq!(seen.verdict(), refused("unknown_signer"));
    // Alice's key in front of Bob's signature.
    let bobs = Cli::new(BOB).header("GET", "/api/tags", NOW);
    let (_, signature) = bobs.split_once(':').unwrap();
    let header = format!("{}:{signature}", alice().blob());
    let seen = send(&world(), "GET", &format!("/api/tags?ts={NOW}"), &header);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
}

#[test]
fn manage_and_cloud_are_for_those_whose_key_names_them() {
    let mut named = with_alice();
    named["ollama_cli"]["authorized_keys"][0] = json!({
        "key": alice().line("alice"), "scopes": ["read", "inference", "manage", "cloud"],
    });
    let mut nothing = with_alice();
    nothing["ollama_cli"]["authorized_keys"][0] =
        json!({ "key": alice().line("alice"), "scopes": [] });
    let worlds = [world(), World::new(&named), World::new(&nothing)];
    let mut counts = [(0, 0); 3];
    for route in ROUTES {
        let path = route.pattern().replace(['{', '}'], "");
        for method in route.methods() {
            let usual = matches!(
                route.scope(),
                Scope::Health | Scope::Read | Scope::Inference
            );
            for (place, expected) in [usual, true, false].into_iter().enumerate() {
                let verdict = alice().call(&worlds[place], method, &path).verdict();
                let (allowed, denied) = &mut counts[place];
                if expected {
                    *allowed += 1
                } else {
                    *denied += 1
                }
                let wanted = if expected {
                    (200, String::new())
                } else {
                    (403, "scope_denied".to_owned())
                };
                assert_eq!(verdict, wanted, "{place}: {method} {path}");
            }
        }
    }
    let both_sides = counts[0].0 > 0 && counts[0].1 > 0;
    assert!(
        both_sides && counts[1].0 > 0 && counts[2].1 > 0,
        "{counts:?}"
    );
}

#[test]
fn a_key_expires() {
    let mut all = with_alice();
    all["ollama_cli"]["authorized_keys"][0] = json!({
        "key": alice().line("alice"), "expires_at": "2026-01-01T00:00:10Z",
    });
    let world = World::new(&all);
    world.gateway.0.seconds.set(NOW + 9);
    assert_eq!(alice().call(&world, "GET", "/api/tags").verdict().0, 200);
    world.gateway.0.seconds.set(NOW + 10);
    let seen = alice().call_at(&world, "GET", "/api/tags", NOW + 10);
    assert_eq!(seen.verdict(), refused("expired_signer"));
    assert_eq!(seen.record["id"], "alice");
    // Who cannot sign does not learn that it did.
    let forged = format!("{}:{}", alice().blob(), STANDARD.encode([7; 64]));
    let seen = send(&world, "GET", &format!("/api/tags?ts={NOW}"), &forged);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
}

#[test]
fn id_and_subject_are_those_of_the_configuration() {
    let mut all = with_alice();
    all["upstream"] = json!({ "identity_headers": { "subject": "X-Forwarded-User", "credential_id": "X-Credential-Identifier" } });
    all["ollama_cli"]["authorized_keys"][0] =
        json!({ "key": alice().line("laptop"), "id": "cli-1", "subject": "alice" });
    let seen = alice().call(&World::new(&all), "GET", "/api/tags");
    assert_eq!(seen.upstream_values("x-forwarded-user"), ["alice"]);
    assert_eq!(seen.upstream_values("x-credential-identifier"), ["cli-1"]);
}

#[test]
fn where_there_is_no_key_for_it_a_signature_is_not_taken() {
    let mut empty = configuration();
    empty["ollama_cli"] = json!({ "authorized_keys": [] });
    for all in [configuration(), empty] {
        let seen = alice().call(&World::new(&all), "GET", "/api/tags");
        assert_eq!(seen.verdict(), refused("unsupported_credential"), "{all:?}");
    }
}

#[test]
fn a_gate_may_take_nothing_but_signatures() {
    let all = json!({ "ollama_cli": { "authorized_keys": [alice().line("alice")] } });
    let world = World::new(&all);
    assert!(world.configured);
    assert_eq!(alice().call(&world, "GET", "/api/tags").verdict().0, 200);
    let key = world.bearer("GET", "/api/tags", KEY).verdict();
    assert_eq!(key, refused("unsupported_credential"));
}

#[test]
fn a_right_credential_is_not_refused_for_a_wrong_one_beside_it() {
    let world = world();
    let target = format!("/api/tags?ts={NOW}");
    let good = alice().header("GET", "/api/tags", NOW);
    let bad = alice().header("GET", "/api/ps", NOW);
    let both = |signature: &str, other: &str| {
        let fields = [("authorization", signature), ("x-api-key", other)];
        world.send("GET", &target, &fields)
    };
    assert_eq!(both(&bad, KEY).record["credential"], "api_key");
    assert_eq!(both(&bad, &jwt(json!({}))).record["credential"], "jwt");
    let wrong_key = both(&good, "sk-nobody-0123456789abcdef");
    assert_eq!(wrong_key.record["credential"], "ollama_cli");
    let expired = jwt(json!({ "exp": NOW - 3600 }));
    assert_eq!(both(&good, &expired).record["credential"], "ollama_cli");
    let neither = both(&bad, "sk-nobody-0123456789abcdef");
    assert_eq!(neither.verdict(), refused("unknown_key"));
    let two = both(&good, &bad).verdict();
    assert_eq!(two, (400, "ambiguous_credential".into()));
}

#[test]
fn without_a_clock_no_signature_is_let_in() {
    let world = world();
    world.gateway.0.seconds.set(0);
    let seen = alice().call(&world, "GET", "/api/tags");
    assert_eq!(seen.verdict(), (503, "clock_unavailable".into()));
}

#[test]
fn no_line_shows_a_signature_or_a_query() {
    let world = world();
    let good = alice().header("GET", "/api/tags", NOW);
    for (target, header) in [
        (format!("/api/tags?ts={NOW}"), good.clone()),
        (format!("/api/ps?ts={NOW}"), good.clone()),
        (
            format!("/nowhere?ts={NOW}"),
            alice().header("GET", "/nowhere", NOW),
        ),
        ("/api/tags".to_owned(), good.clone()),
        (format!("/api/tags?ts={NOW}"), good[..100].to_owned()),
    ] {
        let seen = send(&world, "GET", &target, &header);
        let line = seen.record.to_string();
        let body = seen
            .reply
            .map(|reply| String::from_utf8(reply.body).unwrap());
        for text in [line, body.unwrap_or_default()] {
            assert!(!text.contains("AAAAC3"), "{text}");
            assert!(!text.contains("ts=1"), "{text}");
            assert!(!text.contains(&header[70..90]), "{text}");
        }
    }
}
