//! Who comes in and who does not, the same on every gateway.

use ollama_gate_wasm_tests::ClientRequest;
use serde_json::json;

use crate::support::*;

#[test]
pub fn a_key_opens_the_gate_from_every_place_that_holds_one() {
    on_every_host(|lab| {
        for request in [
            ClientRequest::get("/api/tags").bearer(ALICE),
            ClientRequest::get("/api/tags").header("authorization", format!("bearer {ALICE}")),
            ClientRequest::get("/api/tags").header("AUTHORIZATION", ALICE),
            ClientRequest::get("/api/tags").header("x-api-key", ALICE),
            ClientRequest::get("/api/tags").header("X-API-Key", ALICE),
            ClientRequest::get("/api/tags").header("api-key", ALICE),
            ClientRequest::get("/api/tags").header("X-Ollama-Token", ALICE),
            ClientRequest::get("/api/tags").bearer(CI),
            ClientRequest::post("/api/chat").bearer(ALICE),
            ClientRequest::post("/v1/chat/completions")
                .like_the_openai_sdk()
                .bearer(ALICE),
            ClientRequest::post("/v1/messages").header("X-Api-Key", ALICE),
        ] {
            lab.allowed(&request);
        }
    });
}

#[test]
pub fn a_token_opens_the_gate_from_every_place_that_holds_one() {
    on_every_host(|lab| {
        for request in [
            ClientRequest::get("/api/tags").bearer(&session()),
            ClientRequest::get("/api/tags").header("Authorization", session()),
            ClientRequest::get("/api/tags").header("x-api-key", session()),
            ClientRequest::get("/api/tags").header("X-Ollama-Token", session()),
            ClientRequest::post("/v1/messages").bearer(&session()),
        ] {
            lab.allowed(&request);
        }
    });
}

#[test]
pub fn nobody_comes_in_without_a_credential() {
    on_every_host(|lab| {
        lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        lab.denied(
            &ClientRequest::post("/v1/chat/completions"),
            401,
            "missing_credential",
        );
        lab.denied(
            &ClientRequest::post("/v1/messages"),
            401,
            "missing_credential",
        );
        let empty = ClientRequest::get("/api/tags").header("Authorization", "");
        lab.denied(&empty, 401, "missing_credential");
        let empty = ClientRequest::get("/api/tags")
            .header("x-api-key", "")
            .header("api-key", "");
        lab.denied(&empty, 401, "missing_credential");
        lab.denied(
            &ClientRequest::get("/no/such/route"),
            401,
            "missing_credential",
        );
    });
}

#[test]
pub fn an_empty_place_does_not_hide_a_full_one() {
    on_every_host(|lab| {
        lab.allowed(
            &ClientRequest::get("/api/tags")
                .header("api-key", "")
                .bearer(ALICE),
        );
        lab.allowed(
            &ClientRequest::get("/api/tags")
                .header("Authorization", "")
                .header("x-api-key", ALICE),
        );
    });
}

#[test]
pub fn the_same_key_twice_is_no_conflict_and_two_keys_are() {
    on_every_host(|lab| {
        let twice = ClientRequest::post("/v1/messages")
            .bearer(ALICE)
            .header("x-api-key", ALICE);
        lab.allowed(&twice);
        let two = ClientRequest::post("/v1/messages")
            .header("api-key", READER)
            .header("x-api-key", ALICE);
        lab.denied(&two, 400, "ambiguous_credential");
        let doubled = ClientRequest::get("/api/tags")
            .header("x-api-key", ALICE)
            .header("x-api-key", READER);
        lab.denied(&doubled, 400, "ambiguous_credential");
    });
}

#[test]
pub fn a_doubled_authorization_never_comes_in() {
    on_every_host(|lab| {
        for (first, second) in [(ALICE, STRANGER), (STRANGER, ALICE), (ALICE, ALICE)] {
            let request = ClientRequest::get("/api/tags").bearer(first).bearer(second);
            let outcome = lab.send(&request);
            assert!(!outcome.forwarded(), "{}", lab.host);
            if lab.is_envoy() {
                assert_eq!(outcome.status(), 400, "{:?}", outcome.reply);
            }
        }
        lab.still_serves();
    });
}

#[test]
pub fn an_unknown_an_expired_and_a_coming_key_are_told_apart() {
    on_every_host(|lab| {
        for (key, code) in [
            (STRANGER, "unknown_key"),
            ("not-even-an-sk-key-of-ours", "unknown_key"),
            (EXPIRED, "expired_key"),
            (FUTURE, "key_not_yet_valid"),
        ] {
            lab.denied(&ClientRequest::get("/api/tags").bearer(key), 401, code);
        }
    });
}

