use super::*;
use crate::ollama::body::Reader;
use crate::ollama::{ModelPattern, ROUTES, Scope};

fn models(patterns: &[&str]) -> BodyRules {
    let patterns = patterns
        .iter()
        .map(|text| ModelPattern::parse(text).unwrap());
    BodyRules {
        models: vec![ModelRule::new(patterns)],
        ..BodyRules::default()
    }
}

fn limits(limits: RequestLimits) -> BodyRules {
    BodyRules {
        models: Vec::new(),
        limits,
    }
}

fn members(body: &str) -> Members {
    members_of(BodyKind::Json, body)
}

fn members_of(kind: BodyKind, body: &str) -> Members {
    let mut reader = Reader::new(kind, b"").unwrap();
    reader.feed(body.as_bytes()).unwrap();
    reader.finish().unwrap()
}

fn line(method: &'static str) -> RequestLine<'static> {
    RequestLine {
        method: method.as_bytes(),
        path: "",
        has_query: false,
    }
}

fn route(method: &str, path: &str) -> &'static Route {
    Route::find(method.as_bytes(), path).unwrap()
}

/// Code and sentence of the refusal of `body`, or nothing.
fn refused(rules: &BodyRules, route: &Route, body: &str) -> String {
    let line = line("POST");
    let kind = rules.kind(route, line).unwrap();
    // A form's members are what the same members of JSON would be.
    let members = match kind {
        BodyKind::Form => members(body),
        kind => members_of(kind, body),
    };
    match check([rules], ScopeSet::EVERY, route, kind, &members) {
        Ok(()) => String::new(),
        Err(denial) => format!("{} {}", denial.reason().code(), denial.message()),
    }
}

