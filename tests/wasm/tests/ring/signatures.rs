//! The table of tests/native/tokens/signatures/table/: every algorithm, right tokens and forged
//! ones, with the same verdict in each gateway and with either arithmetic.
//!
//! `cargo test -p ollama-gate-wasm-tests -- signatures --nocapture` prints the
//! counts.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::world::{Fault, Which, status};

use crate::cases::{ACCEPTED, ALGORITHMS, Case, cases_of, configurations};
use crate::support::*;

/// Of the hundreds that are alike one in so many is taken: an interpreter is slow.
const BULK: usize = 48;
/// Where the arithmetic is that of another test, one forged token in so many.
const SHARE: usize = 12;

/// Who computes signatures, and where.
#[derive(Clone, Copy)]
enum Arithmetic {
    /// Envoy's `verify_signature`, where it can.
    Gateway,
    /// The module, in an Envoy that has no such function.
    ModuleOnEnvoy,
    /// The module, on a gateway that has no such function.
    Module(usize),
}

impl Arithmetic {
    fn lab(self, configuration: &serde_json::Value) -> Lab {
        let host = match self {
            Self::Module(host) => host,
            Self::Gateway | Self::ModuleOnEnvoy => ENVOY,
        };
        let mut lab = Lab::new(HOSTS[host](), configuration);
        // Some of the tokens are longer than nginx takes by default.
        lab.world().large_header_buffers = true;
        if let Self::ModuleOnEnvoy = self {
            lab.world().fault = Some(Fault {
                which: Which::Named("foreign_function"),
                status: status::NOT_FOUND,
            });
        }
        lab
    }
}

/// The cases by algorithm, signed once for all tests.
static CASES: LazyLock<Vec<(&str, Vec<Case>)>> = LazyLock::new(|| {
    let few = |algorithm| {
        let mut bulk = 0;
        let mut cases = cases_of(algorithm);
        cases.retain(|case| {
            bulk += usize::from(case.is_bulk);
            !case.is_bulk || bulk % BULK == 1
        });
        (algorithm, cases)
    };
    ALGORITHMS.map(few).to_vec()
});

/// Holds the right tokens of every algorithm, and one in `share` of the forged
/// ones; how often the gateway was asked.
fn hold(name: &str, arithmetic: Arithmetic, share: usize) -> BTreeMap<&'static str, usize> {
    let configurations = configurations();
    let mut asked = BTreeMap::new();
    let mut wrong = Vec::new();
    for (algorithm, cases) in CASES.iter() {
        let mut labs: BTreeMap<usize, Lab> = BTreeMap::new();
        let (mut accepted, mut refused) = (0, 0);
        let taken = cases.iter().enumerate();
        let taken = taken.filter(|(at, case)| case.expected == ACCEPTED || at % share == 0);
        for (at, case) in taken {
            let lab = labs
                .entry(case.configuration)
                .or_insert_with(|| arithmetic.lab(&configurations[case.configuration]));
            // Seconds go by, or come back: there is always time for a signature.
            lab.at(u64::try_from(at).unwrap() % 900);
            let outcome = lab.send(&ClientRequest::get("/api/tags").bearer(&case.token));
            let calls = outcome.record.calls.iter();
            let questions = calls.filter(|call| call.name == "proxy_call_foreign_function");
            *asked.entry(*algorithm).or_default() += questions.count();
            let code = outcome.code();
            let found = match outcome.forwarded() {
                true => (200, ""),
                false => (outcome.status() as u16, code.as_str()),
            };
            match found {
                (200, _) => accepted += 1,
                _ => refused += 1,
            }
            if found != case.expected {
                let (case, expected) = (&case.name, case.expected);
                wrong.push(format!(
                    "{name}, {algorithm}, {case}: {found:?} where {expected:?} is right"
                ));
            }
        }
        println!("{name:22} {algorithm:6} {accepted:4} accepted {refused:5} refused");
        assert!(accepted > 0 && refused > 0, "{name}, {algorithm}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    asked
}

#[test]
pub fn envoys_crypto_comes_to_the_verdicts_of_the_table() {
    let asked = hold("envoy, its crypto", Arithmetic::Gateway, 1);
    for (algorithm, times) in asked {
        // The row of another algorithm asks where tokens name one of Envoy's.
        if ["RS", "ES"].contains(&&algorithm[..2]) {
            assert!(times > 20, "{algorithm}: {times}");
        }
    }
}

#[test]
pub fn the_module_on_envoy_comes_to_the_verdicts_of_the_table() {
    hold("envoy, the module", Arithmetic::ModuleOnEnvoy, SHARE);
}

#[test]
pub fn the_module_on_apisix_comes_to_the_verdicts_of_the_table() {
    let asked = hold("apisix, the module", Arithmetic::Module(APISIX), 1);
    assert!(asked.values().all(|times| *times == 0), "{asked:?}");
}

#[test]
pub fn the_module_on_kong_comes_to_the_verdicts_of_the_table() {
    let asked = hold("kong, the module", Arithmetic::Module(KONG), SHARE);
    assert!(asked.values().all(|times| *times == 0), "{asked:?}");
}
