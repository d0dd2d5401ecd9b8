//! What a token endpoint is asked, and how it may answer.

use super::kinds::{SECRET, grant};
use super::with_credential;
use crate::world::{KEY, NOW, World, cli::Cli, errors};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

fn ask(world: &World) -> crate::world::Request {
    world.ask_with("/api/tags", &[("x-api-key", KEY)])
}

fn with(name: &str, value: Value) -> Value {
    let mut members = grant();
    members["client_credentials"][name] = value;
    with_credential(members)
}

#[test]
fn the_secret_goes_in_authorization_form_encoded_first() {
    let world = World::new(&with("client_secret", json!("pa:s%s+w/rd-81c2d7")));
    let request = ask(&world);
    let (_, call) = request.waits_for.as_ref().unwrap();
    assert_eq!((call.method(), call.upstream()), ("POST", "sso"));
    let header = |name: &str| {
        let mut found = call.headers().filter(|(own, _)| *own == name);
        found.next().map(|(_, value)| value.to_owned())
    };
    assert_eq!(
        header("content-type").as_deref(),
        Some("application/x-www-form-urlencoded")
    );
    assert_eq!(header("accept").as_deref(), Some("application/json"));
    let sent = header("authorization").unwrap();
    let pair = STANDARD
        .decode(sent.strip_prefix("Basic ").unwrap())
        .unwrap();
    assert_eq!(pair, b"the+gate:pa%3As%25s%2Bw%2Frd-81c2d7");
    assert_eq!(
        call.body().unwrap(),
        b"grant_type=client_credentials&scope=ollama+read"
    );
    assert!(!format!("{call:?}").contains("81c2d7"));
}

#[test]
fn by_post_it_goes_in_the_body_and_no_header_holds_it() {
    let mut configuration = with("auth", json!("client_secret_post"));
    let place = &mut configuration["upstream"]["credential"]["client_credentials"];
    place["audience"] = json!("https://front.example/");
    place["resource"] = json!("urn:ollama");
    let world = World::new(&configuration);
    let request = ask(&world);
    let (_, call) = request.waits_for.as_ref().unwrap();
    let body = String::from_utf8(call.body().unwrap().to_vec()).unwrap();
    assert_eq!(
        body,
        format!(
            "grant_type=client_credentials&scope=ollama+read&audience=https%3A%2F%2Ffront.example%2F\
             &resource=urn%3Aollama&client_id=the+gate&client_secret={SECRET}"
        )
    );
    assert!(call.headers().all(|(name, _)| name != "authorization"));
}

