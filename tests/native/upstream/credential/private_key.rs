//! `private_key_jwt`: a JWT that the gate signs proves it to a token endpoint (RFC 7523 section 2.2).

use super::with_credential;
use crate::world::{Assertion, KEY, NOW, World, errors, p256_pem};
use serde_json::{Value, json};
use std::collections::HashSet;

/// A key that nothing but this test uses, in the format of `openssl ecparam -genkey`.
const SEC1: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MHcCAQEEIF1jE7nVIDJhoFhQsbEHj7KvidnI7MN7QUvZvWXtHTkgoAoGCCqGSM49\n\
    AwEHoUQDQgAEd63qdS4GAZmHEi3JqMfPz5SzxU5M//IVGz+K8RTPYdMYhhCJHIvU\n\
    dl2vAIPu/jepU6QoE/rvVGOt3W6vBmk8uQ==\n\
    -----END EC PRIVATE KEY-----";
const RSA: &str = include_str!("../../tokens/signatures/table/keys/rsa-2048.pem");

fn members(key: &str) -> Value {
    json!({ "upstream": "sso", "token_url": "https://sso.example/token?x=1", "client_id": "the gate",
        "auth": "private_key_jwt", "private_key": key, "key_id": "gate-2026" })
}

fn grant(members: Value) -> Value {
    with_credential(json!({ "client_credentials": members }))
}

/// The parameters of what a token endpoint is asked.
fn asked(world: &World) -> Vec<(String, String)> {
    let request = world.ask_with("/api/tags", &[("x-api-key", KEY)]);
    let (_, call) = request.waits_for.as_ref().expect("a call");
    assert!(call.headers().all(|(name, _)| name != "authorization"));
    let shown = format!("{call:?}");
    let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
    let pairs = body.split('&').map(|pair| pair.split_once('=').unwrap());
    let pairs: Vec<_> = pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert!(!shown.contains(&parameter(&pairs, "client_assertion")));
    pairs
}

fn parameter(pairs: &[(String, String)], name: &str) -> String {
    let mut found = pairs.iter().filter(|(own, _)| own == name);
    let value = found.next().unwrap_or_else(|| panic!("{name}")).1.clone();
    assert!(found.next().is_none(), "{name} once");
    value
}

#[test]
fn a_key_of_p_256_signs_who_asks_whom_and_until_when() {
    let world = World::new(&grant(members(&p256_pem())));
    let pairs = asked(&world);
    assert_eq!(parameter(&pairs, "grant_type"), "client_credentials");
    assert_eq!(parameter(&pairs, "client_id"), "the+gate");
    assert_eq!(
        parameter(&pairs, "client_assertion_type"),
        "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    );
    let assertion = Assertion::read(&parameter(&pairs, "client_assertion"));
    assert_eq!(
        assertion.header,
        json!({ "alg": "ES256", "typ": "JWT", "kid": "gate-2026" })
    );
    assert_eq!(
        assertion.claims,
        json!({ "iss": "the gate", "sub": "the gate", "aud": "https://sso.example/token?x=1",
            "jti": assertion.claims["jti"], "iat": NOW, "exp": NOW + 60 })
    );
}

#[test]
fn no_assertion_is_shown_twice() {
    let world = World::new(&grant(members(&p256_pem())));
    let mut seen = HashSet::new();
    for _ in 0..16 {
        let assertion = Assertion::read(&parameter(&asked(&world), "client_assertion"));
        seen.insert(assertion.claims["jti"].as_str().unwrap().to_owned());
    }
    assert_eq!(seen.len(), 16);
}

#[test]
fn a_key_may_come_on_one_line_and_in_each_of_its_formats() {
    let one_line = p256_pem().replace('\n', "\\n");
    for pem in [one_line, p256_pem().replace('\n', "\r\n"), SEC1.to_owned()] {
        let world = World::new(&grant(members(&pem)));
        assert!(world.configured, "{:?}", world.errors());
    }
    let gateway = crate::world::Gateway::default();
    let mut members = members("");
    members["private_key"] = json!({ "env": "EMPTY" });
    let world = World::on(gateway, grant(members).to_string().as_bytes());
    assert!(!world.configured);
}

#[test]
fn what_is_no_key_that_signs_is_refused_and_nothing_of_it_is_shown() {
    let public = "-----BEGIN PUBLIC KEY-----\nMFkw81c2d7\n-----END PUBLIC KEY-----\n";
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMFkw81c2d7\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cut: String = p256_pem().lines().take(2).collect::<Vec<_>>().join("\n");
    let half = "-----BEGIN PRIVATE KEY-----\nMFkw81c2d7AA\n-----END PRIVATE KEY-----\n";
    for bad in ["81c2d7e0-no-pem", public, encrypted, &cut, half, RSA] {
        let found = errors(&grant(members(bad)));
        assert_eq!(found.len(), 1, "{found:?}");
        let place = "upstream.credential.client_credentials.private_key: is ";
        assert!(found[0].starts_with(place), "{found:?}");
        assert!(!found[0].contains("81c2d7"), "{found:?}");
    }
}

#[test]
fn each_way_needs_what_is_its_own_and_refuses_what_is_another_one_s() {
    let place = "upstream.credential.client_credentials";
    let edited = |edit: &dyn Fn(&mut serde_json::Map<String, Value>)| {
        let mut all = members(&p256_pem());
        edit(all.as_object_mut().unwrap());
        errors(&grant(all))
    };
    assert_eq!(
        edited(&|all| drop(all.remove("private_key"))),
        [format!("{place}.private_key: is required for this `auth`")]
    );
    assert_eq!(
        edited(&|all| drop(all.insert("client_secret".into(), json!("c81d4e2e-bcf2-11e6")))),
        [format!(
            "{place}.client_secret: has no effect with this `auth`"
        )]
    );
    for auth in ["client_secret_basic", "client_secret_post"] {
        let found = edited(&|all| drop(all.insert("auth".into(), json!(auth))));
        assert_eq!(
            found,
            [
                format!("{place}.client_secret: is required for this `auth`"),
                format!("{place}.private_key: has no effect with this `auth`"),
                format!("{place}.key_id: has no effect with this `auth`"),
            ],
            "{auth}"
        );
    }
}
