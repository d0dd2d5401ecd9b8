//! A credential that stands in the configuration or the environment.

use super::{OWN, fixed, respond, with_credential};
use crate::world::{Gateway, KEY, READ_KEY, World, errors};
use ollama_gate::Flow;
use serde_json::{Value, json};

#[test]
fn every_admitted_request_carries_it_once_whatever_a_client_sent_in_its_place() {
    let world = World::new(&fixed());
    let key = format!("Bearer {KEY}");
    for (path, fields) in [
        ("/api/tags", &[("authorization", key.as_str())][..]),
        ("/api/tags", &[("x-api-key", KEY)]),
        ("/api/tags", &[("x-api-key", KEY), ("authorization", "")]),
        (
            "/api/tags",
            &[("x-api-key", KEY), ("authorization", "Bearer ollama")],
        ),
        ("/api/version", &[]),
    ] {
        let seen = world.send("GET", path, fields);
        let values = seen.upstream_values("authorization");
        assert_eq!(values, [format!("Bearer {OWN}")], "{path} {fields:?}");
        assert!(seen.upstream_values("x-api-key").is_empty(), "{fields:?}");
    }
}

#[test]
fn it_costs_one_edit_at_the_most_and_none_where_a_client_used_the_same_header() {
    let plain = World::new(&crate::world::configuration());
    let world = World::new(&fixed());
    let edits = |world: &World, fields: &[(&str, &str)]| {
        let seen = world.send("GET", "/api/tags", fields);
        let edits = seen.calls.iter();
        edits
            .filter(|call| call.contains("_request_header"))
            .count()
    };
    let key = format!("Bearer {KEY}");
    let same = [("authorization", key.as_str())];
    assert_eq!(edits(&world, &same), edits(&plain, &same));
    let other = [("x-api-key", KEY)];
    assert_eq!(edits(&world, &other), edits(&plain, &other) + 1);
}

#[test]
fn another_header_and_another_prefix_are_as_they_are_written() {
    for (members, name, value) in [
        (
            json!({ "header": "X-Api-Key" }),
            "x-api-key",
            OWN.to_owned(),
        ),
        (
            json!({ "header": "X-Team", "prefix": "Token " }),
            "x-team",
            format!("Token {OWN}"),
        ),
        (
            json!({ "prefix": "Basic " }),
            "authorization",
            format!("Basic {OWN}"),
        ),
        (
            json!({ "header": "Authorization", "prefix": "" }),
            "authorization",
            OWN.to_owned(),
        ),
    ] {
        let mut all = members.clone();
        all["value"] = json!(OWN);
        let world = World::new(&with_credential(all));
        for sent in [None, Some("mine-0123456789")] {
            let sent = sent.map(|value| (name, value)).filter(|_| name == "x-team");
            let fields: Vec<_> = [("api-key", KEY)].into_iter().chain(sent).collect();
            let seen = world.send("GET", "/api/tags", &fields);
            assert_eq!(seen.upstream_values(name), [&value], "{members}");
        }
    }
    let world = World::new(&with_credential(
        json!({ "value": OWN, "header": "X-Team" }),
    ));
    let twice = [("x-team", "a"), ("x-team", "b"), ("x-api-key", KEY)];
    let seen = world.send("GET", "/api/tags", &twice);
    assert_eq!(seen.verdict(), (400, "malformed_request".into()));
    let underscore = [("x_team", "mine"), ("x-api-key", KEY)];
    let seen = world.send("GET", "/api/tags", &underscore);
    assert!(seen.upstream_values("x_team").is_empty());
    assert_eq!(seen.upstream_values("x-team"), [OWN]);
}

#[test]
fn a_request_that_is_refused_shows_it_to_nobody() {
    let world = World::new(&fixed());
    for fields in [
        &[][..],
        &[("x-api-key", "sk-unknown-0123456789")],
        &[("x-api-key", READ_KEY)],
        &[("authorization", OWN)],
    ] {
        let seen = world.send("POST", "/api/chat", fields);
        assert!(seen.upstream.is_none(), "{fields:?}");
        assert!(!seen.calls.contains(&"set_request_header"), "{fields:?}");
        assert!(!format!("{:?}", seen.reply).contains(OWN), "{fields:?}");
    }
    let log = format!("{:?}", world.gateway.0.lines.borrow());
    assert!(!log.contains(OWN), "{log}");
}

