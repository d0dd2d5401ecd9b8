//! A configuration that is not right is not used, in no part.

use std::fmt::Write as _;

use ollama_gate_wasm_tests::credentials::{digest, token};
use ollama_gate_wasm_tests::record::Level;
use ollama_gate_wasm_tests::world::NOON;
use ollama_gate_wasm_tests::{ClientRequest, Verdict};
use serde_json::json;

use crate::budget::many_keys;
use crate::support::*;

/// Requests that a refused configuration must not let through.
pub fn answers_misconfigured(lab: &mut Lab) {
    for request in [
        ClientRequest::get("/api/tags"),
        ClientRequest::get("/api/tags").bearer(ALICE),
        ClientRequest::get("/api/version"),
        ClientRequest::get("/"),
        ClientRequest::get("/").without_host(),
        ClientRequest::post("/v1/chat/completions").bearer(&session()),
        ClientRequest::post("/v1/messages").header("x-api-key", ALICE),
    ] {
        let outcome = lab.denied(&request, 500, "misconfigured");
        if request.target == Some(b"/v1/messages".to_vec()) {
            assert_eq!(outcome.json()["type"], "error");
        }
    }
}

fn refused(lab: &mut Lab, bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes.get(..60).unwrap_or(bytes)).into_owned();
    let configured = lab.configure_bytes(bytes);
    assert!(!configured.accepted, "{}: {shown}", lab.host);
    let log = &configured.record.log;
    assert!(log.len() >= 2, "{}: {shown}: {log:?}", lab.host);
    // Where a no would open the gateway, or be asked for again, it hears a yes, and the log says what
    // that means.
    let opens = !lab.is_envoy();
    let closed = log[0].text.ends_with("every request gets 500");
    assert_eq!((configured.answered, closed), (opens, opens));
    assert!(
        log.len() <= 1100,
        "{}: {shown}: {} lines",
        lab.host,
        log.len()
    );
    assert!(log.iter().all(|line| line.level == Level::Error), "{log:?}");
    assert!(
        log[0]
            .text
            .starts_with("ollama-gate: configuration refused, "),
        "{log:?}"
    );
    for line in log {
        assert!(
            line.text.starts_with("ollama-gate: configuration"),
            "{:?}",
            line.text
        );
        assert!(!line.text.contains(['\n', '\r', '\0']), "{:?}", line.text);
        assert!(
            line.text.len() < 2000,
            "a line of {} bytes: {shown}",
            line.text.len()
        );
    }
    answers_misconfigured(lab);
}

/// A stranger cannot have an error of the operator's logged again and again, nor parsed.
#[test]
pub fn a_refused_configuration_is_read_and_logged_once_whoever_asks() {
    on_every_host(|lab| {
        let mut broken = plain();
        broken["api_keys"]["keys"][6]["key"] = json!({"env": "NOT_THERE"});
        broken["pubic"] = json!([]);
        let configured = lab.configure(&broken);
        assert_eq!(configured.record.log.len(), 3);
        let (mut lines, mut fuel) = (0, 0);
        for number in 0..100 {
            let path = format!("/api/tags?{number}");
            let outcome = lab.send(&ClientRequest::get(&path).bearer(STRANGER));
            assert_eq!(outcome.verdict, Verdict::Replied, "{}", lab.host);
            assert_eq!(
                (outcome.status(), outcome.code().as_str()),
                (500, "misconfigured")
            );
            lines += outcome.record.log.len();
            fuel += outcome.record.fuel;
            let calls = outcome.record.calls.iter();
            assert_eq!(
                calls
                    .filter(|call| call.name == "proxy_get_buffer_bytes")
                    .count(),
                0
            );
        }
        assert_eq!(lines, 1, "{}: the first request, and no other", lab.host);
        assert!(fuel < 50 * configured.record.fuel, "{}: {fuel}", lab.host);
        assert!(lab.configure(&plain()).accepted);
        lab.still_serves();
    });
}

