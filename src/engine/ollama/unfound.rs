//! What a request that is no route is told: the path, method or base URL that was probably meant.

use super::route::{ROUTES, Route};
use super::routes::Routes;
use crate::denial::{Denial, Reason};
use crate::http::{is_visible_ascii, without_query};
use std::borrow::Cow;

/// The longest path that is compared with those of routes, in bytes.
const MAX_COMPARED: usize = 64;

/// How many segments a base URL has at the most, and one.
const MAX_SEGMENTS: usize = 8;

/// Where clients find the routes of a dialect, by what they are set to.
const BASES: [&str; 2] = ["/v1", "/api"];

/// Paths that clients ask for and that are no route of this Ollama, with what they are.
const NOTED: [(&str, &str); 10] = [
    (
        "/v1/messages/count_tokens",
        "Ollama counts no tokens in advance; clients then estimate them",
    ),
    (
        "/v1/messages/batches",
        "Ollama has no batches: send each message to `/v1/messages`",
    ),
    ("/api/web_search", OF_OLLAMA_COM),
    ("/api/web_fetch", OF_OLLAMA_COM),
    ("/v1/images/generations", OF_SOME_VERSIONS),
    ("/v1/images/edits", OF_SOME_VERSIONS),
    ("/api/experimental/aliases", OF_SOME_VERSIONS),
    ("/v1", A_BASE_URL),
    ("/api", A_BASE_URL),
    (
        "/health",
        "`GET /api/version` answers as long as the gate and Ollama run",
    ),
];

const OF_OLLAMA_COM: &str = "ollama.com has it; an Ollama has `/api/experimental/web_search` and \
                             `/api/experimental/web_fetch`, which need the scope `cloud`";
const OF_SOME_VERSIONS: &str = "only some versions of Ollama have it; the operator can add it with \
                                `routes`";
const A_BASE_URL: &str = "it is what a client's base URL ends in, and no route by itself";

/// The first segments behind `/v1` of what OpenAI's API has and Ollama has not.
const OPENAI_ONLY: [&str; 12] = [
    "assistants",
    "audio",
    "batches",
    "conversations",
    "files",
    "fine_tuning",
    "images",
    "moderations",
    "realtime",
    "threads",
    "uploads",
    "vector_stores",
];

impl Routes {
    /// The refusal of `method` on the decoded `path`, which is no route. `target` is the path with
    /// its query as sent.
    pub(crate) fn refusal(&self, method: &[u8], path: &str, target: &[u8]) -> Denial {
        let of_path: Vec<_> = self.all().filter(|route| route.matches(path)).collect();
        if !of_path.is_empty() {
            return method_not_allowed(path, &of_path);
        }
        let shorter = path.strip_suffix('/').unwrap_or_default();
        if let Some(route) = self.find(method, shorter)
            && let Some(location) = without_slash(target)
        {
            let advice = format!("the route is `{}`", route.pattern());
            return Denial::new(Reason::TrailingSlash, advice).with_header("location", location);
        }
        Denial::new(Reason::UnknownRoute, self.advice(path))
    }

