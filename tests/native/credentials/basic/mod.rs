//! Names and passwords: who comes in with one, and what it does beside other credentials.

mod beside;
mod pages;

use crate::world::{KEY, NOW, READ_KEY, Seen, World, configuration, jwt, with};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde_json::{Value, json};

/// bcrypt of `correct horse`, made by libxcrypt.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2";
/// SHA-1 of `secret`.
const OLD: &str = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=";
/// An HTTP status and a code.
type Verdict = (u16, String);

/// `configuration()` with three users.
fn all() -> Value {
    with(
        "/basic",
        json!({ "users": [
            { "name": "alice", "password_hash": HASH },
            { "name": "bob", "password_hash": OLD, "subject": "bob@example.com", "scopes": ["read"] },
            { "name": "nothing", "password_hash": OLD, "scopes": [] },
        ] }),
    )
}

fn basic(pair: impl AsRef<[u8]>) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

fn login(world: &World, method: &str, path: &str, pair: &str) -> Seen {
    world.send(method, path, &[("authorization", &basic(pair))])
}

fn verdict(world: &World, pair: &str) -> Verdict {
    login(world, "GET", "/api/tags", pair).verdict()
}

fn ok() -> Verdict {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> Verdict {
    (status, code.to_owned())
}

#[test]
fn a_user_comes_in_with_the_password_and_nobody_else() {
    let world = World::new(&all());
    for _ in 0..2 {
        assert_eq!(verdict(&world, "alice:correct horse"), ok());
        assert_eq!(verdict(&world, "bob:secret"), ok());
        for wrong in [
            "alice:secret",
            "bob:correct horse",
            "alice:Correct horse",
            "carol:correct horse",
            "ALICE:correct horse",
        ] {
            let denied = refused(401, "wrong_password");
            assert_eq!(verdict(&world, wrong), denied, "{wrong}");
        }
    }
}

#[test]
fn where_no_user_has_a_password_the_refusal_says_how_a_key_works() {
    let world = World::new(&configuration());
    let unsupported = |pair: &str| {
        let seen = login(&world, "GET", "/api/tags", pair);
        assert_eq!(seen.verdict(), refused(401, "unsupported_credential"));
        seen.body()["error"].to_string()
    };
    for pair in ["alice:secret", "alice:", ":"] {
        let told = unsupported(pair);
        assert!(
            told.contains("an API key works as the password, and as the user name"),
            "{told}"
        );
    }
    for (pair, expected) in [
        (format!("{KEY}:"), ok()),
        (format!(":{KEY}"), ok()),
        (format!("anybody:{KEY}"), ok()),
        (
            "sk-wrong-0123456789:".to_owned(),
            refused(401, "unknown_key"),
        ),
        (format!("{KEY}:x"), refused(401, "unsupported_credential")),
    ] {
        assert_eq!(verdict(&world, &pair), expected, "{pair}");
    }
    let two = [
        ("authorization", basic(format!("{KEY}:"))),
        ("x-api-key", READ_KEY.to_owned()),
    ];
    let two = two.each_ref().map(|(name, value)| (*name, value.as_str()));
    let seen = world.send("GET", "/api/tags", &two);
    assert_eq!(seen.verdict(), refused(400, "ambiguous_credential"));
}

#[test]
fn a_user_has_scopes_like_everybody() {
    let world = World::new(&all());
    for (pair, method, path, expected) in [
        ("alice:correct horse", "POST", "/api/chat", ok()),
        (
            "alice:correct horse",
            "DELETE",
            "/api/delete",
            refused(403, "scope_denied"),
        ),
        (
            "alice:correct horse",
            "GET",
            "/metrics",
            refused(404, "unknown_route"),
        ),
        ("bob:secret", "GET", "/api/tags", ok()),
        (
            "bob:secret",
            "POST",
            "/api/chat",
            refused(403, "scope_denied"),
        ),
        (
            "nothing:secret",
            "GET",
            "/api/tags",
            refused(403, "scope_denied"),
        ),
        ("nothing:secret", "GET", "/", refused(403, "scope_denied")),
    ] {
        let seen = login(&world, method, path, pair);
        assert_eq!(seen.verdict(), expected, "{pair} {method} {path}");
    }
}

#[test]
fn the_log_names_the_user_and_ollama_sees_no_password() {
    let mut named = all();
    named["upstream"] =
        json!({ "identity_headers": { "subject": "X-Forwarded-User", "credential_id": "X-Id" } });
    let world = World::new(&named);
    let seen = login(&world, "GET", "/api/tags", "bob:secret");
    assert_eq!(seen.record["credential"], "basic");
    assert_eq!(seen.record["id"], "bob");
    assert_eq!(seen.record["subject"], "bob@example.com");
    assert_eq!(seen.upstream_values("authorization"), Vec::<&str>::new());
    assert_eq!(
        seen.upstream_values("x-forwarded-user"),
        ["bob@example.com"]
    );
    assert_eq!(seen.upstream_values("x-id"), ["bob"]);
    let wrong = login(&world, "GET", "/api/tags", "bob:hunter2-hunter2");
    assert_eq!(wrong.record["id"], "bob");
    let unknown = login(&world, "GET", "/api/tags", "my-password-by-mistake:x");
    assert_eq!(unknown.record["id"], Value::Null);
    for seen in [wrong, unknown] {
        let told = format!("{} {}", seen.record, seen.body());
        for secret in [
            "hunter2",
            "my-password",
            &STANDARD.encode("bob:hunter2-hunter2"),
        ] {
            assert!(!told.contains(secret), "{secret:?}: {told}");
        }
    }
}

#[test]
fn what_is_no_login_is_malformed_and_costs_no_hash() {
    let world = World::new(&all());
    let send = |value: &str| {
        world
            .send("GET", "/api/tags", &[("authorization", value)])
            .verdict()
    };
    for bad in [
        basic("alice"),
        basic(""),
        basic(":"),
        basic("alice:"),
        basic(":correct horse"),
        basic(b"alice:\xff\xfe"),
        basic(b"al\xffice:correct horse"),
        basic("alice:correct\0horse"),
        basic("alice\0:correct horse"),
        basic("alice:correct horse\n"),
        basic("alice:\u{9b}"),
        basic(format!("alice:{}", "x".repeat(73))),
        "Basic alice:secret".to_owned(),
        "Basic YWxpY2U6 c2VjcmV0".to_owned(),
        "Basic YWxpY2U6Y29ycmVjdCBob3JzZQ===".to_owned(),
        "Basic ====".to_owned(),
        format!("Basic {}", "A".repeat(16 * 1024 + 4)),
    ] {
        // Some of these are malformed as bytes, some as base64, some as a pair.
        let shown: String = bad.chars().take(40).collect();
        let expected = match bad.as_str() {
            "Basic " => "missing_credential",
            _ => "malformed_credential",
        };
        assert_eq!(send(&bad), refused(401, expected), "{shown}");
    }
    assert_eq!(verdict(&world, "alice:correct horse"), ok());
    let joined = format!("{}, {}", basic("alice:a"), basic("alice:b"));
    assert_eq!(send(&joined), refused(400, "ambiguous_credential"));
    let pair = basic("alice:correct horse");
    let twice = [("authorization", pair.as_str()), ("Authorization", &pair)];
    let twice = world.send("GET", "/api/tags", &twice).verdict();
    assert_eq!(twice, refused(400, "ambiguous_credential"));
}

#[test]
fn a_colon_belongs_to_the_password_and_padding_may_be_missing() {
    let mut colon = all();
    // SHA-1 of `a:b:`.
    colon["basic"]["users"][0]["password_hash"] = json!("{SHA}u95alUul4PcJO1pHMWGUHvu5eD0=");
    let world = World::new(&colon);
    assert_eq!(verdict(&world, "alice:a:b:"), ok());
    assert_eq!(verdict(&world, "alice:a:b"), refused(401, "wrong_password"));
    for user in ["b", "bo", "bob"] {
        let pair = format!("{user}:secret");
        let expected = match user {
            "bob" => ok(),
            _ => refused(401, "wrong_password"),
        };
        for text in [STANDARD.encode(&pair), STANDARD_NO_PAD.encode(&pair)] {
            let value = format!("bAsIc  {text}");
            let seen = world.send("GET", "/api/tags", &[("authorization", &value)]);
            assert_eq!(seen.verdict(), expected, "{value}");
        }
    }
}

#[test]
fn where_only_passwords_are_accepted_a_key_and_a_token_are_told_that() {
    let mut only = all();
    only.as_object_mut().unwrap().remove("jwt");
    only.as_object_mut().unwrap().remove("api_keys");
    let world = World::new(&only);
    for credential in [KEY.to_owned(), jwt(json!({}))] {
        let seen = world.bearer("GET", "/api/tags", &credential);
        assert_eq!(
            seen.verdict(),
            refused(401, "unsupported_credential"),
            "{credential}"
        );
        let told = seen.body()["error"].to_string();
        assert!(
            told.contains("are not accepted here; send a name and a password"),
            "{told}"
        );
    }
}

#[test]
fn a_key_as_the_name_with_a_password_is_told_what_it_needs() {
    let world = World::new(&all());
    for password in ["x", "x-oauth-basic"] {
        let seen = login(&world, "GET", "/api/tags", &format!("{KEY}:{password}"));
        assert_eq!(seen.verdict(), refused(401, "wrong_password"), "{password}");
        let told = seen.body()["error"].to_string();
        assert!(told.contains("needs an empty password"), "{told}");
    }
}

#[test]
fn where_no_user_is_configured_basic_is_not_taken() {
    let world = World::new(&configuration());
    for pair in ["alice:correct horse", "alice", "", ":", "alice:\0"] {
        let expected = match pair {
            "" => "missing_credential",
            _ => "unsupported_credential",
        };
        assert_eq!(verdict(&world, pair), refused(401, expected), "{pair:?}");
    }
}

#[test]
fn a_401_offers_basic_where_there_are_users() {
    let challenges = |world: &World| {
        let seen = world.send("GET", "/api/tags", &[]);
        let headers = seen.reply.unwrap().headers.into_iter();
        let challenges = headers.filter(|(name, _)| *name == "www-authenticate");
        challenges.map(|(_, value)| value).collect::<Vec<_>>()
    };
    let (bearer, basic) = (
        r#"Bearer realm="ollama-gate""#,
        r#"Basic realm="ollama-gate", charset="UTF-8""#,
    );
    assert_eq!(challenges(&World::new(&all())), [bearer, basic]);
    assert_eq!(challenges(&World::new(&configuration())), [bearer]);
}

#[test]
fn too_many_logins_at_a_time_are_a_429_and_never_a_wrong_password() {
    let world = World::new(&all());
    assert_eq!(verdict(&world, "alice:correct horse"), ok());
    let mut checked = 0;
    let seen = loop {
        let seen = login(
            &world,
            "GET",
            "/api/tags",
            &format!("alice:wrong-{checked}"),
        );
        if seen.verdict() != refused(401, "wrong_password") {
            break seen;
        }
        checked += 1;
        assert!(checked < 1000, "there is an end");
    };
    assert_eq!(
        checked, 124,
        "400 ms of 3.2 ms each, one for the good login"
    );
    assert_eq!(seen.verdict(), refused(429, "too_many_passwords"));
    assert_eq!(seen.record["code"], "too_many_passwords");
    let headers = seen.reply.unwrap().headers;
    assert!(
        headers.contains(&("retry-after", "1".to_owned())),
        "{headers:?}"
    );
    assert!(!headers.iter().any(|(name, _)| *name == "www-authenticate"));
    // Neither those who are known, nor those with another credential, feel it.
    assert_eq!(verdict(&world, "alice:correct horse"), ok());
    assert_eq!(world.bearer("GET", "/api/tags", KEY).verdict(), ok());
    assert_eq!(verdict(&world, &format!("alice:{KEY}")), ok());
    let token = jwt(json!({}));
    let pair = basic("alice:wrong-new");
    let beside = [("authorization", pair.as_str()), ("x-api-key", &token)];
    assert_eq!(world.send("GET", "/api/tags", &beside).verdict(), ok());
    // A wrong one beside it is no answer to whether this one is right.
    let beside = [
        ("authorization", pair.as_str()),
        ("x-api-key", "sk-unknown-0123456789"),
    ];
    let beside = world.send("GET", "/api/tags", &beside).verdict();
    assert_eq!(beside, refused(429, "too_many_passwords"));
    // One that is not known yet waits, whoever's it is.
    for pair in ["bob:secret", "nobody:secret", "bob:sk-no-known-key"] {
        assert_eq!(
            verdict(&world, pair),
            refused(429, "too_many_passwords"),
            "{pair}"
        );
    }
    world.gateway.0.seconds.set(NOW + 1);
    assert_eq!(verdict(&world, "bob:secret"), ok());
}

#[test]
fn without_a_clock_no_password_is_checked() {
    let world = World::new(&all());
    world.gateway.0.seconds.set(0);
    let seen = verdict(&world, "alice:correct horse");
    assert_eq!(seen, refused(503, "clock_unavailable"));
}
