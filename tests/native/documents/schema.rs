//! The JSON Schema in the repository is that of the tables of fields. `make docs` writes it anew.

use ollama_gate_engine::{Json, schema};
use std::fmt::Write as _;
use std::path::Path;

/// Two spaces for each level, one member on a line, a list of plain values on one.
fn pretty(json: &Json, depth: usize, text: &mut String) {
    let plain = |item: &Json| !matches!(item, Json::Object(_) | Json::List(_));
    let quoted = |value: &str| serde_json::to_string(value).unwrap();
    let (inner, outer) = ("  ".repeat(depth + 1), "  ".repeat(depth));
    match json {
        Json::Null => text.push_str("null"),
        Json::Bool(value) => write!(text, "{value}").unwrap(),
        Json::Number(value) => write!(text, "{value}").unwrap(),
        Json::Text(value) => text.push_str(&quoted(value)),
        Json::List(items) if items.iter().all(plain) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                text.push_str(if place == 0 { "" } else { ", " });
                pretty(item, depth, text);
            }
            text.push(']');
        }
        Json::List(items) => {
            for (place, item) in items.iter().enumerate() {
                write!(text, "{}\n{inner}", if place == 0 { "[" } else { "," }).unwrap();
                pretty(item, depth + 1, text);
            }
            write!(text, "\n{outer}]").unwrap();
        }
        Json::Object(members) if members.is_empty() => text.push_str("{}"),
        Json::Object(members) => {
            for (place, (name, value)) in members.iter().enumerate() {
                let before = if place == 0 { "{" } else { "," };
                write!(text, "{before}\n{inner}{}: ", quoted(name)).unwrap();
                pretty(value, depth + 1, text);
            }
            write!(text, "\n{outer}}}").unwrap();
        }
    }
}

fn hold(file: &str, wanted: &Json) {
    let mut text = String::new();
    pretty(wanted, 0, &mut text);
    text.push('\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, text).unwrap();
    } else {
        let current = std::fs::read_to_string(&path).unwrap();
        // Shown side by side, both would hide the sentence.
        assert!(current == text, "{file} is out of date: run `make docs`");
    }
}

#[test]
fn the_schema_for_editors_is_that_of_the_parser() {
    hold("docs/plugin.schema.json", &schema());
}

#[test]
fn kongs_metadata_holds_the_same_schema() {
    let metadata = Json::Object(vec![("config_schema".to_owned(), schema())]);
    hold("kong/ollama_gate.meta.json", &metadata);
}
