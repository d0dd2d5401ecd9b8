//! The recipe "Add a field of the configuration".

use ollama_gate_engine::{Json, schema};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The names of the fields that `schema` and what is within it describe.
fn fields(schema: &Json, found: &mut BTreeSet<String>) {
    match schema {
        Json::Object(members) => {
            for (name, inner) in members {
                if let ("properties", Json::Object(properties)) = (name.as_str(), inner) {
                    found.extend(properties.iter().map(|(name, _)| name.clone()));
                }
                fields(inner, found);
            }
        }
        Json::List(items) => items.iter().for_each(|inner| fields(inner, found)),
        _ => {}
    }
}

/// The text of the tests in `folder` that show what a configuration does.
fn tests_in(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("structure") || path.ends_with("documents") {
            continue;
        }
        if path.is_dir() {
            tests_in(&path, code);
        } else {
            code.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn a_field_of_the_configuration_is_in_a_test_of_what_it_does() {
    let mut names = BTreeSet::new();
    fields(&schema(), &mut names);
    let mut code = String::new();
    tests_in(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native"),
        &mut code,
    );
    let in_name = |byte: char| byte.is_alphanumeric() || "_$".contains(byte);
    let words: BTreeSet<_> = code.split(|byte| !in_name(byte)).collect();
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !words.contains(name.as_str()))
        .map(|name| format!("tests/native/: {name}"))
        .collect();
    assert!(
        missing.is_empty(),
        "see \"Add a field of the configuration\" in CONTRIBUTING.md; no test gives\n{}",
        missing.join("\n")
    );
}
