//! `token` and `jwks`: what is made here the gate verifies, and what is wrong with a token is said as the gate would say it.

use super::support::{Folder, Ran, masked, snapshot};
use serde_json::{Value, json};

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];
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

const GOOD: [&str; 8] = [
    "--issuer",
    ISSUER,
    "--audience",
    "ollama",
    "--subject",
    "alice",
    "--claim",
    "scope=read inference",
];

#[test]
fn a_token_of_every_algorithm_is_good_at_the_gate_and_no_other_is() {
    for algorithm in ALGORITHMS {
        let folder = issuer(algorithm);
        let token = mint(&folder, algorithm, &GOOD);
        let ran = inspect(&folder, &token, &[]);
        assert_eq!(ran.code, Some(0), "{algorithm}: {ran:?}");
        let verdict = &ran.json()["verdict"];
        assert_eq!(
            verdict["scopes"],
            json!(["read", "inference"]),
            "{algorithm}"
        );
        assert_eq!(verdict["subject"], "alice", "{algorithm}");
        // One bit of the signature, which is no last bit of the base64url.
        let place = token.rfind('.').unwrap() + 3;
        let mut bytes = token.into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let ran = inspect(&folder, &String::from_utf8(bytes).unwrap(), &[]);
        assert_eq!(ran.code, Some(1), "{algorithm}: {ran:?}");
        assert_eq!(
            ran.json()["verdict"]["code"],
            "invalid_signature",
            "{algorithm}"
        );
    }
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
fn what_is_wrong_with_a_token_has_the_code_of_the_gate() {
    let folder = issuer("ES256");
    for (claims, options, code) in [
        (&["iss=https://evil.example"][..], &[][..], "wrong_issuer"),
        (&["aud=other"], &[], "wrong_audience"),
        (&["exp=1700000000"], &[], "expired_token"),
        (&["exp=\"soon\""], &[], "malformed_token"),
        (
            &[],
            &["--not-before", "2026-12-02T00:00:00Z"],
            "token_not_yet_valid",
        ),
        (&["sub=\"\""], &[], "missing_subject"),
        (&[], &["--kid", "another"], "unknown_signing_key"),
    ] {
        let token = changed(&folder, "ES256", claims, options);
        let ran = inspect(&folder, &token, &[]);
        assert_eq!(ran.code, Some(1), "{code}: {ran:?}");
        let report = ran.json();
        assert_eq!(report["verdict"]["code"], code, "{report:#}");
        assert_eq!(report["issuers"]["own"]["code"], code, "{report:#}");
        assert_eq!(
            (&report["verdict"]["good"], &report["verdict"]["scopes"]),
            (&json!(false), &json!([]))
        );
    }
    let other = issuer("RS256");
    let token = changed(&other, "RS256", &[], &[]);
    assert_eq!(
        inspect(&folder, &token, &[]).json()["verdict"]["code"],
        "unsupported_algorithm"
    );
    let powerless = changed(&folder, "ES256", &["scope=wiki"], &[]);
    let ran = inspect(&folder, &powerless, &[]);
    let verdict = &ran.json()["verdict"];
    assert_eq!(
        (ran.code, &verdict["good"], &verdict["scopes"]),
        (Some(0), &json!(true), &json!([]))
    );
}

#[test]
fn keys_that_would_be_fetched_come_from_a_file_and_without_it_nothing_is_told() {
    let folder = issuer("EdDSA");
    let token = changed(&folder, "EdDSA", &[], &[]);
    let own = json!({
        "name": "own", "algorithms": ["EdDSA"], "issuer": ISSUER, "audiences": ["ollama"], "jwks": { "upstream": "sso" },
    });
    folder.write(
        "gate.json",
        json!({ "jwt": [own], "host": { "name": "envoy" } }).to_string(),
    );
    let ran = inspect(&folder, &token, &[]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(ran.json()["verdict"]["good"], Value::Null);
    for option in ["set.json", "own=set.json"] {
        let ran = inspect(&folder, &token, &["--jwks", option]);
        assert_eq!(
            (ran.code, &ran.json()["verdict"]["good"]),
            (Some(0), &json!(true)),
            "{option}: {ran:?}"
        );
    }
    let other = issuer("EdDSA");
    let set = std::fs::read(other.path("set.json")).unwrap();
    folder.write("other.json", set);
    let ran = inspect(&folder, &token, &["--jwks", "other.json"]);
    assert_eq!(
        ran.json()["verdict"]["code"],
        "unknown_signing_key",
        "{ran:?}"
    );
}

#[test]
fn a_set_of_keys_is_what_a_fetched_one_is() {
    let folder = issuer("EdDSA");
    let token = changed(&folder, "EdDSA", &[], &[]);
    let gate = |algorithms: &[&str]| {
        let own = json!({ "name": "own", "algorithms": algorithms, "issuer": ISSUER, "audiences": ["ollama"],
            "jwks": { "upstream": "sso", "url": "https://sso.example/keys" } });
        let gate = json!({ "jwt": [own], "host": { "name": "envoy" } });
        folder.write("gate.json", gate.to_string());
    };
    // An issuer may allow more algorithms than it has keys for today.
    gate(&["RS256", "EdDSA"]);
    let ran = inspect(&folder, &token, &["--jwks", "set.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // None of its keys is for the one that is allowed, or there is none that can be used.
    let cases = [
        ("set.json", "RS256"),
        ("empty.json", "EdDSA"),
        ("large.json", "EdDSA"),
    ];
    folder.write("empty.json", r#"{ "keys": [] }"#);
    let large = json!({ "keys": [], "more": "x".repeat(300_000) });
    folder.write("large.json", large.to_string());
    for (set, algorithm) in cases {
        gate(&[algorithm]);
        let ran = inspect(&folder, &token, &["--jwks", set]);
        assert_eq!(ran.code, Some(1), "{set} {algorithm}: {ran:?}");
    }
}

#[test]
fn a_secret_that_is_not_known_here_is_not_called_a_wrong_signature() {
    let folder = issuer("HS256");
    let token = changed(&folder, "HS256", &[], &[]);
    let line = ["token", "inspect", "--config", "gate.json", "--at", AT];
    let ran = folder.run_with(line, &[], token.as_bytes());
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.output.contains("SECRET is not set here"), "{ran:?}");
    // Nobody who reads the answer can use the token.
    let signature = token.rsplit('.').next().unwrap();
    assert!(!ran.output.contains(signature), "{ran:?}");
}

#[test]
fn keys_of_openssl_and_of_others_sign_as_well() {
    let folder = issuer("ES384");
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "theirs",
        // RFC 8037 appendix A.1
        "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    folder.write("theirs.jwk", jwk.to_string());
    let ran = folder.run(["--json", "token", "mint", "--key", "theirs.jwk", "--at", AT]);
    let report = ran.json();
    assert_eq!(
        report["header"],
        json!({ "alg": "EdDSA", "kid": "theirs", "typ": "JWT" })
    );
    assert_eq!(
        report["claims"],
        json!({ "exp": 1_796_130_000, "iat": 1_796_126_400 })
    );
    // The key may come from a variable, and its name is the thumbprint where nobody gives it one (RFC 8037 appendix A.3).
    let mut nameless = jwk;
    nameless.as_object_mut().unwrap().remove("kid");
    let ran = folder.run_with(
        ["--json", "token", "mint", "--key-env", "KEY"],
        &[("KEY", nameless.to_string().as_str())],
        b"",
    );
    assert_eq!(
        ran.json()["header"]["kid"],
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
    for (kind, form) in [
        (&["genpkey", "-algorithm", "ed25519"][..], "EdDSA"),
        (
            &[
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
            ],
            "RS256",
        ),
        (&["ecparam", "-name", "prime256v1", "-genkey"], "ES256"),
        (
            &["ecparam", "-name", "secp384r1", "-genkey", "-noout"],
            "ES384",
        ),
    ] {
        let Ok(made) = std::process::Command::new("openssl").args(kind).output() else {
            return;
        };
        folder.write("openssl.pem", made.stdout);
        let ran = folder.run(["--json", "token", "mint", "--key", "openssl.pem"]);
        assert_eq!(ran.json()["header"]["alg"], form, "{ran:?}");
    }
}

#[test]
fn the_private_key_is_for_its_owner_alone_and_overwrites_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let folder = issuer("ES256");
    let mode = std::fs::metadata(folder.path("key"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
    let before = secret(&folder);
    let ran = folder.run(["jwks", "new", "--private", "key"]);
    assert!(ran.sentence().contains("is there already"), "{ran:?}");
    assert_eq!(secret(&folder), before);
    // The public file cannot be written: no private one is left.
    let ran = folder.run([
        "jwks",
        "new",
        "--private",
        "fresh",
        "--public",
        "absent/set.json",
    ]);
    assert!(ran.sentence().contains("does not exist"), "{ran:?}");
    assert!(!folder.path("fresh").exists());
    let ran = folder.run([
        "jwks",
        "new",
        "--algorithm",
        "HS256",
        "--private",
        "fresh",
        "--public",
        "set",
    ]);
    assert!(ran.sentence().contains("no public half"), "{ran:?}");
    assert!(!folder.path("fresh").exists());
    let ran = folder.run(["jwks", "new", "--algorithm", "ES512", "--private", "fresh"]);
    assert!(ran.sentence().contains("expected one of HS256"), "{ran:?}");
}

#[test]
fn of_each_key_of_a_set_it_is_said_what_the_gate_makes_of_it() {
    let folder = Folder::new();
    let set = json!({ "keys": [
        // RFC 7517 appendix A.1, RFC 8037 appendix A.2
        { "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
          "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM", "use": "sig", "kid": "1" },
        { "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA" },
        { "kty": "EC", "crv": "P-521", "x": "AA", "y": "AA" },
        { "kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "AA", "use": "enc" },
        { "kty": "oct", "k": "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU" },
        { "kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
          "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" },
    ] });
    folder.write("set.json", set.to_string());
    let ran = folder.run(["--json", "jwks", "show", "set.json"]);
    assert_eq!(ran.code, Some(1), "private keys are in it: {ran:?}");
    for secret in ["c2VjcmV0", "nWGxne"] {
        assert!(!ran.output.contains(secret), "{ran:?}");
    }
    snapshot("jwks-show", &masked(ran.json(), &["refused"]));
    let text = folder.run(["jwks", "show", "set.json"]).output;
    assert!(text.contains("the gate takes it for ES256"), "{text}");
    assert!(
        text.contains("the gate does not take it: it is a private key"),
        "{text}"
    );
    assert!(
        !text.contains("c2VjcmV0") && !text.contains("nWGxne"),
        "{text}"
    );
    let public = &set["keys"].as_array().unwrap()[..2];
    folder.write("public.json", json!({ "keys": public }).to_string());
    assert_eq!(folder.run(["jwks", "show", "public.json"]).code, Some(0));
    assert_eq!(
        folder
            .run_with(["jwks", "show", "-"], &[], public[0].to_string().as_bytes())
            .code,
        Some(0)
    );
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
