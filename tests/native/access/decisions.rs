//! Who comes in, and where to.

use crate::world::cli::Cli;
use crate::world::{ADMIN_KEY, KEY, NOW, READ_KEY, World, configuration, jwt, with};
use ollama_gate_engine::internals::Place;
use serde_json::{Value, json};

#[test]
fn a_key_and_a_token_come_in_and_nobody_else() {
    let world = World::new(&configuration());
    assert_eq!(world.bearer("GET", "/api/tags", KEY).verdict().0, 200);
    assert_eq!(
        world
            .bearer("GET", "/api/tags", &jwt(json!({})))
            .verdict()
            .0,
        200
    );
    let nobody = world.send("GET", "/api/tags", &[]).verdict();
    assert_eq!(nobody, (401, "missing_credential".into()));
    let wrong = world
        .bearer("GET", "/api/tags", "sk-alice-7c1e90b4f2d85A36")
        .verdict();
    assert_eq!(wrong, (401, "unknown_key".into()));
}

#[test]
fn a_key_in_any_place_opens_the_same_door() {
    let world = World::new(&configuration());
    for place in Place::ALL.map(Place::name) {
        let allowed = world.send("POST", "/api/chat", &[(place, KEY)]).verdict();
        assert_eq!(allowed.0, 200, "{place}");
        let denied = world.send("POST", "/api/pull", &[(place, KEY)]).verdict();
        assert_eq!(denied, (403, "scope_denied".into()), "{place}");
    }
}

#[test]
fn a_scope_is_needed_on_every_route() {
    let world = World::new(&configuration());
    for (key, method, path, status) in [
        (READ_KEY, "GET", "/api/tags", 200),
        (READ_KEY, "GET", "/", 200),
        (READ_KEY, "POST", "/api/chat", 403),
        (READ_KEY, "POST", "/v1/chat/completions", 403),
        (READ_KEY, "POST", "/v1/messages", 403),
        (KEY, "POST", "/v1/messages", 200),
        (KEY, "DELETE", "/api/delete", 403),
        (KEY, "DELETE", "/api/%64elete", 403),
        (KEY, "POST", "/api/blobs/sha256:00", 403),
        (ADMIN_KEY, "DELETE", "/api/delete", 200),
        (ADMIN_KEY, "POST", "/api/me", 200),
    ] {
        assert_eq!(
            world.bearer(method, path, key).verdict().0,
            status,
            "{method} {path}"
        );
    }
}

#[test]
fn what_is_no_route_is_told_to_those_who_are_in_and_401_to_others() {
    let world = World::new(&configuration());
    for (method, path, status, code) in [
        ("GET", "/metrics", 404, "unknown_route"),
        ("POST", "/v1/messages/count_tokens", 404, "unknown_route"),
        ("POST", "/api/web_search", 404, "unknown_route"),
        ("POST", "/api/tags/", 404, "unknown_route"),
        ("PUT", "/api/tags", 405, "method_not_allowed"),
        ("GET", "/api/delete?x=/health", 405, "method_not_allowed"),
        ("HEAD", "/api/chat", 405, "method_not_allowed"),
        ("GET", "/api/tags/", 307, "trailing_slash"),
    ] {
        let inside = world.bearer(method, path, ADMIN_KEY).verdict();
        assert_eq!(inside, (status, code.into()), "{path}");
        let outside = world.send(method, path, &[]).verdict();
        assert_eq!(outside, (401, "missing_credential".into()), "{path}");
    }
}

#[test]
fn malformed_goes_before_who() {
    let world = World::new(&configuration());
    for path in [
        "/api/../tags",
        "//api/tags",
        "/api%2ftags",
        "/api/tags%00",
        "api/tags",
        "*",
    ] {
        let verdict = world.send("GET", path, &[]).verdict();
        assert_eq!(verdict, (400, "malformed_path".into()), "{path}");
    }
    let two = world
        .send("GET", "/", &[("x-api-key", KEY), ("api-key", READ_KEY)])
        .verdict();
    assert_eq!(two, (400, "ambiguous_credential".into()));
}

