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

/// Whether `code`, which is without white space and backslashes, gives the field `name` a value: as a member of JSON, by
/// an index, or as the first argument of a function. Many names are words that are scopes or claims as well.
fn is_given(code: &str, name: &str) -> bool {
    let index = format!("[\"{name}\"]");
    let mut indexed = code.match_indices(&index).filter_map(|(at, _)| {
        let before = code.get(..at)?.chars().next_back()?;
        Some(before.is_alphanumeric() || "_])".contains(before))
    });
    code.contains(&format!("\"{name}\":"))
        || code.contains(&format!("(\"{name}\","))
        || indexed.any(|is_index| is_index)
}

#[test]
fn a_name_is_given_where_it_gets_a_value_and_not_where_it_is_one() {
    for code in [
        "{\"health\":true}",
        "with(\"health\",true)",
        "log[\"health\"]=x",
    ] {
        assert!(is_given(code, "health"), "{code}");
    }
    for code in [
        "{\"public\":[\"health\"]}",
        "(\"public\",\"health\")",
        "healthy",
        "",
    ] {
        assert!(!is_given(code, "health"), "{code}");
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
    code.retain(|character| !character.is_whitespace() && character != '\\');
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !is_given(&code, name))
        .map(|name| format!("tests/native/: {name}"))
        .collect();
    assert!(
        missing.is_empty(),
        "see \"Add a field of the configuration\" in CONTRIBUTING.md; no test gives\n{}",
        missing.join("\n")
    );
}
