//! Requests without a key, on every way to Ollama.

use super::answer::{Reach, reach, refuses, refuses_oddities};
use super::client::Client;
use super::wire::Request;
use super::{Finding, Verdict};

/// A model that nobody has: a request that gets through changes nothing.
const NO_MODEL: &str = r#"{"model":"ollama-gate-smoke/no-such-model:none"}"#;

fn probe(request: Request) -> (String, Request) {
    ("a request without a key".to_owned(), request)
}

/// Ollama's own routes.
pub(super) fn no_key(client: &Client) -> Finding {
    let probes = [
        Request::get("/api/tags"),
        Request::get("/api/ps"),
        Request::new("HEAD", "/api/tags"),
        Request::new("POST", "/api/show").json(NO_MODEL),
        Request::new("POST", "/api/chat").json(NO_MODEL),
        // Behind a gate that hands the client's Host on, Ollama answers 403 to a foreign one.
        Request::get("/api/tags").host("localhost:11434"),
    ];
    let advice = "let the gate guard `/api/*` on this address: no key must give 401";
    refuses(client, "no_key", probes.map(probe), advice)
}

/// The routes of OpenAI's and Anthropic's dialects, which recipes for `/api/*` forget.
pub(super) fn no_key_v1(client: &Client) -> Finding {
    let probes = [
        Request::get("/v1/models"),
        Request::new("POST", "/v1/chat/completions").json(NO_MODEL),
        Request::new("POST", "/v1/embeddings").json(NO_MODEL),
        Request::new("POST", "/v1/messages").json(NO_MODEL),
    ];
    let advice = "let the route with the gate cover all paths (`/*`), not `/api/*` alone";
    refuses(client, "no_key_v1", probes.map(probe), advice)
}

/// Routes that change what Ollama has.
pub(super) fn no_key_manage(client: &Client) -> Finding {
    let probes = [
        Request::new("DELETE", "/api/delete").json(NO_MODEL),
        Request::new("POST", "/api/copy").json("{}"),
        Request::new("POST", "/api/create").json("{}"),
        Request::new("POST", "/api/pull").json("{}"),
        Request::new("POST", "/api/push").json("{}"),
        Request::new("HEAD", format!("/api/blobs/sha256:{}", "0".repeat(64))),
    ];
    let advice = "let the gate guard all methods, DELETE and HEAD as well";
    refuses(client, "no_key_manage", probes.map(probe), advice)
}

/// Paths that two readers read differently.
pub(super) fn path(client: &Client) -> Finding {
    let paths = [
        "/health/../api/tags",
        "/api/version/../tags",
        "/api/./tags",
        "//api/tags",
        "/api//tags",
        "/%61pi/tags",
        "/api%2ftags",
        "/api/%74ags",
        "/api/version/..%2ftags",
        "/api/version/%2e%2e/tags",
        "/%2561pi/tags",
        "/api\\tags",
        "/api/tags;/health",
        "/API/tags",
        "/api/tags/",
        "/api/tags?x=/health",
        "/api/tags?x=/api/version",
        "/api/tags#/health",
        "/v1/../api/tags",
        "/%76%31/models",
        "/v1/models?path=/health",
    ];
    let mut probes: Vec<(String, Request)> = paths
        .map(|path| ("a path".to_owned(), Request::get(path)))
        .into();
    for field in ["X-Original-URL", "X-Rewrite-URL", "X-Original-URI"] {
        probes.push((
            format!("a path in `{field}`"),
            Request::get("/api/tags").field(field, "/health"),
        ));
    }
    // Last: where `/health` is public, it may pass.
    probes.push(("a path".to_owned(), Request::get("/health#/../api/tags")));
    let advice = "let the gateway normalise paths before the gate, and the gate decide by the whole decoded path";
    // `/` and `/health` are open on purpose where `public` says so: what counts is the list of models.
    let finding = refuses_oddities(client, "path", probes, advice);
    if finding.is(Verdict::Open) && finding.found.contains("/health#") && health_is_public(client) {
        return Finding::guarded(
            "path",
            "a path with `/health` before `#` is read as `/health`, which is public",
        );
    }
    finding
}

fn health_is_public(client: &Client) -> bool {
    client
        .send(&Request::get("/health"))
        .is_ok_and(|answer| reach(&answer) == Reach::Ollama)
}

