//! What the section `login` may say.

use super::*;

fn errors(login: Value) -> Vec<String> {
    World::new(&with_login(login)).errors()
}

#[test]
fn a_login_alone_lets_somebody_in() {
    let mut configuration = with_login(json!({}));
    configuration.as_object_mut().unwrap().remove("api_keys");
    assert!(World::new(&configuration).configured);
}

#[test]
fn what_cannot_be_meant_is_refused_with_the_reason() {
    for (login, path, why) in [
        (
            json!({ "secrets": ["short-secret-0123456789"] }),
            "login.secrets[0]",
            "at least 32",
        ),
        (json!({ "secrets": [] }), "login.secrets", "1 to 4"),
        (
            json!({ "secrets": [RING, RING, RING, RING, RING] }),
            "login.secrets",
            "1 to 4",
        ),
        (
            json!({ "secrets": [{ "env": "UNSET", "optional": true }] }),
            "login.secrets",
            "none of the",
        ),
        (
            json!({ "secrets": ["change-me-change-me-change-me-change-me"] }),
            "login.secrets[0]",
            "danger",
        ),
        (
            json!({ "url": "http://gate.example" }),
            "login.url",
            "http://",
        ),
        (
            json!({ "url": "https://other.example" }),
            "login.url",
            "none of `hosts`",
        ),
        (
            json!({ "url": "https://gate.example/x" }),
            "login.url",
            "without a path",
        ),
        (
            json!({ "url": "gate.example" }),
            "login.url",
            "scheme and host",
        ),
        (json!({ "scope": "profile" }), "login.scope", "openid"),
        (
            json!({ "algorithms": ["HS256"] }),
            "login.algorithms[0]",
            "one of",
        ),
        (
            json!({ "algorithms": [] }),
            "login.algorithms",
            "found none",
        ),
        (
            json!({ "auth": "none" }),
            "login.client_secret",
            "no effect",
        ),
        (
            json!({ "client_secret": null }),
            "login.client_secret",
            "is required",
        ),
        (
            json!({ "auth": "private_key_jwt", "client_secret": null }),
            "login.private_key",
            "is required",
        ),
        (
            json!({ "auth": "private_key_jwt" }),
            "login.client_secret",
            "no effect",
        ),
        (
            json!({ "private_key": crate::world::p256_pem() }),
            "login.private_key",
            "no effect",
        ),
        (json!({ "key_id": "one" }), "login.key_id", "no effect"),
        (
            json!({ "auth": "private_key_jwt", "client_secret": null, "private_key": CLIENT_SECRET }),
            "login.private_key",
            "is no PEM",
        ),
        (
            json!({ "auth": "client_secret_jwt" }),
            "login.auth",
            "\"private_key_jwt\" or \"none\"",
        ),
        (
            json!({ "issuer": "sso.example" }),
            "login.issuer",
            "https://",
        ),
        (
            json!({ "issuer": "https://sso.example/?x=1" }),
            "login.issuer",
            "query",
        ),
        (
            json!({ "token_endpoint": "https://sso.example/t" }),
            "login.authorization_endpoint",
            "is required",
        ),
        (
            json!({ "authorization_endpoint": "https://sso.example/a", "token_endpoint": "https://sso.example/t",
                    "jwks_uri": "https://other.example/k" }),
            "login.jwks_uri",
            "another server than `token_endpoint`: name an upstream for it, `{ \"other.example\": \"NAME\" }` in",
        ),
        (
            json!({ "upstreams": { "https://other.example": "other" } }),
            "login.upstreams.…",
            "is not of a host such as",
        ),
        (
            json!({ "upstreams": { "öther.example": "other" } }),
            "login.upstreams.…",
            "is not of a host such as",
        ),
        (
            json!({ "upstreams": { "gate:secret@other.example": "other" } }),
            "login.upstreams.…",
            "is not of a host such as",
        ),
        (
            json!({ "upstreams": { "other.example": "" } }),
            "login.upstreams.…",
            "the name of an upstream",
        ),
        (
            json!({ "upstreams": { "other.example": "other", "Other.example:443": "other" } }),
            "login.upstreams.…",
            "is a duplicate, in another spelling",
        ),
        (
            json!({ "upstreams": { "SSO.example": "other" } }),
            "login.upstreams.…",
            "`SSO.example` is the server of `issuer`, which `upstream` names",
        ),
        (
            json!({ "authorization_endpoint": "https://sso.example/a", "token_endpoint": "https://sso.example/t",
                    "jwks_uri": "https://sso.example/k", "upstreams": { "sso.example": "other" } }),
            "login.upstreams.…",
            "`sso.example` is the server of `token_endpoint`",
        ),
        (
            json!({ "authorization_endpoint": "https://other.example/a", "token_endpoint": "https://sso.example/t",
                    "jwks_uri": "https://sso.example/k", "upstreams": { "other.example": "other" } }),
            "login.upstreams.…",
            "`other.example` has no effect: no endpoint is on it",
        ),
        (
            json!({ "userinfo": "yes" }),
            "login.userinfo",
            "true or false",
        ),
        (
            json!({ "userinfo_endpoint": "https://sso.example/me" }),
            "login.userinfo_endpoint",
            "no effect without `userinfo`",
        ),
        (
            json!({ "userinfo": true, "userinfo_endpoint": "https://other.example/me" }),
            "login.userinfo_endpoint",
            "another server than `issuer`",
        ),
        (
            json!({ "userinfo": true, "userinfo_endpoint": "/me" }),
            "login.userinfo_endpoint",
            "https://",
        ),
        (
            json!({ "userinfo": true, "authorization_endpoint": "https://sso.example/a",
                    "token_endpoint": "https://sso.example/t", "jwks_uri": "https://sso.example/k" }),
            "login.userinfo_endpoint",
            "is required with `userinfo`",
        ),
        (
            json!({ "cookie_expire": "30s" }),
            "login.cookie_expire",
            "1m",
        ),
        (
            json!({ "cookie_expire": "1h", "idle_timeout": "61m" }),
            "login.idle_timeout",
            "longer than `cookie_expire`",
        ),
        (
            json!({ "cookie_expire": "1h", "cookie_refresh": "1h" }),
            "login.cookie_refresh",
            "not less than `cookie_expire`",
        ),
        (
            json!({ "cookie_refresh": "9s" }),
            "login.cookie_refresh",
            "10s",
        ),
        (
            json!({ "idle_timeout": "119s" }),
            "login.idle_timeout",
            "2m",
        ),
        (
            json!({ "scope_map": { "a": ["read"] } }),
            "login.scope_map",
            "scopes_claim",
        ),
        (json!({ "upstream": "" }), "login.upstream", "upstream"),
    ] {
        let errors = errors(login.clone());
        let found = errors
            .iter()
            .any(|error| error.starts_with(path) && error.contains(why));
        assert!(found, "{login}: {errors:?}");
        let shown = errors.join("\n");
        assert!(
            !shown.contains(RING) && !shown.contains(CLIENT_SECRET),
            "{shown}"
        );
    }
}

