//! Models of a credential, as far as the head of a request tells: whose rule it is, and that it is
//! read from where the configuration and the token say.

use crate::world::cli::Cli;
use crate::world::{ADMIN_KEY, KEY, NOW, SECRET, World, configuration, header, jwt, sign, with};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const USERS: &str = "users-4b91e07cd2f8a6353c0e8f1d72";

/// The code for `model` in the path, of the credential `bearer`; empty where it goes on.
fn code(world: &World, bearer: &str, model: &str) -> String {
    let path = format!("/v1/models/{model}");
    world.bearer("GET", &path, bearer).verdict().1
}

/// Whether `bearer` may use each of `a`, `b` and `b:8b`.
fn may(world: &World, bearer: &str) -> [bool; 3] {
    ["a", "b", "b:8b"].map(|model| match code(world, bearer, model).as_str() {
        "" => true,
        "model_denied" => false,
        other => panic!("{other}"),
    })
}

#[test]
fn a_key_may_use_its_models_and_no_others() {
    for (models, expected) in [
        (json!(["a"]), [true, false, false]),
        (json!(["b:*"]), [false, true, true]),
        (json!(["a", "B"]), [true, true, false]),
        (json!([]), [false, false, false]),
        (json!({}), [false, false, false]),
        (json!(["*"]), [true, true, true]),
    ] {
        let world = World::new(&with("/api_keys/keys/0/models", models.clone()));
        assert_eq!(may(&world, KEY), expected, "{models}");
        assert_eq!(
            may(&world, ADMIN_KEY),
            [true; 3],
            "another key has no rule: {models}"
        );
    }
}

#[test]
fn a_refusal_names_the_key_and_the_route_in_the_log() {
    let world = World::new(&with("/api_keys/keys/0/models", json!(["a"])));
    let seen = world.bearer("GET", "/v1/models/b", KEY);
    assert_eq!(seen.verdict(), (403, "model_denied".to_owned()));
    let expected =
        json!({ "code": "model_denied", "id": "alice-laptop", "route": "/v1/models/{model}" });
    for name in ["code", "id", "route"] {
        assert_eq!(seen.record[name], expected[name], "{name}");
    }
}

#[test]
fn lists_are_open_and_blobs_are_not() {
    let world = World::new(&with("/api_keys/keys/2/models", json!(["a"])));
    for path in ["/api/tags", "/api/ps", "/v1/models", "/api/version"] {
        assert_eq!(
            world.bearer("GET", path, ADMIN_KEY).verdict().0,
            200,
            "{path}"
        );
    }
    for method in ["POST", "HEAD"] {
        let seen = world.bearer(method, "/api/blobs/sha256:00", ADMIN_KEY);
        assert_eq!(seen.verdict(), (403, "model_denied".to_owned()), "{method}");
    }
    let world = World::new(&with("/api_keys/keys/2/models", json!(["*"])));
    let seen = world.bearer("POST", "/api/blobs/sha256:00", ADMIN_KEY);
    assert_eq!(seen.verdict().0, 200);
}

#[test]
fn a_model_of_the_cloud_in_the_path_needs_its_scope_of_everybody() {
    let world = World::new(&configuration());
    let denied = world.bearer("GET", "/v1/models/gpt-oss:20b-Cloud", KEY);
    assert_eq!(denied.verdict(), (403, "scope_denied".to_owned()));
    assert_eq!(code(&world, ADMIN_KEY, "gpt-oss:20b-Cloud"), "");
    assert_eq!(code(&world, KEY, "gpt-oss:20b"), "");
}

#[test]
fn an_issuer_has_models_for_all_of_its_tokens() {
    let world = World::new(&with("/jwt/0/models", json!(["a"])));
    // The second time the token is remembered, the rule is asked again.
    for _ in 0..2 {
        assert_eq!(may(&world, &jwt(json!({}))), [true, false, false]);
    }
}

#[test]
fn a_claim_names_the_models_of_a_token() {
    let world = World::new(&with("/jwt/0/models_claim", json!("/ollama/models")));
    for (claim, expected) in [
        (json!("a"), [true, false, false]),
        (json!("a b"), [true, true, false]),
        (json!(["a", "b:*"]), [true, true, true]),
        (json!(["a b"]), [true, true, false]),
        (json!("*"), [true, true, true]),
        (json!(""), [false, false, false]),
        (json!("  "), [false, false, false]),
        (json!([]), [false, false, false]),
    ] {
        let token = jwt(json!({ "ollama": { "models": claim } }));
        for _ in 0..2 {
            assert_eq!(may(&world, &token), expected, "{claim}");
        }
    }
    for absent in [
        json!({}),
        json!({ "models": "*" }),
        json!({ "ollama": "*" }),
    ] {
        let token = jwt(absent.clone());
        assert_eq!(may(&world, &token), [false, false, false], "{absent}");
    }
}

#[test]
fn a_claim_that_cannot_be_read_refuses_the_token() {
    let world = World::new(&with("/jwt/0/models_claim", json!("models")));
    let many = |count: usize| vec!["a"; count].join(" ");
    for claim in [
        json!(["a", "qwen*"]),
        json!("a qwen*"),
        json!(["a", 1]),
        json!({ "a": true }),
        json!(true),
        json!(["a@sha256:00"]),
        json!("*:8b"),
        json!("a:local"),
        json!(many(65)),
    ] {
        let token = jwt(json!({ "models": claim }));
        for _ in 0..2 {
            assert_eq!(code(&world, &token, "a"), "malformed_token", "{claim}");
        }
    }
    let token = jwt(json!({ "models": many(64) }));
    assert_eq!(code(&world, &token, "a"), "");
}

