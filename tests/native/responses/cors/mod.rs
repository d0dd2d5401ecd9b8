//! `cors.allow_origins`: pages of other sites that may use the gate, and those that may not.

mod answers;
mod configuration;

use crate::world::{KEY, Seen, World, configuration, jwks, jwt, remote, signer, with};
use ollama_gate::{CallToken, Flow};
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