#[test]
fn the_names_of_the_gate_have_to_be_listed() {
    let mut configuration = with_login(json!({}));
    configuration.as_object_mut().unwrap().remove("hosts");
    let errors = World::new(&configuration).errors();
    assert!(
        errors[0].starts_with("hosts: required with `login`"),
        "{errors:?}"
    );
}

#[test]
fn a_number_of_methods_and_a_session_exclude_each_other() {
    let mut configuration = with_login(json!({}));
    configuration["require"] = json!("all");
    let errors = World::new(&configuration).errors();
    assert!(
        errors
            .iter()
            .any(|error| error.starts_with("require: cannot stand beside")),
        "{errors:?}"
    );
    configuration["require"] = json!("any");
    assert!(World::new(&configuration).configured);
}

#[test]
fn only_this_very_machine_is_signed_in_at_without_tls() {
    let mut configuration = with_login(json!({ "url": "http://localhost:11435" }));
    configuration["hosts"] = json!(["localhost"]);
    let world = World::new(&configuration);
    assert!(world.configured, "{:?}", world.errors());
}

#[test]
fn on_gateways_of_nginx_the_provider_is_a_server_with_a_name() {
    for (upstream, good) in [
        ("sso.example:443", true),
        ("10.0.0.7:443", false),
        ("a b", false),
    ] {
        let mut configuration = with_login(json!({ "upstream": upstream }));
        configuration["host"] = json!({ "name": "apisix" });
        let errors = World::apisix(&configuration).errors();
        assert_eq!(errors.is_empty(), good, "{upstream}: {errors:?}");
    }
}

#[test]
fn a_gateway_that_sets_one_cookie_only_and_one_that_is_not_named_are_refused() {
    let mut configuration = with_login(json!({ "upstream": "sso.example:443" }));
    configuration["host"] = json!({ "name": "kong" });
    let errors = World::kong(&configuration).errors();
    assert!(
        errors[0].starts_with("login: is not supported on Kong"),
        "{errors:?}"
    );
    configuration.as_object_mut().unwrap().remove("host");
    let errors = World::new(&configuration).errors();
    assert!(
        errors[0].starts_with("host: is required with `login`"),
        "{errors:?}"
    );
}
