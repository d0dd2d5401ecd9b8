//! What is signed: method, path and time, as they were sent.

use super::{alice, refused, with_alice, world};
use crate::world::cli::send;
use crate::world::{NOW, World};
use serde_json::json;

#[test]
fn the_query_is_the_time_and_nothing_else() {
    let world = world();
    for query in [
        "".to_owned(),
        "?".to_owned(),
        "?ts".to_owned(),
        "?ts=".to_owned(),
        format!("?ts={NOW}&ts={NOW}"),
        format!("?ts={NOW}&ts=1"),
        format!("?ts={NOW}&model=x"),
        format!("?model=x&ts={NOW}"),
        format!("?ts={NOW}&"),
        format!("?TS={NOW}"),
        format!("?t%73={NOW}"),
        format!("?ts=%31{}", &NOW.to_string()[1..]),
        format!("?ts=+{NOW}"),
        format!("?ts=-{NOW}"),
        format!("?ts=0{NOW}"),
        format!("?ts={NOW}.0"),
        format!("?ts={NOW}000"),
        format!("?ts={NOW}#"),
        "?ts=now".to_owned(),
        "?ts=18446744073709551616".to_owned(),
    ] {
        // Signed as it stands there, and as the CLI would have signed it.
        for message in [
            format!("GET,/api/tags{query}"),
            format!("GET,/api/tags?ts={NOW}"),
        ] {
            let header = alice().over(&message);
            let seen = send(&world, "GET", &format!("/api/tags{query}"), &header);
            assert_eq!(seen.verdict(), refused("malformed_signature"), "{query}");
        }
    }
}

#[test]
fn what_was_signed_must_be_what_was_sent() {
    let world = world();
    let header = alice().header("GET", "/api/tags", NOW);
    let query = format!("?ts={NOW}");
    for (method, path) in [
        ("POST", "/api/chat"),
        ("HEAD", "/api/tags"),
        ("get", "/api/tags"),
        ("GET", "/api/ps"),
        ("GET", "/api/tags/"),
        ("GET", "/API/tags"),
        ("GET", "/api/%74ags"),
        ("DELETE", "/api/delete"),
    ] {
        let seen = send(&world, method, &format!("{path}{query}"), &header);
        let wrong = refused("invalid_signature");
        assert_eq!(seen.verdict(), wrong, "{method} {path}");
    }
    let later = format!("/api/tags?ts={}", NOW + 1);
    let seen = send(&world, "GET", &later, &header);
    assert_eq!(seen.verdict(), refused("invalid_signature"));
    for message in [
        format!("get,/api/tags{query}"),
        format!("GET /api/tags{query}"),
        format!("GET,/api/tags{query}\n"),
        format!(" GET,/api/tags{query}"),
        format!("GET,http://gate.example/api/tags{query}"),
        "GET,/api/tags".to_owned(),
        format!("GET,/api/tags,{NOW}"),
        String::new(),
    ] {
        let seen = send(
            &world,
            "GET",
            &format!("/api/tags{query}"),
            &alice().over(&message),
        );
        assert_eq!(seen.verdict(), refused("invalid_signature"), "{message:?}");
    }
}

#[test]
fn a_method_in_small_letters_is_no_route_even_if_it_was_signed_so() {
    let seen = alice().call(&world(), "get", "/api/tags");
    assert_eq!(seen.verdict(), (405, "method_not_allowed".into()));
}

#[test]
fn an_encoded_question_mark_is_refused_before_a_signature_is_looked_at() {
    // Decoded, both would be `GET,/v1/models/a?ts=NOW`.
    let world = world();
    let header = alice().over(&format!("GET,/v1/models/a?ts={NOW}"));
    let target = format!("/v1/models/a%3Fts={NOW}");
    for target in [target.clone(), format!("{target}?ts={NOW}")] {
        let seen = send(&world, "GET", &target, &header);
        assert_eq!(seen.verdict(), (400, "malformed_path".into()), "{target}");
    }
}

#[test]
fn the_path_is_signed_without_the_prefix_of_the_gate() {
    let mut all = with_alice();
    all["path_prefix"] = json!("/ollama");
    let below = World::new(&all);
    let query = format!("?ts={NOW}");
    let verdict = |path: &str, signed: &str| {
        let header = alice().header("GET", signed, NOW);
        send(&below, "GET", &format!("{path}{query}"), &header).verdict()
    };
    assert_eq!(verdict("/ollama/api/tags", "/api/tags").0, 200);
    assert_eq!(verdict("/ollama/", "/").0, 200);
    for (path, signed) in [
        ("/ollama/api/tags", "/ollama/api/tags"),
        ("/ollama/ollama/api/tags", "/api/tags"),
        ("/ollama/", "/ollama/"),
        ("/ollama", "/"),
        ("/%6fllama/api/tags", "/api/tags"),
    ] {
        let wrong = refused("invalid_signature");
        assert_eq!(verdict(path, signed), wrong, "{path}");
    }
    // A CLI that does not know the prefix: the signature is good, the route is none.
    let unknown = (404, "unknown_route".to_owned());
    assert_eq!(verdict("/api/tags", "/api/tags"), unknown);
    // A prefix in front of a gate that was not told of it.
    let header = alice().header("GET", "/api/tags", NOW);
    let seen = send(
        &world(),
        "GET",
        &format!("/ollama/api/tags{query}"),
        &header,
    );
    assert_eq!(seen.verdict(), refused("invalid_signature"));
}
