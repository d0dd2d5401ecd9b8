use super::*;

fn set(keys: &Value) -> Result<(KeySet, Vec<String>), String> {
    key_set(json!({ "keys": keys }).to_string().as_bytes())
}

/// How many keys can be found in `set` by the names that [`many`] gives.
fn found(set: &KeySet, max: usize) -> Vec<usize> {
    let known = |place: &usize| {
        let kid = place.to_string();
        let candidates = set.candidates(Algorithm::Es256, Some(&kid));
        candidates != crate::authn::jwt::Candidates::UnknownKid
    };
    (0..max).filter(known).collect()
}

/// Keys called 0, 1, 2, ….
fn many(count: usize) -> Vec<Value> {
    (0..count)
        .map(|place| with(ec(), "kid", json!(place.to_string())))
        .collect()
}

#[test]
fn what_cannot_be_used_is_skipped_with_a_warning_each() {
    let mut keys = many(3);
    keys[1] = with(rsa(), "n", json!("AQAB"));
    keys.extend([
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        with(ec(), "use", json!("enc")),
        json!(7),
    ]);
    let (set, warnings) = set(&json!(keys)).unwrap();
    assert_eq!(found(&set, 10), [0, 2]);
    assert_eq!(
        warnings,
        [
            "key 1 of the JWKS is skipped: it is an RSA key of 17 bits, expected 2048 to 8192",
            "key 3 of the JWKS is skipped: it is a shared secret: put it into `secrets`",
            "key 4 of the JWKS is skipped: it is not for signatures (`use` is not `sig`)",
            "key 5 of the JWKS is skipped: it is not a JSON object",
        ]
    );
}

#[test]
fn of_ten_thousand_keys_the_first_hundred_are_used_and_warnings_are_few() {
    let (set, warnings) = set(&json!(many(10_000))).unwrap();
    assert_eq!(found(&set, 10_000), (0..100).collect::<Vec<_>>());
    assert_eq!(warnings.len(), 11);
    assert_eq!(
        warnings[0],
        "key 100 of the JWKS is skipped: it is one too many, 100 are used"
    );
    assert_eq!(warnings[10], "9890 more keys of the JWKS are skipped");
}

#[test]
fn ten_thousand_keys_that_cannot_be_used_hide_none_that_can() {
    let mut keys = vec![json!({ "kty": "oct", "k": "c2VjcmV0" }); 10_000];
    keys.extend(many(1));
    let (set, warnings) = set(&json!(keys)).unwrap();
    assert_eq!(found(&set, 2), [0]);
    assert_eq!(warnings.len(), 11);
    assert_eq!(warnings[10], "9990 more keys of the JWKS are skipped");
    assert!(!warnings.concat().contains("c2VjcmV0"));
}

#[test]
fn an_empty_set_is_a_set() {
    let (set, warnings) = set(&json!([])).unwrap();
    assert!(set.is_empty() && warnings.is_empty());
}

#[test]
fn what_is_no_jwks_is_refused() {
    let deep = |depth| format!("{{\"keys\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    for body in [
        "",
        "<!doctype html><html><body>502 Bad Gateway</body></html>",
        "{\"keys\":[",
        "{\"keys\":[]} {}",
        "\u{feff}{\"keys\":[]}",
        &deep(10_000),
    ] {
        let why = key_set(body.as_bytes()).unwrap_err();
        assert_eq!(why, "the answer is not JSON", "{body:.40}");
    }
    let invalid = [b"{\"keys\":[\"".as_slice(), &[0xff, 0xfe], b"\"]}"].concat();
    assert_eq!(key_set(&invalid).unwrap_err(), "the answer is not JSON");
    for body in [
        "[]",
        "null",
        "\"keys\"",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":null}",
        "{\"Keys\":[]}",
        &ec().to_string(),
    ] {
        let why = key_set(body.as_bytes()).unwrap_err();
        assert_eq!(
            why, "the answer is not a JWKS: it has no list `keys`",
            "{body}"
        );
    }
}
