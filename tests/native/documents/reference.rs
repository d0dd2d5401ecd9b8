//! The generated parts of the documentation are current. `make docs` writes them anew.

use ollama_gate_engine::internals::{Place, ROUTES, names_taken_out};
use ollama_gate_engine::{Reason, reference};
use std::fmt::Write as _;
use std::path::Path;

fn hold(page: &str, name: &str, wanted: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("<!-- {name}:end -->"),
    );
    let (before, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page} has no {begin}"));
    let (current, after) = rest
        .split_once(&end)
        .unwrap_or_else(|| panic!("{page} has no {end}"));
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{wanted}{end}{after}")).unwrap();
    } else {
        // Shown side by side, both would hide the sentence.
        assert!(
            current == wanted,
            "{page}, {name}: out of date, run `make docs`"
        );
    }
}

#[test]
fn the_table_of_fields_is_that_of_the_parser() {
    hold(
        "docs/configuration.md",
        "fields",
        &format!("\n{}", reference()),
    );
}

#[test]
fn the_table_of_routes_is_that_of_the_decision() {
    let mut table = String::from("\n| Methods | Path | Scope |\n|---|---|---|\n");
    for route in ROUTES {
        let methods = route.methods().join(", ");
        let _ = writeln!(
            table,
            "| {methods} | `{}` | `{}` |",
            route.pattern(),
            route.scope().name()
        );
    }
    hold("docs/configuration.md", "routes", &format!("{table}\n"));
}

#[test]
fn the_list_of_headers_that_are_read_is_that_of_the_engine() {
    let names = Place::ALL.map(|place| format!("`{}`", place.name()));
    let list = format!("\n{}\n\n", names.join(", "));
    hold("docs/configuration.md", "places", &list);
}

#[test]
fn the_list_of_headers_that_are_taken_out_is_the_filters() {
    let names: Vec<_> = names_taken_out()
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let list = format!("\n{}\n\n", names.join(", "));
    hold("docs/configuration.md", "stripped", &list);
}

#[test]
fn every_denial_is_documented() {
    let page =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/denials.md"))
            .unwrap();
    for reason in Reason::ALL {
        let row = page
            .lines()
            .find(|line| line.contains(&format!("`{}`", reason.code())));
        let row =
            row.unwrap_or_else(|| panic!("docs/denials.md does not know `{}`", reason.code()));
        let _ = row;
    }
}
