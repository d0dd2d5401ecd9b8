//! Pages of other sites that may use the gate: what they are told, and how a browser's question is
//! answered (Fetch Standard, "HTTP-CORS protocol").
//!
//! No answer says that a browser may send what it sends by itself (`Access-Control-Allow-Credentials`),
//! so a page has to bring a credential of its own.

use crate::http::{FieldKind, RequestHead};
use std::rc::Rc;

/// What a page may send.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";

/// Header fields that a page may send, beside those of [`FAMILIES`].
const HEADERS: &str = "accept, api-key, authorization, content-type, idempotency-key, user-agent, \
                       x-api-key, x-ollama-token, x-request-id, x-requested-with";

/// How names of the clients' own fields begin. The protocol has no patterns, so those that a browser
/// asks for are named in the answer.
const FAMILIES: [&str; 3] = ["anthropic-", "openai-", "x-stainless-"];

/// The longest list of names that is looked at, in bytes.
const MAX_NAMES_BYTES: usize = 4096;

/// What a page may read beside what it always may.
const EXPOSED: &str = "retry-after, www-authenticate, x-request-id, x-should-retry";

/// How long a browser may remember the answer, in seconds.
const MAX_AGE: &str = "600";

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
const ALLOW_METHODS: &str = "access-control-allow-methods";
const ALLOW_HEADERS: &str = "access-control-allow-headers";
const EXPOSE_HEADERS: &str = "access-control-expose-headers";
const REQUEST_METHOD: &str = "access-control-request-method";
const REQUEST_HEADERS: &str = "access-control-request-headers";

/// Whether a page may send the header `name`, lower-case, wherever it may use the gate.
pub(crate) fn is_always_allowed(name: &str) -> bool {
    HEADERS.split(", ").any(|own| own == name) || of_family(name.as_bytes()).is_some()
}

/// The sites whose pages may use the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cors {
    origins: Vec<Rc<str>>,
    headers: Vec<String>,
}

impl Cors {
    /// Of the sites with these origins, each as browsers write it.
    pub(crate) const fn new(origins: Vec<Rc<str>>) -> Self {
        Self {
            origins,
            headers: Vec::new(),
        }
    }

    /// Whose pages may send `headers` too, names in lower case.
    #[must_use]
    pub(crate) fn with_headers(mut self, headers: impl IntoIterator<Item = String>) -> Self {
        self.headers.extend(headers);
        self
    }

    /// The origin of the request with `head`, if it is one of these. Compared byte for byte.
    pub(crate) fn allowed(&self, head: &RequestHead<'_>) -> Option<Rc<str>> {
        let origin = only_origin(head)?;
        self.knows(origin)
    }

    /// This origin, if it is one of these.
    pub(crate) fn knows(&self, origin: &[u8]) -> Option<Rc<str>> {
        let mut origins = self.origins.iter();
        origins.find(|own| own.as_bytes() == origin).map(Rc::clone)
    }

    /// The header of the answer to the preflight with `head`, for a page of `origin`.
    pub(crate) fn of_preflight(
        &self,
        origin: &str,
        head: &RequestHead<'_>,
    ) -> Vec<(&'static str, String)> {
        let mut names = HEADERS.to_owned();
        for name in &self.headers {
            names.push_str(", ");
            names.push_str(name);
        }
        let asked = head
            .values_of(REQUEST_HEADERS)
            .filter(|list| list.len() <= MAX_NAMES_BYTES);
        for name in asked.flat_map(|list| list.split(|byte| *byte == b',')) {
            if let Some(name) = of_family(name.trim_ascii()) {
                names.push_str(", ");
                names.push_str(&name);
            }
        }
        vec![
            (ALLOW_ORIGIN, origin.to_owned()),
            (ALLOW_METHODS, METHODS.to_owned()),
            (ALLOW_HEADERS, names),
            ("access-control-max-age", MAX_AGE.to_owned()),
            ("vary", "Origin, Access-Control-Request-Headers".to_owned()),
        ]
    }
}

/// The value of `Origin`, if it stands there once.
fn only_origin<'a>(head: &RequestHead<'a>) -> Option<&'a [u8]> {
    let mut origins = head.values(FieldKind::Origin);
    let origin = origins.next()?;
    origins.next().is_none().then_some(origin)
}

/// Whether a browser asks by it what a page may send. Any other `OPTIONS` is a method like others.
pub(crate) fn is_preflight(head: &RequestHead<'_>) -> bool {
    head.method() == b"OPTIONS"
        && only_origin(head).is_some()
        && head.values_of(REQUEST_METHOD).next().is_some()
}

/// The header of the gate's own answer to a page of `origin`.
pub(crate) fn of_reply(origin: &str) -> [(&'static str, String); 3] {
    [
        (ALLOW_ORIGIN, origin.to_owned()),
        (EXPOSE_HEADERS, EXPOSED.to_owned()),
        ("vary", "Origin".to_owned()),
    ]
}

/// `name` in lower case, if it is one of the clients' own fields and nothing but a name.
fn of_family(name: &[u8]) -> Option<String> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    let known = FAMILIES.iter().any(|family| name.starts_with(family));
    (known && name.bytes().all(|byte| plain(&byte))).then_some(name)
}

