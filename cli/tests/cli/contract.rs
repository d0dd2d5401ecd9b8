//! `--json` of each command, whole, as programs may rely on it: what differs from run to run is masked.

use super::support::{Folder, Ran, masked, snapshot};
use serde_json::json;

const KEY: &str = "sk-4fT9wQz7Lx2VbN8m";
const AT: &str = "2026-12-01T12:00:00Z";

fn folder() -> Folder {
    let folder = Folder::new();
    let configuration = json!({
        "api_keys": { "keys": [
            { "id": "laptop", "key": { "env": "LAPTOP" }, "subject": "alice", "models": ["llama3.2"],
              "expires_at": "2099-01-01T00:00:00Z" },
            { "id": "old", "sha256": "9b7f3c1e5a2d8f604c7e1b9a3d5f8e2c6a4b0d9e7f1c3a5b8d2e6f4a0c9b7d1e",
              "scopes": ["read"], "expires_at": "2026-01-01T00:00:00Z" },
        ] },
        "public": ["health"],
        "host": { "name": "envoy" },
    });
    folder.write("gate.json", configuration.to_string());
    folder.write(
        "wrong.json",
        r#"{ "api_keys": { "keys": [ { "id": "a b", "ky": 1 } ] }, "mode": "off" }"#,
    );
    folder.write(
        "empty.json",
        r#"{ "hosts": ["gate.example"], "api_keys": { "keys": [] } }"#,
    );
    folder
}

fn run(folder: &Folder, line: &[&str], input: &str) -> Ran {
    let line: Vec<_> = std::iter::once("--json")
        .chain(line.iter().copied())
        .collect();
    folder.run_with(line, &[("LAPTOP", KEY)], input.as_bytes())
}

#[test]
fn the_json_of_what_reads_is_as_recorded() {
    let requests = format!(
        "{{\"request\":\"GET /api/tags\",\"headers\":[\"X-Api-Key: {KEY}\"]}}\n{{\"request\":\"BREW /\"}}"
    );
    for (name, line, input, code) in [
        ("check", &["check", "gate.json"][..], "", 0),
        ("check-errors", &["check", "wrong.json"], "", 1),
        ("error", &["check", "absent.json"], "", 2),
        ("usage", &["check"], "", 2),
        (
            "explain",
            &[
                "explain",
                "gate.json",
                "--request",
                "POST /api/chat",
                "--header",
                "X-Api-Key: sk-4fT9wQz7Lx2VbN8m",
                "--body",
                "-",
                "--at",
                AT,
            ],
            r#"{"model":"qwen3"}"#,
            1,
        ),
        (
            "explain-requests",
            &["explain", "gate.json", "--at", AT, "--requests", "-"],
            requests.as_str(),
            1,
        ),
        ("key-list", &["key", "list", "gate.json"], "", 0),
        ("key-hash", &["key", "hash"], KEY, 0),
        (
            "token-inspect",
            &[
                "token",
                "inspect",
                "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIiwiZXhwIjoxfQ.",
                "--at",
                AT,
            ],
            "",
            0,
        ),
    ] {
        let ran = run(&folder(), line, input);
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        assert_eq!(ran.error, "", "{name}: {ran:?}");
        // Sentences are for people, and may be put in better words.
        snapshot(name, &masked(ran.json(), &["cause", "message", "error"]));
    }
}

#[test]
fn the_json_of_what_makes_or_changes_is_as_recorded() {
    let folder = folder();
    let secret = "a secret of 32 bytes or more, for a test";
    folder.write("secret", secret);
    for (name, line, drawn) in [
        (
            "key-new",
            &["key", "new", "empty.json", "--id", "ci"][..],
            &["key", "sha256", "expires_at"][..],
        ),
        (
            "key-rotate",
            &["key", "rotate", "empty.json", "--id", "ci"],
            &["key", "sha256", "expires_at", "note"],
        ),
        (
            "key-revoke",
            &["key", "revoke", "empty.json", "--id", "ci"],
            &[],
        ),
        (
            "token-mint",
            &[
                "token",
                "mint",
                "--secret",
                "secret",
                "--subject",
                "alice",
                "--at",
                AT,
            ],
            &[],
        ),
        (
            "jwks-new",
            &["jwks", "new", "--private", "new.pem"],
            &["kid", "x", "y"],
        ),
    ] {
        let ran = run(&folder, line, "");
        assert_eq!(ran.code, Some(0), "{name}: {ran:?}");
        snapshot(name, &masked(ran.json(), drawn));
    }
}

#[test]
fn what_is_text_in_itself_is_one_member() {
    for line in [
        &["completions", "bash"][..],
        &["man"],
        &["render", "kong", "gate.json"],
    ] {
        let report = run(&folder(), line, "").json();
        let members: Vec<_> = report.as_object().unwrap().keys().collect();
        assert_eq!(members, ["text"], "{line:?}");
    }
}
