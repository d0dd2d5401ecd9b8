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
