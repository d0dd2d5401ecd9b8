//! What goes up is what was judged, on every gateway: targets put together at random.
//!
//! `tests/native/upstream/targets.rs` does the same with 200,000 of them, natively.

use ollama_gate_wasm_tests::hostile_targets::HostileTargets;
use ollama_gate_wasm_tests::kong_router::seen_by_ollama;
use ollama_gate_wasm_tests::{ClientRequest, Outcome};
use serde_json::Value;

use crate::support::*;

const TARGETS: usize = 1_500;

/// The target that the upstream is asked for.
fn went_up_as(request: &ClientRequest, outcome: &Outcome) -> Vec<u8> {
    let told = outcome.upstream_header(":path");
    match told.first() {
        Some(target) => target.clone().into_bytes(),
        None => request.target.clone().unwrap_or_default(),
    }
}

/// The route of the decision, as its line has it; none of a request that did not go on.
fn judged(outcome: &Outcome) -> Option<Value> {
    let line = outcome
        .record
        .log
        .iter()
        .find(|line| line.text.starts_with('{'));
    let line = line.map(|line| serde_json::from_str::<Value>(&line.text).expect("JSON"));
    let line = line.filter(|_| outcome.forwarded())?;
    Some(line["route"].clone())
}

#[test]
pub fn nothing_goes_up_under_another_route_than_the_one_that_was_judged() {
    on_every_host(|lab| {
        let mut targets = HostileTargets::new(0x6b6f_6e67);
        let mut through = 0;
        for _ in 0..TARGETS {
            let raw = targets.next().expect("without end");
            let method = targets.pick(&["GET", "POST", "DELETE"]);
            let key = targets.pick(&[None, Some(READER), Some(ALICE)]);
            let ask = |target: &[u8]| {
                let request = ClientRequest::new(method, "/").target(target);
                key.map_or(request.clone(), |key| request.bearer(key))
            };
            let request = ask(&raw);
            let outcome = lab.send(&request);
            let Some(route) = judged(&outcome) else {
                continue;
            };
            let sent = went_up_as(&request, &outcome);
            let plainly = seen_by_ollama(&sent);
            let shown = String::from_utf8_lossy(&raw);
            let same = lab.send(&ask(&plainly));
            assert_eq!(
                Some(route),
                judged(&same),
                "{}: {shown} went up as {sent:?}",
                lab.host
            );
            through += 1;
        }
        println!("{}: {through} of {TARGETS} went up", lab.host);
        assert!(through > 20, "{through}");
        lab.still_serves();
    });
}

/// The first three reached Ollama on a real Kong 3.9.1.
#[test]
pub fn a_target_that_two_readers_read_differently_is_refused_on_every_gateway() {
    on_every_host(|lab| {
        for (method, target, key) in [
            ("GET", "/#/../api/tags", None),
            ("GET", "/api/version#/%2e%2e/tags", None),
            ("POST", "/api/show#/../generate", Some(READER)),
            ("GET", "/%3f/api/tags", None),
            ("GET", "/api/version%3f/../tags", None),
            ("GET", "/api/version%23x", None),
            ("GET", "/api/%2574ags", Some(READER)),
            ("GET", "/api/%252e%252e/api/tags", Some(READER)),
            ("GET", "//api/version", None),
            ("GET", "/x/../api/version", None),
            ("GET", "/x/%2e%2e/api/version", None),
            ("GET", "/api%2fversion", None),
            ("GET", "/api/version/.", None),
        ] {
            let request = ClientRequest::new(method, "/").target(target.as_bytes());
            let request = key.map_or(request.clone(), |key| request.bearer(key));
            lab.denied(&request, 400, "malformed_path");
        }
        lab.allowed(&ClientRequest::get("/api/v%65rsion"));
        lab.still_serves();
    });
}