/// One change to the head of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseEdit<'a> {
    /// take out every field of this name
    Remove(&'static str),
    /// make this the only field of this name
    Set(&'static str, &'a str),
    /// one field more
    Add(&'static str, &'a str),
}

/// What has to be done to Ollama's response to a page of `origin`, in this order. The last one lets
/// the page read it; whatever else stood there in its place is gone then.
pub(crate) const fn of_response(origin: &str) -> [ResponseEdit<'_>; 4] {
    [
        ResponseEdit::Remove(ALLOW_CREDENTIALS),
        ResponseEdit::Add("vary", "Origin"),
        ResponseEdit::Set(EXPOSE_HEADERS, EXPOSED),
        ResponseEdit::Set(ALLOW_ORIGIN, origin),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair = (&'static [u8], &'static [u8]);
    const ORIGIN: Pair = (b"Origin", b"https://app.example.com");
    const ASKED: Pair = (b"Access-Control-Request-Method", b"POST");

    fn head(method: &'static [u8], more: &[Pair]) -> RequestHead<'static> {
        let usual: [Pair; 3] = [(b":method", method), (b":path", b"/"), (b"host", b"h")];
        RequestHead::read(usual.into_iter().chain(more.iter().copied())).unwrap()
    }

    #[test]
    fn a_preflight_is_options_with_one_origin_and_a_method_that_is_asked_for() {
        assert!(is_preflight(&head(b"OPTIONS", &[ORIGIN, ASKED])));
        for (method, more) in [
            (&b"OPTIONS"[..], &[ORIGIN][..]),
            (b"OPTIONS", &[ASKED]),
            (b"OPTIONS", &[ORIGIN, ORIGIN, ASKED]),
            (b"OPTIONS", &[]),
            (b"options", &[ORIGIN, ASKED]),
            (b"POST", &[ORIGIN, ASKED]),
        ] {
            assert!(!is_preflight(&head(method, more)), "{method:?} {more:?}");
        }
    }

    #[test]
    fn an_origin_is_known_only_as_it_is_written() {
        let cors = Cors::new(vec!["https://app.example.com".into(), "app://a".into()]);
        assert!(cors.knows(b"https://app.example.com").is_some());
        assert!(cors.knows(b"app://a").is_some());
        for other in [
            &b"https://app.example.com/"[..],
            b"https://app.example.com:443",
            b"https://APP.example.com",
            b"http://app.example.com",
            b"https://x.app.example.com",
            b"https://app.example.com.evil",
            b"https://app.example.co",
            b" https://app.example.com",
            b"https://app.example.com app://a",
            b"null",
            b"*",
            b"",
            b"\xff",
        ] {
            assert_eq!(cors.knows(other), None, "{other:?}");
        }
    }

    #[test]
    fn of_the_headers_that_are_asked_for_the_clients_own_are_named_and_nothing_else() {
        let asked = b"Anthropic-Version,x-stainless-os , openai-beta, cookie, anthropic-a\x01b, \
                      x-forwarded-user, anthropic-\xff, xanthropic-a, ,anthropic-a b";
        let head = head(b"OPTIONS", &[(b"access-control-request-headers", asked)]);
        let answer = Cors::new(Vec::new()).of_preflight("https://a", &head);
        let names = &answer.iter().find(|field| field.0 == ALLOW_HEADERS);
        let names = names.unwrap().1.strip_prefix(HEADERS);
        assert_eq!(
            names,
            Some(", anthropic-version, x-stainless-os, openai-beta")
        );
    }

    #[test]
    fn a_list_without_end_is_not_looked_at() {
        let long: &'static [u8] = "anthropic-a,".repeat(400).leak().as_bytes();
        let head = head(b"OPTIONS", &[(b"access-control-request-headers", long)]);
        let answer = Cors::new(Vec::new()).of_preflight("https://a", &head);
        assert!(answer.contains(&(ALLOW_HEADERS, HEADERS.to_owned())));
    }

    #[test]
    fn no_answer_lets_a_browser_send_what_it_sends_by_itself_or_names_every_site() {
        let answers = of_reply("https://a")
            .into_iter()
            .chain(Cors::new(Vec::new()).of_preflight("https://a", &head(b"OPTIONS", &[])));
        for (name, value) in answers {
            assert!(
                name != ALLOW_CREDENTIALS && !value.contains('*'),
                "{name}: {value}"
            );
        }
        for edit in of_response("https://a") {
            if let ResponseEdit::Set(name, value) | ResponseEdit::Add(name, value) = edit {
                assert!(
                    name != ALLOW_CREDENTIALS && !value.contains('*'),
                    "{name}: {value}"
                );
            }
        }
    }
}
