//! Errors in the words of the client: Ollama's, OpenAI's, Anthropic's.

use crate::bytes::has_pair;
use crate::denial::{Denial, Reason};
use crate::json::ObjectWriter;

/// The longest path of a wrong base URL that is looked at, in bytes.
const MAX_BASE: usize = 64;

/// The shape of error that a client of a path can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `/api/*`, and whatever is not one of the others
    Ollama,
    /// `/v1/*`, and what an OpenAI client asks for when its base URL lacks `/v1`
    OpenAi,
    /// `/v1/messages`, and the same of an Anthropic client with a wrong base URL
    Anthropic,
}

/// What an error body may tell besides the denial.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ErrorBody<'a> {
    /// where a person gets a credential; the `ollama` CLI shows it on a 401
    pub signin_url: Option<&'a str>,
    /// the gateway's id of the request
    pub request_id: Option<&'a str>,
}

impl Dialect {
    /// The dialect of `path`, which may be malformed: a client is told so in its own words too. So is
    /// one with a wrong base URL, by what it adds to that.
    pub(crate) fn of(path: &[u8]) -> Self {
        const BASE: &[u8] = b"/v1/";
        const OPENAI: [&[u8]; 5] = [
            b"chat/completions",
            b"completions",
            b"embeddings",
            b"models",
            b"responses",
        ];
        let beginning = path.get(..MAX_BASE).unwrap_or(path);
        let base = match beginning.strip_prefix(BASE) {
            // As nearly every path has it.
            Some(rest) if !has_pair(rest, [*b"v1"]) => Some(0),
            _ => beginning.windows(BASE.len()).rposition(|part| part == BASE),
        };
        let start = base.map_or(1, |base| base.saturating_add(BASE.len()));
        let rest = path.get(start..).unwrap_or_default();
        match rest.strip_prefix(b"messages") {
            Some([] | [b'/', ..]) => Self::Anthropic,
            _ if base.is_some() || OPENAI.contains(&rest) => Self::OpenAi,
            _ => Self::Ollama,
        }
    }

    /// The JSON body for `denial`.
    pub(crate) fn body(self, denial: &Denial, extra: ErrorBody<'_>) -> Vec<u8> {
        let (message, code) = (denial.message(), denial.reason().code());
        let kind = Self::error_type(denial.reason());
        let signin_url = extra.signin_url.filter(|_| denial.reason().status() == 401);
        let mut body = ObjectWriter::new();
        match self {
            Self::Ollama => body.text("error", &message).word("code", code),
            Self::OpenAi => body.object("error", |error| {
                error
                    .text("message", &message)
                    .word("type", kind)
                    .text_or_null("param", None)
                    .word("code", code);
            }),
            Self::Anthropic => body
                .word("type", "error")
                .object("error", |error| {
                    error
                        .word("type", kind)
                        .text("message", &message)
                        .word("code", code);
                })
                .text_or_null("request_id", extra.request_id),
        };
        if let Some(url) = signin_url {
            body.text("signin_url", url);
        }
        body.finish().into_bytes()
    }

    const fn error_type(reason: Reason) -> &'static str {
        match reason.status() {
            307 | 400 | 405 | 408 | 413 => "invalid_request_error",
            401 => "authentication_error",
            403 => "permission_error",
            404 => "not_found_error",
            429 => "rate_limit_error",
            _ => "api_error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn body(dialect: Dialect, reason: Reason) -> Value {
        let extra = ErrorBody {
            signin_url: Some("https://wiki.example.com/keys"),
            request_id: Some("r-1"),
        };
        let denial = Denial::new(reason, "say \"why\"");
        serde_json::from_slice(&dialect.body(&denial, extra)).unwrap()
    }

    #[test]
    fn the_path_decides() {
        for (path, dialect) in [
            (&b"/api/chat"[..], Dialect::Ollama),
            (b"/", Dialect::Ollama),
            (b"", Dialect::Ollama),
            (b"/v1", Dialect::Ollama),
            (b"/v1/chat/completions", Dialect::OpenAi),
            (b"/v1/messagesx", Dialect::OpenAi),
            (b"/v1/messages", Dialect::Anthropic),
            (b"/v1/messages/count_tokens", Dialect::Anthropic),
            // with a wrong base URL
            (b"/v1/v1/messages", Dialect::Anthropic),
            (b"/messages", Dialect::Anthropic),
            (b"/messagesx", Dialect::Ollama),
            (b"/ollama/v1/messages/count_tokens", Dialect::Anthropic),
            (b"/api/v1/chat/completions", Dialect::OpenAi),
            (b"/chat/completions", Dialect::OpenAi),
            (b"/models", Dialect::OpenAi),
            (b"/v1/api/version", Dialect::OpenAi),
            (b"/chat", Dialect::Ollama),
        ] {
            assert_eq!(Dialect::of(path), dialect, "{path:?}");
        }
    }

    #[test]
    fn each_dialect_has_its_own_shape() {
        let ollama = body(Dialect::Ollama, Reason::ScopeDenied);
        assert_eq!(
            ollama["error"],
            "the credential lacks the scope: say \"why\""
        );
        assert_eq!(ollama["code"], "scope_denied");
        assert!(ollama.get("signin_url").is_none(), "only a 401 has one");

        let openai = body(Dialect::OpenAi, Reason::UnknownKey);
        assert_eq!(openai["error"]["type"], "authentication_error");
        assert_eq!(openai["error"]["code"], "unknown_key");
        assert_eq!(openai["error"]["param"], Value::Null);
        assert_eq!(openai["signin_url"], "https://wiki.example.com/keys");

        let anthropic = body(Dialect::Anthropic, Reason::MalformedPath);
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "invalid_request_error");
        assert_eq!(anthropic["request_id"], "r-1");
    }
}