#[test]
pub fn a_key_expires_while_the_gate_runs() {
    let expiring = json!({"api_keys": {"keys": [
        {"id": "a", "sha256": ollama_gate_wasm_tests::credentials::digest(ALICE),
         "expires_at": "2026-11-21T12:00:10Z"}]}});
    on_every_host_with(&with(plain(), expiring), |lab| {
        let request = ClientRequest::get("/api/tags").bearer(ALICE);
        lab.allowed(&request);
        lab.at(9);
        lab.allowed(&request);
        lab.at(10);
        lab.denied(&request, 401, "expired_key");
        lab.at(100_000);
        lab.denied(&request, 401, "expired_key");
    });
}

#[test]
pub fn placeholders_and_basic_are_named_as_what_they_are() {
    on_every_host(|lab| {
        for placeholder in ["ollama", "ollama-local", "none", "sk-no-key-required"] {
            let request = ClientRequest::get("/api/tags").bearer(placeholder);
            lab.denied(&request, 401, "placeholder_credential");
        }
        let basic =
            ClientRequest::get("/api/tags").header("Authorization", "Basic b2xsYW1hOnNlY3JldA==");
        lab.denied(&basic, 401, "unsupported_credential");
    });
}

#[test]
pub fn a_scope_opens_its_routes_and_no_other() {
    on_every_host(|lab| {
        for (key, method, path, allowed) in [
            (ALICE, "GET", "/api/tags", true),
            (ALICE, "POST", "/api/generate", true),
            (ALICE, "POST", "/api/pull", false),
            (ALICE, "DELETE", "/api/delete", false),
            (ALICE, "POST", "/api/me", false),
            (READER, "POST", "/api/show", true),
            (READER, "GET", "/v1/models/llama3.2", true),
            (READER, "POST", "/api/chat", false),
            (READER, "POST", "/v1/chat/completions", false),
            (READER, "POST", "/v1/messages", false),
            (OPERATOR, "POST", "/api/pull", true),
            (
                OPERATOR,
                "HEAD",
                "/api/blobs/sha256:29fdb92e57cf0827ded04ae6461b5931d01fa595843f55d36f5b275a52087dd2",
                true,
            ),
            (OPERATOR, "POST", "/api/chat", false),
            (OPERATOR, "POST", "/api/signout", false),
            (NOBODY, "GET", "/api/tags", false),
            (NOBODY, "POST", "/api/chat", false),
        ] {
            let request = ClientRequest::new(method, path).bearer(key);
            if allowed {
                lab.allowed(&request);
            } else {
                lab.denied(&request, 403, "scope_denied");
            }
        }
    });
}

/// A request that was sent to `host`.
fn named(host: &str) -> ClientRequest {
    ClientRequest {
        host: Some(host.as_bytes().to_vec()),
        ..ClientRequest::get("/api/tags")
    }
}

#[test]
pub fn a_name_that_is_not_the_gates_is_refused_before_anything_else() {
    let changes = json!({
        "hosts": ["gate.example.com", "localhost", "[::1]"],
        "allow_anonymous": { "scopes": ["read"] },
    });
    on_every_host_with(&with(plain(), changes), |lab| {
        for (host, origin) in [
            ("evil.example:11435", "http://evil.example:11435"),
            ("gate.example.com.evil.example", "https://evil.example"),
            ("127.0.0.1:11435", "http://127.0.0.1:11435"),
            ("[::2]:11435", "http://[::2]:11435"),
        ] {
            let request = named(host).header("Origin", origin);
            lab.denied(&request, 403, "host_denied");
            lab.denied(&request.bearer(ALICE), 403, "host_denied");
        }
        for (host, origin) in [
            ("localhost:11435", "http://localhost:11435"),
            ("GATE.example.com.", "https://gate.example.com"),
            ("gate.example.com:443", "https://gate.example.com"),
            ("[0:0:0:0:0:0:0:1]:11435", "http://[::1]:11435"),
        ] {
            let request = named(host).header("Origin", origin);
            lab.allowed(&request);
        }
    });
}

#[test]
pub fn a_websocket_is_refused_with_a_reason() {
    on_every_host(|lab| {
        for path in ["/", "/api/tags", "/v1/responses"] {
            let request = ClientRequest::get(path)
                .header("Connection", "Upgrade")
                .header("Upgrade", "websocket");
            for request in [request.clone(), request.bearer(ALICE)] {
                let outcome = lab.denied(&request, 400, "malformed_request");
                assert!(outcome.json().to_string().contains("WebSocket"));
            }
        }
    });
}

