//! What a page may read: refusals, Ollama's responses, and the gate's own answers.

use super::{APP, FOREIGN, allowing, header, preflight, response};
use crate::world::{KEY, NOW, READ_KEY, Seen, World, jwt};
use ollama_gate::{Flow, Status};
use ollama_gate_engine::Level;
use serde_json::json;

#[test]
fn every_refusal_can_be_read_by_a_page_of_a_listed_site_and_by_no_other() {
    let world = World::new(&allowing());
    let cases = [
        ("GET", "/api/../x", "x-api-key", KEY, 400),
        ("GET", "/api/tags", "x-api-key", "", 401),
        ("GET", "/api/tags", "x-api-key", "sk-wrong-0123456789", 401),
        ("GET", "/metrics", "x-api-key", KEY, 404),
        ("POST", "/v1/messages", "x-api-key", READ_KEY, 403),
    ];
    let read = |origin: &str, status, seen: &Seen| {
        assert_eq!(seen.verdict().0, status, "{origin}");
        header(seen, "access-control-allow-origin").map(str::to_owned)
    };
    for (method, path, name, value, status) in cases {
        let seen = world.send(method, path, &[("origin", APP), (name, value)]);
        assert_eq!(
            read(APP, status, &seen).as_deref(),
            Some(APP),
            "{method} {path}"
        );
        assert_eq!(header(&seen, "vary"), Some("Origin"), "{method} {path}");
        let exposed = header(&seen, "access-control-expose-headers").unwrap();
        assert!(
            exposed.contains("www-authenticate") && exposed.contains("retry-after"),
            "{method} {path}"
        );
        for origin in FOREIGN {
            let seen = world.send(method, path, &[("origin", origin), (name, value)]);
            assert_eq!(read(origin, status, &seen), None, "{origin}");
        }
        let seen = world.send(method, path, &[(name, value)]);
        assert_eq!(read("none", status, &seen), None, "{method} {path}");
    }
    world.gateway.0.seconds.set(0);
    let token = jwt(json!({}));
    let seen = world.send("GET", "/", &[("origin", APP), ("x-api-key", &token)]);
    assert_eq!(read(APP, 503, &seen).as_deref(), Some(APP));
    let failing = [("remove_request_header", Status(2))];
    *world.gateway.0.failing.borrow_mut() = failing.into();
    world.gateway.0.seconds.set(NOW);
    let seen = world.send("GET", "/", &[("origin", APP), ("x-api-key", KEY)]);
    assert_eq!(read(APP, 500, &seen).as_deref(), Some(APP));
}

#[test]
fn ollamas_response_can_be_read_by_a_page_of_a_listed_site_and_by_no_other() {
    let world = World::new(&allowing());
    let key = ("x-api-key", KEY);
    let json = ("content-type", "application/json");
    let read = [
        "content-type: application/json",
        "vary: Origin",
        "access-control-expose-headers: retry-after, www-authenticate, x-request-id, x-should-retry",
        "access-control-allow-origin: https://app.example.com",
    ];
    assert_eq!(response(&world, &[("origin", APP), key], &[json]), read);
    let own = [
        json,
        ("Access-Control-Allow-Origin", "*"),
        ("access-control-allow-origin", "https://evil.example"),
        ("Access-Control-Allow-Credentials", "true"),
        ("access-control-expose-headers", "x-secret"),
    ];
    let replaced = response(&world, &[("origin", APP), key], &own);
    assert_eq!(replaced, read, "what Ollama says of it is replaced");
    let varies = response(&world, &[("origin", APP), key], &[("vary", "accept")]);
    assert_eq!(varies[..2], ["vary: accept", "vary: Origin"]);
    for origin in FOREIGN {
        let untouched = response(&world, &[("origin", origin), key], &[json]);
        assert_eq!(untouched, ["content-type: application/json"], "{origin}");
    }
    let untouched = response(&world, &[key], &[json]);
    assert_eq!(untouched, ["content-type: application/json"]);
    assert!(
        world.gateway.0.calls.borrow().is_empty(),
        "and costs nothing"
    );
}

#[test]
fn the_gates_own_answers_are_not_told_twice() {
    let world = World::new(&allowing());
    let answered = [
        response(&world, &[("origin", APP)], &[]),
        response(&world, &[("origin", APP), ("api-key", "two words")], &[]),
    ];
    assert_eq!(answered, [Vec::<String>::new(), Vec::new()]);
    let mut filter = world.root.filter();
    let fields = [
        (":method", "OPTIONS"),
        (":path", "/"),
        (":authority", "gate.example"),
        ("origin", APP),
        ("access-control-request-method", "GET"),
    ];
    let fields = fields.map(|(n, v)| (n.to_owned(), v.to_owned()));
    *world.gateway.0.headers.borrow_mut() = fields.into();
    assert_eq!(filter.request_head(5, true), Flow::Pause);
    assert_eq!(filter.response_head(false), Flow::Continue);
    assert!(world.gateway.0.response.borrow().is_empty());
    let mut never = world.root.filter();
    assert_eq!(
        never.response_head(false),
        Flow::Continue,
        "before its head"
    );
}

#[test]
fn an_edit_that_fails_leaves_the_response_unreadable_and_lets_it_go_on() {
    for call in [
        "remove_response_header",
        "add_response_header",
        "set_response_header",
    ] {
        let world = World::new(&allowing());
        *world.gateway.0.failing.borrow_mut() = [(call, Status(2))].into();
        let fields = [("origin", APP), ("x-api-key", KEY)];
        let seen = response(&world, &fields, &[("content-type", "text/plain")]);
        assert!(
            seen.contains(&"content-type: text/plain".to_owned()),
            "{call}"
        );
        let readable = seen.iter().any(|field| field.contains("allow-origin"));
        assert!(!readable, "{call}: {seen:?}");
        let lines = world.gateway.0.lines.borrow();
        let told = lines
            .iter()
            .find(|line| line.1.contains("could not change the response"));
        assert_eq!(told.map(|line| line.0), Some(Level::Error), "{call}");
    }
}

#[test]
fn watching_answers_no_preflight_and_changes_no_response() {
    let mut watching = allowing();
    watching["mode"] = json!("report");
    let world = World::new(&watching);
    let seen = preflight(&world, "/api/tags", APP, "authorization");
    assert!(seen.upstream.is_some() && seen.record.is_null());
    assert_eq!(seen.upstream_values("origin"), [APP]);
    let seen = preflight(&world, "/api/tags", "https://evil.example", "");
    assert_eq!(seen.verdict().0, 200);
    assert_eq!(seen.record["code"], "origin_denied");
    let fields = [("origin", APP), ("x-api-key", KEY)];
    assert!(response(&world, &fields, &[]).is_empty());
}
