//! `filter_lists`: a caller with a rule for models is shown those that it may use, or nothing.

mod refused;
use crate::world::{ADMIN_KEY, Gateway, KEY, READ_KEY, World, configuration, errors, jwt, with};
use ollama_gate::{Flow, Status};
use ollama_gate_engine::Reply;
use serde_json::{Value, json};

const LISTS: [&str; 3] = ["/api/tags", "/api/ps", "/v1/models"];
const BODY: &str = r#"{"models":[{"name":"qwen3:latest","model":"qwen3:latest"},{"name":"a:latest","model":"a:latest"}]}"#;
const OWN: &str = r#"{"models":[{"name":"a:latest","model":"a:latest"}]}"#;
/// What stands before the body of such a response.
const OK: [(&str, &str); 2] = [(":status", "200"), ("content-type", "application/json")];

/// The first key may use `a` alone; heads wait.
fn filtering() -> Value {
    let mut json = with("/api_keys/keys/0/models", json!(["a"]));
    json["filter_lists"] = json!(true);
    json["host"] = json!({ "name": "envoy", "hold_head": true });
    json
}

/// What came of a response.
#[derive(Debug, Default)]
struct Came {
    /// what the callback for its head and those for its body said
    flows: Vec<Flow>,
    /// its head as it goes on
    head: Vec<(String, String)>,
    /// its body as it goes on
    body: Vec<u8>,
    /// what the gate answered in its place
    reply: Option<Reply>,
}

impl Came {
    fn text(&self) -> &str {
        assert_eq!(self.reply, None);
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Nothing of it went on, and this did in its place.
    fn refused(&self) -> (u16, Value) {
        assert_eq!(self.body, b"");
        assert!(
            !self.flows[1..].contains(&Flow::Continue),
            "{:?}",
            self.flows
        );
        let reply = self.reply.as_ref().expect("an answer");
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }

    fn code(&self) -> (u16, String) {
        let (status, body) = self.refused();
        let code = body.pointer("/error/code").or(body.get("code")).unwrap();
        (status, code.as_str().unwrap().to_owned())
    }
}

/// How the body of a response ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    LastPart,
    Nothing,
    Trailers,
}

/// What comes of a response with `head` and a body of these parts, for a request with `fields`.
fn respond(
    world: &World,
    (method, path): (&str, &str),
    fields: &[(&str, &str)],
    head: &[(&str, &str)],
    (parts, end): (&[&[u8]], End),
) -> Came {
    let state = &world.gateway.0;
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect()
    };
    let usual = [
        (":method", method),
        (":path", path),
        (":authority", "gate.example"),
    ];
    *state.headers.borrow_mut() = owned(&[&usual[..], fields].concat());
    state.replies.borrow_mut().clear();
    state.lines.borrow_mut().clear();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(9, true), Flow::Continue, "allowed");
    *state.response.borrow_mut() = owned(head);
    state.response_body.borrow_mut().clear();
    let bare = parts.is_empty() && end != End::Trailers;
    let mut came = Came::default();
    came.flows.push(filter.response_head(bare));
    let replied = || !state.replies.borrow().is_empty();
    let shown = |came: &mut Came, flow: Flow| {
        if flow == Flow::Continue {
            came.body.append(&mut state.response_body.borrow_mut());
        }
        came.flows.push(flow);
    };
    for (place, part) in parts.iter().enumerate() {
        if replied() {
            break;
        }
        state.response_body.borrow_mut().extend_from_slice(part);
        let size = state.response_body.borrow().len();
        let last = place + 1 == parts.len() && end == End::LastPart;
        let flow = filter.response_body(size, last);
        shown(&mut came, flow);
    }
    if !bare && !replied() && end != End::LastPart {
        let size = state.response_body.borrow().len();
        let flow = match end {
            End::Trailers => filter.response_trailers(),
            _ => filter.response_body(size, true),
        };
        shown(&mut came, flow);
    }
    came.head.clone_from(&state.response.borrow());
    came.reply = state.replies.borrow().first().cloned();
    came
}

/// A list in one piece, for the holder of `key`.
fn list(world: &World, path: &str, key: &str, head: &[(&str, &str)], body: &str) -> Came {
    let parts = [body.as_bytes()];
    let key = [("x-api-key", key)];
    respond(world, ("GET", path), &key, head, (&parts, End::LastPart))
}

fn tags(world: &World, body: &str) -> Came {
    list(world, "/api/tags", KEY, &OK, body)
}

