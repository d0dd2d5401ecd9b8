//! Several issuers, and several secrets of one.

use crate::world::{NOW, SECRET, World, configuration, header, jwt, secret, sign, with};
use serde_json::{Value, json};

const OTHER: &str = "5e83c1f97a20d46b0b7e94c2f8a61d35";

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn issuer(name: &str, value: Value) -> World {
    World::new(&with(&format!("/jwt/0/{name}"), value))
}

/// A good token, signed with `secret`.
fn signed(claims: Value, secret: &str) -> String {
    let mut all = json!({ "sub": "alice", "exp": NOW + 60 });
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    sign(&header().to_string(), &all.to_string(), secret)
}

/// Two issuers, `open-webui` and `other`, with these members beside the usual ones.
fn two(first: Value, second: Value) -> World {
    let mut all = configuration();
    let other = json!({ "name": "other", "algorithms": ["HS256"], "secrets": [OTHER] });
    all["jwt"].as_array_mut().unwrap().push(other);
    for (place, members) in [first, second].iter().enumerate() {
        for (name, value) in members.as_object().unwrap() {
            all["jwt"][place][name] = value.clone();
        }
    }
    World::new(&all)
}

/// The code of the refusal, and the issuer that it names.
fn told(world: &World, token: &str) -> (String, Value) {
    let seen = world.bearer("GET", "/api/tags", token);
    (seen.verdict().1, seen.record["id"].clone())
}

