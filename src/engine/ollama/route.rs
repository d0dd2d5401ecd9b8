//! Ollama's routes (its server/routes.go, August 2026). What is not listed is unknown, and denied.

use super::naming::Naming;
use super::scope::Scope;
use crate::http::is_same;
use std::borrow::Cow;
use std::ops::RangeInclusive;

/// One route of Ollama's, or one that the configuration maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    methods: Cow<'static, [&'static str]>,
    pattern: Cow<'static, str>,
    /// how much of the pattern stands before its parameter; all of it, if it has none
    fixed: usize,
    /// how long its paths are, at least and at most
    lengths: RangeInclusive<usize>,
    /// whether everything below the fixed part belongs to it
    below: bool,
    scope: Scope,
    naming: Naming,
}

const GET: &[&str] = &["GET"];
const GET_HEAD: &[&str] = &["GET", "HEAD"];
const POST: &[&str] = &["POST"];
const POST_HEAD: &[&str] = &["POST", "HEAD"];
const DELETE: &[&str] = &["DELETE"];

const fn route(
    methods: &'static [&'static str],
    pattern: &'static str,
    scope: Scope,
    naming: Naming,
) -> Route {
    let mut fixed: usize = 0;
    let mut rest = pattern.as_bytes();
    while let [byte, others @ ..] = rest {
        if *byte == b'{' {
            break;
        }
        fixed = fixed.saturating_add(1);
        rest = others;
    }
    Route {
        methods: Cow::Borrowed(methods),
        pattern: Cow::Borrowed(pattern),
        fixed,
        lengths: fixed..=if rest.is_empty() { fixed } else { usize::MAX },
        below: false,
        scope,
        naming,
    }
}

/// Every route that the gate knows. A segment in braces stands for one segment that is not empty.
pub const ROUTES: &[Route] = &[
    route(GET_HEAD, "/", Scope::Health, Naming::Nowhere),
    route(GET_HEAD, "/api/version", Scope::Health, Naming::Nowhere),
    route(GET, "/api/status", Scope::Read, Naming::Nowhere),
    route(GET_HEAD, "/api/tags", Scope::Read, Naming::List),
    route(GET, "/api/ps", Scope::Read, Naming::List),
    route(POST, "/api/show", Scope::Read, Naming::ModelOrName),
    route(GET, "/v1/models", Scope::Read, Naming::List),
    route(GET, "/v1/models/{model}", Scope::Read, Naming::Path),
    route(
        GET,
        "/api/experimental/model-recommendations",
        Scope::Read,
        Naming::Nowhere,
    ),
    route(POST, "/api/generate", Scope::Inference, Naming::Model),
    route(POST, "/api/chat", Scope::Inference, Naming::Model),
    route(POST, "/api/embed", Scope::Inference, Naming::Model),
    route(POST, "/api/embeddings", Scope::Inference, Naming::Model),
    route(
        POST,
        "/v1/chat/completions",
        Scope::Inference,
        Naming::Model,
    ),
    route(POST, "/v1/completions", Scope::Inference, Naming::Model),
    route(POST, "/v1/embeddings", Scope::Inference, Naming::Model),
    route(POST, "/v1/responses", Scope::Inference, Naming::Model),
    route(POST, "/v1/messages", Scope::Inference, Naming::Model),
    route(
        POST,
        "/v1/audio/transcriptions",
        Scope::Inference,
        Naming::Form,
    ),
    route(POST, "/api/pull", Scope::Manage, Naming::ModelOrName),
    route(POST, "/api/push", Scope::Manage, Naming::ModelOrName),
    route(POST, "/api/create", Scope::Manage, Naming::Create),
    route(POST, "/api/copy", Scope::Manage, Naming::Copy),
    route(DELETE, "/api/delete", Scope::Manage, Naming::ModelOrName),
    route(
        POST_HEAD,
        "/api/blobs/{digest}",
        Scope::Manage,
        Naming::Blob,
    ),
    route(POST, "/api/me", Scope::Cloud, Naming::Nowhere),
    route(POST, "/api/signout", Scope::Cloud, Naming::Nowhere),
    route(
        DELETE,
        "/api/user/keys/{key}",
        Scope::Cloud,
        Naming::Nowhere,
    ),
    route(
        POST,
        "/api/experimental/web_search",
        Scope::Cloud,
        Naming::Nowhere,
    ),
    route(
        POST,
        "/api/experimental/web_fetch",
        Scope::Cloud,
        Naming::Nowhere,
    ),
];

impl Route {
    /// A route of the configuration: exactly `path`, or with `below` also every path that goes on
    /// behind it with a slash.
    pub fn mapped(methods: Vec<&'static str>, path: &str, below: bool, scope: Scope) -> Self {
        let pattern = if below {
            format!("{path}/*")
        } else {
            path.to_owned()
        };
        Self {
            methods: methods.into(),
            pattern: pattern.into(),
            fixed: path.len(),
            lengths: path.len()..=if below { usize::MAX } else { path.len() },
            below,
            scope,
            naming: Naming::Unknown,
        }
    }

