//! The table: every scenario on every gateway, and no difference in decision
//! but those in `differences.rs`.
//!
//! `cargo test -p ollama-gate-wasm-tests -- table --nocapture` prints it.

mod scenarios;

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use crate::differences::DIFFERENCES;
use crate::ledger::{self, Book, Entry};
use crate::support::HOSTS;
use scenarios::{NOT_COMPARED, SCENARIO_MODULES, SCENARIOS, SOURCES};

/// The names of all tests.
pub fn tests() -> Vec<String> {
    let mut all = Vec::new();
    for (module, source) in SOURCES {
        let names = source.split("#[test]\npub fn ").skip(1);
        let names = names.filter_map(|rest| rest.split('(').next());
        all.extend(names.map(|name| format!("{module}::{name}")));
    }
    all
}

#[test]
fn every_scenario_is_in_the_table() {
    let listed = |name: &String| {
        SCENARIOS.iter().any(|(other, _)| name == other)
            || NOT_COMPARED.iter().any(|(other, _)| name == other)
    };
    let tests = tests();
    let scenario = |name: &&String| {
        let module = name.split(':').next().unwrap_or_default();
        SCENARIO_MODULES.contains(&module)
    };
    let missing: Vec<_> = tests
        .iter()
        .filter(scenario)
        .filter(|name| !listed(name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    for (name, _) in NOT_COMPARED {
        assert!(tests.iter().any(|test| test == name), "{name}");
    }
    for difference in DIFFERENCES {
        assert!(
            tests.iter().any(|test| test == difference.held_by),
            "{}",
            difference.held_by
        );
    }
}

#[test]
fn no_decision_differs_between_gateways() {
    let names: Vec<&str> = HOSTS.iter().map(|host| host().name()).collect();
    println!("{:72} {}  differs", "scenario", names.map_columns());
    let mut seen: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    let mut failures = Vec::new();
    for (name, scenario) in SCENARIOS {
        let Ok(book) = catch_unwind(|| ledger::of(*scenario)) else {
            println!("{name:72} FAILED");
            failures.push(format!("{name}: failed"));
            continue;
        };
        let counts: Vec<usize> = names
            .iter()
            .map(|host| book.get(host).map_or(0, Vec::len))
            .collect();
        for (host, count) in names.iter().zip(&counts) {
            *totals.entry(host).or_default() += count;
        }
        let explained = compare(name, &book, &names, &mut seen, &mut failures);
        println!("{name:72} {}  {explained}", counts.map_columns());
    }
    let all: usize = totals.values().sum();
    println!(
        "\n{} scenarios, {all} decisions on {} gateways: {totals:?}",
        SCENARIOS.len(),
        names.len()
    );
    println!("\ndifferences that are inherent, and where they were seen:");
    for difference in DIFFERENCES {
        let seen = seen
            .iter()
            .filter(|((what, _), _)| *what == difference.what);
        let seen: Vec<String> = seen
            .map(|((_, host), count)| format!("{host} {count}"))
            .collect();
        println!(
            "  {}\n    because: {}\n    seen: {}",
            difference.what,
            difference.why,
            seen.join(", ")
        );
    }
    println!(
        "\n{} scenarios are not laid side by side:",
        NOT_COMPARED.len()
    );
    for (name, why) in NOT_COMPARED {
        println!("  {name}: {why}");
    }
    println!("\n{} decisions differ without a reason", failures.len());
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Lays each gateway's entries beside Envoy's; the number that differ for a
/// known reason comes back.
fn compare(
    name: &str,
    book: &Book,
    names: &[&'static str],
    seen: &mut BTreeMap<(&'static str, &'static str), usize>,
    failures: &mut Vec<String>,
) -> usize {
    let none = Vec::new();
    let envoy = book.get("envoy").unwrap_or(&none);
    let mut explained = 0;
    for host in &names[1..] {
        let own = book.get(host).unwrap_or(&none);
        if own.len() != envoy.len() {
            failures.push(format!(
                "{name}: {} entries on {host}, {} on envoy",
                own.len(),
                envoy.len()
            ));
            continue;
        }
        for (own, envoy) in own.iter().zip(envoy) {
            if own.decision == envoy.decision {
                continue;
            }
            match DIFFERENCES
                .iter()
                .find(|difference| (difference.explains)(host, own, envoy))
            {
                Some(difference) => {
                    *seen.entry((difference.what, host)).or_default() += 1;
                    explained += 1;
                }
                None => failures.push(format!(
                    "{name}: {host} {:?}, envoy {:?}: {}",
                    own.decision,
                    envoy.decision,
                    shown(own)
                )),
            }
        }
    }
    explained
}

fn shown(entry: &Entry) -> String {
    let Some(request) = &entry.request else {
        return "a configuration".into();
    };
    let text = |bytes: &[u8]| {
        String::from_utf8_lossy(bytes)
            .chars()
            .take(60)
            .collect::<String>()
    };
    let headers = request.headers.iter().take(6);
    let headers: Vec<String> = headers
        .map(|(name, value)| format!("{}: {}", text(name), text(value)))
        .collect();
    format!(
        "{} {} host {:?} {headers:?} and {} headers in all",
        text(request.method.as_deref().unwrap_or_default()),
        text(request.target.as_deref().unwrap_or_default()),
        request.host.as_deref().map(text),
        request.headers.len()
    )
}

/// Things in columns.
trait Columns {
    fn map_columns(&self) -> String;
}

impl<T: ToString> Columns for Vec<T> {
    fn map_columns(&self) -> String {
        self.iter()
            .map(|item| format!("{:>7}", item.to_string()))
            .collect()
    }
}
