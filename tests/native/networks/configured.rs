//! What a rule for networks may say.

use super::network;
use crate::world::{World, error, errors, with};
use serde_json::{Value, json};

#[test]
fn a_section_that_says_nothing_or_nonsense_is_refused() {
    assert_eq!(
        error("/network", json!({})),
        "network: expected at least one of `allow`, `deny` and `trusted_proxies` (`\"allow\": []` lets nobody in)"
    );
    assert_eq!(
        error("/network", json!([])),
        "network: expected at least one of `allow`, `deny` and `trusted_proxies` (`\"allow\": []` lets nobody in)"
    );
    assert_eq!(
        error("/network", json!({ "trusted_proxies": 1 })),
        "network.trusted_proxies: has no effect: there is no `allow`, no `deny`, no `back_off`, no key with `allow_from`, no public key that signs, and no `log.fields` with `address`"
    );
    for proxies in [json!(-1), json!(17), json!(1.5), json!("1"), json!(true)] {
        let found = error(
            "/network",
            json!({ "allow": [], "trusted_proxies": proxies }),
        );
        let begin = "network.trusted_proxies: expected a whole number of 0 to 16, found ";
        assert!(found.starts_with(begin), "{proxies}: {found}");
    }
    assert_eq!(
        error("/network", json!({ "alow": [], "deny": [] })),
        "network.alow: unknown field, did you mean `allow`?"
    );
    let expected = "expected a list of networks, found a string";
    assert_eq!(
        error("/network", json!({ "allow": "10.0.0.0/8" })),
        format!("network.allow: {expected}")
    );
    assert_eq!(
        errors(&network(json!({ "deny": [] }))),
        Vec::<String>::new()
    );
}

#[test]
fn every_bad_range_is_told_with_its_place() {
    let configuration = network(json!({
        "allow": ["10.0.0.0/8", "10.0.0.1/8", "localhost", "fe80::1%eth0/64", "[::1]", "10.0.0.1:80", "::/64", 7],
        "deny": ["::ffff:10.0.0.1", "0.0.0.0/0"],
    }));
    let expected =
        "expected a network such as \"192.168.1.0/24\" or \"2001:db8::/32\", or an address";
    assert_eq!(
        errors(&configuration),
        [
            "network.allow[7]: ".to_owned() + expected + ", found `7`",
            "network.allow[1]: has bits behind its prefix, `10.0.0.0/8` may be meant".to_owned(),
            format!("network.allow[2]: {expected}, found `localhost`"),
            "network.allow[3]: has a zone (`%…`), which names a link of one machine: leave it out".to_owned(),
            format!("network.allow[4]: {expected}, found `[::1]`"),
            format!("network.allow[5]: {expected}, found `10.0.0.1:80`"),
            "network.allow[6]: holds ::ffff:0:0/96, which is IPv4: write the networks of IPv4 by themselves".to_owned(),
        ]
    );
    assert_eq!(
        error("/api_keys/keys/0/allow_from", json!(["10.0.0.0/33"])),
        format!("api_keys.keys[0].allow_from[0]: {expected}, found `10.0.0.0/33`")
    );
}

#[test]
fn a_rule_for_networks_needs_a_gateway_that_is_named() {
    let message = "host.name: is required with rules for networks: each gateway provides the client's address in its \
                   own way";
    let unnamed = |mut configuration: Value| {
        configuration.as_object_mut().unwrap().remove("host");
        errors(&configuration)
    };
    assert_eq!(
        unnamed(network(json!({ "allow": ["10.0.0.0/8"] }))),
        [message]
    );
    assert_eq!(
        unnamed(network(json!({ "deny": ["10.0.0.0/8"] }))),
        [message]
    );
    assert_eq!(
        unnamed(with("/api_keys/keys/1/allow_from", json!(["10.0.0.0/8"]))),
        [message]
    );
    assert_eq!(
        unnamed(network(json!({ "allow": [], "deny": ["x"] }))).len(),
        2,
        "beside every other error"
    );
    assert_eq!(
        unnamed(network(json!({ "deny": [] }))),
        Vec::<String>::new()
    );
}

#[test]
fn ranges_that_hold_everybody_are_told_loudly_at_the_start() {
    let loud = |configuration: &Value| {
        let world = World::new(configuration);
        assert!(world.configured);
        let lines = world.gateway.0.lines.borrow();
        let loud = lines
            .iter()
            .filter(|(level, _)| *level == ollama_gate_engine::Level::Warn);
        loud.map(|(_, line)| line.clone()).collect::<Vec<_>>()
    };
    let line = |place| {
        format!(
            "ollama-gate: {place} covers every address (0.0.0.0/0, ::/0 or equivalent): it restricts nobody on the internet, and does not count as a method"
        )
    };
    for everybody in [
        json!(["0.0.0.0/0"]),
        json!(["10.0.0.0/8", "::/0"]),
        json!(["0.0.0.0/1", "128.0.0.0/1"]),
    ] {
        assert_eq!(
            loud(&network(json!({ "allow": everybody }))),
            [line("network.allow")],
            "{everybody}"
        );
        let of_key = with("/api_keys/keys/0/allow_from", everybody.clone());
        assert_eq!(
            loud(&of_key),
            [line("allow_from of the key alice-laptop")],
            "{everybody}"
        );
    }
    assert_eq!(
        loud(&network(json!({ "allow": ["10.0.0.0/8"] }))),
        Vec::<String>::new()
    );
    assert_eq!(
        loud(&network(json!({ "deny": ["0.0.0.0/0"] }))),
        Vec::<String>::new()
    );
}
