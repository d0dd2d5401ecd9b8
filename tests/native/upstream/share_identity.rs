//! `share_identity`: what the rest of the gateway is told, and that nobody else is.

use crate::world::{ADMIN_KEY, KEY, READ_KEY, World, configuration, errors, jwt, with};
use crate::world::{jwks, remote, signer};
use ollama_gate::Status;
use serde_json::{Value, json};

fn sharing() -> World {
    World::new(&with("/share_identity", json!(true)))
}

fn told(world: &World) -> Vec<String> {
    let properties = world.gateway.0.properties.borrow();
    let told = properties.iter();
    told.map(|(name, value)| format!("{name}={value}"))
        .collect()
}

const ALICE: [&str; 4] = [
    "ollama_gate.method=api_key",
    "ollama_gate.credential_id=alice-laptop",
    "ollama_gate.subject=alice",
    "ollama_gate.scope=inference",
];

#[test]
fn nothing_is_told_unless_asked_for() {
    let off = with("/share_identity", json!(false));
    for configuration in [configuration(), off] {
        let world = World::new(&configuration);
        let seen = world.bearer("POST", "/api/chat", KEY);
        assert_eq!(seen.verdict().0, 200, "{configuration:?}");
        assert!(
            !seen.calls.contains(&"set_property"),
            "{configuration:?}: {:?}",
            seen.calls
        );
    }
}

#[test]
fn only_a_gateway_that_is_said_to_be_envoy_is_asked() {
    let named = |name: Option<&str>, share: Value| {
        let mut configuration = with("/share_identity", share);
        match name {
            Some(name) => configuration["host"]["name"] = json!(name),
            None => drop(configuration.as_object_mut().unwrap().remove("host")),
        }
        configuration
    };
    let nothing_like_it = "share_identity: requires filter state, which only Envoy and Istio have: use `upstream.identity_headers` to name the caller in headers";
    let unnamed = "share_identity: needs `host.name`: filter state is Envoy's and Istio's";
    for (name, expected) in [
        (Some("kong"), vec![nothing_like_it]),
        (Some("apisix"), vec![nothing_like_it]),
        (None, vec![unnamed]),
        (Some("envoy"), vec![]),
        (Some("istio"), vec![]),
    ] {
        assert_eq!(errors(&named(name, json!(true))), expected, "{name:?}");
        if name != Some("apisix") {
            assert!(errors(&named(name, json!(false))).is_empty(), "{name:?}");
        }
    }
    assert_eq!(
        errors(&named(Some("envoy"), json!("yes"))),
        ["share_identity: expected true or false, found `yes`"]
    );
    let kong = World::kong(&with("/share_identity", json!(true)));
    let seen = kong.bearer("POST", "/api/chat", KEY);
    assert_eq!(seen.verdict(), (500, "misconfigured".into()));
    assert_eq!(told(&kong), [""; 0]);
}

#[test]
fn a_caller_is_told_whole() {
    let world = sharing();
    assert_eq!(world.bearer("POST", "/api/chat", KEY).verdict().0, 200);
    assert_eq!(told(&world), ALICE);
    let token = jwt(json!({ "sub": "auth0|bob@example.com" }));
    assert_eq!(world.bearer("GET", "/api/tags", &token).verdict().0, 200);
    assert_eq!(
        told(&world),
        [
            "ollama_gate.method=jwt",
            "ollama_gate.credential_id=open-webui",
            "ollama_gate.subject=auth0|bob@example.com",
            "ollama_gate.scope=read",
        ]
    );
}

#[test]
fn of_a_caller_who_proved_nothing_only_the_scope_of_the_route_is_told() {
    let mut open = with("/share_identity", json!(true));
    open["public"] = json!(["health"]);
    let world = World::new(&open);
    for (method, path, credential, status, expected) in [
        // A credential on a public route is not looked at.
        (
            "GET",
            "/",
            Some(KEY),
            200,
            &["ollama_gate.scope=health"][..],
        ),
        ("GET", "/", None, 200, &["ollama_gate.scope=health"]),
        (
            "POST",
            "/api/chat",
            None,
            401,
            &["ollama_gate.scope=inference"],
        ),
        (
            "POST",
            "/api/chat",
            Some("sk-wrong-0123456789abcdef"),
            401,
            &["ollama_gate.scope=inference"],
        ),
        ("GET", "/metrics", None, 401, &[]),
        ("GET", "/api/../api/tags", Some(KEY), 400, &[]),
    ] {
        let seen = match credential {
            Some(credential) => world.bearer(method, path, credential),
            None => world.send(method, path, &[]),
        };
        assert_eq!(seen.verdict().0, status, "{path}");
        assert_eq!(told(&world), expected, "{path}");
    }
}

#[test]
fn whoever_is_let_in_without_a_credential_is_told_as_anonymous() {
    let mut open = with("/share_identity", json!(true));
    open["allow_anonymous"] = json!({ "scopes": ["read"] });
    let world = World::new(&open);
    assert_eq!(world.send("GET", "/api/tags", &[]).verdict().0, 200);
    let names = ["method", "credential_id", "subject"];
    let anonymous = names.map(|name| format!("ollama_gate.{name}=anonymous"));
    assert_eq!(told(&world)[..3], anonymous);
    assert_eq!(world.send("POST", "/api/chat", &[]).verdict().0, 401);
    assert_eq!(told(&world), [ALICE[3]]);
}

