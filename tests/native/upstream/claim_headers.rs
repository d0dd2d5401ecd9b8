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
        json!("a b"),
        json!("\u{7f}"),
        json!("é@example.com"),
        json!("a\u{2028}b"),
        json!("名"),
        json!(["fit", "not\r\nfit"]),
        // A group of that name would be read as two.
        json!(["staff", "x,admin"]),
    ] {
        let seen = ask(&world, json!({ "email": email }));
        assert_eq!(seen.verdict(), unsafe_identity, "{email}");
    }
    for email in [
        json!({}),
        json!([1]),
        json!([null]),
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
    let null = format!(r#"{{"sub":"alice","exp":{},"email":null}}"#, NOW + 60);
    let token = sign(&header().to_string(), &null, SECRET);
    let seen = world.bearer("GET", "/api/tags", &token);
    assert_eq!(seen.verdict(), (200, String::new()), "nothing is no value");
}

#[test]
fn a_subject_that_is_no_header_value_is_refused() {
    let world = world();
    for subject in ["a\r\nb", "a b", "é"] {
        let seen = ask(&world, json!({ "sub": subject }));
        assert_eq!(
            seen.verdict(),
            (403, "unsafe_identity".to_owned()),
            "{subject:?}"
        );
    }
}