#[test]
fn the_code_of_a_refusal_is_logged_and_its_text_is_not() {
    let world = World::new(&with_credential(grant()));
    for (status, body, logged) in [
        (
            401,
            r#"{"error":"invalid_client","error_description":"hidden"}"#,
            "status 401, error `invalid_client`",
        ),
        (
            400,
            r#"{"error":"invalid_scope"}"#,
            "status 400, error `invalid_scope`",
        ),
        (400, r#"{"error":"hidden"}"#, "status 400;"),
        (400, "hidden", "status 400;"),
        (302, "hidden", "redirect"),
        (200, "<html>hidden", "no JSON object"),
        (
            200,
            r#"{"access_token":"hidden","token_type":"mac"}"#,
            "`token_type` is not `Bearer`",
        ),
        (200, r#"{"access_token":"hidden"}"#, "no `token_type`"),
        (
            200,
            r#"{"access_token":"hidden","token_type":"Bearer","expires_in":0}"#,
            "expired already",
        ),
    ] {
        world.wait(60);
        let mut request = ask(&world);
        request.answer(status, body.as_bytes());
        let lines = world.lines_with("upstream.credential").concat();
        assert!(lines.contains(logged), "{body}: {lines}");
        assert!(!lines.contains("hidden"), "{body}: {lines}");
    }
}

#[test]
fn without_expires_in_a_token_holds_for_as_long_as_it_is_configured() {
    for (lifetime, seconds) in [(None, 300), (Some("2m"), 120)] {
        let mut configuration = with_credential(grant());
        if let Some(lifetime) = lifetime {
            configuration["upstream"]["credential"]["client_credentials"]["lifetime"] =
                json!(lifetime);
        }
        let world = World::new(&configuration);
        let mut request = ask(&world);
        request.answer(
            200,
            br#"{"access_token":"abc-81c2d7","token_type":"Bearer"}"#,
        );
        world.wait(seconds - 1);
        assert_eq!(ask(&world).verdict().0, 200, "{lifetime:?}");
        world.wait(1);
        assert_eq!(ask(&world).verdict().1, "waits", "{lifetime:?}");
    }
}

/// The first pass notes the signature; the second is the same request, however long it has waited.
#[test]
fn a_request_of_the_ollama_cli_is_no_replay_of_itself_after_it_has_waited() {
    let cli = Cli::new(3);
    let mut configuration = with_credential(grant());
    configuration["ollama_cli"] = json!({ "authorized_keys": [cli.line("cli")] });
    let world = World::new(&configuration);
    for path in ["/api/tags", "/api/version"] {
        let target = format!("{path}?ts={NOW}");
        let header = cli.header("GET", path, NOW);
        let fields = [("authorization", header.as_str())];
        let mut request = world.ask_with(&target, &fields);
        assert_eq!(request.verdict().1, "waits", "{path}");
        world.wait(3);
        let token = br#"{"access_token":"abc-81c2d7","token_type":"Bearer","expires_in":1}"#;
        assert_eq!(request.answer(200, token).0, 200, "{path}");
        let again = world.ask_with(&target, &fields);
        assert_eq!(again.verdict().1, "replayed_signature", "{path}");
        world.wait(1);
    }
}

#[test]
fn what_cannot_be_asked_is_refused_where_it_stands() {
    for (name, value) in [
        ("token_url", json!("sso.example/token")),
        ("token_url", json!("https://sso.example/token#x")),
        ("upstream", json!("")),
        ("client_id", json!("")),
        ("client_id", json!(" a")),
        ("client_secret", json!("changeme")),
        ("client_secret", json!("two words-81c2d7e0")),
        ("client_secret", json!({ "env": "UNSET" })),
        ("client_secret", json!("$secret://vault/x")),
        ("auth", json!("client_secret_jwt")),
        ("scope", json!("a\nb")),
        ("refresh_before", json!("0s")),
        ("refresh_before", json!("2h")),
        ("lifetime", json!("2d")),
        ("cool_down", json!("0s")),
        ("timeout", json!("60s")),
    ] {
        let found = errors(&with(name, value.clone()));
        assert_eq!(found.len(), 1, "{name} {value}: {found:?}");
        let place = format!("upstream.credential.client_credentials.{name}");
        assert!(found[0].starts_with(&place), "{found:?}");
    }
    let source = |name: &str, value: Value| {
        let mut place = json!({ "upstream": "front", "url": "http://front.example/token" });
        place[name] = value;
        errors(&with_credential(json!({ "source": place })))
    };
    for (name, value) in [
        ("url", json!("front.example")),
        ("pointer", json!("data/token")),
        ("expires_at", json!("/x")),
        ("expires_in", json!("/x")),
        ("every", json!("0s")),
        ("max_stale", json!("10s")),
        ("headers", json!({ "Host": "x" })),
    ] {
        let found = source(name, value.clone());
        assert_eq!(found.len(), 1, "{name} {value}: {found:?}");
        let place = format!("upstream.credential.source.{name}");
        assert!(found[0].starts_with(&place), "{found:?}");
    }
    let mut two = grant();
    two["value"] = json!(SECRET);
    assert_eq!(
        errors(&with_credential(two)),
        ["upstream.credential: expected exactly one of `value`, `source` and `client_credentials`"]
    );
}

#[test]
fn on_gateways_of_nginx_the_server_is_a_name_and_a_port() {
    for host in ["kong", "apisix"] {
        for (server, fit) in [
            ("sso.example:443", true),
            ("outbound|443||sso", false),
            ("10.0.0.7:443", false),
        ] {
            let mut configuration = with("upstream", json!(server));
            configuration["host"] = json!({ "name": host });
            let world = match host {
                "kong" => World::kong(&configuration),
                _ => World::apisix(&configuration),
            };
            assert_eq!(
                world.configured,
                fit,
                "{host} {server}: {:?}",
                world.errors()
            );
        }
    }
}
