//! What a logout token has to say, and what it is not good for.

use super::back_channel::*;
use super::*;
use crate::world::{SECRET, sign_with};

const GOOD: &str = r#"{"alg":"EdDSA","kid":"k1","typ":"logout+jwt"}"#;

/// Holds that `token` is a bad request and ends nothing. Gives the cause in the log.
fn refused(token: &str, what: &str) -> String {
    let (world, provider, mut alice) = signed_in(json!({}));
    let answer = notify(&world, &provider, token);
    let expected = (400, "invalid_logout_token".to_owned());
    assert_eq!(said(&answer), expected, "{what}");
    assert!(!answer.asked.contains(&"end".to_owned()), "{what}");
    let lines = world.lines_with("").join("\n");
    let last = token.rsplit('.').next().unwrap_or_default();
    assert!(last.is_empty() || !lines.contains(last), "{what}: {lines}");
    assert!(is_in(&world, &provider, &mut alice), "{what}");
    answer.record["cause"].as_str().unwrap().to_owned()
}

/// Holds that `token` ends the session.
fn accepted(token: &str, what: &str) {
    let (world, provider, mut alice) = signed_in(json!({}));
    let answer = notify(&world, &provider, token);
    assert_eq!(answer.status(), 200, "{what}: {}", answer.record);
    assert!(!is_in(&world, &provider, &mut alice), "{what}");
}

#[test]
fn each_claim_of_a_logout_token_is_held_against_the_rules() {
    for (more, cause) in [
        (json!({ "iss": null }), "no `iss`"),
        (json!({ "iss": "https://sso.example/" }), "`iss` is"),
        (json!({ "iss": [ISSUER] }), "`iss`"),
        (json!({ "aud": null }), "no `aud`"),
        (json!({ "aud": "" }), "`aud` is"),
        (json!({ "aud": "other" }), "`aud` is"),
        (json!({ "aud": [] }), "no `aud`"),
        (json!({ "aud": { "gate": 1 } }), "`aud`"),
        (json!({ "aud": ["gate", "other"] }), "no `azp`"),
        (json!({ "aud": ["gate", "other"], "azp": "other" }), "`azp`"),
        (json!({ "azp": "other" }), "`azp`"),
        (json!({ "iat": null }), "`iat`"),
        (json!({ "iat": NOW.to_string() }), "`iat`"),
        (json!({ "iat": NOW + 61 }), "ahead of this gate's clock"),
        (
            json!({ "iat": NOW - 660, "exp": NOW + 120 }),
            "11 minutes ago",
        ),
        (json!({ "iat": 0, "exp": 99_999_999_999_i64 }), "ago"),
        (json!({ "nbf": NOW + 61 }), "ahead of this gate's clock"),
        (json!({ "exp": null }), "`exp`"),
        (json!({ "exp": "soon" }), "`exp`"),
        (json!({ "exp": NOW - 60 }), "expired"),
        (json!({ "jti": null }), "no `jti`"),
        (json!({ "jti": "" }), "`jti` is empty"),
        (json!({ "jti": 7 }), "`jti`"),
        (json!({ "sub": null, "sid": null }), "neither a person"),
        (json!({ "sub": "", "sid": null }), "`sub`"),
        (json!({ "sub": "" }), "`sub`"),
        (json!({ "sub": 7 }), "`sub`"),
        (json!({ "sub": ["alice"] }), "`sub`"),
        (json!({ "sid": "" }), "`sid` is empty"),
        (json!({ "sid": 1 }), "`sid`"),
        (json!({ "sid": ["s-1"] }), "`sid`"),
        (json!({ "events": null }), "no logout token"),
        (json!({ "events": {} }), "no logout token"),
        (json!({ "events": EVENT }), "no logout token"),
        (json!({ "events": [EVENT] }), "no logout token"),
        (
            json!({ "events": { "http://schemas.openid.net/event/other": {} } }),
            "no logout token",
        ),
        (json!({ "events": { EVENT: [] } }), "no object"),
        (json!({ "events": { EVENT: true } }), "no object"),
        (json!({ "events": { EVENT: "x" } }), "no object"),
        (json!({ "nonce": "n" }), "`nonce`"),
        (json!({ "nonce": "" }), "`nonce`"),
        (json!({ "nonce": 1 }), "`nonce`"),
    ] {
        let told = refused(&token(more.clone()), &more.to_string());
        assert!(told.contains(cause), "{more}: {told}");
    }
    // `null` is no value elsewhere; of these two it is refused.
    for name in ["nonce", "events"] {
        let text = claims(json!({ name: null })).to_string();
        let text = format!("{{\"{name}\":null,{}", &text[1..]);
        refused(&signer(1).sign(GOOD, &text), name);
    }
    for good in [
        json!({}),
        json!({ "aud": ["gate"] }),
        json!({ "aud": ["gate", "other"], "azp": "gate" }),
        json!({ "iat": NOW + 59 }),
        json!({ "exp": NOW - 59 }),
        json!({ "iat": NOW - 659 }),
        json!({ "sub": null }),
        json!({ "sid": null }),
        json!({ "events": { EVENT: { "more": 1 }, "urn:other": {} } }),
        json!({ "more": { "a": [1, 2] } }),
    ] {
        accepted(&token(good.clone()), &good.to_string());
    }
}

