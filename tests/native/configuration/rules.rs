//! `models` and `limits`, as they may be written and as they may not.

use crate::world::cli::Cli;
use crate::world::{World, configuration, error, errors, with};
use serde_json::{Value, json};

/// Every section that has `models` and `limits`, each filled with something.
fn places() -> Value {
    let mut all = configuration();
    all["basic"] = json!({ "users": [ { "name": "bob", "password_hash": HASH } ] });
    all["ollama_cli"] = json!({ "authorized_keys": [ { "key": Cli::new(1).line("alice") } ] });
    all
}

/// SHA-1 of `secret`.
const HASH: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";

const PLACES: [(&str, &str); 5] = [
    ("/basic", "basic"),
    ("/basic/users/0", "basic.users[0]"),
    ("/api_keys/keys/0", "api_keys.keys[0]"),
    ("/jwt/0", "jwt[0]"),
    (
        "/ollama_cli/authorized_keys/0",
        "ollama_cli.authorized_keys[0]",
    ),
];

fn of_place(place: &str, name: &str, value: Value) -> Vec<String> {
    let mut all = places();
    all.pointer_mut(place).unwrap()[name] = value;
    errors(&all)
}

#[test]
fn rules_are_taken_wherever_a_credential_stands() {
    for (place, _) in PLACES {
        for models in [
            json!([]),
            json!({}),
            json!(["*"]),
            json!([
                "llama3.2",
                "qwen3:*",
                "team/*",
                "hf.co/*/*",
                "gpt-oss:20b-cloud"
            ]),
        ] {
            assert_eq!(
                of_place(place, "models", models.clone()),
                Vec::<String>::new(),
                "{place}, {models}"
            );
        }
        for limits in [
            json!({ "keep_alive": "10m" }),
            json!({ "keep_alive": "0s" }),
            json!({ "num_ctx": 1, "num_predict": 9_007_199_254_740_991_u64, "request_bytes": 1_048_576 }),
            json!({ "raw": false, "debug_render_only": false }),
            json!({ "raw": true }),
        ] {
            assert_eq!(
                of_place(place, "limits", limits.clone()),
                Vec::<String>::new(),
                "{place}, {limits}"
            );
        }
    }
    assert!(World::new(&with("/jwt/0/models_claim", json!("/ollama/models"))).configured);
}

#[test]
fn what_is_no_model_is_told_with_its_place() {
    let pattern = "expected the name of a model, such as `llama3.2`, `qwen3:*`, `team/*` or `*`, where a `*` stands for a whole part";
    for (place, path) in PLACES {
        for (value, message) in [
            (
                json!(["a", "qwen*"]),
                format!("{path}.models[1]: {pattern}"),
            ),
            (json!([""]), format!("{path}.models[0]: {pattern}")),
            (json!(["a b"]), format!("{path}.models[0]: {pattern}")),
            (
                json!(["llama3@sha256:00"]),
                format!("{path}.models[0]: {pattern}"),
            ),
            (
                json!(["*:8b"]),
                format!(
                    "{path}.models[0]: has a tag for every model, write the namespace too, such as `library/*:8b`"
                ),
            ),
            (
                json!(["llama3:local"]),
                format!(
                    "{path}.models[0]: says where the model runs, write its name without `:local`"
                ),
            ),
            (
                json!([["a"]]),
                format!("{path}.models[0]: expected the name of a model, found a list"),
            ),
            (
                json!("llama3.2"),
                format!("{path}.models: expected a list of models, found a string"),
            ),
            (
                json!(null),
                format!("{path}.models: is null, leave the field out instead"),
            ),
        ] {
            let found = of_place(place, "models", value.clone());
            assert!(found.contains(&message), "{value}: {found:?}");
            let all_there = found.iter().all(|line| line.starts_with(path));
            assert!(all_there, "{value}: {found:?}");
        }
    }
}

#[test]
fn what_is_no_limit_is_told_with_its_place() {
    let none = "limits: expected at least one of `keep_alive`, `num_ctx`, `num_predict`, `raw`, `debug_render_only` and `request_bytes`";
    let whole = "expected a whole number of 1 to 9007199254740991";
    for (place, path) in PLACES {
        for (value, message) in [
            (json!({}), none.to_owned()),
            (json!([]), none.to_owned()),
            (json!(7), "limits: expected an object, found a number".to_owned()),
            (json!({ "num_ctx": 0 }), format!("limits.num_ctx: {whole}, found `0`")),
            (json!({ "num_ctx": -1 }), format!("limits.num_ctx: {whole}, found `-1`")),
            (json!({ "num_ctx": 8192.5 }), format!("limits.num_ctx: {whole}, found `8192.5`")),
            (json!({ "num_ctx": "8192" }), format!("limits.num_ctx: {whole}, found `8192`")),
            (json!({ "num_predict": 9_007_199_254_740_992_u64 }), format!("limits.num_predict: {whole}, found a number")),
            (json!({ "request_bytes": "1MB" }), format!("limits.request_bytes: {whole}, found `1MB`")),
            (json!({ "keep_alive": -1 }), "limits.keep_alive: expected a duration such as \"30s\", of at most 30days, found `-1`".to_owned()),
            (json!({ "raw": "no" }), "limits.raw: expected true or false, found `no`".to_owned()),
            (json!({ "num_tokens": 1 }), "limits.num_tokens: unknown field, expected one of keep_alive, num_ctx, num_predict, raw, debug_render_only, request_bytes".to_owned()),
            (json!({ "num_predct": 1 }), "limits.num_predct: unknown field, did you mean `num_predict`?".to_owned()),
        ] {
            let found = of_place(place, "limits", value.clone());
            assert!(found.contains(&format!("{path}.{message}")), "{value}: {found:?}");
        }
    }
}

#[test]
fn the_claim_for_models_is_a_name_or_a_pointer() {
    assert_eq!(
        error("/jwt/0/models_claim", json!("/a~b")),
        "jwt[0].models_claim: is not a JSON Pointer: `~` stands for itself as `~0`, `/` as `~1` (RFC 6901)"
    );
    assert!(
        error("/jwt/0/models_claim", json!(""))
            .starts_with("jwt[0].models_claim: expected 1 to 128")
    );
    let nothing = error("/jwt/0/models_claim", json!(["models"]));
    assert!(
        nothing.starts_with("jwt[0].models_claim: expected 1 to 128"),
        "{nothing}"
    );
}
