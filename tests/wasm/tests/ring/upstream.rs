//! What Ollama sees of a request that was let through.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ollama_gate_wasm_tests::ClientRequest;
use serde_json::json;

use crate::support::*;

/// Every header that must not reach Ollama, beside a good key.
fn laden() -> ClientRequest {
    let mut request = ClientRequest::post("/api/chat?trace=client-query-string").bearer(ALICE);
    for name in STRIPPED.iter().filter(|name| **name != "authorization") {
        request = match *name {
            "x-api-key" | "api-key" | "x-ollama-token" => request.header(name, ALICE),
            "x_api_key" => request.header(name, "smuggled-by-client"),
            _ => request.header(name, "smuggled-by-client"),
        };
    }
    request
        .header("Content-Type", "application/json")
        .header("X-Stainless-OS", "Linux")
}

#[test]
pub fn no_credential_cookie_origin_or_identity_of_the_clients_goes_on() {
    on_every_host(|lab| {
        let outcome = lab.allowed(&laden());
        for name in STRIPPED {
            assert!(
                outcome.upstream_text(name).is_empty(),
                "{}: {name}",
                lab.host
            );
        }
        assert_eq!(
            outcome.upstream_header("content-type"),
            ["application/json"]
        );
        assert_eq!(outcome.upstream_header("x-stainless-os"), ["Linux"]);
    });
}

#[test]
pub fn each_of_them_is_removed_whatever_its_spelling_and_twice_is_refused() {
    on_every_host(|lab| {
        for name in STRIPPED
            .iter()
            .filter(|name| !name.contains("auth") && !name.contains("key"))
        {
            for spelled in [name.to_uppercase(), title_case(name)] {
                let once = ClientRequest::get("/api/tags")
                    .header(&spelled, "smuggled-1")
                    .bearer(ALICE);
                let outcome = lab.send(&once);
                // The token's place holds a second key then, which is refused as such.
                let forwarded = *name != "x-ollama-token";
                assert_eq!(outcome.forwarded(), forwarded, "{}: {spelled}", lab.host);
                let left = format!("{:?}", outcome.upstream);
                assert!(
                    outcome.upstream_text(name).is_empty(),
                    "{}: {spelled}: {left}",
                    lab.host
                );
                // Kong blanks the first of them only, so it is refused on each.
                let twice = once.header(name, "smuggled-2");
                let code = match *name {
                    "x-ollama-token" => "ambiguous_credential",
                    _ => "malformed_request",
                };
                if *name != "cookie" {
                    lab.denied(&twice, 400, code);
                }
            }
        }
    });
}

#[test]
pub fn a_key_in_a_header_that_is_configured_comes_in_and_goes_no_further() {
    let headers = json!(["apikey", "X-Goog-Api-Key", { "name": "X-Team-Auth", "scheme": "Token" }]);
    let configured = with(plain(), json!({ "credential_headers": headers }));
    on_every_host_with(&configured, |lab| {
        lab.hide(ALICE);
        let behind_scheme = format!("Token {ALICE}");
        for (name, value) in [
            ("apikey", ALICE),
            ("X-Goog-Api-Key", ALICE),
            ("x-team-auth", ALICE),
            ("X-Team-Auth", &behind_scheme),
        ] {
            let request = ClientRequest::get("/api/tags").header(name, value);
            let outcome = lab.allowed(&request);
            let left = outcome.upstream_text(&name.to_lowercase());
            assert!(left.is_empty(), "{}: {name}: {left:?}", lab.host);
            let two = request.header("x-api-key", READER);
            lab.denied(&two, 400, "ambiguous_credential");
        }
        let underscores = ClientRequest::get("/api/tags").header("x_goog_api_key", ALICE);
        lab.denied(&underscores, 401, "missing_credential");
        lab.still_serves();
    });
}

/// Under names that no list has.
#[test]
pub fn a_copy_of_the_credential_goes_under_any_name() {
    on_every_host(|lab| {
        for credential in [ALICE.to_owned(), session()] {
            for value in [
                credential.clone(),
                format!("Bearer {credential}"),
                format!("https://app.example/?k={}", credential.replace('-', "%2d")),
                STANDARD.encode(format!("alice:{credential}")),
            ] {
                let request = ClientRequest::get("/api/tags")
                    .bearer(&credential)
                    .header("X-Team-Key", &value)
                    .header("X-Stainless-OS", "Linux");
                let outcome = lab.allowed(&request);
                let left = outcome.upstream_text("x-team-key");
                assert!(left.is_empty(), "{}: {value}", lab.host);
                assert_eq!(outcome.upstream_header("x-stainless-os"), ["Linux"]);
            }
        }
    });
}

