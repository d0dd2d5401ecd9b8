//! `token mint`: what it signs is good at the gate, with keys of `jwks new` and with those of others.

use super::{AT, ISSUER, inspect, issuer, mint};
use serde_json::json;

const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "EdDSA",
];
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