/// Its value is no key of the gate's: whoever knows it has to bring a key too.
#[test]
fn it_lets_nobody_in() {
    let world = World::new(&fixed());
    let seen = world.bearer("GET", "/api/tags", OWN);
    assert_eq!(seen.verdict(), (401, "unknown_key".into()));
}

#[test]
fn in_report_mode_no_request_carries_it_and_a_warning_says_so() {
    let mut reporting = fixed();
    reporting["mode"] = json!("report");
    let world = World::new(&reporting);
    let warned = world.lines_with("upstream.credential: is not sent in report mode");
    assert_eq!(warned.len(), 1);
    for fields in [
        &[("x-api-key", KEY)][..],
        &[("x-api-key", "sk-unknown-0123456789")],
        &[],
    ] {
        let seen = world.send("GET", "/api/tags", fields);
        let upstream = format!("{:?}", seen.upstream.unwrap());
        assert!(!upstream.contains(OWN), "{fields:?}");
    }
    let key = [("x-api-key", KEY)];
    let came = respond(&world, "/api/tags", &key, &[(":status", "401")]);
    assert!(
        came.reply.is_none(),
        "the client's own credential was refused"
    );
    assert_eq!(came.flow, Flow::Continue);
}

#[test]
fn it_comes_from_the_environment_and_no_log_holds_it() {
    let gateway = Gateway::default();
    let configuration = with_credential(json!({ "value": { "env": "WEBUI_SECRET_KEY" } }));
    let world = World::on(gateway, configuration.to_string().as_bytes());
    let seen = world.send("GET", "/api/tags", &[("x-api-key", KEY)]);
    let expected = format!("Bearer {}", crate::world::SECRET);
    assert_eq!(seen.upstream_values("authorization"), [expected]);
}

#[test]
fn what_cannot_be_sent_and_what_was_to_be_replaced_is_refused_where_it_stands() {
    let with = |name: &str, value: Value| {
        let mut members = json!({ "value": OWN });
        members[name] = value;
        errors(&with_credential(members))
    };
    let longest: String = (0..1024_u32)
        .map(|number| format!("{:08x}", number.wrapping_mul(0x9e37_79b1)))
        .collect();
    assert_eq!(with("value", json!(longest)), [""; 0]);
    for (name, value) in [
        ("value", json!("two words-8c1d5f20b7e9")),
        ("value", json!("8c1d5f20b7e94a36\u{7f}")),
        ("value", json!("\u{e4}8c1d5f20b7e94a36")),
        ("value", json!(format!("{longest}x"))),
        ("value", json!("changeme")),
        ("value", json!("your-api-key-goes-here")),
        ("value", json!("$ENV://FRONT_TOKEN")),
        ("value", json!({ "env": "UNSET" })),
        ("value", json!({ "env": "REFERENCE" })),
        ("value", json!("")),
        ("value", json!(7)),
        ("header", json!("Host")),
        ("header", json!("Cookie")),
        ("header", json!("Connection")),
        ("header", json!("x key")),
        ("prefix", json!("Bearer\r\nX: ")),
        ("prefix", json!(" Bearer ")),
        ("prefix", json!("x".repeat(65))),
    ] {
        let found = with(name, value.clone());
        assert_eq!(found.len(), 1, "{value}: {found:?}");
        let place = format!("upstream.credential.{name}");
        assert!(found[0].starts_with(&place), "{found:?}");
        assert!(!found[0].contains("8c1d5f20"), "{found:?}");
    }
    assert_eq!(
        errors(&with_credential(json!({}))),
        ["upstream.credential: expected exactly one of `value`, `source` and `client_credentials`"]
    );
    let mut taken = fixed();
    taken["upstream"]["credential"]["header"] = json!("X-Proof");
    taken["upstream"]["proof"] = json!({ "header": "x-proof", "secret": crate::world::SECRET });
    assert_eq!(errors(&taken).len(), 1, "{:?}", errors(&taken));
}

#[test]
fn the_file_without_response_callbacks_refuses_it() {
    let gateway = Gateway::default();
    gateway.0.has_fewer_exports.set(true);
    let world = World::on(gateway, fixed().to_string().as_bytes());
    let found = world.errors();
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("upstream.credential: needs the callbacks for responses"),
        "{found:?}"
    );
}
