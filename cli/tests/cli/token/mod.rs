//! `token` and `jwks`: what is made here the gate verifies, and what is wrong with a token is said as the gate would say it.

mod inspect;
mod jwks;
mod mint;

use super::support::{Folder, Ran};
use serde_json::{Value, json};

const AT: &str = "2026-12-01T12:00:00Z";
const ISSUER: &str = "https://issuer.example";

/// In: an algorithm. Out: a folder with a key of it, and a configuration that knows its public half.
fn issuer(algorithm: &str) -> Folder {
    let folder = Folder::new();
    let ran = folder.run([
        "--json",
        "jwks",
        "new",
        "--algorithm",
        algorithm,
        "--private",
        "key",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let mut own = json!({
        "name": "own", "algorithms": [algorithm], "issuer": ISSUER, "audiences": ["ollama"], "scopes_claim": "scope",
    });
    match &ran.json()["set"] {
        Value::Null => {
            own["secrets"] = json!([{ "env": "SECRET" }]);
        }
        set => {
            own["keys"] = set["keys"].clone();
            folder.write("set.json", set.to_string());
        }
    }
    folder.write(
        "gate.json",
        json!({ "jwt": [own], "host": { "name": "envoy" } }).to_string(),
    );
    folder
}

fn secret(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path("key"))
        .unwrap()
        .trim_end()
        .to_owned()
}

/// Mints with the key of the folder, and `more` options.
fn mint(folder: &Folder, algorithm: &str, more: &[&str]) -> String {
    let key = if algorithm.starts_with("HS") {
        "--secret"
    } else {
        "--key"
    };
    let mut line = vec![
        "token",
        "mint",
        key,
        "key",
        "--algorithm",
        algorithm,
        "--at",
        AT,
    ];
    line.extend(more);
    let ran = folder.run(&line);
    assert_eq!(ran.code, Some(0), "{line:?}: {ran:?}");
    ran.output.trim_end().to_owned()
}

fn inspect(folder: &Folder, token: &str, more: &[&str]) -> Ran {
    let secret = secret(folder);
    let mut line = vec![
        "--json",
        "token",
        "inspect",
        "--config",
        "gate.json",
        "--at",
        AT,
    ];
    line.extend(more);
    folder.run_with(line, &[("SECRET", secret.as_str())], token.as_bytes())
}

/// A good token but for these claims and options.
fn changed(folder: &Folder, algorithm: &str, claims: &[&str], options: &[&str]) -> String {
    let iss = format!("iss={ISSUER}");
    let mut all = vec![
        "--claim",
        &iss,
        "--claim",
        "aud=ollama",
        "--claim",
        "sub=alice",
        "--claim",
        "scope=read",
    ];
    for claim in claims {
        all.extend(["--claim", claim]);
    }
    all.extend(options);
    mint(folder, algorithm, &all)
}

#[test]
fn what_is_no_key_no_token_and_no_set_is_one_sentence() {
    let folder = issuer("ES256");
    std::fs::create_dir(folder.path("folder")).unwrap();
    folder.write("latin1", b"-----BEGIN \xe9");
    folder.write("list.json", "[]");
    folder.write("cut.jwk", r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#);
    let large = std::fs::File::create(folder.path("large")).unwrap();
    large.set_len(100 << 20).unwrap();
    let pem = std::fs::read_to_string(folder.path("key")).unwrap();
    for end in (1..pem.len() - 1).step_by(7) {
        let ran = folder.run_with(
            ["token", "mint", "--key", "-"],
            &[],
            pem.get(..end).unwrap().as_bytes(),
        );
        let sentence = ran.sentence();
        assert!(
            pem.lines()
                .skip(1)
                .all(|line| line.starts_with('-') || !sentence.contains(line)),
            "{ran:?}"
        );
    }
    for name in [
        "folder",
        "latin1",
        "large",
        "absent",
        "list.json",
        "cut.jwk",
        "gate.json",
    ] {
        for line in [
            &["token", "mint", "--key", name][..],
            &["token", "mint", "--key", "key", "--claims", name],
            &["token", "inspect", "a.b.c", "--config", name],
            &["jwks", "show", name],
        ] {
            let is_object = ["cut.jwk", "gate.json"].contains(&name);
            if is_object && (line.contains(&"--claims") || line.contains(&"show")) {
                continue;
            }
            let ran = folder.run(line);
            assert!(!ran.sentence().is_empty(), "{line:?}");
        }
    }
}

#[test]
fn a_key_that_does_not_fit_what_is_asked_for_is_one_sentence() {
    let folder = issuer("ES256");
    for (line, why) in [
        (&["token", "mint"][..], "--key <FILE>|--key-env"),
        (
            &["token", "mint", "--key", "key", "--algorithm", "RS256"],
            "a key on P-256 does not sign by RS256",
        ),
        (&["token", "mint", "--key-env", "NONE"], "`NONE` is not set"),
        (
            &["token", "mint", "--key", "key", "--claim", "a"],
            "--claim number 1 is not NAME=VALUE",
        ),
        (
            &["token", "mint", "--secret", "key", "--encoding", "hex"],
            "not written in this --encoding",
        ),
        (&["token", "inspect", "sk-no-token"], "it is no JWT"),
        (
            &["token", "inspect", "a.b.c", "--jwks", "set.json"],
            "required arguments were not provided",
        ),
        (
            &["jwks", "new", "--private", "k", "--bits", "1024"],
            "--bits takes 2048 to 8192",
        ),
    ] {
        let ran = folder.run(line);
        assert!(ran.sentence().contains(why), "{line:?}: {ran:?}");
    }
}