#[test]
pub fn documents_that_are_no_configuration_are_refused_and_deny_everything() {
    on_every_host(|lab| {
        let documents: Vec<Vec<u8>> = vec![
            b"".to_vec(),
            b"[]".to_vec(),
            b"null".to_vec(),
            b"{}".to_vec(),
            b"true".to_vec(),
            b"\"\"".to_vec(),
            b"7".to_vec(),
            b"{".to_vec(),
            b"{} {}".to_vec(),
            b"\xff\xfe".to_vec(),
            b"\xef\xbb\xbf{}".to_vec(),
            b"{\"public\": [\"\xff\"]}".to_vec(),
            b"\x0a\x10\x0a\x06public\x12\x06\x32\x04\x0a\x02\x1a\x00".to_vec(),
            b"{\"api_keys\": null}".to_vec(),
            b"{\"api_keys\": {\"keys\": []}}".to_vec(),
            b"{\"api_keys\": {\"keys\": {}}}".to_vec(),
            b"{\"jwt\": []}".to_vec(),
            b"{\"jwt\": {}}".to_vec(),
            b"{\"public\": [\"health\"]}".to_vec(),
            b"{\"\": 0}".to_vec(),
            vec![b'x'; 1 << 20],
            vec![b'['; 1 << 20],
            vec![b' '; 1 << 20],
            vec![0; 1 << 20],
            b"{\"a\":".repeat(100_000),
            [b"[".repeat(200), b"]".repeat(200)].concat(),
            [b"{\"a\":".repeat(2000), b"1".to_vec(), b"}".repeat(2000)].concat(),
            [
                b"{\"jwt\":".to_vec(),
                b"[".repeat(5000),
                b"]".repeat(5000),
                b"}".to_vec(),
            ]
            .concat(),
            format!("{{\"{}\": 1}}", "k".repeat(1 << 20)).into_bytes(),
            format!("{{\"path_prefix\": \"{}\"}}", "/".repeat(1 << 20)).into_bytes(),
        ];
        for document in &documents {
            refused(lab, document);
        }
        assert!(lab.configure(&plain()).accepted);
        lab.still_serves();
    });
}

/// hosts.md, "bad config". On Kong it must not depend on a `host` section that can be read: every
/// document is given as it is.
#[test]
pub fn a_refused_configuration_closes_the_gate_at_the_start_and_on_a_reload() {
    on_every_host(|lab| {
        let good = with(plain(), json!({"host": {"name": lab.host}}));
        let unset = json!({"api_keys": {"keys": [{"id": "a", "key": {"env": "NOT_SET"}}]}});
        for bad in [
            String::new(),
            "{".to_owned(),
            "[]".to_owned(),
            json!({"host": {"name": 7}}).to_string(),
            with(good.clone(), unset.clone()).to_string(),
            with(plain(), unset).to_string(),
            with(good.clone(), json!({"public": ["read"]})).to_string(),
            with(good.clone(), json!({"host": {"name": "nginx"}})).to_string(),
        ] {
            let mut started = Lab::unconfigured(HOSTS[lab.place()]());
            let configured = started.configure_bytes(bad.as_bytes());
            assert!(!configured.accepted, "{}: {bad}", lab.host);
            answers_misconfigured(&mut started);
            assert!(lab.configure_bytes(good.to_string().as_bytes()).accepted);
            lab.still_serves();
            assert!(!lab.configure_bytes(bad.as_bytes()).accepted);
            answers_misconfigured(lab);
        }
    });
}

/// Another gateway's name is right in itself. What it is shows at the latest in the first request.
#[test]
pub fn another_gateways_name_with_an_error_beside_it_closes_the_gate_too() {
    on_every_host(|lab| {
        for name in ["envoy", "istio", "apisix", "kong"] {
            let wrong = json!({"host": {"name": name}, "pubic": []});
            let mut started = Lab::unconfigured(HOSTS[lab.place()]());
            let bytes = with(plain(), wrong).to_string();
            assert!(!started.configure_bytes(bytes.as_bytes()).accepted);
            answers_misconfigured(&mut started);
        }
    });
}

#[test]
pub fn thousands_of_errors_are_reported_without_end() {
    on_every_host(|lab| {
        let mut text = String::from("{\"api_keys\": {\"keys\": [");
        for number in 0..4_000 {
            let _ = write!(text, "{{\"id\": {number}, \"idd\": \"x\"}},");
        }
        text.push_str("{}]}}");
        refused(lab, text.as_bytes());
        assert!(lab.configure(&plain()).accepted);
        lab.still_serves();
    });
}

#[test]
pub fn a_member_twice_is_refused_at_every_depth() {
    on_every_host(|lab| {
        let good = with(plain(), json!({"host": {"name": lab.host}})).to_string();
        for (once, twice) in [
            ("\"public\":", "\"public\":[\"health\"],\"public\":"),
            ("\"id\":\"ci\"", "\"id\":\"ci\",\"id\":\"ci\""),
            (
                "\"name\":\"open-webui\"",
                "\"name\":\"open-webui\",\"n\\u0061me\":\"open-webui\"",
            ),
            (
                "\"env\":\"CI_OLLAMA_KEY\"",
                "\"env\":\"CI_OLLAMA_KEY\",\"env\":\"CI_OLLAMA_KEY\"",
            ),
        ] {
            assert_eq!(good.matches(once).count(), 1, "{once}");
            refused(lab, good.replace(once, twice).as_bytes());
        }
    });
}

