use super::super::field::{Field, Shape};
use super::super::root::{Configuration, ROOT, TABLES};
use serde_json::Value;

/// Documents that hold and in which, together, every field of every table is given. A new field goes
/// in here.
const DOCUMENTS: [&str; 8] = [
    r#"{
    "$schema": "https://example.com/plugin.schema.json",
    "api_keys": { "keys": [
        { "id": "laptop", "sha256": "0e4f7a1d1b3c9a5e2d6f8b7c4a3e1f0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a49",
          "subject": "alice", "scopes": ["read"], "not_before": "2026-01-01T00:00:00Z",
          "expires_at": "2027-01-01T00:00:00Z", "users": "people", "allow_from": ["10.0.0.0/8"],
          "models": ["llama3.2"], "limits": { "num_ctx": 1 }, "danger_allow_placeholder_secret": true,
          "disabled": false, "labels": { "team": "search" }, "previous": [
            { "key": "sk-nGq3vR8sXw5tYz2bKd7mPf4h", "until": "2026-02-01T00:00:00Z" },
            { "sha256": "1e4f7a1d1b3c9a5e2d6f8b7c4a3e1f0d9c8b7a6f5e4d3c2b1a0f9e8d7c6b5a49",
              "until": "2026-02-01T00:00:00Z" } ] },
        { "id": "desktop", "key": { "env": "KEY", "optional": true } } ],
        "source": [ { "url": "http://etcd.example/v3/kv/range", "upstream": "etcd", "kind": "etcd", "name": "ring",
            "key": "/keys", "token": "x", "headers": { "X-Api-Key": "x" }, "pointer": "/kvs/0/value",
            "encoding": "base64", "every": "30s", "max_stale": "24h", "timeout": "5s", "max_bytes": "1MiB",
            "max_removed": 50, "allow_empty": true } ] },
    "jwt": [
        { "name": "people", "algorithms": ["HS256"], "secrets": [{ "env": "SECRET", "optional": true },
            { "value": "nGq3vR8sXw5tYz2bKd7mPf4hJc6aLe9unGq3vR8sXw4=", "encoding": "base64" }], "header": "X-User-Token",
          "issuer": "https://people.example", "audiences": ["ollama"], "subject_claim": "id",
          "numeric_subject": true, "scopes_claim": "scope", "scope_map": { "ollama-admins": ["manage"] }, "models": ["llama3.2"], "models_claim": "models",
          "limits": { "num_ctx": 1 }, "required_claims": { "role": "user" }, "typ": ["JWT"],
          "require_expiry": true, "leeway": "60s", "max_age": "1h", "max_lifetime": "1h",
          "danger_allow_short_secret": true, "danger_allow_placeholder_secret": true },
        { "name": "site", "scopes": ["read"], "algorithms": ["ES256", "EdDSA", "RS256"], "cookie": "token",
          "assertion_header": "X-Assertion", "keys": [
          { "kty": "EC", "kid": "one", "alg": "ES256", "use": "sig", "crv": "P-256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM" },
          { "kty": "RSA", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw" },
          { "pem": "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----" } ] },
        { "name": "sso", "algorithms": ["RS256"], "issuer": "https://sso.example",
          "danger_allow_any_audience": true,
          "jwks": { "upstream": "sso", "headers": { "X-Api-Key": "x" }, "url": "https://sso.example/keys", "every": "10m", "max_stale": "24h",
            "cool_down": "10s", "timeout": "5s" } },
        { "name": "google", "algorithms": ["RS256"], "issuer": "https://accounts.example", "audiences": ["gate"],
          "jwks": { "upstream": "accounts", "upstreams": { "keys.example": "keys" } } } ],
    "credential_headers": ["apikey", { "name": "Authorization", "scheme": "Token" }],
    "basic": {
        "users": [ { "name": "bob", "subject": "robert", "scopes": ["read"], "models": ["llama3.2"],
            "limits": { "num_ctx": 1 },
            "password_hash": "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/" } ],
        "htpasswd": { "env": "HTPASSWD" }, "scopes": ["read"], "models": ["llama3.2"],
        "limits": { "num_ctx": 1 }, "danger_allow_slow_hash": true },
    "ollama_cli": { "window": "30s", "replay_window": "1s", "authorized_keys": [
        { "key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea cli",
          "id": "cli", "subject": "alice", "scopes": ["read"], "expires_at": "2027-01-01T00:00:00Z",
          "models": ["llama3.2"], "limits": { "num_ctx": 1 } } ] },
    "allow_anonymous": { "scopes": ["read"], "models": ["llama3.2"], "limits": {
        "keep_alive": "10m", "num_ctx": 1, "num_predict": 1, "raw": false, "debug_render_only": false,
        "request_bytes": 1 } },
    "network": { "allow": ["10.0.0.0/8"], "deny": ["10.1.0.0/16"], "trusted_proxies": 1 },
    "require": { "at_least": 1, "of": ["api_key", "jwt"] },
    "public": ["health"],
    "hosts": ["gate.example.com"],
    "cors": { "allow_origins": ["https://app.example"], "allow_headers": ["X-Title"] },
    "upstream": { "host": "localhost:11434",
        "identity_headers": { "subject": "X-A", "credential_id": "X-B", "claims": { "X-C": "email" } },
        "remove_headers": ["X-E"],
        "proof": { "header": "X-D", "secret": { "env": "SECRET" }, "danger_allow_placeholder_secret": true },
        "credential": { "value": { "env": "SECRET" }, "header": "X-F", "prefix": "Token ",
            "danger_allow_placeholder_secret": true } },
    "path_prefix": "/ollama",
    "routes": [ { "path": "/api/new", "methods": ["GET"], "scope": "read" },
                { "prefix": "/api/others", "methods": ["GET"], "scope": "read" } ],
    "signin_url": "https://example.com/keys",
    "log": { "allowed": true, "fields": ["address", "model"] },
    "mode": "enforce",
    "host": { "name": "envoy", "hold_head": true, "body_limit": "1MiB", "held_limit": "64MiB", "held_for": "5m", "held_idle": "30s" },
    "back_off": { "after": 10, "within": "1m", "for": "30s" },
    "share_identity": true,
    "filter_lists": true
}"#,
    r#"{ "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate"], "upstream": { "credential": { "source": {
        "upstream": "vault", "url": "https://vault.example/token", "headers": { "X-Vault-Token": "x" }, "pointer": "/data",
        "expires_at": "/end", "every": "1m", "max_stale": "1h", "cool_down": "30s", "timeout": "5s" } } } }"#,
    r#"{ "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate"], "upstream": { "credential": { "client_credentials": {
        "upstream": "sso", "token_url": "https://sso.example/token", "client_id": "gate", "client_secret": { "env": "SECRET" },
        "auth": "client_secret_post", "scope": "a b", "audience": "c", "resource": "urn:d", "refresh_before": "60s",
        "lifetime": "5m", "cool_down": "30s", "timeout": "5s" } } } }"#,
    r#"{ "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate"], "upstream": { "credential": { "source": {
        "upstream": "vault", "url": "https://vault.example/token", "pointer": "/data", "expires_in": "/lease" } } } }"#,
    r#"{ "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate"], "upstream": { "credential": { "client_credentials": {
        "upstream": "sso", "token_url": "https://sso.example/token", "client_id": "gate", "auth": "private_key_jwt",
        "key_id": "one", "private_key": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq7j7lkCkvts/DjKx\nZcok2wUeWcYTMRmpP1GJYqdOQ1ihRANCAATdXRqcW1vpU6Sup7eN5DDCxJjAnQD9\nR5PX7+I3DlnlQNVUcnjGKp2LTw2RaUZXt0tJ43u2H25Wrl2FjMXqnVNd\n-----END PRIVATE KEY-----\n" } } } }"#,
    // An empty list is an empty section, on gateways that confuse the two.
    r#"{ "allow_anonymous": { "scopes": ["read"] }, "hosts": ["gate"], "log": [], "cors": [], "upstream": [] }"#,
    r#"{
    "login": { "issuer": "https://sso.example", "upstream": "sso", "authorization_endpoint": "https://sso.example/a",
        "token_endpoint": "https://sso.example/t", "jwks_uri": "https://sso.example/k",
        "end_session_endpoint": "https://sso.example/e", "client_id": "gate", "client_secret": "nGq3vR8sXw5tYz2bKd7mPf4h",
        "auth": "client_secret_post", "scope": "openid", "algorithms": ["RS256"], "url": "https://gate.example",
        "secrets": ["nGq3vR8sXw5tYz2bKd7mPf4hJc6aLe9u"], "cookie_expire": "24h", "subject_claim": "sub",
        "numeric_subject": true, "scopes_claim": "groups", "scope_map": { "staff": ["read"] }, "models": ["llama3.2"],
        "models_claim": "models", "limits": { "num_ctx": 1 }, "required_claims": { "role": "user" }, "timeout": "5s",
        "userinfo": true, "userinfo_endpoint": "https://people.example/u", "upstreams": { "people.example": "people" }, "cookie_refresh": "30m", "idle_timeout": "1h",
        "danger_allow_placeholder_secret": true },
    "hosts": ["gate.example"], "host": { "name": "envoy" } }"#,
    r#"{
    "login": { "issuer": "https://sso.example", "upstream": "sso", "client_id": "gate", "auth": "private_key_jwt",
        "key_id": "one", "private_key": "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgq7j7lkCkvts/DjKx\nZcok2wUeWcYTMRmpP1GJYqdOQ1ihRANCAATdXRqcW1vpU6Sup7eN5DDCxJjAnQD9\nR5PX7+I3DlnlQNVUcnjGKp2LTw2RaUZXt0tJ43u2H25Wrl2FjMXqnVNd\n-----END PRIVATE KEY-----\n",
        "url": "https://gate.example", "secrets": ["nGq3vR8sXw5tYz2bKd7mPf4hJc6aLe9u"], "scopes": ["read"],
        "store": { "kind": "redis", "url": "http://webdis:7379", "upstream": "webdis",
            "headers": { "authorization": { "env": "SECRET" } }, "prefix": "gate:", "timeout": "1s" },
        "back_channel_logout": true },
    "hosts": ["gate.example"], "host": { "name": "envoy", "hold_head": true } }"#,
];

