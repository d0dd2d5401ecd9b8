//! `token inspect`: what the gate would say of a token, and that nothing is said where it cannot be known.

use super::{AT, ISSUER, changed, inspect, issuer};
use serde_json::{Value, json};

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
