//! The adapter: failing calls, a refused configuration, and what a request costs.

use crate::world::{Gateway, KEY, Seen, World, configuration, dated, jwt, with};
use ollama_gate::{Flow, Status};
use serde_json::json;

const FAILURES: [Status; 3] = [Status(2), Status(10), Status::UNIMPLEMENTED];

fn failing(call: &'static str, status: Status) -> Seen {
    let world = World::new(&dated());
    world.gateway.0.failing.borrow_mut().insert(call, status);
    world.send(
        "POST",
        "/v1/messages",
        &[("x-api-key", KEY), ("cookie", "a=b")],
    )
}

#[test]
fn a_call_that_fails_lets_nothing_through() {
    for status in FAILURES {
        for call in [
            "request_headers",
            "remove_request_header",
            "set_request_header",
        ] {
            let seen = failing(call, status);
            assert_eq!(
                seen.verdict(),
                (500, "host_failure".into()),
                "{call} {status:?}"
            );
            assert_eq!(seen.body()["type"], "error", "in Anthropic's words: {call}");
        }
        assert_eq!(failing("wall_clock", status).verdict().0, 503, "{status:?}");
    }
}

#[test]
fn an_answer_that_the_gateway_does_not_take_still_stops_the_request() {
    let world = World::new(&configuration());
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("reply", Status(10));
    let seen = world.send("GET", "/api/tags", &[]);
    assert!(seen.upstream.is_none() && seen.reply.is_none());
    assert_eq!(
        seen.calls.iter().filter(|call| **call == "reply").count(),
        2,
        "a bare one is tried"
    );
}

#[test]
fn a_refused_configuration_refuses_every_request() {
    for bad in [
        "",
        "[]",
        "null",
        "{",
        "{}",
        "\u{0}",
        "[1]",
        r#"{"api_keys":{"keys":[]}}"#,
    ] {
        let world = World::of_bytes(bad.as_bytes());
        assert!(!world.configured, "{bad:?}");
        let seen = world.bearer("POST", "/v1/chat/completions", KEY);
        assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{bad:?}");
        assert_eq!(
            seen.body()["error"]["type"],
            "api_error",
            "in the dialect of the path: {bad:?}"
        );
        assert!(
            !seen.calls.contains(&"request_headers"),
            "the map call can crash an unknown gateway: {bad:?}"
        );
    }
}

/// Kong starts without a filter that says no, and on a reload goes on with what was before.
#[test]
fn where_a_refusal_would_open_the_gateway_the_gate_says_yes_and_serves_nobody() {
    let mut unset = with("/host/name", json!("kong"));
    unset["api_keys"]["keys"][0]["key"] = json!({"env": "NOT_SET"});
    let envoys = with("/host/name", json!("envoy")).to_string();
    let without_host = r#"{"api_keys":{"keys":[{"id":1}]}}"#.to_owned();
    for bad in [
        String::new(),
        "{".to_owned(),
        "null".to_owned(),
        r#"{"host":{"name":"envoy"}}"#.to_owned(),
        r#"{"host":{"name":"apisix"}}"#.to_owned(),
        r#"{"host":{"name":7}}"#.to_owned(),
        envoys.replacen("\"api_keys\"", "\"api_key\"", 1),
        without_host,
        unset.to_string(),
    ] {
        let gateway = Gateway::default();
        gateway.0.is_kong.set(true);
        let mut world = World::on(gateway, bad.as_bytes());
        assert!(world.answered && !world.configured, "{bad}");
        let said = world.gateway.0.lines.borrow().clone();
        assert!(
            said[0].1.contains("configuration refused"),
            "{bad:?}: {said:?}"
        );
        assert!(said[0].1.ends_with("gets 500"), "{bad:?}: {said:?}");
        let seen = world.bearer("GET", "/api/tags", KEY);
        assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{bad}");
        // The same where a good one was before.
        let good = with("/host/name", json!("kong")).to_string().into_bytes();
        *world.gateway.0.configuration.borrow_mut() = good;
        assert!(world.root.configure(), "{bad:?}");
        assert_eq!(
            world.bearer("GET", "/api/tags", KEY).verdict().0,
            200,
            "{bad:?}"
        );
        *world.gateway.0.configuration.borrow_mut() = bad.clone().into_bytes();
        assert!(world.root.configure(), "{bad:?}");
        let seen = world.bearer("GET", "/api/tags", KEY);
        assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{bad}");
    }
}

