//! From when and until when a token is valid.

use crate::world::{NOW, SECRET, World, configuration, header, jwt, sign, with};
use serde_json::{Value, json};

fn verdict(world: &World, token: &str) -> (u16, String) {
    world.bearer("GET", "/api/tags", token).verdict()
}

fn refused(code: &str) -> (u16, String) {
    (401, code.to_owned())
}

fn issuer(name: &str, value: Value) -> World {
    World::new(&with(&format!("/jwt/0/{name}"), value))
}

fn ok() -> (u16, String) {
    (200, String::new())
}

#[test]
fn a_token_lives_up_to_its_end_and_the_leeway() {
    let world = World::new(&configuration());
    for (claims, expected) in [
        (json!({ "exp": NOW - 59 }), (200, String::new())),
        (json!({ "exp": NOW - 60 }), refused("expired_token")),
        (json!({ "exp": 0 }), refused("expired_token")),
        (
            json!({ "exp": (NOW as f64) - 60.5 }),
            refused("expired_token"),
        ),
        (json!({ "exp": null }), refused("missing_expiry")),
        (
            json!({ "exp": (NOW + 60).to_string() }),
            refused("malformed_token"),
        ),
        (json!({ "exp": -1 }), refused("malformed_token")),
        (json!({ "exp": 1e18 }), refused("malformed_token")),
        (json!({ "nbf": NOW + 60 }), (200, String::new())),
        (json!({ "nbf": NOW + 61 }), refused("token_not_yet_valid")),
        (json!({ "nbf": "soon" }), refused("malformed_token")),
        (json!({ "iat": NOW + 61 }), refused("token_not_yet_valid")),
        (json!({ "iat": null }), (200, String::new())),
    ] {
        assert_eq!(verdict(&world, &jwt(claims.clone())), expected, "{claims}");
    }
}

#[test]
fn the_leeway_is_the_configurations() {
    let none = issuer("leeway", json!("0s"));
    assert_eq!(
        verdict(&none, &jwt(json!({ "exp": NOW }))),
        refused("expired_token")
    );
    assert_eq!(verdict(&none, &jwt(json!({ "exp": NOW + 1 }))).0, 200);
    let five = issuer("leeway", json!("5m"));
    assert_eq!(verdict(&five, &jwt(json!({ "exp": NOW - 299 }))).0, 200);
    assert_eq!(
        verdict(&five, &jwt(json!({ "exp": NOW - 300 }))),
        refused("expired_token")
    );
}

#[test]
fn an_expiry_is_optional_only_where_the_issuer_says_so() {
    let world = issuer("require_expiry", json!(false));
    assert_eq!(verdict(&world, &jwt(json!({ "exp": null }))).0, 200);
    assert_eq!(
        verdict(&world, &jwt(json!({ "exp": NOW - 61 }))),
        refused("expired_token")
    );
}

