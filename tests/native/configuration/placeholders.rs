//! Texts that were meant to be replaced by a secret are none, wherever a secret stands.

use crate::world::{KEY, SECRET, World, configuration, errors, with};
use ollama_gate_engine::Configuration;
use ollama_gate_engine::internals::digest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What gateways, shells, templates and secret managers would have resolved.
const REFERENCES: [&str; 30] = [
    "$env://NOT_THERE",
    "$ENV://NOT_THERE",
    "$Env://NOT_THERE",
    " $ENV://NOT_THERE ",
    "\"$ENV://NOT_THERE\"",
    "$secret://vault/1/ollama/key",
    "$SECRET://vault/1/ollama/key",
    "{vault://env/not-there}",
    "{VAULT://env/not-there}",
    "vault://env/not-there",
    "${{NOT_THERE}}",
    "${{NOT_THERE:=a-default-of-apisix}}",
    "${NOT_THERE_AT_ALL}",
    "sk-${NOT_THERE_AT_ALL}",
    "$NOT_THERE_AT_ALL",
    "$(NOT_THERE_AT_ALL)",
    "%NOT_THERE_AT_ALL%",
    "%ENVIRONMENT(NOT_THERE)%",
    "{{ .Values.ollama.key }}",
    "<%= ENV['NOT_THERE'] %>",
    "env:NOT_THERE_AT_ALL",
    "env://NOT_THERE_AT_ALL",
    "os.environ/NOT_THERE",
    "file:///run/secrets/key",
    "op://private/ollama/key",
    "ref+vault://secret/ollama#key",
    "aws-secretsmanager://ollama/key",
    "arn:aws:secretsmanager:eu-west-1:1:secret:ollama",
    "projects/1/secrets/ollama/versions/1",
    "ENC[AES256_GCM,data:q7Zk2xWv,type:str]",
];

/// What examples and programs have in the place of a secret.
const EXAMPLES: [&str; 14] = [
    "changeme-changeme",
    "CHANGE_ME_TO_A_RANDOM_STRING",
    "sk-your-key-goes-here",
    "replace-with-your-api-key",
    "<your-ollama-gate-key>",
    "your-256-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "sk-Xn3l4c4ZxQ7v...",
    "OLLAMA_GATE_KEY_OF_ALICE",
    "sk-demo-not-a-secret-000000",
    "edd1c9f034335f136f87ad84b625c8f1",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "0123456789abcdef0123456789abcdef",
    "hunter2-hunter2-hunter2-hunter2-hunter2",
];

const KEYS: &str = "/api_keys/keys/0/key";
const SECRETS: &str = "/jwt/0/secrets/0";

/// Every place of a secret, each with a configuration that has `secret` there.
fn places(secret: &Value) -> Vec<(&'static str, Value)> {
    let mut users = configuration();
    users["basic"] = json!({ "users": [{ "name": "bob", "password_hash": secret }] });
    let mut file = configuration();
    file["basic"] = json!({ "htpasswd": secret });
    vec![
        ("api_keys.keys[0].key", with(KEYS, secret.clone())),
        ("jwt[0].secrets[0]", with(SECRETS, secret.clone())),
        ("basic.users[0].password_hash", users),
        ("basic.htpasswd", file),
    ]
}

/// The errors of a configuration where the variable `FOUND` holds `value`.
fn errors_with_variable(configuration: &Value, value: &str) -> Vec<String> {
    let environment = |name: &str| match name {
        "FOUND" => Some(value.to_owned()),
        "WEBUI_SECRET_KEY" => Some(SECRET.to_owned()),
        _ => None,
    };
    let document = configuration.to_string();
    match Configuration::read(document.as_bytes(), &environment, 0) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.lines().collect(),
    }
}

#[test]
fn a_reference_that_nothing_resolved_is_no_secret_in_any_place() {
    for reference in REFERENCES {
        for (place, configuration) in places(&json!(reference)) {
            let errors = errors(&configuration);
            assert_eq!(errors.len(), 1, "{place} {reference}: {errors:?}");
            let begin = format!("{place}: is `");
            assert!(errors[0].starts_with(&begin), "{reference}: {errors:?}");
            assert!(
                errors[0].contains("did not resolve"),
                "{place} {configuration}: {errors:?}"
            );
            assert!(
                !errors[0].contains("NOT_THERE"),
                "{place} {configuration}: {errors:?}"
            );
        }
        for (place, configuration) in places(&json!({ "env": "FOUND" })) {
            let errors = errors_with_variable(&configuration, reference);
            assert_eq!(errors.len(), 1, "{place} {reference}: {errors:?}");
            let begin = format!("{place}: environment variable `FOUND` holds `");
            assert!(errors[0].starts_with(&begin), "{reference}: {errors:?}");
            assert!(
                !errors[0].contains("NOT_THERE"),
                "{place} {configuration}: {errors:?}"
            );
        }
    }
}

