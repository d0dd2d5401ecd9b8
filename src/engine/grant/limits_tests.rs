use super::*;
use crate::ollama::body::{BodyKind, Reader};
use crate::ollama::{ROUTES, Route};

fn members(route: &Route, body: &str) -> Members {
    let kind = match route.naming() {
        Naming::Create => BodyKind::Create,
        _ => BodyKind::Json,
    };
    let mut reader = Reader::new(kind, b"").unwrap();
    reader.feed(body.as_bytes()).unwrap();
    reader.finish().unwrap()
}

fn route(path: &str) -> &'static Route {
    Route::find(b"POST", path).unwrap()
}

/// The sentence of the refusal, or nothing where there is none.
fn refused(limits: &RequestLimits, path: &str, body: &str) -> String {
    match limits.check(route(path), &members(route(path), body)) {
        Ok(()) => String::new(),
        Err(denial) => {
            assert_eq!(denial.reason(), Reason::LimitExceeded);
            denial.message()
        }
    }
}

fn passes(limits: &RequestLimits, path: &str, body: &str) {
    assert_eq!(refused(limits, path, body), "", "{path} {body}");
}

const PREFIX: &str = "the request exceeds the credential's limits: ";

#[test]
fn keep_alive_is_bounded_and_may_be_left_out() {
    let limits = RequestLimits {
        keep_alive: Some(Duration::from_secs(600)),
        ..RequestLimits::default()
    };
    for value in [
        "\"10m\"",
        "600",
        "600.0",
        "6e2",
        "599.999999999",
        "\"9m59.9s\"",
        "0",
        "\"0\"",
        "null",
    ] {
        passes(
            &limits,
            "/api/chat",
            &format!(r#"{{"keep_alive": {value}}}"#),
        );
    }
    passes(&limits, "/api/chat", "{}");
    for value in [
        "-1",
        "-0.5",
        "\"-1\\u0073\"",
        "\"-1ns\"",
        "601",
        "600.000001",
        "\"10m1ns\"",
        "\"600001ms\"",
        "\"1h\"",
        "\"2562047h\"",
        "9e9",
    ] {
        let body = format!(r#"{{"keep_alive": {value}}}"#);
        let expected = format!("{PREFIX}`keep_alive` may be from 0 to 10m, or left out");
        assert_eq!(refused(&limits, "/api/chat", &body), expected, "{value}");
    }
}

#[test]
fn num_ctx_is_bounded_and_may_be_left_out() {
    let limits = RequestLimits {
        num_ctx: Some(8192),
        ..RequestLimits::default()
    };
    for value in ["8192", "8192.9", "8.192e3", "1", "1.9", "null"] {
        let body = format!(r#"{{"options": {{"num_ctx": {value}}}}}"#);
        passes(&limits, "/api/generate", &body);
    }
    for body in ["{}", r#"{"options": {}}"#, r#"{"num_ctx": 9000}"#] {
        passes(&limits, "/api/generate", body);
    }
    for value in [
        "8193",
        "8193.0",
        "1e4",
        "9007199254740992",
        "0",
        "0.9",
        "-0",
        "-1",
        "-8192",
    ] {
        let body = format!(r#"{{"options": {{"num_ctx": {value}}}}}"#);
        let expected = format!("{PREFIX}`options.num_ctx` may be from 1 to 8192");
        assert_eq!(
            refused(&limits, "/api/generate", &body),
            expected,
            "{value:?}"
        );
    }
}

#[test]
fn what_is_predicted_has_to_be_bounded_by_the_member_that_ollama_reads() {
    let limits = RequestLimits {
        num_predict: Some(100),
        ..RequestLimits::default()
    };
    let all = [
        ("options.num_predict", r#""options": {"num_predict": N}"#),
        ("max_tokens", r#""max_tokens": N"#),
        ("max_completion_tokens", r#""max_completion_tokens": N"#),
        ("max_output_tokens", r#""max_output_tokens": N"#),
    ];
    for (path, own) in [
        ("/api/generate", "options.num_predict"),
        ("/api/chat", "options.num_predict"),
        ("/v1/chat/completions", "max_tokens"),
        ("/v1/completions", "max_tokens"),
        ("/v1/messages", "max_tokens"),
        ("/v1/responses", "max_output_tokens"),
    ] {
        let missing = format!("{PREFIX}send `{own}`, of 1 to 100");
        for body in ["{}".to_owned(), null(own)] {
            assert_eq!(refused(&limits, path, &body), missing, "{path} {body}");
        }
        for (name, member) in all {
            let body = |value: &str| format!("{{{}}}", member.replace('N', value));
            for value in ["1", "99", "100"] {
                let expected = if name == own { "" } else { &missing };
                let body = body(value);
                assert_eq!(refused(&limits, path, &body), expected, "{path} {body}");
            }
            for value in ["101", "0", "-1", "-2", "9007199254740992"] {
                let body = body(value);
                let expected = format!("{PREFIX}`{name}` may be from 1 to 100");
                assert_eq!(refused(&limits, path, &body), expected, "{path} {body}");
            }
        }
        // One that is right does not make up for one that is not.
        let body = r#"{"options": {"num_predict": 5}, "max_tokens": 5, "max_output_tokens": 5,
                       "max_completion_tokens": 101}"#;
        assert!(!refused(&limits, path, body).is_empty(), "{path}");
    }
    let fraction = r#"{"options": {"num_predict": 100.9}}"#;
    passes(&limits, "/api/chat", fraction);
}

fn null(name: &str) -> String {
    match name.split_once('.') {
        Some((section, name)) => format!(r#"{{"{section}": {{"{name}": null}}}}"#),
        None => format!(r#"{{"{name}": null}}"#),
    }
}

/// The routes that run a model and predict nothing.
const EMBEDDING: [&str; 3] = ["/api/embed", "/api/embeddings", "/v1/embeddings"];

#[test]
fn every_route_that_predicts_is_bounded_or_refused() {
    let limits = RequestLimits {
        num_predict: Some(100),
        ..RequestLimits::default()
    };
    let nothing = Members::default();
    for route in ROUTES {
        let embeds = EMBEDDING.contains(&route.pattern());
        let predicts = route.scope() == Scope::Inference && !embeds;
        let denial = limits.check(route, &nothing).err();
        assert_eq!(
            denial.is_some(),
            predicts,
            "{}: `Bounded::of` in src/engine/grant/limits.rs and EMBEDDING in src/engine/grant/limits_tests.rs differ",
            route.pattern()
        );
    }
    let form = Route::find(b"POST", "/v1/audio/transcriptions").unwrap();
    assert!(limits.check_route(form).is_err());
    assert_eq!(limits.check_route(route("/api/chat")), Ok(()));
    assert_eq!(RequestLimits::default().check_route(form), Ok(()));
    let route = Route::mapped(vec!["POST"], "/v1/more", false, Scope::Inference);
    assert!(limits.check_route(&route).is_err());
    let body = r#"{"max_tokens": 5, "options": {"num_predict": 5}}"#;
    let body = members(&route, body);
    let denial = limits.check(&route, &body).unwrap_err();
    assert!(denial.message().contains("has no limit"));
    let route = Route::mapped(vec!["POST"], "/v1/more", false, Scope::Read);
    assert_eq!(limits.check(&route, &body), Ok(()));
}

/// What a model is made with is what every later request gets that leaves it out.
#[test]
fn parameters_of_a_model_to_create_are_bounded_as_options_are() {
    let ctx = RequestLimits {
        num_ctx: Some(8192),
        ..RequestLimits::default()
    };
    let predict = RequestLimits {
        num_predict: Some(100),
        ..RequestLimits::default()
    };
    for (limits, name, max) in [(&ctx, "num_ctx", 8192), (&predict, "num_predict", 100)] {
        let body =
            |value: &str| format!(r#"{{"model": "x", "parameters": {{"{name}": {value}}}}}"#);
        for value in ["1", "100", "100.9", "null"] {
            passes(limits, "/api/create", &body(value));
        }
        passes(limits, "/api/create", r#"{"model": "x", "from": "y"}"#);
        passes(limits, "/api/create", r#"{"parameters": null}"#);
        let stop = r#"{"parameters": {"stop": ["a"], "temperature": 0.5}}"#;
        passes(limits, "/api/create", stop);
        for value in ["1000000", "8193", "0", "-1", "-2", "1e9"] {
            let expected = format!("{PREFIX}`parameters.{name}` may be from 1 to {max}");
            assert_eq!(
                refused(limits, "/api/create", &body(value)),
                expected,
                "{name}, {value:?}"
            );
        }
        // Elsewhere nobody reads them, and another limit does not bound them.
        let asked = route("/api/chat");
        let asked = members(asked, &body("1000000"));
        assert_eq!((asked.num_ctx, asked.num_predict), (None, None), "{name}");
    }
    let other = r#"{"parameters": {"num_predict": 1000000}}"#;
    passes(&ctx, "/api/create", other);
}

#[test]
fn a_modelfile_is_refused_by_every_limit_on_what_it_can_say() {
    for (limits, bounds) in [
        (
            RequestLimits {
                num_ctx: Some(8192),
                ..RequestLimits::default()
            },
            true,
        ),
        (
            RequestLimits {
                num_predict: Some(100),
                ..RequestLimits::default()
            },
            true,
        ),
        (
            RequestLimits {
                no_raw: true,
                ..RequestLimits::default()
            },
            true,
        ),
        (
            RequestLimits {
                request_bytes: Some(1000),
                no_debug_render: true,
                keep_alive: Some(Duration::from_secs(5)),
                ..RequestLimits::default()
            },
            false,
        ),
    ] {
        for member in ["modelfile", "path"] {
            let body = format!(r#"{{"model": "x", "{member}": "FROM y"}}"#);
            let refusal = refused(&limits, "/api/create", &body);
            assert_eq!(refusal.contains(member), bounds, "{limits:?} {refusal}");
            passes(&limits, "/api/create", &format!(r#"{{"{member}": ""}}"#));
            passes(&limits, "/api/show", &body);
        }
    }
}

/// `{{ .Prompt }}` as the template leaves the prompt as it is, like `raw`.
#[test]
fn a_template_is_refused_as_raw_is() {
    let no_raw = RequestLimits {
        no_raw: true,
        ..RequestLimits::default()
    };
    let expected = format!("{PREFIX}leave `template` out");
    let long = "x".repeat(5000);
    for value in ["{{ .Prompt }}", " ", r"\ud800", &long] {
        let body = format!(r#"{{"template": "{value}"}}"#);
        for path in ["/api/generate", "/api/create"] {
            assert_eq!(refused(&no_raw, path, &body), expected, "{value:?}, {path}");
            passes(&RequestLimits::default(), path, &body);
        }
    }
    for none in [r#"{"template": ""}"#, r#"{"template": null}"#, "{}"] {
        passes(&no_raw, "/api/generate", none);
        passes(&no_raw, "/api/create", none);
    }
}

#[test]
fn raw_and_debug_are_refused_only_where_they_are_asked_for() {
    let no_raw = RequestLimits {
        no_raw: true,
        ..RequestLimits::default()
    };
    let no_debug = RequestLimits {
        no_debug_render: true,
        ..RequestLimits::default()
    };
    for (limits, other, name) in [
        (&no_raw, &no_debug, "raw"),
        (&no_debug, &no_raw, "_debug_render_only"),
    ] {
        let body = |value: &str| format!(r#"{{"{name}": {value}}}"#);
        let expected = format!("{PREFIX}leave `{name}` out");
        assert_eq!(
            refused(limits, "/api/generate", &body("true")),
            expected,
            "{name}"
        );
        passes(limits, "/api/generate", &body("false"));
        passes(limits, "/api/generate", &body("null"));
        passes(limits, "/api/generate", "{}");
        passes(other, "/api/generate", &body("true"));
    }
}

#[test]
fn a_body_is_too_long_from_one_byte_more_than_its_bound() {
    let limits = RequestLimits {
        request_bytes: Some(20),
        ..RequestLimits::default()
    };
    for (bytes, fit) in [(0, true), (20, true), (21, false), (u64::MAX, false)] {
        assert_eq!(limits.check_size(bytes).is_ok(), fit, "{bytes}");
    }
    passes(&limits, "/api/chat", "{                  }");
    assert_eq!(
        refused(&limits, "/api/chat", "{                   }"),
        format!("{PREFIX}the body may have 20 bytes at the most")
    );
}

#[test]
fn what_is_not_bounded_passes() {
    let body = r#"{"keep_alive": -1, "raw": true, "_debug_render_only": true, "max_tokens": -1,
                   "options": {"num_ctx": 9000000, "num_predict": -2}}"#;
    for route in ROUTES {
        let members = members(route, body);
        assert_eq!(
            RequestLimits::default().check(route, &members),
            Ok(()),
            "{route:?}"
        );
    }
}
