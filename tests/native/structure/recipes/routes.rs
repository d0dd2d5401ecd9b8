//! The recipe "Add a route".

use super::text;
use ollama_gate_engine::internals::{Naming, ROUTES, Route};

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
