//! The recipes of CONTRIBUTING.md: each step is held by a test that names it, and the recipes name
//! every step that is held.

use crate::world::{KEY, World, configuration, with};
use ollama_gate_engine::internals::{Naming, Place, ROUTES, Route};
use serde_json::json;
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
            "src/engine/http/field.rs",
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
            "src/engine/config/table_tests.rs",
            "docs/plugin.schema.json",
        ],
    ),
];

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

/// The quoted texts in `code`.
fn quoted(code: &str) -> impl Iterator<Item = &str> {
    code.split('"').skip(1).step_by(2)
}

/// The routes in `tests/e2e/test_table.py`, each with the scope that it stands under.
fn of_the_table() -> Vec<(String, String)> {
    let page = text("tests/e2e/test_table.py");
    let (_, table) = page.split_once("\nROUTES = {\n").unwrap();
    let table = table.split("\n}").next().unwrap();
    let mut scope = "";
    let mut routes = Vec::new();
    for text in quoted(table) {
        if text.contains(' ') {
            routes.push((scope.to_owned(), text.to_owned()))
        } else {
            scope = text
        }
    }
    routes
}

/// The paths in `tests/standin/routes.py`, each with its line.
fn of_the_standin() -> Vec<(String, String)> {
    let page = text("tests/standin/routes.py");
    let lines = page.lines().filter(|line| line.starts_with("    \"/"));
    let row = |line: &str| (quoted(line).next().unwrap().to_owned(), line.to_owned());
    lines.map(row).collect()
}

/// What of the recipe is not done for `method` of `route`.
fn undone(method: &str, route: &Route) -> Vec<&'static str> {
    let pattern = route.pattern();
    let is_it = |path: &str| {
        let found = Route::find(method.as_bytes(), path);
        found.is_some_and(|found| found.pattern() == pattern)
    };
    let tables = text("src/engine/grant/rules_tests.rs");
    let rows = tables.lines().filter_map(|line| {
        let mut texts = quoted(line);
        line.trim().starts_with('(').then_some(())?;
        (texts.next() == Some(method)).then(|| texts.next())?
    });
    let in_tables = rows.into_iter().any(is_it);
    let stands_for = |(path, line): &(String, String)| {
        let shown = line.contains(&format!("\"{method}\""))
            || line.contains("_post(") && method == "POST"
            || line.contains("_get(") && method == "GET"
            || line.contains("head=True") && method == "HEAD";
        path == pattern && shown
    };
    let of_scope = |(scope, text): &(String, String)| {
        let (own, path) = text.split_once(' ').unwrap();
        scope == route.scope().name() && own == method && is_it(path)
    };
    let row = format!("| `{pattern}` | `{}` |", route.scope().name());
    let in_body = matches!(
        route.naming(),
        Naming::Model | Naming::ModelOrName | Naming::Create | Naming::Copy
    );
    let bodies = text("docs/bodies.md");
    let judged = bodies.split("<!-- judged:end -->").next().unwrap();
    let in_bodies = [format!("`{pattern}`"), format!("`{method} {pattern}`")];
    let quoted = format!("\"{pattern}\"");
    let steps = [
        (in_tables, "src/engine/grant/rules_tests.rs"),
        (
            route.naming() != Naming::Model || text("src/engine/grant/limits.rs").contains(&quoted),
            "src/engine/grant/limits.rs",
        ),
        (
            !in_body || in_bodies.iter().any(|name| judged.contains(name)),
            "docs/bodies.md",
        ),
        (
            !in_body || text("tests/native/bodies/members.rs").contains(&quoted),
            "tests/native/bodies/members.rs",
        ),
        (
            of_the_standin().iter().any(stands_for),
            "tests/standin/routes.py",
        ),
        (
            of_the_table().iter().any(of_scope),
            "tests/e2e/test_table.py",
        ),
        (
            text("docs/configuration.md").contains(&row),
            "docs/configuration.md",
        ),
    ];
    let undone = steps.into_iter().filter(|(done, _)| !done);
    undone.map(|(_, file)| file).collect()
}

#[test]
fn a_route_is_in_every_place_that_the_recipe_names() {
    let mut missing = Vec::new();
    for route in ROUTES {
        for method in route.methods() {
            for file in undone(method, route) {
                missing.push(format!("{file}: {method} {}", route.pattern()));
            }
        }
    }
    for (scope, text) in of_the_table() {
        let (method, path) = text.split_once(' ').unwrap();
        if scope != "none" && Route::find(method.as_bytes(), path).is_none() {
            missing.push(format!("src/engine/ollama/route.rs: {text}"));
        }
    }
    for (path, _) in of_the_standin() {
        if !ROUTES.iter().any(|route| route.pattern() == path) {
            missing.push(format!("src/engine/ollama/route.rs: {path}"));
        }
    }
    assert!(
        missing.is_empty(),
        "see \"Add a route\" in CONTRIBUTING.md; the route has yet to be written into\n{}",
        missing.join("\n")
    );
}

#[test]
fn a_place_for_a_credential_is_in_every_place_that_the_recipe_names() {
    let world = World::new(&configuration());
    let origins = json!({ "allow_origins": ["https://app.example"] });
    let pages = World::new(&with("/cors", origins));
    let asking = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
    ];
    let preflight = pages.send("OPTIONS", "/api/chat", &asking);
    let reply = preflight.reply.as_ref().unwrap();
    let allowed = reply.headers.iter();
    let allowed = allowed.filter(|(name, _)| *name == "access-control-allow-headers");
    let allowed: String = allowed.map(|(_, list)| list.as_str()).collect();
    let page = text("docs/configuration.md");
    let may_send = page.split("* A page may send ").nth(1).unwrap_or_default();
    let may_send = may_send.split(". ").next().unwrap_or_default();
    let mut missing = Vec::new();
    for place in Place::ALL {
        let name = place.name().to_ascii_lowercase();
        let seen = world.send("POST", "/api/chat", &[(&name, KEY)]);
        let quoted = format!("\"{name}\"");
        let says = |file: &str| text(file).to_ascii_lowercase().contains(&quoted);
        for (done, what) in [
            (
                seen.verdict().0 == 200,
                "src/engine/http/field.rs: a key in it is not read",
            ),
            (
                seen.upstream_values(&name).is_empty(),
                "src/engine/http/field.rs: it reaches Ollama",
            ),
            (
                allowed.split(", ").any(|own| own == name),
                "src/engine/cors.rs: a page may not send it",
            ),
            (
                says("tests/native/upstream/headers.rs"),
                "tests/native/upstream/headers.rs: PRIVATE",
            ),
            (
                says("tests/wasm/tests/ring/cast.rs"),
                "tests/wasm/tests/ring/cast.rs: STRIPPED",
            ),
            (
                says("tests/wasm/tests/ring/hostile.rs"),
                "tests/wasm/tests/ring/hostile.rs: HEADERS",
            ),
            (
                says("tests/wasm/tests/ring/support.rs"),
                "tests/wasm/tests/ring/support.rs: presented",
            ),
            (
                may_send.contains(&format!("`{}`", place.name())),
                "docs/configuration.md: what a page may send",
            ),
        ] {
            if !done {
                missing.push(format!("{what}: {}", place.name()));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "see \"Add a place for a credential\" in CONTRIBUTING.md; still to do\n{}",
        missing.join("\n")
    );
}
