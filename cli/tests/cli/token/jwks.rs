//! `jwks new` and `jwks show`: where private keys go, and what the gate makes of each key of a set.

use super::super::support::{Folder, masked, snapshot};
use super::{issuer, secret};
use serde_json::json;

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