#[test]
fn whoever_has_a_rule_for_models_is_shown_those() {
    let world = World::new(&filtering());
    for path in LISTS {
        let came = list(&world, path, KEY, &OK, BODY);
        assert_eq!(came.text(), OWN, "{path}");
        assert_eq!(
            came.flows,
            [Flow::Pause, Flow::Continue],
            "held, then gone on: {path}"
        );
        let openai = r#"{"object":"list","data":[{"id":"qwen3"},{"id":"a"}]}"#;
        let came = list(&world, path, KEY, &OK, openai);
        assert_eq!(
            came.text(),
            r#"{"object":"list","data":[{"id":"a"}]}"#,
            "{path}"
        );
    }
}

#[test]
fn where_heads_do_not_wait_the_head_goes_first_and_the_body_is_filtered_all_the_same() {
    let mut json = filtering();
    json["host"] = json!({ "name": "istio" });
    let world = World::new(&json);
    let came = tags(&world, BODY);
    assert_eq!(
        (came.text(), &came.flows[..]),
        (OWN, &[Flow::Continue; 2][..])
    );
    let came = tags(&world, "qwen3");
    assert_eq!(came.flows, [Flow::Continue, Flow::Pause]);
    assert_eq!(came.code(), (502, "unreadable_list".into()));
}

#[test]
fn nobody_else_and_no_other_response_is_touched() {
    let world = World::new(&filtering());
    let before = [OK[0], OK[1], ("content-length", "5"), ("etag", "x")];
    let untouched = |request: (&str, &str), key: &str| {
        let key = [("x-api-key", key), ("accept-encoding", "gzip")];
        let parts = (&[&b"qw"[..], b"en3"][..], End::LastPart);
        world.gateway.0.calls.borrow_mut().clear();
        let came = respond(&world, request, &key, &before, parts);
        assert_eq!(came.text(), "qwen3", "{request:?}");
        assert_eq!(came.flows, [Flow::Continue; 3]);
        let head = came.head.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        assert_eq!(head.collect::<Vec<_>>(), before);
        let sent = world.gateway.0.headers.borrow();
        assert!(sent.contains(&("accept-encoding".into(), "gzip".into())));
        let calls = world.gateway.0.calls.borrow();
        assert!(
            !calls.iter().any(|call| call.contains("response")),
            "{calls:?}"
        );
    };
    for path in LISTS {
        for key in [READ_KEY, ADMIN_KEY] {
            untouched(("GET", path), key);
        }
    }
    for request in [
        ("HEAD", "/api/tags"),
        ("GET", "/v1/models/a"),
        ("GET", "/api/version"),
        ("GET", "/api/status"),
        ("GET", "/api/experimental/model-recommendations"),
    ] {
        untouched(request, KEY);
    }
}

#[test]
fn without_the_switch_everybody_is_shown_all_and_no_call_is_made() {
    for json in [filtering(), with("/mode", json!("enforce"))] {
        let mut json = json;
        json["filter_lists"] = json!(false);
        let world = World::new(&json);
        assert_eq!(tags(&world, BODY).text(), BODY, "{json}");
        let calls = world.gateway.0.calls.borrow();
        assert!(
            !calls.iter().any(|call| call.contains("response")),
            "{json}: {calls:?}"
        );
    }
}

#[test]
fn report_mode_changes_no_list() {
    let mut json = filtering();
    json["mode"] = json!("report");
    let world = World::new(&json);
    let came = tags(&world, BODY);
    assert_eq!(
        (came.text(), &came.flows[..]),
        (BODY, &[Flow::Continue; 2][..])
    );
    let calls = world.gateway.0.calls.borrow();
    assert!(
        !calls.iter().any(|call| call.contains("response")),
        "{calls:?}"
    );
}

#[test]
fn whoever_may_use_every_model_is_shown_every_model() {
    let mut json = filtering();
    json["api_keys"]["keys"][0]["models"] = json!(["a", "*"]);
    let world = World::new(&json);
    let came = tags(&world, "not even a list");
    assert_eq!(came.text(), "not even a list");
}

