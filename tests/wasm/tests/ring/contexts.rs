//! Root contexts: several configurations in one instance, one after the other.

use ollama_gate_wasm_tests::ClientRequest;
use serde_json::{Value, json};

use crate::configuration::answers_misconfigured;
use crate::support::*;

#[test]
pub fn a_root_context_that_was_never_configured_lets_nobody_through() {
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        let refused = lab.configure_bytes(b"null");
        answers_misconfigured(&mut lab);
        let again = lab
            .gateway
            .configure_again(refused.root, good(lab.host).as_bytes());
        assert!(again.accepted);
        lab.still_serves();
        assert!(!lab.gateway.configure_again(refused.root, b"null").accepted);
        answers_misconfigured(&mut lab);
    }
}

fn good(host: &str) -> String {
    with(plain(), json!({"host": {"name": host}})).to_string()
}

#[test]
pub fn a_new_configuration_replaces_keys_and_the_old_stream_ends_in_peace() {
    on_every_host(|lab| {
        let old_root = lab.configure(&plain()).root;
        let request = ClientRequest::get("/api/tags").bearer(ALICE);
        let Ok(stream) = lab.gateway.open(old_root, &request) else {
            panic!("refused by host")
        };
        let only_reader = json!({"api_keys": {"keys": [
            {"id": "reader", "sha256": ollama_gate_wasm_tests::credentials::digest(READER)}]}});
        assert!(lab.configure(&with(plain(), only_reader)).accepted);
        lab.denied(&request, 401, "unknown_key");
        lab.allowed(&ClientRequest::get("/api/tags").bearer(READER));
        assert!(
            lab.gateway.request_headers(stream),
            "the old stream has the old keys"
        );
        assert!(lab.gateway.close(stream).forwarded());
        lab.gateway.delete_root(old_root);
        lab.allowed(&ClientRequest::get("/api/tags").bearer(READER));
    });
}

#[test]
pub fn two_root_contexts_share_nothing() {
    on_every_host(|lab| {
        let section = |key: &str, id: &str| {
            let digest = ollama_gate_wasm_tests::credentials::digest(key);
            json!({"api_keys": {"keys": [{"id": id, "sha256": digest}]},
                   "public": [], "upstream": {"host": "localhost:11434"}})
        };
        let a = lab.configure(&section(ALICE, "a")).root;
        let b = lab
            .configure(&with(section(READER, "b"), json!({"path_prefix": "/b"})))
            .root;
        let c = lab.configure_bytes(b"[]").root;
        let asks = |path: &str, key: &str| ClientRequest::get(path).bearer(key);
        for _ in 0..3 {
            for (root, path, key, code) in [
                (a, "/api/tags", ALICE, ""),
                (b, "/b/api/tags", READER, ""),
                (a, "/api/tags", READER, "unknown_key"),
                (b, "/b/api/tags", ALICE, "unknown_key"),
                (b, "/api/tags", READER, "unknown_route"),
                (c, "/api/tags", ALICE, "misconfigured"),
            ] {
                let outcome = lab.send_to(root, &asks(path, key));
                assert_eq!(outcome.code(), code, "{}: {path} {key}", lab.host);
                assert_eq!(outcome.forwarded(), code.is_empty());
            }
        }
        let open =
            |lab: &mut Lab, root, request: &ClientRequest| match lab.gateway.open(root, request) {
                Ok(id) => id,
                Err(_) => panic!("refused by host"),
            };
        let first = open(lab, a, &asks("/api/tags", ALICE));
        let second = open(lab, b, &asks("/b/api/tags", ALICE));
        assert!(!lab.gateway.request_headers(second));
        assert!(lab.gateway.request_headers(first));
        assert!(lab.gateway.close(first).forwarded());
        assert_eq!(lab.gateway.close(second).code(), "unknown_key");
        lab.gateway.delete_root(a);
        assert!(lab.send_to(b, &asks("/b/api/tags", READER)).forwarded());
    });
}

#[test]
pub fn an_optional_list_lost_on_the_way_means_the_same() {
    // hosts.md, "plugin JSON": an empty list may arrive as `{}`.
    for host in HOSTS {
        for nothing in [json!([]), json!({})] {
            let mut lab = Lab::unconfigured(host());
            let keys = json!({"keys": [{"id": "nobody", "scopes": nothing.clone(),
                "sha256": ollama_gate_wasm_tests::credentials::digest(NOBODY)}]});
            let changes: Value = json!({"api_keys": keys, "public": nothing});
            let configured = lab.configure(&with(plain(), changes));
            assert!(configured.accepted, "{}", configured.record.everything());
            lab.denied(
                &ClientRequest::get("/api/tags").bearer(NOBODY),
                403,
                "scope_denied",
            );
            lab.denied(
                &ClientRequest::get("/api/version"),
                401,
                "missing_credential",
            );
        }
    }
}

#[test]
pub fn without_a_host_section_the_module_finds_out_where_it_is() {
    // hosts.md, "Finding out which host it is".
    for host in HOSTS {
        let mut lab = Lab::unconfigured(host());
        assert!(lab.configure_bytes(plain().to_string().as_bytes()).accepted);
        lab.still_serves();
        lab.denied(&ClientRequest::get("/api/tags"), 401, "missing_credential");
        let outcome = lab.send(&ClientRequest::get("/api/tags").bearer(ALICE).without_host());
        assert!(
            lab.host != "apisix" || outcome.status() == 400,
            "{outcome:?}"
        );
        let laden = ClientRequest::get("/api/tags")
            .bearer(ALICE)
            .header("Cookie", "token=abcdefgh");
        assert!(lab.allowed(&laden).upstream_text("cookie").is_empty());
    }
}

#[test]
pub fn a_host_section_that_names_another_gateway_is_refused() {
    for (host, name, accepted) in [
        (ENVOY, "envoy", true),
        (ENVOY, "istio", true),
        (ENVOY, "apisix", false),
        (ISTIO, "istio", true),
        (ISTIO, "apisix", false),
        (APISIX, "apisix", true),
        (APISIX, "envoy", false),
        (APISIX, "istio", false),
        (APISIX, "kong", false),
        (KONG, "kong", true),
        (KONG, "apisix", false),
        (ENVOY, "nginx", false),
    ] {
        let mut lab = Lab::unconfigured(HOSTS[host]());
        let json = with(plain(), json!({"host": {"name": name}})).to_string();
        assert_eq!(
            lab.configure_bytes(json.as_bytes()).accepted,
            accepted,
            "{host} {name}"
        );
        if accepted {
            lab.still_serves();
        } else {
            answers_misconfigured(&mut lab);
        }
    }
}
