//! A person at a browser signs in through the built module, on the gateways that can do it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use ollama_gate_wasm_tests::calls::Servers;
use ollama_gate_wasm_tests::module::Build;
use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::issuer::*;
use crate::support::*;

const RING: &str = "5e1c90b7d42f8a63c07e915bd83f26a4";
const CLIENT_SECRET: &str = "kq9T2vLx7RbZ4mWd";

pub fn configuration() -> Value {
    let login = json!({ "issuer": ISSUER, "upstream": "sso:443", "client_id": "gate",
        "client_secret": CLIENT_SECRET, "url": "https://gate.example.com", "secrets": [RING],
        "algorithms": ["EdDSA"], "userinfo": true });
    with(
        plain(),
        json!({ "login": login, "hosts": ["gate.example.com"] }),
    )
}

/// A browser that carries `cookies` asks for a page.
pub fn page(target: &str, cookies: &str) -> ClientRequest {
    let request = ClientRequest::get(target)
        .header("Accept", "text/html,*/*;q=0.8")
        .header("Sec-Fetch-Mode", "navigate")
        .header("Sec-Fetch-Dest", "document");
    match cookies {
        "" => request,
        cookies => request.header("Cookie", cookies),
    }
}

/// The value of the parameter `name` in `address`.
fn parameter(address: &str, name: &str) -> String {
    let query = address.split_once('?').expect("a query").1;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let found = pairs.find(|(own, _)| *own == name).expect("the parameter");
    found.1.to_owned()
}

/// What a browser without others carries after `outcome`.
fn cookies(outcome: &Outcome) -> String {
    let lines = outcome.reply_header("set-cookie");
    let kept = lines.iter().filter(|line| !line.contains("Max-Age=0"));
    let pairs: Vec<_> = kept.filter_map(|line| line.split(';').next()).collect();
    pairs.join("; ")
}

/// As a provider answers with JSON.
fn answer(json: &Value) -> CallEnd {
    let media_type = b"application/json; charset=utf-8".to_vec();
    CallEnd::Answered {
        status: 200,
        headers: vec![(b"content-type".to_vec(), media_type)],
        body: json.to_string().into_bytes(),
    }
}

/// The provider answers from now on; ID tokens hold what is in `nonce`, and the names of so many `groups`. It gives tokens
/// for a code, and once for a refresh token.
fn provide(lab: &mut Lab, nonce: &Arc<Mutex<String>>, groups: usize) {
    lab.serve(provider(nonce, groups));
}

pub fn provider(nonce: &Arc<Mutex<String>>, groups: usize) -> Servers {
    let nonce = Arc::clone(nonce);
    let redeemed = AtomicU32::new(0);
    let groups: Vec<_> = (0..groups)
        .map(|number| format!("/company/department-{number:02}"))
        .collect();
    Arc::new(move |call| match call.header(":path").as_str() {
        "/.well-known/openid-configuration" => {
            let metadata = json!({ "issuer": ISSUER, "authorization_endpoint": format!("{ISSUER}/auth"),
                "token_endpoint": format!("{ISSUER}/token"), "jwks_uri": format!("{ISSUER}/certs"),
                "userinfo_endpoint": format!("{ISSUER}/me") });
            answer(&metadata)
        }
        "/certs" => CallEnd::of(200, keys(&[NOW])),
        "/token" => {
            assert_eq!(call.header(":method"), "POST");
            let nonce = nonce.lock().expect("whole").clone();
            let claims = json!({ "iss": ISSUER, "aud": "gate", "sub": "carol", "iat": NOON,
                "exp": NOON + 300, "nonce": nonce, "groups": groups });
            let number = redeemed.fetch_add(1, Ordering::Relaxed);
            if number > 1 {
                // As if nobody knew the person any more.
                let refused = json!({ "error": "invalid_grant" });
                return CallEnd::of(400, refused.to_string());
            }
            answer(
                &json!({ "token_type": "Bearer", "access_token": "at-1", "expires_in": 300,
                "refresh_token": format!("rt-{number}"), "id_token": token_of(NOW, &claims) }),
            )
        }
        "/me" => {
            assert_eq!(call.header("authorization"), "Bearer at-1");
            answer(&json!({ "sub": "carol", "email": "carol@example.com" }))
        }
        other => panic!("{other}"),
    })
}

/// A configuration, and the cookies of somebody in so many `groups` who is signed in by it.
pub fn session_of(groups: usize) -> (Value, String) {
    let mut configuration = configuration();
    configuration["login"]["scopes_claim"] = json!("groups");
    let department = json!({ "/company/department-00": ["read", "inference"] });
    configuration["login"]["scope_map"] = department;
    let mut lab = Lab::new(HOSTS[ENVOY](), &configuration);
    let nonce = Arc::new(Mutex::new(String::new()));
    provide(&mut lab, &nonce, groups);
    let cookies = signed_in(&mut lab, &nonce);
    (configuration, cookies)
}

