//! The page at which the provider says who has signed out there.

use super::sessions::fetched;
use super::*;
use ollama_gate::Flow;

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
fn what_has_ended_is_told_though_redis_answered_too_late() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    *provider.webdis.answer.borrow_mut() = Some(None);
    provider.webdis.is_deaf.set(true);
    let late = notify(&world, &provider, &good);
    assert_eq!(said(&late), (503, "session_store_unavailable".into()));
    let cause = late.record["cause"].as_str().unwrap();
    assert!(cause.contains("is not known"), "{cause}");
    *provider.webdis.answer.borrow_mut() = None;
    assert_eq!(notify(&world, &provider, &good).status(), 200);
    let line = world.lines_with("logout_token_repeated").remove(0);
    assert!(line.contains(r#""sessions":1"#), "{line}");
    assert!(!is_in(&world, &provider, &mut alice));
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
fn what_is_no_form_with_one_token_is_refused() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    let form = |text: &str| text.replace('T', &good).into_bytes();
    let one = form("logout_token=T");
    let mut tried = vec![
        (vec![], one.clone()),
        (vec![FORM, FORM], one.clone()),
        (vec![FORM, ("content-encoding", "gzip")], one.clone()),
        (vec![FORM, ("content-encoding", "zstd")], one),
    ];
    for media_type in [
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded-2",
        "application/x-www-form-urlencoded, text/plain",
        "x-www-form-urlencoded",
    ] {
        let fields = vec![("content-type", media_type)];
        tried.push((fields, form("logout_token=T")));
    }
    for body in [
        form(""),
        form("logout_token"),
        form("logout_token="),
        form("token=T"),
        form("Logout_token=T"),
        form("?logout_token=T"),
        form("logout_token=T&logout_token=T"),
        form("logout_token=T&logout_token="),
        form("logout_token=T&logout%5Ftoken=T"),
        form("logout_token=T&a=b&logout_token=x"),
        form("logout_token=%"),
        form("logout_token=T%zz"),
        form("logout_token=%ff"),
        b"logout_token=\xff\xfe".to_vec(),
        json!({ "logout_token": good }).to_string().into_bytes(),
        good.clone().into_bytes(),
    ] {
        tried.push((vec![FORM], body));
    }
    for (fields, body) in tried {
        let shown = format!("{fields:?} {}", String::from_utf8_lossy(&body));
        let answer = post(&world, &provider, &fields, &body);
        assert_eq!(said(&answer), (400, "ambiguous_body".into()), "{shown}");
        assert!(answer.asked.is_empty(), "{shown}: {:?}", answer.asked);
    }
    assert!(is_in(&world, &provider, &mut alice));
}

#[test]
fn a_form_is_read_however_it_is_written() {
    for (media_type, body) in [
        (FORM.1, "logout_token=T"),
        (
            "application/x-www-form-urlencoded; charset=UTF-8",
            "logout_token=T",
        ),
        (
            "Application/X-WWW-Form-Urlencoded ;charset=utf-8",
            "logout_token=T",
        ),
        (FORM.1, "&&logout_token=T&"),
        (FORM.1, "%=x&other=%ff&logout_token=T&other=2&other"),
        (FORM.1, "logout%5ftoken=T"),
        (FORM.1, "logout_token=%65REST"),
    ] {
        let (world, provider, mut alice) = signed_in(json!({}));
        let good = token(json!({}));
        let text = body.replace('T', &good);
        let text = match body.strip_suffix("%65REST") {
            Some(name) => format!("{name}%65{}", &good[1..]),
            None => text.clone(),
        };
        let fields = [("content-type", media_type)];
        let answer = post(&world, &provider, &fields, text.as_bytes());
        assert_eq!(answer.status(), 200, "{body}: {answer:?}");
        assert!(!is_in(&world, &provider, &mut alice), "{body}");
    }
    // In pieces, and with an end that comes by itself, as over HTTP/2.
    let (world, provider, mut alice) = signed_in(json!({}));
    let body = format!("logout_token={}", token(json!({})));
    let mut parts: Vec<&[u8]> = body.as_bytes().chunks(7).collect();
    parts.push(b"");
    let request = begin(&world, &[FORM], &parts);
    let answer = Browser::default().finish(&world, &provider, request);
    assert_eq!(answer.status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn a_body_over_64_kib_is_refused_before_it_is_whole() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let limit = 64 * 1024;
    let good = format!("logout_token={}&pad=", token(json!({})));
    let padded = |size: usize| [good.as_bytes(), &vec![b'x'; size - good.len()]].concat();
    let refused = (413, "body_too_large".to_owned());
    // By its head alone.
    let length = (limit + 1).to_string();
    for length in [length.as_str(), "99999999999999999999", "-1", "x"] {
        let fields = [FORM, ("content-length", length)];
        let request = begin(&world, &fields, &[]);
        let answer = Browser::default().finish(&world, &provider, request);
        assert_eq!(said(&answer), refused, "{length}");
    }
    // By what comes, though the rest never does.
    let long = padded(limit + 1);
    let state = &world.gateway.0;
    let fields = [
        (":method", "POST"),
        (":path", PATH),
        (":authority", "gate.example"),
        FORM,
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    *state.headers.borrow_mut() = fields.map(owned).to_vec();
    *state.body.borrow_mut() = long.clone();
    let mut filter = world.root.filter();
    state.replies.borrow_mut().clear();
    assert_eq!(filter.request_head(fields.len(), false), Flow::Pause);
    assert_eq!(filter.request_body(limit, false), Flow::Pause);
    assert!(state.replies.borrow().is_empty());
    assert_eq!(filter.request_body(limit + 1, false), Flow::Pause);
    assert_eq!(state.replies.borrow()[0].status, 413);
    assert!(is_in(&world, &provider, &mut alice));
    let answer = post(&world, &provider, &[FORM], &padded(limit));
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn any_other_method_is_refused_with_the_one_that_is_taken() {
    let (world, provider, mut alice) = signed_in(json!({}));
    for method in ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"] {
        let query = format!("{PATH}?logout_token={}", token(json!({})));
        for target in [PATH, &query] {
            let answer = alice.send(&world, &provider, method, target, &PAGE);
            assert_eq!(
                said(&answer),
                (405, "method_not_allowed".into()),
                "{method}"
            );
            assert_eq!(answer.header("allow"), "POST", "{method}");
            assert!(answer.asked.is_empty(), "{method}: {:?}", answer.asked);
        }
    }
    // A token in the query is none.
    let query = format!("{PATH}?logout_token={}", token(json!({})));
    let fields = [(":path", query.as_str()), FORM];
    let answer = post(&world, &provider, &fields, b"x=y");
    assert_eq!(answer.status(), 400);
    assert!(is_in(&world, &provider, &mut alice));
}

#[test]
fn nothing_else_of_the_request_is_looked_at_and_no_page_learns_anything() {
    let mut document = with_back_channel(json!({}));
    document["cors"] = json!({ "allow_origins": ["https://page.example"] });
    let (world, provider) = (world(&document), Provider::new());
    *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
    let mut alice = again(&world, &provider);
    let cookies = alice.cookie_header();
    for (number, (name, value)) in [
        ("origin", "https://evil.example"),
        ("origin", "https://page.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("authorization", "Bearer sk-nobody-0123456789abcdef"),
        ("authorization", "Bearer x,Bearer y"),
        ("x-api-key", "nothing"),
        ("cookie", cookies.as_str()),
        ("cookie", "__Host-ollama-gate-session-cbb588dd=x"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("j-{number}");
        let other = token(json!({ "jti": id, "sid": "nobody" }));
        let body = format!("logout_token={other}");
        let answer = post(&world, &provider, &[FORM, (name, value)], body.as_bytes());
        assert_eq!(answer.status(), 200, "{name}: {value}");
        assert_eq!(answer.asked, ["end"], "{name}: {value}: no session is read");
        for header in ["access-control-allow-origin", "set-cookie", "location"] {
            assert_eq!(answer.header(header), "", "{name}: {value}");
        }
        // What is added to heads is added to this one too, as Envoy has it.
        let mut request = begin(&world, &[FORM, (name, value)], &[b"x=y"]);
        let answer = request.seen.as_ref().and_then(|seen| seen.reply.clone());
        let answer = answer.unwrap().headers.into_iter();
        let answer = answer.filter(|(header, _)| header.starts_with("access-control"));
        let added = request.respond(&[(":status", "400")]).into_iter();
        let added = added.filter(|(header, _)| header.starts_with("access-control"));
        assert_eq!((answer.count(), added.count()), (0, 0), "{name}: {value}");
    }
    assert!(is_in(&world, &provider, &mut alice));
    // The address rules and the names of the gate hold here too.
    let fields = [(":authority", "other.example"), FORM];
    let body = format!("logout_token={}", token(json!({})));
    let request = begin(&world, &fields, &[body.as_bytes()]);
    let elsewhere = Browser::default().finish(&world, &provider, request);
    assert_eq!(said(&elsewhere), (403, "host_denied".into()));
}

#[test]
fn where_it_is_not_configured_there_is_no_such_page() {
    for login in [
        json!({ "back_channel_logout": false }),
        json!({ "back_channel_logout": null }),
    ] {
        let shown = login.to_string();
        let (world, provider) = (world(&with_back_channel(login)), Provider::new());
        *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
        let mut alice = again(&world, &provider);
        let body = format!("logout_token={}", token(json!({})));
        let fields = [
            (":method", "POST"),
            (":path", PATH),
            (":authority", "gate.example"),
            FORM,
        ];
        let seen = world.send_raw(&fields);
        assert_eq!(
            seen.verdict(),
            (401, "missing_credential".to_owned()),
            "{shown}"
        );
        let key = format!("Bearer {}", crate::world::KEY);
        let (seen, _) = world.post(PATH, &[FORM, ("authorization", &key)], &[body.as_bytes()]);
        assert_eq!(seen.verdict(), (404, "unknown_route".to_owned()), "{shown}");
        assert!(is_in(&world, &provider, &mut alice), "{shown}");
    }
}

#[test]
fn it_is_below_the_prefix_where_there_is_one() {
    let mut document = with_back_channel(json!({}));
    document["path_prefix"] = json!("/ollama");
    let (world, provider) = (world(&document), Provider::new());
    let fields = [(":path", "/ollama/.gate/backchannel-logout"), FORM];
    let body = format!("logout_token={}", token(json!({})));
    let answer = post(&world, &provider, &fields, body.as_bytes());
    assert_eq!(answer.status(), 200);
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

#[test]
fn a_store_that_does_not_answer_is_503_and_the_provider_s_next_try_works() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let good = token(json!({}));
    for answer in [
        None,
        Some((503, Vec::new())),
        Some((403, Vec::new())),
        Some((200, b"<html>".to_vec())),
        Some((200, br#"{"EVAL":"x"}"#.to_vec())),
        Some((
            200,
            br#"{"EVAL":[false,"OOM command not allowed"]}"#.to_vec(),
        )),
    ] {
        let shown = format!("{answer:?}");
        *provider.webdis.answer.borrow_mut() = Some(answer);
        let refused = notify(&world, &provider, &good);
        let unavailable = (503, "session_store_unavailable".to_owned());
        assert_eq!(said(&refused), unavailable, "{shown}");
        assert_eq!(refused.header("retry-after"), "1", "{shown}");
        let cause = refused.record["cause"].as_str().unwrap();
        assert!(
            cause.contains(ISSUER) && cause.contains("`sid`"),
            "{shown}: {cause}"
        );
        assert_eq!(refused.record["claimed_subject"], "alice", "{shown}");
        assert!(world.lines_with("signed_out").is_empty(), "{shown}");
        assert!(world.lines_with(&good).is_empty(), "{shown}");
    }
    *provider.webdis.answer.borrow_mut() = None;
    assert!(is_in(&world, &provider, &mut alice));
    assert_eq!(notify(&world, &provider, &good).status(), 200);
    assert!(!is_in(&world, &provider, &mut alice));
}

#[test]
fn keys_that_cannot_be_had_are_503_and_the_next_try_works() {
    let (world, provider) = (world(&with_back_channel(json!({}))), Provider::new());
    *provider.metadata.borrow_mut() = json!({ "issuer": "https://evil.example" });
    let good = token(json!({}));
    let refused = notify(&world, &provider, &good);
    assert_eq!(said(&refused), (503, "keys_unavailable".to_owned()));
    assert!(!refused.header("retry-after").is_empty());
    assert_eq!(refused.record["claimed_subject"], "alice");
    *provider.metadata.borrow_mut() = json!({});
    world.wait(10);
    let later = notify(&world, &provider, &good);
    let asked = ["/.well-known/openid-configuration", "/certs", "end"];
    assert_eq!(
        (later.status(), later.asked.as_slice()),
        (200, &asked.map(str::to_owned)[..])
    );
}

#[test]
fn where_nothing_is_enforced_sessions_end_all_the_same_and_nothing_goes_on() {
    let mut document = with_back_channel(json!({}));
    document["mode"] = json!("report");
    let (world, provider) = (world(&document), Provider::new());
    *provider.claims.borrow_mut() = json!({ "sid": "s-1" });
    let mut alice = Browser::default();
    alice.sign_in(&world, &provider, "/.gate/login");
    let answer = post(&world, &provider, &[FORM], b"x=y");
    assert_eq!(answer.status(), 400);
    let fields = [(":authority", "gate.internal"), FORM];
    let elsewhere = post(&world, &provider, &fields, b"logout_token=x");
    assert_eq!(said(&elsewhere), (403, "host_denied".into()));
    assert_eq!(notify(&world, &provider, &token(json!({}))).status(), 200);
    let page = alice.go(&world, &provider, "/api/tags");
    assert_eq!(page.record["code"], "invalid_session");
}

#[test]
fn it_needs_a_store_and_a_gateway_that_holds_the_head() {
    let mut document = with_back_channel(json!({ "store": null }));
    let errors = World::new(&document).errors();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("login.back_channel_logout: needs `store`"),
        "{errors:?}"
    );
    document = with_back_channel(json!({}));
    for host in [
        json!({ "name": "envoy" }),
        json!({ "name": "envoy", "hold_head": false }),
        json!({ "name": "istio" }),
    ] {
        document["host"] = host.clone();
        let errors = World::new(&document).errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected = "login.back_channel_logout: needs `host.hold_head`";
        assert!(errors[0].starts_with(expected), "{errors:?}");
    }
    document["host"] = json!({ "name": "istio", "hold_head": true });
    assert!(World::new(&document).configured);
    document["host"] = json!({ "name": "apisix" });
    document["login"]["upstream"] = json!("sso.example:443");
    document["login"]["store"]["upstream"] = json!("webdis:7379");
    let world = World::apisix(&document);
    assert!(world.configured, "{:?}", world.errors());
    document["login"]["back_channel_logout"] = json!("yes");
    let errors = World::apisix(&document).errors();
    assert!(errors[0].contains("true or false"), "{errors:?}");
}

#[test]
fn where_the_gateway_does_not_say_whether_a_body_follows_its_length_has_to() {
    let mut document = with_back_channel(json!({ "upstream": "sso.example:443" }));
    document["login"]["store"]["upstream"] = json!("webdis:7379");
    document["host"] = json!({ "name": "apisix" });
    let world = World::apisix(&document);
    let provider = Provider::new();
    for fields in [
        vec![FORM],
        vec![FORM, ("content-length", "0")],
        vec![FORM, ("transfer-encoding", "chunked")],
    ] {
        let fields = [fields, vec![("host", "gate.example")]].concat();
        let request = begin(&world, &fields, &[]);
        let answer = Browser::default().finish(&world, &provider, request);
        assert_eq!(said(&answer), (400, "ambiguous_body".into()), "{fields:?}");
    }
}

#[test]
fn a_body_that_does_not_come_is_held_for_ten_seconds_and_its_place_is_free_then() {
    for mode in ["enforce", "report"] {
        let mut document = with_back_channel(json!({}));
        document["mode"] = json!(mode);
        let mut world = world(&document);
        let fields = [
            (":method", "POST"),
            (":path", PATH),
            (":authority", "gate.example"),
            FORM,
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let state = std::rc::Rc::clone(&world.gateway.0);
        *state.headers.borrow_mut() = fields.map(owned).to_vec();
        *state.body.borrow_mut() = b"logout_token=".to_vec();
        let statuses = || -> Vec<u16> {
            let replies = state.replies.borrow();
            replies.iter().map(|reply| reply.status).collect()
        };
        let mut held = Vec::new();
        let mut begin = |world: &World| {
            state.lines.borrow_mut().clear();
            let mut filter = world.root.filter().in_context(7);
            let flow = filter.request_head(fields.len(), false);
            assert_eq!(flow, Flow::Pause, "{mode}");
            held.push(filter);
            world.lines_with("too_much_held").is_empty()
        };
        // Whoever proves nothing has a few places, and not for ever.
        let taken = (0..600).take_while(|_| begin(&world)).count();
        assert_eq!(taken, 512, "{mode}: nobody's address is known here");
        let ticks = |world: &mut World, count: usize| {
            state.replies.borrow_mut().clear();
            (0..count).for_each(|_| world.root.tick());
            statuses()
        };
        // The refusal waits for the rest of its body, for two seconds.
        assert_eq!(ticks(&mut world, 10), [503], "{mode}");
        assert_eq!(ticks(&mut world, 1), vec![408; 512], "{mode}");
        let body = state.replies.borrow()[0].body.clone();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"], "temporarily_unavailable", "{mode}");
        assert_eq!(body["code"], "body_timeout", "{mode}");
        // What comes then is not read, and goes nowhere.
        let mut late = held.swap_remove(0);
        assert_eq!(late.request_body(13, true), Flow::Pause, "{mode}");
        assert_eq!(statuses().len(), 512, "{mode}");
        drop((held, late));
        let mut free = world.root.filter();
        state.lines.borrow_mut().clear();
        let flow = free.request_head(fields.len(), false);
        assert_eq!(flow, Flow::Pause, "{mode}");
        assert!(world.lines_with("too_much_held").is_empty(), "{mode}");
    }
}

#[test]
fn bodies_of_strangers_that_do_not_come_keep_out_no_token_of_the_provider() {
    let (world, provider, mut alice) = signed_in(json!({}));
    let state = std::rc::Rc::clone(&world.gateway.0);
    let from = |address: &str| {
        let told = format!("{address}:40000").into_bytes();
        *state.address.borrow_mut() = ("source\0address".to_owned(), told);
    };
    let fields = [
        (":method", "POST"),
        (":path", PATH),
        (":authority", "gate.example"),
        FORM,
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let head = fields.map(owned).to_vec();
    let begin = |world: &World| {
        *state.headers.borrow_mut() = head.clone();
        state.lines.borrow_mut().clear();
        let mut filter = world.root.filter();
        filter.request_head(fields.len(), false);
        world
            .lines_with("too_much_held")
            .is_empty()
            .then_some(filter)
    };
    // Behind one address: some that end in nothing, and some that stay.
    from("192.0.2.1");
    (0..64).for_each(|_| drop(begin(&world)));
    let few: Vec<_> = (0..64).filter_map(|_| begin(&world)).collect();
    assert_eq!(few.len(), 64);
    let first = token(json!({ "sid": "nobody", "jti": "j-0" }));
    assert_eq!(notify(&world, &provider, &first).status(), 200);
    // From every address that there is, as many as there is place for.
    let mut flood = few;
    for number in 0..200 {
        from(&format!("198.51.100.{number}"));
        flood.extend((0..33).map_while(|_| begin(&world)));
    }
    flood.extend((0..600).map_while(|_| begin(&world)));
    assert!(begin(&world).is_none(), "{}", flood.len());
    from("192.0.2.1");
    let answer = notify(&world, &provider, &token(json!({})));
    assert_eq!(answer.status(), 200, "{}", answer.record);
    assert!(!is_in(&world, &provider, &mut alice));
}