#[test]
fn a_member_that_stands_twice_is_refused_wherever_it_is() {
    let text = claims(json!({})).to_string();
    for twice in [
        r#""sub":"alice","#,
        r#""sid":"s-1","#,
        r#""jti":"j-9","#,
        r#""iss":"https://sso.example","#,
        r#""aud":"gate","#,
        r#""exp":9999999999,"#,
        r#""events":{},"#,
    ] {
        let claims = format!("{{{twice}{}", &text[1..]);
        refused(&signer(1).sign(GOOD, &claims), twice);
    }
    let inner = text.replace(
        &format!("\"{EVENT}\":{{}}"),
        &format!("\"{EVENT}\":{{}},\"{EVENT}\":{{}}"),
    );
    assert_ne!(inner, text);
    refused(&signer(1).sign(GOOD, &inner), "events");
    let header = r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#;
    refused(&signer(1).sign(header, &text), header);
}

#[test]
fn only_the_type_of_a_logout_token_or_of_any_jwt_is_taken() {
    let text = claims(json!({})).to_string();
    for (kind, is_good) in [
        (r#""logout+jwt""#, true),
        (r#""application/logout+jwt""#, true),
        (r#""LOGOUT+JWT""#, true),
        (r#""JWT""#, true),
        ("null", true),
        (r#""""#, true),
        (r#""at+jwt""#, false),
        (r#""secevent+jwt""#, false),
        (r#""logout""#, false),
        (r#""logout+jwt ""#, false),
        (r#""id_token+jwt""#, false),
        ("1", false),
        (r#"["logout+jwt"]"#, false),
    ] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k1","typ":{kind}}}"#);
        let token = signer(1).sign(&header, &text);
        if is_good {
            accepted(&token, kind);
        } else {
            refused(&token, kind);
        }
    }
    accepted(
        &signer(1).sign(r#"{"alg":"EdDSA","kid":"k1"}"#, &text),
        "without one",
    );
}

#[test]
fn a_signature_that_the_provider_has_not_made_is_none() {
    let text = claims(json!({})).to_string();
    let unsigned = |alg: &str| {
        let header = format!(r#"{{"alg":"{alg}","kid":"k1","typ":"logout+jwt"}}"#);
        let parts = [header.as_str(), &text].map(|part| URL_SAFE_NO_PAD.encode(part));
        format!("{}.", parts.join("."))
    };
    for alg in ["none", "None", "NONE", "", "EdDSA", "HS256"] {
        refused(&unsigned(alg), alg);
    }
    let good = token(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    refused(
        &format!("{}.{signature}", unsigned("none").trim_end_matches('.')),
        "none",
    );
    // With the public key, or another secret, as that of an HMAC.
    let public = signer(1).jwk("k1")["x"].as_str().unwrap().to_owned();
    let bytes = URL_SAFE_NO_PAD.decode(&public).unwrap();
    for secret in [
        bytes.as_slice(),
        public.as_bytes(),
        CLIENT_SECRET.as_bytes(),
        SECRET.as_bytes(),
    ] {
        for header in [r#"{"alg":"HS256","kid":"k1"}"#, r#"{"alg":"HS256"}"#] {
            let told = refused(&sign_with(header, &text, secret), header);
            assert!(told.contains("`alg` is HS256"), "{told}");
        }
    }
    let told = refused(&signer(2).sign(GOOD, &text), "another key");
    assert!(told.contains("no key of its issuer"), "{told}");
    for (what, token) in [
        ("cut", good[..good.len() - 2].to_owned()),
        ("padded", format!("{good}==")),
        (
            "another alphabet",
            format!("{signed}.{}", signature.replace(['-', '_'], "+")),
        ),
        ("a space", format!(" {good}")),
        ("a line end", format!("{good}%0A")),
        ("two of them", format!("{good}.{good}")),
        ("one part", "x".to_owned()),
        ("five parts", format!("{good}.x.further")),
        ("no text", "%00".to_owned()),
    ] {
        if what == "another alphabet" && token == good {
            continue;
        }
        refused(&token, what);
    }
    // What was signed is what counts, to the last letter.
    let other = [GOOD, &text.replace("s-1", "s-2")].map(|part| URL_SAFE_NO_PAD.encode(part));
    refused(&format!("{}.{signature}", other.join(".")), "changed");
    for crit in [
        r#""crit":["exp"]"#,
        r#""b64":false"#,
        r#""zip":"DEF""#,
        r#""enc":"A128GCM""#,
    ] {
        let header = format!(r#"{{"alg":"EdDSA","kid":"k1",{crit}}}"#);
        refused(&signer(1).sign(&header, &text), crit);
    }
    accepted(&good, "the good one");
}

#[test]
fn a_line_names_the_person_of_a_refused_token_and_no_session() {
    let (world, provider, _) = signed_in(json!({}));
    for (more, whose) in [
        (json!({}), json!("alice")),
        (json!({ "sid": null }), json!("alice")),
        (json!({ "sub": null }), Value::Null),
    ] {
        let forged = signer(2).sign(GOOD, &claims(more.clone()).to_string());
        let answer = notify(&world, &provider, &forged);
        assert_eq!(answer.record["claimed_subject"], whose, "{more}");
        assert!(world.lines_with("s-1").is_empty(), "{more}");
    }
}

#[test]
fn an_id_token_is_no_logout_token() {
    let (world, provider, mut alice) = signed_in(json!({}));
    for claims in [
        provider.id_token_claims("n-1"),
        json!({ "iss": ISSUER, "aud": "gate", "sub": "alice", "iat": NOW, "exp": NOW + 300, "jti": "j", "sid": "s-1" }),
    ] {
        for header in [GOOD, r#"{"alg":"EdDSA","kid":"k1"}"#] {
            let token = signer(1).sign(header, &claims.to_string());
            let answer = notify(&world, &provider, &token);
            assert_eq!(
                said(&answer),
                (400, "invalid_logout_token".into()),
                "{claims}"
            );
        }
    }
    assert!(is_in(&world, &provider, &mut alice));
}

#[test]
fn a_logout_token_signs_nobody_in() {
    for more in [
        json!({ "events": { EVENT: {} } }),
        json!({ "events": { EVENT: null } }),
        json!({ "events": { EVENT: {} }, "jti": "j-1", "sid": "s-1" }),
    ] {
        let (world, provider) = (gate(json!({})), Provider::new());
        *provider.claims.borrow_mut() = more.clone();
        let mut browser = Browser::default();
        let answer = browser.sign_in(&world, &provider, "/api/tags");
        assert_eq!(
            (answer.status(), answer.code()),
            (403, "sign_in_failed"),
            "{more}"
        );
        let cause = answer.record["cause"].as_str().unwrap();
        assert!(cause.contains("logout token"), "{more}: {cause}");
        assert!(browser.cookies.is_empty(), "{more}");
    }
    // Events of other kinds say nothing of that.
    let (world, provider) = (gate(json!({})), Provider::new());
    *provider.claims.borrow_mut() = json!({ "events": ["x"] });
    let answer = Browser::default().sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303);
}

#[test]
fn a_logout_token_is_no_bearer_token() {
    let mut document = with_back_channel(json!({}));
    document["jwt"] = json!([{
        "name": "sso", "algorithms": ["EdDSA"], "issuer": ISSUER, "audiences": ["gate"],
        "keys": [signer(1).jwk("k1")],
    }]);
    let (world, provider) = (world(&document), Provider::new());
    let ask = |claims: &Value, header: &str| {
        let token = signer(1).sign(header, &claims.to_string());
        let bearer = format!("Bearer {token}");
        let mut nobody = Browser::default();
        let fields = [("authorization", bearer.as_str())];
        let answer = nobody.send(&world, &provider, "GET", "/api/tags", &fields);
        (answer.status(), answer.code().to_owned())
    };
    let plain = r#"{"alg":"EdDSA","kid":"k1"}"#;
    let good = claims(json!({ "events": null }));
    assert_eq!(ask(&good, plain).0, 200);
    let refused = ask(&claims(json!({})), plain);
    assert_eq!(refused, (401, "claim_mismatch".to_owned()));
    assert_eq!(ask(&claims(json!({})), GOOD).0, 401);
}

#[test]
fn forged_tokens_are_looked_at_as_seldom_as_any_and_people_go_on_signing_in() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let text = |number: usize| claims(json!({ "jti": format!("j-{number}") })).to_string();
    let mut seen = BTreeMap::<(u16, String), usize>::new();
    for number in 0..150 {
        let forged = signer(2).sign(GOOD, &text(number));
        let answer = notify(&world, &provider, &forged);
        *seen.entry(said(&answer)).or_default() += 1;
    }
    let forged = seen[&(400, "invalid_logout_token".to_owned())];
    let held = seen[&(429, "too_many_signatures".to_owned())];
    assert_eq!(forged + held, 150, "{seen:?}");
    assert!(forged < 60, "{seen:?}");
    // Time comes in again, and what was looked at is not looked at twice.
    world.wait(60);
    let answer = notify(
        &world,
        &provider,
        &token(json!({ "jti": "good", "iat": NOW + 60, "exp": NOW + 180 })),
    );
    assert_eq!(answer.status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn people_sign_in_while_tokens_are_forged() {
    let (world, provider, _) = signed_in(json!({}));
    for number in 0..100 {
        let text = claims(json!({ "jti": format!("j-{number}") })).to_string();
        notify(&world, &provider, &signer(2).sign(GOOD, &text));
    }
    let mut browser = Browser::default();
    let answer = browser.sign_in(&world, &provider, "/api/tags");
    assert_eq!(answer.status(), 303, "{}", answer.record);
}

#[test]
fn keys_that_are_not_there_are_asked_for_as_seldom_as_of_any_token() {
    let (world, provider, _) = signed_in(json!({}));
    let before = world.call_count();
    let mut kinds = BTreeMap::<(u16, String), usize>::new();
    for number in 0..100 {
        let header = format!(r#"{{"alg":"EdDSA","kid":"made-up-{number}"}}"#);
        let text = claims(json!({ "jti": format!("j-{number}") })).to_string();
        let answer = notify(&world, &provider, &signer(2).sign(&header, &text));
        *kinds.entry(said(&answer)).or_default() += 1;
    }
    let fetched = world.call_count() - before;
    assert!(fetched <= 2, "{fetched} calls: {kinds:?}");
    for (status, code) in kinds.keys() {
        let expected = [(400, "invalid_logout_token"), (503, "keys_pending")];
        assert!(expected.contains(&(*status, code.as_str())), "{kinds:?}");
    }
    // Whoever cannot know does not say no: the provider's next key may be published in a moment.
    let pending = kinds.get(&(503, "keys_pending".to_owned())).copied();
    assert_eq!(pending, Some(100), "{kinds:?}");
    // A name that no key can have is none.
    let header = format!(r#"{{"alg":"EdDSA","kid":"{}"}}"#, "k".repeat(257));
    let text = claims(json!({ "jti": "j-long" })).to_string();
    let answer = notify(&world, &provider, &signer(2).sign(&header, &text));
    assert_eq!(said(&answer), (400, "invalid_logout_token".to_owned()));
    // Of a key that is known the next is looked at.
    assert_eq!(notify(&world, &provider, &token(json!({}))).status(), 200);
}
