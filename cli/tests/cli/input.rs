//! Whatever a path leads to, the answer is one sentence and exit code 2.

use super::support::{Folder, words};

#[test]
fn what_is_no_configuration_file_is_refused_in_one_sentence() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).unwrap();
    folder.write("latin1.json", b"{ \"id\": \"Andr\xe9\" }");
    folder.write("empty.json", b" \n");
    folder.write("service.yaml", b"apiVersion: v1\nkind: Service\n");
    folder.write("broken.yaml", b"a: [sk-not-shown-0123456789\n");
    let large = std::fs::File::create(folder.path("large.json")).unwrap();
    large.set_len(100 << 20).unwrap();
    for (name, why) in [
        ("folder", "is a directory"),
        (
            "latin1.json",
            "is not UTF-8: the first wrong byte is number 13",
        ),
        ("empty.json", "is empty"),
        ("large.json", "is larger than 64 MiB"),
        ("absent.json", "does not exist"),
        ("with space and 'quote'", "does not exist"),
        ("service.yaml", "holds no configuration of ollama-gate"),
        (
            "broken.yaml",
            "is neither JSON nor YAML: the error is in line",
        ),
    ] {
        let ran = folder.run(["check", name]);
        assert!(ran.sentence().contains(why), "{name}: {ran:?}");
        assert!(!ran.error.contains("sk-not-shown"), "{name}: {ran:?}");
        let json = folder.run(["check", name, "--json"]);
        assert_eq!(json.code, Some(2), "{name}");
        assert_eq!(json.json()["error"], ran.sentence(), "{name}");
    }
}

#[test]
fn a_byte_order_mark_before_a_file_is_passed_over() {
    let folder = Folder::new();
    let digest = "a".repeat(32) + &"b".repeat(32);
    let text = format!(r#"{{"api_keys":{{"keys":[{{"id":"a","sha256":"{digest}"}}]}}}}"#);
    folder.write("plain.json", text.as_bytes());
    folder.write("marked.json", format!("\u{feff}{text}").as_bytes());
    let plain = folder.run(["check", "plain.json"]);
    let marked = folder.run(["check", "marked.json"]);
    assert_eq!(marked.code, plain.code, "{marked:?}");
    assert!(!marked.error.contains("JSON"), "{marked:?}");
}

#[test]
fn a_file_that_may_not_be_read_is_refused_in_one_sentence() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let path = folder.write("closed.json", b"{}");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if std::fs::read(&path).is_err() {
        let ran = folder.run(["check", "closed.json"]);
        assert!(ran.sentence().contains("permission denied"), "{ran:?}");
    }
}

#[test]
fn a_pipe_is_read_up_to_the_bound() {
    let folder = Folder::new();
    let good = br#"{ "api_keys": { "keys": [ { "id": "a", "key": { "env": "KEY" } } ] } }"#;
    let ran = folder.run_with(words("check -"), &[("KEY", "sk-4fT9wQz7Lx2VbN8m")], good);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = folder.run_with(words("check -"), &[], &vec![b' '; (64 << 20) + 2]);
    assert!(ran.sentence().contains("larger than 64 MiB"), "{ran:?}");
    let ran = folder.run(words("check /dev/null"));
    assert!(ran.sentence().contains("is empty"), "{ran:?}");
}

#[test]
fn yaml_that_nests_or_repeats_without_end_is_refused() {
    let folder = Folder::new();
    folder.write("deep.yaml", format!("a: {}", "[".repeat(100_000)));
    folder.write("dashes.yaml", "- ".repeat(100_000) + "a");
    let mut bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (next, last) in "bcdefghij".chars().zip("abcdefghi".chars()) {
        let items = vec![format!("*{last}"); 9].join(", ");
        bomb += &format!("{next}: &{next} [{items}]\n");
    }
    folder.write("bomb.yaml", bomb);
    for name in ["deep.yaml", "dashes.yaml", "bomb.yaml"] {
        let ran = folder.run(["check", name]);
        assert!(
            ran.sentence().contains("neither JSON nor YAML"),
            "{name}: {ran:?}"
        );
    }
}