#[test]
fn a_key_without_any_model_is_shown_none() {
    let mut json = filtering();
    json["api_keys"]["keys"][0]["models"] = json!([]);
    let world = World::new(&json);
    assert_eq!(tags(&world, BODY).text(), r#"{"models":[]}"#);
}

#[test]
fn tokens_users_and_those_without_a_credential_have_rules_too() {
    let mut json = filtering();
    json["jwt"][0]["models_claim"] = json!("models");
    json["jwt"][0]["models"] = json!(["a", "b"]);
    json["allow_anonymous"] = json!({ "scopes": ["read"], "models": ["a"] });
    let world = World::new(&json);
    let three = r#"{"models":[{"name":"a"},{"name":"b"},{"name":"c"}]}"#;
    let ask = |fields: &[(&str, &str)]| {
        let parts = (&[three.as_bytes()][..], End::LastPart);
        let came = respond(&world, ("GET", "/api/tags"), fields, &OK, parts);
        came.text().to_owned()
    };
    assert_eq!(ask(&[]), r#"{"models":[{"name":"a"}]}"#);
    for (claim, expected) in [
        (json!("b c"), r#"{"models":[{"name":"b"}]}"#),
        (json!(["*"]), r#"{"models":[{"name":"a"},{"name":"b"}]}"#),
        (json!([]), r#"{"models":[]}"#),
    ] {
        let token = format!("Bearer {}", jwt(json!({ "models": claim })));
        assert_eq!(ask(&[("authorization", &token)]), expected, "{claim}");
    }
}

#[test]
fn below_a_prefix_a_list_is_a_list_and_a_mapped_route_is_none() {
    let mut json = filtering();
    json["path_prefix"] = json!("/ollama");
    json["routes"] = json!([{ "path": "/extra/tags", "methods": ["GET"], "scope": "read" }]);
    json["api_keys"]["keys"][0]["models"] = json!(["a"]);
    let world = World::new(&json);
    assert_eq!(
        list(&world, "/ollama/api/tags?x=1", KEY, &OK, BODY).text(),
        OWN
    );
    assert_eq!(
        list(&world, "/ollama/v1/%6dodels", KEY, &OK, BODY).text(),
        OWN
    );
    let seen = world.send("GET", "/ollama/extra/tags", &[("x-api-key", KEY)]);
    assert_eq!(
        seen.verdict(),
        (403, "model_denied".into()),
        "nobody can say what it is about"
    );
}

#[test]
fn ollama_is_asked_for_a_list_that_can_be_read() {
    let world = World::new(&filtering());
    for fields in [
        &[("x-api-key", KEY)][..],
        &[("x-api-key", KEY), ("accept-encoding", "gzip, br;q=0.5")],
        &[("x-api-key", KEY), ("accept-encoding", "identity;q=0")],
    ] {
        let seen = world.send("GET", "/api/tags", fields);
        assert_eq!(
            seen.upstream_values("accept-encoding"),
            ["identity"],
            "{fields:?}"
        );
    }
}

#[test]
fn what_the_head_says_of_the_whole_body_is_taken_out_and_the_rest_stays() {
    let world = World::new(&filtering());
    let mut head = OK.to_vec();
    for name in [
        "Content-Length",
        "ETag",
        "Last-Modified",
        "Accept-Ranges",
        "Content-MD5",
        "Digest",
        "Content-Digest",
        "Repr-Digest",
    ] {
        head.push((name, "1"));
    }
    head.push(("x-other", "kept"));
    let came = list(&world, "/api/tags", KEY, &head, BODY);
    assert_eq!(came.text(), OWN);
    let left = came.head.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    assert_eq!(
        left.collect::<Vec<_>>(),
        [OK[0], OK[1], ("x-other", "kept")]
    );
}

#[test]
fn a_body_may_come_in_two_parts_that_meet_anywhere_or_byte_by_byte() {
    let world = World::new(&filtering());
    let key = [("x-api-key", KEY)];
    for end in [End::LastPart, End::Nothing, End::Trailers] {
        let come = |parts: &[&[u8]]| {
            let came = respond(&world, ("GET", "/api/tags"), &key, &OK, (parts, end));
            assert_eq!(came.text(), OWN, "{end:?}");
            let (last, before) = came.flows.split_last().unwrap();
            assert_eq!(*last, Flow::Continue, "{end:?}");
            assert!(before.iter().all(|flow| *flow == Flow::Pause), "{end:?}");
        };
        for place in 0..=BODY.len() {
            let (one, other) = BODY.as_bytes().split_at(place);
            come(&[one, other]);
        }
        come(&BODY.as_bytes().chunks(1).collect::<Vec<_>>());
    }
}

#[test]
fn a_page_that_is_listed_may_read_the_list_and_its_refusal() {
    let mut json = filtering();
    json["cors"] = json!({ "allow_origins": ["https://app.example.com"] });
    let world = World::new(&json);
    let fields = [("x-api-key", KEY), ("origin", "https://app.example.com")];
    let allow = ("access-control-allow-origin", "https://app.example.com");
    let allow = (allow.0.to_owned(), allow.1.to_owned());
    for (head, body) in [
        (&OK[..], BODY),
        (&OK[..], "x"),
        (&[(":status", "206")], BODY),
    ] {
        let parts = (&[body.as_bytes()][..], End::LastPart);
        let came = respond(&world, ("GET", "/api/tags"), &fields, head, parts);
        match &came.reply {
            None => assert!(came.head.contains(&allow), "{head:?}, {body:?}"),
            Some(reply) => {
                assert_eq!(reply.status, 502, "{head:?}, {body:?}");
                assert!(
                    reply
                        .headers
                        .iter()
                        .any(|(n, v)| (*n, v) == (&allow.0, &allow.1)),
                    "{head:?}, {body:?}"
                );
            }
        }
    }
}
