//! What `cors` may say.

use super::{APP, OTHER, allowing, header, preflight};
use crate::world::{Gateway, KEY, World, configuration, errors, with};
use serde_json::{Value, json};

#[test]
fn the_file_with_fewer_exports_refuses_it_and_names_the_other() {
    let of = |configuration: &Value| {
        let gateway = Gateway::default();
        gateway.0.has_fewer_exports.set(true);
        World::on(gateway, configuration.to_string().as_bytes())
    };
    let world = of(&allowing());
    assert!(!world.configured);
    assert_eq!(
        world.errors(),
        [
            "cors: needs the callbacks for responses, which `ollama_gate_envoy.wasm` leaves out: load \
             `ollama_gate.wasm` in its place"
        ]
    );
    let seen = world.bearer("GET", "/", KEY);
    assert_eq!(seen.verdict(), (500, "misconfigured".into()));
    for none in [json!({}), json!([]), json!({ "allow_origins": [] })] {
        assert!(of(&with("/cors", none.clone())).configured, "{none}");
    }
    assert!(of(&configuration()).configured);
}

#[test]
fn an_origin_is_written_as_browsers_write_it() {
    let expected = "expected an origin as browsers write it, such as \"https://app.example.com\": in lower case, \
                    without a slash or a path behind it, and without the scheme's own port, found";
    for (origin, message) in [
        ("*", "is a wildcard: list each origin".to_owned()),
        (
            "https://*.example.com",
            "is a wildcard: list each origin".to_owned(),
        ),
        (
            "null",
            "is the origin of every page that hides its own, and cannot be listed".to_owned(),
        ),
        (
            "https://a.example/",
            format!("{expected} `https://a.example/`"),
        ),
        ("a.example", format!("{expected} `a.example`")),
        ("https://a:443", format!("{expected} `https://a:443`")),
    ] {
        let found = errors(&with("/cors", json!({ "allow_origins": [APP, origin] })));
        assert_eq!(
            found,
            [format!("cors.allow_origins[1]: {message}")],
            "{origin}"
        );
    }
    for (value, message) in [
        (
            json!({ "allow_origins": [APP, OTHER, APP] }),
            "cors.allow_origins[2]: is a duplicate",
        ),
        (
            json!({ "allow_origins": APP }),
            "cors.allow_origins: expected a list of origins, found a string",
        ),
        (
            json!({ "allow_origins": [7] }),
            &format!("cors.allow_origins[0]: {expected} `7`"),
        ),
        (json!(true), "cors: expected an object, found a boolean"),
        (
            json!({ "origins": [APP] }),
            "cors.origins: unknown field, expected one of allow_origins, allow_headers",
        ),
    ] {
        assert_eq!(errors(&with("/cors", value.clone())), [message], "{value}");
    }
}

#[test]
fn a_page_may_send_the_headers_that_are_listed_and_no_other() {
    let listing = json!({ "allow_origins": [APP], "allow_headers": ["X-Title", "HTTP-Referer"] });
    let asked = "x-title,http-referer,x-other,cookie";
    for (cors, expected) in [
        (listing, "x-requested-with, x-title, http-referer"),
        (json!({ "allow_origins": [APP] }), "x-requested-with"),
    ] {
        let world = World::new(&with("/cors", cors.clone()));
        let seen = preflight(&world, "/v1/chat/completions", APP, asked);
        let allowed = header(&seen, "access-control-allow-headers").unwrap();
        assert!(allowed.ends_with(expected), "{cors}: {allowed}");
        assert!(
            !allowed.contains("x-other") && !allowed.contains("cookie"),
            "{cors}: {allowed}"
        );
        let seen = preflight(
            &world,
            "/v1/chat/completions",
            "https://evil.example",
            asked,
        );
        assert_eq!(
            header(&seen, "access-control-allow-headers"),
            None,
            "{cors}"
        );
    }
}

#[test]
fn a_header_that_no_page_may_set_is_not_listed() {
    for (name, expected) in [
        ("*", "expected the name of a header"),
        ("x title", "expected the name of a header"),
        ("", "expected the name of a header"),
        ("Authorization", "may be sent anyway"),
        ("OpenAI-Beta", "may be sent anyway"),
        ("Cookie", "is for browsers and gateways alone to set"),
        ("Host", "is for browsers and gateways alone to set"),
        ("Origin", "is for browsers and gateways alone to set"),
        (
            "Content-Length",
            "is for browsers and gateways alone to set",
        ),
        (
            "Sec-Fetch-Site",
            "is for browsers and gateways alone to set",
        ),
        ("apikey", "never reaches Ollama"),
        ("X-Forwarded-User", "never reaches Ollama"),
    ] {
        let cors = json!({ "allow_origins": [APP], "allow_headers": [name] });
        let found = errors(&with("/cors", cors));
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        assert!(
            found[0].starts_with("cors.allow_headers[0]: "),
            "{name}: {found:?}"
        );
        assert!(found[0].contains(expected), "{name}: {found:?}");
    }
    let twice = json!({ "allow_origins": [APP], "allow_headers": ["X-Title", "x-title"] });
    assert_eq!(
        errors(&with("/cors", twice)),
        ["cors.allow_headers[1]: is a duplicate"]
    );
    for none in [
        json!({ "allow_headers": ["X-Title"] }),
        json!({ "allow_origins": [], "allow_headers": ["X-Title"] }),
    ] {
        let expected = "cors.allow_headers: has no effect without sites in `allow_origins`";
        assert_eq!(errors(&with("/cors", none.clone())), [expected], "{none}");
    }
}