/// What each route does to a credential that may use `llama3.2` alone: what is read of it, what is
/// known by its head, and then of bodies with no model, the right one and another, whether each
/// passes.
#[test]
fn the_table_of_routes_under_a_model_rule() {
    const JSON: Option<BodyKind> = Some(BodyKind::Json);
    const CREATE: Option<BodyKind> = Some(BodyKind::Create);
    const FORM: Option<BodyKind> = Some(BodyKind::Form);
    let table = [
        ("GET", "/", None, true),
        ("HEAD", "/", None, true),
        ("GET", "/api/version", None, true),
        ("HEAD", "/api/version", None, true),
        ("GET", "/api/status", None, true),
        ("GET", "/api/tags", None, true),
        ("HEAD", "/api/tags", None, true),
        ("GET", "/api/ps", None, true),
        ("POST", "/api/show", JSON, true),
        ("GET", "/v1/models", None, true),
        ("GET", "/v1/models/mistral", None, false),
        ("GET", "/v1/models/llama3.2", None, true),
        ("GET", "/api/experimental/model-recommendations", None, true),
        ("POST", "/api/generate", JSON, true),
        ("POST", "/api/chat", JSON, true),
        ("POST", "/api/embed", JSON, true),
        ("POST", "/api/embeddings", JSON, true),
        ("POST", "/v1/chat/completions", JSON, true),
        ("POST", "/v1/completions", JSON, true),
        ("POST", "/v1/embeddings", JSON, true),
        ("POST", "/v1/responses", JSON, true),
        ("POST", "/v1/messages", JSON, true),
        ("POST", "/v1/audio/transcriptions", FORM, true),
        ("POST", "/api/pull", JSON, true),
        ("POST", "/api/push", JSON, true),
        ("POST", "/api/create", CREATE, true),
        ("POST", "/api/copy", JSON, true),
        ("DELETE", "/api/delete", JSON, true),
        ("POST", "/api/blobs/sha256:00", None, false),
        ("HEAD", "/api/blobs/sha256:00", None, false),
        ("POST", "/api/me", None, true),
        ("POST", "/api/signout", None, true),
        ("DELETE", "/api/user/keys/k", None, true),
        ("POST", "/api/experimental/web_search", None, true),
        ("POST", "/api/experimental/web_fetch", None, true),
    ];
    let known: usize = ROUTES.iter().map(|route| route.methods().len()).sum();
    assert_eq!(table.len(), known + 1, "one line for each, and two for one");
    let rules = models(&["llama3.2"]);
    for (method, path, kind, by_head) in table {
        let route = route(method, path);
        let line = RequestLine {
            method: method.as_bytes(),
            path,
            has_query: false,
        };
        assert_eq!(rules.kind(route, line), kind, "{method} {path}");
        let head = rules.check_head(route, line);
        assert_eq!(head.is_ok(), by_head, "{method} {path}");
        assert!(
            head.err()
                .is_none_or(|denial| denial.reason() == Reason::ModelDenied),
            "{method} {path}"
        );
        if kind.is_some() {
            let copy = path == "/api/copy";
            let body = |model: &str| {
                if copy {
                    format!(r#"{{"source": "{model}", "destination": "{model}"}}"#)
                } else {
                    format!(r#"{{"model": "{model}"}}"#)
                }
            };
            assert_eq!(
                refused(&rules, route, &body("LLAMA3.2:latest")),
                "",
                "{path}"
            );
            for denied in [
                "{}".to_owned(),
                body(""),
                body("mistral"),
                body("llama3.2:8b"),
                body("*"),
            ] {
                let refusal = refused(&rules, route, &denied);
                assert!(
                    refusal.starts_with("model_denied "),
                    "{path} {denied}: {refusal}"
                );
            }
        }
    }
}

#[test]
fn every_model_that_a_body_names_is_checked() {
    let rules = models(&["a", "b:*"]);
    for (path, body, fit) in [
        ("/api/show", r#"{"name": "a"}"#, true),
        ("/api/show", r#"{"name": "c"}"#, false),
        ("/api/show", r#"{"model": "a", "name": "a"}"#, true),
        ("/api/show", r#"{"model": "", "name": null}"#, false),
        // On these routes Ollama looks at `model` alone.
        ("/api/chat", r#"{"name": "a"}"#, false),
        ("/api/chat", r#"{"model": null, "name": "a"}"#, false),
        ("/v1/chat/completions", r#"{"name": "a"}"#, false),
        ("/api/chat", r#"{"model": "a", "from": "c"}"#, false),
        ("/api/chat", r#"{"model": "a", "source": "c"}"#, false),
        ("/api/create", r#"{"model": "a", "from": "b:8b"}"#, true),
        ("/api/create", r#"{"name": "a", "from": "b:8b"}"#, true),
        ("/api/create", r#"{"model": "a"}"#, true),
        ("/api/create", r#"{"model": "a", "from": ""}"#, true),
        ("/api/create", r#"{"model": "a", "from": "c"}"#, false),
        ("/api/create", r#"{"model": "c", "from": "a"}"#, false),
        ("/api/create", r#"{"from": "a"}"#, false),
        (
            "/api/copy",
            r#"{"source": "a", "destination": "b:8b"}"#,
            true,
        ),
        ("/api/copy", r#"{"source": "c", "destination": "a"}"#, false),
        ("/api/copy", r#"{"source": "a", "destination": "c"}"#, false),
        ("/api/copy", r#"{"source": "a"}"#, false),
        ("/api/copy", r#"{"destination": "a"}"#, false),
        ("/api/copy", r#"{"model": "a"}"#, false),
        // What is made under this name has a tag of that name there.
        (
            "/api/copy",
            r#"{"source": "a", "destination": "a:local"}"#,
            false,
        ),
        (
            "/api/copy",
            r#"{"source": "a", "destination": "b:local"}"#,
            true,
        ),
    ] {
        let refusal = refused(&rules, route("POST", path), body);
        let expected = if fit { "" } else { "model_denied" };
        assert!(
            refusal.starts_with(expected) && refusal.is_empty() == fit,
            "{path} {body}: {refusal}"
        );
    }
}

#[test]
fn a_refusal_says_what_is_allowed_and_quotes_no_nonsense() {
    let prefix = "model_denied the credential may not use the model: ";
    let chat = route("POST", "/api/chat");
    for (patterns, body, expected) in [
        (
            &["a", "team/*"][..],
            r#"{"model": "C"}"#,
            "`c:latest` is not one of its models, which are `a:latest`, `team/*:*`",
        ),
        (
            &[],
            r#"{"model": "c"}"#,
            "`c:latest` is not one of its models, it has none",
        ),
        (
            &["1", "2", "3", "4", "5"],
            r#"{"model": "c"}"#,
            "`c:latest` is not one of its models, which are `1:latest`, `2:latest`, `3:latest`, `4:latest`, `5:latest`",
        ),
        (
            &["1", "2", "3", "4", "5", "6", "7"],
            r#"{"model": "c"}"#,
            "`c:latest` is not one of its models, which are `1:latest`, `2:latest`, `3:latest`, `4:latest`, `5:latest` and 2 more",
        ),
        (
            &["*"],
            r#"{"model": "a\r\nX: y"}"#,
            "`model` is not a name that Ollama accepts",
        ),
        (&["*"], "{}", "the request has to name one, as `model`"),
    ] {
        let refusal = refused(&models(patterns), chat, body);
        assert_eq!(
            refusal,
            format!("{prefix}{expected}"),
            "{patterns:?}, {body:?}"
        );
    }
    let copy = refused(
        &models(&["*"]),
        route("POST", "/api/copy"),
        r#"{"source": "a"}"#,
    );
    assert_eq!(
        copy,
        format!("{prefix}the request has to name one, as `destination`")
    );
}

#[test]
fn no_models_is_none_and_a_star_is_all_that_are_named() {
    for route in ROUTES {
        let line = line("POST");
        let (none, every) = (models(&[]), models(&["*"]));
        if let Some(BodyKind::Json | BodyKind::Create) = none.kind(route, line) {
            let body = r#"{"model": "a", "source": "a", "destination": "hf.co/b/c:d"}"#;
            assert!(
                !refused(&none, route, body).is_empty(),
                "{}",
                route.pattern()
            );
            assert_eq!(refused(&every, route, body), "", "{}", route.pattern());
            assert!(
                !refused(&every, route, "{}").is_empty(),
                "{}",
                route.pattern()
            );
        }
    }
    let blob = route("POST", "/api/blobs/sha256:00");
    assert_eq!(models(&["*"]).check_head(blob, line("POST")), Ok(()));
    let denial = models(&["a"]).check_head(blob, line("HEAD")).unwrap_err();
    assert_eq!(
        denial.message(),
        "the credential may not use the model: requests of this route may be about any model, and \
         it may not use every one: which are `a:latest`"
    );
}

#[test]
fn several_rules_all_have_to_allow_a_model() {
    let chat = route("POST", "/api/chat");
    let both = BodyRules {
        models: [models(&["a", "b"]).models, models(&["b", "c"]).models].concat(),
        ..BodyRules::default()
    };
    for (model, fit) in [("a", false), ("b", true), ("c", false)] {
        let body = format!(r#"{{"model": "{model}"}}"#);
        assert_eq!(refused(&both, chat, &body).is_empty(), fit, "{model}");
        let one_each = [models(&["a", "b"]), models(&["b", "c"])];
        let checked = check(
            &one_each,
            ScopeSet::EVERY,
            chat,
            BodyKind::Json,
            &members(&body),
        );
        assert_eq!(checked.is_ok(), fit, "{model}");
    }
    let blob = route("POST", "/api/blobs/sha256:00");
    let star_and_one = BodyRules {
        models: [models(&["*"]).models, models(&["a"]).models].concat(),
        ..BodyRules::default()
    };
    assert!(star_and_one.check_head(blob, line("POST")).is_err());
}

#[test]
fn a_mapped_route_has_to_name_a_model_in_its_body() {
    let mapped = Route::mapped(
        vec!["GET", "HEAD", "POST", "PUT", "DELETE"],
        "/v1/more",
        true,
        Scope::Read,
    );
    let (one, every) = (models(&["a"]), models(&["*"]));
    let bounded = limits(RequestLimits {
        num_ctx: Some(1),
        ..RequestLimits::default()
    });
    for method in ["POST", "PUT", "DELETE", "PATCH", "post", ""] {
        for rules in [&one, &every, &bounded] {
            assert_eq!(
                rules.kind(&mapped, line(method)),
                Some(BodyKind::Json),
                "{method}"
            );
            assert_eq!(
                rules.check_head(&mapped, line(method)),
                Ok(()),
                "{method}, {rules:?}"
            );
        }
    }
    for method in ["GET", "HEAD"] {
        assert!(one.check_head(&mapped, line(method)).is_err(), "{method}");
        assert!(every.check_head(&mapped, line(method)).is_ok(), "{method}");
        assert!(
            bounded.check_head(&mapped, line(method)).is_ok(),
            "{method}"
        );
        assert_eq!(one.kind(&mapped, line(method)), None, "{method}");
    }
    assert_eq!(refused(&one, &mapped, r#"{"model": "a"}"#), "");
    assert!(refused(&one, &mapped, r#"{"model": "b"}"#).starts_with("model_denied"));
    assert!(refused(&one, &mapped, r#"{"name": "a"}"#).starts_with("model_denied"));
    let bounded = limits(RequestLimits {
        num_predict: Some(1),
        ..RequestLimits::default()
    });
    let runs = Route::mapped(vec!["GET", "POST"], "/v1/more", true, Scope::Inference);
    for method in ["GET", "POST"] {
        let denial = bounded.check_head(&runs, line(method)).unwrap_err();
        assert_eq!(denial.reason(), Reason::LimitExceeded, "{method}");
    }
    assert_eq!(bounded.check_head(&mapped, line("GET")), Ok(()));
    // A known path with a method that only the configuration knows is a mapped route too.
    let chat = Route::mapped(vec!["PUT"], "/api/me", false, Scope::Read);
    assert_eq!(one.kind(&chat, line("PUT")), Some(BodyKind::Json));
}

#[test]
fn the_model_in_a_path_is_read_as_one_in_a_body() {
    let rules = models(&["llama3.2", "qwen3:*"]);
    let path = |path: &str| {
        let line = RequestLine {
            method: b"GET",
            path,
            has_query: true,
        };
        rules.check_head(route("GET", "/v1/models/x"), line)
    };
    for fit in [
        "llama3.2",
        "LLAMA3.2:latest",
        " llama3.2 ",
        "qwen3:8b",
        "qwen3",
    ] {
        assert_eq!(path(&format!("/v1/models/{fit}")), Ok(()), "{fit}");
    }
    for denied in [
        "mistral",
        "llama3.2:8b",
        "llama3.2:local",
        "qwen",
        "{model}",
        "*",
        "a b",
    ] {
        let denial = path(&format!("/v1/models/{denied}")).unwrap_err();
        assert_eq!(denial.reason(), Reason::ModelDenied, "{denied}");
    }
}

#[test]
fn a_form_with_a_query_is_refused_since_ollama_prefers_what_stands_there() {
    let form = route("POST", "/v1/audio/transcriptions");
    let line = |has_query| RequestLine {
        method: b"POST",
        path: "/v1/audio/transcriptions",
        has_query,
    };
    let rules = models(&["*"]);
    assert_eq!(rules.check_head(form, line(false)), Ok(()));
    let denial = rules.check_head(form, line(true)).unwrap_err();
    assert_eq!(denial.reason(), Reason::MalformedRequest);
    assert_eq!(BodyRules::default().check_head(form, line(true)), Ok(()));
    let chat = route("POST", "/api/chat");
    assert_eq!(rules.check_head(chat, line(true)), Ok(()));
}

#[test]
fn without_rules_nothing_is_read_and_a_length_is_read_everywhere() {
    let none = BodyRules::default();
    let short = limits(RequestLimits {
        request_bytes: Some(10),
        ..RequestLimits::default()
    });
    let raw = limits(RequestLimits {
        no_raw: true,
        ..RequestLimits::default()
    });
    assert!(none.is_empty() && !short.is_empty() && !models(&[]).is_empty());
    for route in ROUTES {
        for method in route.methods() {
            let line = line(method);
            assert_eq!(none.kind(route, line), None, "{route:?}, {method}");
            assert_eq!(none.check_head(route, line), Ok(()), "{route:?}, {method}");
            let kind = short.kind(route, line).unwrap();
            let long = Members {
                bytes: 11,
                ..Members::default()
            };
            let checked = short.check(route, kind, &long).unwrap_err();
            assert_eq!(
                checked.reason(),
                Reason::LimitExceeded,
                "{}",
                route.pattern()
            );
            assert_ne!(
                raw.kind(route, line),
                Some(BodyKind::Opaque),
                "{route:?}, {method}"
            );
        }
    }
    assert_eq!(
        short.kind(route("POST", "/api/blobs/sha256:00"), line("POST")),
        Some(BodyKind::Opaque)
    );
}

#[path = "create_tests.rs"]
mod create;

#[path = "egress_tests.rs"]
mod egress;
