//! `key`: the key once, its record in the file, and the file whole or as it was.

use super::support::{Folder, Ran, words};
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

/// Written by hand: order, numbers and white space have to stay.
const FILE: &str = "{ \"hosts\" : [\"gate.example\"],\n  \"api_keys\": {\n    \"keys\": [\n      { \"id\": \"alice\", \"sha256\": \"9b7f3c1e5a2d8f604c7e1b9a3d5f8e2c6a4b0d9e7f1c3a5b8d2e6f4a0c9b7d1e\", \"models\": [\"llama3.2\"] }\n    ]\n  },\n  \"upstream\":{\"host\":\"localhost:11434\"} }\n";

pub(super) fn key_of(ran: &Ran) -> String {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    ran.json()["key"].as_str().unwrap().to_owned()
}

pub(super) fn explain(folder: &Folder, key: &str, request: &str, at: &str) -> Value {
    let header = format!("Authorization: Bearer {key}");
    let arguments = [
        "explain",
        "gate.json",
        "--json",
        "--request",
        request,
        "--header",
        &header,
        "--header",
        "Host: gate.example",
        "--at",
        at,
    ];
    folder.run(arguments).json()
}

#[test]
fn a_new_key_comes_in_and_the_rest_of_the_file_stays_as_it_was() {
    let folder = Folder::new();
    let path = folder.write("gate.json", FILE);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let ran = folder.run(words(
        "key new gate.json --id bob --scopes read --days 30 --json",
    ));
    let key = key_of(&ran);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(&key), "{text}");
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o7777, 0o640);
    let (before, rest) = FILE.split_once("\n    ]").unwrap();
    let inner = text
        .strip_prefix(before)
        .unwrap()
        .strip_suffix(&format!("\n    ]{rest}"))
        .unwrap();
    let record: Value = serde_json::from_str(inner.trim_start_matches(",\n")).unwrap();
    assert_eq!(
        (&record["id"], &record["scopes"]),
        (&json!("bob"), &json!(["read"]))
    );
    let now = "2026-11-28T00:00:00Z";
    assert_eq!(explain(&folder, &key, "GET /api/tags", now)["id"], "bob");
    assert_eq!(
        explain(&folder, &key, "POST /api/chat", now)["code"],
        "scope_denied"
    );
    // Nothing is left beside it.
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn without_a_file_the_record_is_printed() {
    let folder = Folder::new();
    let line = "key new --id bob --models llama3.2,qwen3:* --limits {\"num_predict\":100} --json";
    let record = &folder.run(words(line)).json()["record"];
    assert_eq!(record["limits"], json!({ "num_predict": 100 }));
    assert_eq!(record["models"], json!(["llama3.2", "qwen3:*"]));
    let ran = folder.run(words("key new --id bob --models llama3.2,qwen3:*"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let keys = ran
        .output
        .lines()
        .filter(|line| line.trim().starts_with("sk-"))
        .count();
    assert_eq!(keys, 1, "{ran:?}");
}

#[test]
fn what_would_not_hold_is_refused_and_the_file_is_as_it_was() {
    let folder = Folder::new();
    let path = folder.write("gate.json", FILE);
    folder.write("envoy.yaml", "static_resources: {}\n");
    folder.write("route.json", r#"{ "uri": "/*", "plugins": {} }"#);
    for (line, why) in [
        (
            "key new gate.json --id alice",
            "is already used by another key",
        ),
        (
            "key new gate.json --id bob --scopes reed",
            "api_keys.keys[1].scopes[0]",
        ),
        (
            "key new gate.json --id bob --models ",
            "api_keys.keys[1].models[0]",
        ),
        (
            "key new gate.json --id bob --limits nope",
            "--limits is no JSON",
        ),
        (
            "key new gate.json --id bob --limits {\"nope\":1}",
            "api_keys.keys[1].limits.nope",
        ),
        ("key new gate.json --id bob --days 0", "invalid value '0'"),
        (
            "key new gate.json --id bob --scope read",
            "unexpected argument '--scope'",
        ),
        (
            "key new gate.json --id bob --days 3 --expires 2027-01-01T00:00:00Z",
            "cannot be used with",
        ),
        (
            "key new envoy.yaml --id bob",
            "is not the plugin JSON alone",
        ),
        (
            "key new route.json --id bob",
            "is not the plugin JSON alone",
        ),
        ("key new absent.json --id bob", "does not exist"),
        ("key new /dev/null --id bob", "is no regular file"),
        ("key new . --id bob", "is no regular file"),
        (
            "key revoke gate.json --id carol",
            "has no key with the id `carol`",
        ),
        (
            "key rotate gate.json --id carol",
            "has no key with the id `carol`",
        ),
        (
            "key rotate gate.json --id alice --grace soon",
            "expected a span such as",
        ),
    ] {
        let ran = folder.run(words(line));
        assert!(ran.sentence().contains(why), "{line}: {ran:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE, "{line}");
    }
}

#[test]
fn a_revoked_key_is_refused_by_its_name_and_a_removed_one_is_unknown() {
    let folder = Folder::new();
    folder.write("gate.json", FILE);
    let key = key_of(&folder.run(words("key new gate.json --id bob --json")));
    assert_eq!(
        folder.run(words("key revoke gate.json --id bob")).code,
        Some(0)
    );
    let report = explain(&folder, &key, "GET /api/tags", "2100-01-01T00:00:00Z");
    assert_eq!(
        (&report["code"], &report["id"]),
        (&json!("expired_key"), &json!("bob"))
    );
    let listed = folder.run(words("key list gate.json"));
    assert!(listed.output.contains("bob  expired"), "{listed:?}");
    assert_eq!(
        folder
            .run(words("key revoke gate.json --id bob --remove"))
            .code,
        Some(0)
    );
    assert_eq!(
        std::fs::read_to_string(folder.path("gate.json")).unwrap(),
        FILE
    );
}

#[test]
fn a_symbolic_link_stays_one_and_a_file_that_is_locked_is_left_alone() {
    let folder = Folder::new();
    let path = folder.write("real.json", FILE);
    std::os::unix::fs::symlink("real.json", folder.path("gate.json")).unwrap();
    assert_eq!(
        folder.run(words("key revoke gate.json --id alice")).code,
        Some(0)
    );
    assert!(folder.path("gate.json").is_symlink());
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("expires_at"), "{text}");
    let file = std::fs::File::open(&path).unwrap();
    file.lock().unwrap();
    let ran = folder.run(words("key new gate.json --id bob"));
    assert!(
        ran.sentence().contains("is being edited by another"),
        "{ran:?}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn where_nothing_can_be_written_the_file_is_as_it_was() {
    let folder = Folder::new();
    let path = folder.write("gate.json", FILE);
    // As on a full disk: no file may grow, and the write fails.
    let shell = "trap '' XFSZ; ulimit -f 0; exec \"$0\" key new gate.json --id bob";
    let ran = std::process::Command::new("sh")
        .args(["-c", shell, env!("CARGO_BIN_EXE_ollama-gate")])
        .current_dir(path.parent().unwrap())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(2), "{ran:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), FILE);
    let files: Vec<_> = std::fs::read_dir(path.parent().unwrap()).unwrap().collect();
    assert_eq!(files.len(), 1, "{files:?}");
}

#[test]
fn ctrl_c_at_any_moment_leaves_the_file_whole_and_nothing_beside_it() {
    let folder = Folder::new();
    let path = folder.write("gate.json", FILE);
    for delay in 0..40 {
        std::fs::write(&path, FILE).unwrap();
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_ollama-gate"))
            .args(words("key new gate.json --id bob"))
            .current_dir(folder.path(""))
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_micros(500 * delay));
        let id = child.id().to_string();
        let mut kill = std::process::Command::new("kill");
        let kill = kill.args(["-INT", &id]).stderr(std::process::Stdio::null());
        drop(kill.status());
        child.wait().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text == FILE || text.contains("\"bob\""), "{delay}: {text}");
        let count = std::fs::read_dir(folder.path("")).unwrap().count();
        assert_eq!(count, 1, "{delay}");
    }
}

#[test]
fn a_key_with_a_wrong_digit_is_told_from_an_unknown_one() {
    let folder = Folder::new();
    let key = key_of(&folder.run(words("key new --id bob --json")));
    let hash = |key: &str| folder.run_with(words("key hash --json"), &[], key.as_bytes());
    let good = hash(&format!("{key}\n"));
    assert_eq!(
        (good.code, &good.json()["checksum_fits"]),
        (Some(0), &json!(true))
    );
    let last = if key.ends_with('a') { "b" } else { "a" };
    let wrong = hash(&format!("{}{last}", &key[..key.len() - 1]));
    assert_eq!(
        (wrong.code, &wrong.json()["checksum_fits"]),
        (Some(1), &json!(false))
    );
    let other = hash("4fT9wQz7Lx2VbN8m");
    assert_eq!(
        (other.code, &other.json()["checksum_fits"]),
        (Some(0), &Value::Null)
    );
    assert!(
        hash("short").json()["error"]
            .as_str()
            .unwrap()
            .contains("is no key")
    );
}
