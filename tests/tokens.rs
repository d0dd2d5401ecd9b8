//! JSON Web Tokens: the refusing cases are the many.

mod world;

use serde_json::{Value, json};
use world::{NOW, SECRET, World, configuration, header, jwt, sign, with};

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn issuer(name: &str, value: Value) -> World {
    World::new(&with(&format!("/jwt/0/{name}"), value))
}

fn signed_claims(claims: &Value) -> String {
    sign(&header().to_string(), &claims.to_string(), SECRET)
}

#[test]
fn a_token_lives_up_to_its_end_and_the_leeway() {
    let world = World::new(&configuration());
    for (claims, expected) in [
        (json!({ "exp": NOW - 59 }), (200, String::new())),
        (json!({ "exp": NOW - 60 }), refused("expired_token")),
        (json!({ "exp": 0 }), refused("expired_token")),
        (
            json!({ "exp": (NOW as f64) - 60.5 }),
            refused("expired_token"),
        ),
        (json!({ "exp": null }), refused("missing_expiry")),
        (
            json!({ "exp": (NOW + 60).to_string() }),
            refused("malformed_token"),
        ),
        (json!({ "exp": -1 }), refused("malformed_token")),
        (json!({ "exp": 1e18 }), refused("malformed_token")),
        (json!({ "nbf": NOW + 60 }), (200, String::new())),
        (json!({ "nbf": NOW + 61 }), refused("token_not_yet_valid")),
        (json!({ "nbf": "soon" }), refused("malformed_token")),
        (json!({ "iat": NOW + 61 }), refused("token_not_yet_valid")),
        (json!({ "iat": null }), (200, String::new())),
    ] {
        assert_eq!(verdict(&world, &jwt(claims.clone())), expected, "{claims}");
    }
}

#[test]
fn the_leeway_is_the_configurations() {
    let none = issuer("leeway", json!("0s"));
    assert_eq!(
        verdict(&none, &jwt(json!({ "exp": NOW }))),
        refused("expired_token")
    );
    assert_eq!(verdict(&none, &jwt(json!({ "exp": NOW + 1 }))).0, 200);
    let five = issuer("leeway", json!("5m"));
    assert_eq!(verdict(&five, &jwt(json!({ "exp": NOW - 299 }))).0, 200);
    assert_eq!(
        verdict(&five, &jwt(json!({ "exp": NOW - 300 }))),
        refused("expired_token")
    );
}

#[test]
fn an_expiry_is_optional_only_where_the_issuer_says_so() {
    let world = issuer("require_expiry", json!(false));
    assert_eq!(verdict(&world, &jwt(json!({ "exp": null }))).0, 200);
    assert_eq!(
        verdict(&world, &jwt(json!({ "exp": NOW - 61 }))),
        refused("expired_token")
    );
}

