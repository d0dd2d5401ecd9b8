//! Routes that the configuration adds: what they open, and what they cannot change.

use crate::world::{ADMIN_KEY, KEY, READ_KEY, World, configuration, errors, with};
use ollama_gate_engine::internals::ROUTES;
use serde_json::{Value, json};

fn mapped(routes: Value) -> World {
    let world = World::new(&with("/routes", routes));
    assert!(world.configured, "{:?}", world.errors());
    world
}

/// The errors of one route, without the path of the list.
fn of_route(route: Value) -> Vec<String> {
    let errors = errors(&with("/routes", json!([route])));
    let without = |error: &String| error.strip_prefix("routes[0]").map(str::to_owned);
    errors.iter().map(|error| without(error).unwrap()).collect()
}

fn unknown() -> (u16, String) {
    (404, "unknown_route".into())
}

fn denied() -> (u16, String) {
    (403, "scope_denied".into())
}

#[test]
fn a_mapped_route_needs_its_scope() {
    let world = mapped(json!([
        { "path": "/metrics", "methods": ["GET"], "scope": "read" },
        { "path": "/api/new", "methods": ["POST", "PUT"], "scope": "manage" },
        { "prefix": "/v1/files", "methods": ["GET"], "scope": "inference" },
        { "path": "/v1/cloud", "methods": ["POST"], "scope": "cloud" },
    ]));
    for (key, method, path, allowed) in [
        (READ_KEY, "GET", "/metrics", true),
        (KEY, "GET", "/metrics", true),
        (READ_KEY, "POST", "/api/new", false),
        (KEY, "PUT", "/api/new", false),
        (ADMIN_KEY, "POST", "/api/new", true),
        (ADMIN_KEY, "PUT", "/api/new", true),
        (READ_KEY, "GET", "/v1/files", false),
        (READ_KEY, "GET", "/v1/files/a/b", false),
        (KEY, "GET", "/v1/files", true),
        (KEY, "GET", "/v1/files/a/b", true),
        (KEY, "POST", "/v1/cloud", false),
        (ADMIN_KEY, "POST", "/v1/cloud", true),
    ] {
        let wanted = if allowed {
            (200, String::new())
        } else {
            denied()
        };
        let verdict = world.bearer(method, path, key).verdict();
        assert_eq!(verdict, wanted, "{method} {path}");
    }
    let nobody = world.send("GET", "/metrics", &[]).verdict();
    assert_eq!(nobody, (401, "missing_credential".into()));
}

#[test]
fn the_line_of_a_decision_names_the_mapped_route() {
    let world = mapped(json!([{ "prefix": "/v1/files", "methods": ["GET"], "scope": "read" }]));
    let record = world.bearer("GET", "/v1/files/secret", KEY).record;
    assert_eq!(
        (&record["route"], &record["scope"]),
        (&json!("/v1/files/*"), &json!("read"))
    );
    assert_eq!(record["path"], Value::Null);
}

