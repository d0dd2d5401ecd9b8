//! `cors.allow_origins`: pages of other sites that may use the gate, and those that may not.

use crate::world::{
    Gateway, KEY, NOW, READ_KEY, Seen, World, configuration, errors, jwks, jwt, remote, signer,
    with,
};
use ollama_gate::{CallToken, Flow, Status};
use ollama_gate_engine::Level;
use serde_json::{Value, json};

const APP: &str = "https://app.example.com";
const OTHER: &str = "http://localhost:3000";
const FOREIGN: [&str; 8] = [
    "https://evil.example",
    "null",
    "",
    "https://app.example.com.evil",
    "https://app.example.com:8443",
    "http://app.example.com",
    "https://APP.example.com",
    "https://gate.example",
];

fn allowing() -> Value {
    with("/cors", json!({ "allow_origins": [APP, OTHER] }))
}

fn header<'s>(seen: &'s Seen, name: &str) -> Option<&'s str> {
    let headers = &seen.reply.as_ref().unwrap().headers;
    let mut values = headers.iter().filter(|header| header.0 == name);
    let value = values.next().map(|header| header.1.as_str());
    assert_eq!(values.next(), None, "{name} twice");
    value
}

fn preflight(world: &World, path: &str, origin: &str, headers: &str) -> Seen {
    let fields = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", headers),
    ];
    world.send("OPTIONS", path, &fields)
}

/// What becomes of Ollama's response to a request, its header being `before`.
fn response(world: &World, fields: &[(&str, &str)], before: &[(&str, &str)]) -> Vec<String> {
    let usual = [
        (":method", "POST"),
        (":path", "/v1/chat/completions"),
        (":authority", "gate.example"),
    ];
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect()
    };
    *world.gateway.0.headers.borrow_mut() = owned(&[&usual[..], fields].concat());
    *world.gateway.0.response.borrow_mut() = owned(before);
    let mut filter = world.root.filter();
    let _ = filter.request_head(fields.len(), true);
    world.gateway.0.calls.borrow_mut().clear();
    assert_eq!(filter.response_head(false), Flow::Continue);
    let response = world.gateway.0.response.borrow();
    response.iter().map(|(n, v)| format!("{n}: {v}")).collect()
}

#[test]
fn a_preflight_of_a_listed_site_is_answered_without_a_credential_on_every_path() {
    let world = World::new(&allowing());
    for path in ["/v1/chat/completions", "/api/delete", "/metrics", "/"] {
        let seen = preflight(&world, path, APP, "authorization,content-type");
        let reply = seen.reply.as_ref().unwrap();
        assert_eq!(
            (reply.status, &reply.body[..]),
            (200, &b"ok\n"[..]),
            "{path}"
        );
        assert!(seen.upstream.is_none(), "{path}");
        assert_eq!(
            header(&seen, "access-control-allow-origin"),
            Some(APP),
            "{path}"
        );
        assert_eq!(
            header(&seen, "access-control-allow-methods"),
            Some("GET, HEAD, POST, PUT, PATCH, DELETE"),
            "{path}"
        );
        assert_eq!(
            header(&seen, "access-control-max-age"),
            Some("600"),
            "{path}"
        );
        let vary = "Origin, Access-Control-Request-Headers";
        assert_eq!(header(&seen, "vary"), Some(vary), "{path}");
        assert_eq!(
            header(&seen, "access-control-allow-credentials"),
            None,
            "{path}"
        );
    }
    let seen = preflight(&world, "/", OTHER, "");
    assert_eq!(header(&seen, "access-control-allow-origin"), Some(OTHER));
}

