//! Secrets in the configuration: resolved, long enough, and never shown.

use crate::world::{World, error, errors, secret, with};
use serde_json::{Value, json};

#[test]
fn what_the_gateway_did_not_resolve_is_refused_wherever_it_stands() {
    for reference in [
        "$env://KEY",
        "$secret://vault/1/key",
        "{vault://env/key}",
        "${KEY}",
        "${{KEY}}",
    ] {
        for path in [
            "/api_keys/keys/0/key",
            "/jwt/0/secrets/0",
            "/jwt/0/issuer",
            "/signin_url",
            "/host/name",
            "/api_keys/keys/0/scopes/0",
        ] {
            let mut configuration = with("/api_keys/keys/0/scopes", json!(["read"]));
            let place = configuration.pointer_mut(path);
            match place {
                Some(place) => *place = json!(reference),
                None => configuration = with(path, json!(reference)),
            }
            let errors = errors(&configuration);
            assert!(
                errors.iter().any(|error| error.contains("did not resolve")),
                "{path}: {errors:?}"
            );
        }
    }
}

#[test]
fn an_environment_variable_must_be_there_and_hold_something() {
    for name in ["UNSET", "EMPTY"] {
        let error = error("/api_keys/keys/0/key", json!({ "env": name }));
        let expected = format!(
            "api_keys.keys[0].key: environment variable `{name}` is not set for the filter, the gateway must pass it on"
        );
        assert_eq!(error, expected, "{name}");
    }
    for misplaced in ["", "sk-pasted-in-the-wrong-place", "lower", "WITH SPACE"] {
        let error = error("/api_keys/keys/0/key", json!({ "env": misplaced }));
        assert_eq!(
            error,
            "api_keys.keys[0].key.env: expected the name of an environment variable, of A to Z, 0 to 9 and _, found a string",
            "{misplaced:?}"
        );
    }
    let secret = errors(&with("/jwt/0/secrets/0", json!({ "env": "UNSET" })));
    assert_eq!(secret.len(), 1, "one mistake is one error: {secret:?}");
    assert!(error("/api_keys/keys/0/key", json!({})).contains("env: is missing"));
    assert!(
        error(
            "/api_keys/keys/0/key",
            json!({ "evn": "A", "env": "WEBUI_SECRET_KEY" })
        )
        .contains("did you mean `env`?")
    );
}

#[test]
fn secrets_are_long_enough_or_refused() {
    let accepts = |length: usize, allow: bool| {
        let mut configuration = with("/jwt/0/secrets", json!([secret(length)]));
        configuration["jwt"][0]["danger_allow_short_secret"] = json!(allow);
        errors(&configuration).is_empty()
    };
    assert!(accepts(32, false) && accepts(12, true));
    assert!(!accepts(31, false) && !accepts(11, true) && !accepts(11, false));
    for key in [
        "sk-short",
        "0123456789abcde",
        "with space 0123456789",
        "with,comma,0123456789",
        "é123456789abcdefgh",
        "",
    ] {
        assert!(
            !errors(&with("/api_keys/keys/0/key", json!(key))).is_empty(),
            "{key}"
        );
    }
}

#[test]
fn no_error_shows_a_secret() {
    let secret = "sk-hidden-but-wrong-place";
    for (path, value) in [
        ("/api_keys", json!(secret)),
        ("/api_keys/keys", json!(secret)),
        ("/api_keys/keys/0", json!(secret)),
        ("/api_keys/keys/0/sha256", json!(secret)),
        ("/api_keys/keys/0/key", json!([secret])),
        ("/api_keys/keys/0/key", json!({ "sk-hidden": secret })),
        ("/jwt", json!(secret)),
        ("/jwt/0/secrets", json!(secret)),
        ("/jwt/0/secrets", json!([secret])),
        ("/jwt/0/secrets", json!([[secret]])),
        ("/api_keys/keys/0/key", json!(format!("{secret} "))),
    ] {
        let lines = errors(&with(path, value)).join("\n");
        assert!(
            !lines.is_empty() && !lines.contains("hidden-but"),
            "{path}: {lines}"
        );
    }
}

#[test]
fn a_secret_is_not_shown_wherever_it_was_misplaced() {
    let secret = "sk-live-HIDDEN0123456789";
    let unknown = |path: &str| with(&format!("{path}/{secret}"), json!(1));
    let mut shown = Vec::new();
    for configuration in [
        unknown("/api_keys"),
        unknown("/api_keys/keys/0"),
        with(&format!("/api_keys/{secret}"), Value::Null),
        with(
            "/upstream",
            json!({ "host": "http://ollama:HIDDENpw@10.0.0.1:11434" }),
        ),
        with("/signin_url", json!("ftp://u:HIDDENpw@x")),
        with("/api_keys/keys/0/scopes", json!([secret])),
        with("/api_keys/keys/0/id", json!(format!("{secret} x"))),
        with("/api_keys/keys/0/subject", json!(format!("{secret} x"))),
        with("/public", json!(["HIDDEN0123456789abcdef"])),
        with("/api_keys/keys/0/key", json!({ "env": "0HIDDEN" })),
    ] {
        shown.extend(errors(&configuration));
    }
    assert_eq!(shown.len(), 10, "{shown:#?}");
    assert!(!shown.join("\n").contains("HIDDEN"), "{shown:#?}");
}

#[test]
fn a_key_that_would_never_be_looked_up_is_refused() {
    for key in [
        "sk-no-key-required",
        "team-a.alice.0123456789",
        "eyJhbGciOiJIUzI1NiJ9.x",
        "AAAAC3NzaC1lZDI1NTE5AAAAIA",
    ] {
        let error = error("/api_keys/keys/0/key", json!(key));
        assert!(
            error.contains("would not be taken for a key"),
            "{key:?}: {error}"
        );
    }
}

#[test]
fn a_variable_that_holds_a_reference_is_refused() {
    let world = World::new(&with("/api_keys/keys/0/key", json!({ "env": "REFERENCE" })));
    assert_eq!(
        world.errors(),
        [
            "api_keys.keys[0].key: environment variable `REFERENCE` holds `$env://…`, a reference that was not \
             resolved: it has to hold the secret itself"
        ]
    );
}
