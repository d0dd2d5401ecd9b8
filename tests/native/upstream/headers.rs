//! What Ollama sees, and what it never does.

use crate::world::{KEY, World, configuration, jwt, with};
use ollama_gate_engine::internals::Place;
use serde_json::json;

const PRIVATE: &[&str] = &[
    "Authorization",
    "x-api-key",
    "api-key",
    "X-Ollama-Token",
    "proxy-authorization",
    "cookie",
    "x-forwarded-user",
    "X-Forwarded-Email",
    "x-forwarded-groups",
    "x-forwarded-preferred-username",
    "remote-user",
    "X-Remote-User",
    "x-user-id",
    "X-User-Roles",
    "x-openwebui-user-email",
    "X-OpenWebUI-User-Jwt",
    "x-auth-request-user",
    "x-credential-identifier",
    "x_forwarded_user",
    "x-forwarded-access-token",
    "x-forwarded-id-token",
    "x-access-token",
    "x-auth-token",
    "x-id-token",
    "x-goog-api-key",
    "x-user",
    "x-userinfo",
    "x-auth-user",
    "x-authenticated-user",
    "x-webauth-user",
    "x-remote-email",
    "x-remote-groups",
    "x-consumer-username",
    "x-amzn-oidc-accesstoken",
    "cf-access-jwt-assertion",
    "remote-email",
    "remote-groups",
    "tailscale-user-login",
    "apikey",
    "X-Litellm-Api-Key",
    "X-Forwarded-Authorization",
    "X-Original-Authorization",
    "Ocp-Apim-Subscription-Key",
    "X-Refresh-Token",
    "X-Raw-Id-Token",
    "Token",
    "X-Auth-Key",
    "X-Auth-Email",
    "X-Goog-Iap-Jwt-Assertion",
    "X-Goog-Authenticated-User-Email",
    "X-Ms-Client-Principal",
    "X-Ms-Client-Principal-Name",
    "X-Ms-Token-Aad-Access-Token",
    "X-Pomerium-Jwt-Assertion",
    "X-Authentik-Username",
    "X-Vouch-User",
    "X-Forwarded-Client-Cert",
    "X-Ssl-Client-Cert",
    "x_jwt_assertion",
];

#[test]
fn nothing_private_goes_on_whichever_credential_was_used() {
    let world = World::new(&configuration());
    let is_place = |name: &str| {
        let mut places = Place::ALL.into_iter();
        places.any(|place| place.name().eq_ignore_ascii_case(name))
    };
    for place in Place::ALL.map(Place::name) {
        let fields: Vec<_> = PRIVATE
            .iter()
            .filter(|name| !is_place(name))
            .map(|name| (*name, "stolen"))
            .chain([
                (place, KEY),
                ("origin", "https://evil.example"),
                ("accept", "*/*"),
            ])
            .collect();
        let seen = world.send("POST", "/api/chat", &fields);
        assert_eq!(seen.verdict().0, 200, "{place}");
        let upstream = seen.upstream.as_ref().unwrap();
        for (name, value) in upstream {
            assert!(value != "stolen" && !value.contains(KEY), "{name}: {value}");
        }
        assert_eq!(
            seen.upstream_values("accept"),
            ["*/*"],
            "the rest is untouched: {place}"
        );
        assert_eq!(seen.upstream_values("user-agent"), ["test"], "{place}");
        assert!(seen.upstream_values("origin").is_empty(), "{place}");
    }
}

#[test]
fn every_credential_place_is_emptied_not_only_the_one_that_was_used() {
    let world = World::new(&configuration());
    let token = jwt(json!({}));
    let fields = [
        ("x-api-key", KEY),
        ("authorization", token.as_str()),
        ("api-key", KEY),
        ("x-ollama-token", ""),
    ];
    let seen = world.send("GET", "/api/tags", &fields);
    assert_eq!(seen.verdict().0, 200);
    for place in Place::ALL.map(Place::name) {
        assert!(seen.upstream_values(place).is_empty(), "{place}");
    }
}

#[test]
fn what_is_taken_out_may_not_stand_twice() {
    let headers = json!({ "subject": "X-My-User" });
    let world = World::new(&with("/upstream", json!({ "identity_headers": headers })));
    for (one, other) in [
        ("cookie", "Cookie"),
        ("x-forwarded-user", "X-Forwarded-User"),
        ("x-user-id", "x-user-id"),
        ("origin", "origin"),
        ("x-my-user", "X-My-User"),
        ("x_api_key", "X_Api_Key"),
    ] {
        let fields = [("authorization", KEY), (one, "a"), (other, "b")];
        let verdict = world.send("GET", "/", &fields).verdict();
        assert_eq!(verdict, (400, "malformed_request".into()), "{one}");
        let once = world.send("GET", "/", &[fields[0], fields[1]]);
        assert_eq!(once.verdict().0, 200, "{one}");
    }
    let unrelated = [("authorization", KEY), ("accept", "a"), ("accept", "b")];
    assert_eq!(world.send("GET", "/", &unrelated).verdict().0, 200);
}

#[test]
fn a_public_request_is_stripped_too() {
    let world = World::new(&with("/public", json!(["health"])));
    let seen = world.send(
        "GET",
        "/",
        &[
            ("authorization", KEY),
            ("cookie", "a=b"),
            ("x-forwarded-user", "root"),
        ],
    );
    for name in ["authorization", "cookie", "x-forwarded-user"] {
        assert!(seen.upstream_values(name).is_empty(), "{name}");
    }
}

