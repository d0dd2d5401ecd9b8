//! `smoke` finds what a deployment lets through, and nothing else.

mod deployment;

use super::support::{Folder, Ran};
use deployment::{Asked, Decision, EXPIRED, KEY, good, start};
use serde_json::Value;

/// Asks the deployment at `port`, with the key that works and the one that is over.
fn smoke(port: u16, more: &[&str]) -> Ran {
    let url = format!("http://127.0.0.1:{port}");
    // Nothing listens on port 1: whether this machine runs an Ollama does not matter.
    let line = [
        "--json",
        "smoke",
        &url,
        "--key-env",
        "GOOD",
        "--expired-key-env",
        "OVER",
        "--ollama-port",
        "1",
    ];
    let line: Vec<&str> = match more {
        [] => line.to_vec(),
        more => line[..7]
            .iter()
            .copied()
            .chain(more.iter().copied())
            .collect(),
    };
    Folder::new().run_with(line, &[("GOOD", KEY), ("OVER", EXPIRED)], b"")
}

/// The checks with this verdict.
fn checks<'a>(report: &'a Value, verdict: &str) -> Vec<&'a str> {
    let checks = report["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["verdict"] == verdict)
        .map(|check| check["check"].as_str().unwrap())
        .collect()
}

/// Asserts that exactly `open` is found open, and that each says what to do.
fn finds(name: &str, gate: impl Fn(&Asked) -> Decision + Send + Sync + 'static, open: &[&str]) {
    let ran = smoke(start(gate), &[]);
    let report = ran.json();
    assert_eq!(checks(&report, "open"), open, "{name}: {report:#}");
    assert_eq!(ran.code, Some(1), "{name}: {report:#}");
    assert_eq!(report["result"], "open", "{name}");
    for check in report["checks"].as_array().unwrap() {
        let fine = check["verdict"] == "guarded" || check["verdict"] == "skipped";
        assert_ne!(fine, check["advice"].is_string(), "{name}: {check:#}");
    }
    assert!(
        !ran.output.contains(KEY) && !ran.output.contains(EXPIRED),
        "{name}: {report:#}"
    );
}

/// A run against a deployment without a hole.
pub fn guarded() -> Ran {
    smoke(start(good), &[])
}

#[test]
fn a_good_gate_is_guarded() {
    let ran = guarded();
    let report = ran.json();
    assert_eq!(
        (ran.code, &report["result"]),
        (Some(0), &Value::from("guarded")),
        "{report:#}"
    );
    assert_eq!(checks(&report, "guarded").len(), 16, "{report:#}");
}

/// A gate with a hole: what `hole` names passes, and all else is decided as it should be.
fn with(hole: impl Fn(&Asked) -> bool) -> impl Fn(&Asked) -> Decision {
    move |asked| {
        if hole(asked) {
            Decision::Pass
        } else {
            good(asked)
        }
    }
}

#[test]
fn routes_that_are_open_are_found() {
    let everything = [
        "no_key",
        "no_key_v1",
        "no_key_manage",
        "bad_key",
        "forged_token",
        "expired_key",
        "path",
        "forwarded_address",
        "foreign_host",
        "websocket",
        "scope",
    ];
    finds("no gate at all", |_| Decision::Pass, &everything);
    let v1 = |asked: &Asked| asked.target.starts_with("/v1/");
    finds(
        "a gate on /api alone",
        with(v1),
        &["no_key_v1", "bad_key", "expired_key", "path", "websocket"],
    );
    let delete = |asked: &Asked| asked.method == "DELETE";
    finds(
        "GET and POST alone",
        with(delete),
        &["no_key_manage", "bad_key", "scope"],
    );
}

#[test]
fn keys_that_should_not_work_are_found() {
    finds(
        "any key",
        with(|asked| asked.bearer().starts_with("sk-")),
        &["bad_key", "expired_key", "scope"],
    );
    finds(
        "a Bearer without a key",
        with(|asked| asked.field("authorization") == "Bearer"),
        &["bad_key"],
    );
    finds(
        "any X-Api-Key",
        with(|asked| !asked.field("x-api-key").is_empty()),
        &["bad_key"],
    );
    finds(
        "a key that is over",
        with(|asked| asked.bearer() == EXPIRED),
        &["expired_key"],
    );
    finds(
        "a token without a signature",
        with(|asked| asked.bearer().ends_with('.')),
        &["forged_token"],
    );
    let common = |asked: &Asked| {
        let signature = |part: &str| {
            use base64::Engine;
            let mac = hmac_sha256::HMAC::mac(part.as_bytes(), b"t0p-s3cr3t");
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(mac)
        };
        asked
            .bearer()
            .rsplit_once('.')
            .is_some_and(|(part, found)| found == signature(part))
    };
    finds(
        "a secret that everybody knows",
        with(common),
        &["forged_token"],
    );
}

#[test]
fn paths_that_pass_are_found() {
    finds(
        "a public word in the target",
        with(|asked| asked.target.contains("/health")),
        &["path"],
    );
    let elsewhere =
        |asked: &Asked| !asked.target.starts_with("/api") && !asked.target.starts_with("/v1");
    finds("a guard of plain prefixes", with(elsewhere), &["path"]);
    let version = |asked: &Asked| asked.target.starts_with("/api/version/");
    finds("a public prefix", with(version), &["path"]);
    let rewritten = |asked: &Asked| asked.field("x-original-url") == "/health";
    finds("a path from a header", with(rewritten), &["path"]);
}

