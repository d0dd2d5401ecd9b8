//! A credential that stands in more than its own header: under other names, in the query, in the log.

use crate::world::cli::Cli;
use crate::world::{ADMIN_KEY, KEY, NOW, Seen, World, configuration, jwt, with};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ollama_gate::{Flow, Status};
use serde_json::json;
use std::collections::HashMap;

/// Headers of clients and of other gateways that the gate's list does not know.
const UNKNOWN: [&str; 7] = [
    "X-Team-Key",
    "x-anything",
    "Referer",
    "X-Original-URL",
    "X-Forwarded-Uri",
    "Sec-WebSocket-Protocol",
    "baggage",
];

/// Sends a request with an id of its own.
fn with_id(world: &World, method: &str, path: &str, id: &str, credential: &str) -> Seen {
    world.send_raw(&[
        (":method", method),
        (":path", path),
        (":authority", "gate.example"),
        ("authorization", credential),
        ("x-request-id", id),
    ])
}

/// `key` as it may stand elsewhere.
fn spellings(key: &str) -> Vec<String> {
    let percent =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    vec![
        key.to_owned(),
        format!("Bearer {key}"),
        format!("https://app.example/?api_key={key}&x=1"),
        percent(key),
        percent(&percent(key)),
        format!("Basic {}", STANDARD.encode(format!("alice:{key}"))),
        format!("Basic {}", STANDARD.encode(format!(":{key}"))),
        URL_SAFE_NO_PAD.encode(format!("user:{key}:more")),
        STANDARD.encode(key).replace('=', "%3d"),
    ]
}

