//! Rules for networks: each gateway is asked in its own way, once, and only where a rule needs it.

use ollama_gate_wasm_tests::credentials::digest;
use ollama_gate_wasm_tests::world::{Fault, Which};
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::issuer::{NOW, chat, keys, remote, signed};
use crate::support::*;

/// Where every client of the profiles is.
const HOME: &str = "203.0.113.0/24";

fn allowing(network: &str) -> Value {
    with(plain(), json!({"network": {"allow": [network]}}))
}

fn tags() -> ClientRequest {
    ClientRequest::get("/api/tags").bearer(ALICE)
}

/// The properties that were asked for, beside the target that Kong is asked for in each request.
fn asked(outcome: &Outcome) -> Vec<String> {
    let calls = outcome.record.calls.iter();
    let calls = calls.filter(|call| call.name == "proxy_get_property");
    let mut names: Vec<String> = calls.map(|call| call.about.replace('\0', ".")).collect();
    names.retain(|name| name != "ngx.request_uri");
    names
}

#[test]
pub fn a_network_is_held_on_every_gateway_and_asked_for_only_where_a_rule_or_a_refusal_needs_it() {
    on_every_host_with(&allowing(HOME), |lab| {
        lab.allowed(&tags());
        // nginx may have replaced the address by that of a header.
        let names: &[&str] = match lab.host {
            "apisix" => &["remote_addr", "realip_remote_addr"],
            "kong" => &["source.address", "ngx.realip_remote_addr"],
            _ => &["source.address"],
        };
        let addresses = |outcome: &Outcome| {
            let mut asked_for = asked(outcome);
            asked_for.retain(|name| name.contains("addr"));
            asked_for
        };
        assert_eq!(addresses(&lab.allowed(&tags())), names, "{}", lab.host);
        // No rule was reached, but the line of a refusal says whose it was.
        let stranger = ClientRequest::get("/api/tags").bearer(STRANGER);
        let refused = lab.denied(&stranger, 401, "unknown_key");
        assert_eq!(addresses(&refused), names, "{}", lab.host);
    });
    on_every_host_with(&plain(), |lab| {
        let asked_for = asked(&lab.allowed(&tags()));
        assert!(!asked_for.concat().contains("addr"), "{asked_for:?}");
    });
    on_every_host_with(&allowing("10.0.0.0/8"), |lab| {
        lab.denied(&tags(), 403, "network_denied");
        lab.denied(&tags(), 403, "network_denied");
    });
}

#[test]
pub fn an_invented_address_is_not_believed() {
    on_every_host_with(&allowing("10.0.0.0/8"), |lab| {
        let code = match lab.is_envoy() {
            true => "address_unknown",
            false => "network_denied",
        };
        for claimed in ["10.0.0.1", "10.0.0.2, 10.0.0.1", "::ffff:10.0.0.1"] {
            lab.denied(&tags().header("X-Forwarded-For", claimed), 403, code);
        }
    });
}

/// `real_ip_from` of APISIX trusts 127.0.0.1 unless somebody sets it, so behind a proxy on the same
/// machine that forwards the client's X-Real-IP the client names an address.
#[test]
pub fn who_comes_through_a_proxy_on_the_same_machine_cannot_name_an_address() {
    let home = "10.0.0.0/8";
    let here = || tags().from("127.0.0.1");
    let key = json!({"id": "a", "sha256": digest(ALICE), "allow_from": [home]});
    for changes in [
        json!({"network": {"allow": [home]}}),
        json!({"network": {"deny": ["192.0.2.0/24", "127.0.0.0/8"]}}),
        json!({"api_keys": {"keys": [key]}}),
    ] {
        let mut lab = Lab::new(HOSTS[APISIX](), &with(plain(), changes));
        lab.denied(&here(), 403, "network_denied");
        let claimed = here().header("X-Real-IP", "10.0.0.1");
        lab.denied(&claimed, 403, "address_unknown");
        lab.denied(
            &claimed.header("X-Forwarded-For", "10.0.0.1"),
            403,
            "address_unknown",
        );
    }
}

