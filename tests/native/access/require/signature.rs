//! The `ollama` CLI's signature beside other methods. It is used up by looking at it.

use super::{Absent, Right, SHOWN, Shown, Wrong, required, world};
use crate::world::cli::Cli;
use crate::world::{KEY, NOW, Seen, World, errors, jwks, jwt, remote, signer};
use serde_json::{Value, json};

fn alice() -> Cli {
    Cli::new(1)
}

fn signing(subject: &str) -> Value {
    let key = json!({ "key": alice().line("alice-cli"), "subject": subject });
    json!({ "authorized_keys": [key] })
}

/// `required(require)` with Alice's CLI, who is `subject`.
fn with_cli(require: Value, subject: &str) -> Value {
    let mut configuration = required(require);
    configuration["ollama_cli"] = signing(subject);
    configuration
}

/// A path that was signed at `time`, and the header.
fn signed(time: i64) -> (String, String) {
    let path = format!("/api/tags?ts={time}");
    (path, alice().header("GET", "/api/tags", time))
}

/// Sends a signature that was made at `time`, and a key.
fn send(world: &World, signature: Shown, key: Shown, time: i64) -> Seen {
    let (path, header) = signed(time);
    let wrong = alice().over("GET,/api/pull");
    let mut fields = Vec::new();
    match signature {
        Absent => {}
        Wrong => fields.push(("authorization", wrong.as_str())),
        Right => fields.push(("authorization", header.as_str())),
    }
    match key {
        Absent => {}
        Wrong => fields.push(("x-api-key", "sk-unknown-0123456789")),
        Right => fields.push(("x-api-key", KEY)),
    }
    world.send("GET", &path, &fields)
}

/// Rows: the signature absent, wrong, right; columns: the key so. `2` is 200.
#[test]
fn a_signature_counts_as_every_credential_does() {
    let key_and_signature = [
        [
            "missing_credential",
            "insufficient_methods",
            "insufficient_methods",
        ],
        ["insufficient_methods", "unknown_key", "invalid_signature"],
        ["insufficient_methods", "unknown_key", "2"],
    ];
    let one_of_both = [
        ["missing_credential", "unknown_key", "2"],
        ["invalid_signature", "unknown_key", "2"],
        ["2", "2", "2"],
    ];
    let signature_alone = [
        [
            "missing_credential",
            "insufficient_methods",
            "insufficient_methods",
        ],
        ["invalid_signature"; 3],
        ["2"; 3],
    ];
    for (require, table) in [
        (
            json!({ "at_least": 2, "of": ["api_key", "ollama_cli"] }),
            key_and_signature,
        ),
        (
            json!({ "at_least": 2, "of": ["ollama_cli", "api_key"] }),
            key_and_signature,
        ),
        (
            json!({ "at_least": 3, "of": ["ollama_cli", "network", "api_key"] }),
            key_and_signature,
        ),
        (json!("any"), one_of_both),
        (
            json!({ "at_least": 2, "of": ["network", "api_key", "jwt", "ollama_cli"] }),
            one_of_both,
        ),
        (
            json!({ "at_least": 2, "of": ["network", "ollama_cli"] }),
            signature_alone,
        ),
    ] {
        for (signature, row) in SHOWN.into_iter().zip(table) {
            for (key, expected) in SHOWN.into_iter().zip(row) {
                let expected = match expected {
                    "2" => (200, String::new()),
                    code => (401, code.to_owned()),
                };
                let shown = format!("{require}: signature {signature:?}, key {key:?}");
                let inside = world(&with_cli(require.clone(), "alice"), Right);
                let seen = send(&inside, signature, key, NOW);
                assert_eq!(seen.verdict(), expected, "{shown}");
                let outside = world(&with_cli(require.clone(), "alice"), Wrong);
                let seen = send(&outside, signature, key, NOW);
                assert_ne!(seen.verdict().0, 200, "{shown}");
            }
        }
    }
}