#[test]
fn a_time_that_is_no_time_never_becomes_one() {
    let world = World::new(&configuration());
    let none = issuer("require_expiry", json!(false));
    let with_time = |name: &str, written: &str| {
        let rest = match name {
            "exp" => String::new(),
            _ => format!(r#","exp":{}"#, NOW + 60),
        };
        let claims = format!(r#"{{"sub":"alice","{name}":{written}{rest}}}"#);
        sign(&header().to_string(), &claims, SECRET)
    };
    for name in ["exp", "nbf", "iat"] {
        for written in [
            "9007199254740992",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "1e19",
            "1e300",
            "-1",
            "-1e300",
            "-9223372036854775808",
            "-0.5",
            "true",
            "[1767225660]",
            "{}",
            "\"\"",
            "\"1767225660\"",
            "\"2026-01-01T00:00:00Z\"",
        ] {
            let token = with_time(name, written);
            for world in [&world, &none] {
                assert_eq!(
                    verdict(world, &token),
                    refused("malformed_token"),
                    "{name} {written}"
                );
            }
        }
        // No number of JSON.
        for written in [
            "1e400",
            "01767225660",
            "0x69",
            "+1",
            "NaN",
            "Infinity",
            "1_000",
            "1.",
        ] {
            let token = with_time(name, written);
            assert_eq!(
                verdict(&world, &token),
                refused("malformed_token"),
                "{name} {written}"
            );
        }
    }
}

#[test]
fn the_largest_time_is_far_ahead_and_does_not_wrap() {
    let mut most = with("/jwt/0/leeway", json!("5m"));
    most["jwt"][0]["max_age"] = json!("3650d");
    let world = World::new(&most);
    let largest = 999_999_999_999_i64;
    let fit = jwt(json!({ "exp": largest }));
    assert_eq!(verdict(&world, &fit).0, 200);
    let early = refused("token_not_yet_valid");
    assert_eq!(verdict(&world, &jwt(json!({ "nbf": largest }))), early);
    assert_eq!(verdict(&world, &jwt(json!({ "iat": largest }))), early);
    most["jwt"][0]["max_lifetime"] = json!("3650d");
    let world = World::new(&most);
    assert_eq!(verdict(&world, &fit), refused("excessive_lifetime"));
}

#[test]
fn a_fraction_of_a_second_is_cut_off() {
    let world = issuer("leeway", json!("0s"));
    let exp = |written: &str| {
        let claims = format!(r#"{{"sub":"alice","exp":{written}}}"#);
        verdict(&world, &sign(&header().to_string(), &claims, SECRET))
    };
    assert_eq!(exp(&format!("{NOW}.999")), refused("expired_token"));
    assert_eq!(exp(&format!("{}.0", NOW + 1)).0, 200);
    assert_eq!(exp("1.767225601e9").0, 200);
    assert_eq!(exp("1.767225600e9"), refused("expired_token"));
}

#[test]
fn a_token_may_be_so_old_and_no_older() {
    let world = issuer("max_age", json!("1h"));
    let issued = |iat: Value| verdict(&world, &jwt(json!({ "iat": iat, "exp": NOW + 9_000 })));
    assert_eq!(issued(json!(NOW - 3600)), ok());
    assert_eq!(issued(json!(NOW - 3659)), ok(), "with the leeway");
    assert_eq!(issued(json!(NOW - 3660)), refused("expired_token"));
    assert_eq!(issued(json!(0)), refused("expired_token"));
    assert_eq!(issued(json!(null)), refused("excessive_lifetime"));
    assert_eq!(issued(json!(NOW + 61)), refused("token_not_yet_valid"));
    assert_eq!(
        issued(json!((NOW - 60).to_string())),
        refused("malformed_token")
    );
}

#[test]
fn a_token_that_is_known_grows_too_old_as_well() {
    let world = issuer("max_age", json!("1h"));
    let token = jwt(json!({ "iat": NOW, "exp": NOW + 90_000 }));
    assert_eq!(verdict(&world, &token), ok());
    world.wait(3659);
    assert_eq!(verdict(&world, &token), ok());
    world.wait(1);
    assert_eq!(verdict(&world, &token), refused("expired_token"));
}

#[test]
fn a_token_may_live_so_long_and_no_longer() {
    let world = issuer("max_lifetime", json!("1d"));
    let lives = |iat: Value, exp: Value| verdict(&world, &jwt(json!({ "iat": iat, "exp": exp })));
    let excessive = refused("excessive_lifetime");
    assert_eq!(lives(json!(NOW), json!(NOW + 86_400)), ok());
    // No leeway: both are the issuer's own word.
    assert_eq!(lives(json!(NOW), json!(NOW + 86_401)), excessive);
    assert_eq!(lives(json!(NOW - 86_000), json!(NOW + 400)), ok());
    assert_eq!(lives(json!(NOW - 86_000), json!(NOW + 401)), excessive);
    assert_eq!(lives(json!(0), json!(NOW + 60)), excessive);
    assert_eq!(lives(json!(null), json!(NOW + 60)), excessive);
    let mut endless = with("/jwt/0/max_lifetime", json!("1d"));
    endless["jwt"][0]["require_expiry"] = json!(false);
    let world = World::new(&endless);
    assert_eq!(verdict(&world, &jwt(json!({ "exp": null }))), excessive);
}
