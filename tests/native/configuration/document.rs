//! The plugin JSON: every error at once, with its path.

use crate::world::{KEY, World, configuration, error, errors, with};
use ollama_gate_engine::internals::digest;
use serde_json::json;

/// A digest, in capitals.
const DIGEST: &str = "7F83B1657FF1FC53B92DC18148A1D65DFC2D4B1FA3D677284ADDD200126D9069";

#[test]
fn the_full_shape_is_accepted() {
    let full = json!({
        "$schema": "https://example.com/schema.json",
        "api_keys": { "keys": [
            { "id": "a", "sha256": DIGEST, "subject": "alice", "scopes": ["inference", "read"],
              "not_before": "2026-01-01T00:00:00Z", "expires_at": "2027-01-31T00:00:00.5+01:00" },
            { "id": "b", "key": { "env": "WEBUI_SECRET_KEY" } },
            { "id": "c", "key": { "env": "UNSET", "optional": true } },
        ] },
        "jwt": [ { "name": "j", "algorithms": ["HS256"], "secrets": [ { "env": "WEBUI_SECRET_KEY" }, { "env": "UNSET", "optional": true } ],
            "issuer": "https://sso.example", "audiences": ["ollama"], "subject_claim": "id", "scopes_claim": "scope",
            "require_expiry": false, "leeway": "0s", "danger_allow_short_secret": false } ],
        "public": ["health"],
        "upstream": { "host": "localhost:11434", "identity_headers": { "subject": "X-Forwarded-User", "credential_id": "X-Credential-Identifier" } },
        "path_prefix": "/ollama/v2", "signin_url": "https://wiki.example.com/keys",
        "log": { "allowed": false }, "host": { "name": "istio" },
    });
    assert_eq!(errors(&full), Vec::<String>::new());
}

#[test]
fn five_errors_are_five_lines() {
    let five = json!({
        "api_keys": { "keys": [ { "id": "a", "sha256": "abc" }, { "key": KEY } ] },
        "jwt": [ { "name": "j", "algorithms": ["HS256"], "secrets": ["short-secret-is-short"], "audiences": "ollama" } ],
        "upsteam": {},
    });
    assert_eq!(
        errors(&five),
        [
            "upsteam: unknown field, did you mean `upstream`?",
            "api_keys.keys[0].sha256: expected 64 hexadecimal digits, the SHA-256 of the key, found a string",
            "api_keys.keys[1].id: is required",
            "jwt[0].secrets[0]: expected 32 bytes or more (or `danger_allow_short_secret`), found 21",
            "jwt[0].audiences: expected a non-empty list of strings, found `ollama`",
        ]
    );
}

#[test]
fn nothing_is_an_open_door() {
    for none in [
        json!({}),
        json!([]),
        json!({ "public": ["health"] }),
        json!({ "jwt": [] }),
        json!({ "api_keys": { "keys": [] } }),
        json!({ "api_keys": { "keys": {} }, "jwt": {} }),
    ] {
        let errors = errors(&none);
        assert_eq!(errors.len(), 1, "{none}");
        assert!(
            errors[0].contains("nobody could come in"),
            "{none}: {errors:?}"
        );
    }
    let only_optional = json!({ "api_keys": { "keys": [ { "id": "a", "key": { "env": "UNSET", "optional": true } } ] } });
    assert!(errors(&only_optional)[0].contains("nobody could come in"));
}

