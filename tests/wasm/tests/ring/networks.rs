//! Rules for networks: each gateway is asked in its own way, once, and only where a rule needs it.

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
pub fn a_network_is_held_on_every_gateway_for_one_call() {
    on_every_host_with(&allowing(HOME), |lab| {
        lab.allowed(&tags());
        let name = match lab.host {
            "apisix" => "remote_addr",
            _ => "source.address",
        };
        assert_eq!(asked(&lab.allowed(&tags())).len(), 1, "{}", lab.host);
        let about = asked(&lab.allowed(&tags())).concat();
        assert!(about.contains(name), "{}: {about}", lab.host);
        let stranger = ClientRequest::get("/api/tags").bearer(STRANGER);
        let outcome = lab.denied(&stranger, 401, "unknown_key");
        assert_eq!(asked(&outcome), Vec::<String>::new(), "{}", lab.host);
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
        assert!(told.contains("host.name: is missing"), "{told}");
    }
}