#[test]
pub fn a_route_that_ollama_does_not_have_is_refused_to_those_who_are_in() {
    on_every_host(|lab| {
        for (method, path, status, code, header) in [
            ("GET", "/API/tags", 404, "unknown_route", None),
            ("GET", "/api/tagss", 404, "unknown_route", None),
            ("GET", "/metrics", 404, "unknown_route", None),
            ("GET", "/v1/models/a/b/c", 404, "unknown_route", None),
            (
                "POST",
                "/v1/messages/count_tokens",
                404,
                "unknown_route",
                None,
            ),
            (
                "GET",
                "/api/chat",
                405,
                "method_not_allowed",
                Some(("allow", "POST")),
            ),
            ("POST", "/api/tags", 405, "method_not_allowed", None),
            ("PATCH", "/api/chat", 405, "method_not_allowed", None),
            ("OPTIONS", "/api/chat", 405, "method_not_allowed", None),
            ("TRACE", "/", 405, "method_not_allowed", None),
            ("get", "/api/tags", 405, "method_not_allowed", None),
            (
                "GET",
                "/api/tags/",
                307,
                "trailing_slash",
                Some(("location", "../tags")),
            ),
        ] {
            let request = ClientRequest::new(method, path);
            let outcome = lab.denied(&request.clone().bearer(ALICE), status, code);
            if let Some((name, value)) = header {
                let seen = outcome.reply_header(name).concat();
                assert_eq!(seen, value, "{}: {path}", lab.host);
            }
            lab.denied(&request, 401, "missing_credential");
        }
    });
}

#[test]
pub fn the_path_is_matched_decoded_and_the_query_never() {
    on_every_host(|lab| {
        lab.allowed(&ClientRequest::get("/api/%74ags").bearer(READER));
        let hidden = ClientRequest::new("DELETE", "/api/%64elete").bearer(ALICE);
        lab.denied(&hidden, 403, "scope_denied");
        let hidden = ClientRequest::new("DELETE", "/api/delete?x=/api/tags").bearer(ALICE);
        lab.denied(&hidden, 403, "scope_denied");
        let hidden = ClientRequest::new("DELETE", "/api/delete?/api/version").bearer(ALICE);
        lab.denied(&hidden, 403, "scope_denied");
        let twice = ClientRequest::get("/api/%2574ags").bearer(READER);
        lab.denied(&twice, 400, "malformed_path");
        lab.allowed(&ClientRequest::get("/api/tags?verbose=true&x=..%2f").bearer(READER));
    });
}

#[test]
pub fn health_is_public_where_the_configuration_says_so() {
    on_every_host(|lab| {
        for (method, path) in [
            ("GET", "/"),
            ("HEAD", "/"),
            ("GET", "/api/version"),
            ("HEAD", "/api/version"),
        ] {
            lab.allowed(&ClientRequest::new(method, path));
        }
        lab.denied(&ClientRequest::new("POST", "/"), 401, "missing_credential");
    });
    let closed = with(plain(), json!({"public": []}));
    on_every_host_with(&closed, |lab| {
        lab.denied(&ClientRequest::get("/"), 401, "missing_credential");
        lab.denied(
            &ClientRequest::get("/api/version"),
            401,
            "missing_credential",
        );
        lab.allowed(&ClientRequest::get("/api/version").bearer(READER));
    });
}

#[test]
pub fn a_page_from_elsewhere_is_refused_where_a_browser_asks_by_itself() {
    on_every_host(|lab| {
        let page = ClientRequest::get("/api/version").header("Origin", "https://evil.example");
        lab.denied(&page, 403, "origin_denied");
        let page = ClientRequest::get("/").header("Origin", "null");
        lab.denied(&page, 403, "origin_denied");
        let tool = ClientRequest::post("/api/chat")
            .header("Origin", "app://tool")
            .bearer(ALICE);
        lab.allowed(&tool);
    });
}

#[test]
pub fn the_prefix_is_read_past_and_left_in_place() {
    let mounted = with(plain(), json!({"path_prefix": "/ollama"}));
    on_every_host_with(&mounted, |lab| {
        lab.allowed(&ClientRequest::get("/ollama/api/tags").bearer(READER));
        lab.allowed(&ClientRequest::get("/ollama/api/version"));
        lab.allowed(&ClientRequest::get("/ollama/"));
        for path in [
            "/api/tags",
            "/ollamaX/api/tags",
            "/OLLAMA/api/tags",
            "/x/ollama/api/tags",
            "/ollama/ollama/api/tags",
        ] {
            lab.denied(
                &ClientRequest::get(path).bearer(READER),
                404,
                "unknown_route",
            );
        }
        let chat = ClientRequest::post("/ollama/v1/messages").bearer(READER);
        let outcome = lab.denied(&chat, 403, "scope_denied");
        assert_eq!(outcome.json()["type"], "error");
    });
}