/// Not every gateway lets a filter change the target, so none does.
#[test]
pub fn a_credential_in_the_query_is_refused_on_every_gateway() {
    on_every_host(|lab| {
        for target in [
            format!("/api/tags?api_key={ALICE}"),
            format!("/api/tags?x=1&k={}", ALICE.replace('-', "%2D")),
        ] {
            let request = ClientRequest::get(&target).bearer(ALICE);
            lab.denied(&request, 400, "exposed_credential");
        }
    });
}

fn title_case(name: &str) -> String {
    let mut after_dash = true;
    name.chars()
        .map(|letter| {
            let upper = after_dash;
            after_dash = letter == '-' || letter == '_';
            if upper {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        })
        .collect()
}

#[test]
pub fn a_public_request_is_stripped_like_any_other() {
    on_every_host(|lab| {
        let request = ClientRequest::get("/api/version")
            .header("Cookie", "token=abcdefghijklmnop")
            .header("X-Forwarded-User", "root")
            .header("X-OpenWebUI-User-Role", "admin");
        let outcome = lab.allowed(&request);
        for name in ["cookie", "x-forwarded-user", "x-openwebui-user-role"] {
            assert!(
                outcome.upstream_text(name).is_empty(),
                "{}: {name}",
                lab.host
            );
        }
        let wrong = ClientRequest::get("/api/version").bearer(STRANGER);
        let outcome = lab.send(&wrong);
        assert!(outcome.upstream_text("authorization").is_empty());
    });
}

#[test]
pub fn host_is_the_configured_one_and_path_and_query_are_untouched() {
    on_every_host(|lab| {
        let target = "/v1/models/llama3.2?x=%41%2F&y";
        let outcome = lab.allowed(&ClientRequest::get(target).bearer(READER));
        if lab.is_envoy() {
            assert_eq!(outcome.upstream_header(":path"), [target]);
            assert_eq!(outcome.upstream_header(":method"), ["GET"]);
        }
        // Checked for every request that goes on: Lab::check_upstream.
    });
}

#[test]
pub fn identity_headers_are_ours_and_only_where_asked_for() {
    let asked = json!({"upstream": {"host": "localhost:11434", "identity_headers":
        {"subject": "X-Forwarded-User", "credential_id": "X-Credential-Identifier"}}});
    on_every_host_with(&with(plain(), asked), |lab| {
        for (request, subject, id) in [
            (
                ClientRequest::get("/api/tags").bearer(ALICE),
                "alice",
                "alice-laptop",
            ),
            (ClientRequest::get("/api/tags").bearer(CI), "ci", "ci"),
            (
                ClientRequest::get("/api/tags").bearer(&session()),
                "bob",
                "open-webui",
            ),
        ] {
            let request = request
                .header("X-Forwarded-User", "root")
                .header("x-credential-identifier", "root");
            let outcome = lab.allowed(&request);
            assert_eq!(
                outcome.upstream_header("x-forwarded-user"),
                [subject],
                "{}",
                lab.host
            );
            assert_eq!(
                outcome.upstream_header("x-credential-identifier"),
                [id],
                "{}",
                lab.host
            );
        }
        let public = ClientRequest::get("/api/version").header("X-Forwarded-User", "root");
        assert!(
            lab.allowed(&public)
                .upstream_text("x-forwarded-user")
                .is_empty()
        );
    });
    on_every_host(|lab| {
        let outcome = lab.allowed(&ClientRequest::get("/api/tags").bearer(ALICE));
        let all = format!("{:?}", outcome.upstream);
        assert!(!all.contains("alice"), "{all}");
    });
}

#[test]
pub fn a_subject_that_is_no_header_value_is_refused() {
    let asked = json!({"upstream": {"host": "localhost:11434",
        "identity_headers": {"subject": "X-Forwarded-User"}}});
    on_every_host_with(&with(plain(), asked), |lab| {
        for subject in [
            "bob\r\nX-Admin: 1",
            "bob\n",
            "b\u{0}b",
            "b\tob",
            "\u{7f}",
            "böb\u{85}",
        ] {
            let token = ollama_gate_wasm_tests::credentials::token(
                WEBUI_SECRET,
                &json!({"sub": subject, "exp": ollama_gate_wasm_tests::world::NOON + 60}),
            );
            let outcome = lab.send(&ClientRequest::get("/api/tags").bearer(&token));
            assert_eq!(
                outcome.code(),
                "unsafe_identity",
                "{}: {subject:?}",
                lab.host
            );
            for line in &outcome.record.log {
                assert!(!line.text.contains(['\n', '\r', '\0']), "{:?}", line.text);
            }
        }
        lab.still_serves();
    });
}
