//! `explain --requests`: many requests, each by itself, and what the gateway does before the gate.

use super::support::{Folder, Ran, words};
use serde_json::{Value, json};

const KEY: &str = "sk-4fT9wQz7Lx2VbN8m";

fn run(requests: &str, options: &str) -> (Folder, Ran) {
    let folder = Folder::new();
    let configuration = json!({
        "api_keys": { "keys": [{ "id": "laptop", "key": { "env": "LAPTOP" }, "models": ["llama3.2"] }] },
        "network": { "deny": ["10.0.0.66"] },
        "host": { "name": "envoy" },
    });
    folder.write("gate.json", configuration.to_string());
    folder.write("requests.jsonl", requests);
    let line = format!("explain gate.json --requests requests.jsonl{options}");
    let ran = folder.run_with(words(&line), &[("LAPTOP", KEY)], b"");
    (folder, ran)
}

fn line(request: &str, more: Value) -> String {
    let mut line =
        json!({ "request": request, "headers": [format!("Authorization: Bearer {KEY}")] });
    for (name, value) in more.as_object().unwrap() {
        line[name] = value.clone();
    }
    line.to_string()
}

#[test]
fn each_request_of_a_file_is_judged_by_itself_and_in_its_order() {
    let requests = [
        line(
            "POST /api/chat",
            json!({ "body": r#"{"model":"llama3.2"}"# }),
        ),
        line(
            "POST /api/chat",
            json!({ "body_base64": "eyJtb2RlbCI6InF3ZW4zIn0=" }),
        ),
        String::new(),
        line("GET /api/tags", json!({ "from": "10.0.0.66" })),
        line("GET /api/tags", json!({ "headers": [] })),
    ];
    let (_, ran) = run(&requests.join("\n"), " --json --from 10.0.0.1");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let report = ran.json();
    let decisions = report["decisions"].as_array().unwrap();
    let codes: Vec<_> = decisions.iter().map(|one| &one["code"]).collect();
    assert_eq!(
        codes,
        [
            &json!(null),
            &json!("model_denied"),
            &json!("network_denied"),
            &json!("missing_credential")
        ]
    );
    assert_eq!(
        (&report["host"], &report["unset"]),
        (&json!("envoy"), &json!([]))
    );
    let (_, ran) = run(&requests.join("\n"), " --from 10.0.0.1");
    let lines: Vec<_> = ran.output.lines().collect();
    assert_eq!(lines[0], "1  POST /api/chat  allowed  api_key laptop");
    assert!(
        lines[1]
            .starts_with("2  POST /api/chat  refused, 403 model_denied  api_key laptop: `qwen3"),
        "{ran:?}"
    );
    assert_eq!(lines[4], "4 requests: 1 allowed, 3 refused");
    assert!(!ran.output.contains(KEY), "{ran:?}");
    let (_, ran) = run(&requests[0], " --from 10.0.0.1");
    assert_eq!(ran.code, Some(0));
    assert!(
        ran.output.ends_with("1 request: 1 allowed, 0 refused\n"),
        "{ran:?}"
    );
}

#[test]
fn envoy_writes_some_paths_anew_and_answers_some_requests_by_itself() {
    let requests = [
        line("GET /api/../api//tags", json!({})),
        line("GET /api%2ftags", json!({})),
        line("BREW /api/tags", json!({})),
        line("GET /api/tags", json!({ "headers": ["X_Key: a"] })),
    ];
    let (_, ran) = run(&requests.join("\n"), " --json --from 10.0.0.1");
    let report = ran.json();
    let decisions = report["decisions"].as_array().unwrap();
    assert_eq!(decisions[0]["path_seen"], "/api/tags");
    assert_eq!(decisions[0]["decision"], "allowed");
    for one in &decisions[1..] {
        let seen = (&one["decided_by"], &one["status"], &one["code"]);
        assert_eq!(
            seen,
            (&json!("gateway"), &json!(400), &json!(null)),
            "{one}"
        );
    }
    // Other gateways do something else with such paths, and the gate judges them as they are.
    let (_, ran) = run(&requests[0], " --json --host kong --from 10.0.0.1");
    assert_eq!(ran.json()["decisions"][0]["code"], "malformed_path");
}

#[test]
fn a_line_that_is_no_request_is_one_sentence_that_does_not_quote_it() {
    for (wrong, why) in [
        (format!("Bearer {KEY}"), "line 2: it is not JSON"),
        ("[]".to_owned(), "line 2: it is not a JSON object"),
        ("{}".to_owned(), "line 2: expected a method and a path"),
        (
            r#"{"request":"GET"}"#.to_owned(),
            "line 2: expected a method and a path",
        ),
        (
            r#"{"request":7}"#.to_owned(),
            "line 2: `request` is not a string",
        ),
        (
            line("GET /", json!({ "header": [] })),
            "line 2: `header` is unknown, expected some of request",
        ),
        (
            line("GET /", json!({ "headers": [KEY] })),
            "line 2: expected 'Name: value'",
        ),
        (
            line("GET /", json!({ "headers": KEY })),
            "line 2: `headers` is no list",
        ),
        (
            line("GET /", json!({ "from": "home" })),
            "line 2: `from` is no address",
        ),
        (
            line("GET /", json!({ "at": "noon" })),
            "line 2: expected a time such as",
        ),
        (
            line("GET /", json!({ "body_base64": "%" })),
            "line 2: `body_base64` is not base64",
        ),
        (
            line("GET /", json!({ "body": "a", "body_base64": "" })),
            "line 2: `body` and `body_base64`",
        ),
    ] {
        let (_, ran) = run(&format!("{}\n{wrong}\n", line("GET /", json!({}))), "");
        assert!(ran.sentence().contains(why), "{wrong}: {ran:?}");
        assert!(!ran.error.contains(KEY), "{ran:?}");
    }
    let (_, ran) = run("{}", " --request a");
    assert!(ran.sentence().contains("cannot be used with"), "{ran:?}");
}
