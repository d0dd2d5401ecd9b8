//! Passwords that a browser sends for pages of other sites.

use super::{all, basic, ok, refused};
use crate::world::{KEY, World};
use serde_json::json;

#[test]
fn a_page_of_another_site_cannot_use_a_password_that_the_browser_knows() {
    let world = World::new(&all());
    let send = |pair: &str, origin: &str, path: &str| {
        let fields = [
            ("authorization", basic(pair)),
            ("origin", origin.to_owned()),
        ];
        let fields = fields
            .each_ref()
            .map(|(name, value)| (*name, value.as_str()));
        world.send("POST", path, &fields).verdict()
    };
    let key = format!("alice:{KEY}");
    for pair in ["alice:correct horse", &key] {
        for foreign in ["https://evil.example", "null", "", "http://gate.example:81"] {
            for path in ["/api/chat", "/metrics", "/api/pull"] {
                let denied = refused(403, "origin_denied");
                assert_eq!(send(pair, foreign, path), denied, "{pair} {foreign} {path}");
            }
        }
        assert_eq!(
            send(pair, "https://gate.example", "/api/chat"),
            ok(),
            "{pair}"
        );
    }
    let wrong = send("alice:wrong", "https://evil.example", "/api/chat");
    assert_eq!(
        wrong,
        refused(401, "wrong_password"),
        "first who, then what"
    );
    // A key that the page brought itself is meant.
    let pair = basic("alice:correct horse");
    let fields = [
        ("authorization", pair.as_str()),
        ("origin", "https://evil.example"),
        ("x-api-key", KEY),
    ];
    assert_eq!(world.send("POST", "/api/chat", &fields).verdict(), ok());
}

#[test]
fn a_password_does_not_open_a_public_route_to_pages_of_other_sites() {
    let mut open = all();
    open["public"] = json!(["health"]);
    let world = World::new(&open);
    let pair = basic("alice:correct horse");
    let fields = [("authorization", pair.as_str()), ("origin", "null")];
    let denied = world.send("GET", "/", &fields);
    assert_eq!(denied.verdict(), refused(403, "origin_denied"));
    let told = denied.body()["error"].to_string();
    assert!(
        told.contains("the password that the browser sends"),
        "{told}"
    );
    assert_eq!(world.send("GET", "/", &fields[..1]).verdict(), ok());
    let wrong = basic("alice:wrong");
    let wrong = world.send("GET", "/", &[("authorization", &wrong)]);
    assert_eq!(wrong.verdict(), ok(), "nobody asks");
}
