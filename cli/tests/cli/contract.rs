//! `--json` of each command, whole, as programs may rely on it: what differs from run to run is masked.

use super::smoke::guarded;
use super::support::{Folder, Ran, gate, masked, snapshot};
use super::world::World;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

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
            &["key", "sha256", "expires_at", "until", "note"],
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

#[test]
fn the_json_of_a_service_is_as_recorded() {
    let world = World::new();
    world.folder.write("module.wasm", b"\0asm\x01\0\0\0");
    for (name, line, code, drawn) in [
        (
            "init",
            &[
                "init",
                "made",
                "--module",
                "module.wasm",
                "--name",
                "gate.example",
                "--key",
                "alice",
                "--key",
                "bob=llama3.2",
            ][..],
            0,
            &["directory", "certificate", "authority", "key"][..],
        ),
        (
            "install",
            &["install", "gate", "--user"],
            0,
            &["url", "unit", "notes"],
        ),
        (
            "status",
            &["status", "gate", "--user"],
            1,
            &["directory", "url", "answer", "ollama_listens", "expires_at"],
        ),
        ("logs", &["logs", "gate", "--user"], 0, &[]),
        (
            "renew",
            &["renew", "made"],
            0,
            &["directory", "authority", "before", "expires_at"],
        ),
        ("uninstall", &["uninstall", "--user"], 0, &["removed"]),
    ] {
        let ran = world.run(&[&["--json"], line].concat());
        assert_eq!(ran.code, Some(code), "{name}: {ran:?}");
        assert_eq!(ran.error, "", "{name}: {ran:?}");
        snapshot(name, &masked(ran.json(), drawn));
    }
}

#[test]
fn the_json_of_a_run_that_was_ended_is_as_recorded() {
    let folder = Folder::new();
    let port = gate(&folder, "gate");
    // It only waits: what answers in its place is below.
    let envoy = folder.write("envoy", "#!/bin/sh\n: > begun\nexec sleep 60\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&envoy, mode).unwrap();
    let mut up = Command::new(env!("CARGO_BIN_EXE_ollama-gate"))
        .args(["--json", "up", "gate", "--envoy"])
        .arg(envoy)
        .current_dir(folder.path(""))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !folder.path("gate/begun").exists() {
        assert!(up.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let answer = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer realm=\"ollama-gate\"\r\n\
                          content-length: 0\r\nconnection: close\r\n\r\n";
            let mut head = BufReader::new(&connection).lines();
            while head
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            drop((&connection).write_all(answer.as_bytes()));
        }
    });
    let lines = BufReader::new(up.stderr.take().unwrap()).lines();
    assert!(
        lines
            .map_while(Result::ok)
            .any(|line| line.contains("The gate is up"))
    );
    let id = up.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status().unwrap();
    assert!(killed.success());
    let ended = up.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    snapshot("up", &masked(report, &["url"]));
}

#[test]
fn the_json_of_what_asks_and_what_writes_is_as_recorded() {
    snapshot("smoke", &masked(guarded().json(), &["target", "found"]));
    // Its text is held against the packs themselves.
    let ran = run(&folder(), &["render", "kong", "gate.json"], "");
    snapshot("render", &masked(ran.json(), &["text"]));
}