#[test]
fn the_signature_is_checked_to_the_last_bit() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let (input, tag) = good.rsplit_once('.').unwrap();
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    for secret in ["0123456789abcdef0123456789abcdeF", "", "secret"] {
        let token = sign(&header().to_string(), &claims, secret);
        assert_eq!(verdict(&world, &token), refused("invalid_signature"));
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
fn a_header_brings_no_keys_and_no_extensions() {
    let world = World::new(&configuration());
    let claims = json!({ "sub": "alice", "exp": NOW + 60 }).to_string();
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("b64", json!(true)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("jku", json!("https://evil.example/jwks")),
        ("jwk", json!({ "kty": "oct", "k": "" })),
        ("x5u", json!("https://evil.example")),
        ("x5c", json!([])),
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
fn json_is_read_strictly() {
    let world = World::new(&configuration());
    let end = NOW + 60;
    for claims in [
        format!(r#"{{"sub":"alice","exp":{end},"exp":{end}}}"#),
        format!(r#"{{"sub":"alice","sub":"mallory","exp":{end}}}"#),
        format!(r#"{{"sub":"alice","exp":{end}}} trailing"#),
        format!(r#"[{{"sub":"alice","exp":{end}}}]"#),
        format!(
            r#"{{"sub":"alice","exp":{end},"x":{}{}}}"#,
            "[".repeat(4_000),
            "]".repeat(4_000)
        ),
        "null".into(),
        String::new(),
        "\"alice\"".into(),
    ] {
        let token = sign(&header().to_string(), &claims, SECRET);
        assert_eq!(
            verdict(&world, &token),
            refused("malformed_token"),
            "{:.60}",
            claims
        );
    }
    let twice = r#"{"alg":"none","alg":"HS256"}"#;
    let token = sign(twice, &format!(r#"{{"sub":"alice","exp":{end}}}"#), SECRET);
    assert_eq!(verdict(&world, &token), refused("malformed_token"));
}

#[test]
fn the_compact_form_is_exact() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let parts: Vec<_> = good.split('.').collect();
    for token in [
        format!("{good}="),
        format!("{}=.{}.{}", parts[0], parts[1], parts[2]),
        format!("{good}.{}.{}", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], "!"),
        "..".into(),
        format!("e30.{}.{}", parts[1], parts[2]),
        format!("eyJ{}", ".".repeat(10_000)),
    ] {
        let verdict = verdict(&world, &token);
        assert_eq!(verdict, refused("malformed_token"), "{:.80}", token);
    }
    let standard_alphabet = good.replace(['-', '_'], "+");
    if standard_alphabet != good {
        assert_eq!(verdict(&world, &standard_alphabet).0, 401);
    }
    assert_eq!(
        verdict(&world, &format!("{}{}", good, "A".repeat(64 * 1024))).1,
        "malformed_credential"
    );
}

#[test]
fn stray_bits_at_the_end_of_a_part_are_refused() {
    let world = World::new(&configuration());
    let good = jwt(json!({}));
    let last = good.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 32 bytes leave two stray bits in the last character: three other spellings of the same tag.
    let place = alphabet.find(last).unwrap();
    for other in 1..4 {
        let spelled = alphabet.chars().nth(place ^ other).unwrap();
        let token = format!("{}{spelled}", &good[..good.len() - 1]);
        assert_eq!(verdict(&world, &token), refused("malformed_token"));
    }
}

#[test]
fn issuer_and_audience_are_held() {
    let mut configuration = with("/jwt/0/issuer", json!("https://sso.example"));
    configuration["jwt"][0]["audiences"] = json!(["ollama", "gate"]);
    let world = World::new(&configuration);
    let claims = |iss: Value, aud: Value| jwt(json!({ "iss": iss, "aud": aud }));
    for (iss, aud, expected) in [
        (
            json!("https://sso.example"),
            json!("ollama"),
            (200, String::new()),
        ),
        (
            json!("https://sso.example"),
            json!(["other", "gate"]),
            (200, String::new()),
        ),
        (
            json!("https://sso.example/"),
            json!("ollama"),
            refused("wrong_issuer"),
        ),
        (json!(null), json!("ollama"), refused("wrong_issuer")),
        (
            json!(["https://sso.example"]),
            json!("ollama"),
            refused("malformed_token"),
        ),
        (
            json!("https://sso.example"),
            json!("other"),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!([]),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!(null),
            refused("wrong_audience"),
        ),
        (
            json!("https://sso.example"),
            json!(["ollama", 1]),
            refused("malformed_token"),
        ),
        (
            json!("https://sso.example"),
            json!("ollam"),
            refused("wrong_audience"),
        ),
    ] {
        assert_eq!(
            verdict(&world, &claims(iss.clone(), aud.clone())),
            expected,
            "{iss} {aud}"
        );
    }
}

#[test]
fn a_token_for_somebody_is_not_for_a_gate_that_has_no_name() {
    let world = World::new(&configuration());
    assert_eq!(
        verdict(&world, &jwt(json!({ "aud": "billing" }))),
        refused("wrong_audience")
    );
}

#[test]
fn somebody_must_be_named() {
    let world = World::new(&configuration());
    for subject in [json!(null), json!("")] {
        assert_eq!(
            verdict(&world, &jwt(json!({ "sub": subject }))),
            refused("missing_subject")
        );
    }
    assert_eq!(
        verdict(&world, &jwt(json!({ "sub": 7 }))),
        refused("malformed_token")
    );
    let by_id = issuer("subject_claim", json!("id"));
    assert_eq!(verdict(&by_id, &jwt(json!({}))), refused("missing_subject"));
    let seen = by_id.bearer(
        "GET",
        "/api/tags",
        &jwt(json!({ "id": "u-1", "sub": null })),
    );
    assert_eq!(seen.record["subject"], "u-1");
}

#[test]
fn scopes_come_from_the_claim_where_there_is_one() {
    let world = issuer("scopes_claim", json!("scope"));
    let pull = |scope: Value| {
        let token = jwt(json!({ "scope": scope }));
        world.bearer("POST", "/api/pull", &token).verdict()
    };
    assert_eq!(pull(json!("openid manage email")).0, 200);
    assert_eq!(pull(json!(["read", "manage"])).0, 200);
    for without in [
        json!("read inference"),
        json!("Manage"),
        json!(""),
        json!([]),
        json!(null),
        json!("managed"),
    ] {
        assert_eq!(
            pull(without.clone()),
            (403, "scope_denied".into()),
            "{without}"
        );
    }
    assert_eq!(pull(json!(8)), refused("malformed_token"));
    let without_claim = World::new(&configuration());
    let token = jwt(json!({ "scope": "manage" }));
    assert_eq!(
        without_claim
            .bearer("POST", "/api/pull", &token)
            .verdict()
            .0,
        403,
        "a claim that is not configured grants nothing"
    );
}

#[test]
fn the_previous_secret_works_until_it_is_taken_out() {
    let new = "fedcba9876543210fedcba9876543210";
    let ring = issuer(
        "secrets",
        json!([new, { "env": "WEBUI_SECRET_KEY" }, { "env": "UNSET", "optional": true }]),
    );
    let old_token = jwt(json!({}));
    let new_token = sign(
        &header().to_string(),
        &json!({ "sub": "alice", "exp": NOW + 60 }).to_string(),
        new,
    );
    assert_eq!(verdict(&ring, &old_token).0, 200);
    assert_eq!(verdict(&ring, &new_token).0, 200);
    let rotated = issuer("secrets", json!([new]));
    assert_eq!(verdict(&rotated, &old_token), refused("invalid_signature"));
}

#[test]
fn of_several_issuers_the_one_that_signed_decides() {
    let mut configuration = with("/jwt/0/issuer", json!("https://one.example"));
    let other = json!({ "name": "other", "algorithms": ["HS256"], "secrets": ["fedcba9876543210fedcba9876543210"], "issuer": "https://other.example" });
    configuration["jwt"].as_array_mut().unwrap().push(other);
    let world = World::new(&configuration);
    let token = |iss: &str, secret: &str| {
        let claims = json!({ "sub": "alice", "exp": NOW + 60, "iss": iss });
        sign(&header().to_string(), &claims.to_string(), secret)
    };
    let other_secret = "fedcba9876543210fedcba9876543210";
    assert_eq!(
        verdict(&world, &token("https://one.example", SECRET)).0,
        200
    );
    let seen = world.bearer(
        "GET",
        "/api/tags",
        &token("https://other.example", other_secret),
    );
    assert_eq!(seen.record["id"], "other");
    assert_eq!(
        verdict(&world, &token("https://one.example", other_secret)),
        refused("invalid_signature")
    );
}

#[test]
fn a_token_that_is_refused_anyway_costs_no_signature() {
    let world = World::new(&configuration());
    let expired = json!({ "sub": "alice", "exp": 1 });
    let forged = sign(
        &header().to_string(),
        &expired.to_string(),
        "another secret of at least 32 bytes!",
    );
    assert_eq!(verdict(&world, &forged), refused("expired_token"));
    assert_eq!(
        verdict(&world, &signed_claims(&expired)),
        refused("expired_token")
    );
}