#[test]
pub fn somebody_signs_in_and_comes_in_by_the_session() {
    for place in [ENVOY, ISTIO, APISIX] {
        let mut lab = Lab::new(HOSTS[place](), &configuration());
        let host = lab.host;
        let nonce = Arc::new(Mutex::new(String::new()));
        provide(&mut lab, &nonce, 0);
        let sent = lab.gateway.send(&page("/api/tags", ""));
        assert_eq!(sent.status(), 303, "{host}: {:?}", sent.verdict);
        let location = sent.reply_header("location").concat();
        *nonce.lock().expect("whole") = parameter(&location, "nonce");
        let state = parameter(&location, "state");

        // Another time everything that is drawn is another.
        let other = lab.gateway.send(&page("/api/tags", ""));
        let other = other.reply_header("location").concat();
        for name in ["state", "nonce", "code_challenge"] {
            assert_ne!(
                parameter(&location, name),
                parameter(&other, name),
                "{host}: {name}"
            );
        }

        let callback = format!("/.gate/callback?code=c-1&state={state}");
        let stranger = lab.gateway.send(&page(&callback, ""));
        assert_eq!(stranger.status(), 403, "{host}");
        assert!(stranger.record.fetches.is_empty(), "{host}");
        let back = lab.gateway.send(&page(&callback, &cookies(&sent)));
        assert_eq!(back.status(), 303, "{host}: {}", back.record.everything());
        assert_eq!(back.reply_header("location"), ["/api/tags"], "{host}");
        let asked: Vec<_> = back
            .record
            .fetches
            .iter()
            .map(|call| call.header(":path"))
            .collect();
        let metadata = "/.well-known/openid-configuration";
        assert_eq!(asked, ["/token", metadata, "/certs", "/me"], "{host}");
        assert_eq!(
            back.reply_header("set-cookie").len(),
            2,
            "{host}: the session, and the end of the attempt"
        );

        let session = cookies(&back);
        let outcome = lab.gateway.send(&page("/api/tags", &session));
        assert!(outcome.forwarded(), "{host}: {:?}", outcome.reply);
        assert!(outcome.upstream_text("cookie").is_empty(), "{host}");
        let said = back.record.everything();
        assert!(
            said.contains("signed_in") && !said.contains("c-1"),
            "{host}: {said}"
        );
        lab.still_serves();
    }
}

/// Somebody signs in, from a page on; what the browser carries then.
pub fn signed_in(lab: &mut Lab, nonce: &Arc<Mutex<String>>) -> String {
    let sent = lab.gateway.send(&page("/api/tags", ""));
    let location = sent.reply_header("location").concat();
    *nonce.lock().expect("whole") = parameter(&location, "nonce");
    let callback = format!(
        "/.gate/callback?code=c-1&state={}",
        parameter(&location, "state")
    );
    let back = lab.gateway.send(&page(&callback, &cookies(&sent)));
    assert_eq!(
        back.status(),
        303,
        "{}: {}",
        lab.host,
        back.record.everything()
    );
    cookies(&back)
}

/// What a browser carries that Ollama's response has told it something new of its session.
fn told(outcome: &Outcome) -> String {
    let lines = outcome.response_text("set-cookie");
    let pairs: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split(';').next())
        .collect();
    pairs.join("; ")
}

/// The paths that the provider was asked for.
pub fn asked(outcome: &Outcome) -> Vec<String> {
    let calls = outcome.record.fetches.iter();
    calls.map(|call| call.header(":path")).collect()
}

#[test]
pub fn a_session_is_refreshed_in_a_request_and_the_browser_is_told_with_the_response() {
    for place in [ENVOY, ISTIO, APISIX] {
        let mut configuration = configuration();
        configuration["login"]["cookie_refresh"] = json!("5m");
        configuration["login"]["idle_timeout"] = json!("1h");
        let mut lab = Lab::loading(Build::Every, HOSTS[place]());
        let host = lab.host;
        let configured = lab.configure(&configuration);
        let said = configured.record.everything();
        assert!(configured.accepted, "{host}: {said}");
        let nonce = Arc::new(Mutex::new(String::new()));
        provide(&mut lab, &nonce, 0);
        lab.world().upstream_response = vec![
            (b"content-type".to_vec(), b"application/x-ndjson".to_vec()),
            (b"cache-control".to_vec(), b"public, max-age=60".to_vec()),
        ];
        let first = signed_in(&mut lab, &nonce);
        lab.at(239);
        let noted = lab.gateway.send(&page("/api/tags", &first));
        assert!(noted.forwarded() && asked(&noted).is_empty(), "{host}");
        assert_eq!(noted.response_text("set-cookie").len(), 1, "{host}: used");

        lab.at(240);
        let refreshed = lab.gateway.send(&page("/api/tags", &first));
        assert!(refreshed.forwarded(), "{host}: {:?}", refreshed.reply);
        assert_eq!(asked(&refreshed), ["/token", "/me"], "{host}");
        assert_eq!(
            refreshed.response_text("cache-control"),
            ["no-store"],
            "{host}"
        );
        let second = told(&refreshed);
        assert!(!second.is_empty() && second != first, "{host}: {second}");

        // A tab that still has the cookies of before gets the new ones, and nobody is asked.
        lab.at(250);
        let late = lab.gateway.send(&page("/api/tags", &first));
        assert!(late.forwarded() && asked(&late).is_empty(), "{host}");
        assert_eq!(told(&late), second, "{host}");
        let after = lab.gateway.send(&page("/api/tags", &second));
        assert!(after.forwarded() && asked(&after).is_empty(), "{host}");
        let said = refreshed.record.everything();
        assert!(!said.contains("rt-"), "{host}: {said}");

        // Whoever is not known any more is out when the access token has ended.
        lab.at(600);
        let program = ClientRequest::get("/api/tags").header("Cookie", &first);
        let over = lab.gateway.send(&program);
        assert_eq!(
            (over.status(), over.code().as_str()),
            (401, "expired_session"),
            "{host}"
        );
        lab.at(0);
        lab.still_serves();
    }
}