#[test]
fn a_right_credential_is_not_refused_because_of_a_wrong_one() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let with_unknown_key = [
        ("authorization", good.as_str()),
        ("x-api-key", "sk-unknown-0123456789"),
    ];
    assert_eq!(
        world
            .send("GET", "/api/tags", &with_unknown_key)
            .verdict()
            .0,
        200
    );
    let with_bad_token = [("authorization", "a.b.c"), ("x-api-key", KEY)];
    assert_eq!(
        world.send("GET", "/api/tags", &with_bad_token).verdict().0,
        200
    );
    let with_placeholder = [("authorization", "Bearer ollama"), ("x-api-key", KEY)];
    assert_eq!(
        world
            .send("GET", "/api/tags", &with_placeholder)
            .verdict()
            .0,
        200
    );
    let neither = [
        ("authorization", "a.b.c"),
        ("x-api-key", "sk-unknown-0123456789"),
    ];
    assert_eq!(
        world.send("GET", "/api/tags", &neither).verdict(),
        (401, "unknown_key".into())
    );
}

#[test]
fn a_digest_that_echo_made_lets_nobody_in_and_its_key_is_told_so() {
    // `echo KEY | sha256sum`
    const OF_ECHO: &str = "0945ac7d5fe980bd804ed9f9893899c0a31821089e361b02e45ef9f4b894d6e2";
    const OF_ECHO_KEY: &str = "sk-with-a-line-break-7c1e90b4";
    let key = json!([{ "id": "echoed", "sha256": OF_ECHO }]);
    let world = World::new(&with("/api_keys/keys", key));
    let told = |key: &str| {
        let seen = world.bearer("GET", "/api/tags", key);
        assert_eq!(seen.verdict(), (401, "unknown_key".into()), "{key}");
        seen.body().to_string().contains("line break at its end")
    };
    assert!(told(OF_ECHO_KEY));
    assert!(!told("sk-with-a-line-break-7c1e90b5"));
}

#[test]
fn what_people_send_by_mistake_is_told_apart() {
    let world = World::new(&configuration());
    for (value, code) in [
        ("Bearer ollama", "placeholder_credential"),
        ("Bearer sk-no-key-required", "placeholder_credential"),
        ("Bearer EMPTY", "placeholder_credential"),
        ("Bearer lm-studio", "placeholder_credential"),
        ("Bearer dummy", "placeholder_credential"),
        ("Bearer no-key-required", "placeholder_credential"),
        ("Bearer api-key-not-set", "placeholder_credential"),
        ("Bearer fake", "placeholder_credential"),
        ("Bearer fake-key", "placeholder_credential"),
        ("Bearer noop", "placeholder_credential"),
        ("Bearer NA", "placeholder_credential"),
        ("Bearer sk-dummy", "placeholder_credential"),
        ("Bearer placeholder", "placeholder_credential"),
        ("Bearer user_provided", "placeholder_credential"),
        ("Bearer not-required", "placeholder_credential"),
        ("Bearer xxxx", "placeholder_credential"),
        ("Bearer fake-key-of-mine", "unknown_key"),
        ("Basic YWxpY2U6c2VjcmV0", "unsupported_credential"),
        ("AAAAC3NzaC1lZDI1NTE5AAAAIA:c2ln", "unsupported_credential"),
        ("Bearer two words", "malformed_credential"),
        ("Bearer ", "missing_credential"),
    ] {
        let verdict = world
            .send("GET", "/api/tags", &[("authorization", value)])
            .verdict();
        assert_eq!(verdict, (401, code.into()), "{value}");
    }
}

#[test]
fn a_kind_of_credential_that_is_not_configured_is_refused_as_such() {
    let mut only_keys = configuration();
    only_keys.as_object_mut().unwrap().remove("jwt");
    let told = |world: &World, credential: &str| {
        let seen = world.bearer("GET", "/", credential);
        assert_eq!(seen.verdict(), (401, "unsupported_credential".into()));
        seen.body()["error"].as_str().unwrap().to_owned()
    };
    let instead = told(&World::new(&only_keys), &jwt(json!({})));
    assert!(
        instead.ends_with("JWTs are not accepted here; send `Authorization: Bearer <your key>`"),
        "{instead}"
    );
    let mut only_tokens = configuration();
    only_tokens.as_object_mut().unwrap().remove("api_keys");
    let instead = told(&World::new(&only_tokens), KEY);
    assert!(
        instead
            .ends_with("API keys are not accepted here; send `Authorization: Bearer <your token>`"),
        "{instead}"
    );
}

