//! The page at which the provider says who has signed out there.

mod failures;
mod requests;

use super::sessions::fetched;
use super::*;

pub(super) const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
pub(super) const PATH: &str = "/.gate/backchannel-logout";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A configuration in which the provider may end sessions; `login` is put into that section.
pub(super) fn with_back_channel(login: Value) -> Value {
    let mut section = json!({
        "store": { "kind": "redis", "url": "http://webdis.internal", "upstream": "webdis" },
        "back_channel_logout": true,
    });
    put(&mut section, &login);
    let mut document = with_login(section);
    document["host"] = json!({ "name": "envoy", "hold_head": true });
    document
}

pub(super) fn world(document: &Value) -> World {
    let world = World::new(document);
    assert!(world.configured, "{:?}", world.errors());
    world
}

/// A gate, its provider, and somebody who is signed in.
pub(super) fn signed_in(login: Value) -> (World, Provider, Browser) {
    let (world, provider) = (world(&with_back_channel(login)), Provider::new());
    *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
    let browser = again(&world, &provider);
    (world, provider, browser)
}

/// Somebody signs in.
fn again(world: &World, provider: &Provider) -> Browser {
    let mut browser = Browser::default();
    let answer = browser.sign_in(world, provider, "/api/tags");
    assert_eq!(answer.status(), 303, "{answer:?}");
    browser
}

/// What a logout token says; `null` takes out.
pub(super) fn claims(more: Value) -> Value {
    let mut all = json!({
        "iss": ISSUER, "aud": "gate", "sub": "alice", "sid": "s-1", "iat": NOW, "exp": NOW + 120, "jti": "j-1",
        "events": { EVENT: {} },
    });
    put(&mut all, &more);
    all
}

pub(super) fn token(more: Value) -> String {
    let header = r#"{"alg":"EdDSA","kid":"k1","typ":"logout+jwt"}"#;
    signer(1).sign(header, &claims(more).to_string())
}

fn begin(world: &World, fields: &[(&str, &str)], parts: &[&[u8]]) -> Request {
    let usual = [
        (":method", "POST"),
        (":path", PATH),
        (":authority", "gate.example"),
        (":scheme", "https"),
    ];
    let given = |name: &str| fields.iter().any(|field| field.0 == name);
    let is_given = |name: &str| given(name) || (name == ":authority" && given("host"));
    let usual = usual.iter().filter(|(name, _)| !is_given(name));
    let all: Vec<_> = usual.chain(fields).copied().collect();
    world.ask_with_body(&all, parts)
}

/// Somebody who keeps no cookies sends a body.
fn post(world: &World, provider: &Provider, fields: &[(&str, &str)], body: &[u8]) -> Answer {
    let request = begin(world, fields, &[body]);
    let mut nobody = Browser::default();
    let answer = nobody.finish(world, provider, request);
    assert!(nobody.cookies.is_empty(), "{nobody:?}");
    assert!(answer.upstream.is_none(), "{answer:?}");
    assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    answer
}

/// The provider sends this `token`.
pub(super) fn notify(world: &World, provider: &Provider, token: &str) -> Answer {
    let body = format!("logout_token={token}");
    post(world, provider, &[FORM], body.as_bytes())
}

/// Status and code of an answer, in the words of the protocol.
pub(super) fn said(answer: &Answer) -> (u16, String) {
    let json = answer.json();
    if answer.status() != 200 {
        let error = match answer.status() {
            408 | 429 | 500.. => "temporarily_unavailable",
            _ => "invalid_request",
        };
        assert_eq!(json["error"], error, "{json}");
        assert!(json["error_description"].as_str().unwrap().len() > 20);
        assert_eq!(json["code"], answer.code());
    }
    (
        answer.status(),
        json["code"].as_str().unwrap_or_default().to_owned(),
    )
}

pub(super) fn is_in(world: &World, provider: &Provider, browser: &mut Browser) -> bool {
    match fetched(world, provider, browser, "GET", "/api/tags") {
        (200, _) => true,
        verdict => {
            assert_eq!(verdict, (401, "invalid_session".to_owned()));
            false
        }
    }
}

#[test]
fn the_session_that_the_provider_names_ends_and_no_other() {
    let (world, provider, mut first) = signed_in(json!({}));
    let mut copy = first.clone();
    *provider.claims.borrow_mut() = json!({ "sid": "s-2" });
    let mut second = again(&world, &provider);
    *provider.claims.borrow_mut() = json!({ "sub": "bob", "sid": "s-3" });
    let mut bob = again(&world, &provider);
    let answer = notify(&world, &provider, &token(json!({})));
    assert_eq!((answer.status(), answer.text().as_str()), (200, "{}"));
    assert_eq!(answer.asked, ["end"]);
    for (whose, browser) in [("its own", &mut first), ("a copy", &mut copy)] {
        assert!(!is_in(&world, &provider, browser), "{whose}");
    }
    for (whose, browser) in [("elsewhere", &mut second), ("another's", &mut bob)] {
        assert!(is_in(&world, &provider, browser), "{whose}");
    }
}

#[test]
fn a_token_without_a_session_ends_all_of_that_person() {
    let (world, provider, mut first) = signed_in(json!({}));
    *provider.claims.borrow_mut() = json!({ "sid": null });
    let mut second = again(&world, &provider);
    *provider.claims.borrow_mut() = json!({ "sub": "bob" });
    let mut bob = again(&world, &provider);
    let answer = notify(&world, &provider, &token(json!({ "sid": null })));
    assert_eq!(answer.status(), 200);
    let lines = world.lines_with("signed_out_by_provider");
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    let expected = json!({
        "gate": "ollama-gate", "event": "signed_out_by_provider", "issuer": ISSUER, "sub": "alice", "ends": "sub",
        "sessions": 2,
    });
    assert_eq!((lines.len(), line), (1, expected));
    assert!(!is_in(&world, &provider, &mut first));
    assert!(!is_in(&world, &provider, &mut second));
    assert!(is_in(&world, &provider, &mut bob));
}