#[test]
fn headers_that_open_the_gate_are_found() {
    let forwarded = |asked: &Asked| asked.field("x-forwarded-for") == "127.0.0.1";
    finds(
        "an address from a header",
        with(forwarded),
        &["forwarded_address"],
    );
    let user = |asked: &Asked| asked.field("remote-user") == "admin";
    finds("a user from a header", with(user), &["forwarded_address"]);
    let host = |asked: &Asked| asked.field("host") == "evil.example";
    finds(
        "a virtual host without the gate",
        with(host),
        &["foreign_host"],
    );
}

#[test]
fn upgrades_and_foreign_pages_are_found() {
    let upgrade = |asked: &Asked| {
        if asked.field("upgrade") == "websocket" {
            return Decision::Answer(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_owned(),
            );
        }
        good(asked)
    };
    finds("an upgrade", upgrade, &["websocket"]);
    let cors = |asked: &Asked| {
        let origin = asked.field("origin");
        if origin.is_empty() {
            return good(asked);
        }
        Decision::Answer(format!(
            "HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: {origin}\r\nAccess-Control-Allow-Credentials: true\r\n\r\n"
        ))
    };
    finds("every origin", cors, &["cors"]);
}

#[test]
fn a_key_that_may_manage_is_found_unless_it_is_meant_to() {
    finds(
        "a key for everything",
        with(|asked| asked.bearer() == KEY && asked.field("host") != "evil.example"),
        &["scope"],
    );
    let port = start(with(|asked| {
        asked.bearer() == KEY && asked.field("host") != "evil.example"
    }));
    let ran = smoke(port, &["--ollama-port", "1", "--manager"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn ollamas_own_port_is_found_open() {
    let ollama = start(|_| Decision::Pass);
    let own = format!("127.0.0.1:{ollama}");
    let ran = smoke(start(good), &["--ollama-port", &own]);
    assert_eq!(
        (ran.code, checks(&ran.json(), "open")),
        (Some(1), vec!["ollama_port"]),
        "{ran:?}"
    );
}

#[test]
fn what_cannot_be_told_is_not_called_guarded() {
    let broken = |_: &Asked| Decision::Refuse(502, "upstream_unavailable");
    let fenced = |_: &Asked| {
        Decision::Answer("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned())
    };
    let login = |_: &Asked| {
        Decision::Answer(
            "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n".to_owned(),
        )
    };
    let everybody = |_: &Asked| Decision::Refuse(401, "unknown_key");
    for port in [start(broken), start(fenced), start(login), start(everybody)] {
        let ran = smoke(port, &[]);
        assert_eq!(
            (ran.code, &ran.json()["result"]),
            (Some(2), &Value::from("unknown")),
            "{ran:?}"
        );
    }
    let ran = smoke(1, &[]);
    assert_eq!(
        (ran.code, checks(&ran.json(), "unknown")),
        (Some(2), vec!["reachable"]),
        "{ran:?}"
    );
}

#[test]
fn an_answer_without_end_is_read_to_a_bound() {
    let endless =
        |_: &Asked| Decision::Answer(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1 << 20)));
    let ran = smoke(start(endless), &[]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let head =
        |_: &Asked| Decision::Answer(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(1 << 20)));
    assert_eq!(smoke(start(head), &[]).code, Some(2));
}

#[test]
fn text_says_what_was_found_and_what_to_do() {
    let port = start(|_| Decision::Pass);
    let folder = Folder::new();
    let ran = folder.run([
        "smoke",
        &format!("http://127.0.0.1:{port}"),
        "--ollama-port",
        "1",
    ]);
    assert!(
        ran.output
            .contains("open     no_key             a request without a key reached Ollama"),
        "{ran:?}"
    );
    assert!(ran.output.ends_with("is NOT guarded.\n"), "{ran:?}");
    assert!(ran.output.contains("skipped  good_key"), "{ran:?}");
}

#[test]
fn a_key_is_read_from_a_file_or_the_standard_input() {
    let folder = Folder::new();
    let url = format!("http://127.0.0.1:{}", start(good));
    let file = folder.write("key", format!("{KEY}\n"));
    let path = file.to_str().unwrap();
    let ran = folder.run(["smoke", &url, "--ollama-port", "1", "--key-file", path]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let line = ["smoke", &url, "--ollama-port", "1", "--key-file", "-"];
    let ran = folder.run_with(line, &[], KEY.as_bytes());
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn bad_input_is_one_sentence() {
    let folder = Folder::new();
    folder.write("two-lines", "sk-one\nsk-two\n");
    folder.write("no-certificate", "hello\n");
    for (line, why) in [
        (
            "smoke gate.example",
            "expected an address that begins with `http://` or `https://`",
        ),
        (
            "smoke https://bob:hunter2@gate.example",
            "without a name and a password",
        ),
        (
            "smoke http://localhost --key-env NOT_SET",
            "the variable `NOT_SET` is not set",
        ),
        (
            "smoke http://localhost --key-file two-lines",
            "`two-lines` holds no key",
        ),
        (
            "smoke http://localhost --key-file missing",
            "`missing` does not exist",
        ),
        (
            "smoke http://localhost --ollama-port 0",
            "--ollama-port: expected",
        ),
        (
            "smoke https://localhost --ca no-certificate",
            "there is none in it",
        ),
        (
            "smoke https://localhost --ca missing",
            "cannot read certificates from missing",
        ),
    ] {
        let ran = folder.run(line.split(' '));
        assert!(ran.sentence().contains(why), "{line}: {ran:?}");
    }
}
