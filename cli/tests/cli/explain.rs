//! `explain`: the decision of the engine, told step by step, in both forms.

use super::support::{Folder, Ran, of_repository, words};
use serde_json::{Value, json};

const KEY: &str = "sk-4fT9wQz7Lx2VbN8m";

fn folder() -> Folder {
    let folder = Folder::new();
    let configuration = json!({
        "api_keys": { "keys": [
            { "id": "laptop", "key": { "env": "LAPTOP" }, "subject": "alice", "models": ["llama3.2"],
              "expires_at": "2027-01-01T00:00:00Z" },
            { "id": "office", "key": { "env": "OFFICE" }, "allow_from": ["10.0.0.0/8"] }
        ] },
        "public": ["health"],
        "host": { "name": "envoy" },
    });
    folder.write("gate.json", configuration.to_string());
    folder
}

fn explain(folder: &Folder, line: &str, headers: &[&str], body: &str) -> Ran {
    let (at, json) = ("--at 2026-06-01T00:00:00Z", "--json");
    let line = format!("explain gate.json {json} {at} {line}");
    let mut arguments: Vec<_> = words(&line)
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect();
    // The target is one argument with a space in it.
    let target = arguments
        .iter()
        .position(|word| *word == "--request")
        .unwrap();
    let request = format!("{} {}", arguments[target + 1], arguments[target + 2]);
    arguments.splice(target + 1..=target + 2, [request.as_str()]);
    for header in headers {
        arguments.extend(["--header", header]);
    }
    if !body.is_empty() {
        arguments.extend(["--body", "-"]);
    }
    let variables = [("LAPTOP", KEY), ("OFFICE", "sk-9xR2mKq8Vt5YhB3n")];
    folder.run_with(arguments, &variables, body.as_bytes())
}

fn field<'v>(report: &'v Value, name: &str) -> &'v str {
    report[name].as_str().unwrap_or("none")
}

