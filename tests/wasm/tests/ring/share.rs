//! What the rest of the gateway is told, as the host gets it.

use serde_json::json;

use crate::support::*;
use ollama_gate_wasm_tests::{ClientRequest, Outcome};

#[test]
pub fn envoy_is_told_who_calls_and_others_are_never_asked() {
    let names = ["method", "credential_id", "subject", "scope"];
    let tags = ClientRequest::get("/api/tags").bearer(ALICE);
    for (place, host) in HOSTS.into_iter().enumerate() {
        let takes = [ENVOY, ISTIO].contains(&place);
        let mut lab = Lab::new(host(), &plain());
        let set = |outcome: &Outcome| -> Vec<String> {
            let calls = outcome.record.calls.iter();
            let set = calls.filter(|call| call.name == "proxy_set_property");
            set.map(|call| call.about.clone()).collect()
        };
        assert!(set(&lab.allowed(&tags)).is_empty(), "{}", lab.host);
        let configured = lab.configure(&with(plain(), json!({ "share_identity": true })));
        assert_eq!(configured.accepted, takes, "{}", lab.host);
        if takes {
            let told = set(&lab.allowed(&tags));
            assert_eq!(told, names.map(|name| format!("ollama_gate.{name}")));
            lab.still_serves();
        }
    }
}