#[test]
fn the_previous_secret_works_until_it_is_taken_out() {
    let new = "5e83c1f97a20d46b0b7e94c2f8a61d35";
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
    let other = json!({ "name": "other", "algorithms": ["HS256"], "secrets": ["5e83c1f97a20d46b0b7e94c2f8a61d35"], "issuer": "https://other.example" });
    configuration["jwt"].as_array_mut().unwrap().push(other);
    let world = World::new(&configuration);
    let token = |iss: &str, secret: &str| {
        let claims = json!({ "sub": "alice", "exp": NOW + 60, "iss": iss });
        sign(&header().to_string(), &claims.to_string(), secret)
    };
    let other_secret = "5e83c1f97a20d46b0b7e94c2f8a61d35";
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
fn issuers_of_the_same_name_are_all_asked() {
    let iss = json!({ "issuer": "https://sso.example" });
    let world = two(iss.clone(), iss);
    let id = |secret: &str| {
        let token = signed(json!({ "iss": "https://sso.example" }), secret);
        world.bearer("GET", "/api/tags", &token).record["id"].clone()
    };
    assert_eq!(
        (id(SECRET), id(OTHER)),
        (json!("open-webui"), json!("other"))
    );
    let stranger = signed(json!({ "iss": "https://sso.example" }), &"x".repeat(32));
    assert_eq!(verdict(&world, &stranger), refused("invalid_signature"));
    let elsewhere = signed(json!({ "iss": "https://else.example" }), SECRET);
    assert_eq!(verdict(&world, &elsewhere), refused("wrong_issuer"));
}

#[test]
fn the_first_that_accepts_decides() {
    let world = two(
        json!({ "scopes_claim": "scope" }),
        json!({ "secrets": [SECRET] }),
    );
    let token = jwt(json!({ "scope": "read" }));
    for _ in 0..2 {
        let seen = world.bearer("POST", "/api/chat", &token);
        assert_eq!(
            seen.verdict(),
            (403, "scope_denied".to_owned()),
            "no second chance"
        );
        assert_eq!(seen.record["id"], "open-webui");
    }
    let world = two(
        json!({ "required_claims": { "tier": "gold" } }),
        json!({ "secrets": [SECRET] }),
    );
    let id = |claims: Value| world.bearer("GET", "/api/tags", &jwt(claims)).record["id"].clone();
    assert_eq!(id(json!({ "tier": "gold" })), "open-webui");
    assert_eq!(id(json!({ "tier": "tin" })), "other");
}

#[test]
fn the_refusal_that_came_furthest_is_told() {
    let one = json!({ "issuer": "https://one.example" });
    let two_ = json!({ "issuer": "https://two.example", "audiences": ["ollama"] });
    let world = two(one, two_);
    let of = |iss: &str, more: Value, secret: &str| {
        let mut claims = more;
        claims["iss"] = json!(iss);
        told(&world, &signed(claims, secret))
    };
    let (first, second) = ("https://one.example", "https://two.example");
    let code = |code: &str, id: Value| (code.to_owned(), id);
    assert_eq!(
        of("https://else.example", json!({}), SECRET),
        code("wrong_issuer", json!(null))
    );
    assert_eq!(
        of(first, json!({ "exp": 1 }), SECRET),
        code("expired_token", json!("open-webui"))
    );
    assert_eq!(
        of(first, json!({}), OTHER),
        code("invalid_signature", json!("open-webui"))
    );
    assert_eq!(
        of(second, json!({}), OTHER),
        code("wrong_audience", json!("other"))
    );
    assert_eq!(
        of(second, json!({ "aud": "ollama" }), SECRET),
        code("invalid_signature", json!("other"))
    );
    // The last of them came furthest, though the first was asked first.
    let world = two(json!({ "audiences": ["x"] }), json!({ "audiences": ["y"] }));
    let token = signed(json!({ "aud": "y" }), SECRET);
    assert_eq!(
        told(&world, &token),
        code("invalid_signature", json!("other"))
    );
    // Of two that came as far, the first.
    let token = signed(json!({ "aud": "z" }), SECRET);
    assert_eq!(
        told(&world, &token),
        code("wrong_audience", json!("open-webui"))
    );
}

#[test]
fn an_algorithm_is_one_of_the_issuer_that_it_stands_at() {
    let world = two(
        json!({ "issuer": "https://one.example" }),
        json!({ "issuer": "https://two.example", "algorithms": ["HS384"], "secrets": [secret(48)] }),
    );
    // HS256 with the secret of the issuer that takes HS384 only.
    let token = signed(json!({ "iss": "https://two.example" }), &secret(48));
    assert_eq!(told(&world, &token).0, "wrong_issuer");
    let only = issuer("algorithms", json!(["HS256"]));
    let token = sign(
        r#"{"alg":"HS384"}"#,
        r#"{"sub":"alice","exp":9000000000}"#,
        SECRET,
    );
    assert_eq!(verdict(&only, &token), refused("unsupported_algorithm"));
}

/// The current secret, and `SECRET` as a previous one.
fn ring() -> World {
    issuer("secrets", json!([OTHER, { "env": "WEBUI_SECRET_KEY" }]))
}

#[test]
fn who_still_uses_a_previous_secret_is_counted_and_told() {
    let world = ring();
    let counted = || world.counted("ollama_gate_jwt_previous_secret_total");
    let told = |count: u64| {
        let lines = world.lines_with("previous secret");
        let wanted = format!(
            "ollama-gate: jwt `open-webui`: tokens signed with a previous secret so far: {count}"
        );
        lines == [wanted]
    };
    assert!(world.bearer("GET", "/", &signed(json!({}), OTHER)).record["secret"].is_null());
    assert_eq!(counted(), 0);
    for number in 1..=9_u64 {
        let token = jwt(json!({ "sub": format!("u{number}") }));
        let seen = world.bearer("GET", "/api/tags", &token);
        assert_eq!(seen.record["secret"], "previous", "{number}");
        assert_eq!(told(number), number.is_power_of_two(), "{number}");
        assert_eq!(counted(), 2 * number - 1, "{number}");
        // A token that is known is counted, and not told again.
        let again = world.bearer("GET", "/api/tags", &token);
        assert_eq!(again.record["secret"], "previous", "{number}");
        assert!(world.lines_with("so far").is_empty(), "{number}");
        assert_eq!(counted(), 2 * number, "{number}");
    }
    assert_eq!(
        verdict(&world, &signed(json!({}), &"x".repeat(32))),
        refused("invalid_signature")
    );
    assert_eq!(counted(), 18);
}

#[test]
fn a_previous_secret_keeps_every_rule() {
    let world = ring();
    assert_eq!(
        verdict(&world, &jwt(json!({ "exp": NOW - 60 }))),
        refused("expired_token")
    );
    assert_eq!(
        verdict(&world, &jwt(json!({ "aud": "x" }))),
        refused("wrong_audience")
    );
    assert_eq!(
        verdict(&world, &jwt(json!({ "sub": null }))),
        refused("missing_subject")
    );
}

#[test]
fn fingerprints_tell_secrets_apart_and_do_not_tell_them() {
    let lines = |configuration: &Value| {
        let world = World::new(configuration);
        assert!(world.configured);
        world.lines_with("fingerprint")
    };
    let fingerprint = |line: &String| line.rsplit_once(' ').unwrap().1.to_owned();
    let two_secrets = with(
        "/jwt/0/secrets",
        json!([OTHER, { "env": "WEBUI_SECRET_KEY" }]),
    );
    let found = lines(&two_secrets);
    assert_eq!(found.len(), 2);
    for (number, line) in (1..).zip(&found) {
        let start =
            format!("ollama-gate: jwt `open-webui`: secret {number} of 2 has the fingerprint ");
        let digits = line.strip_prefix(&start).unwrap();
        assert!(
            digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{number}"
        );
        assert!(!line.contains(OTHER) && !line.contains(SECRET), "{number}");
    }
    assert_ne!(fingerprint(&found[0]), fingerprint(&found[1]));
    // The same secret has the same one wherever it stands, and one bit makes another.
    let one = lines(&with("/jwt/0/secrets", json!([SECRET])));
    assert_eq!(fingerprint(&one[0]), fingerprint(&found[1]));
    let bit = lines(&with(
        "/jwt/0/secrets",
        json!([format!("{}g", &SECRET[..31])]),
    ));
    assert_ne!(fingerprint(&bit[0]), fingerprint(&one[0]));
    let mut short = with("/jwt/0/secrets", json!([&SECRET[..31]]));
    short["jwt"][0]["danger_allow_short_secret"] = json!(true);
    assert_eq!(
        lines(&short),
        Vec::<String>::new(),
        "it could be guessed from one"
    );
}