/// APISIX asks again in each phase of each request if it hears no, for whoever sends one.
#[test]
fn apisix_hears_yes_to_a_refused_configuration_and_strangers_do_not_fill_the_log() {
    let mut unset = with("/host/name", json!("apisix"));
    unset["api_keys"]["keys"][0]["key"] = json!({"env": "NOT_SET"});
    for bad in [
        "{".to_owned(),
        with("/host/name", json!("kong")).to_string(),
        unset.to_string(),
    ] {
        let gateway = Gateway::default();
        gateway.0.is_apisix.set(true);
        let mut world = World::on(gateway, bad.as_bytes());
        assert!(world.answered && !world.configured, "{bad}");
        let lines = |world: &World| std::mem::take(&mut *world.gateway.0.lines.borrow_mut()).len();
        assert!(lines(&world) >= 2, "{bad}");
        for number in 0..3 {
            let seen = world.bearer("GET", "/api/tags", KEY);
            assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{bad}");
            assert_eq!(lines(&world), usize::from(number == 0), "{bad}");
        }
        // Another configuration is another matter.
        assert!(world.root.configure(), "{bad}");
        assert!(lines(&world) >= 2, "{bad}");
        world.bearer("GET", "/api/tags", KEY);
        assert_eq!(lines(&world), 1, "{bad}");
    }
}

#[test]
fn a_configuration_that_cannot_be_had_closes_kong_too() {
    for status in FAILURES {
        let gateway = Gateway::default();
        gateway.0.is_kong.set(true);
        let failing = &gateway.0.failing;
        failing.borrow_mut().insert("configuration", status);
        let world = World::on(gateway, configuration().to_string().as_bytes());
        assert!(world.answered && !world.configured, "{status:?}");
        let seen = world.bearer("GET", "/api/tags", KEY);
        assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{status:?}");
    }
}

#[test]
fn envoy_named_kong_is_refused_before_any_request() {
    let gateway = Gateway::default();
    let named = with("/host/name", json!("kong")).to_string();
    let world = World::on(gateway, named.as_bytes());
    assert!(!world.answered && !world.configured);
    assert_eq!(
        world.errors(),
        ["host.name: this gateway is Envoy, but the configuration names `kong`"]
    );
}

#[test]
fn a_configuration_is_replaced_whole_and_requests_keep_theirs() {
    let mut world = World::new(&configuration());
    let mut under_way = world.root.filter();
    *world.gateway.0.configuration.borrow_mut() = b"{".to_vec();
    assert!(!world.root.configure());
    let request = [
        (":method", "GET"),
        (":path", "/"),
        (":authority", "gate.example"),
        ("x-api-key", KEY),
    ];
    *world.gateway.0.headers.borrow_mut() =
        request.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    assert_eq!(under_way.request_head(4, true), Flow::Continue);
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 500);
    *world.gateway.0.configuration.borrow_mut() = configuration().to_string().into_bytes();
    assert!(world.root.configure());
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn the_rest_of_a_request_without_a_permit_is_held() {
    let world = World::new(&configuration());
    assert_eq!(
        world.root.filter().request_trailers(),
        Flow::Pause,
        "a body before its head"
    );
}

