//! The gate's own answers.

use crate::cors::Cors;
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::json::ObjectWriter;
use crate::login::Page;
use crate::ollama::{Dialect, ErrorBody};

/// What the SDKs of OpenAI and Anthropic, and Claude Code, go by before the status: Claude Code asks again
/// for minutes on a 401 without it, and says nothing.
const SHOULD_RETRY: &str = "x-should-retry";

/// An answer in Ollama's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// the HTTP status
    pub status: u16,
    /// header fields, lower-case names
    pub headers: Vec<(&'static str, String)>,
    /// never empty: APISIX puts nginx's HTML in place of an empty one
    pub body: Vec<u8>,
}

impl Reply {
    /// The answer to a browser's preflight with `head`, for a page of `origin`, one of `cors`.
    pub(crate) fn to_preflight(cors: &Cors, origin: &str, head: &RequestHead<'_>) -> Self {
        let mut headers = vec![("content-type", "text/plain".to_owned())];
        headers.extend(cors.of_preflight(origin, head));
        Self {
            status: 200,
            headers,
            body: b"ok\n".to_vec(),
        }
    }

    /// Sends a browser to `location` with these `cookies`.
    pub(crate) fn redirect(location: String, cookies: Vec<String>) -> Self {
        let mut reply = Self {
            status: 303,
            headers: vec![
                ("content-type", "text/plain".to_owned()),
                ("location", location),
                ("cache-control", "no-store".to_owned()),
                ("referrer-policy", "no-referrer".to_owned()),
            ],
            body: b"see the address in `Location`\n".to_vec(),
        };
        reply.set_cookies(cookies);
        reply
    }

    /// Shows `page`.
    pub(crate) fn page(page: Page) -> Self {
        let Page {
            status,
            headers,
            body,
        } = page;
        Self {
            status,
            headers,
            body,
        }
    }

    /// A JSON object, for whoever asks now.
    pub(crate) fn json(status: u16, object: String) -> Self {
        Self {
            status,
            headers: vec![
                ("content-type", "application/json".to_owned()),
                ("cache-control", "no-store".to_owned()),
            ],
            body: object.into_bytes(),
        }
    }

    /// The refusal `denial` of what an identity provider says (RFC 6749 section 5.2, as Back-Channel Logout 1.0 section 2.8
    /// has it).
    pub(crate) fn to_provider(denial: &Denial) -> Self {
        let reason = denial.reason();
        let error = match reason.status() {
            408 | 429 | 500.. => "temporarily_unavailable",
            _ => "invalid_request",
        };
        let mut body = ObjectWriter::new();
        body.word("error", error)
            .text("error_description", &denial.message())
            .word("code", reason.code());
        let mut reply = Self::refusing(denial, Dialect::Ollama, ErrorBody::default());
        reply.body = body.finish().into_bytes();
        reply.headers.push(("cache-control", "no-store".to_owned()));
        reply
    }

    /// The same, with `page` in place of its body.
    pub(crate) fn showing(mut self, page: Page) -> Self {
        self.headers.retain(|(name, _)| *name != "content-type");
        self.headers.extend(page.headers);
        self.body = page.body;
        self
    }

    /// Adds fields that set `cookies`.
    pub(crate) fn set_cookies(&mut self, cookies: Vec<String>) {
        let fields = cookies.into_iter().map(|cookie| ("set-cookie", cookie));
        self.headers.extend(fields);
    }

    /// The refusal `denial`, in the words of `dialect`.
    pub(crate) fn refusing(denial: &Denial, dialect: Dialect, extra: ErrorBody<'_>) -> Self {
        let reason = denial.reason();
        let mut headers = Vec::with_capacity(6);
        headers.push(("content-type", "application/json".to_owned()));
        match reason.status() {
            429 | 503 => headers.push(("retry-after", denial.seconds_to_wait().to_string())),
            // A redirection is followed; a network, and what is between the gate and Ollama, may be better soon.
            307 | 408 | 502 => {}
            status => {
                if status == 401 {
                    headers.push(("www-authenticate", challenge(reason)));
                }
                headers.push((SHOULD_RETRY, "false".to_owned()));
            }
        }
        let own = denial
            .header()
            .map(|(name, value)| (name, value.to_owned()));
        headers.extend(own);
        Self {
            status: reason.status(),
            headers,
            body: dialect.body(denial, extra),
        }
    }