/// Headers in which a caller names an address of its own.
pub(super) fn forwarded_address(client: &Client) -> Finding {
    let mut probes = Vec::new();
    for field in [
        "X-Forwarded-For",
        "X-Real-IP",
        "Forwarded",
        "X-Client-IP",
        "True-Client-IP",
    ] {
        for address in ["127.0.0.1", "10.0.0.1", "192.168.1.2"] {
            let value = if field == "Forwarded" {
                format!("for={address}")
            } else {
                address.to_owned()
            };
            probes.push((
                format!("`{field}: {value}`"),
                Request::get("/api/tags").field(field, value),
            ));
        }
    }
    for field in [
        "X-Forwarded-User",
        "Remote-User",
        "X-Forwarded-Email",
        "X-Credential-Identifier",
    ] {
        probes.push((
            format!("`{field}`"),
            Request::get("/api/tags").field(field, "admin"),
        ));
    }
    let advice = "take the caller's address and name from the connection, not from headers that a caller writes \
                  (`network.trusted_proxies`)";
    refuses(client, "forwarded_address", probes, advice)
}

/// Another name in `Host`, as a page of somebody else's would send it by DNS rebinding.
pub(super) fn foreign_host(client: &Client, key: Option<&str>) -> Finding {
    let hosts = ["evil.example", "localhost", "127.0.0.1:11434", "0.0.0.0"];
    let probes = hosts.map(|host| {
        (
            format!("`Host: {host}`"),
            Request::get("/api/tags").host(host),
        )
    });
    let finding = refuses_oddities(
        client,
        "foreign_host",
        probes,
        "let the gate guard the default virtual host as well, and give it no name that passes without a key",
    );
    if !finding.is(Verdict::Guarded) {
        return finding;
    }
    let Some(key) = key else {
        return finding;
    };
    let request = Request::get("/api/tags")
        .host("evil.example")
        .bearer(Some(key));
    match client.send(&request) {
        Ok(answer) if reach(&answer) == Reach::Ollama => Finding::warning(
            "foreign_host",
            "no key is refused under every Host, but with a key `Host: evil.example` is served"
                .to_owned(),
            "list the names that clients use in `hosts`",
        ),
        _ => finding,
    }
}

/// An upgrade opens a tunnel that no gate looks into.
pub(super) fn websocket(client: &Client) -> Finding {
    let upgrade = |path: &str| {
        Request::get(path)
            .field("Connection", "Upgrade")
            .field("Upgrade", "websocket")
            .field("Sec-WebSocket-Version", "13")
            .field("Sec-WebSocket-Key", "b2xsYW1hLWdhdGUtc21va2U=")
    };
    let probes = ["/api/chat", "/api/tags", "/v1/realtime"]
        .map(|path| ("a WebSocket".to_owned(), upgrade(path)));
    let advice = "let the gateway refuse upgrades: Ollama has no WebSocket";
    refuses_oddities(client, "websocket", probes, advice)
}

/// Whether pages of anybody's may read the answers.
pub(super) fn cors(client: &Client, key: Option<&str>) -> Finding {
    const CHECK: &str = "cors";
    const EVIL: &str = "https://evil.example";
    let preflight = Request::new("OPTIONS", "/api/chat")
        .field("Origin", EVIL)
        .field("Access-Control-Request-Method", "POST")
        .field(
            "Access-Control-Request-Headers",
            "authorization,content-type",
        );
    let plain = Request::get("/api/tags").field("Origin", EVIL).bearer(key);
    let advice = "name the origins that may in `cors.allow_origins`, and take `*` out of the gateway's own CORS and of \
                  OLLAMA_ORIGINS";
    for request in [preflight, plain] {
        match client.send(&request) {
            Ok(answer) => {
                let allowed = answer
                    .field("access-control-allow-origin")
                    .unwrap_or_default();
                if allowed == "*" || allowed == EVIL || allowed == "null" {
                    let found = format!(
                        "{} from {EVIL} gave {} with `Access-Control-Allow-Origin: {allowed}`",
                        request.shown(),
                        answer.status
                    );
                    return Finding::open(CHECK, found, advice);
                }
            }
            Err(failure) => {
                let found = format!("{} failed: {failure}", request.shown());
                return Finding::unknown(CHECK, found, failure.advice());
            }
        }
    }
    Finding::guarded(CHECK, "a foreign origin is not allowed")
}
