//! The plugin JSON: every error at once, with its path, without a secret.

mod world;

use serde_json::{Value, json};
use world::{KEY, World, configuration, with};

fn errors(configuration: &Value) -> Vec<String> {
    let world = World::new(configuration);
    assert_eq!(world.configured, world.errors().is_empty());
    world.errors()
}

/// The one error of a configuration with `value` at `path`.
fn error(path: &str, value: Value) -> String {
    let errors = errors(&with(path, value));
    assert_eq!(errors.len(), 1, "{path}: {errors:?}");
    errors.into_iter().next().unwrap()
}

#[test]
fn the_full_shape_is_accepted() {
    let full = json!({
        "$schema": "https://example.com/schema.json",
        "api_keys": { "keys": [
            { "id": "a", "sha256": "AB".repeat(32), "subject": "alice", "scopes": ["inference", "read"],
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
            "api_keys.keys[1].id: is missing",
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
fn an_empty_list_and_an_empty_object_are_the_same() {
    for empty in [json!([]), json!({})] {
        assert_eq!(
            errors(&with("/public", empty.clone())),
            Vec::<String>::new()
        );
        assert_eq!(
            errors(&with("/upstream", empty.clone())),
            Vec::<String>::new()
        );
        let world = World::new(&with("/api_keys/keys/0/scopes", empty));
        assert_eq!(
            world.bearer("GET", "/", KEY).verdict(),
            (403, "scope_denied".into()),
            "none is none"
        );
    }
}

#[test]
fn null_is_refused_everywhere() {
    for path in [
        "/api_keys",
        "/jwt",
        "/public",
        "/upstream",
        "/api_keys/keys/0/scopes",
        "/jwt/0/issuer",
        "/$schema",
        "/unheard",
    ] {
        let error = errors(&with(path, Value::Null));
        assert!(
            error[0].ends_with("is null, leave the field out instead"),
            "{path}: {error:?}"
        );
    }
}

#[test]
fn a_member_twice_is_refused() {
    for document in [
        r#"{"api_keys":{"keys":[]},"api_keys":{"keys":[{"id":"a","key":"sk-0123456789abcdef"}]}}"#,
        r#"{"api_keys":{"keys":[{"id":"a","id":"a","key":"sk-0123456789abcdef"}]}}"#,
    ] {
        let world = World::of_bytes(document.as_bytes());
        assert!(
            world
                .errors()
                .iter()
                .any(|error| error.ends_with("is given twice")),
            "{document}"
        );
    }
}

#[test]
fn what_the_gateway_did_not_resolve_is_refused_wherever_it_stands() {
    for reference in [
        "$env://KEY",
        "$secret://vault/1/key",
        "{vault://env/key}",
        "${KEY}",
        "${{KEY}}",
    ] {
        for path in [
            "/api_keys/keys/0/key",
            "/jwt/0/secrets/0",
            "/jwt/0/issuer",
            "/signin_url",
            "/host/name",
            "/api_keys/keys/0/scopes/0",
        ] {
            let mut configuration = with("/api_keys/keys/0/scopes", json!(["read"]));
            let place = configuration.pointer_mut(path);
            match place {
                Some(place) => *place = json!(reference),
                None => configuration = with(path, json!(reference)),
            }
            let errors = errors(&configuration);
            assert!(
                errors.iter().any(|error| error.contains("did not resolve")),
                "{path}: {errors:?}"
            );
        }
    }
}

#[test]
fn an_environment_variable_must_be_there_and_hold_something() {
    for name in ["UNSET", "EMPTY"] {
        let error = error("/api_keys/keys/0/key", json!({ "env": name }));
        let expected = format!(
            "api_keys.keys[0].key: environment variable `{name}` is not set for the filter, the gateway must pass it on"
        );
        assert_eq!(error, expected);
    }
    for misplaced in ["", "sk-pasted-in-the-wrong-place", "lower", "WITH SPACE"] {
        let error = error("/api_keys/keys/0/key", json!({ "env": misplaced }));
        assert_eq!(
            error,
            "api_keys.keys[0].key.env: expected the name of an environment variable, of A to Z, 0 to 9 and _, found a string"
        );
    }
    let secret = errors(&with("/jwt/0/secrets/0", json!({ "env": "UNSET" })));
    assert_eq!(secret.len(), 1, "one mistake is one error: {secret:?}");
    assert!(error("/api_keys/keys/0/key", json!({})).contains("env: is missing"));
    assert!(
        error(
            "/api_keys/keys/0/key",
            json!({ "evn": "A", "env": "WEBUI_SECRET_KEY" })
        )
        .contains("did you mean `env`?")
    );
}

#[test]
fn fields_of_later_work_are_refused_by_name() {
    for (path, value) in [
        ("/basic", json!({})),
        ("/network", json!({})),
        ("/login", json!({})),
        ("/require", json!("any")),
        ("/mode", json!("report")),
        ("/ollama_cli", json!({})),
        ("/api_keys/source", json!({})),
        ("/api_keys/keys/0/models", json!(["llama3.2"])),
        ("/api_keys/keys/0/allow_from", json!([])),
        ("/jwt/0/jwks", json!({})),
        ("/jwt/0/cookie", json!("token")),
        ("/host/hold_head", json!(true)),
    ] {
        let dotted = path[1..].replace("/0", "[0]").replace('/', ".");
        assert_eq!(
            error(path, value),
            format!("{dotted}: is not supported yet")
        );
    }
    let credential = errors(&with("/upstream", json!({ "credential": {} })));
    assert_eq!(credential, ["upstream.credential: is not supported yet"]);
}

#[test]
fn secrets_are_long_enough_or_refused() {
    let secret = |length: usize, allow: bool| {
        let mut configuration = with("/jwt/0/secrets", json!(["x".repeat(length)]));
        configuration["jwt"][0]["danger_allow_short_secret"] = json!(allow);
        errors(&configuration).is_empty()
    };
    assert!(secret(32, false) && secret(12, true));
    assert!(!secret(31, false) && !secret(11, true) && !secret(11, false));
    for key in [
        "sk-short",
        "0123456789abcde",
        "with space 0123456789",
        "with,comma,0123456789",
        "é123456789abcdefgh",
        "",
    ] {
        assert!(
            !errors(&with("/api_keys/keys/0/key", json!(key))).is_empty(),
            "{key}"
        );
    }
}

#[test]
fn keys_and_names_are_unique_and_times_in_order() {
    assert_eq!(
        error("/api_keys/keys/1/id", json!("alice-laptop")),
        "api_keys.keys[1].id: is taken by another key"
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
    let both = with("/api_keys/keys/0/sha256", json!("ab".repeat(32)));
    assert_eq!(
        errors(&both),
        ["api_keys.keys[0]: expected exactly one of `sha256` and `key`"]
    );
    let mut twins = configuration();
    let twin = twins["jwt"][0].clone();
    twins["jwt"].as_array_mut().unwrap().push(twin);
    assert_eq!(errors(&twins), ["jwt[1].name: is taken by another issuer"]);
}

#[test]
fn values_of_another_kind_are_told_with_what_was_found() {
    for (path, value, expected) in [
        (
            "/api_keys",
            json!("x"),
            "api_keys: expected an object, found a string",
        ),
        (
            "/api_keys/keys",
            json!(7),
            "api_keys.keys: expected a list of keys, found a number",
        ),
        (
            "/api_keys/keys/0",
            json!([1]),
            "api_keys.keys[0]: expected an object, found a list",
        ),
        (
            "/api_keys/keys/0/expires_at",
            json!("tomorrow"),
            "api_keys.keys[0].expires_at: expected a time such as \"2027-01-31T00:00:00Z\" (RFC 3339), found `tomorrow`",
        ),
        (
            "/api_keys/keys/0/scopes",
            json!(["reed"]),
            "api_keys.keys[0].scopes[0]: expected one of health, read, inference, manage, cloud, found `reed`",
        ),
        (
            "/jwt/0/algorithms",
            json!(["RS256"]),
            "jwt[0].algorithms[0]: expected \"HS256\", others are not supported yet, found `RS256`",
        ),
        (
            "/jwt/0/algorithms",
            json!([]),
            "jwt[0].algorithms: expected [\"HS256\"], found no algorithm",
        ),
        (
            "/jwt/0/leeway",
            json!("6m"),
            "jwt[0].leeway: expected a duration such as \"30s\", of at most 5m, found `6m`",
        ),
        (
            "/jwt/0/leeway",
            json!(60),
            "jwt[0].leeway: expected a duration such as \"30s\", of at most 5m, found `60`",
        ),
        (
            "/jwt/0/require_expiry",
            json!("no"),
            "jwt[0].require_expiry: expected true or false, found `no`",
        ),
        (
            "/jwt/0/audiences",
            json!([]),
            "jwt[0].audiences: expected a non-empty list of strings, found none",
        ),
        (
            "/public",
            json!(["read"]),
            "public[0]: expected \"health\", found `read`",
        ),
        (
            "/path_prefix",
            json!("/ollama/"),
            "path_prefix: expected a path such as \"/ollama\", without a slash at its end, found `/ollama/`",
        ),
        (
            "/signin_url",
            json!("javascript:alert(1)"),
            "signin_url: expected an address that begins with https:// or http://, found `javascript:alert(1)`",
        ),
        (
            "/host/name",
            json!("nginx"),
            "host.name: expected \"envoy\", \"istio\", \"apisix\" or \"kong\", found `nginx`",
        ),
    ] {
        assert_eq!(error(path, value), expected);
    }
    let host = errors(&with(
        "/upstream",
        json!({ "host": "http://localhost:11434/" }),
    ));
    assert!(host[0].starts_with("upstream.host: expected a host such as"));
}

#[test]
fn no_error_shows_a_secret() {
    let secret = "sk-hidden-but-wrong-place";
    for (path, value) in [
        ("/api_keys", json!(secret)),
        ("/api_keys/keys", json!(secret)),
        ("/api_keys/keys/0", json!(secret)),
        ("/api_keys/keys/0/sha256", json!(secret)),
        ("/api_keys/keys/0/key", json!([secret])),
        ("/api_keys/keys/0/key", json!({ "sk-hidden": secret })),
        ("/jwt", json!(secret)),
        ("/jwt/0/secrets", json!(secret)),
        ("/jwt/0/secrets", json!([secret])),
        ("/jwt/0/secrets", json!([[secret]])),
        ("/api_keys/keys/0/key", json!(format!("{secret} "))),
    ] {
        let lines = errors(&with(path, value)).join("\n");
        assert!(
            !lines.is_empty() && !lines.contains("hidden-but"),
            "{path}: {lines}"
        );
    }
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
        assert!(!world.configured);
        assert!(world.errors()[0].starts_with(start), "{:?}", world.errors());
    }
}

#[test]
fn a_megabyte_of_nonsense_ends_in_a_hundred_lines() {
    let keys: Vec<_> = (0..20_000)
        .map(|number| json!({ "id": format!("k{number}"), "sha256": "no" }))
        .collect();
    let world = World::new(&json!({ "api_keys": { "keys": keys } }));
    let errors = world.errors();
    assert_eq!(errors.len(), 101);
    assert_eq!(errors[100], "and 19900 more errors");
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
        .map(|number| json!({ "id": format!("k{number}"), "sha256": format!("{number:064x}") }))
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
fn a_secret_is_not_shown_wherever_it_was_misplaced() {
    let secret = "sk-live-HIDDEN0123456789";
    let unknown = |path: &str| with(&format!("{path}/{secret}"), json!(1));
    let mut shown = Vec::new();
    for configuration in [
        unknown("/api_keys"),
        unknown("/api_keys/keys/0"),
        with(&format!("/api_keys/{secret}"), Value::Null),
        with(
            "/upstream",
            json!({ "host": "http://ollama:HIDDENpw@10.0.0.1:11434" }),
        ),
        with("/signin_url", json!("ftp://u:HIDDENpw@x")),
        with("/api_keys/keys/0/scopes", json!([secret])),
        with("/api_keys/keys/0/id", json!(format!("{secret} x"))),
        with("/api_keys/keys/0/subject", json!(format!("{secret} x"))),
        with("/public", json!(["HIDDEN0123456789abcdef"])),
        with("/api_keys/keys/0/key", json!({ "env": "0HIDDEN" })),
    ] {
        shown.extend(errors(&configuration));
    }
    assert_eq!(shown.len(), 10, "{shown:#?}");
    assert!(!shown.join("\n").contains("HIDDEN"), "{shown:#?}");
}

#[test]
fn a_key_that_would_never_be_looked_up_is_refused() {
    for key in [
        "sk-no-key-required",
        "team-a.alice.0123456789",
        "eyJhbGciOiJIUzI1NiJ9.x",
        "AAAAC3NzaC1lZDI1NTE5AAAAIA",
    ] {
        let error = error("/api_keys/keys/0/key", json!(key));
        assert!(error.contains("would not be taken for a key"), "{error}");
    }
}

#[test]
fn a_list_that_must_hold_something_is_not_empty_in_either_spelling() {
    for empty in [json!([]), json!({})] {
        let error = error("/jwt/0/audiences", empty);
        assert_eq!(
            error,
            "jwt[0].audiences: expected a non-empty list of strings, found none"
        );
    }
}

#[test]
fn a_variable_that_holds_a_reference_is_refused() {
    let world = World::new(&with("/api_keys/keys/0/key", json!({ "env": "REFERENCE" })));
    assert_eq!(
        world.errors(),
        ["api_keys.keys[0].key: the environment variable holds an unresolved reference"]
    );
}

#[test]
fn only_a_free_header_may_carry_an_identity() {
    for taken in [
        "Expect",
        "Host",
        "Cookie",
        "Authorization",
        "TE",
        "Content-Length",
    ] {
        let headers = json!({ "identity_headers": { "subject": taken } });
        let errors = errors(&with("/upstream", headers));
        assert!(
            errors[0].contains("free to carry an identity"),
            "{taken}: {errors:?}"
        );
    }
    let same = json!({ "identity_headers": { "subject": "X-A", "credential_id": "x-a" } });
    let errors = errors(&with("/upstream", same));
    assert_eq!(
        errors,
        ["upstream.identity_headers.credential_id: is the same header as `subject`"]
    );
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
