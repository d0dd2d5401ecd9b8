//! No credential in a log line, a counter, a reply or a message.
//!
//! `Lab` greps every record of every test; these requests are the ones where a
//! credential is most likely to slip out.

use ollama_gate_wasm_tests::ClientRequest;
use serde_json::json;

use crate::support::*;

#[test]
pub fn nothing_that_was_presented_is_repeated_anywhere() {
    on_every_host_with(&with(plain(), json!({"log": {"allowed": true}})), |lab| {
        let session = session();
        for credential in [
            ALICE,
            READER,
            EXPIRED,
            FUTURE,
            STRANGER,
            CI,
            &session,
            "sk-short-but-secret",
            "user:password-of-mine",
        ] {
            for method_and_path in [
                ("GET", "/api/tags"),
                ("POST", "/api/pull"),
                ("POST", "/v1/messages"),
                ("GET", "/nowhere"),
                ("GET", "/api//x"),
            ] {
                let request = ClientRequest::new(method_and_path.0, method_and_path.1);
                for scheme in [
                    "Bearer ", "bearer ", "Basic ", "Digest ", "", "Token ", "Bearer  ",
                ] {
                    lab.send(
                        &request
                            .clone()
                            .header("Authorization", format!("{scheme}{credential}")),
                    );
                }
                for name in [
                    "x-api-key",
                    "api-key",
                    "X-Ollama-Token",
                    "Cookie",
                    "Proxy-Authorization",
                    "X-OpenWebUI-User-Jwt",
                ] {
                    lab.send(&request.clone().header(name, credential));
                    lab.send(
                        &request
                            .clone()
                            .header(name, format!("token={credential}"))
                            .bearer(ALICE),
                    );
                }
            }
        }
    });
}

#[test]
pub fn a_query_string_is_never_logged() {
    on_every_host_with(&with(plain(), json!({"log": {"allowed": true}})), |lab| {
        for target in [
            "/api/tags?api_key=sk-in-the-query-0123",
            "/nowhere?token=in-the-query-0123",
            "/api//x?code=in-the-query-0123",
            "/?state=in-the-query-0123",
        ] {
            for request in [
                ClientRequest::get(target),
                ClientRequest::get(target).bearer(ALICE),
            ] {
                let outcome = lab.send(&request);
                let log = outcome.record.everything();
                assert!(!log.contains("in-the-query"), "{log}");
            }
        }
    });
}

#[test]
pub fn an_error_in_the_configuration_does_not_repeat_a_secret() {
    let secret = "sk-a-key-in-the-wrong-place-4711";
    for host in HOSTS {
        for (changes, raw) in [
            (
                json!({"api_keys": {"keys": [{"id": "a", "sha256": secret}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "ky": secret}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": [secret]}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": {"env": secret, "x": 1}}]}}),
                false,
            ),
            (json!({"api_keys": {"keys": [secret]}}), false),
            (json!({"api_keys": secret}), false),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": format!("{secret}\n")}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": format!("${{{secret}}}")}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": secret, "sha256": secret}]}}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": secret, "expires_at": "soon"}]}}),
                false,
            ),
            (
                json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secrets": secret}]}),
                false,
            ),
            (
                json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secrets": [&secret[..20]]}]}),
                false,
            ),
            (
                json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secret": secret}]}),
                false,
            ),
            (
                json!({"api_keys": {"keys": [{"id": "a", "key": secret}, {"id": "b", "key": secret}]}, "pubic": []}),
                false,
            ),
            (json!({"x": {"token": secret}}), false),
            (json!(null), true),
        ] {
            let mut lab = Lab::unconfigured(host());
            lab.hide(&secret[..20]);
            let configured = if raw {
                lab.configure_bytes(
                    format!("{{\"api_keys\": {{\"keys\": [{{\"key\": \"{secret}\" \"{secret}\"}}")
                        .as_bytes(),
                )
            } else {
                lab.configure(&with(plain(), changes.clone()))
            };
            assert!(!configured.accepted, "{}: {changes}", lab.host);
        }
    }
}

#[test]
pub fn a_configuration_that_is_accepted_repeats_nothing_of_itself() {
    on_every_host(|lab| {
        let configured = lab.configure(&plain());
        assert!(configured.accepted);
        let text = configured.record.everything();
        for part in [
            ALICE,
            CI,
            WEBUI_SECRET,
            &ollama_gate_wasm_tests::credentials::digest(ALICE),
        ] {
            assert!(!text.contains(part), "{text}");
        }
    });
}