    fn advice(&self, path: &str) -> Cow<'static, str> {
        let plain = path.strip_suffix('/').unwrap_or(path);
        let noted = NOTED.iter().find(|noted| noted.0 == plain);
        if let Some((_, note)) = noted {
            return (*note).into();
        }
        if let Some(advice) = self.wrong_base(path) {
            return advice.into();
        }
        if let Some(rest) = path.strip_prefix("/v1/")
            && let Some(first) = rest.split('/').next()
            && OPENAI_ONLY.contains(&first)
        {
            return "OpenAI's API has it, and Ollama does not".into();
        }
        match self.nearest(path) {
            Some(route) => format!(
                "the nearest is `{} {}`: check how the path is written",
                route.methods().join(", "),
                route.pattern()
            )
            .into(),
            None => "no version of Ollama that the gate knows has it; if yours has, the operator \
                     can add it with `routes`"
                .into(),
        }
    }

    /// What is wrong with the base URL of a client that asks for `path`, if it is that: with another
    /// beginning the path would be one that is known.
    fn wrong_base(&self, path: &str) -> Option<String> {
        let slashes = path.char_indices().filter(|(_, byte)| *byte == '/');
        for (start, _) in slashes.take(MAX_SEGMENTS) {
            let (removed, tail) = path.split_at_checked(start)?;
            if !removed.is_empty()
                && let Some(nearest) = self.pattern(tail)
            {
                let base = base_of(tail);
                let ends = match removed {
                    "/v1" | "/api" => format!("may not end in `{removed}`"),
                    _ if base.is_empty() => "has too long a path".to_owned(),
                    _ => format!("has too long a path in front of `{base}`"),
                };
                return Some(format!(
                    "the nearest is `{nearest}`: your client's base URL {ends}"
                ));
            }
            for base in BASES {
                let whole = format!("{base}{tail}");
                let Some(nearest) = self.pattern(&whole) else {
                    continue;
                };
                let instead = match removed {
                    "" => "",
                    "/v1" => ", not in `/v1`",
                    "/api" => ", not in `/api`",
                    // A name of a model can be anything, so what follows another path may be none.
                    _ if nearest != whole => continue,
                    _ => ", with nothing in front of it",
                };
                return Some(format!(
                    "the nearest is `{nearest}`: your client's base URL has to end in `{base}`{instead}"
                ));
            }
        }
        None
    }

    /// How the path is written that `path` is, if it is one that is known.
    fn pattern(&self, path: &str) -> Option<&str> {
        let route = self.all().find(|route| route.matches(path));
        let noted = || {
            NOTED
                .iter()
                .find(|noted| noted.0 == path)
                .map(|noted| noted.0)
        };
        let pattern = route.map(Route::pattern).or_else(noted);
        pattern.filter(|pattern| *pattern != "/")
    }

    /// The route whose path is most like `path`, if one is.
    fn nearest(&self, path: &str) -> Option<&Route> {
        let lower = path.to_ascii_lowercase();
        self.all()
            .filter(|route| path.len() <= MAX_COMPARED && route.pattern() != "/")
            .map(|route| (strsim::damerau_levenshtein(&lower, route.pattern()), route))
            .filter(|(distance, route)| *distance <= route.pattern().len().div_ceil(4))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, route)| route)
    }

    fn all(&self) -> impl Iterator<Item = &Route> {
        ROUTES.iter().chain(self.mapped())
    }
}

/// What the base URL of a client ends in that asks for `path`.
fn base_of(path: &str) -> &'static str {
    let is_base = |base: &&&str| {
        path.strip_prefix(**base)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    BASES.iter().find(is_base).copied().unwrap_or_default()
}

fn method_not_allowed(path: &str, of_path: &[&Route]) -> Denial {
    let mut allowed: Vec<&str> = Vec::new();
    for method in of_path.iter().flat_map(|route| route.methods()) {
        if !allowed.contains(method) {
            allowed.push(method);
        }
    }
    let allowed = allowed.join(", ");
    let pattern = of_path.first().map_or(path, |route| route.pattern());
    let advice = format!("`{pattern}` is for {allowed}");
    Denial::new(Reason::MethodNotAllowed, advice).with_header("allow", allowed)
}

/// The address of `target` without the slash at the end of its path, seen from there (RFC 3986
/// section 5.2): whatever is in front of the gate may have taken off a part of the path. Its query may
/// hold a credential, and no route needs one.
fn without_slash(target: &[u8]) -> Option<String> {
    let path = without_query(target).strip_suffix(b"/")?;
    let last = path.rsplit(|byte| *byte == b'/').next()?;
    let fit = !last.is_empty() && last.len() <= MAX_COMPARED && is_visible_ascii(last);
    let last = std::str::from_utf8(last).ok().filter(|_| fit)?;
    Some(format!("../{last}"))
}

#[cfg(test)]
#[path = "unfound_tests.rs"]
mod tests;