    /// Writes the status into a header of its own: to a request that says it is gRPC Envoy gives every
    /// answer that is not the upstream's as a 200. The pack puts the status back.
    pub fn show_status(&mut self) {
        let status = self.status.to_string();
        self.headers.push(("x-ollama-gate-status", status));
    }

    /// Makes a browser ask for name and password, where the answer asks for a credential (RFC 7617
    /// section 2). A field of its own: browsers take a field for one challenge.
    pub(crate) fn offer_basic(&mut self) {
        if self.status == 401 {
            let challenge = r#"Basic realm="ollama-gate", charset="UTF-8""#;
            self.headers
                .push(("www-authenticate", challenge.to_owned()));
        }
    }
}

/// RFC 6750 section 3: no error code where no credential was sent.
fn challenge(reason: Reason) -> String {
    let realm = r#"Bearer realm="ollama-gate""#;
    let error = r#", error="invalid_token", error_description=""#;
    match reason {
        Reason::MissingCredential => realm.to_owned(),
        _ => [realm, error, reason.summary(), "\""].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(reason: Reason) -> Reply {
        let denial = Denial::new(reason, "do this");
        Reply::refusing(&denial, Dialect::Ollama, ErrorBody::default())
    }

    fn header(reply: &Reply, name: &str) -> Option<String> {
        let found = reply.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.clone())
    }

    #[test]
    fn a_401_carries_a_challenge_and_nothing_else_does() {
        for reason in Reason::ALL {
            let challenge = header(&reply(reason), "www-authenticate");
            assert_eq!(challenge.is_some(), reason.status() == 401, "{reason:?}");
        }
        let missing = header(&reply(Reason::MissingCredential), "www-authenticate");
        assert_eq!(missing.as_deref(), Some(r#"Bearer realm="ollama-gate""#));
        let expired = header(&reply(Reason::ExpiredToken), "www-authenticate").unwrap();
        assert!(expired.ends_with(r#"error_description="the token has expired""#));
    }

    #[test]
    fn cannot_know_means_try_again() {
        let unknown = reply(Reason::ClockUnavailable);
        assert_eq!(header(&unknown, "retry-after").as_deref(), Some("1"));
    }

    #[test]
    fn what_will_not_get_better_by_itself_says_so_and_nothing_else_does() {
        for reason in Reason::ALL {
            let reply = reply(reason);
            let (retry, wait) = (header(&reply, SHOULD_RETRY), header(&reply, "retry-after"));
            let (again, never) = match reason.status() {
                429 | 503 => (true, false),
                307 | 408 | 502 => (false, false),
                _ => (false, true),
            };
            assert_eq!(wait.is_some(), again, "{reason:?}");
            assert_eq!(retry, never.then(|| "false".to_owned()), "{reason:?}");
        }
    }

    #[test]
    fn too_much_means_try_again() {
        let denial = Denial::new(Reason::TooManyPasswords, "wait").retry_after(7);
        let reply = Reply::refusing(&denial, Dialect::Ollama, ErrorBody::default());
        assert_eq!(
            (reply.status, header(&reply, "retry-after")),
            (429, Some("7".to_owned()))
        );
    }

    #[test]
    fn basic_is_offered_beside_bearer_where_a_credential_is_asked_for() {
        for reason in Reason::ALL {
            let mut reply = reply(reason);
            reply.offer_basic();
            let challenges = reply.headers.iter();
            let challenges = challenges.filter(|header| header.0 == "www-authenticate");
            let expected = if reason.status() == 401 { 2 } else { 0 };
            assert_eq!(challenges.count(), expected, "{reason:?}");
        }
    }

    #[test]
    fn no_body_is_empty() {
        assert!(
            Reason::ALL
                .iter()
                .all(|reason| !reply(*reason).body.is_empty())
        );
    }
}
