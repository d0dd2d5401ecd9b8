//! Public keys and where they are fetched, as the configuration may not have them.

use crate::world::{World, configuration, errors, remote, signer};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn keys(algorithm: &str, keys: Value) -> Vec<String> {
    let mut all = configuration();
    all["jwt"][0] = json!({ "name": "j", "algorithms": [algorithm], "keys": keys });
    errors(&all)
}

/// An RSA key whose modulus begins with `first` and goes on with `more` bytes.
fn rsa(first: u8, more: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; more + 1];
    modulus[0] = first;
    json!({
        "kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": URL_SAFE_NO_PAD.encode(exponent),
    })
}

#[test]
fn a_weak_rsa_key_is_refused() {
    let usual = &[1, 0, 1];
    assert_eq!(
        keys("RS256", json!([rsa(0x80, 255, usual)])),
        Vec::<String>::new()
    );
    for (first, more, bits) in [
        (0x7f, 255, 2047),
        (0xff, 127, 1024),
        (0xff, 63, 512),
        (1, 1024, 8193),
        (0xff, 2047, 16384),
    ] {
        assert_eq!(
            keys(
                "RS256",
                json!([rsa(0x80, 255, usual), rsa(first, more, usual)])
            ),
            [format!(
                "jwt[0].keys[1]: is an RSA key of {bits} bits, expected 2048 to 8192"
            )],
            "{first:?}, {more:?}"
        );
    }
    for exponent in [&[1_u8][..], &[2], &[0], &[1, 0, 0], &[0, 1]] {
        assert_eq!(
            keys("PS256", json!([rsa(0x80, 255, exponent)])),
            ["jwt[0].keys[0]: is an RSA key with an even exponent, or with 1"],
            "{exponent:?}"
        );
    }
    // Leading zeros make no key longer.
    assert_eq!(
        keys("RS256", json!([rsa(0, 255, usual)])),
        ["jwt[0].keys[0]: is an RSA key of 2040 bits, expected 2048 to 8192"]
    );
}

