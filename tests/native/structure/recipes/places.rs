//! The recipe "Add a place for a credential".

use super::text;
use crate::world::{KEY, World, configuration, with};
use ollama_gate_engine::internals::Place;
use serde_json::json;

/// What stands in the list that begins with `name` in `file`.
fn list(file: &str, name: &str) -> String {
    let code = text(file);
    let (_, list) = code
        .split_once(name)
        .unwrap_or_else(|| panic!("{file} has no `{name}`, which the recipe names"));
    list.split("];").next().unwrap().to_ascii_lowercase()
}

/// What a page may send, as the gate answers a browser's preflight.
fn allowed_to_pages() -> Vec<String> {
    let origins = json!({ "allow_origins": ["https://app.example"] });
    let pages = World::new(&with("/cors", origins));
    let asking = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
    ];
    let preflight = pages.send("OPTIONS", "/api/chat", &asking);
    let reply = preflight.reply.as_ref().unwrap();
    let lists = reply.headers.iter();
    let lists = lists.filter(|(name, _)| *name == "access-control-allow-headers");
    lists
        .flat_map(|(_, list)| list.split(", ").map(str::to_owned))
        .collect()
}

/// What `docs/configuration.md` says that a page may send.
fn documented_for_pages() -> String {
    let page = text("docs/configuration.md");
    let sentence = page.split("* A page may send ").nth(1).unwrap_or_default();
    sentence.split(". ").next().unwrap_or_default().to_owned()
}

#[test]
fn a_place_for_a_credential_is_in_every_place_that_the_recipe_names() {
    let world = World::new(&configuration());
    let (allowed, documented) = (allowed_to_pages(), documented_for_pages());
    let lists = [
        ("tests/native/upstream/headers.rs", "PRIVATE"),
        ("tests/wasm/tests/ring/cast.rs", "STRIPPED"),
        ("tests/wasm/tests/ring/hostile.rs", "HEADERS"),
        ("tests/wasm/tests/ring/support.rs", "PRESENTED"),
    ];
    let lists = lists.map(|(file, name)| (file, name, list(file, &format!("const {name}: "))));
    let mut missing = Vec::new();
    for place in Place::ALL {
        let name = place.name().to_ascii_lowercase();
        let mut needs = |done: bool, what: &str| {
            if !done {
                missing.push(format!("{what}: {}", place.name()));
            }
        };
        let seen = world.send("POST", "/api/chat", &[(&name, KEY)]);
        let reaches_ollama = |(own, _): &(String, String)| own.eq_ignore_ascii_case(&name);
        let upstream = seen.upstream.iter().flatten();
        needs(
            seen.verdict().0 == 200,
            "src/engine/http/names.rs: a key in it is not read, NAMES",
        );
        needs(
            !upstream.into_iter().any(reaches_ollama),
            "src/engine/http/names.rs: it reaches Ollama, NAMES",
        );
        needs(
            allowed.contains(&name),
            "src/engine/cors.rs: a page may not send it, HEADERS",
        );
        for (file, list, names) in &lists {
            let quoted = format!("\"{name}\"");
            needs(names.contains(&quoted), &format!("{file}: {list}"));
        }
        needs(
            documented.contains(&format!("`{}`", place.name())),
            "docs/configuration.md: what a page may send",
        );
    }
    assert!(
        missing.is_empty(),
        "see \"Add a place for a credential\" in CONTRIBUTING.md; still to do\n{}",
        missing.join("\n")
    );
}
