//! The client's address, as each gateway tells it, and behind proxies.

use super::{asked, denied, network, tags, unknown, world};
use crate::world::{jwks, remote, signer};
use ollama_gate::Status;
use serde_json::json;

#[test]
fn each_gateway_tells_the_address_in_its_own_way_and_no_other() {
    let rules = network(json!({ "allow": ["0.0.0.0/0", "::/0"] }));
    for (host, address, known) in [
        ("envoy", "203.0.113.9:5000", true),
        ("istio", "[2001:db8::1]:5000", true),
        ("envoy", "203.0.113.9", false),
        ("envoy", "203.0.113.9:0", false),
        ("istio", "[::1]:0", false),
        ("envoy", "[fe80::1%2]:5000", false),
        ("envoy", "@gate", false),
        ("kong", "203.0.113.9", true),
        ("kong", "::1", true),
        ("kong", "203.0.113.9:5000", false),
        ("kong", "unix:", false),
        ("apisix", "203.0.113.9", true),
        ("apisix", "::ffff:203.0.113.9", true),
        ("apisix", "unix:", false),
        ("apisix", "", false),
    ] {
        let world = world(host, address, &rules);
        let expected = if known {
            (200, String::new())
        } else {
            unknown()
        };
        let seen = tags(&world, &[]);
        assert_eq!(seen.verdict(), expected, "{host} says {address}");
    }
}

#[test]
fn an_address_that_the_gateway_does_not_tell_is_unknown_and_denied() {
    for host in ["envoy", "istio", "apisix", "kong"] {
        for rules in [
            json!({ "allow": ["0.0.0.0/0", "::/0"] }),
            json!({ "deny": ["10.0.0.0/8"] }),
        ] {
            let world = world(host, "203.0.113.9", &network(rules));
            let state = &world.gateway.0;
            state.address.borrow_mut().0.clear();
            assert_eq!(tags(&world, &[]).verdict(), unknown(), "{host}");
            for status in [2, 10, 12] {
                state
                    .failing
                    .borrow_mut()
                    .insert("request_property", Status(status));
                let seen = tags(&world, &[]);
                assert_eq!(seen.verdict(), unknown(), "{host}");
            }
        }
    }
}

/// The verdict for a client behind `proxies`, on `host`, which says `address`.
fn behind(host: &str, proxies: u8, address: &str, forwarded: &[&str]) -> (u16, String) {
    let rules = json!({ "allow": ["10.0.0.0/8"], "trusted_proxies": proxies });
    let world = world(host, address, &network(rules));
    let seen = tags(&world, forwarded);
    // nginx is also asked whether it has replaced the address.
    let nginx = matches!(host, "kong" | "apisix");
    assert_eq!(asked(&seen), 1 + usize::from(nginx), "{host}");
    seen.verdict()
}

#[test]
fn an_invented_forwarded_for_moves_nobody() {
    let allowed = (200, String::new());
    for forwarded in [
        &["10.0.0.1"][..],
        &["10.0.0.1, 10.0.0.1"],
        &["10.0.0.1", "10.0.0.1"],
        &["10.0.0.1,203.0.113.9"],
        &[""],
        &["garbage"],
    ] {
        assert_eq!(
            behind("envoy", 0, "203.0.113.9:5000", forwarded),
            denied(),
            "{forwarded:?}"
        );
        assert_eq!(
            behind("envoy", 0, "10.0.0.1:0", forwarded),
            unknown(),
            "{forwarded:?}"
        );
        assert_eq!(
            behind("kong", 0, "203.0.113.9", forwarded),
            denied(),
            "{forwarded:?}"
        );
        assert_eq!(
            behind("apisix", 0, "203.0.113.9", forwarded),
            denied(),
            "{forwarded:?}"
        );
        assert_eq!(
            behind("envoy", 0, "10.0.0.9:5000", forwarded),
            allowed,
            "{forwarded:?}"
        );
        assert_eq!(
            behind("kong", 0, "10.0.0.9", forwarded),
            allowed,
            "{forwarded:?}"
        );
    }
}

