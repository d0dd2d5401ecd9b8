//! Published test vectors: those of Wycheproof that a JWS can meet, and the examples of the RFCs.
//!
//! Where they come from stands in the README.md beside this file. A verdict that differs from
//! theirs is named in [`EXCEPTIONS`] with a reason; any other difference fails, and so does an
//! exception that is none any more.

mod exceptions;

use super::signatures::envoy;
use crate::world::Gateway;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exceptions::EXCEPTIONS;
use ollama_gate::{HostCrypto, Proved};
use ollama_gate_engine::internals::{
    Candidates, HmacKey, Key, KeySet, UnverifiedToken, key_of_jwk, verify,
};
use ollama_gate_engine::{Algorithm, Json, PublicKey, Software};
use serde_json::{Value, json};
use std::path::Path;

fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/native/tokens/vectors");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

fn unhex(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Judges every vector of `file` with `judge`, which is given the group and the vector, and prints
/// how many there were.
fn run(file: &str, judge: impl Fn(&Value, &Value) -> bool) {
    let vectors = read(&format!("wycheproof/{file}.json"));
    let (mut accepted, mut refused, mut excepted) = (0, 0, Vec::new());
    let mut unnamed = Vec::new();
    for group in vectors["testGroups"].as_array().unwrap() {
        for vector in group["tests"].as_array().unwrap() {
            let id = vector["tcId"].as_u64().unwrap();
            let ours = judge(group, vector);
            if ours {
                accepted += 1
            } else {
                refused += 1
            }
            // What a library may take or leave is refused here.
            let theirs = vector["result"] == "valid";
            let named = EXCEPTIONS
                .iter()
                .find(|exception| exception.file == file && exception.has(id));
            match (ours == theirs, named) {
                (false, Some(_)) => excepted.push(id),
                (true, None) => {}
                (false, None) => unnamed.push(format!(
                    "{id} ({}): we say {ours}, they say {}",
                    vector["comment"], vector["result"]
                )),
                (true, Some(exception)) => unnamed.push(format!(
                    "{id} is no exception any more: {}",
                    exception.reason
                )),
            }
        }
    }
    let named: u64 = EXCEPTIONS
        .iter()
        .filter(|exception| exception.file == file)
        .map(|exception| exception.count())
        .sum();
    assert_eq!(unnamed, Vec::<String>::new(), "{file}");
    assert_eq!(
        excepted.len() as u64,
        named,
        "{file}: exceptions without a vector"
    );
    assert!(accepted > 0 && refused > 0, "{file}");
    println!(
        "{file}: {} vectors, {accepted} accepted, {refused} refused, {} exceptions",
        accepted + refused,
        excepted.len()
    );
}

/// Signatures of one algorithm under keys in PEM, by the module and by Envoy's crypto.
fn run_signatures(file: &str, algorithm: Algorithm) {
    let gateway = Gateway::default();
    *gateway.0.foreign.borrow_mut() = Some(envoy::verify_signature);
    let proved = Proved::default();
    let host = HostCrypto::new(&gateway, &proved);
    run(file, |group, vector| {
        let key = group["publicKeyPem"].as_str().unwrap();
        let Ok(key) = PublicKey::from_pem(key) else {
            return false;
        };
        let (text, signature) = (unhex(&vector["msg"]), unhex(&vector["sig"]));
        let in_module = verify(&Software, algorithm, &key, &text, &signature);
        let by_host = verify(&host, algorithm, &key, &text, &signature);
        assert_eq!(in_module, by_host, "{file}: {}", vector["tcId"]);
        in_module
    });
    let questions = envoy::take_questions();
    println!("{file}: {questions} questions to Envoy's crypto, which agrees");
}

#[test]
fn signatures_of_wycheproof() {
    for (file, algorithm) in [
        ("ecdsa_secp256r1_sha256_p1363", Algorithm::Es256),
        ("ecdsa_secp384r1_sha384_p1363", Algorithm::Es384),
        ("ed25519", Algorithm::EdDsa),
        ("rsa_signature_2048_sha256", Algorithm::Rs256),
        ("rsa_signature_2048_sha384", Algorithm::Rs384),
        ("rsa_signature_2048_sha512", Algorithm::Rs512),
        ("rsa_pss_2048_sha256_mgf1_32", Algorithm::Ps256),
        ("rsa_pss_2048_sha384_mgf1_48", Algorithm::Ps384),
        ("rsa_pss_4096_sha512_mgf1_64", Algorithm::Ps512),
    ] {
        run_signatures(file, algorithm);
    }
}

#[test]
fn macs_of_wycheproof() {
    for (file, algorithm) in [
        ("hmac_sha256", Algorithm::Hs256),
        ("hmac_sha384", Algorithm::Hs384),
        ("hmac_sha512", Algorithm::Hs512),
    ] {
        run(file, |_, vector| {
            let key = HmacKey::new(&unhex(&vector["key"]));
            key.verify(algorithm, &unhex(&vector["msg"]), &unhex(&vector["tag"]))
        });
    }
}

/// Whether `jws` is right under `keys`, one JWK or a JWKS, by the rules that the configuration has
/// for keys and the gate for tokens.
///
/// What these vectors sign are no claims, which the gate refuses before it looks at any signature.
/// So header and signature are read beside claims without members, and the payload only has to be
/// base64url; what is verified is the whole.
fn judge(keys: &Value, jws: &str) -> bool {
    let parts: Vec<_> = jws.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return false;
    };
    let beside = format!("{header}.e30.{signature}");
    let Ok(token) = UnverifiedToken::parse(&beside) else {
        return false;
    };
    let input = format!("{header}.{payload}");
    let keys = match &keys["keys"] {
        Value::Array(keys) => keys.as_slice(),
        _ => std::slice::from_ref(keys),
    };
    if URL_SAFE_NO_PAD.decode(payload).is_err() {
        return false;
    }
    if keys.iter().all(|key| key["kty"] == "oct") {
        return keys.iter().any(|key| {
            secret(key, token.algorithm)
                .is_some_and(|key| key.verify(token.algorithm, input.as_bytes(), &token.signature))
        });
    }
    let read = |key: &Value| key_of_jwk(&Json::parse(key.to_string().as_bytes()).unwrap());
    // One key that is wrong is an error of the whole configuration.
    let Ok(keys) = keys.iter().map(read).collect::<Result<Vec<Key>, _>>() else {
        return false;
    };
    let keys = KeySet::new(keys);
    match keys.candidates(token.algorithm, token.kid.as_deref()) {
        Candidates::UnknownKid | Candidates::Nameless => false,
        Candidates::Keys(keys) => keys.into_iter().any(|key| {
            let (input, signature) = (input.as_bytes(), &token.signature);
            verify(&Software, token.algorithm, key, input, signature)
        }),
    }
}