#[test]
fn a_request_that_comes_in_is_told_step_by_step() {
    let bearer = format!("Authorization: Bearer {KEY}");
    let ran = explain(
        &folder(),
        "--request POST /api/chat",
        &[&bearer],
        r#"{"model":"llama3.2"}"#,
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let report = ran.json();
    assert_eq!(
        report,
        json!({
            "at": "2026-06-01T00:00:00Z", "body_read": true, "cause": null, "claimed_subject": null, "code": null,
            "address": null, "credential": "api_key", "decided_by": "gate", "decision": "allowed", "enforced": true, "headers": [],
            "edits": ["remove authorization"],
            "host": "envoy", "id": "laptop", "message": null, "path_seen": null, "model": "llama3.2",
            "presented": ["authorization"], "request": { "method": "POST", "path": "/api/chat" },
            "route": "/api/chat", "scope": "inference", "secret": null, "status": null, "subject": "alice",
            "unset": [],
        })
    );
}

#[test]
fn each_refusal_names_the_rule_and_what_the_client_gets() {
    let folder = folder();
    let bearer = format!("Authorization: Bearer {KEY}");
    let office = "X-Api-Key: sk-9xR2mKq8Vt5YhB3n";
    let wrong = "Authorization: Bearer sk-AnotherKey123456";
    for (line, header, body, status, code, id) in [
        (
            "--request POST /api/chat",
            "Accept: */*",
            "",
            401,
            "missing_credential",
            "none",
        ),
        (
            "--request POST /api/chat",
            wrong,
            "",
            401,
            "unknown_key",
            "none",
        ),
        (
            "--request DELETE /api/delete",
            &bearer,
            r#"{"model":"llama3.2"}"#,
            403,
            "scope_denied",
            "laptop",
        ),
        (
            "--request POST /api/chat",
            &bearer,
            r#"{"model":"qwen3"}"#,
            403,
            "model_denied",
            "laptop",
        ),
        (
            "--request POST /v1/chat/completions",
            &bearer,
            r#"{"model":"qwen3"}"#,
            403,
            "model_denied",
            "laptop",
        ),
        (
            "--request POST /v1/messages",
            &bearer,
            r#"{"model":"qwen3"}"#,
            403,
            "model_denied",
            "laptop",
        ),
        (
            "--request POST /api/chat",
            &bearer,
            r#"{"model":"a","model":"b"}"#,
            400,
            "ambiguous_body",
            "laptop",
        ),
        (
            "--request GET /api/tags --at 2027-06-01T00:00:00Z",
            &bearer,
            "",
            401,
            "expired_key",
            "laptop",
        ),
        (
            "--request GET /api/tags --from 192.0.2.7",
            office,
            "",
            403,
            "network_denied",
            "office",
        ),
        (
            "--request GET /api/tags%3f",
            &bearer,
            "",
            400,
            "malformed_path",
            "none",
        ),
        (
            "--request GET /nothing",
            &bearer,
            "",
            404,
            "unknown_route",
            "laptop",
        ),
    ] {
        // The last of two options that contradict each other would be a usage error.
        let line = if line.contains("--at") {
            line.to_owned()
        } else {
            format!("{line} --at 2026-06-01T00:00:00Z")
        };
        let ran = explain_at(&folder, &line, header, body);
        let report = ran.json();
        assert_eq!(ran.code, Some(1), "{line} {code}: {ran:?}");
        assert_eq!(
            (
                &report["status"],
                field(&report, "code"),
                field(&report, "id")
            ),
            (&json!(status), code, id),
            "{line} {code}: {ran:?}"
        );
        assert!(
            field(&report, "message").len() > 20,
            "{line} {code}: {ran:?}"
        );
        assert!(!ran.output.contains("sk-"), "{line} {code}: {ran:?}");
    }
    let ran = explain(
        &folder,
        "--request GET /api/tags --from 10.1.2.3",
        &[office],
        "",
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

fn explain_at(folder: &Folder, line: &str, header: &str, body: &str) -> Ran {
    let moved = line.replace("--at 2026-06-01T00:00:00Z", "");
    if let Some((before, at)) = moved.split_once("--at ") {
        let mut arguments = vec![
            "explain",
            "gate.json",
            "--json",
            "--at",
            at.trim(),
            "--header",
            header,
        ];
        let request = before.trim().trim_start_matches("--request ");
        arguments.extend(["--request", request]);
        return folder.run_with(
            arguments,
            &[("LAPTOP", KEY), ("OFFICE", KEY_OF_OFFICE)],
            b"",
        );
    }
    explain(folder, &moved, &[header], body)
}

const KEY_OF_OFFICE: &str = "sk-9xR2mKq8Vt5YhB3n";

#[test]
fn the_text_says_what_the_json_says_and_no_credential() {
    let folder = folder();
    let bearer = format!("Authorization: Bearer {KEY}");
    let arguments = [
        "explain",
        "gate.json",
        "--request",
        "DELETE /api/delete?key=hidden",
        "--header",
        &bearer,
    ];
    let ran = folder.run_with(arguments, &[("LAPTOP", KEY)], b"");
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for line in [
        "presented   in authorization",
        "id          laptop",
        "OFFICE is not set here",
        "403 scope_denied",
    ] {
        assert!(ran.output.contains(line), "{line}: {ran:?}");
    }
    assert!(
        !ran.output.contains("sk-") && !ran.output.contains("hidden"),
        "{ran:?}"
    );
}

#[test]
fn how_much_of_a_body_is_read_depends_on_the_gateway() {
    let folder = folder();
    let bearer = format!("Authorization: Bearer {KEY}");
    let body = format!(
        r#"{{"model":"llama3.2","prompt":"{}"}}"#,
        "x".repeat(10_000)
    );
    for (host, code) in [
        ("envoy", 0),
        ("istio", 0),
        ("envoy-gateway", 0),
        ("apisix", 0),
        ("kong", 1),
    ] {
        let line = format!("--request POST /api/generate --host {host}");
        let ran = explain(&folder, &line, &[&bearer], &body);
        assert_eq!(ran.code, Some(code), "{host}: {ran:?}");
        assert_eq!(ran.json()["host"], host, "{host}");
    }
}

#[test]
fn keys_that_would_be_fetched_are_asked_for() {
    let folder = Folder::new();
    let issuer = json!({ "name": "sso", "issuer": "https://sso.example", "audiences": ["ollama"],
        "algorithms": ["RS256"], "jwks": { "url": "https://sso.example/certs", "upstream": "sso" } });
    folder.write("gate.json", json!({ "jwt": [issuer] }).to_string());
    folder.write(
        "certs.json",
        r#"{ "keys": [ { "kty": "RSA", "use": "enc", "n": "x", "e": "AQAB" } ] }"#,
    );
    // {"alg":"RS256","typ":"JWT"} and claims that fit; the signature is none.
    let token = "Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJodHRwczovL3Nzby5leGFtcGxlIiwiYXVkIjoib2xsYW1hIiwic3ViIjoiYSIsImV4cCI6MTc5MDAwMDAwMH0.AAAA";
    let asked = [
        "explain",
        "gate.json",
        "--request",
        "GET /api/tags",
        "--at",
        "2026-06-01T00:00:00Z",
        "--header",
        token,
    ];
    let ran = folder.run(asked);
    assert!(
        ran.sentence().contains("https://sso.example/certs"),
        "{ran:?}"
    );
    for (option, why) in [
        ("other=certs.json", "there is no issuer `other` with `jwks`"),
        ("certs.json", "--jwks takes ISSUER=FILE"),
        ("sso=absent.json", "does not exist"),
        ("sso=gate.json", "is no JWKS"),
    ] {
        let ran = folder.run(asked.into_iter().chain(["--jwks", option]));
        assert!(ran.sentence().contains(why), "{option}: {ran:?}");
    }
}

#[test]
fn what_cannot_be_decided_on_is_one_sentence() {
    let folder = folder();
    folder.write(
        "broken.json",
        r#"{ "api_keys": { "keys": [ { "id": "a" } ] } }"#,
    );
    for (arguments, why) in [
        (
            vec!["explain", "gate.json", "--request", "/api/chat"],
            "--request: expected a method and a path",
        ),
        (
            vec![
                "explain",
                "gate.json",
                "--request",
                "GET /",
                "--header",
                "sk-secret",
            ],
            "number 1: expected 'Name: value'",
        ),
        (
            vec!["explain", "gate.json", "--request", "GET /", "--at", "noon"],
            "expected a time such as",
        ),
        (
            vec![
                "explain",
                "gate.json",
                "--request",
                "GET /",
                "--host",
                "nginx",
            ],
            "invalid value 'nginx'",
        ),
        (
            vec!["explain", "broken.json", "--request", "GET /"],
            "does not hold: api_keys.keys[0]",
        ),
    ] {
        let ran = folder.run(&arguments);
        assert!(ran.sentence().contains(why), "{arguments:?}: {ran:?}");
        assert!(!ran.error.contains("sk-secret"), "{arguments:?}: {ran:?}");
    }
}

#[test]
fn each_pack_lets_its_key_in_and_nobody_else() {
    let folder = Folder::new();
    for (file, host) in [
        ("envoy/envoy.yaml", "localhost"),
        ("istio/wasm-plugin.yaml", "ollama.example.com"),
        ("envoy-gateway/gate.yaml", "ollama.example.com"),
        ("apisix/apisix.yaml", "localhost"),
        ("kong/kong.yaml", "localhost"),
    ] {
        let host = format!("Host: {host}");
        let path = of_repository(file);
        let path = path.to_str().unwrap();
        let bearer = format!("Authorization: Bearer {KEY}");
        for (header, code) in [
            (bearer.as_str(), 0),
            ("Authorization: Bearer sk-AnotherKey123456", 1),
        ] {
            let arguments = [
                "explain",
                path,
                "--request",
                "POST /v1/chat/completions",
                "--header",
                header,
                "--header",
                &host,
            ];
            let ran = folder.run_with(arguments, &[("OLLAMA_GATE_KEY", KEY)], b"");
            assert_eq!(ran.code, Some(code), "{file} {code}: {ran:?}");
        }
    }
}

#[test]
fn a_request_without_a_host_is_for_the_first_name_of_the_gate() {
    let folder = Folder::new();
    for hosts in [
        json!(["https://gate.example", "localhost"]),
        json!(["gate.example:8443"]),
        json!(["[2001:db8::7]"]),
    ] {
        let configuration = json!({ "allow_anonymous": { "scopes": ["read"] }, "hosts": hosts });
        folder.write("gate.json", configuration.to_string());
        let line = [
            "explain",
            "gate.json",
            "--json",
            "--request",
            "GET /api/tags",
        ];
        let report = folder.run(line).json();
        assert_eq!(field(&report, "decision"), "allowed", "{hosts}: {report}");
        let other = [&line[..], &["--header", "Host: evil.example"]].concat();
        assert_eq!(
            field(&folder.run(other).json(), "code"),
            "host_denied",
            "{hosts}"
        );
    }
}