#[test]
fn an_address_that_nginx_took_from_a_header_is_a_claim() {
    let rules =
        |proxies: u8| network(json!({ "allow": ["10.0.0.0/8"], "trusted_proxies": proxies }));
    let verdict = |host: &str, proxies, replaced: &str, forwarded: &[&str]| {
        let world = world(host, "10.0.0.1", &rules(proxies));
        *world.gateway.0.replaced.borrow_mut() = Some(replaced.into());
        tags(&world, forwarded).verdict()
    };
    let allowed = (200, String::new());
    for host in ["apisix", "kong"] {
        // Nothing was replaced.
        assert_eq!(verdict(host, 0, "10.0.0.1", &[]), allowed, "{host}");
        for peer in ["127.0.0.1", "::1", "unix:", "10.0.0.2", "garbage", ""] {
            assert_eq!(verdict(host, 0, peer, &[]), unknown(), "{host} {peer}");
            assert_eq!(
                verdict(host, 0, peer, &["10.0.0.1"]),
                unknown(),
                "{host} {peer}"
            );
            assert_eq!(
                verdict(host, 1, peer, &["10.0.0.1"]),
                allowed,
                "{host} {peer}"
            );
            assert_eq!(
                verdict(host, 1, peer, &["10.0.0.1, 203.0.113.9"]),
                unknown(),
                "{host} {peer}"
            );
            assert_eq!(verdict(host, 1, peer, &[]), unknown(), "{host} {peer}");
            assert_eq!(
                verdict(host, 2, peer, &["10.0.0.1, 192.0.2.1"]),
                allowed,
                "{host} {peer}"
            );
        }
    }
}

#[test]
fn a_proxy_that_is_trusted_is_believed_and_what_stands_before_it_is_not() {
    let allowed = || (200, String::new());
    // On Envoy the gateway itself has added the proxy, 192.0.2.1.
    let envoy = |forwarded: &[&str]| behind("envoy", 1, "192.0.2.1:5000", forwarded);
    assert_eq!(envoy(&["10.0.0.1, 192.0.2.1"]), allowed());
    assert_eq!(envoy(&["10.0.0.1:4711, 192.0.2.1"]), allowed());
    assert_eq!(envoy(&["203.0.113.9, 192.0.2.1"]), denied());
    assert_eq!(envoy(&["10.0.0.1, 203.0.113.9, 192.0.2.1"]), denied());
    assert_eq!(envoy(&["203.0.113.9, 10.0.0.1, 192.0.2.1"]), allowed());
    for missing in [
        &["192.0.2.1"][..],
        &["10.0.0.1"],
        &[],
        &[""],
        &["garbage, 192.0.2.1"],
        &[", 192.0.2.1"],
    ] {
        assert_eq!(envoy(missing), unknown(), "{missing:?}");
    }
    for host in ["kong", "apisix"] {
        let nginx = |forwarded: &[&str]| behind(host, 1, "192.0.2.1", forwarded);
        assert_eq!(nginx(&["10.0.0.1"]), allowed(), "{host}");
        assert_eq!(nginx(&["203.0.113.9", "10.0.0.1"]), allowed(), "{host}");
        assert_eq!(nginx(&["10.0.0.1, 203.0.113.9"]), denied(), "{host}");
        assert_eq!(nginx(&["10.0.0.1", "203.0.113.9"]), denied(), "{host}");
        for missing in [
            &[][..],
            &[""],
            &["garbage"],
            &["10.0.0.1,"],
            &["10.0.0.1%eth0"],
        ] {
            assert_eq!(nginx(missing), unknown(), "{host} {missing:?}");
        }
        let two = |forwarded: &[&str]| behind(host, 2, "192.0.2.1", forwarded);
        assert_eq!(
            two(&["203.0.113.9, 10.0.0.1, 192.0.2.2"]),
            allowed(),
            "{host}"
        );
        assert_eq!(
            two(&["10.0.0.1"]),
            unknown(),
            "fewer hops than are stated: {host}"
        );
    }
    // A sidecar whose Envoy reads the header itself, and comes to the same.
    let sidecar = |address, forwarded: &[&str]| behind("istio", 1, address, forwarded);
    assert_eq!(sidecar("10.0.0.1:0", &["203.0.113.9, 10.0.0.1"]), allowed());
    assert_eq!(sidecar("10.0.0.1:0", &["10.0.0.1, 203.0.113.9"]), unknown());
}

#[test]
fn a_request_that_waits_has_asked_before() {
    let mut configuration = remote(json!({}));
    configuration["network"] = json!({ "allow": ["10.0.0.0/8"] });
    for (address, expected) in [
        ("10.0.0.1:5000", (200, String::new())),
        ("203.0.113.9:5000", denied()),
    ] {
        let world = world("envoy", address, &configuration);
        let mut request = world.ask(&signer(1).token("k1", json!({})));
        assert_eq!(request.verdict(), (0, "waits".into()), "{address}");
        let state = &world.gateway.0;
        state
            .failing
            .borrow_mut()
            .insert("request_property", Status(2));
        let verdict = request.answer(200, &jwks(&[signer(1).jwk("k1")]));
        assert_eq!(verdict, expected, "{address}");
    }
}
