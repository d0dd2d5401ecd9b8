//! Tokens in a cookie, such as Open WebUI's.

use crate::world::{
    KEY, NOW, READ_KEY, SECRET, Seen, World, configuration, error, errors, header, jwt, sign, with,
};
use serde_json::json;

/// An HTTP status and a code.
type Verdict = (u16, String);

/// The usual configuration, with its issuer's tokens in the cookie `token` too.
fn world() -> World {
    World::new(&with("/jwt/0/cookie", json!("token")))
}

fn send(world: &World, cookie: &str, fields: &[(&str, &str)]) -> Seen {
    let fields: Vec<_> = [("cookie", cookie)].iter().chain(fields).copied().collect();
    world.send("POST", "/api/chat", &fields)
}

fn good() -> String {
    format!("token={}", jwt(json!({})))
}

fn ok() -> Verdict {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> Verdict {
    (status, code.to_owned())
}

#[test]
fn a_token_in_the_cookie_comes_in_and_goes_no_further() {
    let world = world();
    for cookie in [
        good(),
        format!("theme=dark; {}; a=b", good()),
        format!("{};", good()),
    ] {
        let seen = send(&world, &cookie, &[]);
        assert_eq!(seen.verdict(), ok(), "{cookie}");
        assert_eq!(seen.record["credential"], "jwt", "{cookie}");
        assert_eq!(seen.record["id"], "open-webui", "{cookie}");
        assert_eq!(seen.record["subject"], "alice", "{cookie}");
        assert_eq!(
            seen.upstream_values("cookie"),
            Vec::<&str>::new(),
            "{cookie}"
        );
    }
    // It still comes in a header too.
    assert_eq!(
        world.bearer("POST", "/api/chat", &jwt(json!({}))).verdict(),
        ok()
    );
}

#[test]
fn a_token_in_a_cookie_keeps_every_rule() {
    let world = world();
    let expired = jwt(json!({ "exp": NOW - 61 }));
    let forged = sign(
        &header().to_string(),
        r#"{"sub":"alice","exp":9999999999}"#,
        "another secret of 32 bytes or so",
    );
    let unsigned = sign(r#"{"alg":"none"}"#, "{}", SECRET);
    for (token, code) in [
        (expired.as_str(), "expired_token"),
        (&forged, "invalid_signature"),
        (&unsigned, "unsupported_algorithm"),
        ("abc", "malformed_token"),
        ("a.b.c", "malformed_token"),
        (KEY, "malformed_token"),
        ("\"quoted\"", "malformed_token"),
        ("two words", "malformed_credential"),
        ("zo\u{eb}", "malformed_credential"),
    ] {
        for _ in 0..2 {
            let seen = send(&world, &format!("token={token}"), &[]);
            assert_eq!(seen.verdict(), refused(401, code), "{token}");
        }
    }
    let scope = World::new(&{
        let mut all = with("/jwt/0/cookie", json!("token"));
        all["jwt"][0]["scopes_claim"] = json!("scope");
        all
    });
    let reads = format!("token={}", jwt(json!({ "scope": "read" })));
    assert_eq!(
        send(&scope, &reads, &[]).verdict(),
        refused(403, "scope_denied")
    );
}

#[test]
fn other_cookies_and_other_spellings_prove_nothing() {
    let world = world();
    let token = jwt(json!({}));
    for cookie in [
        String::new(),
        "token=".to_owned(),
        "token".to_owned(),
        format!("Token={token}"),
        format!("tokens={token}"),
        format!("my-token={token}"),
        format!("a=token={token}"),
        format!("a=b, token={token}"),
        format!("session={token}"),
    ] {
        let seen = send(&world, &cookie, &[]);
        assert_eq!(
            seen.verdict(),
            refused(401, "missing_credential"),
            "{cookie}"
        );
    }
    // Where no issuer names a cookie, none is read.
    let without = World::new(&configuration());
    let seen = send(&without, &good(), &[]);
    assert_eq!(seen.verdict(), refused(401, "missing_credential"));
}

#[test]
fn a_cookie_that_stands_twice_is_refused() {
    let world = world();
    let (one, other) = (good(), format!("token={}", jwt(json!({ "sub": "bob" }))));
    for cookie in [
        format!("{one}; {other}"),
        format!("{one}; {one}"),
        format!("token=; {one}"),
        format!("{one}; token=x"),
    ] {
        let seen = send(&world, &cookie, &[]);
        assert_eq!(
            seen.verdict(),
            refused(400, "ambiguous_credential"),
            "{cookie}"
        );
    }
    let repeated = send(&world, &one, &[("Cookie", "a=b")]);
    assert_eq!(repeated.verdict(), refused(400, "malformed_request"));
    // Where a header decides, what the cookie holds does not matter.
    let beside = send(&world, &format!("{one}; {other}"), &[("x-api-key", KEY)]);
    assert_eq!(beside.verdict(), ok());
}

#[test]
fn a_cookie_counts_only_where_no_header_holds_a_credential() {
    let world = world();
    for (name, value, code) in [
        ("x-api-key", "sk-unknown-0123456789", "unknown_key"),
        ("authorization", "Bearer a.b.c", "malformed_token"),
        ("authorization", "Bearer ollama", "placeholder_credential"),
        (
            "authorization",
            "Basic YWxpY2U6c2VjcmV0",
            "unsupported_credential",
        ),
        ("authorization", "Digest a", "unsupported_credential"),
        ("api-key", "two words", "malformed_credential"),
    ] {
        let seen = send(&world, &good(), &[(name, value)]);
        assert_eq!(seen.verdict(), refused(401, code), "{value}");
    }
    for (name, value) in [
        ("authorization", ""),
        ("authorization", "Bearer "),
        ("x-api-key", " "),
    ] {
        let seen = send(&world, &good(), &[(name, value)]);
        assert_eq!(seen.verdict(), ok(), "empty is absent: {name}, {value:?}");
    }
    let reader = send(&world, &good(), &[("x-api-key", READ_KEY)]);
    assert_eq!(
        reader.verdict(),
        refused(403, "scope_denied"),
        "the key decides"
    );
}

#[test]
fn a_page_of_another_site_cannot_use_the_cookie() {
    let world = world();
    for foreign in [
        "https://evil.example",
        "null",
        "",
        "https://gate.example.evil",
        "file://",
    ] {
        let seen = send(&world, &good(), &[("origin", foreign)]);
        assert_eq!(seen.verdict(), refused(403, "origin_denied"), "{foreign}");
        assert_eq!(
            seen.record["subject"], "alice",
            "the log says whose browser it was: {foreign:?}"
        );
    }
    assert_eq!(
        send(&world, &good(), &[("origin", "https://gate.example")]).verdict(),
        ok()
    );
    assert_eq!(send(&world, &good(), &[]).verdict(), ok());
    // The same token in a header was sent on purpose.
    let bearer = format!("Bearer {}", jwt(json!({})));
    let fields = [
        ("authorization", bearer.as_str()),
        ("origin", "https://evil.example"),
    ];
    for fields in [&fields[..], &[fields[0], fields[1], ("cookie", "token=x")]] {
        assert_eq!(
            world.send("POST", "/api/chat", fields).verdict(),
            ok(),
            "{fields:?}"
        );
    }
    // What is remembered of the token does not remember where it came from.
    let seen = send(&world, &good(), &[("origin", "https://evil.example")]);
    assert_eq!(seen.verdict(), refused(403, "origin_denied"));
}

#[test]
fn a_cookie_opens_no_public_route_to_pages_of_other_sites() {
    let mut open = with("/jwt/0/cookie", json!("token"));
    open["public"] = json!(["health"]);
    let world = World::new(&open);
    let cookie = good();
    let fields = [
        ("cookie", cookie.as_str()),
        ("origin", "https://evil.example"),
    ];
    let denied = world.send("GET", "/", &fields).verdict();
    assert_eq!(denied, refused(403, "origin_denied"));
    assert_eq!(world.send("GET", "/", &fields[..1]).verdict(), ok());
}

#[test]
fn a_cookie_is_judged_by_its_own_issuer_alone() {
    let mut all = with("/jwt/0/cookie", json!("token"));
    let issuers = all["jwt"].as_array_mut().unwrap();
    issuers.push(json!({
        "name": "other", "algorithms": ["HS256"], "secrets": ["the second issuer, of 7 bytes and 31"],
        "cookie": "other",
    }));
    let world = World::new(&all);
    let claims = json!({ "sub": "bob", "exp": NOW + 60 }).to_string();
    let theirs = sign(
        &header().to_string(),
        &claims,
        "the second issuer, of 7 bytes and 31",
    );
    let own = jwt(json!({}));
    for _ in 0..2 {
        for (cookie, expected) in [
            (format!("token={own}"), ok()),
            (format!("other={theirs}"), ok()),
            (format!("other={own}"), refused(401, "invalid_signature")),
            (format!("token={theirs}"), refused(401, "invalid_signature")),
            (
                format!("token={own}; other={theirs}"),
                refused(400, "ambiguous_credential"),
            ),
        ] {
            assert_eq!(send(&world, &cookie, &[]).verdict(), expected, "{cookie}");
        }
        // In a header it is whoever's it is.
        for token in [&own, &theirs] {
            assert_eq!(
                world.bearer("POST", "/api/chat", token).verdict(),
                ok(),
                "{token:?}"
            );
        }
    }
}

#[test]
fn issuers_with_one_cookie_judge_it_in_their_order() {
    let mut all = with("/jwt/0/cookie", json!("token"));
    all["jwt"][0]["required_claims"] = json!({ "auth_method": "password" });
    let (mut oauth, mut other) = (all["jwt"][0].clone(), all["jwt"][0].clone());
    oauth["name"] = json!("oauth");
    oauth["required_claims"] = json!({ "auth_method": "oauth" });
    other["name"] = json!("other");
    other["required_claims"] = json!({ "auth_method": "other" });
    other["cookie"] = json!("other");
    all["jwt"].as_array_mut().unwrap().extend([oauth, other]);
    let world = World::new(&all);
    let cookie = |name: &str, method: &str| {
        let cookie = format!("{name}={}", jwt(json!({ "auth_method": method })));
        let seen = send(&world, &cookie, &[]);
        (
            seen.verdict(),
            seen.record["id"].as_str().unwrap().to_owned(),
        )
    };
    for _ in 0..2 {
        assert_eq!(cookie("token", "password"), (ok(), "open-webui".to_owned()));
        assert_eq!(cookie("token", "oauth"), (ok(), "oauth".to_owned()));
        assert_eq!(cookie("other", "other"), (ok(), "other".to_owned()));
        let mismatch = || refused(401, "claim_mismatch");
        assert_eq!(cookie("token", "other").0, mismatch());
        assert_eq!(cookie("other", "oauth").0, mismatch());
    }
}

#[test]
fn the_name_of_a_cookie_is_one_and_its_own() {
    for bad in [
        "",
        "a b",
        "a=b",
        "a;b",
        "a,b",
        "zo\u{eb}",
        "\"a\"",
        "a/b",
        &"x".repeat(65),
    ] {
        let told = error("/jwt/0/cookie", json!(bad));
        assert!(
            told.starts_with("jwt[0].cookie: expected the name of a cookie, found"),
            "{bad:?}: {told}"
        );
    }
    assert!(error("/jwt/0/cookie", json!(1)).starts_with("jwt[0].cookie: "));
    for good in ["token", "__Host-token", "my.session_id", "!"] {
        assert!(
            World::new(&with("/jwt/0/cookie", json!(good))).configured,
            "{good}"
        );
    }
    let mut header = configuration();
    header["jwt"][0]["cookie"] = json!("token");
    header["jwt"][0]["header"] = json!("X-OpenWebUI-User-Jwt");
    let errors = errors(&header);
    assert_eq!(
        errors,
        ["jwt[0].cookie: has no effect beside `header`, whose tokens prove nothing by themselves"]
    );
}