#[test]
fn all_asks_for_a_signature_where_one_is_configured() {
    let mut configuration = with_cli(json!("all"), "alice");
    configuration.as_object_mut().unwrap().remove("jwt");
    let world = world(&configuration, Right);
    let seen = send(&world, Absent, Right, NOW);
    assert_eq!(
        seen.body()["error"],
        "more methods of authentication are required here: 2 of api_key, ollama_cli are required, the request \
         has api_key: also send ollama_cli"
    );
    assert_eq!(send(&world, Right, Right, NOW).verdict().0, 200);
}

#[test]
fn a_signature_of_another_person_is_refused() {
    let require = json!({ "at_least": 2, "of": ["ollama_cli", "api_key"] });
    let world = world(&with_cli(require, "alice-cli"), Right);
    let seen = send(&world, Right, Right, NOW);
    assert_eq!(seen.verdict(), (403, "subject_mismatch".into()));
}

#[test]
fn a_signature_can_be_named_only_where_there_is_a_key_for_it() {
    let require = json!({ "at_least": 2, "of": ["network", "ollama_cli"] });
    let message = "require.of[1]: has no effect: none of these is configured";
    assert_eq!(errors(&required(require.clone())), [message]);
    let mut none = required(require);
    none["ollama_cli"] = json!({ "authorized_keys": [] });
    assert_eq!(errors(&none), [message]);
}

#[test]
fn a_signature_is_not_used_up_where_something_else_is_missing_or_wrong() {
    for of in [["ollama_cli", "api_key"], ["api_key", "ollama_cli"]] {
        let require = json!({ "at_least": 2, "of": of });
        let world = world(&with_cli(require, "alice"), Right);
        let few = send(&world, Right, Absent, NOW);
        assert_eq!(
            few.verdict(),
            (401, "insufficient_methods".into()),
            "{of:?}"
        );
        world.wait(5);
        let wrong = send(&world, Right, Wrong, NOW);
        assert_eq!(wrong.verdict(), (401, "unknown_key".into()), "{of:?}");
        world.wait(5);
        assert_eq!(send(&world, Right, Right, NOW).verdict().0, 200, "{of:?}");
        world.wait(5);
        let again = send(&world, Right, Right, NOW);
        assert_eq!(
            again.verdict(),
            (401, "replayed_signature".into()),
            "{of:?}"
        );
    }
}

#[test]
fn a_request_that_waited_for_keys_is_no_replay_of_itself() {
    for of in [["ollama_cli", "jwt"], ["jwt", "ollama_cli"]] {
        let mut configuration = remote(json!({}));
        configuration["ollama_cli"] = signing("alice");
        configuration["require"] = json!({ "at_least": 2, "of": of });
        configuration.as_object_mut().unwrap().remove("host");
        let world = World::new(&configuration);
        assert!(world.configured, "{of:?}: {:?}", world.errors());
        let (path, header) = signed(NOW);
        let token = signer(1).token("k1", json!({}));
        let fields = [
            ("authorization", header.as_str()),
            ("x-api-key", token.as_str()),
        ];
        let mut request = world.ask_with(&path, &fields);
        assert_eq!(request.verdict(), (0, "waits".into()), "{of:?}");
        world.wait(10);
        let verdict = request.answer(200, &jwks(&[signer(1).jwk("k1")]));
        assert_eq!(verdict, (200, String::new()), "{of:?}");
    }
}

#[test]
fn a_token_of_another_person_beside_a_good_signature_is_refused() {
    let require = json!({ "at_least": 2, "of": ["jwt", "ollama_cli"] });
    let world = world(&with_cli(require, "alice"), Right);
    for (subject, expected) in [
        ("bob", (403, "subject_mismatch".to_owned())),
        ("alice", (200, String::new())),
    ] {
        let (path, header) = signed(NOW);
        let token = jwt(json!({ "sub": subject }));
        let fields = [
            ("authorization", header.as_str()),
            ("x-api-key", token.as_str()),
        ];
        assert_eq!(
            world.send("GET", &path, &fields).verdict(),
            expected,
            "{subject:?}"
        );
    }
}
