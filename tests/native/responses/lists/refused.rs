//! Lists that cannot be read, and gateways that cannot show a part of one.

use super::*;

#[test]
fn errors_and_redirects_go_on_as_they_are() {
    let world = World::new(&filtering());
    for status in ["100", "301", "304", "400", "404", "500", "503"] {
        let head = [(":status", status), ("content-length", "5")];
        let came = list(&world, "/api/tags", KEY, &head, "qwen3");
        assert_eq!(came.text(), "qwen3", "{status}");
        assert_eq!(came.flows, [Flow::Continue; 2], "{status}");
        assert_eq!(came.head.len(), 2, "{status}");
    }
}

#[test]
fn what_the_head_shows_to_be_no_readable_list_is_refused_before_its_body() {
    let world = World::new(&filtering());
    for head in [
        &[(":status", "200"), ("content-encoding", "gzip")][..],
        &[(":status", "200"), ("Content-Encoding", "zstd, identity")],
        &[(":status", "200"), ("content-length", "16777217")],
        &[(":status", "201")],
        &[(":status", "203")],
        &[(":status", "206")],
        &[(":status", "299")],
    ] {
        let came = list(&world, "/api/tags", KEY, head, BODY);
        assert_eq!(came.code(), (502, "unreadable_list".into()), "{head:?}");
        assert_eq!(came.flows, [Flow::Pause], "{head:?}");
    }
    let none: (&[&[u8]], End) = (&[], End::Nothing);
    let key = [("x-api-key", KEY)];
    let came = respond(&world, ("GET", "/api/tags"), &key, &OK, none);
    assert_eq!(came.code(), (502, "unreadable_list".into()));
    for coding in ["identity", "Identity", ""] {
        let head = [OK[0], ("content-encoding", coding)];
        assert_eq!(
            list(&world, "/api/tags", KEY, &head, BODY).text(),
            OWN,
            "{coding}"
        );
    }
}

#[test]
fn what_is_no_list_is_refused_and_nothing_of_it_goes_on() {
    let world = World::new(&filtering());
    let key = [("x-api-key", KEY)];
    for body in [
        &BODY[1..],
        &BODY[..BODY.len() - 1],
        "[]",
        "{}",
        "null",
        "a",
        r#"{"models":{"name":"a"}}"#,
        r#"{"models":[]} x"#,
    ] {
        assert_eq!(
            tags(&world, body).code(),
            (502, "unreadable_list".into()),
            "{body}"
        );
        for end in [End::Nothing, End::Trailers] {
            let parts = (&[body.as_bytes()][..], end);
            let came = respond(&world, ("GET", "/v1/models"), &key, &OK, parts);
            assert_eq!(came.code(), (502, "unreadable_list".into()), "{body}");
        }
    }
    let came = respond(&world, ("GET", "/api/ps"), &key, &OK, (&[], End::Trailers));
    assert_eq!(
        came.code(),
        (502, "unreadable_list".into()),
        "trailers alone"
    );
    assert_eq!(tags(&world, BODY).text(), OWN, "the next one is shown");
}

#[test]
fn a_list_that_is_too_long_is_refused_as_soon_as_it_is() {
    let world = World::new(&filtering());
    let part = vec![b' '; 1 << 20];
    let mut parts = vec![&part[..]; 16];
    let key = [("x-api-key", KEY)];
    let fits = respond(
        &world,
        ("GET", "/api/tags"),
        &key,
        &OK,
        (&parts, End::Nothing),
    );
    assert_eq!(fits.flows.len(), 18, "read to its end");
    assert_eq!(
        fits.code(),
        (502, "unreadable_list".into()),
        "since it is white space"
    );
    parts.extend([&b" "[..], &part]);
    let came = respond(
        &world,
        ("GET", "/api/tags"),
        &key,
        &OK,
        (&parts, End::Nothing),
    );
    assert_eq!(came.flows.len(), 18, "the last part is not waited for");
    let (status, body) = came.refused();
    assert_eq!((status, &body["code"]), (502, &json!("unreadable_list")));
    assert!(
        body["error"].as_str().unwrap().contains("16777216 bytes"),
        "{body}"
    );
}

#[test]
fn a_refusal_says_what_to_do_in_the_words_of_the_path_and_is_told() {
    let world = World::new(&filtering());
    let head = [OK[0], ("content-encoding", "gzip")];
    let (_, body) = list(&world, "/api/tags", KEY, &head, BODY).refused();
    let message = body["error"].as_str().unwrap();
    assert!(message.starts_with("the list of models cannot be read: it is compressed"));
    let (_, body) = list(&world, "/v1/models", KEY, &head, BODY).refused();
    assert_eq!(body["error"]["type"], "api_error");
    let lines = world.gateway.0.lines.borrow();
    let told: Vec<Value> = lines
        .iter()
        .map(|(_, line)| serde_json::from_str(line).unwrap())
        .collect();
    let decisions: Vec<_> = told.iter().map(|line| line["decision"].as_str()).collect();
    assert_eq!(decisions, [Some("allowed"), Some("denied")]);
    for (name, value) in [
        ("code", "unreadable_list"),
        ("method", "GET"),
        ("route", "/v1/models"),
        ("id", "alice-laptop"),
        ("subject", "alice"),
    ] {
        assert_eq!(told[1][name], value, "{name}, {value:?}");
    }
    let counters = world.gateway.0.counters.borrow();
    let counted = counters.iter().find(|(n, _)| n.contains("unreadable_list"));
    assert_eq!(counted.unwrap().1, 2);
}

