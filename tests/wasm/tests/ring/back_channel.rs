//! The provider says through the built module that somebody has signed out, on the gateways that show the body of that before
//! anything goes on.

use std::sync::{Arc, Mutex};

use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{CallEnd, ClientRequest, Outcome};
use serde_json::{Value, json};

use crate::issuer::*;
use crate::sign_in::{asked, configuration, page, provider, signed_in};
use crate::support::*;

const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
const PATH: &str = "/.gate/backchannel-logout";

fn with_back_channel(host: Value) -> Value {
    let mut configuration = configuration();
    configuration["login"]["store"] = json!({ "kind": "redis", "upstream": "webdis:7379",
        "url": "http://webdis.internal:7379" });
    configuration["login"]["back_channel_logout"] = json!(true);
    configuration["host"] = host;
    configuration
}

/// What webdis answers to `body`: it keeps one session, and ends it.
fn webdis(kept: &Mutex<Option<String>>, body: &str) -> CallEnd {
    let mut kept = kept.lock().expect("whole");
    let words: Vec<_> = body.split('/').collect();
    let answer = match words.as_slice() {
        ["GET", _] => json!({ "GET": *kept }),
        // The script, the number of keys, those, and what is to be kept.
        ["EVAL", _, "4", _, _, _, _, sealed, ..] => {
            *kept = Some((*sealed).to_owned());
            json!({ "EVAL": 1 })
        }
        ["EVAL", _, "2", ..] => json!({ "EVAL": u8::from(kept.take().is_some()) }),
        other => panic!("{other:?}"),
    };
    CallEnd::of(200, answer.to_string())
}

fn token(more: &Value) -> String {
    let mut claims = json!({ "iss": ISSUER, "aud": "gate", "sub": "carol", "iat": NOON, "exp": NOON + 120,
        "jti": "j-1", "events": { EVENT: {} } });
    let more = more.as_object().expect("an object");
    claims
        .as_object_mut()
        .expect("an object")
        .extend(more.clone());
    token_of(NOW, &claims)
}

fn form(body: impl AsRef<[u8]>) -> ClientRequest {
    ClientRequest::new("POST", PATH)
        .header("Content-Type", "application/x-www-form-urlencoded")
        .with_body(body)
}

fn said(outcome: &Outcome) -> (u32, Value) {
    assert!(!outcome.forwarded(), "{:?}", outcome.verdict);
    assert_eq!(outcome.reply_header("cache-control"), ["no-store"]);
    let body = &outcome.reply.as_ref().expect("an answer").body;
    let body: Value = serde_json::from_slice(body).expect("JSON");
    (outcome.status(), body["code"].clone())
}