#[test]
fn an_example_is_no_key_and_no_secret_of_tokens() {
    for example in EXAMPLES {
        // Secrets of tokens are longer.
        let long = example.repeat(32_usize.div_ceil(example.len()));
        for (path, place, text) in [
            (KEYS, "api_keys.keys[0].key", example),
            (SECRETS, "jwt[0].secrets[0]", long.as_str()),
        ] {
            for (value, variable) in [(json!(text), ""), (json!({ "env": "FOUND" }), text)] {
                let errors = errors_with_variable(&with(path, value.clone()), variable);
                assert_eq!(errors.len(), 1, "{place} {example}: {errors:?}");
                let says = errors[0].contains("a placeholder that was not replaced")
                    || errors[0].contains("can be guessed");
                assert!(
                    says && errors[0].starts_with(place),
                    "{example}: {errors:?}"
                );
                assert!(
                    errors[0].contains("(or insist with `danger_allow_placeholder_secret`)"),
                    "{place}, {value}, {variable}"
                );
                assert!(
                    !errors[0].contains(example),
                    "{value} {variable}: {errors:?}"
                );
            }
        }
    }
}

#[test]
fn who_insists_gets_an_example_with_a_warning_and_never_a_reference() {
    let insisting = |key: &str| {
        let mut configuration = with("/api_keys/keys/0/key", json!(key));
        configuration["api_keys"]["keys"][0]["danger_allow_placeholder_secret"] = json!(true);
        configuration
    };
    let world = World::new(&insisting("changeme-changeme"));
    assert!(world.configured);
    let lines = world.gateway.0.lines.borrow().clone();
    let warned = lines.iter().filter(|(_, line)| {
        line.starts_with("ollama-gate: api_keys.keys[0].key: ANYONE CAN GUESS THIS SECRET: it is")
    });
    assert_eq!(warned.count(), 1, "{lines:?}");
    let verdict = world
        .bearer("GET", "/api/tags", "changeme-changeme")
        .verdict();
    assert_eq!(verdict.0, 200);
    for reference in REFERENCES {
        assert_eq!(errors(&insisting(reference)).len(), 1, "{reference}");
    }
    let mut issuer = with(SECRETS, json!("0123456789abcdef0123456789abcdef"));
    assert_eq!(errors(&issuer).len(), 1);
    issuer["jwt"][0]["danger_allow_placeholder_secret"] = json!(true);
    assert_eq!(errors(&issuer), Vec::<String>::new());
    issuer["jwt"][0]["danger_allow_placeholder_secret"] = json!("yes");
    assert_eq!(errors(&issuer).len(), 2);
}

fn hex(text: &str) -> String {
    let bytes = digest(text.as_bytes());
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_digest_of_a_published_text_is_refused_and_that_of_a_key_is_not() {
    let of = |sha256: &str| {
        let mut configuration = configuration();
        configuration["api_keys"]["keys"][0] = json!({ "id": "a", "sha256": sha256 });
        configuration
    };
    for text in [
        "changeme", "CHANGEME", "ollama", "sk-1234", "sk-...", "password", "",
    ] {
        for sha256 in [hex(text), hex(text).to_uppercase()] {
            let found = errors(&of(&sha256));
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].contains("sha256: is the digest of a text that is published"),
                "{sha256:?}: {found:?}"
            );
            let mut insisting = of(&sha256);
            insisting["api_keys"]["keys"][0]["danger_allow_placeholder_secret"] = json!(true);
            assert_eq!(
                errors(&insisting),
                Vec::<String>::new(),
                "{text:?}, {sha256:?}"
            );
        }
    }
    for made_up in ["0".repeat(64), "ab".repeat(32), format!("{:064x}", 0xa11ce)] {
        let found = errors(&of(&made_up));
        assert!(
            found.len() == 1 && found[0].contains("sha256: is an example, not the digest of a key"),
            "{made_up}: {found:?}"
        );
    }
    assert_eq!(errors(&of(&hex(KEY))), Vec::<String>::new());
}

/// The pages and packs of the repository.
fn published() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = vec![root.join("README.md")];
    let folders = [
        "docs",
        "examples",
        "envoy",
        "apisix",
        "kong",
        "istio",
        "envoy-gateway",
    ];
    let mut folders: Vec<_> = folders.iter().map(|name| root.join(name)).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|end| end != "png") {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn no_key_and_no_digest_that_we_publish_opens_the_gate() {
    let (mut keys, mut digests) = (0, 0);
    for path in published() {
        let text = std::fs::read_to_string(&path).unwrap();
        let word = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
        for word in text.split(|character| !word(character)) {
            let (configuration, counter) = match word {
                key if key.starts_with("sk-") && key.len() >= 16 => {
                    (with(KEYS, json!(key)), &mut keys)
                }
                digest if digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()) => {
                    let mut configuration = configuration();
                    configuration["api_keys"]["keys"][0] = json!({ "id": "a", "sha256": digest });
                    (configuration, &mut digests)
                }
                _ => continue,
            };
            *counter += 1;
            let path = path.display();
            assert_eq!(errors(&configuration).len(), 1, "{path}: {word}");
        }
    }
    assert!(keys > 0 && digests > 0, "{keys} keys, {digests} digests");
}