    /// The route that Ollama's router would serve for `method` and the decoded `path`.
    ///
    /// The match is exact: no case folding, no trailing slash, no method but those listed.
    pub fn find(method: &[u8], path: &str) -> Option<&'static Self> {
        ROUTES.iter().find(|route| route.serves(method, path))
    }

    /// Whether `method` on the decoded `path` is this route.
    #[inline]
    pub fn serves(&self, method: &[u8], path: &str) -> bool {
        self.matches(path) && self.answers(method)
    }

    fn answers(&self, method: &[u8]) -> bool {
        let mut methods = self.methods.iter();
        methods.any(|own| is_same(own.as_bytes(), method))
    }

    /// Whether some request could be both this route, a mapped one, and `known`.
    pub fn overlaps(&self, known: &Self) -> bool {
        let both = |method| self.methods.contains(method);
        let (own, other) = (self.fixed_part(), known.fixed_part());
        // Of a route with a parameter, the folder that the parameter is in.
        let folder = other.strip_suffix('/').filter(|folder| !folder.is_empty());
        let covers = self.below && self.matches(folder.unwrap_or(other));
        known.methods.iter().any(both) && (covers || known.matches(own))
    }

    /// What a mapped route is sorted by: exact ones first, then the longer before the shorter.
    pub(super) fn rank(&self) -> (bool, std::cmp::Reverse<usize>) {
        (self.below, std::cmp::Reverse(self.fixed))
    }

    fn fixed_part(&self) -> &str {
        self.pattern.get(..self.fixed).unwrap_or(&self.pattern)
    }

    /// Its path, with parameters in braces.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The methods it answers.
    pub fn methods(&self) -> &[&'static str] {
        &self.methods
    }

    /// The scope that it needs.
    pub const fn scope(&self) -> Scope {
        self.scope
    }

    /// Where its requests name models.
    pub const fn naming(&self) -> Naming {
        self.naming
    }

    /// Whether Ollama takes its body in Zstandard as well. It does so where it looks for models of its cloud
    /// before anything else.
    pub fn takes_zstd(&self) -> bool {
        self.naming == Naming::Model && self.pattern.starts_with("/v1/")
    }

    /// The parameter in `path`, a path of this route: all that stands behind the fixed part.
    pub fn parameter<'p>(&self, path: &'p str) -> &'p str {
        path.get(self.fixed..).unwrap_or_default()
    }

    /// Whether `path` is this route by some method.
    #[inline]
    pub(super) fn matches(&self, path: &str) -> bool {
        // Most routes are told apart by their length alone.
        self.lengths.contains(&path.len()) && self.matches_text(path)
    }

    #[inline(never)] // hardly any route
    fn matches_text(&self, path: &str) -> bool {
        match self.pattern.split_at_checked(self.fixed) {
            Some((before, _)) if self.below => path
                .strip_prefix(before)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
            Some((before, "")) => is_same(before.as_bytes(), path.as_bytes()),
            Some((before, _)) => path
                .strip_prefix(before)
                .is_some_and(|parameter| !parameter.is_empty() && !parameter.contains('/')),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(method: &str, path: &str) -> Option<Scope> {
        Route::find(method.as_bytes(), path).map(Route::scope)
    }

    #[test]
    fn every_route_is_found_by_each_of_its_methods_and_no_other() {
        for route in ROUTES {
            let path = route.pattern.replace("{model}", "qwen3:8b");
            let path = path.replace("{digest}", "sha256:00").replace("{key}", "k");
            for method in [
                "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get", "",
            ] {
                let own = route.methods.contains(&method);
                let found = Route::find(method.as_bytes(), &path);
                assert_eq!(found.is_some(), own, "{method} {path}");
                assert!(
                    found.is_none_or(|found| found == route),
                    "{route:?}, {method}"
                );
            }
        }
    }

    #[test]
    fn a_path_that_only_resembles_a_route_is_unknown() {
        for path in [
            "/api/tags/",
            "/API/tags",
            "/api/tag",
            "/api/tagss",
            "/apitags",
            "/api",
            "/v1",
            "",
            "/v1/models/",
            "/v1/models/a/b",
            "/api/blobs/",
            "/metrics",
            "/api/delete?x=/health",
            "/v1/models/{model}/x",
            "/health",
        ] {
            for method in ["GET", "POST", "DELETE", "HEAD"] {
                assert_eq!(scope(method, path), None, "{method} {path}");
            }
        }
    }

    #[test]
    fn the_dangerous_ones_are_not_in_the_default() {
        for path in ["/api/pull", "/api/push", "/api/create", "/api/copy"] {
            assert_eq!(scope("POST", path), Some(Scope::Manage), "{path}");
        }
        assert_eq!(scope("DELETE", "/api/delete"), Some(Scope::Manage));
        assert_eq!(scope("POST", "/api/blobs/sha256:1"), Some(Scope::Manage));
        assert_eq!(scope("POST", "/api/me"), Some(Scope::Cloud));
    }
}