#[test]
pub fn an_address_that_nginx_took_from_a_header_counts_where_a_stated_proxy_says_the_same() {
    let rules = json!({"network": {"allow": ["10.0.0.0/8"], "trusted_proxies": 1}});
    let mut lab = Lab::new(HOSTS[APISIX](), &with(plain(), rules));
    let claimed = |real_ip: &str, forwarded: &str| {
        let request = tags().from("127.0.0.1").header("X-Real-IP", real_ip);
        request.header("X-Forwarded-For", forwarded)
    };
    lab.allowed(&claimed("10.0.0.1", "10.0.0.1"));
    lab.allowed(&claimed("10.0.0.1", "198.51.100.1, 10.0.0.1"));
    lab.denied(
        &claimed("198.51.100.1", "198.51.100.1"),
        403,
        "network_denied",
    );
    for (real_ip, forwarded) in [
        ("10.0.0.1", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.1, 198.51.100.1"),
        ("198.51.100.1", "10.0.0.1"),
    ] {
        lab.denied(&claimed(real_ip, forwarded), 403, "address_unknown");
    }
    // Without the header nginx replaces nothing, and the proxy itself says who it is.
    let plain = tags().from("127.0.0.1");
    lab.allowed(&plain.clone().header("X-Forwarded-For", "10.0.0.1"));
    lab.denied(
        &plain.header("X-Forwarded-For", "198.51.100.1"),
        403,
        "network_denied",
    );
}

#[test]
pub fn a_proxy_that_is_stated_is_believed() {
    let rules = json!({"network": {"allow": ["10.0.0.0/8"], "trusted_proxies": 1}});
    on_every_host_with(&with(plain(), rules), |lab| {
        lab.allowed(&tags().header("X-Forwarded-For", "198.51.100.1, 10.0.0.1"));
        let far = tags().header("X-Forwarded-For", "10.0.0.1, 198.51.100.1");
        lab.denied(&far, 403, "network_denied");
        lab.denied(&tags(), 403, "address_unknown");
    });
}

#[test]
pub fn an_address_that_cannot_be_had_is_denied() {
    on_every_host_with(&allowing(HOME), |lab| {
        lab.allowed(&tags());
        for status in [1, 2, 7, 10, 12] {
            lab.world().fault = Some(Fault {
                which: Which::Named("property"),
                status,
            });
            // On Kong the target cannot be had then either, and that comes first.
            match lab.host {
                "kong" => lab.denied(&tags(), 500, "host_failure"),
                _ => lab.denied(&tags(), 403, "address_unknown"),
            };
            lab.world().fault = None;
            lab.allowed(&tags());
        }
    });
}

#[test]
pub fn a_request_that_waits_has_asked_before() {
    let rules = json!({"network": {"allow": [HOME]}});
    on_every_host_with(&with(remote(), rules), |lab| {
        let root = lab.root();
        let Ok(id) = lab.gateway.open(root, &chat(&signed(NOW))) else {
            panic!("refused by the gateway");
        };
        assert!(!lab.gateway.request_headers(id), "{}: it went on", lab.host);
        let call = lab.gateway.calls().iter().find(|call| call.context == id);
        let token = call.map(|call| call.token).expect("a call of its own");
        lab.world().fault = Some(Fault {
            which: Which::Named("property"),
            status: 2,
        });
        assert!(
            lab.gateway
                .answer_call(token, CallEnd::of(200, keys(&[NOW])))
        );
        lab.world().fault = None;
        let outcome = lab.gateway.close(id);
        lab.check(&chat(&signed(NOW)), &outcome);
        assert!(outcome.forwarded(), "{}: {outcome:?}", lab.host);
    });
}

#[test]
pub fn a_gateway_that_is_not_named_is_not_asked_for_an_address() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let configured = lab.configure_bytes(allowing(HOME).to_string().as_bytes());
        assert!(!configured.accepted, "{}", lab.host);
        let told = format!("{:?}", configured.record.log);
        assert!(told.contains("host.name: is required"), "{told}");
    }
}