/// What no field takes: each wants something else, or something else within.
const WRONG: &str = r#"{ "wrong": { "wrong": [] } }"#;

fn errors(document: &Value) -> Vec<String> {
    let environment = |name: &str| match name {
        "HTPASSWD" => Some("carol:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".to_owned()),
        _ => Some("nGq3vR8sXw5tYz2bKd7mPf4hJc6aLe9u".to_owned()),
    };
    let read = Configuration::read(document.to_string().as_bytes(), &environment, 0);
    read.map_or_else(|errors| errors.lines().collect(), |_| Vec::new())
}

/// A field that a document gives: where, and of which table.
struct Given {
    path: String,
    table: &'static [Field],
    name: &'static str,
}

/// The fields that stand in `json`, a section with this table, and in the sections within it.
fn given(table: &'static [Field], json: &Value, path: &str, found: &mut Vec<Given>) {
    for field in table {
        let Some(value) = json.get(field.name) else {
            continue;
        };
        let name = field.name;
        let path = match path {
            "" => name.to_owned(),
            path => format!("{path}.{name}"),
        };
        let (path_within, name) = (path.clone(), field.name);
        found.push(Given { path, table, name });
        within(field.shape, value, &path_within, found);
    }
}

fn within(shape: Shape, json: &Value, path: &str, found: &mut Vec<Given>) {
    if let (Shape::OneOrList(table), Value::Array(items)) = (shape, json) {
        for (place, json) in items.iter().enumerate() {
            given(table, json, &format!("{path}[{place}]"), found);
        }
        return;
    }
    if let Some(table) = table_of(shape) {
        return given(table, json, path, found);
    }
    if let (Shape::List(item) | Shape::Filled(item), Value::Array(items)) = (shape, json) {
        for (place, json) in items.iter().enumerate() {
            within(*item, json, &format!("{path}[{place}]"), found);
        }
    }
}