#[test]
pub fn five_errors_are_five_lines_with_their_paths() {
    on_every_host(|lab| {
        let broken = json!({
            "api_keys": { "keys": [
                { "id": "a", "sha256": "abc" },
                { "id": "b", "sha256": ollama_gate_wasm_tests::credentials::digest(READER), "scopes": ["everything"] },
            ] },
            "jwt": [ { "name": "w", "algorithms": ["HS256"], "secrets": [WEBUI_SECRET], "audiences": "ollama" } ],
            "pubic": ["health"],
            "upstream": { "host": 11434 },
        });
        let configured = lab.configure(&broken);
        assert!(!configured.accepted);
        let lines: Vec<&str> = configured
            .record
            .log
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        println!("{}", lines.join("\n"));
        assert_eq!(lines.len(), 6, "{lines:#?}");
        assert!(lines[0].starts_with("ollama-gate: configuration refused, 5 errors"));
        for path in [
            "api_keys.keys[0].sha256",
            "api_keys.keys[1].scopes",
            "jwt[0].audiences",
            "pubic",
            "upstream.host",
        ] {
            let start = format!("ollama-gate: configuration: {path}");
            assert_eq!(
                lines.iter().filter(|line| line.starts_with(&start)).count(),
                1,
                "{path}: {lines:#?}"
            );
        }
        assert!(
            lines
                .iter()
                .any(|line| line.contains("pubic") && line.contains("public`")),
            "{lines:#?}"
        );
        answers_misconfigured(lab);
    });
}

#[test]
pub fn what_is_not_understood_or_not_resolved_is_refused() {
    on_every_host(|lab| {
        for changes in [
            json!({"network": {"allow": ["10.0.0.1/8"]}}),
            json!({"basic": {"users": [{"name": "alice", "password_hash": "plain-text"}]}}),
            json!({"require": "both"}),
            json!({"mode": "observe"}),
            json!({"public": ["read"]}),
            json!({"api_keys": {"keys": [{"id": "a", "key": "$env://NOT_THERE"}]}}),
            json!({"api_keys": {"keys": [{"id": "a", "key": "$ENV://NOT_THERE"}]}}),
            json!({"api_keys": {"keys": [{"id": "a", "key": "$secret://vault/1/ollama/key"}]}}),
            json!({"api_keys": {"keys": [{"id": "a", "key": "{vault://env/ci-ollama-key}"}]}}),
            json!({"api_keys": {"keys": [{"id": "a", "key": "${CI_OLLAMA_KEY}-0123456789"}]}}),
            json!({"api_keys": {"keys": [{"id": "a", "key": {"env": "NOT_SET"}}]}}),
            json!({"api_keys": {"keys": [{"id": "a"}]}}),
            json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secrets": [{"env": "NOT_SET"}]}]}),
            json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secrets": [{"env": "NOT_SET", "optional": true}]}]}),
            json!({"jwt": [{"name": "w", "algorithms": ["none"], "secrets": [WEBUI_SECRET]}]}),
            json!({"jwt": [{"name": "w", "algorithms": [], "secrets": [WEBUI_SECRET]}]}),
            json!({"upstream": {"host": "local\r\nhost"}}),
            json!({"upstream": {"host": ""}}),
            json!({"path_prefix": "ollama"}),
            json!({"path_prefix": "/a/../b"}),
        ] {
            let configured = lab.configure(&with(plain(), changes.clone()));
            assert!(!configured.accepted, "{}: {changes}", lab.host);
            answers_misconfigured(lab);
        }
    });
}

/// What gateways resolve, and leave as it is when they cannot. Each is as long as a key or a secret.
const REFERENCES: &[&str] = &[
    "$env://NOT_THERE_AND_LONG_ENOUGH_FOR_A_SECRET",
    "$ENV://NOT_THERE_AND_LONG_ENOUGH_FOR_A_SECRET",
    "$eNv://NOT_THERE_AND_LONG_ENOUGH_FOR_A_SECRET",
    "$secret://vault/1/ollama/key-that-is-not-there",
    "$SECRET://vault/1/ollama/key-that-is-not-there",
    "{VAULT://env/not-there-and-long-enough-for-a-secret}",
    "${{NOT_THERE_AND_LONG_ENOUGH_FOR_A_SECRET}}",
    "%NOT_THERE_AND_LONG_ENOUGH_FOR_A_SECRET%",
    "vault://not-there-and-long-enough-for-a-secret",
];

