//! JSON Web Tokens, their header and their signature: the refusing cases are the many.

use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

#[test]
fn the_signature_is_checked_to_the_last_bit() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let (input, tag) = good.rsplit_once('.').unwrap();
    let engine = URL_SAFE_NO_PAD;
    let tag = engine.decode(tag).unwrap();
    for bit in 0..tag.len() * 8 {
        let mut flipped = tag.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let token = format!("{input}.{}", engine.encode(flipped));
        assert_eq!(
            verdict(&world, &token),
            refused("invalid_signature"),
            "bit {bit}"
        );
    }
    for length in 0..tag.len() {
        let token = format!("{input}.{}", engine.encode(&tag[..length]));
        assert_eq!(
            verdict(&world, &token),
            refused("invalid_signature"),
            "{length} bytes"
        );
    }
    let longer = format!("{input}.{}", engine.encode([&tag[..], &[0]].concat()));
    assert_eq!(verdict(&world, &longer), refused("invalid_signature"));
    assert_eq!(verdict(&world, &good).0, 200);
}

#[test]
fn another_secret_is_another_issuer() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    for secret in ["9f4b27c8e1a05d3687b2f0c4d91e6A53", "", "secret"] {
        let token = sign(&header().to_string(), &claims, secret);
        assert_eq!(
            verdict(&world, &token),
            refused("invalid_signature"),
            "{secret:?}"
        );
    }
}

#[test]
fn the_algorithm_is_the_configurations() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    for algorithm in [
        "none", "None", "NONE", "nOnE", "", "hs256", "HS256 ", "HS384", "HS512", "RS256", "ES256",
        "EdDSA",
    ] {
        let header = json!({ "alg": algorithm }).to_string();
        let signed = sign(&header, &claims, SECRET);
        assert_eq!(
            verdict(&world, &signed),
            refused("unsupported_algorithm"),
            "{algorithm}"
        );
        let bare = format!("{}.", signed.rsplit_once('.').unwrap().0);
        assert_eq!(
            verdict(&world, &bare),
            refused("unsupported_algorithm"),
            "{algorithm}"
        );
    }
    for header in [
        json!({}),
        json!({ "alg": null }),
        json!({ "alg": 256 }),
        json!({ "alg": ["HS256"] }),
    ] {
        let signed = sign(&header.to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &signed),
            refused("malformed_token"),
            "{header}"
        );
    }
}

#[test]
fn a_header_brings_no_extensions() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("crit", json!(null)),
        ("crit", json!(["jku"])),
        ("b64", json!(null)),
        ("zip", json!("DEF")),
        ("zip", json!(0)),
        ("enc", json!("A256GCM")),
        ("enc", json!([])),
        ("typ", json!("JOSE")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(1)),
    ] {
        let mut header = header();
        header[name] = value.clone();
        let token = sign(&header.to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{name} {value}"
        );
    }
    for header in [
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"HS256","typ":"jwt"}"#,
        r#"{"alg":"HS256","typ":"application/at+jwt"}"#,
        r#"{"alg":"HS256","typ":null,"kid":null}"#,
        r#"{"alg":"HS256","zip":null,"enc":null,"x5t":null,"cty":null}"#,
        r#"{"alg":"HS256","zip":"","enc":""}"#,
        r#"{"alg":"HS256","typ":"","kid":""}"#,
        r#"{"alg":"HS256","typ":"at+JWT","kid":"../../etc/passwd"}"#,
    ] {
        assert_eq!(
            verdict(&world, &sign(header, &claims, SECRET)).0,
            200,
            "{header}"
        );
    }
}

#[test]
fn an_encrypted_token_is_another_thing() {
    let world = World::new(&configuration());
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    // RFC 7516 section 3.1: five parts, the second of which is empty for `dir`.
    let head = part(r#"{"alg":"dir","enc":"A256GCM"}"#);
    let (iv, cipher, tag) = (
        part("0123456789ab"),
        part("claims"),
        part("0123456789abcdef"),
    );
    for token in [
        format!("{head}..{iv}.{cipher}.{tag}"),
        format!("{head}.{}.{iv}.{cipher}.{tag}", part("key")),
        format!(
            "{}.{iv}.{cipher}.{tag}",
            jwt(json!({})).rsplit_once('.').unwrap().0
        ),
    ] {
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{token}"
        );
    }
    // In three parts as well: it says `enc`.
    let mut with_enc = header();
    with_enc["enc"] = json!("A256GCM");
    let token = sign(
        &with_enc.to_string(),
        r#"{"sub":"alice","exp":9000000000}"#,
        SECRET,
    );
    assert_eq!(verdict(&world, &token), refused("malformed_token"));
    let dir = sign(
        r#"{"alg":"dir"}"#,
        r#"{"sub":"alice","exp":9000000000}"#,
        SECRET,
    );
    assert_eq!(verdict(&world, &dir), refused("unsupported_algorithm"));
}