#[test]
fn the_host_is_the_configured_one() {
    let world = World::new(&configuration());
    assert_eq!(
        world.bearer("GET", "/", KEY).upstream_values(":authority"),
        ["localhost:11434"]
    );
    let other = World::new(&with("/upstream", json!({ "host": "ollama.internal" })));
    assert_eq!(
        other.bearer("GET", "/", KEY).upstream_values(":authority"),
        ["ollama.internal"]
    );
}

#[test]
fn identity_headers_are_set_only_where_asked_and_never_the_clients() {
    let headers = json!({ "subject": "X-My-User", "credential_id": "X-Credential-Identifier" });
    let world = World::new(&with("/upstream", json!({ "identity_headers": headers })));
    let spoofed = [
        ("authorization", KEY),
        ("x-my-user", "root"),
        ("X-Credential-Identifier", "admin"),
    ];
    let seen = world.send("GET", "/", &spoofed);
    assert_eq!(seen.upstream_values("x-my-user"), ["alice"]);
    assert_eq!(
        seen.upstream_values("x-credential-identifier"),
        ["alice-laptop"]
    );
    let by_token = world.bearer("GET", "/", &jwt(json!({ "sub": "bob" })));
    assert_eq!(by_token.upstream_values("x-my-user"), ["bob"]);
    assert_eq!(
        by_token.upstream_values("x-credential-identifier"),
        ["open-webui"]
    );
    let unasked = World::new(&configuration()).send("GET", "/", &spoofed[..1]);
    assert!(
        unasked
            .upstream_values("x-credential-identifier")
            .is_empty()
    );
}

#[test]
fn each_identity_header_is_the_gates_own_where_it_is_the_only_one() {
    for (member, own) in [("subject", "alice"), ("credential_id", "alice-laptop")] {
        let mut configuration = with("/public", json!(["health"]));
        configuration["upstream"] = json!({ "identity_headers": { member: "X-Told" } });
        let world = World::new(&configuration);
        let spoofed = [("x-told", "root"), ("authorization", KEY)];
        let seen = world.send("GET", "/api/tags", &spoofed);
        assert_eq!(seen.upstream_values("x-told"), [own], "{member}");
        let public = world.send("GET", "/", &spoofed[..1]);
        assert!(public.upstream_values("x-told").is_empty(), "{member}");
    }
}

#[test]
fn a_public_caller_has_no_identity_and_cannot_bring_one() {
    let mut configuration = with("/public", json!(["health"]));
    configuration["upstream"] = json!({ "identity_headers": { "subject": "X-My-User" } });
    let seen = World::new(&configuration).send("GET", "/", &[("x-my-user", "root")]);
    assert_eq!(seen.verdict().0, 200);
    assert!(seen.upstream_values("x-my-user").is_empty());
}

#[test]
fn a_name_that_breaks_a_header_is_refused() {
    let world = World::new(&with(
        "/upstream",
        json!({ "identity_headers": { "subject": "X-My-User" } }),
    ));
    for subject in [
        "a\r\nx-evil: 1",
        "a\nb",
        "a\u{0}b",
        "a\tb",
        "\u{7f}",
        "é\u{85}",
    ] {
        let seen = world.bearer("GET", "/", &jwt(json!({ "sub": subject })));
        assert_eq!(
            seen.verdict(),
            (403, "unsafe_identity".into()),
            "{subject:?}"
        );
    }
    let elsewhere =
        World::new(&configuration()).bearer("GET", "/", &jwt(json!({ "sub": "a\r\nb" })));
    assert_eq!(
        elsewhere.verdict().0,
        200,
        "it does no harm where it goes into no header"
    );
    assert_eq!(
        elsewhere.record["subject"], "a\r\nb",
        "and is escaped in the log"
    );
}

#[test]
fn a_configured_identity_header_is_taken_out_in_every_spelling() {
    let headers = json!({ "subject": "X-My-User" });
    let world = World::new(&with("/upstream", json!({ "identity_headers": headers })));
    for spelled in ["x-my-user", "X-MY-USER", "x_my_user", "X_My-User"] {
        let seen = world.send("GET", "/", &[("authorization", KEY), (spelled, "root")]);
        assert_eq!(seen.verdict().0, 200, "{spelled}");
        for (name, value) in seen.upstream.as_ref().unwrap() {
            assert!(value != "root", "{name}: {value}");
        }
        assert_eq!(seen.upstream_values("x-my-user"), ["alice"], "{spelled}");
    }
}

#[test]
fn a_request_may_have_99_header_fields_and_no_more() {
    let world = World::new(&configuration());
    let with_fields = |count: usize| {
        let filler = [("x-filler", "1")].repeat(count - 1);
        let fields: Vec<_> = filler.into_iter().chain([("x-api-key", KEY)]).collect();
        let pseudo = [
            (":method", "GET"),
            (":path", "/"),
            (":authority", "gate.example"),
        ];
        world.send_raw(&[&pseudo[..], &fields].concat()).verdict()
    };
    assert_eq!(with_fields(99).0, 200);
    assert_eq!(with_fields(100), (400, "malformed_request".into()));
}
