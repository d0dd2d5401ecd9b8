//! What is asked again when a request that waited is let go: expiry, keys, the configuration.

use crate::world::*;
use ollama_gate::{CallToken, Filter, Flow, Root};
use serde_json::{Value, json};

const CHAT: &[u8] = br#"{"model":"llama3.2","messages":[]}"#;

/// A key with a rule for models, and tokens with one.
fn configuration() -> Value {
    json!({
        "api_keys": { "keys": [
            { "id": "ruled", "key": KEY, "models": ["llama3.2"], "expires_at": "2026-01-01T01:00:00Z" } ] },
        "jwt": [{ "name": "webui", "algorithms": ["HS256"], "secrets": [SECRET], "models": ["llama3.2"],
                  "max_age": "2h" }],
        "host": { "name": "envoy", "hold_head": true },
    })
}

/// A chat whose head has come in.
struct Held {
    gateway: Gateway,
    filter: Filter<Gateway>,
}

fn hold(world: &World, credential: &str) -> Held {
    let fields = [
        (":method", "POST".to_owned()),
        (":path", "/api/chat".to_owned()),
        (":authority", "gate.example".to_owned()),
        ("authorization", format!("Bearer {credential}")),
    ];
    let gateway = world.gateway.clone();
    *gateway.0.headers.borrow_mut() = fields
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
    gateway.0.replies.borrow_mut().clear();
    gateway.0.lines.borrow_mut().clear();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(4, false), Flow::Pause);
    assert!(gateway.0.replies.borrow().is_empty(), "it was refused");
    Held { gateway, filter }
}

impl Held {
    /// The rest of it comes: status and code.
    fn end(mut self) -> (u16, String) {
        let state = &self.gateway.0;
        *state.body.borrow_mut() = CHAT.to_vec();
        let flow = self.filter.request_body(CHAT.len(), true);
        let replies = state.replies.borrow();
        let Some(reply) = replies.first() else {
            assert_eq!(flow, Flow::Continue);
            return (200, String::new());
        };
        assert_eq!(flow, Flow::Pause);
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        let again = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "retry-after");
        assert_eq!(reply.status == 503, again.is_some(), "{body}");
        (reply.status, body["code"].as_str().unwrap().to_owned())
    }
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn good() -> (u16, String) {
    refused(200, "")
}

#[test]
fn what_has_come_before_the_trailers_is_read_when_they_come() {
    let world = World::new(&configuration());
    for (model, status, flow) in [
        ("llama3.2", 200, Flow::Continue),
        ("qwen3", 403, Flow::Pause),
    ] {
        let mut held = hold(&world, KEY);
        let body = json!({ "model": model }).to_string().into_bytes();
        for size in [9, body.len()] {
            *held.gateway.0.body.borrow_mut() = body[..size].to_vec();
            let held = held.filter.request_body(size, false);
            assert_eq!(held, Flow::Pause, "{model}, {size}");
        }
        assert_eq!(held.filter.request_trailers(), flow, "{model}");
        let replies = held.gateway.0.replies.borrow();
        let answered = replies.first().map_or(200, |reply| reply.status);
        assert_eq!(answered, status, "{model}");
    }
}

/// Loads `configuration` beside the one in force, as Envoy does, in a root context of its own.
fn load(world: &World, configuration: &Value) -> Root<Gateway> {
    *world.gateway.0.configuration.borrow_mut() = configuration.to_string().into_bytes();
    let mut root = Root::new(world.gateway.clone());
    assert!(root.configure());
    root
}

#[test]
fn a_credential_that_expires_while_the_body_is_held_lets_nothing_through() {
    let world = World::new(&configuration());
    let hour = 3600;
    // With the leeway of a minute for tokens, and none for keys; the third is too old at last.
    for (credential, end, code) in [
        (KEY.to_owned(), hour, "expired_key"),
        (jwt(json!({})), hour + 60, "expired_token"),
        (
            jwt(json!({ "exp": NOW + 9 * hour })),
            2 * hour + 60,
            "expired_token",
        ),
    ] {
        for (wait, expected) in [(end - 1, good()), (end, refused(401, code))] {
            world.gateway.0.seconds.set(NOW);
            let held = hold(&world, &credential);
            world.gateway.0.seconds.set(NOW + wait);
            assert_eq!(held.end(), expected, "{code} after {wait}");
        }
    }
}

