//! Secrets in the configuration: resolved, long enough, and never shown.

use crate::world::{World, error, errors, secret, with};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
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
    assert!(error("/api_keys/keys/0/key", json!({})).contains("env: is required"));
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
            error.contains("would never be looked up as a key"),
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

/// The errors of a configuration with this secret of tokens, and these variables.
fn of_tokens(secret: Value, variables: &[(&str, &str)]) -> Vec<String> {
    let document =
        json!({ "jwt": [{ "name": "j", "algorithms": ["HS256"], "secrets": [secret] }] });
    let environment = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let bytes = document.to_string().into_bytes();
    let read = ollama_gate_engine::Configuration::read(&bytes, &environment, 1);
    read.map_or_else(|errors| errors.lines().collect(), |_| Vec::new())
}

const DRAWN: &str = "nGq3vR8sXw5tYz2bKd7mPf4hJc6aLe9u";

#[test]
fn a_secret_with_stray_bytes_is_refused_at_startup_and_the_error_says_which() {
    for (stray, what) in [
        (format!("{DRAWN}\n"), "ends in a line break"),
        (format!("{DRAWN}\r\n"), "ends in a line break"),
        (format!(" {DRAWN}"), "begins or ends with white space"),
        (
            format!("\u{feff}{DRAWN}"),
            "holds a character that cannot be seen",
        ),
        (format!("\"{DRAWN}\""), "stands in quotation marks"),
    ] {
        let found = of_tokens(json!({ "env": "S" }), &[("S", &stray)]);
        let begin = format!("jwt[0].secrets[0]: environment variable `S` {what}");
        assert!(
            found.len() == 1 && found[0].starts_with(&begin),
            "{stray:?}: {found:?}"
        );
        assert!(!found[0].contains(DRAWN), "{stray:?}");
        let found = of_tokens(json!(stray), &[]);
        let begin = format!("jwt[0].secrets[0]: {what}");
        assert!(
            found.len() == 1 && found[0].starts_with(&begin),
            "{stray:?}: {found:?}"
        );
        for path in ["/api_keys/keys/0/key", "/upstream"] {
            let value = match path {
                "/upstream" => json!({ "proof": { "header": "X-P", "secret": stray } }),
                _ => json!(stray),
            };
            let found = errors(&with(path, value));
            assert!(
                found.iter().any(|error| error.contains(what)),
                "{path} {stray:?}: {found:?}"
            );
        }
    }
}

#[test]
fn a_secret_of_bytes_is_written_in_an_encoding_and_signs_as_its_bytes() {
    // Bytes that are no text: `ff` first.
    let bytes: Vec<u8> = (0..32)
        .map(|place: u8| 255 - place.wrapping_mul(37))
        .collect();
    let written: Vec<(&str, String)> = vec![
        (
            "hex",
            bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        ),
        ("base64", STANDARD.encode(&bytes)),
        ("base64url", URL_SAFE_NO_PAD.encode(&bytes)),
    ];
    let token = crate::world::sign_with(
        r#"{"alg":"HS256"}"#,
        &json!({ "sub": "alice", "exp": crate::world::NOW + 60 }).to_string(),
        &bytes,
    );
    for (encoding, text) in written {
        let secret = json!({ "value": text, "encoding": encoding });
        let world = World::new(
            &json!({ "jwt": [{ "name": "j", "algorithms": ["HS256"], "secrets": [secret] }] }),
        );
        assert!(world.configured, "{encoding}: {:?}", world.errors());
        assert_eq!(
            world.bearer("GET", "/api/tags", &token).verdict().0,
            200,
            "{encoding}"
        );
        // A line break behind it is passed over here.
        let variable = format!("{text}\n");
        let found = of_tokens(
            json!({ "env": "S", "encoding": encoding }),
            &[("S", &variable)],
        );
        assert_eq!(found, Vec::<String>::new(), "{encoding}");
    }
}

#[test]
fn a_secret_in_an_encoding_is_as_long_as_its_bytes_and_no_example() {
    for (secret, what) in [
        (
            json!({ "value": "6e4771337652387358773574597a32624b64376d506634684a6336614c6539", "encoding": "hex" }),
            "jwt[0].secrets[0]: expected 32 bytes or more",
        ),
        (
            json!({ "value": "not hex at all", "encoding": "hex" }),
            "jwt[0].secrets[0]: is not hex, as its `encoding` says",
        ),
        (
            json!({ "value": "A".repeat(44), "encoding": "base64" }),
            "jwt[0].secrets[0]: can be guessed",
        ),
        (
            json!({ "value": DRAWN, "encoding": "base32" }),
            "jwt[0].secrets[0].encoding: expected \"base64\", \"base64url\" or \"hex\", found `base32`",
        ),
        (
            json!({ "value": DRAWN, "env": "S" }),
            "jwt[0].secrets[0]: expected exactly one of `env` and `value`",
        ),
        (
            json!({ "encoding": "hex" }),
            "jwt[0].secrets[0]: expected exactly one of `env` and `value`",
        ),
    ] {
        let found = of_tokens(secret.clone(), &[("S", DRAWN)]);
        assert!(
            found.len() == 1 && found[0].starts_with(what),
            "{secret}: {found:?}"
        );
    }
    let found = errors(&with(
        "/api_keys/keys/0/key",
        json!({ "env": "S", "encoding": "hex" }),
    ));
    assert!(
        found[0].contains("encoding"),
        "of a secret of tokens only: {found:?}"
    );
}
