//! What the provider answers, which nobody vouches for.

use super::{good, ok, one_key, refused};
use crate::world::{KEY, World, jwks, remote, signer};
use serde_json::{Value, json};

#[test]
fn nobody_goes_on_without_keys_whatever_the_provider_says() {
    let private = json!({ "d": "AAAA" });
    let with = |members: Value| {
        let mut key = signer(1).jwk("k1");
        for (name, value) in members.as_object().unwrap() {
            key[name] = value.clone();
        }
        jwks(&[key])
    };
    let keys = one_key();
    for (status, body, why) in [
        (500, keys.clone(), "status 500"),
        (503, keys.clone(), "status 503"),
        (404, b"<html>".to_vec(), "status 404"),
        (201, keys.clone(), "status 201"),
        (204, Vec::new(), "status 204"),
        (301, keys.clone(), "redirect"),
        (302, keys.clone(), "redirect"),
        (307, Vec::new(), "redirect"),
        (200, Vec::new(), "not JSON"),
        (
            200,
            b"<html><body>Sign in</body></html>".to_vec(),
            "not JSON",
        ),
        (200, keys[..keys.len() - 1].to_vec(), "not JSON"),
        (200, b"\xff\xfe".to_vec(), "not JSON"),
        (
            200,
            format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)).into_bytes(),
            "not JSON",
        ),
        (200, b"[]".to_vec(), "not a JWKS"),
        (200, b"null".to_vec(), "not a JWKS"),
        (200, b"{}".to_vec(), "not a JWKS"),
        (200, br#"{"keys":{}}"#.to_vec(), "not a JWKS"),
        (200, br#"{"keys":[]}"#.to_vec(), "no usable key"),
        (200, jwks(&vec![json!({}); 10_000]), "no usable key"),
        (
            200,
            jwks(&[json!("k1"), json!(null), json!([])]),
            "no usable key",
        ),
        (200, with(private), "private key"),
        (
            200,
            with(json!({ "kty": "oct", "k": "AAAA" })),
            "shared secret",
        ),
        (200, with(json!({ "kty": "AKP" })), "another kind"),
        (200, with(json!({ "crv": "Ed448" })), "another kind"),
        (200, with(json!({ "crv": "X25519" })), "another kind"),
        (200, with(json!({ "use": "enc" })), "not for signatures"),
        (200, with(json!({ "alg": "RS256" })), "an `alg`"),
        (200, with(json!({ "x": "AAAA" })), "Ed25519"),
        (200, with(json!({ "kid": 1 })), "`kid`"),
    ] {
        let world = World::new(&remote(json!({})));
        let mut request = world.ask(&good());
        let verdict = request.answer(status, &body);
        assert_eq!(verdict, refused(503, "keys_unavailable"), "{status} {why}");
        assert_eq!(
            request.reply_header("retry-after").as_deref(),
            Some("1"),
            "{status} {why}"
        );
        let lines = world.lines_with("fetch failed");
        assert_eq!(lines.len(), 1, "{status} {why}");
        assert!(lines[0].contains(why), "{why}: {lines:?}");
        assert!(!lines[0].contains("AAAA"), "{why}: {lines:?}");
        assert_eq!(
            world.counted("ollama_gate_fetch_failed_total"),
            1,
            "{status} {why}"
        );
        assert_eq!(
            world.ask(KEY).verdict(),
            ok(),
            "who has a key goes on: {status} {why}"
        );
    }
}

#[test]
fn ten_megabytes_are_not_even_taken_over() {
    let world = World::new(&remote(json!({})));
    let mut request = world.ask(&good());
    let verdict = request.answer_of_size(Some(200), &one_key(), 10 << 20);
    assert_eq!(verdict, refused(503, "keys_unavailable"));
    assert!(!request.seen.unwrap().calls.contains(&"call_body"));
    let lines = world.lines_with("fetch failed");
    assert!(lines[0].contains("10485760 bytes"), "{lines:?}");
}

#[test]
fn the_largest_answer_that_is_read_has_a_quarter_of_a_megabyte() {
    let most = 256 * 1024;
    let mut body = one_key();
    body.resize(most, b' ');
    let world = World::new(&remote(json!({})));
    assert_eq!(world.ask(&good()).answer(200, &body), ok());
    body.push(b' ');
    let world = World::new(&remote(json!({})));
    let verdict = world.ask(&good()).answer(200, &body);
    assert_eq!(verdict, refused(503, "keys_unavailable"));
}

#[test]
fn no_answer_is_one_too() {
    let world = World::new(&remote(json!({})));
    let verdict = world.ask(&good()).answer_of_size(None, b"", 0);
    assert_eq!(verdict, refused(503, "keys_unavailable"));
    let world = World::new(&remote(json!({})));
    let mut request = world.ask(&good());
    let fails = ollama_gate::Status(2);
    world
        .gateway
        .0
        .failing
        .borrow_mut()
        .insert("call_body", fails);
    assert_eq!(
        request.answer(200, &one_key()),
        refused(503, "keys_unavailable")
    );
}

