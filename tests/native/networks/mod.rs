//! Where requests may come from.

mod configured;
mod gateways;

use crate::world::{ADMIN_KEY, Gateway, KEY, READ_KEY, Seen, World, configuration, jwt, with};
use serde_json::{Value, json};

/// `configuration()` with this section `network`.
fn network(section: Value) -> Value {
    with("/network", section)
}

/// On the gateway called `host`, which says `address` of the client.
fn world(host: &str, address: &str, configuration: &Value) -> World {
    let mut configuration = configuration.clone();
    configuration["host"]["name"] = json!(host);
    let gateway = Gateway::default();
    let name = match host {
        "apisix" => "remote_addr",
        _ => "source\0address",
    };
    gateway.0.is_apisix.set(host == "apisix");
    gateway.0.is_kong.set(host == "kong");
    *gateway.0.address.borrow_mut() = (name.to_owned(), address.into());
    let world = World::on(gateway, configuration.to_string().as_bytes());
    assert!(world.configured, "{:?}", world.errors());
    world
}

fn moved(world: &World, address: &str) {
    world.gateway.0.address.borrow_mut().1 = address.into();
}

/// Asks for the list of models with a good key. APISIX shows `host` and not `:authority`.
fn tags(world: &World, forwarded: &[&str]) -> Seen {
    let mut fields = vec![("host", "gate.example"), ("authorization", KEY)];
    fields.extend(forwarded.iter().map(|line| ("X-Forwarded-For", *line)));
    world.send("GET", "/api/tags", &fields)
}

fn asked(seen: &Seen) -> usize {
    seen.calls
        .iter()
        .filter(|call| **call == "request_property")
        .count()
}

fn denied() -> (u16, String) {
    (403, "network_denied".into())
}

fn unknown() -> (u16, String) {
    (403, "address_unknown".into())
}

#[test]
fn a_network_restricts_everybody_with_and_without_a_credential() {
    let mut configuration =
        network(json!({ "allow": ["192.168.0.0/16"], "deny": ["192.168.9.0/24"] }));
    configuration["public"] = json!(["health"]);
    let world = world("envoy", "192.168.1.7:5000", &configuration);
    for (address, inside) in [
        ("192.168.1.7:5000", true),
        ("[::ffff:192.168.1.7]:5000", true),
        ("192.168.9.1:5000", false),
        ("10.0.0.1:5000", false),
        ("[::1]:5000", false),
    ] {
        moved(&world, address);
        let expected = if inside {
            (200, String::new())
        } else {
            denied()
        };
        let token = jwt(json!({}));
        for (what, seen) in [
            ("key", world.bearer("GET", "/api/tags", KEY)),
            ("token", world.bearer("GET", "/api/tags", &token)),
            ("public", world.send("GET", "/", &[])),
        ] {
            assert_eq!(seen.verdict(), expected, "{what} from {address}");
            assert_eq!(asked(&seen), 1, "{what} from {address}");
        }
    }
}

#[test]
fn a_network_opens_nothing() {
    let world = world(
        "envoy",
        "10.0.0.1:5000",
        &network(json!({ "allow": ["10.0.0.0/8"] })),
    );
    let nobody = world.send("GET", "/api/tags", &[]);
    assert_eq!(nobody.verdict(), (401, "missing_credential".into()));
    let wrong = world.bearer("GET", "/api/tags", "sk-unknown-0123456789");
    assert_eq!(wrong.verdict(), (401, "unknown_key".into()));
}

#[test]
fn strangers_learn_nothing_of_networks_and_routes_come_after_them() {
    let world = world(
        "envoy",
        "203.0.113.9:5000",
        &network(json!({ "allow": ["10.0.0.0/8"] })),
    );
    let stranger = world.bearer("GET", "/api/tags", "sk-unknown-0123456789");
    assert_eq!(stranger.verdict(), (401, "unknown_key".into()));
    let shown = stranger.body().to_string();
    assert!(!shown.contains("203.0.113"), "told to a stranger: {shown}");
    let malformed = world.bearer("GET", "/api/../tags", KEY);
    assert_eq!(malformed.verdict(), (400, "malformed_path".into()));
    for (method, path, key) in [
        ("GET", "/metrics", ADMIN_KEY),
        ("POST", "/api/pull", READ_KEY),
    ] {
        assert_eq!(
            world.bearer(method, path, key).verdict(),
            denied(),
            "{path}"
        );
    }
}