fn table_of(shape: Shape) -> Option<&'static [Field]> {
    match shape {
        Shape::Object(fields)
        | Shape::Open(fields)
        | Shape::Secret(fields)
        | Shape::TextOr(fields)
        | Shape::OneOrList(fields) => Some(fields),
        _ => None,
    }
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// `json` with `value` at `path`, which is written as errors have it.
fn with(json: &Value, path: &str, value: Value) -> Value {
    let pointer = path.replace('[', "/").replace(']', "").replace('.', "/");
    let mut json = json.clone();
    *json.pointer_mut(&format!("/{pointer}")).unwrap() = value;
    json
}

/// Every table that a field of `table` leads to, and it.
fn reached(table: &'static [Field], found: &mut Vec<&'static [Field]>) {
    if !found.iter().any(|known| names(known) == names(table)) {
        found.push(table);
    }
    for field in table {
        let mut shape = field.shape;
        while let Shape::List(item) | Shape::Filled(item) | Shape::Map(item) = shape {
            shape = *item;
        }
        if let Some(inner) = table_of(shape) {
            reached(inner, found);
        }
    }
}

fn names(table: &[Field]) -> Vec<&'static str> {
    table.iter().map(|field| field.name).collect()
}

#[test]
fn every_field_of_every_table_is_asked_for() {
    let (mut asked, mut ignored) = (Vec::new(), Vec::new());
    for document in DOCUMENTS.map(parse) {
        let none: [String; 0] = [];
        assert_eq!(errors(&document), none, "itself: {document}");
        let mut fields = Vec::new();
        given(ROOT, &document, "", &mut fields);
        for Given { path, table, name } in fields {
            let errors = errors(&with(&document, &path, parse(WRONG)));
            // A JWK is wrong as a whole.
            let place = match path.split_once("].keys[") {
                Some((_, rest)) if rest.contains('.') => path.rsplit_once('.').unwrap().0,
                _ => &path,
            };
            let unknown = |error: &str| error.starts_with(&format!("{path}: unknown field"));
            let told = |error: &String| error.starts_with(place) && !unknown(error);
            if errors.iter().any(told) {
                asked.push((names(table), name));
            } else {
                ignored.push(format!("{path}: {errors:?}"));
            }
        }
    }
    assert!(
        ignored.is_empty(),
        "these fields take anything, read them in src/engine/config:\n{}",
        ignored.join("\n")
    );
    let missing: Vec<_> = TABLES
        .iter()
        .flat_map(|(title, table)| table.iter().map(move |field| (title, table, field)))
        .filter(|(_, table, field)| !asked.contains(&(names(table), field.name)))
        .map(|(title, _, field)| format!("{title}: `{}`", field.name))
        .collect();
    assert!(
        missing.is_empty(),
        "give these fields in DOCUMENTS of src/engine/config/table_tests.rs:\n{}",
        missing.join("\n")
    );
}