/// The secret in an `oct` key, if the configuration would take it for `algorithm` only.
fn secret(key: &Value, algorithm: Algorithm) -> Option<HmacKey> {
    let bytes = URL_SAFE_NO_PAD.decode(key["k"].as_str()?).ok()?;
    let least = match algorithm {
        Algorithm::Hs256 => 32,
        Algorithm::Hs384 => 48,
        _ => 64,
    };
    (key["alg"] == algorithm.name() && bytes.len() >= least).then(|| HmacKey::new(&bytes))
}

#[test]
fn tokens_of_wycheproof() {
    for file in ["json_web_signature", "json_web_key", "json_web_crypto"] {
        run(file, |group, vector| {
            let keys = group.get("public").unwrap_or(&group["private"]);
            // Some are the JSON serialisation, as text or as an object.
            let jws = match &vector["jws"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            judge(keys, &jws)
        });
    }
}

#[test]
fn examples_of_the_rfcs() {
    let examples = read("rfc.json");
    for example in examples.as_array().unwrap() {
        let name = example["name"].as_str().unwrap();
        let jws = example["jws"].as_str().unwrap();
        let (header, rest) = jws.split_once('.').unwrap();
        let (_, signature) = rest.rsplit_once('.').unwrap();
        let beside = format!("{header}.e30.{signature}");
        let refusal = UnverifiedToken::parse(&beside).err();
        let code = refusal.map(|denial| denial.reason().code());
        match example["verdict"].as_str().unwrap() {
            "valid" => {
                let mut key = example["key"].clone();
                if key["kty"] == "oct" {
                    key["alg"] = json!("HS256");
                }
                assert_eq!(code, None, "{name}");
                assert!(judge(&key, jws), "{name}");
                assert!(!judge(&key, &jws.replacen('.', ".AAAA", 1)), "{name}");
            }
            expected => assert_eq!(code, Some(expected), "{name}"),
        }
        println!("{name}: {}", example["verdict"]);
    }
    assert_eq!(examples.as_array().unwrap().len(), 10);
}
