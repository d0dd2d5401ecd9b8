//! What leaves the machine by a body: who needs `cloud` for a model that is made to run elsewhere.

use crate::world::{ADMIN_KEY, KEY, READ_KEY, World};
use serde_json::{Value, json};

/// Three that may create models: one that is read, one that is read and may leave the machine, and
/// one that is not read.
fn world() -> World {
    let host = json!({ "name": "envoy", "hold_head": true });
    World::new(&json!({
        "api_keys": { "keys": [
            { "id": "local", "key": KEY, "scopes": ["read", "manage"], "models": ["*"] },
            { "id": "sized", "key": READ_KEY, "scopes": ["manage"], "limits": { "num_ctx": 4096 } },
            { "id": "remote", "key": ADMIN_KEY, "scopes": ["manage", "cloud"], "models": ["*"] },
            { "id": "unread", "key": UNREAD, "scopes": ["manage"] },
        ] },
        "host": host,
    }))
}

const UNREAD: &str = "sk-unread-d19c4b7e30a5f862";

/// The status and the code for a model that `key` creates with `body`.
fn create(world: &World, key: &str, body: &str) -> (u16, String) {
    let bearer = format!("Bearer {key}");
    let fields = [("authorization", bearer.as_str())];
    let (seen, _) = world.post("/api/create", &fields, &[body.as_bytes()]);
    assert_eq!(seen.upstream.is_some(), seen.verdict().0 == 200, "{body}");
    seen.verdict()
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_model_that_runs_on_another_host_is_made_with_cloud_alone() {
    let world = world();
    for host in [
        "https://ollama.com:443",
        "ollama.com",
        "10.0.0.7:11434",
        "/x",
        " ",
        "\u{0}",
    ] {
        let body = json!({ "model": "local-looking", "from": "llama3.2", "remote_host": host })
            .to_string();
        for key in [KEY, READ_KEY] {
            let seen = create(&world, key, &body);
            assert_eq!(seen, refused(403, "scope_denied"), "{body}");
        }
        assert_eq!(create(&world, ADMIN_KEY, &body), ok(), "{body}");
        // Nothing of the bodies of this key is read, as with models that run on ollama.com.
        assert_eq!(create(&world, UNREAD, &body), ok(), "{body}");
    }
}

#[test]
fn the_member_may_stand_anywhere_and_be_escaped() {
    let world = world();
    for body in [
        r#"{"remote_host": "x", "model": "a", "from": "b"}"#,
        r#"{"model": "a", "messages": [{"remote_host": ""}], "from": "b", "remote_host": "x"}"#,
        r#"{"model": "a", "from": "b", "remote\u005fhost": "\u0078"}"#,
        r#"{"model": "a", "remote_host": "x"}"#,
        r#"{"name": "a", "from": "b:cloud", "remote_host": ""}"#,
        r#"{"model": "a", "from": "gpt-oss:120b-cloud"}"#,
    ] {
        let seen = create(&world, KEY, body);
        assert_eq!(seen, refused(403, "scope_denied"), "{body}");
        assert_eq!(create(&world, ADMIN_KEY, body), ok(), "{body}");
    }
}

#[test]
fn an_empty_host_is_none_and_so_is_one_in_another_object() {
    let world = world();
    for body in [
        r#"{"model": "a", "from": "b"}"#,
        r#"{"model": "a", "from": "b", "remote_host": ""}"#,
        r#"{"model": "a", "from": "b", "remote_host": null}"#,
        r#"{"model": "a", "from": "b", "info": {"remote_host": "x"}, "remote_hosts": "x"}"#,
        r#"{"model": "a", "from": "b", "remote_model": "x"}"#,
    ] {
        assert_eq!(create(&world, KEY, body), ok(), "{body}");
    }
}

#[test]
fn a_host_that_readers_could_understand_differently_is_refused_to_everybody_who_is_read() {
    let world = world();
    let variants: [Value; 4] = [json!(5), json!(true), json!(["x"]), json!({ "a": "x" })];
    let of_another_type = variants.map(|value| format!(r#""remote_host": {value}"#));
    let spelled = [
        r#""Remote_Host": "x""#,
        r#""REMOTE_HOST": """#,
        "\"remote_ho\u{17F}t\": \"x\"",
        r#""remote_ho\u017ft": "x""#,
        r#""remote_host": "", "remote_host": "x""#,
        r#""remote_host": "x", "remote_host": """#,
        r#""remote_host": "x", "remote_host": null"#,
        r#""remote_host": "", "Remote_Host": "x""#,
        r#""remote_host": "\ud800""#,
    ];
    let spelled = spelled.map(str::to_owned);
    for members in of_another_type.into_iter().chain(spelled) {
        let body = format!(r#"{{"model": "a", "from": "b", {members}}}"#);
        for key in [KEY, READ_KEY, ADMIN_KEY] {
            let seen = create(&world, key, &body);
            assert_eq!(seen, refused(400, "ambiguous_body"), "{body}");
        }
    }
}

#[test]
fn the_refusal_says_what_needs_the_scope() {
    let world = world();
    let bearer = format!("Bearer {KEY}");
    let body = br#"{"model": "a", "from": "b", "remote_host": "https://secret.example"}"#;
    let fields = [("authorization", bearer.as_str())];
    let (seen, _) = world.post("/api/create", &fields, &[body]);
    let told = seen.body()["error"].as_str().unwrap().to_owned();
    let expected =
        "a model with a `remote_host` needs `cloud`, this credential has `read`, `manage`";
    assert!(told.ends_with(expected), "{told}");
    assert!(!seen.record.to_string().contains("secret.example"));
}