#[test]
pub fn the_provider_ends_a_session_by_a_token_that_it_signed_and_by_nothing_else() {
    for (place, host) in [
        (ENVOY, json!({ "name": "envoy", "hold_head": true })),
        (APISIX, json!({ "name": "apisix" })),
    ] {
        let mut lab = Lab::unconfigured(HOSTS[place]());
        let host = {
            let configured = lab.gateway.configure_json(&with_back_channel(host));
            assert!(configured.accepted, "{}", configured.record.everything());
            lab.host
        };
        let (nonce, kept) = (
            Arc::new(Mutex::new(String::new())),
            Arc::new(Mutex::new(None)),
        );
        let (people, sessions) = (provider(&nonce, 0), Arc::clone(&kept));
        let is_down = Arc::new(Mutex::new(false));
        let down = Arc::clone(&is_down);
        lab.serve(Arc::new(move |call| match call.header(":path").as_str() {
            "/" if *down.lock().expect("whole") => CallEnd::NoConnection,
            "/" => webdis(&sessions, &String::from_utf8_lossy(&call.body)),
            _ => people(call),
        }));
        let ticket = signed_in(&mut lab, &nonce);
        let good = format!("logout_token={}", token(&json!({})));
        let forged = format!("logout_token={}", forged(NOW));
        let other = format!("logout_token={}", token(&json!({ "aud": "other" })));
        let long = format!("{good}&pad={}", "x".repeat(64 << 10));
        for (request, status, code) in [
            (form("x=y"), 400, "ambiguous_body"),
            (form(""), 400, "ambiguous_body"),
            (form(format!("{good}&{good}")), 400, "ambiguous_body"),
            (form(&forged), 400, "invalid_logout_token"),
            (form(&other), 400, "invalid_logout_token"),
            (form(b"logout_token=\xff\0\xfe"), 400, "ambiguous_body"),
            (form(&long), 413, "body_too_large"),
            (
                ClientRequest::new("POST", PATH).with_body(&good),
                400,
                "ambiguous_body",
            ),
            (ClientRequest::get(PATH), 405, "method_not_allowed"),
        ] {
            let shown = format!("{host}: {:?}", request.body);
            let outcome = lab.gateway.send(&request);
            assert_eq!(said(&outcome), (status, json!(code)), "{shown}");
            assert!(asked(&outcome).is_empty(), "{shown}");
        }
        assert!(
            lab.gateway.send(&page("/api/tags", &ticket)).forwarded(),
            "{host}"
        );

        *is_down.lock().expect("whole") = true;
        let refused = lab.gateway.send(&form(&good));
        let unavailable = (503, json!("session_store_unavailable"));
        assert_eq!(said(&refused), unavailable, "{host}");
        *is_down.lock().expect("whole") = false;
        assert!(
            lab.gateway.send(&page("/api/tags", &ticket)).forwarded(),
            "{host}"
        );

        let ended = lab.gateway.send(&form(&good));
        assert_eq!(said(&ended), (200, Value::Null), "{host}");
        assert_eq!(asked(&ended), ["/"], "{host}");
        let logged = ended.record.everything();
        let last = good.rsplit('.').next().expect("a signature");
        assert!(
            logged.contains("signed_out_by_provider"),
            "{host}: {logged}"
        );
        assert!(!logged.contains(last), "{host}: {logged}");
        let program = ClientRequest::get("/api/tags").header("Cookie", &ticket);
        let out = lab.gateway.send(&program);
        let verdict = (out.status(), out.code());
        assert_eq!(verdict, (401, "invalid_session".to_owned()), "{host}");
    }
}

#[test]
pub fn the_first_token_has_the_keys_fetched_while_its_body_is_held() {
    for (place, host) in [
        (ENVOY, json!({ "name": "envoy", "hold_head": true })),
        (APISIX, json!({ "name": "apisix" })),
    ] {
        let mut lab = Lab::unconfigured(HOSTS[place]());
        let configured = lab.gateway.configure_json(&with_back_channel(host));
        assert!(configured.accepted, "{}", configured.record.everything());
        let nonce = Arc::new(Mutex::new(String::new()));
        let (people, kept) = (provider(&nonce, 0), Mutex::new(None));
        lab.serve(Arc::new(move |call| match call.header(":path").as_str() {
            "/" => webdis(&kept, &String::from_utf8_lossy(&call.body)),
            _ => people(call),
        }));
        let good = format!("logout_token={}", token(&json!({})));
        let outcome = lab.gateway.send(&form(good));
        assert_eq!(said(&outcome).0, 200, "{}", lab.host);
        let metadata = "/.well-known/openid-configuration";
        assert_eq!(asked(&outcome), [metadata, "/certs", "/"], "{}", lab.host);
    }
}

#[test]
pub fn a_gateway_that_does_not_hold_heads_refuses_it_with_the_reason() {
    for (place, name) in [(ENVOY, "envoy"), (ISTIO, "istio")] {
        let mut lab = Lab::unconfigured(HOSTS[place]());
        let configured = lab
            .gateway
            .configure_json(&with_back_channel(json!({ "name": name })));
        let said = configured.record.everything();
        assert!(!configured.accepted, "{name}");
        assert!(
            said.contains("login.back_channel_logout: needs `host.hold_head`"),
            "{said}"
        );
    }
}
