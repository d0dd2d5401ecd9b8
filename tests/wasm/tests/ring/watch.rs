//! What is watched in the built module: the gauges, where a gateway has them, and the warnings of keys that end soon.

use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::support::*;

const EXPIRY: &str = "ollama_gate_keys_next_expiry_timestamp_seconds";
const SOON: &str = "ollama_gate_keys_expiring_soon";
/// Two days after [`NOON`].
const END: &str = "2026-11-23T12:00:00Z";
const ENDS_IN: u64 = 2 * 24 * 3600;

fn with_a_key_that_ends() -> Value {
    let mut all = plain();
    let keys = all["api_keys"]["keys"].as_array_mut().expect("a list");
    keys.push(json!({ "id": "ending", "key": "sk-ending-81c2d7e0a94f35b6", "expires_at": END }));
    all
}

fn warnings(outcome: &Outcome) -> usize {
    let lines = outcome.record.log.iter();
    let about = lines.filter(|line| line.text.contains("\"key_expires_soon\",\"id\":\"ending\""));
    about.count()
}

/// Envoy and Istio: by ticks. Kong: by ticks once requests come. APISIX: no ticks and no metrics, so requests bring it.
#[test]
pub fn a_key_that_ends_soon_is_shown_and_warned_of_by_what_the_gateway_has() {
    on_every_host_with(&with_a_key_that_ends(), |lab| {
        let ask = || ClientRequest::get("/api/tags").bearer(ALICE);
        let first = lab.allowed(&ask());
        if lab.host == "apisix" {
            assert_eq!(warnings(&first), 1, "{}", lab.host);
            assert_eq!(warnings(&lab.allowed(&ask())), 0, "{}", lab.host);
            return;
        }
        assert_eq!(warnings(&first), 0, "{}", lab.host);
        let root = lab.root();
        let mut told = String::new();
        let mut shown = std::collections::BTreeMap::new();
        for _ in 0..3 {
            let record = lab.gateway.tick(root);
            told += &record.everything();
            shown.extend(record.metrics);
        }
        let end = i64::try_from(NOON + ENDS_IN).expect("a moment");
        assert_eq!(shown.get(EXPIRY), Some(&end), "{}", lab.host);
        assert_eq!(shown.get(SOON), Some(&1), "{}", lab.host);
        assert_eq!(
            told.matches("key_expires_soon").count(),
            1,
            "{}: {told}",
            lab.host
        );
    });
}
