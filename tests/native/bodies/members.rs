//! What a request can reach by its body: the page says it, and each of its rows is tried.

use crate::world::{KEY, World};
use ollama_gate_engine::internals::{Naming, ROUTES, Route};
use serde_json::{Value, json};
use std::path::Path;

/// A row of one of the page's tables.
struct Row {
    /// each with its method
    routes: Vec<(String, String)>,
    members: Vec<String>,
    example: String,
    /// a code, or "passes"
    outcome: String,
}

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bodies.md");
    std::fs::read_to_string(path).unwrap()
}

/// What stands in backquotes in `cell`.
fn quoted(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The rows of the table called `name`.
fn table(name: &str) -> Vec<Row> {
    let page = page();
    let (_, rest) = page.split_once(&format!("<!-- {name}:begin -->")).unwrap();
    let (table, _) = rest.split_once(&format!("<!-- {name}:end -->")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<_> = rows
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let [routes, members, _, example, outcome] = cells[..] else {
                panic!("{line}")
            };
            let route = |route: String| match route.split_once(' ') {
                Some((method, path)) => (method.to_owned(), path.to_owned()),
                None => ("POST".to_owned(), route),
            };
            Row {
                routes: quoted(routes).into_iter().map(route).collect(),
                members: quoted(members),
                example: quoted(example).remove(0),
                outcome: outcome.replace('`', "").trim().to_owned(),
            }
        })
        .collect();
    assert!(rows.len() > 10, "{name}");
    rows
}

/// The configuration on the page, with its key put in.
fn world() -> World {
    let page = page();
    let (_, rest) = page.split_once("```json").unwrap();
    let (block, _) = rest.split_once("```").unwrap();
    let mut configuration: Value = serde_json::from_str(block).unwrap();
    configuration["api_keys"]["keys"][0]["key"] = json!(KEY);
    configuration["host"]["hold_head"] = json!(true);
    World::new(&configuration)
}

#[test]
fn every_example_comes_to_what_its_row_says() {
    let world = world();
    let bearer = format!("Bearer {KEY}");
    let fields = [("authorization", bearer.as_str())];
    for row in table("judged").into_iter().chain(table("free")) {
        for (method, path) in &row.routes {
            let body = [row.example.as_bytes()];
            let (seen, _) = world.with_body(method, path, &fields, &body);
            let case = format!("{method} {path} {}", row.example);
            match &*row.outcome {
                "passes" => assert!(seen.upstream.is_some(), "{case}: {:?}", seen.verdict()),
                code => {
                    assert!(seen.upstream.is_none(), "{case}");
                    assert_eq!(seen.verdict().1, code, "{case}");
                }
            }
        }
    }
}

#[test]
fn every_example_has_the_members_that_its_row_is_about() {
    for row in table("judged").into_iter().chain(table("free")) {
        let example: Value = serde_json::from_str(&row.example).unwrap();
        let has = |member: &String| example.get(member).is_some();
        assert!(row.members.iter().all(has), "{}", row.example);
    }
}

/// The members of each request in Ollama's `api/types.go`, `openai/` and `anthropic/`. The tables
/// have every one of them that could name something, and of `/api/generate` and `/api/create` all.
#[test]
fn no_member_of_a_request_is_left_out() {
    let requests = [
        (
            "/api/generate",
            "model prompt suffix system template context stream raw format keep_alive images options \
             think truncate shift _debug_render_only logprobs top_logprobs",
        ),
        (
            "/api/chat",
            "model messages keep_alive tools options _debug_render_only",
        ),
        (
            "/api/embed",
            "model input keep_alive truncate dimensions options",
        ),
        ("/api/embeddings", "model keep_alive options"),
        ("/api/show", "model system verbose options name"),
        ("/api/pull", "model insecure username password name"),
        ("/api/push", "model insecure username password name"),
        (
            "/api/create",
            "model quantize draft_quantize from remote_host files draft_files adapters template license \
             system parameters messages renderer parser requires info name quantization modelfile path",
        ),
        ("/api/copy", "source destination"),
        ("/api/delete", "model name"),
        (
            "/v1/chat/completions",
            "model messages max_tokens tools _debug_render_only",
        ),
        ("/v1/completions", "model max_tokens _debug_render_only"),
        ("/v1/embeddings", "model input dimensions encoding_format"),
        (
            "/v1/responses",
            "model background conversation include input max_output_tokens tools",
        ),
        (
            "/v1/messages",
            "model max_tokens messages system tools thinking metadata output_config",
        ),
    ];
    let rows: Vec<_> = table("judged").into_iter().chain(table("free")).collect();
    for (path, members) in requests {
        for member in members.split_whitespace() {
            let found = rows.iter().any(|row| {
                row.members.iter().any(|own| own == member)
                    && row.routes.iter().any(|(_, own)| own == path)
            });
            assert!(found, "{path} `{member}`");
        }
    }
    // And no route with a model in its body is.
    let named = |route: &&Route| {
        matches!(
            route.naming(),
            Naming::Model | Naming::ModelOrName | Naming::Create | Naming::Copy
        )
    };
    for route in ROUTES.iter().filter(named) {
        let known = requests.iter().any(|(path, _)| *path == route.pattern());
        assert!(known, "{}", route.pattern());
    }
}