#[test]
fn a_key_has_a_beginning_and_an_end() {
    let mut configuration = with("/api_keys/keys/0/not_before", json!("2026-01-01T00:00:00Z"));
    configuration["api_keys"]["keys"][0]["expires_at"] = json!("2026-02-01T01:00:00+01:00");
    let world = World::new(&configuration);
    let end = NOW + 31 * 86_400;
    for (seconds, status, code) in [
        (NOW - 1, 401, "key_not_yet_valid"),
        (NOW, 200, ""),
        (end - 1, 200, ""),
        (end, 401, "expired_key"),
    ] {
        world.gateway.0.seconds.set(seconds);
        let seen = world.bearer("GET", "/api/tags", KEY);
        assert_eq!(seen.verdict(), (status, code.to_owned()), "{seconds}");
        assert_eq!(
            seen.record["id"], "alice-laptop",
            "the log names the key: {seconds}"
        );
    }
}

#[test]
fn without_a_clock_nothing_that_expires_is_let_in() {
    let mut configuration = with("/public", json!(["health"]));
    configuration["api_keys"]["keys"][0]["expires_at"] = json!("2030-01-01T00:00:00Z");
    let world = World::new(&configuration);
    let not_set = |world: &World| world.bearer("GET", "/api/tags", KEY);
    world.gateway.0.seconds.set(0);
    let seen = not_set(&world);
    assert_eq!(seen.verdict(), (503, "clock_unavailable".into()));
    assert!(
        seen.reply
            .unwrap()
            .headers
            .contains(&("retry-after", "1".into()))
    );
    world.gateway.0.seconds.set(NOW);
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("wall_clock", ollama_gate::Status(10));
    assert_eq!(not_set(&world).verdict().0, 503);
    assert_eq!(
        world
            .bearer("GET", "/api/tags", &jwt(json!({})))
            .verdict()
            .0,
        503
    );
    assert_eq!(
        world.bearer("GET", "/api/tags", READ_KEY).verdict().0,
        200,
        "of this key nothing expires"
    );
    assert_eq!(
        world.send("GET", "/", &[]).verdict().0,
        200,
        "the public needs no clock"
    );
}

#[test]
fn the_public_route_is_open_and_only_that() {
    let world = World::new(&with("/public", json!(["health"])));
    for (method, path, status) in [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/api/version", 200),
        ("POST", "/", 401),
        ("GET", "/api/tags", 401),
        ("GET", "/api/tags?/api/version", 401),
    ] {
        assert_eq!(
            world.send(method, path, &[]).verdict().0,
            status,
            "{method} {path}"
        );
    }
    assert_eq!(
        World::new(&configuration())
            .send("GET", "/", &[])
            .verdict()
            .0,
        401
    );
}

#[test]
fn a_hostile_page_cannot_use_the_public_route_and_a_key_does_not_care() {
    let world = World::new(&with("/public", json!(["health"])));
    let origin = |origin| world.send("GET", "/", &[("origin", origin)]).verdict();
    for foreign in [
        "https://evil.example",
        "null",
        "",
        "http://gate.example.evil",
        "gate.example",
    ] {
        assert_eq!(origin(foreign), (403, "origin_denied".into()), "{foreign}");
    }
    assert_eq!(origin("https://gate.example").0, 200);
    let wrong = [("origin", "null"), ("authorization", "sk-wrong-0123456789")];
    assert_eq!(
        world.send("GET", "/", &wrong).verdict(),
        (401, "unknown_key".into())
    );
    let right = [("origin", "null"), ("authorization", KEY)];
    assert_eq!(world.send("GET", "/", &right).verdict().0, 200);
    let fields = [("origin", "app://obsidian.md"), ("authorization", KEY)];
    let seen = world.send("POST", "/api/chat", &fields);
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("origin").is_empty());
}