#[test]
fn a_request_costs_what_the_budget_says() {
    let world = World::new(&configuration());
    let chat = |fields: &[(&str, &str)]| world.send("POST", "/v1/chat/completions", fields).calls;
    let key = format!("Bearer {KEY}");
    let allowed = [
        ("authorization", key.as_str()),
        ("content-type", "application/json"),
    ];
    let expected = [
        "request_headers",
        "remove_request_header",
        "set_request_header",
        "log",
    ];
    assert_eq!(chat(&allowed), expected);
    let kong = World::new(&with("/host/name", json!("kong")));
    let of_kong = || kong.send("POST", "/v1/chat/completions", &allowed).calls;
    let (first, second) = (of_kong(), of_kong());
    assert_eq!(first[0], "probe_nginx_property", "once");
    assert_eq!(second[..2], ["request_headers", "request_target"]);
    assert_eq!(first[1..], second);
    let mut same = configuration();
    same["upstream"] = json!({ "host": "gate.example" });
    let same = World::new(&same);
    let chat_so = || same.send("POST", "/v1/chat/completions", &allowed).calls;
    let _ = chat_so();
    assert_eq!(
        chat_so(),
        ["request_headers", "remove_request_header", "log"],
        "a Host that stands there already is not written"
    );
    let denied = [
        "request_headers",
        "request_property",
        "log",
        "count",
        "reply",
    ];
    assert_eq!(chat(&[]), denied);
    let dated = World::new(&dated());
    let clock_reads = |fields: &[(&str, &str)]| {
        let calls = dated.send("POST", "/v1/chat/completions", fields).calls;
        calls.iter().filter(|call| **call == "wall_clock").count()
    };
    assert_eq!(clock_reads(&allowed), 1, "a key with an end");
    let token = format!("Bearer {}", jwt(json!({})));
    assert_eq!(clock_reads(&[("authorization", &token)]), 1, "a token");
    let both = [("authorization", token.as_str()), ("x-api-key", KEY)];
    assert_eq!(clock_reads(&both), 1, "once, whoever asks");
}