#[test]
fn a_gateway_that_fails_the_gate_shows_nothing() {
    for call in [
        "response_header",
        "remove_response_header",
        "response_body",
        "set_response_body",
    ] {
        for hold_head in [true, false] {
            let mut json = filtering();
            json["host"]["hold_head"] = json!(hold_head);
            let world = World::new(&json);
            let fail = |status: Option<Status>| {
                let failing = status.map(|status| (call, status));
                *world.gateway.0.failing.borrow_mut() = failing.into_iter().collect();
            };
            for status in [1, 2, 10, 12] {
                fail(Some(Status(status)));
                for end in [End::LastPart, End::Nothing, End::Trailers] {
                    let (one, other) = BODY.as_bytes().split_at(9);
                    let parts = (&[one, other][..], end);
                    let key = [("x-api-key", KEY)];
                    let came = respond(&world, ("GET", "/api/tags"), &key, &OK, parts);
                    assert_eq!(came.code(), (500, "host_failure".into()), "{call}");
                }
                fail(None);
                assert_eq!(tags(&world, BODY).text(), OWN, "{call}, {hold_head:?}");
            }
        }
    }
    let world = World::new(&filtering());
    let came = list(&world, "/api/tags", KEY, &[("x", "no status")], BODY);
    assert_eq!(came.code(), (500, "host_failure".into()));
}

#[test]
fn a_list_whose_request_had_a_body_that_was_looked_at_is_filtered() {
    let mut json = filtering();
    json["api_keys"]["keys"][0]["limits"] = json!({ "request_bytes": 10 });
    let world = World::new(&json);
    let state = &world.gateway.0;
    let fields = [
        (":method", "GET"),
        (":path", "/api/tags"),
        (":authority", "gate.example"),
        ("x-api-key", KEY),
        ("content-length", "2"),
    ];
    *state.headers.borrow_mut() = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).into();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(5, false), Flow::Pause);
    assert!(
        state
            .headers
            .borrow()
            .contains(&("accept-encoding".into(), "identity".into()))
    );
    *state.body.borrow_mut() = b"{}".to_vec();
    assert_eq!(filter.request_body(2, true), Flow::Continue);
    *state.response.borrow_mut() = vec![(":status".into(), "200".into())];
    assert_eq!(filter.response_head(false), Flow::Pause);
    *state.response_body.borrow_mut() = b"no list".to_vec();
    assert_eq!(filter.response_body(7, true), Flow::Pause);
    let replies = state.replies.borrow();
    let body: Value = serde_json::from_slice(&replies[0].body).unwrap();
    assert_eq!(body["code"], "unreadable_list");
    assert!(state.lines.borrow().last().unwrap().1.contains("/api/tags"));
}

#[test]
fn gateways_that_cannot_do_it_refuse_the_configuration_with_the_reason() {
    let refused = |host: Option<&str>| {
        let mut json = configuration();
        json["filter_lists"] = json!(true);
        match host {
            Some(name) => json["host"] = json!({ "name": name }),
            None => drop(json.as_object_mut().unwrap().remove("host")),
        }
        errors(&json).join("\n")
    };
    for (host, reason) in [
        (
            Some("kong"),
            "is not supported on Kong, which shows a response in parts",
        ),
        (
            Some("apisix"),
            "is not supported on APISIX, where a filter cannot change the body of a response",
        ),
        (None, "needs `host.name`"),
    ] {
        let said = refused(host);
        assert!(
            said.starts_with("filter_lists: ") && said.contains(reason),
            "{host:?}: {said}"
        );
    }
    let mut json = with("/filter_lists", json!(false));
    json["host"] = json!({ "name": "kong" });
    assert_eq!(errors(&json), Vec::<String>::new());
    json["host"] = json!({ "name": "apisix" });
    assert!(World::apisix(&json).configured);
    let mut json = filtering();
    json["filter_lists"] = json!("yes");
    assert_eq!(
        errors(&json),
        ["filter_lists: expected true or false, found `yes`"]
    );
}

#[test]
fn the_file_that_is_not_called_for_responses_refuses_it() {
    let gateway = Gateway::default();
    gateway.0.has_fewer_exports.set(true);
    let world = World::on(gateway, filtering().to_string().as_bytes());
    assert!(!world.configured);
    let expected = "filter_lists: needs the callbacks for responses, which `ollama_gate_envoy.wasm` leaves \
                    out: load `ollama_gate.wasm` in its place";
    assert_eq!(world.errors(), [expected]);
}