#[test]
fn without_a_clock_a_dated_credential_is_held_in_vain() {
    let world = World::new(&configuration());
    let held = hold(&world, KEY);
    world.gateway.0.seconds.set(1);
    assert_eq!(held.end(), refused(503, "clock_unavailable"));
}

#[test]
fn a_key_that_is_removed_while_the_body_is_held_lets_nothing_through() {
    let world = World::new(&configuration());
    let mut without = configuration();
    without["api_keys"]["keys"] = json!([{ "id": "other", "key": READ_KEY }]);
    let held = hold(&world, KEY);
    load(&world, &without);
    assert_eq!(held.end(), refused(503, "configuration_changed"));
    // Whoever comes later under the old one, on a connection that drains, is held by it.
    let late = hold(&world, KEY);
    assert_eq!(late.end(), good());
}

#[test]
fn the_same_configuration_again_disturbs_nobody() {
    let world = World::new(&configuration());
    let held = hold(&world, KEY);
    load(&world, &configuration());
    assert_eq!(held.end(), good());
}

#[test]
fn a_configuration_that_is_refused_disturbs_nobody() {
    let world = World::new(&configuration());
    let held = hold(&world, KEY);
    *world.gateway.0.configuration.borrow_mut() = b"{}".to_vec();
    assert!(!Root::new(world.gateway.clone()).configure());
    assert_eq!(held.end(), good());
}

#[test]
fn where_configurations_share_no_memory_none_is_asked_for() {
    for name in ["kong", "apisix"] {
        let mut configuration = configuration();
        configuration["host"] = json!({ "name": name });
        let gateway = Gateway::default();
        gateway.0.is_kong.set(name == "kong");
        gateway.0.is_apisix.set(name == "apisix");
        let world = World::on(gateway, configuration.to_string().as_bytes());
        let length = CHAT.len().to_string();
        let fields = [
            ("authorization", KEY),
            ("host", "gate.example"),
            ("content-length", &length),
        ];
        let (seen, _) = world.post("/api/chat", &fields, &[CHAT]);
        assert_eq!(seen.verdict().0, 200, "{name}");
        let shares = |call: &&&str| call.contains("shared_data");
        assert_eq!(seen.calls.iter().find(shares), None, "{name}");
    }
}

/// Kong shows what it is in a request only, and traps at such a call before.
#[test]
fn kong_that_is_named_envoy_is_asked_for_no_shared_memory() {
    let gateway = Gateway::default();
    gateway.0.is_kong.set(true);
    World::on(gateway.clone(), configuration().to_string().as_bytes());
    assert!(!gateway.0.calls.borrow().contains(&"set_shared_data"));
    let envoy = World::new(&configuration());
    assert!(envoy.gateway.0.calls.borrow().contains(&"set_shared_data"));
}

/// An issuer whose keys are fetched, and a key, each with a rule for models.
fn fetched() -> Value {
    let mut all = remote(json!({}));
    all["jwt"][0]["models"] = json!(["llama3.2"]);
    all["api_keys"] = configuration()["api_keys"].clone();
    all["host"] = configuration()["host"].clone();
    all
}

#[test]
fn a_token_whose_keys_change_while_the_body_is_held_is_to_come_again() {
    let mut world = World::new(&fetched());
    let (old, new) = (signer(1), signer(2));
    world.tick();
    world.tick();
    world.answer_root(1, 200, &jwks(&[old.jwk("old")]));
    let (token, key) = (
        hold(&world, &old.token("old", json!({}))),
        hold(&world, KEY),
    );
    world.wait(600);
    world.tick();
    world.answer_root(2, 200, &jwks(&[new.jwk("new")]));
    assert_eq!(token.end(), refused(503, "configuration_changed"));
    world.gateway.0.replies.borrow_mut().clear();
    assert_eq!(key.end(), good(), "a key is none of the issuer's");
}