/// What webdis answers to `body`: the one session that is kept, or that it was kept or taken away.
fn webdis(kept: &Mutex<Option<String>>, body: &str) -> CallEnd {
    let mut kept = kept.lock().expect("whole");
    let words: Vec<_> = body.split('/').collect();
    let answer = match words.as_slice() {
        ["GET", _] => json!({ "GET": *kept }),
        // The script, the number of keys, those, and what is to be kept.
        ["EVAL", _, "1", ..] => {
            *kept = None;
            json!({ "EVAL": 1 })
        }
        ["EVAL", _, "4", _, _, _, _, sealed, ..] => {
            *kept = Some((*sealed).to_owned());
            json!({ "EVAL": 1 })
        }
        other => panic!("{other:?}"),
    };
    CallEnd::of(200, answer.to_string())
}

#[test]
pub fn a_session_in_a_store_is_read_with_each_request_and_over_once_it_is_gone() {
    for place in [ENVOY, ISTIO, APISIX] {
        let mut configuration = configuration();
        configuration["login"]["store"] = json!({ "kind": "redis", "upstream": "webdis:7379",
            "url": "http://webdis.internal:7379", "headers": { "authorization": "Basic eA==" } });
        let mut lab = Lab::new(HOSTS[place](), &configuration);
        let host = lab.host;
        let nonce = Arc::new(Mutex::new(String::new()));
        let kept = Arc::new(Mutex::new(None));
        let (people, sessions) = (provider(&nonce, 0), Arc::clone(&kept));
        lab.serve(Arc::new(move |call| match call.header(":path").as_str() {
            "/" => {
                assert_eq!(call.header("authorization"), "Basic eA==");
                webdis(&sessions, &String::from_utf8_lossy(&call.body))
            }
            _ => people(call),
        }));
        let ticket = signed_in(&mut lab, &nonce);
        assert!(kept.lock().expect("whole").is_some(), "{host}");
        for _ in 0..2 {
            let inside = lab.gateway.send(&page("/api/tags", &ticket));
            assert!(inside.forwarded(), "{host}: {:?}", inside.reply);
            assert_eq!(asked(&inside), ["/"], "{host}");
            assert!(inside.upstream_text("cookie").is_empty(), "{host}");
        }
        let program = ClientRequest::get("/api/tags").header("Cookie", &ticket);
        let code = |outcome: &Outcome| (outcome.status(), outcome.code());
        let session = kept.lock().expect("whole").take();
        let gone = lab.gateway.send(&program);
        let expected = (401, "invalid_session".to_owned());
        assert_eq!(code(&gone), expected, "{host}");
        *kept.lock().expect("whole") = session;
        assert!(lab.gateway.send(&program).forwarded(), "{host}");
        for end in [
            CallEnd::NoConnection,
            CallEnd::NoAnswer,
            CallEnd::CutShort,
            CallEnd::of(503, ""),
            CallEnd::of(200, "<html>"),
        ] {
            let shown = format!("{host}: {end:?}");
            lab.answer_with(end);
            let refused = lab.gateway.send(&program);
            let expected = (503, "session_store_unavailable".to_owned());
            assert_eq!(code(&refused), expected, "{shown}");
            assert!(!refused.forwarded(), "{shown}");
        }
        lab.still_serves();
    }
}

#[test]
pub fn kong_which_keeps_one_cookie_of_an_answer_refuses_it_with_the_reason() {
    let mut lab = Lab::unconfigured(HOSTS[KONG]());
    let said = lab.configure(&configuration()).record.everything();
    assert!(said.contains("login: is not supported on Kong"), "{said}");
    let outcome = lab.gateway.send(&page("/api/tags", ""));
    assert_eq!(
        (outcome.status(), outcome.code().as_str()),
        (500, "misconfigured")
    );
}
