//! What somebody is told who may not come in: it names what this configuration accepts, and nothing else.

use crate::world::cli::Cli;
use crate::world::{World, configuration, jwt};
use serde_json::{Value, json};

const PASSWORD_HASH: &str = "$2y$05$abcdefghijklmnopqrstuu7NqEwoztIbBJaKvHiBaWcAfV/OwfxXm";

fn of(sections: &[(&str, Value)]) -> World {
    let mut all = json!({ "hosts": ["gate.example"], "host": { "name": "envoy" } });
    for (name, section) in sections {
        all[name] = section.clone();
    }
    World::new(&all)
}

fn issuer(more: Value) -> Value {
    let mut issuers = configuration()["jwt"].clone();
    let Value::Object(more) = more else {
        panic!("an issuer's fields")
    };
    issuers[0].as_object_mut().unwrap().extend(more);
    issuers
}

fn told(world: &World, fields: &[(&str, &str)]) -> String {
    let seen = world.send("GET", "/api/tags", fields);
    seen.body()["error"].as_str().unwrap().to_owned()
}

#[test]
fn who_sends_no_credential_is_told_every_place_that_this_gate_looks_at_and_no_other() {
    let keys = configuration()["api_keys"].clone();
    let users = json!({ "users": [{ "name": "alice", "password_hash": PASSWORD_HASH }] });
    let signers = json!({ "authorized_keys": [Cli::new(1).line("alice")] });
    let headers = json!(["apikey", { "name": "Authorization", "scheme": "Token" }]);
    for (sections, expected) in [
        (
            vec![("api_keys", keys.clone())],
            "send `Authorization: Bearer <your key>`; Ollama's Python library",
        ),
        (
            vec![("api_keys", keys.clone()), ("credential_headers", headers)],
            "send `Authorization: Bearer <your key>`, `apikey: <your key>` or `Authorization: token <your key>`; Ollama's",
        ),
        (
            vec![("api_keys", keys), ("basic", users.clone())],
            "send `Authorization: Bearer <your key>` or a name and a password (`Authorization: Basic`); Ollama's",
        ),
        (
            vec![("jwt", issuer(json!({})))],
            "send `Authorization: Bearer <your token>`; Ollama's",
        ),
        (
            vec![("jwt", issuer(json!({ "cookie": "session" })))],
            "send `Authorization: Bearer <your token>` or the cookie `session` of a browser that is signed in \
             where it comes from; Ollama's",
        ),
        (
            vec![("jwt", issuer(json!({ "assertion_header": "X-Assertion" })))],
            "send `Authorization: Bearer <your token>` or `x-assertion`, by way of the proxy that adds it; Ollama's",
        ),
        (
            vec![("basic", users)],
            "send a name and a password (`Authorization: Basic`); the `ollama` program sends no key",
        ),
        (
            vec![("ollama_cli", signers)],
            "the `ollama` program signs with its own SSH key where OLLAMA_AUTH=1 is set",
        ),
    ] {
        let world = of(&sections);
        let told_without = told(&world, &[]);
        assert!(
            told_without.contains(expected),
            "{sections:?}: {told_without}"
        );
        // So is whoever sends something that is not accepted.
        let told_with = told(&world, &[("authorization", "Digest username=alice")]);
        let send = expected.split(';').next().unwrap();
        assert!(told_with.contains(send), "{told_with}");
    }
}

#[test]
fn a_page_of_another_site_is_told_what_its_browser_sent() {
    let token = jwt(json!({}));
    let cookie = format!("session={token}");
    let foreign = ("origin", "https://evil.example");
    for (more, field, expected) in [
        (
            json!({ "cookie": "session" }),
            ("cookie", cookie.as_str()),
            "the cookie that the browser sends",
        ),
        (
            json!({ "assertion_header": "X-Assertion" }),
            ("x-assertion", &token),
            "the token that a proxy adds to what the browser sends",
        ),
    ] {
        let world = of(&[("jwt", issuer(more))]);
        let told = told(&world, &[field, foreign]);
        assert!(told.contains(expected), "{told}");
    }
    let open = json!({ "scopes": ["read"] });
    let told = told(&of(&[("allow_anonymous", open)]), &[foreign]);
    assert!(told.contains("needs a credential of its own"), "{told}");
}