#[test]
fn a_gateway_that_turns_out_to_be_another_one_serves_nobody() {
    for (named, is_kong) in [("envoy", true), ("istio", true), ("kong", false)] {
        let world = World::kong(&with("/host/name", json!(named)));
        world.gateway.0.is_kong.set(is_kong);
        for _ in 0..2 {
            let seen = world.bearer("POST", "/v1/messages", KEY);
            assert_eq!(seen.verdict(), (500, "misconfigured".into()), "{named}");
            assert_eq!(
                seen.body()["type"],
                "error",
                "in Anthropic's words: {named:?}, {is_kong:?}"
            );
        }
    }
    let kong = World::new(&with("/host/name", json!("kong")));
    kong.gateway.0.is_kong.set(true);
    assert_eq!(kong.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn on_kong_a_header_is_blanked_before_it_is_removed_and_host_is_written_only_where_nobody_names_it()
{
    let mut unnamed = configuration();
    unnamed.as_object_mut().unwrap().remove("host");
    let blanked = ["set_request_header", "remove_request_header"];
    let written = [blanked[0], blanked[1], "set_request_header"];
    for (configuration, expected, host) in [
        (
            with("/host/name", json!("kong")),
            &blanked[..],
            "gate.example",
        ),
        (unnamed, &written[..], "localhost:11434"),
    ] {
        let world = World::new(&configuration);
        world.gateway.0.is_kong.set(true);
        let seen = world.send("GET", "/", &[("host", "gate.example"), ("x-api-key", KEY)]);
        assert_eq!(seen.verdict().0, 200, "{configuration}");
        let edits: Vec<_> = seen
            .calls
            .iter()
            .filter(|call| call.contains("_request_header"))
            .collect();
        assert_eq!(
            edits,
            expected.iter().collect::<Vec<_>>(),
            "{configuration}"
        );
        assert_eq!(seen.upstream_values("host"), [host], "{configuration}");
        assert_eq!(
            seen.upstream_values(":authority"),
            ["gate.example"],
            "read-only there: {configuration}"
        );
    }
}

#[test]
fn a_gateway_that_is_another_than_the_configuration_says_is_an_error() {
    let named_apisix = World::new(&with("/host/name", json!("apisix")));
    assert!(!named_apisix.configured);
    assert_eq!(
        named_apisix.errors(),
        ["host.name: this gateway is not APISIX, but the configuration says so"]
    );
}

#[test]
fn a_probe_that_fails_lets_nobody_in_and_is_asked_again() {
    let world = World::kong(&with("/host/name", json!("kong")));
    let failing = &world.gateway.0.failing;
    failing
        .borrow_mut()
        .insert("probe_nginx_property", Status(2));
    assert_eq!(
        world.bearer("GET", "/", KEY).verdict(),
        (500, "misconfigured".into())
    );
    failing.borrow_mut().clear();
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn a_gateway_that_is_another_one_is_told_once() {
    for (named, is_kong, expected) in [
        (
            "envoy",
            true,
            "this gateway is Kong, but the configuration names another one",
        ),
        (
            "kong",
            false,
            "this gateway is not Kong, but the configuration says so",
        ),
    ] {
        let world = World::kong(&with("/host/name", json!(named)));
        world.gateway.0.is_kong.set(is_kong);
        let lines = |world: &World| {
            let _ = world.bearer("GET", "/", KEY);
            world
                .gateway
                .0
                .lines
                .borrow()
                .iter()
                .map(|(_, line)| line.clone())
                .collect::<Vec<_>>()
        };
        let first = lines(&world);
        assert!(
            first.iter().any(|line| line.ends_with(expected)),
            "{named} {is_kong:?}: {first:?}"
        );
        let second = lines(&world);
        assert!(
            !second.iter().any(|line| line.contains("host.name")),
            "{named} {is_kong:?}: {second:?}"
        );
    }
}

#[test]
fn a_map_that_kong_would_cut_is_not_asked_for() {
    for (named, is_kong, status) in [("kong", true, 400), ("envoy", false, 200)] {
        let world = World::new(&with("/host/name", json!(named)));
        world.gateway.0.is_kong.set(is_kong);
        let filler = [("x-filler", "1")].repeat(92);
        let fields: Vec<_> = filler.into_iter().chain([("x-api-key", KEY)]).collect();
        let seen = world.send("GET", "/", &fields);
        assert_eq!(seen.verdict().0, status, "{named}");
        assert_eq!(
            seen.calls.contains(&"request_headers"),
            status == 200,
            "{named}"
        );
    }
}

#[test]
fn on_apisix_a_request_without_host_is_refused_before_the_map_is_asked_for() {
    let mut unnamed = configuration();
    unnamed.as_object_mut().unwrap().remove("host");
    let world = World::apisix(&unnamed);
    let seen = world.send_raw(&[
        (":method", "GET"),
        (":path", "/v1/models"),
        ("x-api-key", KEY),
    ]);
    assert_eq!(seen.verdict(), (400, "malformed_request".into()));
    assert_eq!(
        seen.body()["error"]["type"],
        "invalid_request_error",
        "by the path alone"
    );
    assert!(
        !seen.calls.contains(&"request_headers"),
        "that call crashes the worker"
    );
    let good = world.send("GET", "/", &[("host", "gate.example"), ("x-api-key", KEY)]);
    assert_eq!(good.verdict().0, 200);
    assert_eq!(
        good.calls,
        [
            "request_header",
            "request_headers",
            "remove_request_header",
            "log"
        ],
        "the Host for Ollama is the route's, so it is not written"
    );
}

#[test]
fn without_a_name_the_map_says_which_header_is_the_host() {
    let mut unnamed = configuration();
    unnamed.as_object_mut().unwrap().remove("host");
    let world = World::new(&unnamed);
    let seen = world.bearer("GET", "/", KEY);
    assert_eq!(seen.upstream_values(":authority"), ["localhost:11434"]);
    assert!(seen.upstream_values("host").is_empty());
}

#[test]
fn a_bare_answer_has_no_headers_and_the_same_body() {
    let world = World::new(&configuration());
    world.gateway.0.refuses_headers.set(true);
    let seen = world.send("GET", "/", &[]);
    assert_eq!(seen.verdict().0, 401);
    assert!(seen.reply.unwrap().headers.is_empty());
}

#[test]
fn one_error_is_not_called_errors() {
    let world = World::of_bytes(b"{");
    let lines = world.gateway.0.lines.borrow();
    assert_eq!(lines[0].1, "ollama-gate: configuration refused, 1 error");
    let world = World::of_bytes(br#"{"a":1,"b":2}"#);
    let lines = world.gateway.0.lines.borrow();
    assert_eq!(lines[0].1, "ollama-gate: configuration refused, 2 errors");
}