#[test]
fn a_token_with_nothing_but_a_session_is_enough_and_whoever_is_out_already_stays_out() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let answer = notify(&world, &provider, &token(json!({ "sub": null })));
    assert_eq!(answer.status(), 200);
    let line = world.lines_with("signed_out_by_provider").remove(0);
    assert!(line.contains(r#""ends":"sid","sessions":1"#) && !line.contains("s-1"));
    assert!(!is_in(&world, &provider, &mut alice));
    for (number, more) in [json!({ "sid": "s-1" }), json!({ "sid": "nobody" })]
        .into_iter()
        .enumerate()
    {
        let mut more = more;
        more["jti"] = json!(format!("again-{number}"));
        let answer = notify(&world, &provider, &token(more));
        assert_eq!(answer.status(), 200, "{number}");
    }
}

#[test]
fn a_session_of_which_the_provider_never_said_its_name_ends_with_any_of_that_person() {
    let (world, provider, mut named) = signed_in(json!({}));
    *provider.claims.borrow_mut() = json!({ "sid": null });
    let mut unnamed = again(&world, &provider);
    *provider.claims.borrow_mut() = json!({ "sub": "bob", "sid": null });
    let mut bob = again(&world, &provider);
    let other = token(json!({ "sid": "s-9" }));
    assert_eq!(notify(&world, &provider, &other).status(), 200);
    assert!(
        !is_in(&world, &provider, &mut unnamed),
        "it may be that one"
    );
    assert!(is_in(&world, &provider, &mut named), "it is another one");
    assert!(is_in(&world, &provider, &mut bob));
}

#[test]
fn a_sign_in_that_is_under_way_brings_no_session_back_that_has_ended() {
    let (world, provider, _) = signed_in(json!({}));
    let mut alice = Browser::default();
    let sent = alice.go(&world, &provider, "/api/tags");
    let back = provider.authorize(&sent.location());
    let mut request = alice.ask(&world, "GET", &back, &PAGE);
    assert_eq!(provider.serve_one(&world.gateway, &mut request), "/token");
    assert!(request.waits_for.is_some(), "for the store");
    assert_eq!(notify(&world, &provider, &token(json!({}))).status(), 200);
    let refused = alice.finish(&world, &provider, request);
    let unavailable = (503, "session_store_unavailable");
    assert_eq!((refused.status(), refused.code()), unavailable);
    let cause = refused.record["cause"].as_str().unwrap();
    assert!(cause.contains("has ended this session"), "{cause}");
    assert!(alice.named(SESSION).is_empty(), "{alice:?}");
    // Whoever signs in at the provider anew has another session there.
    *provider.claims.borrow_mut() = json!({ "sid": "s-2" });
    let mut again = again(&world, &provider);
    assert!(is_in(&world, &provider, &mut again));
}

#[test]
fn two_tokens_of_one_name_are_two_where_they_end_something_else() {
    let (world, provider, mut first) = signed_in(json!({}));
    *provider.claims.borrow_mut() = json!({ "sid": "s-2" });
    let mut second = again(&world, &provider);
    for sid in ["s-1", "s-2"] {
        let answer = notify(&world, &provider, &token(json!({ "sid": sid })));
        assert_eq!(answer.status(), 200, "{sid}");
    }
    assert!(!is_in(&world, &provider, &mut first));
    assert!(!is_in(&world, &provider, &mut second));
}

#[test]
fn a_person_is_whom_the_provider_calls_so_whatever_the_gate_calls_them() {
    let (world, provider) = (
        world(&with_back_channel(json!({ "subject_claim": "email" }))),
        Provider::new(),
    );
    *provider.claims.borrow_mut() = json!({ "email": "a@example.com" });
    let mut alice = again(&world, &provider);
    let other = json!({ "sub": "a@example.com", "sid": null, "jti": "j-0" });
    assert_eq!(notify(&world, &provider, &token(other)).status(), 200);
    assert!(is_in(&world, &provider, &mut alice));
    let own = token(json!({ "sid": null }));
    assert_eq!(notify(&world, &provider, &own).status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn a_token_that_comes_again_is_answered_as_before_and_ends_nothing_more() {
    let (world, provider, mut before) = signed_in(json!({}));
    let said_once = token(json!({ "sid": null }));
    assert_eq!(notify(&world, &provider, &said_once).status(), 200);
    assert!(!is_in(&world, &provider, &mut before));
    // Whoever has the token cannot keep that person out with it.
    let mut after = again(&world, &provider);
    for _ in 0..3 {
        let answer = notify(&world, &provider, &said_once);
        assert_eq!(
            (answer.status(), answer.asked.as_slice()),
            (200, &["end".to_owned()][..])
        );
        assert!(world.lines_with("signed_out").is_empty());
        let line = world.lines_with("logout_token_repeated").remove(0);
        assert!(line.contains(r#""sub":"alice""#), "{line}");
        assert!(
            line.contains(r#""sessions":1"#),
            "of the first time: {line}"
        );
    }
    assert!(is_in(&world, &provider, &mut after));
    let said = provider.webdis.said.borrow().clone();
    let seconds: Vec<_> = said.values().map(|said| said.1).collect();
    assert_eq!(seconds, [240], "until no instance takes the token any more");
    let other = token(json!({ "sid": null, "jti": "j-2" }));
    assert_eq!(notify(&world, &provider, &other).status(), 200);
    assert!(!is_in(&world, &provider, &mut after));
}
