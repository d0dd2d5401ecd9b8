//! The proof that a guard behind the gate looks for.

use crate::world::{KEY, READ_KEY, World, configuration, errors};
use serde_json::{Value, json};

const HEADER: &str = "x-ollama-gate-proof";
const SECRET: &str = "7d1f0c92ab48e36500f9c2d7b1a4e86f";

fn proved(members: Value) -> Value {
    let mut configuration = configuration();
    configuration["public"] = json!(["health"]);
    configuration["upstream"]["proof"] = members;
    configuration
}

fn good() -> Value {
    json!({ "header": "X-Ollama-Gate-Proof", "secret": SECRET })
}

#[test]
fn every_request_that_goes_on_carries_it_once_and_whatever_a_client_sent_is_gone() {
    let world = World::new(&proved(good()));
    for (path, key) in [("/api/tags", Some(KEY)), ("/api/version", None)] {
        for sent in [None, Some("guess"), Some(SECRET)] {
            let key = key.map(|key| ("x-api-key", key));
            let sent = sent.map(|sent| ("X-Ollama-Gate-Proof", sent));
            let fields: Vec<_> = key.into_iter().chain(sent).collect();
            let seen = world.send("GET", path, &fields);
            assert_eq!(seen.upstream_values(HEADER), [SECRET], "{path} {sent:?}");
        }
    }
}

#[test]
fn a_request_that_is_refused_shows_it_to_nobody() {
    let world = World::new(&proved(good()));
    let proof = ("x-ollama-gate-proof", SECRET);
    for fields in [
        &[proof][..],
        &[proof, ("x-api-key", "sk-unknown-0123456789")],
        &[proof, ("x-api-key", READ_KEY)],
    ] {
        let seen = world.send("POST", "/api/chat", fields);
        assert!(seen.upstream.is_none(), "{fields:?}");
        assert!(!format!("{:?}", seen.reply).contains(SECRET), "{fields:?}");
    }
    let lines = format!("{:?}", world.gateway.0.lines.borrow());
    assert!(!lines.contains(SECRET), "{lines}");
    let twice = [proof, proof, ("x-api-key", KEY)];
    let seen = world.send("GET", "/api/tags", &twice);
    assert_eq!(seen.verdict(), (400, "malformed_request".into()));
}

#[test]
fn its_secret_is_one_and_its_header_is_free() {
    let with = |name: &str, value: Value| {
        let mut members = good();
        members[name] = value;
        errors(&proved(members))
    };
    assert_eq!(with("secret", json!(SECRET)), Vec::<String>::new());
    for (name, value) in [
        ("secret", json!("7d1f0c92ab48e36500f9c2d7b1a4e86")),
        ("secret", json!("7d1f0c92ab48e365 0f9c2d7b1a4e86f")),
        ("secret", json!("changeme-changeme-changeme-changeme")),
        ("secret", json!("$ENV://OLLAMA_GATE_PROOF_NOT_THERE")),
        ("secret", json!({ "env": "UNSET" })),
        ("header", json!("Authorization")),
        ("header", json!("Host")),
        ("header", json!("X-Api-Key")),
        ("header", json!("x proof")),
    ] {
        let found = with(name, value.clone());
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        let place = format!("upstream.proof.{name}");
        assert!(found[0].starts_with(&place), "{found:?}");
    }
    let mut twice = proved(good());
    twice["upstream"]["identity_headers"] = json!({ "subject": "x-ollama-gate-proof" });
    assert_eq!(
        errors(&twice),
        ["upstream.proof.header: is the same header as `subject`"]
    );
    for missing in ["header", "secret"] {
        let mut members = good();
        members.as_object_mut().unwrap().remove(missing);
        let found = errors(&proved(members));
        assert_eq!(
            found,
            [format!("upstream.proof.{missing}: is required")],
            "{missing}"
        );
    }
}