#[test]
fn the_headers_of_every_common_client_may_be_sent() {
    let world = World::new(&allowing());
    let asked = "authorization,content-type,x-api-key,anthropic-version,anthropic-beta,\
                 anthropic-dangerous-direct-browser-access,x-stainless-lang,x-stainless-retry-count,\
                 openai-beta,api-key,x-ollama-token,user-agent,accept,x-requested-with";
    let seen = preflight(&world, "/v1/messages", APP, asked);
    let allowed = header(&seen, "access-control-allow-headers").unwrap();
    let allowed: Vec<_> = allowed.split(", ").collect();
    for name in asked.split(',') {
        assert!(allowed.contains(&name), "{name}: {allowed:?}");
    }
    let seen = preflight(
        &world,
        "/",
        APP,
        "cookie,x-forwarded-user,x-evil\r\nset-cookie",
    );
    let allowed = header(&seen, "access-control-allow-headers").unwrap();
    for name in ["cookie", "x-forwarded-user", "evil", "\r"] {
        assert!(!allowed.contains(name), "{name}: {allowed}");
    }
}

#[test]
fn a_preflight_of_any_other_site_is_refused_and_tells_it_nothing() {
    let world = World::new(&allowing());
    for origin in FOREIGN {
        let seen = preflight(&world, "/v1/chat/completions", origin, "authorization");
        assert_eq!(seen.verdict(), (403, "origin_denied".into()), "{origin}");
        let reply = seen.reply.as_ref().unwrap();
        for (name, _) in &reply.headers {
            assert!(!name.starts_with("access-control"), "{origin}: {name}");
        }
        assert_eq!(seen.record["code"], "origin_denied", "{origin}");
        assert_eq!(seen.record["method"], "OPTIONS", "{origin}");
        assert_eq!(seen.record["path"], "/v1/chat/completions", "{origin}");
    }
}

#[test]
fn options_that_no_browser_asks_with_is_a_method_like_others() {
    let world = World::new(&allowing());
    for fields in [
        &[][..],
        &[("origin", APP)],
        &[("access-control-request-method", "POST")],
    ] {
        let seen = world.send("OPTIONS", "/api/tags", fields);
        assert_eq!(
            seen.verdict(),
            (401, "missing_credential".into()),
            "{fields:?}"
        );
        let inside = [fields, &[("x-api-key", KEY)]].concat();
        let seen = world.send("OPTIONS", "/api/tags", &inside);
        assert_eq!(
            seen.verdict(),
            (405, "method_not_allowed".into()),
            "{fields:?}"
        );
    }
    let unlisted = World::new(&configuration());
    let seen = preflight(&unlisted, "/api/tags", APP, "authorization");
    assert_eq!(seen.verdict(), (401, "missing_credential".into()));
    let told = seen.body()["error"].to_string();
    assert!(
        told.contains("lists that site in `cors.allow_origins`"),
        "{told}"
    );
    let malformed = preflight(&world, "/api/../tags", APP, "");
    assert_eq!(malformed.verdict(), (400, "malformed_path".into()));
    let twice = [
        ("origin", APP),
        ("origin", APP),
        ("access-control-request-method", "POST"),
    ];
    let seen = world.send("OPTIONS", "/api/tags", &twice);
    assert_eq!(seen.verdict(), (400, "malformed_request".into()));
}

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
fn a_listed_site_is_not_foreign_where_nothing_has_to_be_proved() {
    let mut open = allowing();
    open["public"] = json!(["health"]);
    open["allow_anonymous"] = json!({ "scopes": ["inference"] });
    let world = World::new(&open);
    for (method, path) in [("GET", "/"), ("POST", "/v1/chat/completions")] {
        let listed = world.send(method, path, &[("origin", OTHER)]);
        assert_eq!(listed.verdict().0, 200, "{path}");
        assert!(
            listed.upstream_values("origin").is_empty(),
            "{method} {path}"
        );
        let same = [("origin", "https://gate.example")];
        assert_eq!(
            world.send(method, path, &same).verdict().0,
            200,
            "{method} {path}"
        );
        for origin in FOREIGN.iter().filter(|origin| **origin != same[0].1) {
            let seen = world.send(method, path, &[("origin", origin)]);
            assert_eq!(seen.verdict(), (403, "origin_denied".into()), "{origin}");
        }
    }
    let listed = world.send("GET", "/api/tags", &[("origin", OTHER)]);
    assert_eq!(listed.verdict(), (401, "missing_credential".into()));
}