#[test]
fn two_tokens_are_one_too_many() {
    let world = World::new(&configuration());
    let (one, two) = (jwt(json!({})), jwt(json!({ "sub": "bob" })));
    let bearer = |token: &str| format!("Bearer {token}");
    let send = |fields: &[(&str, &str)]| world.send("GET", "/api/tags", fields).verdict();
    let ambiguous = (400, "ambiguous_credential".to_owned());
    let (first, second) = (bearer(&one), bearer(&two));
    for fields in [
        [
            ("authorization", first.as_str()),
            ("authorization", &second),
        ],
        [("authorization", &first), ("authorization", &first)],
        [("authorization", &first), ("x-api-key", &two)],
        [("x-api-key", &two), ("api-key", &one)],
    ] {
        assert_eq!(send(&fields), ambiguous, "{fields:?}");
    }
    let list = format!("{first}, {second}");
    assert_eq!(send(&[("authorization", &list)]), ambiguous);
    let pair = format!("{first} {two}");
    assert_eq!(
        send(&[("authorization", &pair)]),
        refused("malformed_credential")
    );
    let joined = bearer(&format!("{one}.{two}"));
    assert_eq!(
        send(&[("authorization", &joined)]),
        refused("malformed_token")
    );
    assert_eq!(
        send(&[("authorization", &first), ("x-api-key", &one)]).0,
        200,
        "the same"
    );
}

#[test]
fn what_a_header_says_of_keys_is_neither_a_fault_nor_used() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    let own = "the key that the stranger brings along, 32 bytes";
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks")),
        ("jku", json!("http://169.254.169.254/")),
        ("jku", json!(null)),
        ("jku", json!(7)),
        ("jwk", json!({ "kty": "oct", "k": own })),
        ("jwk", json!({ "kty": "oct", "k": "", "alg": "HS256" })),
        ("x5u", json!("https://evil.example")),
        ("x5c", json!([])),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AA")),
        ("x5t#S256", json!("AA")),
        ("cty", json!("JWT")),
        ("epk", json!({})),
        ("url", json!("https://evil.example")),
        ("nonce", json!("n")),
    ] {
        let mut header = header();
        header[name] = value.clone();
        let good = sign(&header.to_string(), &claims, SECRET);
        assert_eq!(verdict(&world, &good).0, 200, "{name} {value}");
        let forged = sign(&header.to_string(), &claims, own);
        assert_eq!(
            verdict(&world, &forged),
            refused("invalid_signature"),
            "{name} {value}"
        );
    }
    assert_eq!(world.gateway.0.http_calls.borrow().len(), 0);
}

#[test]
fn a_refused_header_is_told_what_was_found_in_it() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    for (name, value, told) in [
        (
            "crit",
            json!(["exp", "b64"]),
            "its header's `crit` asks for `exp`, `b64`, which this gate does not support",
        ),
        (
            "crit",
            json!(["a\r\nb"]),
            "`crit` asks for `a\\u{d}\\u{a}b`, which",
        ),
        (
            "crit",
            json!([]),
            "its header has a `crit` that is no list of names",
        ),
        (
            "b64",
            json!(false),
            "its header has `b64`: a payload that is not in base64url is not supported",
        ),
        (
            "zip",
            json!("DEF"),
            "its header has `zip`: a compressed payload is not supported",
        ),
        (
            "enc",
            json!("A256GCM"),
            "its header has `enc`: an encrypted payload is not supported",
        ),
        (
            "alg",
            json!("ES256K"),
            "its `alg` is `ES256K`, this gate supports",
        ),
        (
            "alg",
            json!("none"),
            "its `alg` is `none`, this gate supports",
        ),
    ] {
        let mut header = header();
        header[name] = value.clone();
        let token = sign(&header.to_string(), &claims, SECRET);
        let body = world.bearer("GET", "/api/tags", &token).body();
        let error = body["error"].as_str().unwrap();
        assert!(error.contains(told), "{name} {value}: {error}");
    }
    let many: Vec<_> = (0..1_000).map(|number| number.to_string()).collect();
    let mut header = header();
    header["crit"] = json!(many);
    let token = sign(&header.to_string(), &claims, SECRET);
    let body = world.bearer("GET", "/api/tags", &token).body();
    assert!(body["error"].as_str().unwrap().len() < 200, "{body}");
}