#[test]
fn a_body_that_decides_comes_after_the_caller_was_told() {
    let mut bounded = with("/share_identity", json!(true));
    bounded["api_keys"]["keys"][0]["models"] = json!(["llama3.2"]);
    let world = World::new(&bounded);
    let key = format!("Bearer {KEY}");
    let fields = [("authorization", key.as_str())];
    for (model, status) in [("llama3.2", 200), ("qwen3", 403)] {
        let body = json!({ "model": model }).to_string();
        let (seen, _) = world.post("/api/chat", &fields, &[body.as_bytes()]);
        assert_eq!(seen.verdict().0, status, "{model}");
        assert_eq!(told(&world), ALICE, "{model}");
    }
}

#[test]
fn who_was_known_and_refused_is_told_for_the_access_log() {
    let world = sharing();
    let seen = world.bearer("POST", "/api/chat", READ_KEY);
    assert_eq!(seen.verdict(), (403, "scope_denied".into()));
    assert_eq!(told(&world)[2..], ["ollama_gate.subject=reader", ALICE[3]]);
    let seen = world.bearer("GET", "/metrics", ADMIN_KEY);
    assert_eq!(seen.verdict(), (404, "unknown_route".into()));
    assert_eq!(told(&world).len(), 3, "there is no route, so no scope");
}

#[test]
fn what_is_told_is_safe_text() {
    let world = sharing();
    for (subject, expected) in [
        ("a\r\nGET / 200", "a%0D%0AGET%20/%20200"),
        ("\u{0}\u{1b}[2J", "%00%1B[2J"),
        ("J\u{fc}rgen \"100%\"", "J%C3%BCrgen%20%22100%25%22"),
    ] {
        let token = jwt(json!({ "sub": subject }));
        assert_eq!(
            world.bearer("GET", "/api/tags", &token).verdict().0,
            200,
            "{subject:?}"
        );
        assert_eq!(
            told(&world)[2],
            format!("ollama_gate.subject={expected}"),
            "{subject:?}"
        );
    }
}

#[test]
fn who_cannot_be_told_whole_is_refused() {
    let subject = |length| jwt(json!({ "sub": "x".repeat(length) }));
    let verdict =
        |world: &World, length| world.bearer("GET", "/api/tags", &subject(length)).verdict();
    let world = sharing();
    assert_eq!(verdict(&world, 256).0, 200);
    assert_eq!(verdict(&world, 257), (403, "unsafe_identity".into()));
    assert_eq!(told(&world), ["ollama_gate.scope=read"]);
    assert_eq!(verdict(&World::new(&configuration()), 257).0, 200);
}

#[test]
fn a_gateway_that_takes_no_property_lets_nothing_through() {
    let world = sharing();
    let fail = || {
        let mut failing = world.gateway.0.failing.borrow_mut();
        failing.insert("set_property", Status(2));
    };
    fail();
    let seen = world.bearer("POST", "/v1/messages", KEY);
    assert_eq!(seen.verdict(), (500, "host_failure".into()));
    let refused = world.bearer("POST", "/v1/messages", READ_KEY);
    assert_eq!(refused.verdict(), (403, "scope_denied".into()));
    world.gateway.0.failing.borrow_mut().clear();
    assert_eq!(world.bearer("POST", "/v1/messages", KEY).verdict().0, 200);
}

#[test]
fn report_mode_tells_and_lets_through_whatever_the_gateway_says() {
    let mut report = with("/share_identity", json!(true));
    report["mode"] = json!("report");
    let world = World::new(&report);
    assert_eq!(world.bearer("POST", "/api/chat", KEY).verdict().0, 200);
    assert_eq!(told(&world), ALICE);
    let forged = world.bearer("POST", "/api/chat", "sk-wrong-0123456789abcdef");
    assert_eq!(forged.verdict().0, 200);
    assert_eq!(told(&world), [ALICE[3]]);
    let mut failing = world.gateway.0.failing.borrow_mut();
    failing.insert("set_property", Status(2));
    drop(failing);
    assert_eq!(world.bearer("POST", "/api/chat", KEY).verdict().0, 200);
}

#[test]
fn a_request_that_waits_is_told_once_it_is_decided() {
    let mut configuration = remote(json!({}));
    configuration["share_identity"] = json!(true);
    let world = World::new(&configuration);
    let mut request = world.ask(&signer(1).token("one", json!({})));
    assert_eq!(request.verdict(), (0, "waits".into()));
    assert_eq!(told(&world), [""; 0]);
    assert_eq!(request.answer(200, &jwks(&[signer(1).jwk("one")])).0, 200);
    assert_eq!(told(&world).len(), 4);
    assert_eq!(told(&world)[1], "ollama_gate.credential_id=sso");
}