#[test]
fn a_configuration_that_comes_while_keys_are_awaited_ends_the_wait() {
    for changes in [false, true] {
        let world = World::new(&fetched());
        let token = signer(1).token("old", json!({}));
        let mut held = hold(&world, &token);
        let call = u32::try_from(world.call_count()).unwrap();
        let mut other = fetched();
        if changes {
            other["log"] = json!({ "allowed": false });
        }
        load(&world, &other);
        let keys = jwks(&[signer(1).jwk("old")]);
        *world.gateway.0.answer.borrow_mut() = Some((200, keys.clone()));
        world.gateway.0.replies.borrow_mut().clear();
        held.filter.call_done(CallToken(call), keys.len());
        let replies = world.gateway.0.replies.borrow();
        let body: Value = match replies.first() {
            Some(reply) => serde_json::from_slice(&reply.body).unwrap(),
            None => Value::Null,
        };
        let code = if changes {
            json!("configuration_changed")
        } else {
            Value::Null
        };
        assert_eq!(body["code"], code, "{changes}");
    }
}

/// Two bodies may be held at once, of this size.
const PART: usize = 100_000;

fn bounded() -> World {
    let mut configuration = configuration();
    configuration["host"]["held_limit"] = json!("200000B");
    configuration["host"]["body_limit"] = json!("1MiB");
    World::new(&configuration)
}

impl Held {
    /// A part of the body has come, so much being there now. Status and code of a refusal.
    fn grow(&mut self, size: usize) -> Option<(u16, String)> {
        let state = &self.gateway.0;
        state.replies.borrow_mut().clear();
        let start = br#"{"model":"llama3.2","messages":[],"x":""#;
        *state.body.borrow_mut() = start
            .iter()
            .copied()
            .chain(std::iter::repeat(b'a'))
            .take(size)
            .collect();
        assert_eq!(self.filter.request_body(size, false), Flow::Pause);
        let replies = state.replies.borrow();
        let body: Value = serde_json::from_slice(&replies.first()?.body).unwrap();
        Some((replies[0].status, body["code"].as_str()?.to_owned()))
    }
}

#[test]
fn a_worker_holds_so_much_of_all_bodies_and_no_more() {
    let world = bounded();
    let (mut one, mut other, mut third) = (hold(&world, KEY), hold(&world, KEY), hold(&world, KEY));
    assert_eq!(one.grow(PART), None);
    assert_eq!(other.grow(PART - 1), None);
    assert_eq!(third.grow(2), Some(refused(503, "too_much_held")));
    assert_eq!(
        other.grow(PART),
        None,
        "the one that was refused holds nothing"
    );
    assert_eq!(other.grow(PART + 1), Some(refused(503, "too_much_held")));
    // What was let go, refused or left makes room.
    assert_eq!(one.grow(2 * PART), None);
    let mut next = hold(&world, KEY);
    assert_eq!(next.grow(1), Some(refused(503, "too_much_held")));
    drop(one);
    let mut next = hold(&world, KEY);
    assert_eq!(next.grow(2 * PART), None);
    world.gateway.0.replies.borrow_mut().clear();
    *world.gateway.0.body.borrow_mut() = CHAT.to_vec();
    drop(next);
    assert_eq!(hold(&world, KEY).end(), good());
    assert_eq!(hold(&world, KEY).grow(2 * PART), None);
}

#[test]
fn little_is_held_of_a_body_whose_caller_is_not_known() {
    let world = World::new(&fetched());
    let mut held = hold(&world, &signer(1).token("forged", json!({})));
    assert_eq!(held.grow(1 << 20), None);
    assert_eq!(held.grow((1 << 20) + 1), Some(refused(503, "keys_pending")));
    // The answer to its call comes too late, and finds nothing.
    let call = u32::try_from(world.call_count()).unwrap();
    world.gateway.0.replies.borrow_mut().clear();
    held.filter.call_done(CallToken(call), 0);
    assert!(world.gateway.0.replies.borrow().is_empty());
}