#[test]
fn keys_that_can_be_used_are_used_whatever_stands_beside_them() {
    let mut keys = vec![json!({ "kty": "AKP", "kid": "pq" }); 5_000];
    keys.insert(2_500, signer(1).jwk("k1"));
    let world = World::new(&remote(json!({})));
    assert_eq!(world.ask(&good()).answer(200, &jwks(&keys)), ok());
    let skipped = world.lines_with("skipped");
    assert_eq!(skipped.len(), 11, "{skipped:?}");
    assert!(skipped[10].ends_with("4990 more keys of the JWKS are skipped"));
    let short = json!({ "kty": "RSA", "kid": "weak", "n": "AQAB", "e": "AQAB" });
    let world = World::new(&remote(json!({})));
    let body = jwks(&[short, signer(1).jwk("k1")]);
    assert_eq!(world.ask(&good()).answer(200, &body), ok());
    let skipped = world.lines_with("key 0 of the JWKS is skipped: it is an RSA key of 17 bits");
    assert_eq!(skipped.len(), 1);
}

#[test]
fn a_byte_order_mark_before_the_keys_is_passed_over_and_nothing_else_is() {
    for (before, verdict) in [
        (&b"\xef\xbb\xbf"[..], ok()),
        (b"\xef\xbb\xbf\n", ok()),
        (
            b"\xef\xbb\xbf\xef\xbb\xbf",
            refused(503, "keys_unavailable"),
        ),
        (b"\xef\xbb", refused(503, "keys_unavailable")),
        (b"\xfe\xff", refused(503, "keys_unavailable")),
    ] {
        let world = World::new(&remote(json!({})));
        let mut request = world.ask(&good());
        let keys = [before, &one_key()].concat();
        assert_eq!(request.answer(200, &keys), verdict, "{before:?}");
    }
}

#[test]
fn of_very_many_keys_a_hundred_are_used() {
    let names: Vec<_> = (0..1_500).map(|number| format!("k{number}")).collect();
    let keys: Vec<_> = names.iter().map(|name| signer(1).jwk(name)).collect();
    let world = World::new(&remote(json!({})));
    let token = |kid: &str| signer(1).token(kid, json!({}));
    assert_eq!(world.ask(&token("k99")).answer(200, &jwks(&keys)), ok());
    assert_eq!(
        world.ask(&token("k100")).answer(200, &jwks(&keys)),
        refused(401, "unknown_signing_key")
    );
}

#[test]
fn a_set_as_serializers_write_it_lets_its_issuer_in() {
    let mut key = signer(1).jwk("k1");
    for (name, unset) in [
        ("use", json!(null)),
        ("alg", json!(null)),
        ("key_ops", json!([])),
        ("oth", json!([])),
        ("x5c", json!([])),
        ("x5t", json!("")),
        ("x5u", json!(null)),
        ("d", json!(null)),
        ("k", json!("")),
        ("p", json!({})),
    ] {
        key[name] = unset;
    }
    let world = World::new(&remote(json!({})));
    assert_eq!(world.ask(&good()).answer(200, &jwks(&[key.clone()])), ok());
    assert_eq!(world.lines_with("skipped"), Vec::<String>::new());
    // Without a name, it is for every token of its kind.
    for unset in [json!(null), json!(""), json!([])] {
        key["kid"] = unset.clone();
        let world = World::new(&remote(json!({})));
        assert_eq!(
            world.ask(&good()).answer(200, &jwks(&[key.clone()])),
            ok(),
            "{unset}"
        );
    }
}

#[test]
fn one_odd_key_takes_no_other_one_with_it_and_is_told_of() {
    for (name, value, why) in [
        ("d", json!("c2VjcmV0"), "is a private key (it has `d`)"),
        ("k", json!("c2VjcmV0"), "is a private key (it has `k`)"),
        (
            "oth",
            json!([{ "r": "c2VjcmV0" }]),
            "is a private key (it has `oth`)",
        ),
        ("use", json!("enc"), "is not for signatures"),
        ("use", json!(["sig"]), "has a `use` that is not a string"),
        ("key_ops", json!(["sign"]), "is not for verifying"),
        (
            "key_ops",
            json!("verify"),
            "has a `key_ops` that is not a list",
        ),
        (
            "alg",
            json!("RSA-OAEP"),
            "has an `alg` that is not for this kind of key",
        ),
        ("alg", json!(5), "has a `alg` that is not a string"),
        (
            "kid",
            json!("k".repeat(257)),
            "has a `kid` of more than 256 bytes",
        ),
        ("kid", json!(7), "has a `kid` that is not a string"),
        ("kty", json!(null), "has no `kty`"),
        ("crv", json!(null), "has no `crv`"),
        ("x", json!(""), "has no `x`"),
        ("x", json!([1]), "has a `x` that is not a string"),
    ] {
        let mut odd = signer(2).jwk("k2");
        odd[name] = value.clone();
        let world = World::new(&remote(json!({})));
        let body = jwks(&[odd, signer(1).jwk("k1")]);
        assert_eq!(world.ask(&good()).answer(200, &body), ok(), "{why}");
        let told = format!("key 0 of the JWKS is skipped: it {why}");
        assert_eq!(world.lines_with(&told).len(), 1, "{why}");
        assert!(world.lines_with("c2VjcmV0").is_empty(), "{name}, {value}");
    }
}