#[test]
fn the_reference_has_every_table_that_a_field_leads_to() {
    let mut found = Vec::new();
    reached(ROOT, &mut found);
    let listed: Vec<_> = TABLES.iter().map(|(_, table)| names(table)).collect();
    for table in &found {
        assert!(
            listed.contains(&names(table)),
            "write a row for the table of {:?} into TABLES of src/engine/config/root.rs",
            names(table)
        );
    }
    assert_eq!(
        listed.len(),
        found.len(),
        "TABLES has a table that no field leads to"
    );
}

#[test]
fn a_choice_that_the_table_offers_is_enforced_by_the_table() {
    for (document, wanted) in [
        (
            r#"{ "mode": "enforce" }"#,
            "expected at least one of `api_keys`, `jwt`, `basic`, `ollama_cli`, `login` and `allow_anonymous` (without \
             any, nobody could come in)",
        ),
        (
            r#"{ "basic": {} }"#,
            "basic: expected at least one of `users` and `htpasswd`",
        ),
        (
            r#"{ "routes": [{ "methods": ["GET"], "scope": "read" }] }"#,
            "routes[0]: expected exactly one of `path` and `prefix`",
        ),
        (
            r#"{ "routes": [{ "path": "/a", "prefix": "/b", "methods": ["GET"], "scope": "read" }] }"#,
            "routes[0]: expected exactly one of `path` and `prefix`",
        ),
    ] {
        let found = errors(&parse(document));
        assert!(found.contains(&wanted.to_owned()), "{document}: {found:?}");
    }
    // The member that is missing may be the one that is misspelt, however long its name is.
    let long = errors(&parse(
        r#"{ "api_keys": { "keys": [{ "id": "a", "danger_allow_placeholder_secrets": true }] } }"#,
    ));
    let expected =
        "api_keys.keys[0].…: unknown field, did you mean `danger_allow_placeholder_secret`?";
    assert_eq!(long, [expected]);
    let misspelt = errors(&parse(r#"{ "api_kyes": { "keys": [] } }"#));
    assert_eq!(
        misspelt,
        ["api_kyes: unknown field, did you mean `api_keys`?"]
    );
}
