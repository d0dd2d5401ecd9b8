//! `init` and `up`: a directory that is whole or not there, and a gate that runs or one sentence.

use super::support::{Folder, Ran, on_a_small_disk, words};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What begins as a module does.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const PROGRAM: &str = env!("CARGO_BIN_EXE_ollama-gate");

fn init(folder: &Folder, line: &str) -> Ran {
    folder.write("module.wasm", MODULE);
    let mut all = vec!["init"];
    all.extend(words(line));
    all.extend(["--module", "module.wasm"]);
    folder.run(all)
}

/// Every file below `folder`, and what is in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            for (below, content) in files(&path) {
                found.insert(format!("{name}/{below}"), content);
            }
        } else {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn a_gate_is_one_directory_that_only_its_owner_reads() {
    let folder = Folder::new();
    let ran = init(
        &folder,
        "gate --name gate.example,192.0.2.7 --key alice --key bob=llama3.2,qwen3:* --json",
    );
    assert_eq!((ran.code, ran.error.as_str()), (Some(0), ""), "{ran:?}");
    let made = ran.json();
    assert_eq!(made["url"], "https://gate.example:11443");
    let keys: Vec<&str> = made["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["key"].as_str().unwrap())
        .collect();
    assert_eq!(keys.len(), 2);

    let gate = folder.path("gate");
    let mode = |name: &str| fs::metadata(gate.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(""), 0o700);
    for secret in [
        "tls/key.pem",
        "gate.json",
        "site.json",
        "envoy.yaml",
        "watched/gate.yaml",
    ] {
        assert_eq!(mode(secret), 0o600, "{secret}");
    }
    // The keys are shown, and stored nowhere.
    for (name, content) in files(&gate) {
        let text = String::from_utf8_lossy(&content);
        assert!(!keys.iter().any(|key| text.contains(key)), "{name}");
    }
    let json: Value = serde_json::from_slice(&fs::read(gate.join("gate.json")).unwrap()).unwrap();
    let records = json["api_keys"]["keys"].as_array().unwrap();
    assert_eq!(records[0]["models"], Value::Null);
    assert_eq!(records[1]["models"][1], "qwen3:*");
    let names = [
        "gate.example",
        "192.0.2.7",
        "localhost",
        "127.0.0.1",
        "[::1]",
    ];
    assert_eq!(json["hosts"], serde_json::json!(names));

    // What is in it is what the other commands read.
    for file in ["gate/gate.json", "gate/watched/gate.yaml"] {
        let ran = folder.run(["check", file, "--strict"]);
        assert_eq!(ran.code, Some(0), "{file}: {ran:?}");
    }
    let ran = folder.run(words("render apisix gate/gate.json"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.output.contains("llama3.2"), "{ran:?}");
    let ran = folder.run(words("key list gate/gate.json"));
    assert!(ran.output.contains("bob  valid"), "{ran:?}");
}

#[test]
fn the_decision_about_each_key_is_as_asked_for_on_envoy_and_apisix() {
    let folder = Folder::new();
    let made = init(
        &folder,
        "gate --name gate.example --key alice --key bob=llama3.2 --json",
    )
    .json();
    folder.write("other.json", r#"{ "model": "qwen3" }"#);
    // The same on APISIX, from the file that it loads.
    let rendered = folder.run(words("render apisix gate/gate.json"));
    folder.write("apisix.yaml", rendered.output);
    let checked = folder.run(words("check apisix.yaml --strict"));
    assert_eq!(checked.code, Some(0), "{checked:?}");
    for (file, place, code) in [
        ("gate/watched/gate.yaml", 0, 0),
        ("gate/watched/gate.yaml", 1, 1),
        ("apisix.yaml", 0, 0),
        ("apisix.yaml", 1, 1),
    ] {
        let key = made["keys"][place]["key"].as_str().unwrap();
        let header = format!("Authorization: Bearer {key}");
        let host = "Host: gate.example";
        let ran = folder.run([
            "explain",
            file,
            "--request",
            "POST /api/chat",
            "--header",
            &header,
            "--header",
            host,
            "--body",
            "other.json",
        ]);
        assert_eq!(ran.code, Some(code), "{file} {place}: {ran:?}");
    }
}

#[test]
fn a_second_init_changes_nothing_and_says_what_to_do() {
    let folder = Folder::new();
    assert_eq!(init(&folder, "gate --key alice").code, Some(0));
    let before = files(&folder.path("gate"));
    let ran = init(&folder, "gate --key alice");
    assert!(
        ran.sentence().contains("`ollama-gate key new` adds"),
        "{ran:?}"
    );
    assert_eq!(files(&folder.path("gate")), before);
}

#[test]
fn a_name_with_spaces_quotes_and_signs_is_a_name() {
    let folder = Folder::new();
    let name = "it's \"the\" gate: 100% $HOME #1";
    folder.write("module.wasm", MODULE);
    let ran = folder.run(["init", name, "--module", "module.wasm"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let yaml = folder.path(name).join("watched/gate.yaml");
    let ran = folder.run(["check".as_ref(), yaml.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn what_cannot_be_made_is_one_sentence_and_leaves_nothing() {
    let folder = Folder::new();
    folder.write("file", "x");
    folder.write("pem", "x");
    fs::create_dir(folder.path("full")).unwrap();
    folder.write("full/mine", "x");
    std::os::unix::fs::symlink("nowhere", folder.path("link")).unwrap();
    make_pipe(&folder);
    for (line, why) in [
        ("full", "is not empty, and nothing in it is overwritten"),
        ("file", "is there, and is no directory"),
        ("pipe", "is there, and is no directory"),
        ("file/below", "cannot be used: Not a directory"),
        ("link", "is a link to something that is not there"),
        ("/", "is not empty"),
        ("/proc/gate", "`/proc/gate"),
        (
            "new --listen 0.0.0.0:1 --tls off",
            "without TLS only an address of loopback is served",
        ),
        (
            "new --listen nowhere:1",
            "expected an address of this machine",
        ),
        (
            "new --listen 127.0.0.1",
            "expected an address of this machine",
        ),
        (
            "new --listen 127.0.0.1:70000",
            "expected an address of this machine",
        ),
        ("new --upstream 127.0.0.1", "expected a port after the host"),
        (
            "new --upstream 127.0.0.1:11443",
            "where the gate itself will listen",
        ),
        (
            "new --name https://gate.example",
            "expected a name such as gate.example",
        ),
        (
            "new --name *.example",
            "expected a name such as gate.example",
        ),
        ("new --key", "a value is required"),
        ("new --key =a", "expected a name, or a name and models"),
        ("new --key a --key a", "api_keys.keys[1].id"),
        ("new --days 0", "0 is not in 1..=36500"),
        (
            "new --tls on",
            "expected `self-signed`, `off`, or two paths",
        ),
        ("new --tls absent,pem", "`absent` does not exist"),
        ("new --tls pem,pem", "`pem` holds no certificate"),
        ("new --owner nobody-of-this-name", "--owner"),
        ("new --module absent", "cannot be used multiple times"),
    ] {
        let before = files_but_pipes(&folder);
        let ran = init(&folder, line);
        assert!(ran.sentence().contains(why), "{line}: {ran:?}");
        assert_eq!(files_but_pipes(&folder), before, "{line}");
    }
}

#[test]
fn a_module_and_a_directory_that_cannot_be_used_are_refused() {
    let folder = Folder::new();
    folder.write("module.wasm", MODULE);
    folder.write("file", "x");
    make_pipe(&folder);
    for (module, why) in [
        ("file", "is no WebAssembly module"),
        ("pipe", "is not a file"),
        ("absent", "does not exist"),
    ] {
        let ran = folder.run(["init", "new", "--module", module]);
        assert!(ran.sentence().contains(why), "{module}: {ran:?}");
        assert!(!folder.path("new").exists());
    }
    let latin1 = std::ffi::OsStr::from_bytes(b"g\xe4te");
    let ran = folder.run([
        "init".as_ref(),
        latin1,
        "--module".as_ref(),
        "module.wasm".as_ref(),
    ]);
    assert!(ran.sentence().contains("is not UTF-8"), "{ran:?}");
    let ran = folder.run(["init", "a\nb", "--module", "module.wasm"]);
    assert!(
        ran.sentence().contains("has a control character"),
        "{ran:?}"
    );
}

fn make_pipe(folder: &Folder) {
    let made = Command::new("mkfifo").arg(folder.path("pipe")).status();
    assert!(made.unwrap().success());
}

/// The names of everything in the folder.
fn files_but_pipes(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "module.wasm")
        .collect();
    names.sort();
    names
}

#[test]
fn a_full_disk_leaves_nothing() {
    let folder = Folder::new();
    let mut module = MODULE.to_vec();
    module.resize(400_000, 0);
    folder.write("module.wasm", module);
    let script =
        "cd small; \"$PROGRAM\" init sub/gate --module ../module.wasm; code=$?; ls -A; exit $code";
    let Some(ran) = on_a_small_disk(&folder, "256k", script) else {
        return;
    };
    let why = "the disk is full, and nothing was written";
    assert!(ran.sentence().ends_with(why), "{ran:?}");
}

#[test]
fn a_directory_of_another_user_is_left_alone() {
    let folder = Folder::new();
    assert_eq!(init(&folder, "gate --tls off").code, Some(0));
    // A path that others can reach, as the folder of these tests may not be.
    let elsewhere = std::env::temp_dir().join(format!("gate-other-{}", std::process::id()));
    fs::create_dir(&elsewhere).unwrap();
    let program = elsewhere.join("ollama-gate");
    fs::copy(PROGRAM, &program).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
    let ran = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["init", "gate", "--yes"])
        .current_dir(&elsewhere)
        .output();
    if let Ok(ran) = ran
        && !String::from_utf8_lossy(&ran.stderr).contains("setpriv")
    {
        let error = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(2), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!elsewhere.join("gate").exists());
    }
    fs::remove_dir_all(&elsewhere).unwrap();
}

#[test]
fn ctrl_c_at_any_moment_leaves_the_whole_directory_or_nothing() {
    let folder = Folder::new();
    let mut module = MODULE.to_vec();
    module.resize(20_000_000, 0);
    folder.write("module.wasm", module);
    let (mut whole, mut none) = (0, 0);
    for delay in 0..30 {
        let name = format!("gate{delay}");
        let mut child = Command::new(PROGRAM)
            .args(["init", &name, "--module", "module.wasm"])
            .current_dir(folder.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(3 * delay));
        let id = child.id().to_string();
        drop(
            Command::new("kill")
                .args(["-INT", &id])
                .stderr(Stdio::null())
                .status(),
        );
        child.wait().unwrap();
        if folder.path(&name).exists() {
            assert!(folder.path(&name).join("clients.txt").exists(), "{delay}");
            whole += 1;
        } else {
            none += 1;
        }
        let hidden = |name: &String| name.starts_with('.');
        assert!(!files_but_pipes(&folder).iter().any(hidden), "{delay}");
        drop(fs::remove_dir_all(folder.path(&name)));
    }
    assert_eq!(whole + none, 30);
}

#[test]
fn a_certificate_of_ones_own_has_to_fit_its_key() {
    let folder = Folder::new();
    for gate in ["one", "two"] {
        assert_eq!(init(&folder, gate).code, Some(0));
    }
    let ran = init(&folder, "new --tls one/tls/cert.pem,two/tls/key.pem");
    assert!(
        ran.sentence().contains("is not the key of the certificate"),
        "{ran:?}"
    );
    let ran = init(&folder, "new --tls one/tls/cert.pem,one/tls/key.pem --json");
    let path = ran.json()["certificate"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/one/tls/cert.pem"), "{path}");
}