#[test]
fn what_only_resembles_a_mapped_route_stays_unknown() {
    let world = mapped(json!([
        { "path": "/metrics", "methods": ["GET"], "scope": "read" },
        { "prefix": "/v1/files", "methods": ["GET"], "scope": "read" },
    ]));
    for (method, path) in [
        ("GET", "/metrics/a"),
        ("GET", "/Metrics"),
        ("GET", "/metric"),
        ("GET", "/x/metrics"),
        ("GET", "/a?b=/metrics"),
        ("GET", "/a?/metrics"),
        ("GET", "/v1/filesystem"),
        ("GET", "/v1/file"),
        ("GET", "/v1"),
        ("GET", "/a?/v1/files/"),
    ] {
        let verdict = world.bearer(method, path, ADMIN_KEY).verdict();
        assert_eq!(verdict, unknown(), "{method} {path}");
    }
    for (method, path) in [
        ("HEAD", "/metrics"),
        ("POST", "/metrics"),
        ("OPTIONS", "/metrics"),
        ("get", "/metrics"),
        ("HEAD", "/v1/files"),
    ] {
        let seen = world.bearer(method, path, ADMIN_KEY);
        let refused = (405, "method_not_allowed".into());
        assert_eq!(seen.verdict(), refused, "{method} {path}");
        let headers = seen.reply.unwrap().headers;
        let allow = headers.iter().find(|field| field.0 == "allow");
        assert_eq!(allow.map(|field| field.1.as_str()), Some("GET"), "{path}");
    }
    let slash = world.bearer("GET", "/metrics/", ADMIN_KEY).verdict();
    assert_eq!(slash, (307, "trailing_slash".into()));
    for path in ["/metrics%3Fa", "/v1/files%3F", "/v1/files/%2523"] {
        let verdict = world.bearer("GET", path, ADMIN_KEY).verdict();
        assert_eq!(verdict, (400, "malformed_path".into()), "{path}");
    }
    // The query is never looked at, and an encoded path is the decoded one.
    for path in [
        "/metrics?a=/../b",
        "/%6detrics",
        "/v1/files/?x",
        "/v1/%66iles/a",
    ] {
        assert_eq!(world.bearer("GET", path, KEY).verdict().0, 200, "{path}");
    }
    for path in [
        "/v1/files/../../api/delete",
        "/v1/files//a",
        "/v1/files/%2e%2e/a",
    ] {
        let verdict = world.bearer("GET", path, KEY).verdict();
        assert_eq!(verdict, (400, "malformed_path".into()), "{path}");
    }
}

#[test]
fn no_known_route_can_be_mapped_anew() {
    for (route, known) in [
        (
            json!({ "path": "/api/delete", "methods": ["DELETE"], "scope": "read" }),
            "DELETE /api/delete, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "path": "/api/tags", "methods": ["PUT", "GET"], "scope": "manage" }),
            "GET, HEAD /api/tags, which the gate knows and which needs `read`",
        ),
        (
            json!({ "path": "/api/blobs/sha256:00", "methods": ["POST"], "scope": "read" }),
            "POST, HEAD /api/blobs/{digest}, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "prefix": "/api/blobs", "methods": ["HEAD"], "scope": "read" }),
            "POST, HEAD /api/blobs/{digest}, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "prefix": "/api/blobs/x", "methods": ["HEAD"], "scope": "read" }),
            "POST, HEAD /api/blobs/{digest}, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "prefix": "/api/user", "methods": ["DELETE"], "scope": "read" }),
            "DELETE /api/user/keys/{key}, which the gate knows and which needs `cloud`",
        ),
        (
            json!({ "prefix": "/api", "methods": ["DELETE"], "scope": "read" }),
            "DELETE /api/delete, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "prefix": "/api/pull", "methods": ["POST"], "scope": "read" }),
            "POST /api/pull, which the gate knows and which needs `manage`",
        ),
        (
            json!({ "prefix": "/v1", "methods": ["POST"], "scope": "read" }),
            "POST /v1/chat/completions, which the gate knows and which needs `inference`",
        ),
    ] {
        assert_eq!(
            of_route(route.clone()),
            [format!(": covers {known}")],
            "{route}"
        );
    }
    assert_eq!(
        of_route(json!({ "prefix": "/v1", "methods": ["PUT"], "scope": "read" })),
        Vec::<String>::new()
    );
}

#[test]
fn the_known_routes_need_what_they_needed() {
    let world = mapped(json!([
        { "prefix": "/api", "methods": ["PUT", "PATCH"], "scope": "read" },
        { "prefix": "/v1", "methods": ["PUT", "PATCH", "DELETE"], "scope": "read" },
        { "path": "/api/delete", "methods": ["GET"], "scope": "read" },
    ]));
    let plain = World::new(&configuration());
    for route in ROUTES {
        let path = route.pattern().replace(['{', '}'], "");
        for method in route.methods() {
            for key in [READ_KEY, KEY, ADMIN_KEY] {
                let verdicts =
                    [&plain, &world].map(|world| world.bearer(method, &path, key).verdict());
                assert_eq!(verdicts[0], verdicts[1], "{method} {path}");
            }
        }
    }
}