#[test]
fn a_wrong_credential_is_told_so_on_the_public_route_too() {
    let mut all = with("/public", json!(["health"]));
    all["api_keys"]["keys"][0]["expires_at"] = json!("2020-01-01T00:00:00Z");
    let world = World::new(&all);
    let good = jwt(json!({}));
    let old = jwt(json!({ "exp": NOW - 3600 }));
    for (credential, status, code) in [
        ("sk-wrong-0123456789", 401, "unknown_key"),
        (KEY, 401, "expired_key"),
        (&old, 401, "expired_token"),
        (&format!("{good}A"), 401, "invalid_signature"),
        ("ollama", 200, ""),
        (READ_KEY, 200, ""),
        (&good, 200, ""),
    ] {
        let seen = world.bearer("GET", "/api/version", credential);
        assert_eq!(seen.verdict(), (status, code.into()), "{credential}");
    }
    // What a browser sends by itself, and what cannot be known, is no reason.
    let basic = [("authorization", "Basic YTpi")];
    assert_eq!(world.send("GET", "/", &basic).verdict().0, 200);
    world.gateway.0.seconds.set(0);
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn a_websocket_is_refused_with_a_reason_whoever_asks() {
    let world = World::new(&with("/public", json!(["health"])));
    for (method, path, upgrade) in [
        ("GET", "/", "websocket"),
        ("GET", "/api/tags", "WebSocket"),
        ("GET", "/v1/responses", "h2c, websocket"),
        ("GET", "/v1/realtime", " websocket "),
    ] {
        for key in ["", KEY] {
            let fields = [("upgrade", upgrade), ("x-api-key", key)];
            let seen = world.send(method, path, &fields);
            assert_eq!(seen.verdict(), (400, "malformed_request".into()), "{path}");
            let told = seen.body().to_string();
            assert!(told.contains("WebSocket"), "{told}");
        }
    }
    // What curl sends with `--http2`.
    let fields = [("upgrade", "h2c"), ("x-api-key", KEY)];
    assert_eq!(world.send("GET", "/api/tags", &fields).verdict().0, 200);
}

#[test]
fn who_sends_no_credential_is_told_what_works_for_whom() {
    let told =
        |all: &Value| World::new(all).send("GET", "/api/tags", &[]).body()["error"].to_string();
    let without = told(&configuration());
    assert!(
        without.contains("Python library sends what OLLAMA_API_KEY"),
        "{without}"
    );
    assert!(
        without.contains("program sends no key: it needs `ollama_cli`"),
        "{without}"
    );
    let signers = json!({ "authorized_keys": [Cli::new(1).line("alice")] });
    let with_cli = told(&with("/ollama_cli", signers));
    assert!(
        with_cli.contains("program signs with its own SSH key where OLLAMA_AUTH=1"),
        "{with_cli}"
    );
}

#[test]
fn a_gate_below_a_prefix_knows_its_routes_there_and_only_there() {
    let world = World::new(&with("/path_prefix", json!("/ollama")));
    for (path, status) in [
        ("/ollama/api/tags", 200),
        ("/ollama/api/tags?a=b", 200),
        ("/ollama", 200),
        ("/ollama/", 200),
        ("/api/tags", 404),
        ("/ollamas/api/tags", 404),
        ("/ollama/ollama/api/tags", 404),
        ("/ollama/../api/tags", 400),
    ] {
        assert_eq!(world.bearer("GET", path, KEY).verdict().0, status, "{path}");
    }
    let above = world.bearer("GET", "/api/tags", KEY).body()["error"].to_string();
    assert!(above.contains("mounted at `/ollama`"), "{above}");
    let slash = world.bearer("GET", "/ollama/api/tags/?key=b", KEY);
    let headers = slash.reply.unwrap().headers;
    assert!(headers.contains(&("location", "../tags".into())));
    let seen = world.send("POST", "/ollama/v1/messages", &[]);
    assert_eq!(
        seen.body()["type"],
        "error",
        "Anthropic's dialect, below the prefix too"
    );
    let kept = world.bearer("GET", "/ollama/api/tags", KEY);
    assert_eq!(
        kept.upstream_values(":path"),
        ["/ollama/api/tags"],
        "the gateway's rewrite takes it off"
    );
}
