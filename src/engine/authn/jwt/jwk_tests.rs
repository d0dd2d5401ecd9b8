use super::*;
use serde_json::{Value, json};

fn read(jwk: &Value) -> Result<Key, String> {
    read_text(&jwk.to_string())
}

fn read_text(jwk: &str) -> Result<Key, String> {
    key(&Json::parse(jwk.as_bytes()).unwrap())
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn rsa() -> Value {
    json!({ "kty": "RSA", "n": encode(&[0xa5; 256]), "e": "AQAB" })
}

/// RFC 7517 appendix A.1.
fn ec() -> Value {
    json!({ "kty": "EC", "crv": "P-256",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" })
}

fn ec_p384() -> Value {
    let key = p384::ecdsa::SigningKey::from_slice(&[7; 48]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = point.as_bytes()[1..].split_at(48);
    json!({ "kty": "EC", "crv": "P-384", "x": encode(x), "y": encode(y) })
}

/// RFC 8037 appendix A.2.
fn ed() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
}

fn with(mut jwk: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
        value => jwk[name] = value,
    }
    jwk
}

#[test]
fn every_kind_is_read_and_members_of_others_are_passed_over() {
    for (jwk, kind) in [
        (rsa(), "RSA"),
        (ec(), "P-256"),
        (ec_p384(), "P-384"),
        (ed(), "Ed25519"),
    ] {
        let plain = read(&jwk).unwrap();
        assert_eq!(
            (plain.public.kind(), plain.kid, plain.algorithm),
            (kind, None, None),
            "{jwk}"
        );
        let published = json!({ "kid": "k-1", "use": "sig", "key_ops": ["sign", "verify"], "x5t": "AA",
            "x5c": ["MIIB"], "ext": true, "iat": 1 });
        let mut jwk = jwk;
        for (name, value) in published.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        assert_eq!(read(&jwk).unwrap().kid.as_deref(), Some("k-1"), "{kind}");
    }
}

#[test]
fn private_and_shared_keys_are_refused_without_being_quoted() {
    for jwk in [rsa(), ec(), ed()] {
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [
                json!("c2VjcmV0"),
                json!(["c2VjcmV0"]),
                json!({ "r": "c2VjcmV0" }),
                json!(1),
                json!(false),
                json!(" "),
                json!([null]),
            ] {
                let why = read(&with(jwk.clone(), name, value.clone())).unwrap_err();
                let start =
                    format!("is a private key (it has `{name}`): remove its private members");
                assert!(why.starts_with(&start), "{name}: {why}");
                assert!(!why.contains("c2VjcmV0"), "{jwk}, {name}, {value}");
            }
        }
    }
    for k in [json!("c2VjcmV0"), json!(null)] {
        let why = read(&with(json!({ "kty": "oct" }), "k", k.clone())).unwrap_err();
        assert_eq!(why, "is a shared secret: put it into `secrets`", "{k}");
    }
}

/// What serializers write for a field that is not set.
fn unset() -> [Value; 4] {
    [json!(null), json!(""), json!([]), json!({})]
}

#[test]
fn a_member_that_is_null_or_empty_is_as_absent() {
    let optional = [
        "use", "key_ops", "alg", "kid", "x5c", "x5t", "x5t#S256", "x5u", "ext", "iat", "d", "p",
        "q", "dp", "dq", "qi", "oth", "k",
    ];
    for (jwk, others) in [
        (rsa(), &["crv", "x", "y"][..]),
        (ec(), &["n", "e"]),
        (ec_p384(), &["n", "e"]),
        (ed(), &["n", "e", "y"]),
    ] {
        let plain = read(&jwk).unwrap();
        assert!(
            plain.kid.is_none() && plain.algorithm.is_none(),
            "{jwk}, {others:?}"
        );
        let mut all = jwk.clone();
        for (place, name) in optional.iter().chain(others).enumerate() {
            for value in unset() {
                let mut one = jwk.clone();
                one[*name] = value.clone();
                assert_eq!(read(&one).as_ref(), Ok(&plain), "{name}: {value}");
            }
            all[*name] = unset()[place % 4].clone();
        }
        assert_eq!(
            read(&all),
            Ok(plain),
            "all of them at once: {jwk}, {others:?}"
        );
    }
}

#[test]
fn a_member_that_a_key_needs_is_missing_where_it_is_null_or_empty() {
    for (jwk, names) in [
        (rsa(), &["kty", "n", "e"][..]),
        (ec(), &["kty", "crv", "x", "y"]),
        (ed(), &["kty", "crv", "x"]),
    ] {
        for name in names {
            for value in unset() {
                let mut without = jwk.clone();
                without[*name] = value.clone();
                let why = read(&without).unwrap_err();
                assert_eq!(why, format!("has no `{name}`"), "{value}");
            }
        }
    }
}

#[test]
fn a_member_twice_is_no_key() {
    let good = ec().to_string();
    assert!(read_text(&good).is_ok());
    for more in [
        r#""kty":"EC""#,
        r#""kty":"oct""#,
        r#""kid":"a","kid":"b""#,
        r#""z":1,"z":1"#,
    ] {
        let twice = good.replacen('{', &format!("{{{more},"), 1);
        assert_eq!(
            read_text(&twice).unwrap_err(),
            "has a member twice",
            "{more}"
        );
    }
    for other in ["[]", "null", "\"RSA\"", "1"] {
        assert_eq!(
            read_text(other).unwrap_err(),
            "is not a JSON object",
            "{other:?}"
        );
    }
}

#[test]
fn weak_keys_are_refused_as_they_are_in_pem() {
    let bits = |bytes: &[u8]| with(rsa(), "n", json!(encode(bytes)));
    for (jwk, why) in [
        (
            bits(&[0xa5; 128]),
            "is an RSA key of 1024 bits, expected 2048 to 8192",
        ),
        (
            bits(&[&[0x7f][..], &[0xff; 255]].concat()),
            "is an RSA key of 2047 bits, expected 2048 to 8192",
        ),
        (
            bits(&[&[1][..], &[0xff; 1024]].concat()),
            "is an RSA key of 8193 bits, expected 2048 to 8192",
        ),
        (bits(&[0]), "is an RSA key of 0 bits, expected 2048 to 8192"),
        (
            with(rsa(), "e", json!("AQ")),
            "is an RSA key with an even exponent, or with 1",
        ),
        (
            with(rsa(), "e", json!("Ag")),
            "is an RSA key with an even exponent, or with 1",
        ),
        (
            with(rsa(), "e", json!("AQAA")),
            "is an RSA key with an even exponent, or with 1",
        ),
        (
            with(rsa(), "e", json!("AA")),
            "is an RSA key with an even exponent, or with 1",
        ),
    ] {
        assert_eq!(read(&jwk).unwrap_err(), why, "{jwk}, {why}");
    }
    assert!(read(&with(rsa(), "e", json!("Aw"))).is_ok(), "3");
}

#[test]
fn a_point_has_both_coordinates_in_full_and_is_on_the_curve() {
    let coordinates = "has coordinates that are not of 32 bytes";
    let (x, y) = (ec()["x"].clone(), ec()["y"].clone());
    let short = encode(&[1; 31]);
    let long = encode(
        &[
            &[0],
            &URL_SAFE_NO_PAD.decode(x.as_str().unwrap()).unwrap()[..],
        ]
        .concat(),
    );
    for (name, value, why) in [
        ("x", json!(short), coordinates),
        ("y", json!(short), coordinates),
        ("x", json!(long), coordinates),
        ("y", json!("AA"), coordinates),
        ("x", y, "is no point on P-256"),
        ("y", x, "is no point on P-256"),
        (
            "crv",
            json!("P-384"),
            "has coordinates that are not of 48 bytes",
        ),
        ("x", json!(null), "has no `x`"),
        ("y", json!(null), "has no `y`"),
        ("y", json!(1), "has a `y` that is not a string"),
    ] {
        assert_eq!(
            read(&with(ec(), name, value.clone())).unwrap_err(),
            why,
            "{name}, {value}"
        );
    }
    let why = read(&with(ec_p384(), "crv", json!("P-256"))).unwrap_err();
    assert_eq!(why, coordinates);
    let weak = [&[1], &[0; 31][..]].concat();
    let why = read(&with(ed(), "x", json!(encode(&weak)))).unwrap_err();
    assert_eq!(why, "is no usable Ed25519 key");
}

#[test]
fn kinds_and_curves_that_are_not_known_are_refused() {
    let other = "is a key of another kind, expected RSA, P-256, P-384 or Ed25519";
    for (jwk, name, value) in [
        (ec(), "crv", json!("P-521")),
        (ec(), "crv", json!("secp256k1")),
        (ec(), "crv", json!("p-256")),
        (ec(), "kty", json!("OKP")),
        (ec(), "kty", json!("ec")),
        (ed(), "crv", json!("X25519")),
        (ed(), "crv", json!("Ed448")),
        (ed(), "kty", json!("EC")),
        (rsa(), "kty", json!("rsa")),
        (rsa(), "kty", json!("AKP")),
    ] {
        assert_eq!(read(&with(jwk, name, value)).unwrap_err(), other, "{name}");
    }
    assert_eq!(read(&json!({})).unwrap_err(), "has no `kty`");
    assert_eq!(
        read(&json!({ "kty": 1 })).unwrap_err(),
        "has a `kty` that is not a string"
    );
    assert_eq!(
        read(&with(ec(), "kty", json!("RSA"))).unwrap_err(),
        "has no `n`"
    );
}

#[test]
fn numbers_are_in_base64url_to_the_letter() {
    for n in [
        "AQAB=", "AQAB==", "AQ AB", "AQ+B", "AQ/B", "AQB", "AQAB\n", "A",
    ] {
        let why = read(&with(rsa(), "n", json!(n))).unwrap_err();
        assert_eq!(
            why, "has a `n` that is not base64url without padding",
            "{n:?}"
        );
    }
}

#[test]
fn a_key_for_something_else_is_refused() {
    for usage in ["enc", "SIG", " ", "sig "] {
        let why = read(&with(ec(), "use", json!(usage))).unwrap_err();
        assert_eq!(why, "is not for signatures (`use` is not `sig`)", "{usage}");
    }
    for usage in [json!(1), json!(["sig"]), json!(false)] {
        let why = read(&with(ec(), "use", usage.clone())).unwrap_err();
        assert_eq!(why, "has a `use` that is not a string", "{usage}");
    }
    for operations in [
        json!(["sign"]),
        json!(["encrypt", "wrapKey"]),
        json!(["Verify"]),
        json!([null]),
        json!([""]),
    ] {
        let why = read(&with(ec(), "key_ops", operations.clone())).unwrap_err();
        let none = "is not for verifying (`key_ops` has no `verify`)";
        assert_eq!(why, none, "{operations}");
    }
    for operations in [json!("verify"), json!({ "verify": true }), json!(1)] {
        let why = read(&with(ec(), "key_ops", operations.clone())).unwrap_err();
        assert_eq!(why, "has a `key_ops` that is not a list", "{operations}");
    }
    let unfit = "has an `alg` that is not for this kind of key, or not known";
    for (jwk, algorithms) in [
        (
            rsa(),
            &["HS256", "ES256", "EdDSA", "RSA-OAEP", "none", "rs256", " "][..],
        ),
        (ec(), &["ES384", "ES256K", "RS256", "HS256", "none"]),
        (ec_p384(), &["ES256", "ES512"]),
        (ed(), &["ES256", "Ed448", "eddsa"]),
    ] {
        for algorithm in algorithms {
            let why = read(&with(jwk.clone(), "alg", json!(algorithm))).unwrap_err();
            assert_eq!(why, unfit, "{algorithm}");
        }
    }
    let read = |jwk, algorithm: &str| read(&with(jwk, "alg", json!(algorithm))).unwrap().algorithm;
    assert_eq!(read(rsa(), "PS512"), Some(Algorithm::Ps512));
    assert_eq!(read(ec(), "ES256"), Some(Algorithm::Es256));
    assert_eq!(read(ed(), "Ed25519"), Some(Algorithm::EdDsa));
}

#[test]
fn a_kid_is_a_string_of_at_most_256_bytes() {
    for kid in ["k", "../../etc/passwd", "' OR 1=1", &"k".repeat(256)] {
        assert_eq!(
            read(&with(ec(), "kid", json!(kid))).unwrap().kid.as_deref(),
            Some(kid),
            "{kid}"
        );
    }
    for kid in ["k".repeat(257), "é".repeat(129)] {
        let why = read(&with(ec(), "kid", json!(kid))).unwrap_err();
        assert_eq!(why, "has a `kid` of more than 256 bytes", "{kid}");
    }
    for kid in [json!(1), json!(["k"]), json!({ "k": 1 })] {
        let why = read(&with(ec(), "kid", kid.clone())).unwrap_err();
        assert_eq!(why, "has a `kid` that is not a string", "{kid}");
    }
}

#[path = "jwks_tests.rs"]
mod sets;