/// Every place of a command line that takes the path of something to read.
const READERS: [&str; 34] = [
    "check FILE",
    "check good.json --env-file FILE",
    "explain FILE --request GET=/",
    "explain good.json --requests FILE",
    "explain good.json --request GET=/ --body FILE",
    "explain good.json --request GET=/ --jwks a=FILE",
    "key list FILE",
    "key new FILE --id a",
    "key rotate FILE --id a",
    "key revoke FILE --id a",
    "token mint --key FILE",
    "token mint --secret good.json --claims FILE",
    "token inspect a.b.c --config FILE",
    "token inspect a.b.c --config good.json --jwks FILE",
    "jwks show FILE",
    "render envoy FILE",
    "import nginx FILE",
    "import apisix FILE",
    "import kong FILE",
    "import oauth2-proxy FILE",
    "import open-webui FILE",
    "import litellm FILE",
    "session list FILE --subject a",
    "session revoke good.json --subject a --env-file FILE",
    "smoke http://127.0.0.1:1 --key-file FILE",
    "smoke https://127.0.0.1:1 --ca FILE",
    "init new --module FILE",
    "init new --module module.wasm --tls FILE,FILE",
    "up FILE",
    "install FILE",
    "status FILE",
    "logs FILE",
    "renew FILE",
    "man FILE/below",
];

#[test]
fn every_command_says_in_one_sentence_what_it_cannot_read_and_writes_nothing() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("folder")).unwrap();
    folder.write("module.wasm", b"\0asm\x01\0\0\0");
    let good = r#"{ "api_keys": { "keys": [ { "id": "a", "key": { "env": "KEY" } } ] } }"#;
    folder.write("good.json", good);
    folder.write("bytes", b"\xff\xfe \xe9 \"' $(x)");
    let large = std::fs::File::create(folder.path("large")).unwrap();
    large.set_len(100 << 20).unwrap();
    let names = || {
        let entries = std::fs::read_dir(folder.path("")).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let home = [("XDG_CONFIG_HOME", "/nowhere"), ("PATH", "/nowhere")];
    for line in READERS {
        // A body may be any bytes.
        let body = line.contains("--body");
        for name in ["folder", "bytes", "large", "no such 'file' \"here\""] {
            if body && name == "bytes" {
                continue;
            }
            // Only the words of the table are parted by spaces.
            let words = line.split(' ').map(|word| {
                let word = word.replace("GET=/", "GET /");
                word.replace("FILE", name)
            });
            let ran = folder.run_with(words, &home, b"");
            assert_eq!(ran.code, Some(2), "{line} {name}: {ran:?}");
            assert_eq!(ran.output, "", "{line} {name}: {ran:?}");
            assert_eq!(ran.error.lines().count(), 1, "{line} {name}: {ran:?}");
            assert!(!ran.error.contains("panicked"), "{line} {name}: {ran:?}");
            assert_eq!(names(), before, "{line} {name}");
        }
    }
    assert_eq!(
        std::fs::read_to_string(folder.path("good.json")).unwrap(),
        good
    );
}

#[test]
fn what_never_ends_is_read_up_to_the_bound() {
    let folder = Folder::new();
    folder.write(
        "good.json",
        r#"{ "api_keys": { "keys": [ { "id": "a", "key": { "env": "KEY" } } ] } }"#,
    );
    for line in [
        &["check", "/dev/zero"][..],
        &[
            "explain",
            "good.json",
            "--request",
            "GET /",
            "--body",
            "/dev/zero",
        ],
        &["init", "new", "--module", "/dev/zero"],
    ] {
        let ran = folder.run(line);
        assert!(!ran.sentence().is_empty(), "{line:?}: {ran:?}");
    }
}