#[test]
fn a_refusal_names_the_address_and_the_key_and_so_does_the_log() {
    let world = world(
        "envoy",
        "203.0.113.9:5000",
        &network(json!({ "allow": ["10.0.0.0/8"] })),
    );
    let seen = world.bearer("GET", "/api/tags", KEY);
    assert_eq!(
        seen.body()["error"],
        "the request comes from a network that is not allowed: requests from 203.0.113.9 are not \
         allowed, ask the operator"
    );
    assert_eq!(seen.record["code"], "network_denied");
    assert_eq!(seen.record["address"], "203.0.113.9");
    assert_eq!(seen.record["id"], "alice-laptop");
    moved(&world, "10.1.2.3:5000");
    let allowed = world.bearer("GET", "/api/tags", KEY);
    assert_eq!(allowed.record["address"], "10.1.2.3");
}

#[test]
fn a_key_has_networks_of_its_own_and_the_others_have_not() {
    let configuration = with(
        "/api_keys/keys/0/allow_from",
        json!(["10.0.0.0/8", "fd00::/8"]),
    );
    let world = world("envoy", "10.0.0.1:5000", &configuration);
    for (address, status) in [
        ("10.0.0.1:5000", 200),
        ("[fd00::7]:5000", 200),
        ("11.0.0.1:5000", 403),
        ("10.0.0.1:0", 403),
    ] {
        moved(&world, address);
        assert_eq!(
            world.bearer("GET", "/api/tags", KEY).verdict().0,
            status,
            "{address}"
        );
        let other = world.bearer("GET", "/api/tags", READ_KEY);
        assert_eq!((other.verdict().0, asked(&other)), (200, 0), "{address}");
        assert_eq!(other.record.get("address"), None, "{address}");
    }
    moved(&world, "11.0.0.1:5000");
    let seen = world.bearer("GET", "/api/tags", KEY);
    assert_eq!(seen.verdict(), denied());
    assert_eq!(
        seen.body()["error"],
        "the request comes from a network that is not allowed: this key may not be used from 11.0.0.1, use it \
         from a network in its `allow_from`"
    );
}

#[test]
fn a_key_of_nowhere_is_of_no_use_and_one_of_everywhere_is_still_restricted() {
    let nowhere = with("/api_keys/keys/0/allow_from", json!([]));
    let nowhere = world("envoy", "10.0.0.1:5000", &nowhere);
    assert_eq!(nowhere.bearer("GET", "/api/tags", KEY).verdict(), denied());
    let mut both = network(json!({ "deny": ["10.0.0.0/8"] }));
    both["api_keys"]["keys"][0]["allow_from"] = json!(["0.0.0.0/0"]);
    let both = world("envoy", "10.0.0.1:5000", &both);
    assert_eq!(both.bearer("GET", "/api/tags", KEY).verdict(), denied());
    moved(&both, "11.0.0.1:5000");
    assert_eq!(both.bearer("GET", "/api/tags", KEY).verdict().0, 200);
}

#[test]
fn without_a_rule_a_gateway_is_asked_for_an_address_only_for_the_line_of_a_refusal() {
    for (host, address, calls) in [
        ("envoy", "203.0.113.9:5000", 1),
        ("istio", "203.0.113.9:5000", 1),
        // Those with nginx are asked as well whether it was taken from a header.
        ("apisix", "203.0.113.9", 2),
        ("kong", "203.0.113.9", 2),
    ] {
        let world = world(host, address, &configuration());
        let allowed = tags(&world, &[]);
        assert_eq!((allowed.verdict().0, asked(&allowed)), (200, 0), "{host}");
        assert_eq!(allowed.record.get("address"), None, "{host}");
        let unknown = [
            ("host", "gate.example"),
            ("api-key", "sk-unknown-0123456789"),
        ];
        let refused = world.send("GET", "/api/tags", &unknown);
        assert_eq!(asked(&refused), calls, "{host}");
        assert_eq!(refused.record["address"], "203.0.113.9", "{host}");
    }
}