#[test]
fn a_header_that_holds_the_credential_goes_whatever_its_name() {
    let world = World::new(&configuration());
    for credential in [KEY.to_owned(), jwt(json!({}))] {
        for place in ["authorization", "x-api-key", "api-key", "x-ollama-token"] {
            for name in UNKNOWN {
                for value in spellings(&credential) {
                    let fields = [
                        (place, &*credential),
                        (name, &value),
                        ("x-harmless", "stays"),
                    ];
                    let seen = world.send("GET", "/api/tags", &fields);
                    assert_eq!(seen.verdict().0, 200, "{name}: {value}");
                    assert!(seen.upstream_values(name).is_empty(), "{name}: {value}");
                    assert_eq!(
                        seen.upstream_values("x-harmless"),
                        ["stays"],
                        "{name}: {value}"
                    );
                    assert_eq!(
                        seen.upstream_values("user-agent"),
                        ["test"],
                        "{name}: {value}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_header_that_other_gateways_read_a_credential_from_goes_whatever_it_holds() {
    let world = World::new(&configuration());
    for name in [
        "X-Authorization",
        "X-Auth",
        "X-Proxy-Authorization",
        "X-Serverless-Authorization",
        "Authentication",
        "X-RapidAPI-Key",
        "X-Gitlab-Token",
        "X-OpenAI-Api-Key",
        "Anthropic-Api-Key",
        "X-Client-Secret",
        "X_Client_Secret",
        "x-jwt",
    ] {
        let fields = [("authorization", KEY), (name, "another one's")];
        let seen = world.send("GET", "/api/tags", &fields);
        assert_eq!(seen.verdict().0, 200, "{name}");
        assert!(seen.upstream_values(name).is_empty(), "{name}");
    }
}

#[test]
fn what_only_resembles_the_credential_stays() {
    let world = World::new(&configuration());
    let cut = &KEY[..KEY.len() - 1];
    for value in [
        cut,
        &KEY.to_uppercase(),
        ADMIN_KEY,
        "0123456789abcdef",
        "Bearer",
    ] {
        let seen = world.send("GET", "/", &[("authorization", KEY), ("x-other", value)]);
        assert_eq!(seen.upstream_values("x-other"), [value], "{value}");
    }
}

#[test]
fn a_public_or_anonymous_request_keeps_no_copy_either() {
    let mut configuration = with("/public", json!(["health"]));
    configuration["allow_anonymous"] = json!({ "scopes": ["read"] });
    let world = World::new(&configuration);
    for path in ["/", "/api/tags"] {
        let seen = world.send("GET", path, &[("authorization", KEY), ("x-other", KEY)]);
        assert_eq!(seen.verdict().0, 200, "{path}");
        assert!(seen.upstream_values("x-other").is_empty(), "{path}");
    }
}

#[test]
fn a_password_goes_with_its_name_and_by_itself() {
    let world = World::new(&configuration());
    // A key in the password's place.
    let text = STANDARD.encode(format!("anybody:{KEY}"));
    let basic = format!("Basic {text}");
    for value in [
        &text,
        &basic,
        KEY,
        &format!("anybody:{KEY}"),
        &format!("x{KEY}x"),
    ] {
        let fields = [("authorization", &*basic), ("x-other", value)];
        let seen = world.send("GET", "/api/tags", &fields);
        assert_eq!(seen.verdict().0, 200, "{value}");
        assert!(seen.upstream_values("x-other").is_empty(), "{value}");
    }
    let seen = world.send(
        "GET",
        "/api/tags",
        &[("authorization", &*basic), ("x-other", "anybody")],
    );
    assert_eq!(seen.upstream_values("x-other"), ["anybody"]);
}

#[test]
fn a_key_in_the_place_of_the_name_goes_by_itself_and_is_refused_in_the_query() {
    let world = World::new(&configuration());
    let basic = format!("Basic {}", STANDARD.encode(format!("{KEY}:")));
    for value in [KEY, &format!("Bearer {KEY}"), &STANDARD.encode(KEY)] {
        let fields = [("authorization", &*basic), ("x-other", value)];
        let seen = world.send("GET", "/api/tags", &fields);
        assert_eq!(seen.verdict().0, 200, "{value}");
        assert!(seen.upstream_values("x-other").is_empty(), "{value}");
    }
    let path = format!("/api/tags?api_key={KEY}");
    let seen = world.send("GET", &path, &[("authorization", &*basic)]);
    assert_eq!(seen.verdict(), (400, "exposed_credential".into()));
}

#[test]
fn a_token_in_a_cookie_and_one_that_names_a_user_go_too() {
    let mut configuration = with("/jwt/0/cookie", json!("token"));
    let world = World::new(&configuration);
    let token = jwt(json!({}));
    let cookie = format!("a=b; token={token}");
    let seen = world.send(
        "GET",
        "/api/tags",
        &[("cookie", &*cookie), ("x-other", &*token)],
    );
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("x-other").is_empty());

    configuration = with("/jwt/0/header", json!("X-Team-User-Jwt"));
    configuration["api_keys"]["keys"][0]["users"] = json!("open-webui");
    let world = World::new(&configuration);
    let fields = [
        ("authorization", KEY),
        ("x-team-user-jwt", &*token),
        ("x-other", &*token),
    ];
    let seen = world.send("GET", "/api/tags", &fields);
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("x-other").is_empty());
}

#[test]
fn a_signature_of_the_cli_goes_from_other_headers() {
    let cli = Cli::new(1);
    let mut configuration = configuration();
    configuration["ollama_cli"] = json!({ "authorized_keys": [cli.line("alice")] });
    let world = World::new(&configuration);
    let target = format!("/api/tags?ts={NOW}");
    let signature = cli.header("GET", "/api/tags", NOW);
    let fields = [("authorization", &*signature), ("x-other", &*signature)];
    let seen = world.send("GET", &target, &fields);
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("x-other").is_empty());
}

#[test]
fn a_credential_in_the_path_or_the_query_is_refused_whether_it_is_good_or_not() {
    let world = World::new(&configuration());
    for credential in [
        KEY.to_owned(),
        jwt(json!({})),
        "sk-stranger-0123456789abcdef".to_owned(),
    ] {
        for value in spellings(&credential) {
            let value = value
                .replace(' ', "%20")
                .replace('?', "%3f")
                .replace('&', "%26");
            for path in [
                format!("/api/tags?api_key={value}"),
                format!("/api/tags?a=b&{value}=c"),
                format!("/api/tags?{value}"),
            ] {
                let seen = world.send("GET", &path, &[("authorization", &*credential)]);
                assert_eq!(seen.verdict(), (400, "exposed_credential".into()), "{path}");
                assert!(!seen.body().to_string().contains(&credential), "{path}");
            }
        }
    }
    let path = format!("/v1/models/{KEY}");
    let seen = world.send("GET", &path, &[("authorization", KEY)]);
    assert_eq!(seen.verdict(), (400, "exposed_credential".into()));
    let other = world.send(
        "GET",
        "/api/tags?api_key=another",
        &[("authorization", KEY)],
    );
    assert_eq!(other.verdict().0, 200);
}

#[test]
fn where_nothing_can_be_taken_out_the_request_is_refused() {
    let world = World::new(&configuration());
    for name in [
        "content-type",
        "Content-Encoding",
        "connection",
        "te",
        "expect",
        "upgrade",
    ] {
        let seen = world.send("GET", "/api/tags", &[("authorization", KEY), (name, KEY)]);
        assert_eq!(seen.verdict(), (400, "exposed_credential".into()), "{name}");
    }
}

#[test]
fn two_headers_of_one_name_are_refused_where_one_holds_the_credential() {
    let world = World::new(&configuration());
    for values in [[KEY, "b"], ["b", KEY], [KEY, KEY]] {
        let fields = [
            ("authorization", KEY),
            ("x-other", values[0]),
            ("X-Other", values[1]),
        ];
        let seen = world.send("GET", "/", &fields);
        assert_eq!(
            seen.verdict(),
            (400, "malformed_request".into()),
            "{values:?}"
        );
    }
}

#[test]
fn a_request_id_that_holds_a_credential_is_in_no_line_and_no_answer() {
    let mut configuration = configuration();
    configuration["log"] = json!({ "allowed": true });
    let world = World::new(&configuration);
    let token = jwt(json!({}));
    for (credential, id) in [
        (KEY, KEY.to_owned()),
        (KEY, format!("a-{KEY}-b")),
        (KEY, STANDARD.encode(KEY)),
        ("", KEY.to_owned()),
        ("", format!("id={KEY}")),
        ("", format!("req-{KEY}")),
        ("", token.clone()),
        (
            "sk-wrong-0123456789abcdef",
            "sk-wrong-0123456789abcdef".to_owned(),
        ),
        (
            "a-key-without-its-mark-1234",
            "a-key-without-its-mark-1234".to_owned(),
        ),
        (&token, token.clone()),
    ] {
        for (method, path) in [
            ("POST", "/v1/messages"),
            ("GET", "/api/tags"),
            ("GET", "/api/unknown"),
        ] {
            let seen = with_id(&world, method, path, &id, credential);
            assert_eq!(seen.record.get("request_id"), None, "{id}");
            let lines = world.gateway.0.lines.borrow();
            assert!(lines.iter().all(|(_, line)| !line.contains(&id)), "{id}");
            match &seen.reply {
                Some(_) => assert!(!seen.body().to_string().contains(&id), "{id}"),
                None => assert!(seen.upstream_values("x-request-id").is_empty(), "{id}"),
            }
        }
    }
    for id in [
        "0a6c4d1e-8d55-4a5d-9d56-6f3a8f3f2a10",
        "task-1",
        "desk-2-keyJ",
    ] {
        let seen = with_id(&world, "GET", "/", id, KEY);
        assert_eq!(seen.record["request_id"], id, "{id}");
        assert_eq!(seen.upstream_values("x-request-id"), [id], "{id}");
    }
}

#[test]
fn the_configuration_names_other_headers_to_take_out() {
    let removed = json!(["X-Team-Secret", "x-corp-*", "Via"]);
    let world = World::new(&with("/upstream", json!({ "remove_headers": removed })));
    for (name, goes) in [
        ("X-Team-Secret", true),
        ("x-team-secret", true),
        ("x_team_secret", true),
        ("x-team-secrets", false),
        ("x-corp-", true),
        ("X-Corp-Anything", true),
        ("x-corp", false),
        ("via", true),
        ("x-via", false),
        ("x-other", false),
    ] {
        let seen = world.send("GET", "/", &[("authorization", KEY), (name, "value")]);
        assert_eq!(seen.verdict().0, 200, "{name}");
        assert_eq!(seen.upstream_values(name).is_empty(), goes, "{name}");
        let twice = [("authorization", KEY), (name, "a"), (name, "b")];
        let expected = if goes { 400 } else { 200 };
        assert_eq!(
            world.send("GET", "/", &twice).verdict().0,
            expected,
            "{name}"
        );
    }
    let same =
        json!({ "remove_headers": ["X-My-*"], "identity_headers": { "subject": "X-My-User" } });
    let world = World::new(&with("/upstream", same));
    let seen = world.send("GET", "/", &[("authorization", KEY), ("x-my-user", "root")]);
    assert_eq!(
        seen.upstream_values("x-my-user"),
        ["alice"],
        "what the gate sets stays"
    );
}

#[test]
fn a_header_that_a_request_needs_is_not_taken_out() {
    for removed in [
        json!(["Host"]),
        json!(["content-length"]),
        json!(["Content-*"]),
        json!(["c*"]),
        json!(["te"]),
        json!(["transfer-encoding"]),
        json!(["*"]),
        json!([""]),
        json!(["a b"]),
        json!(["a*b"]),
        json!([":path"]),
        json!("x-one"),
        json!([5]),
    ] {
        let world = World::new(&with("/upstream", json!({ "remove_headers": removed })));
        assert!(!world.configured, "{removed}");
        assert!(
            world
                .errors()
                .iter()
                .any(|line| line.starts_with("upstream.remove_headers")),
            "{removed}: {:?}",
            world.errors()
        );
    }
    for removed in [
        json!([]),
        json!({}),
        json!(["Authorization", "x-*", "accept"]),
    ] {
        let world = World::new(&with("/upstream", json!({ "remove_headers": removed })));
        assert!(world.configured, "{removed}");
    }
}

/// Behind the body nothing is looked for: whatever stands there goes.
#[test]
fn ollama_is_sent_no_trailers() {
    let world = World::new(&configuration());
    let sent = || vec![("x-sum".to_owned(), KEY.to_owned())];
    let state = &world.gateway.0;
    let head = [
        (":method", "POST"),
        (":path", "/api/chat"),
        (":authority", "gate.example"),
        ("authorization", KEY),
    ];
    *state.trailers.borrow_mut() = sent();
    assert_eq!(world.send_raw(&head).verdict().0, 200);
    assert!(state.trailers.borrow().is_empty());

    let mut filter = world.root.filter();
    *state.headers.borrow_mut() = head.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    assert_eq!(filter.request_head(head.len(), false), Flow::Continue);
    let failing = HashMap::from([("clear_request_trailers", Status(5))]);
    *state.failing.borrow_mut() = failing;
    state.replies.borrow_mut().clear();
    assert_eq!(filter.request_trailers(), Flow::Pause);
    assert_eq!(state.replies.borrow()[0].status, 500);

    // A gate that only reports changes nothing.
    let world = World::new(&with("/mode", json!("report")));
    *world.gateway.0.trailers.borrow_mut() = sent();
    world.send_raw(&head);
    assert_eq!(*world.gateway.0.trailers.borrow(), sent());
}