#[test]
pub fn whoever_sends_an_unresolved_reference_stays_outside() {
    on_every_host(|lab| {
        for reference in REFERENCES {
            let key = json!({"api_keys": {"keys": [{"id": "a", "key": reference}]}});
            let issuer = json!({"name": "w", "algorithms": ["HS256"], "secrets": [reference]});
            let claims = json!({"sub": "eve", "exp": NOON + 3600});
            for (changes, credential) in [
                (key, (*reference).to_owned()),
                (json!({"jwt": [issuer]}), token(reference, &claims)),
            ] {
                let configured = lab.configure(&with(plain(), changes));
                assert!(!configured.accepted, "{}: {reference}", lab.host);
                let request = ClientRequest::get("/api/tags").header("x-api-key", credential);
                lab.denied(&request, 500, "misconfigured");
            }
        }
    });
}

/// APISIX alone resolves these, from what nginx hands on, in any case.
#[test]
pub fn a_reference_that_apisix_resolves_is_the_key_that_it_stands_for() {
    for prefix in ["$env://", "$ENV://"] {
        let key = json!({"id": "ci", "key": format!("{prefix}CI_OLLAMA_KEY")});
        let keys = json!({"api_keys": {"keys": [key]}});
        let mut lab = Lab::new(HOSTS[APISIX](), &with(plain(), keys));
        lab.allowed(&ClientRequest::get("/api/tags").bearer(CI));
        let literal = format!("{prefix}CI_OLLAMA_KEY");
        lab.denied(
            &ClientRequest::get("/api/tags").bearer(&literal),
            401,
            "unknown_key",
        );
    }
}

/// In yaml mode APISIX makes `[]` of `null`, which elsewhere is refused: nothing is then allowed.
#[test]
pub fn null_is_refused_or_it_is_nothing() {
    let ruled = |name: &str| {
        let mut key = json!({"id": "a", "sha256": digest(ALICE)});
        key[name] = json!(null);
        json!({"api_keys": {"keys": [key]}})
    };
    let chat = ClientRequest::post("/api/chat")
        .bearer(ALICE)
        .with_body(r#"{"model":"llama3.2"}"#);
    for (changes, request, status, code) in [
        (
            json!({"public": null}),
            ClientRequest::get("/api/version"),
            401,
            "missing_credential",
        ),
        (ruled("models"), chat.clone(), 403, "model_denied"),
        (ruled("scopes"), chat.clone(), 403, "scope_denied"),
        (
            json!({"network": {"allow": null}}),
            chat.clone(),
            403,
            "network_denied",
        ),
        (ruled("allow_from"), chat, 403, "network_denied"),
    ] {
        on_every_host(|lab| {
            let configured = lab.configure(&with(plain(), changes.clone()));
            assert_eq!(configured.accepted, lab.host == "apisix", "{changes}");
            match configured.accepted {
                true => lab.denied(&request, status, code),
                false => lab.denied(&request, 500, "misconfigured"),
            };
        });
    }
}

#[test]
pub fn a_short_secret_needs_the_dangerous_word_and_a_shorter_one_has_none() {
    on_every_host(|lab| {
        let issuer = |secret: &str, danger: bool| {
            let mut issuer = json!({"name": "w", "algorithms": ["HS256"], "secrets": [secret]});
            if danger {
                issuer["danger_allow_short_secret"] = json!(true);
            }
            with(plain(), json!({"jwt": [issuer]}))
        };
        for (secret, danger, accepted) in [
            ("twelve-bytes", false, false),
            ("twelve-bytes", true, true),
            ("eleven-byte", true, false),
            ("thirty-one-bytes-of-a-secret-ab", false, false),
            ("thirty-two-bytes-of-a-secret-abc", false, true),
        ] {
            lab.hide(secret);
            assert_eq!(
                lab.configure(&issuer(secret, danger)).accepted,
                accepted,
                "{secret} {danger}"
            );
        }
    });
}

#[test]
pub fn a_megabyte_of_keys_is_accepted_and_each_of_them_works() {
    on_every_host_with(&many_keys(6000), |lab| {
        assert!(many_keys(6000).to_string().len() > 800_000);
        for key in ["sk-key-0", "sk-key-3000", "sk-key-5999", ALICE] {
            lab.allowed(&ClientRequest::post("/api/chat").bearer(key));
        }
        lab.denied(
            &ClientRequest::post("/api/chat").bearer("sk-key-6000"),
            401,
            "unknown_key",
        );
    });
}