#[test]
fn keys_and_names_are_unique_and_times_in_order() {
    assert_eq!(
        error("/api_keys/keys/1/id", json!("alice-laptop")),
        "api_keys.keys[1].id: is already used by another key"
    );
    assert_eq!(
        error("/api_keys/keys/1/key", json!(KEY)),
        "api_keys.keys[1]: is the same key as `alice-laptop`"
    );
    let mut reversed = with("/api_keys/keys/0/not_before", json!("2027-01-01T00:00:00Z"));
    reversed["api_keys"]["keys"][0]["expires_at"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(
        errors(&reversed),
        ["api_keys.keys[0].expires_at: is not after `not_before`"]
    );
    let both = with("/api_keys/keys/0/sha256", json!(DIGEST));
    assert_eq!(
        errors(&both),
        ["api_keys.keys[0]: expected exactly one of `sha256` and `key`"]
    );
    let mut twins = configuration();
    let twin = twins["jwt"][0].clone();
    twins["jwt"].as_array_mut().unwrap().push(twin);
    assert_eq!(
        errors(&twins),
        ["jwt[1].name: is already used by another issuer"]
    );
}

#[test]
fn a_document_that_is_no_json_is_told_where() {
    for (document, start) in [
        (&b""[..], "is empty"),
        (b" \n", "is empty"),
        (b"{", "is not JSON: EOF"),
        (b"{\"a\":\xff}", "is not JSON: "),
        (b"{} {}", "is not JSON: trailing characters"),
        (b"null", "is null"),
        (b"7", "expected an object, found a number"),
        (b"\n\x0a\x04", "is not JSON: "),
    ] {
        let world = World::of_bytes(document);
        assert!(!world.configured, "{}", document.escape_ascii());
        assert!(
            world.errors()[0].starts_with(start),
            "{document:?} {start:?}: {:?}",
            world.errors()
        );
    }
}

#[test]
fn a_megabyte_of_nonsense_ends_in_a_hundred_lines() {
    for (count, rest) in [
        (100, None),
        (101, Some("and 1 more error")),
        (20_000, Some("and 19900 more errors")),
    ] {
        let keys: Vec<_> = (0..count)
            .map(|number| json!({ "id": format!("k{number}"), "sha256": "no" }))
            .collect();
        let world = World::new(&json!({ "api_keys": { "keys": keys } }));
        let errors = world.errors();
        assert_eq!(errors.len(), 100 + rest.iter().count(), "{count}");
        assert_eq!(errors.get(100).map(String::as_str), rest, "{count}");
    }
}

#[test]
fn a_name_of_a_megabyte_is_cut_and_nothing_is_suggested_for_it() {
    let world = World::new(&with(&format!("/{}", "k".repeat(1 << 20)), json!(1)));
    let errors = world.errors();
    assert_eq!(errors.len(), 1);
    assert!(errors[0].starts_with("…: unknown field") && errors[0].len() < 500);
}

#[test]
fn a_hundred_thousand_keys_are_configured() {
    let keys: Vec<_> = (0..100_000)
        .map(|number| {
            let id = format!("k{number}");
            let bytes = digest(id.as_bytes());
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            json!({ "id": id, "sha256": hex })
        })
        .collect();
    let mut configuration = configuration();
    configuration["api_keys"]["keys"]
        .as_array_mut()
        .unwrap()
        .extend(keys);
    let world = World::new(&configuration);
    assert!(world.configured);
    assert_eq!(world.bearer("GET", "/", KEY).verdict().0, 200);
}

#[test]
fn what_a_gateway_cannot_do_is_refused_with_the_reason() {
    let mut kong = with("/host/name", json!("kong"));
    kong["upstream"] = json!({ "host": "ollama.internal" });
    assert_eq!(
        errors(&kong),
        [
            "upstream.host: has no effect on Kong, which takes Host from the service's `url`: set it there and leave this out"
        ]
    );
    kong["upstream"] = json!({ "identity_headers": { "subject": "X-My-User" } });
    assert_eq!(errors(&kong), Vec::<String>::new());
}

#[test]
fn where_keys_come_from_a_server_it_has_to_be_one() {
    let configured = |host: &str, upstream: &str| {
        let mut configuration = with("/host/name", json!(host));
        configuration["jwt"][0] = json!({
            "name": "sso",
            "algorithms": ["ES256"],
            "issuer": "https://sso.example.com",
            "audiences": ["ollama"],
            "jwks": { "upstream": upstream },
        });
        errors(&configuration)
    };
    let refused = "jwt[0].jwks.upstream: is not `host` or `host:port`, which this gateway needs";
    assert_eq!(configured("kong", "sso:x"), [refused]);
    assert_eq!(configured("apisix", ":443"), [refused]);
    for (host, upstream) in [
        ("kong", "sso.example.com:443"),
        ("istio", "outbound|443||sso.example.com"),
    ] {
        assert_eq!(
            configured(host, upstream),
            Vec::<String>::new(),
            "{host}, {upstream}"
        );
    }
}

#[test]
fn a_provider_over_tls_has_a_name_on_gateways_of_nginx() {
    let configured = |host: &str, upstream: &str, jwks: serde_json::Value, issuer: &str| {
        let mut configuration = with("/host/name", json!(host));
        let mut jwks = jwks;
        jwks["upstream"] = json!(upstream);
        configuration["jwt"][0] = json!({
            "name": "sso", "algorithms": ["RS256"], "issuer": issuer, "audiences": ["ollama"], "jwks": jwks,
        });
        match host {
            "apisix" => World::apisix(&configuration).errors(),
            _ => errors(&configuration),
        }
    };
    let https = "https://sso.example.com/realms/main";
    let at = |url: &str| json!({ "url": url });
    for host in ["apisix", "kong"] {
        for upstream in ["10.0.0.7:8443", "10.0.0.7", "[2001:db8::1]:443", "[::1]"] {
            for (jwks, issuer) in [
                (json!({}), https),
                (at("https://sso.example.com/certs"), "any"),
                (at("https://10.0.0.7/certs"), "any"),
            ] {
                let found = configured(host, upstream, jwks.clone(), issuer);
                assert_eq!(found.len(), 1, "{host} {upstream}: {found:?}");
                let begin = "jwt[0].jwks.upstream: is an IP address, whose certificate";
                assert!(found[0].starts_with(begin), "{jwks} {issuer}: {found:?}");
            }
            // Without TLS there is no certificate.
            let plain = configured(host, upstream, at("http://10.0.0.7/certs"), https);
            assert_eq!(plain, Vec::<String>::new(), "{host} {upstream}");
        }
        for name in ["sso.example.com:443", "sso", "10.0.0.example"] {
            let found = configured(host, name, json!({}), https);
            assert_eq!(found, Vec::<String>::new(), "{host} {name}");
        }
    }
    for host in ["envoy", "istio"] {
        let found = configured(host, "10.0.0.7:8443", json!({}), https);
        assert_eq!(found, Vec::<String>::new(), "a cluster's name: {host}");
    }
}