#[test]
fn a_listed_site_is_not_foreign_where_a_browser_adds_the_credential() {
    let mut cookies = allowing();
    cookies["jwt"][0]["cookie"] = json!("token");
    let world = World::new(&cookies);
    let cookie = format!("token={}", jwt(json!({})));
    let send = |origin| {
        let fields = [("origin", origin), ("cookie", cookie.as_str())];
        world.send("POST", "/api/chat", &fields).verdict()
    };
    assert_eq!(send(APP).0, 200);
    for origin in FOREIGN
        .iter()
        .filter(|origin| !origin.ends_with("//gate.example"))
    {
        assert_eq!(send(origin), (403, "origin_denied".into()), "{origin}");
    }
}

#[test]
fn a_program_with_a_key_needs_no_listed_origin() {
    let world = World::new(&allowing());
    let fields = [("origin", "app://obsidian.md"), ("x-api-key", KEY)];
    let seen = world.send("POST", "/api/chat", &fields);
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("origin").is_empty());
}

#[test]
fn a_request_that_waits_for_keys_can_be_read_as_well() {
    let mut waiting = remote(json!({}));
    waiting["cors"] = json!({ "allow_origins": [APP] });
    for (keys, forwarded) in [(jwks(&[signer(1).jwk("k1")]), true), (Vec::new(), false)] {
        let world = World::new(&waiting);
        let token = format!("Bearer {}", signer(1).token("k1", json!({})));
        let fields = [
            (":method", "GET"),
            (":path", "/api/tags"),
            (":authority", "gate.example"),
            ("origin", APP),
            ("authorization", &token),
        ];
        let state = &world.gateway.0;
        *state.headers.borrow_mut() = fields.map(|(n, v)| (n.into(), v.into())).into();
        let mut filter = world.root.filter();
        assert_eq!(
            filter.request_head(fields.len(), true),
            Flow::Pause,
            "{keys:?}, {forwarded:?}"
        );
        assert_eq!(
            state.http_calls.borrow().len(),
            1,
            "{keys:?}, {forwarded:?}"
        );
        let size = keys.len();
        *state.answer.borrow_mut() = Some((200, keys.clone()));
        filter.call_done(CallToken(1), size);
        let _ = filter.response_head(false);
        let read = ("access-control-allow-origin".to_owned(), APP.to_owned());
        assert_eq!(
            state.response.borrow().contains(&read),
            forwarded,
            "{keys:?}, {forwarded:?}"
        );
        let replies = state.replies.borrow();
        let told = replies.first().map(|reply| {
            let mut headers = reply.headers.iter();
            headers.any(|(name, value)| *name == read.0 && *value == read.1)
        });
        assert_eq!(
            told,
            (!forwarded).then_some(true),
            "{keys:?}, {forwarded:?}"
        );
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

#[test]
fn the_file_with_fewer_exports_refuses_it_and_names_the_other() {
    let of = |configuration: &Value| {
        let gateway = Gateway::default();
        gateway.0.has_fewer_exports.set(true);
        World::on(gateway, configuration.to_string().as_bytes())
    };
    let world = of(&allowing());
    assert!(!world.configured);
    assert_eq!(
        world.errors(),
        [
            "cors: needs the callbacks for responses, which `ollama_gate_envoy.wasm` leaves out: load \
             `ollama_gate.wasm` in its place"
        ]
    );
    let seen = world.bearer("GET", "/", KEY);
    assert_eq!(seen.verdict(), (500, "misconfigured".into()));
    for none in [json!({}), json!([]), json!({ "allow_origins": [] })] {
        assert!(of(&with("/cors", none.clone())).configured, "{none}");
    }
    assert!(of(&configuration()).configured);
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    let expected = "expected an origin as browsers write it, such as \"https://app.example.com\": in lower case, \
                    without a slash or a path behind it, and without the scheme's own port, found";
    for (origin, message) in [
        (
            "*",
            "stands for sites that nobody has listed, write out each origin".to_owned(),
        ),
        (
            "https://*.example.com",
            "stands for sites that nobody has listed, write out each origin".to_owned(),
        ),
        (
            "null",
            "is the origin of every page that hides its own, and cannot be listed".to_owned(),
        ),
        (
            "https://a.example/",
            format!("{expected} `https://a.example/`"),
        ),
        ("a.example", format!("{expected} `a.example`")),
        ("https://a:443", format!("{expected} `https://a:443`")),
    ] {
        let found = errors(&with("/cors", json!({ "allow_origins": [APP, origin] })));
        assert_eq!(
            found,
            [format!("cors.allow_origins[1]: {message}")],
            "{origin}"
        );
    }
    for (value, message) in [
        (
            json!({ "allow_origins": [APP, OTHER, APP] }),
            "cors.allow_origins[2]: is a duplicate",
        ),
        (
            json!({ "allow_origins": APP }),
            "cors.allow_origins: expected a list of origins, found a string",
        ),
        (
            json!({ "allow_origins": [7] }),
            &format!("cors.allow_origins[0]: {expected} `7`"),
        ),
        (json!(true), "cors: expected an object, found a boolean"),
        (
            json!({ "origins": [APP] }),
            "cors.origins: unknown field, expected one of allow_origins, allow_headers",
        ),
    ] {
        assert_eq!(errors(&with("/cors", value.clone())), [message], "{value}");
    }
}

#[test]
fn a_page_may_send_the_headers_that_are_listed_and_no_other() {
    let listing = json!({ "allow_origins": [APP], "allow_headers": ["X-Title", "HTTP-Referer"] });
    let asked = "x-title,http-referer,x-other,cookie";
    for (cors, expected) in [
        (listing, "x-requested-with, x-title, http-referer"),
        (json!({ "allow_origins": [APP] }), "x-requested-with"),
    ] {
        let world = World::new(&with("/cors", cors.clone()));
        let seen = preflight(&world, "/v1/chat/completions", APP, asked);
        let allowed = header(&seen, "access-control-allow-headers").unwrap();
        assert!(allowed.ends_with(expected), "{cors}: {allowed}");
        assert!(
            !allowed.contains("x-other") && !allowed.contains("cookie"),
            "{cors}: {allowed}"
        );
        let seen = preflight(
            &world,
            "/v1/chat/completions",
            "https://evil.example",
            asked,
        );
        assert_eq!(
            header(&seen, "access-control-allow-headers"),
            None,
            "{cors}"
        );
    }
}

#[test]
fn a_header_that_no_page_may_set_is_not_listed() {
    for (name, expected) in [
        ("*", "expected the name of a header"),
        ("x title", "expected the name of a header"),
        ("", "expected the name of a header"),
        ("Authorization", "may be sent anyway"),
        ("OpenAI-Beta", "may be sent anyway"),
        ("Cookie", "is for browsers and gateways alone to set"),
        ("Host", "is for browsers and gateways alone to set"),
        ("Origin", "is for browsers and gateways alone to set"),
        (
            "Content-Length",
            "is for browsers and gateways alone to set",
        ),
        (
            "Sec-Fetch-Site",
            "is for browsers and gateways alone to set",
        ),
        ("apikey", "never reaches Ollama"),
        ("X-Forwarded-User", "never reaches Ollama"),
    ] {
        let cors = json!({ "allow_origins": [APP], "allow_headers": [name] });
        let found = errors(&with("/cors", cors));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(
            found[0].starts_with("cors.allow_headers[0]: "),
            "{name}: {found:?}"
        );
        assert!(found[0].contains(expected), "{name}: {found:?}");
    }
    let twice = json!({ "allow_origins": [APP], "allow_headers": ["X-Title", "x-title"] });
    assert_eq!(
        errors(&with("/cors", twice)),
        ["cors.allow_headers[1]: is listed already"]
    );
    for none in [
        json!({ "allow_headers": ["X-Title"] }),
        json!({ "allow_origins": [], "allow_headers": ["X-Title"] }),
    ] {
        let expected = "cors.allow_headers: has no effect without sites in `allow_origins`";
        assert_eq!(errors(&with("/cors", none.clone())), [expected], "{none}");
    }
}