#[test]
fn a_claim_cannot_give_what_the_issuer_does_not() {
    let mut all = with("/jwt/0/models", json!(["a", "b"]));
    all["jwt"][0]["models_claim"] = json!("models");
    let world = World::new(&all);
    for (claim, expected) in [
        (json!("*"), [true, true, false]),
        (json!("b b:8b"), [false, true, false]),
    ] {
        let token = jwt(json!({ "models": claim }));
        assert_eq!(may(&world, &token), expected, "{claim}");
    }
}

#[test]
fn the_user_behind_a_key_can_take_models_away_and_give_none() {
    for (of_key, of_user, expected) in [
        (
            json!(["a", "b"]),
            json!(["b", "b:8b"]),
            [false, true, false],
        ),
        (json!(["a"]), json!(["*"]), [true, false, false]),
        (json!(["*"]), json!(["a"]), [true, false, false]),
        (json!(["*"]), json!([]), [false, false, false]),
    ] {
        let mut all = with("/api_keys/keys/0/models", of_key.clone());
        all["api_keys"]["keys"][0]["users"] = json!("users");
        all["jwt"].as_array_mut().unwrap().push(json!({
            "name": "users", "algorithms": ["HS256"], "secrets": [USERS], "header": "x-user",
            "models_claim": "models",
        }));
        let world = World::new(&all);
        let claims = json!({ "sub": "bob", "exp": NOW + 60, "models": of_user });
        let user = sign(&header().to_string(), &claims.to_string(), USERS);
        let bearer = format!("Bearer {KEY}");
        let found = ["a", "b", "b:8b"].map(|model| {
            let fields = [("authorization", &*bearer), ("x-user", &*user)];
            let seen = world.send("GET", &format!("/v1/models/{model}"), &fields);
            seen.verdict().0 == 200
        });
        assert_eq!(found, expected, "{of_key}, {of_user}");
    }
}

#[test]
fn a_key_of_the_cli_has_models_too() {
    let mut all = configuration();
    let cli = Cli::new(1);
    all["ollama_cli"] =
        json!({ "authorized_keys": [ { "key": cli.line("alice"), "models": ["a"] } ] });
    let world = World::new(&all);
    let verdict = |model: &str| {
        let path = format!("/v1/models/{model}");
        cli.call(&world, "GET", &path).verdict()
    };
    assert_eq!(verdict("a").0, 200);
    assert_eq!(verdict("b"), (403, "model_denied".to_owned()));
}

#[test]
fn a_user_with_a_password_has_models_and_a_key_as_password_has_its_own() {
    let mut all = with("/api_keys/keys/0/models", json!(["b"]));
    all["basic"] = json!({ "users": [
        { "name": "bob", "password_hash": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "models": ["a"] },
    ] });
    let world = World::new(&all);
    for (password, expected) in [("secret", [true, false]), (KEY, [false, true])] {
        let login = STANDARD.encode(format!("bob:{password}"));
        let found = ["a", "b"].map(|model| {
            let fields = [("authorization", &*format!("Basic {login}"))];
            let seen = world.send("GET", &format!("/v1/models/{model}"), &fields);
            seen.verdict().0 == 200
        });
        assert_eq!(found, expected, "{password}");
    }
}

#[test]
fn of_two_methods_that_are_required_both_have_to_allow_a_model() {
    for (of_key, of_token, expected) in [
        (
            json!(["a", "b"]),
            json!(["b", "b:8b"]),
            [false, true, false],
        ),
        (json!(["a"]), json!(["*"]), [true, false, false]),
        (json!(["*"]), json!([]), [false, false, false]),
    ] {
        for of in [["api_key", "jwt"], ["jwt", "api_key"]] {
            let mut all = with("/api_keys/keys/0/models", of_key.clone());
            all["jwt"][0]["models_claim"] = json!("models");
            all["require"] = json!({ "at_least": 2, "of": of });
            let world = World::new(&all);
            let token = format!("Bearer {}", jwt(json!({ "models": of_token })));
            let found = ["a", "b", "b:8b"].map(|model| {
                let fields = [("authorization", &*token), ("x-api-key", KEY)];
                let seen = world.send("GET", &format!("/v1/models/{model}"), &fields);
                seen.verdict().0 == 200
            });
            assert_eq!(found, expected, "{of:?}");
        }
    }
}

/// A token of another issuer has that one's rules, and none of the first's.
#[test]
fn each_issuer_has_its_own_rules() {
    let mut all: Value = with("/jwt/0/models", json!(["a"]));
    let other = "other-e61b7d04c9f25a83804ad2c71f";
    all["jwt"].as_array_mut().unwrap().push(json!({
        "name": "other", "algorithms": ["HS256"], "secrets": [other],
    }));
    let world = World::new(&all);
    let claims = json!({ "sub": "bob", "exp": NOW + 60 }).to_string();
    let token = |secret| sign(&header().to_string(), &claims, secret);
    assert_eq!(may(&world, &token(other)), [true; 3]);
    assert_eq!(may(&world, &token(SECRET)), [true, false, false]);
}
