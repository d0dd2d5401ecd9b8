//! Tests of what a request that is no route is told.

use super::*;

fn refusal(method: &str, path: &str) -> Denial {
    Routes::default().refusal(method.as_bytes(), path, path.as_bytes())
}

fn advice(path: &str) -> String {
    let denial = refusal("POST", path);
    assert_eq!(denial.reason(), Reason::UnknownRoute, "{path}");
    let message = denial.message();
    let advice = message.strip_prefix("the route is not known: ");
    advice.unwrap().to_owned()
}

#[test]
fn a_wrong_base_url_is_named() {
    for (path, expected) in [
        (
            "/v1/v1/messages",
            "the nearest is `/v1/messages`: your client's base URL may not end in `/v1`",
        ),
        (
            "/v1/api/version",
            "the nearest is `/api/version`: your client's base URL may not end in `/v1`",
        ),
        (
            "/api/api/chat",
            "the nearest is `/api/chat`: your client's base URL may not end in `/api`",
        ),
        (
            "/api/v1/models",
            "the nearest is `/v1/models`: your client's base URL may not end in `/api`",
        ),
        (
            "/chat/completions",
            "the nearest is `/v1/chat/completions`: your client's base URL has to end in `/v1`",
        ),
        (
            "/models/qwen3",
            "the nearest is `/v1/models/{model}`: your client's base URL has to end in `/v1`",
        ),
        (
            "/messages",
            "the nearest is `/v1/messages`: your client's base URL has to end in `/v1`",
        ),
        (
            "/chat",
            "the nearest is `/api/chat`: your client's base URL has to end in `/api`",
        ),
        (
            "/v1/chat",
            "the nearest is `/api/chat`: your client's base URL has to end in `/api`, not in `/v1`",
        ),
        (
            "/api/chat/completions",
            "the nearest is `/v1/chat/completions`: your client's base URL has to end in `/v1`, not in `/api`",
        ),
        (
            "/ollama/api/tags",
            "the nearest is `/api/tags`: your client's base URL has too long a path in front of `/api`",
        ),
        (
            "/openai/deployments/x/chat/completions",
            "the nearest is `/v1/chat/completions`: your client's base URL has to end in `/v1`, with nothing in front of it",
        ),
        (
            "/v1/v1/messages/count_tokens",
            "the nearest is `/v1/messages/count_tokens`: your client's base URL may not end in `/v1`",
        ),
    ] {
        assert_eq!(advice(path), expected, "{path}");
    }
}

#[test]
fn what_is_known_to_be_no_route_is_told_as_what_it_is() {
    for (path, word) in [
        ("/v1/messages/count_tokens", "counts no tokens"),
        ("/api/web_search", "ollama.com"),
        ("/v1/images/generations", "some versions"),
        ("/api/experimental/aliases", "some versions"),
        ("/v1/audio/speech", "OpenAI"),
        ("/v1/files", "OpenAI"),
        ("/v1", "base URL"),
        ("/v1/", "base URL"),
        ("/api/", "base URL"),
        ("/health/", "/api/version"),
    ] {
        assert!(advice(path).contains(word), "{path}: {}", advice(path));
    }
    for (path, _) in NOTED {
        assert!(ROUTES.iter().all(|route| !route.matches(path)), "{path}");
    }
}

#[test]
fn a_slip_of_the_pen_is_told_the_nearest_and_nothing_like_a_route_is_told_none() {
    for (path, nearest) in [
        ("/api/tag", "`GET, HEAD /api/tags`"),
        ("/API/Tags", "`GET, HEAD /api/tags`"),
        ("/api/genrate", "`POST /api/generate`"),
        ("/v1/chat/completion", "`POST /v1/chat/completions`"),
    ] {
        assert!(advice(path).contains(nearest), "{path}: {}", advice(path));
    }
    let long = format!("/api/tags{}", "s".repeat(10_000));
    for path in [
        "/metrics",
        "/favicon.ico",
        "/v1beta/models/a:generateContent",
        &long,
    ] {
        assert!(
            advice(path).starts_with("no version"),
            "{path}: {}",
            advice(path)
        );
    }
}

#[test]
fn a_known_path_names_the_methods_that_it_takes() {
    for (method, path, allow) in [
        ("GET", "/api/chat", "POST"),
        ("PUT", "/api/tags", "GET, HEAD"),
        ("post", "/api/chat", "POST"),
        ("GET", "/api/blobs/sha256:0", "POST, HEAD"),
        ("OPTIONS", "/", "GET, HEAD"),
    ] {
        let denial = refusal(method, path);
        assert_eq!(denial.reason(), Reason::MethodNotAllowed, "{path}");
        assert_eq!(denial.header(), Some(("allow", allow)), "{path}");
    }
    let mut routes = Routes::default();
    let own = Route::mapped(vec!["PUT"], "/api/chat", false, crate::ollama::Scope::Read);
    assert_eq!(routes.map(own), Ok(()));
    let denial = routes.refusal(b"GET", "/api/chat", b"/api/chat");
    assert_eq!(denial.header(), Some(("allow", "POST, PUT")));
}

#[test]
fn a_slash_too_many_is_redirected_as_ollama_does() {
    for (method, path, target, location) in [
        ("GET", "/api/tags/", "/api/tags/", "../tags"),
        ("POST", "/api/chat/", "/gate/api/chat/?key=a/", "../chat"),
        ("GET", "/v1/models/a b/", "/v1/models/a%20b/", "../a%20b"),
    ] {
        let denial = Routes::default().refusal(method.as_bytes(), path, target.as_bytes());
        assert_eq!(denial.reason(), Reason::TrailingSlash, "{path}");
        assert_eq!(denial.header(), Some(("location", location)), "{path}");
    }
    for (method, path) in [
        ("POST", "/api/tags/"),
        ("GET", "/api/tags//"),
        ("GET", "/metrics/"),
        ("POST", "/api/blobs/"),
    ] {
        let denial = refusal(method, path);
        assert_eq!(denial.reason(), Reason::UnknownRoute, "{method} {path}");
        assert_eq!(denial.header(), None, "{path}");
    }
    let long = format!("/v1/models/{}/", "a".repeat(10_000));
    assert_eq!(refusal("GET", &long).reason(), Reason::UnknownRoute);
}