#[test]
fn under_a_prefix_of_the_gate_a_route_is_mapped_without_it() {
    let mut all = with(
        "/routes",
        json!([{ "path": "/metrics", "methods": ["GET"], "scope": "read" }]),
    );
    all["path_prefix"] = json!("/ollama");
    let world = World::new(&all);
    assert_eq!(world.bearer("GET", "/ollama/metrics", KEY).verdict().0, 200);
    assert_eq!(world.bearer("GET", "/metrics", KEY).verdict(), unknown());
}

#[test]
fn a_mapped_route_is_never_public() {
    let mut all = with(
        "/routes",
        json!([{ "path": "/metrics", "methods": ["GET"], "scope": "health" }]),
    );
    all["public"] = json!(["health"]);
    assert_eq!(
        errors(&all),
        ["routes[0].scope: expected one of read, inference, manage, cloud, found `health`"]
    );
}

#[test]
fn a_pattern_is_no_path() {
    let expected =
        "expected a plain path such as \"/api/new\", without query, pattern, or slash at its end";
    for place in ["path", "prefix"] {
        for path in [
            "",
            "/",
            "metrics",
            "/metrics/",
            "//metrics",
            "/a//b",
            "/a/../b",
            "/a/./b",
            "/..",
            "/a?b",
            "/a?",
            "/a#b",
            "/a%62",
            "/a%2fb",
            "/a\\b",
            "/a b",
            "/a*",
            "/*",
            "/{name}",
            "/a/{x}/b",
            "/\u{e4}",
            "/a\n",
            "http://x/a",
        ] {
            let errors = of_route(json!({ place: path, "methods": ["GET"], "scope": "read" }));
            assert_eq!(
                errors,
                [format!(
                    ".{place}: {expected}, found `{}`",
                    path.escape_debug()
                )],
                "{path}"
            );
        }
        for path in ["/metrics", "/a/b.c-d_e~f", "/v2/x:y@z", "/..."] {
            let errors = of_route(json!({ place: path, "methods": ["GET"], "scope": "read" }));
            assert_eq!(errors, Vec::<String>::new(), "{path}");
        }
        let long = format!("/{}", "a".repeat(256));
        assert_eq!(
            of_route(json!({ place: long, "methods": ["GET"], "scope": "read" })).len(),
            1,
            "{place}"
        );
    }
}

#[test]
fn every_error_of_a_route_has_its_path() {
    let good = json!({ "path": "/x", "methods": ["GET"], "scope": "read" });
    let but = |name: &str, value: Value| {
        let mut route = good.clone();
        route[name] = value;
        of_route(route)
    };
    assert_eq!(
        but("prefix", json!("/x")),
        [": expected exactly one of `path` and `prefix`"]
    );
    assert_eq!(
        but("scope", json!("admin")),
        [".scope: expected one of read, inference, manage, cloud, found `admin`"]
    );
    for empty in [json!([]), json!({})] {
        assert_eq!(
            but("methods", empty.clone()),
            [".methods: expected a non-empty list of methods, found none"],
            "{empty}"
        );
    }
    assert_eq!(but("methods", json!({ "GET": true })).len(), 1);
    assert_eq!(
        but("methods", json!("GET")),
        [".methods: expected a non-empty list of methods, found a string"]
    );
    for method in ["get", "*", "OPTIONS", "CONNECT", ""] {
        let errors = but("methods", json!(["GET", method]));
        let found = format!(
            ".methods[1]: expected one of GET, HEAD, POST, PUT, PATCH, DELETE, found `{method}`"
        );
        assert_eq!(errors, [found], "{method}");
    }
    assert_eq!(
        but("query", json!("x")),
        [".query: unknown field, expected one of path, prefix, methods, scope"]
    );
    let nothing = of_route(json!({}));
    assert_eq!(
        nothing,
        [
            ".methods: is required",
            ".scope: is required",
            ": expected exactly one of `path` and `prefix`"
        ]
    );
    let twice = errors(&with(
        "/routes",
        json!([good, { "path": "/x", "methods": ["POST", "GET"], "scope": "manage" }]),
    ));
    assert_eq!(twice, ["routes[1]: is already mapped by another entry"]);
    assert_eq!(errors(&with("/routes", json!([]))), Vec::<String>::new());
}
