//! Claims that Ollama, or a program before it, is told in headers.

use crate::world::{KEY, NOW, SECRET, Seen, World, header, jwt, sign, with};
use serde_json::{Value, json};

fn world() -> World {
    let claims = json!({
        "X-User-Email": "email", "X-User-Groups": "/org/groups", "X-User-Age": "age", "X-User-Admin": "admin",
    });
    let headers = json!({ "identity_headers": { "subject": "X-User-Subject", "claims": claims } });
    World::new(&with("/upstream", headers))
}

fn ask(world: &World, claims: Value) -> Seen {
    world.bearer("GET", "/api/tags", &jwt(claims))
}

#[test]
fn a_claim_goes_into_its_header() {
    let seen = ask(
        &world(),
        json!({ "email": "a@example.com", "org": { "groups": ["x", "y"] }, "age": 7, "admin": false }),
    );
    assert_eq!(seen.verdict().0, 200);
    assert_eq!(seen.upstream_values("x-user-subject"), ["alice"]);
    assert_eq!(seen.upstream_values("x-user-email"), ["a@example.com"]);
    assert_eq!(seen.upstream_values("x-user-groups"), ["x,y"]);
    assert_eq!(seen.upstream_values("x-user-age"), ["7"]);
    assert_eq!(seen.upstream_values("x-user-admin"), ["false"]);
    assert!(!seen.record.to_string().contains("a@example.com"));
}

#[test]
fn a_claim_that_is_not_there_makes_no_header() {
    let seen = ask(&world(), json!({ "email": "", "org": { "groups": [] } }));
    assert_eq!(seen.verdict().0, 200);
    for name in [
        "x-user-email",
        "x-user-groups",
        "x-user-age",
        "x-user-admin",
    ] {
        assert_eq!(seen.upstream_values(name), Vec::<&str>::new(), "{name}");
    }
}

#[test]
fn what_the_client_sends_in_such_a_header_never_arrives() {
    let world = world();
    let bearer = format!("Bearer {}", jwt(json!({ "email": "a@example.com" })));
    let fields = [
        ("authorization", bearer.as_str()),
        ("X-User-Email", "root@example.com"),
        ("x-user-age", "99"),
        ("x_user_admin", "true"),
    ];
    let seen = world.send("GET", "/api/tags", &fields);
    assert_eq!(seen.verdict().0, 200);
    assert_eq!(seen.upstream_values("x-user-email"), ["a@example.com"]);
    for name in ["x-user-age", "x_user_admin", "x-user-admin"] {
        assert_eq!(seen.upstream_values(name), Vec::<&str>::new(), "{name}");
    }
    // A key has no claims, and what the client writes is taken off all the same.
    let fields = [
        ("authorization", &*format!("Bearer {KEY}")),
        ("x-user-email", "root@example.com"),
    ];
    let seen = world.send("GET", "/api/tags", &fields);
    assert_eq!(seen.upstream_values("x-user-email"), Vec::<&str>::new());
    assert_eq!(seen.upstream_values("x-user-subject"), ["alice"]);
    let fields = [
        ("authorization", bearer.as_str()),
        ("x-user-email", "a"),
        ("X-User-Email", "b"),
    ];
    let twice = world.send("GET", "/api/tags", &fields);
    assert_eq!(twice.verdict(), (400, "malformed_request".to_owned()));
}

#[test]
fn a_value_that_is_no_header_value_is_refused() {
    let world = world();
    let unsafe_identity = (403, "unsafe_identity".to_owned());
    for email in [
        json!("a\r\nx-admin: yes"),
        json!("a\nb"),
        json!("a\rb"),
        json!("a\u{0}b"),
        json!("a\tb"),
        json!("\u{7f}"),
        json!("a\u{85}b"),
        json!(["fit", "not\r\nfit"]),
    ] {
        let seen = ask(&world, json!({ "email": email }));
        assert_eq!(seen.verdict(), unsafe_identity, "{email}");
        let body = seen.body();
        let message = body["error"].as_str().unwrap();
        let named = "its claim `email`, which goes into the header `x-user-email`, holds a control";
        assert!(message.contains(named), "{message}");
    }
    for email in [
        json!({}),
        json!([1]),
        json!([1, null]),
        json!([["a"]]),
        json!({ "a": "b" }),
    ] {
        let seen = ask(&world, json!({ "email": email }));
        assert_eq!(
            seen.verdict(),
            (401, "malformed_token".to_owned()),
            "{email}"
        );
    }
    for nothing in ["null", "[null]", "[]"] {
        let claims = format!(r#"{{"sub":"alice","exp":{},"email":{nothing}}}"#, NOW + 60);
        let token = sign(&header().to_string(), &claims, SECRET);
        let seen = world.bearer("GET", "/api/tags", &token);
        assert_eq!(seen.verdict(), (200, String::new()), "{nothing}");
        assert!(seen.upstream_values("x-user-email").is_empty(), "{nothing}");
    }
}

#[test]
fn a_subject_that_is_no_header_value_is_refused() {
    let world = world();
    for subject in ["a\r\nb", "a\tb", "é\u{0}"] {
        let seen = ask(&world, json!({ "sub": subject }));
        assert_eq!(
            seen.verdict(),
            (403, "unsafe_identity".to_owned()),
            "{subject:?}"
        );
        let body = seen.body();
        let message = body["error"].as_str().unwrap();
        let named = "the caller's name, which goes into the header `x-user-subject`, holds";
        assert!(message.contains(named), "{message}");
    }
}

#[test]
fn a_name_with_spaces_or_letters_beyond_ascii_gets_in_and_can_be_read_back() {
    let world = world();
    for (claims, header, value) in [
        (
            json!({ "email": "Alice Smith" }),
            "x-user-email",
            "Alice Smith",
        ),
        (
            json!({ "email": " Zoë 100% " }),
            "x-user-email",
            "%20Zo%C3%AB 100%25%20",
        ),
        (
            json!({ "sub": "Zoë Smith" }),
            "x-user-subject",
            "Zo%C3%AB Smith",
        ),
        (
            json!({ "org": { "groups": ["authentik Admins", "Bücher"] } }),
            "x-user-groups",
            "authentik Admins,B%C3%BCcher",
        ),
        // The right-to-left override and the line separator mean nothing to a reader of headers.
        (
            json!({ "email": "a\u{2028}\u{202e}b" }),
            "x-user-email",
            "a%E2%80%A8%E2%80%AEb",
        ),
    ] {
        // Remembered or not, it is the same.
        for _ in 0..2 {
            let seen = ask(&world, claims.clone());
            assert_eq!(seen.verdict(), (200, String::new()), "{claims}");
            assert_eq!(seen.upstream_values(header), [value], "{claims}");
        }
    }
}

#[test]
fn no_name_can_look_like_two_or_like_another() {
    let world = world();
    let groups = |groups: Value| {
        let seen = ask(&world, json!({ "org": { "groups": groups } }));
        seen.upstream_values("x-user-groups")[0].to_owned()
    };
    assert_eq!(groups(json!(["staff", "x,admin"])), "staff,x%2Cadmin");
    assert_eq!(groups(json!("x,admin")), "x%2Cadmin");
    assert_eq!(groups(json!(["x%2Cadmin"])), "x%252Cadmin");
    assert_eq!(groups(json!(["%61dmin"])), "%2561dmin");
}