#[test]
fn a_key_that_is_none_is_refused_with_what_it_is() {
    let good = signer(1).jwk("k1");
    let but = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    for (key, message) in [
        (
            but("kty", json!("oct")),
            "is a shared secret: put it into `secrets`",
        ),
        (
            but("kty", json!("EC")),
            "is a key of another kind, expected RSA, P-256, P-384 or Ed25519",
        ),
        (
            but("kty", json!("okp")),
            "is a key of another kind, expected RSA, P-256, P-384 or Ed25519",
        ),
        (
            but("crv", json!("X25519")),
            "is a key of another kind, expected RSA, P-256, P-384 or Ed25519",
        ),
        (
            but("crv", json!("secp256k1")),
            "is a key of another kind, expected RSA, P-256, P-384 or Ed25519",
        ),
        (
            but("d", json!("c2VjcmV0LXNlY3JldC1zZWNyZXQ")),
            "is a private key (it has `d`): remove its private members, and treat it as compromised",
        ),
        (
            but("k", json!("c2VjcmV0LXNlY3JldC1zZWNyZXQ")),
            "is a private key (it has `k`): remove its private members, and treat it as compromised",
        ),
        (
            but("use", json!("enc")),
            "is not for signatures (`use` is not `sig`)",
        ),
        (
            but("key_ops", json!(["sign"])),
            "is not for verifying (`key_ops` has no `verify`)",
        ),
        (
            but("kid", json!("k".repeat(257))),
            "has a `kid` of more than 256 bytes",
        ),
        (but("kid", json!(7)), "has a `kid` that is not a string"),
        (
            but("alg", json!("RS256")),
            "has an `alg` that is not for this kind of key, or not known",
        ),
        (
            but("alg", json!("none")),
            "has an `alg` that is not for this kind of key, or not known",
        ),
        (but("x", json!("AQAB")), "is no usable Ed25519 key"),
        (
            but("x", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
            "is no usable Ed25519 key",
        ),
        (
            but("x", json!("====")),
            "has a `x` that is not base64url without padding",
        ),
        (
            but("pem", json!("x")),
            "expected exactly one of `pem` and `kty`",
        ),
        (json!({}), "expected exactly one of `pem` and `kty`"),
        (
            json!({ "pem": "x" }),
            "is no PEM, expected `-----BEGIN PUBLIC KEY-----` and so on",
        ),
        (
            json!({ "pem": "-----BEGIN PRIVATE KEY-----\nc2VjcmV0LXNlY3JldC1zZWNyZXQ=\n-----END PRIVATE KEY-----" }),
            "is a private key: use its public key (`openssl pkey -pubout`), and treat this one as compromised",
        ),
        (
            json!({ "pem": "-----BEGIN CERTIFICATE-----\nAQAB\n-----END CERTIFICATE-----" }),
            "is a certificate: take its key (`openssl x509 -pubkey -noout`)",
        ),
    ] {
        let found = keys("EdDSA", json!([good, key]));
        assert_eq!(found, [format!("jwt[0].keys[1]: {message}")], "{key}");
    }
    assert_eq!(
        keys("EdDSA", json!([])),
        ["jwt[0].keys: expected a public key, found none"]
    );
    let text = keys("EdDSA", json!(["c2VjcmV0LXNlY3JldC1zZWNyZXQ"]));
    assert_eq!(text, ["jwt[0].keys[0]: expected an object, found a string"]);
}

#[test]
fn keys_of_one_name_are_both_tried() {
    // As in a published set, where different kinds of keys may share a name.
    let twins = json!([signer(1).jwk("k1"), signer(2).jwk("k1")]);
    assert_eq!(keys("EdDSA", twins.clone()), Vec::<String>::new());
    let mut all = configuration();
    all["jwt"][0] =
        json!({ "name": "j", "algorithms": ["EdDSA"], "keys": twins, "audiences": ["ollama"] });
    let world = World::new(&all);
    for number in [1, 2] {
        let token = signer(number).token("k1", json!({}));
        assert_eq!(world.ask(&token).verdict().0, 200, "{number}");
    }
    let stranger = signer(3).token("k1", json!({}));
    assert_eq!(
        world.ask(&stranger).verdict(),
        (401, "invalid_signature".to_owned())
    );
}

#[test]
fn a_published_set_needs_a_place_an_issuer_and_an_audience() {
    let path = |name: &str| format!("jwt[0].jwks.{name}");
    let one = |members: Value| {
        let errors = errors(&remote(members.clone()));
        assert_eq!(errors.len(), 1, "{members}: {errors:?}");
        errors.into_iter().next().unwrap()
    };
    assert_eq!(
        one(json!({ "upstream": null })),
        format!("{}: is required", path("upstream"))
    );
    let empty = one(json!({ "upstream": "" }));
    assert!(empty.starts_with(&format!(
        "{}: expected the name of an upstream",
        path("upstream")
    )));
    for wrong in [
        "/certs",
        "certs",
        "sso.example/certs",
        "//sso.example/certs",
        "ftp://sso.example/certs",
        "HTTPS://sso.example/certs",
        "https://",
        "https:///certs",
        "https://sso.example/a b",
        "https://sso.example/#x",
        "https://user:hunter2@sso.example/",
    ] {
        let error = one(json!({ "url": wrong }));
        let start = format!(
            "{}: expected an address that begins with https:// or http://",
            path("url")
        );
        assert!(error.starts_with(&start), "{wrong}: {error}");
        assert!(!error.contains("hunter2"), "{wrong:?}: {error}");
    }
    for (name, wrong, range) in [
        ("every", "9s", "10s to 1day"),
        ("every", "25h", "10s to 1day"),
        ("max_stale", "31d", "10s to 30days"),
        ("cool_down", "0s", "1s to 5m"),
        ("cool_down", "6m", "1s to 5m"),
        ("timeout", "0s", "1s to 30s"),
        ("timeout", "31s", "1s to 30s"),
        ("timeout", "5", "1s to 30s"),
    ] {
        assert_eq!(
            one(json!({ name: wrong })),
            format!(
                "{}: expected a duration such as \"30s\", of {range}, found `{wrong}`",
                path(name)
            ),
            "{name}, {wrong:?}"
        );
    }
    assert_eq!(
        one(json!({ "every": "1h", "max_stale": "59m" })),
        format!("{}: is shorter than `every`", path("max_stale"))
    );
    assert!(one(json!({ "uri": "x" })).starts_with(&format!("{}: unknown field", path("uri"))));
    let mut all = remote(json!({}));
    for name in ["issuer", "audiences"] {
        all["jwt"][0].as_object_mut().unwrap().remove(name);
    }
    assert_eq!(
        errors(&all),
        [
            "jwt[0].issuer: is required with `jwks`",
            "jwt[0].audiences: is required with `jwks` (or `danger_allow_any_audience`)",
        ]
    );
}

#[test]
fn an_issuer_is_an_address_where_its_keys_are_discovered() {
    for wrong in [
        "sso",
        "sso.example",
        "https://sso.example/?a=b",
        "https://sso.example/#a",
        "urn:sso",
    ] {
        let mut all = remote(json!({ "url": null }));
        all["jwt"][0]["issuer"] = json!(wrong);
        let start = "jwt[0].issuer: expected an address, from which `jwks.url` can be found (or give `jwks.url`)";
        let found = errors(&all);
        assert!(
            found.len() == 1 && found[0].starts_with(start),
            "{wrong}: {found:?}"
        );
        all["jwt"][0]["jwks"]["url"] = json!("https://sso.example/certs");
        assert_eq!(errors(&all), Vec::<String>::new(), "{wrong}");
    }
}

#[test]
fn a_key_may_be_copied_as_serializers_publish_it() {
    let mut key = signer(1).jwk("k1");
    for name in [
        "use", "alg", "key_ops", "x5c", "x5t", "d", "p", "oth", "k", "n",
    ] {
        for unset in [json!(null), json!(""), json!([]), json!({})] {
            key[name] = unset;
            let found = keys("EdDSA", json!([key]));
            assert_eq!(found, Vec::<String>::new(), "{name}");
        }
        key[name] = json!(null);
    }
    assert_eq!(keys("EdDSA", json!([key])), Vec::<String>::new());
    // Elsewhere `null` says nothing about what was meant.
    let mut all = configuration();
    all["jwt"][0] =
        json!({ "name": "j", "algorithms": ["EdDSA"], "keys": [key, null], "issuer": null });
    let null = "is null, leave the field out instead";
    let places = ["jwt[0].keys[1]", "jwt[0].issuer"];
    let mut found = errors(&all);
    found.sort();
    let mut expected: Vec<_> = places
        .iter()
        .map(|place| format!("{place}: {null}"))
        .collect();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_pem_is_taken_from_a_variable_and_with_line_breaks_in_two_characters() {
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    let escaped = pem.replace('\n', "\\n");
    for variable in [
        pem,
        escaped.as_str(),
        &pem.replace('\n', "\r\n"),
        &escaped.replace("\\n", "\\r\\n"),
    ] {
        let read = |pem: Value| {
            let document = json!({ "jwt": [{ "name": "j", "algorithms": ["EdDSA"], "keys": [{ "pem": pem }] }] });
            let environment = |name: &str| (name == "PEM").then(|| variable.to_owned());
            let bytes = document.to_string().into_bytes();
            let read = ollama_gate_engine::Configuration::read(&bytes, &environment, 1);
            read.map_or_else(|errors| errors.lines().collect(), |_| Vec::new())
        };
        assert_eq!(read(json!(variable)), Vec::<String>::new(), "{variable:?}");
        assert_eq!(
            read(json!({ "env": "PEM" })),
            Vec::<String>::new(),
            "{variable:?}"
        );
        let unset = read(json!({ "env": "OTHER" }));
        assert!(
            unset[0].contains("`OTHER` is not set"),
            "{variable:?}: {unset:?}"
        );
    }
}
