//! The recipes of CONTRIBUTING.md: each step is held by a test that names it, and the recipes name
//! every step that is held.

mod fields;
mod places;
mod routes;

use std::fs;
use std::path::Path;

const RECIPES: [(&str, &[&str]); 3] = [
    (
        "Add a route",
        &[
            "src/engine/ollama/route.rs",
            "src/engine/grant/rules_tests.rs",
            "src/engine/grant/limits.rs",
            "docs/bodies.md",
            "tests/native/bodies/members.rs",
            "tests/standin/routes.py",
            "tests/e2e/test_table.py",
            "docs/configuration.md",
        ],
    ),
    (
        "Add a place for a credential",
        &[
            "src/engine/http/place.rs",
            "src/engine/http/names.rs",
            "src/engine/cors.rs",
            "tests/native/upstream/headers.rs",
            "tests/wasm/tests/ring/cast.rs",
            "tests/wasm/tests/ring/hostile.rs",
            "tests/wasm/tests/ring/support.rs",
            "docs/configuration.md",
        ],
    ),
    (
        "Add a field of the configuration",
        &[
            "src/engine/config/",
            "tests/native/",
            "src/engine/config/table_tests.rs",
            "docs/plugin.schema.json",
        ],
    ),
];

/// The text of `file`, from the root of the repository.
fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn each_recipe_names_the_files_that_the_tests_hold() {
    let page = text("CONTRIBUTING.md");
    for (title, files) in RECIPES {
        let (_, recipe) = page
            .split_once(&format!("\n### {title}\n"))
            .unwrap_or_else(|| panic!("CONTRIBUTING.md has no recipe `{title}`"));
        let recipe = recipe.split("\n#").next().unwrap();
        let steps = recipe
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
        let named: Vec<_> = steps
            .map(|step| step.split('`').nth(1).unwrap_or_default())
            .collect();
        assert_eq!(named, files, "the steps of `{title}` in CONTRIBUTING.md");
        for file in files {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            assert!(path.exists(), "`{title}` names {file}, which is not there");
        }
    }
}
