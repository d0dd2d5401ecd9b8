//! What is told of a decision: one log line, one counter.

use super::request::Request;
use super::{Engine, Mode};
use crate::bytes::has_pair;
use crate::credential::Copies;
use crate::denial::{Denial, Level, MAX_VALUE_BYTES, Reason, truncated};
use crate::http::{FieldKind, RequestHead, is_visible_ascii, without_query};
use crate::identity::{Identity, Method};
use crate::json::ObjectWriter;
use crate::login::OwnPage;
use crate::ollama::Route;
use std::borrow::Cow;
use std::net::IpAddr;

/// The longest cause that a line holds, in bytes.
const MAX_CAUSE: usize = 384;

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogRules {
    /// whether allowed requests are
    pub allowed: bool,
    /// whether their lines hold the client's address, which costs a call of the gateway
    pub address: bool,
    /// whether their lines hold the model, where it is known
    pub model: bool,
}

/// A decision, told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// why it was refused; none if it was allowed
    pub reason: Option<Reason>,
    /// how loud the line is
    pub level: Level,
    /// one JSON object on one line, without any secret; none if it is not to be logged
    pub line: Option<String>,
    /// the method of the caller whom a previous secret still let in
    pub by_previous_secret: Option<Method>,
}

/// What is known of the request when it was decided.
#[derive(Debug, Default)]
pub(crate) struct Facts<'r, 'a> {
    /// the configuration that decided, unless it was refused
    pub engine: Option<&'a Engine>,
    /// what its head says, unless that could not be read
    pub request: Option<&'r Request<'r, 'a>>,
    /// whose it is, where that was proved
    pub identity: Option<Identity<'a>>,
    /// the client's address, where a rule or the log has asked for it
    pub address: Option<IpAddr>,
    /// the model, where it is known and the line is to hold it
    pub model: Option<String>,
}

impl<'r, 'a> Facts<'r, 'a> {
    /// Of `request`, whose caller is not known, or counts no more.
    pub(crate) fn of(request: &'r Request<'r, 'a>) -> Self {
        Self {
            engine: Some(request.engine),
            request: Some(request),
            ..Self::default()
        }
    }

    /// Its route, where it has one.
    pub(crate) fn route(&self) -> Option<&'a Route> {
        self.request?.route
    }

    /// The model that its path names, of a caller who is known: what strangers ask for is not logged.
    pub(crate) fn model_in_path(&self) -> Option<String> {
        self.identity.as_ref()?;
        self.request?.model_in_path()
    }

    /// The gateway's id of the request, where it may be shown: a client may have made it, and put one
    /// of its credentials or another one there. Looked for only where somebody sees it.
    pub(crate) fn request_id(&self) -> Option<&'a str> {
        let request = self.request?;
        request_id(request.head, request.copies().ok()?)
    }
}

impl Record {
    /// Of an allowed request.
    pub(crate) fn allowed(facts: &Facts<'_, '_>, logged: bool, mode: Mode) -> Self {
        Self {
            reason: None,
            level: Level::Info,
            line: logged.then(|| line(facts, None, mode)),
            by_previous_secret: facts
                .identity
                .as_ref()
                .filter(|identity| identity.by_previous_secret)
                .map(|identity| identity.method),
        }
    }

    /// Of a refused one. Refusals are always logged.
    pub(crate) fn denied(facts: &Facts<'_, '_>, denial: &Denial, mode: Mode) -> Self {
        Self {
            reason: Some(denial.reason()),
            level: denial.reason().level(),
            line: Some(line(facts, Some(denial), mode)),
            by_previous_secret: None,
        }
    }
}

fn request_id<'a>(head: &RequestHead<'a>, copies: &Copies<'_>) -> Option<&'a str> {
    let id = head.values(FieldKind::RequestId).next()?;
    let fit = is_visible_ascii(id) && id.len() <= MAX_VALUE_BYTES;
    let fit = fit && !resembles_credential(id) && !copies.are_in(id);
    std::str::from_utf8(id).ok().filter(|_| fit)
}

/// Whether what a key or a token begins with stands in `text`, not within a word.
fn resembles_credential(text: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 3] = [b"sk-", b"eyJ", b"AAA"];
    if !has_pair(text, [*b"sk", *b"ey", *b"AA"]) {
        return false;
    }
    let begins = |rest: &[u8]| BEGINNINGS.iter().any(|own| rest.starts_with(own));
    let inside = |rest: &[u8]| match rest {
        [before, rest @ ..] => !before.is_ascii_alphanumeric() && begins(rest),
        [] => false,
    };
    begins(text) || text.windows(4).any(inside)
}

fn line(facts: &Facts<'_, '_>, denial: Option<&Denial>, mode: Mode) -> String {
    let mut line = ObjectWriter::new();
    line.word("gate", "ollama-gate");
    if mode == Mode::Report {
        line.word("mode", "report");
    }
    match denial {
        None => drop(line.word("decision", "allowed")),
        Some(denial) => write_denial(&mut line, denial),
    }
    if let Some(request) = facts.request {
        line.word("method", method(request.head.method()));
        match request.route {
            Some(route) => {
                line.text("route", route.pattern())
                    .word("scope", route.scope().name());
            }
            // The path of an unknown route is what somebody has to see to know what was tried.
            None => {
                let path = masked(without_query(request.head.path()));
                line.text("path", &truncated(&path, MAX_VALUE_BYTES));
            }
        }
    }
    if let Some(identity) = &facts.identity {
        line.word("credential", identity.method.name())
            .text("id", &identity.id)
            .text("subject", &truncated(&identity.subject, MAX_VALUE_BYTES));
        if identity.by_previous_secret {
            line.word("secret", "previous");
        }
        if let Some(fetched) = &identity.fetched {
            line.text("source", &fetched.source)
                .number("generation", fetched.generation);
        }
        if let Some(labels) = &identity.labels {
            line.text("labels", labels);
        }
    } else if let Some(denial) = denial {
        write_whose(&mut line, denial);
    }
    if let Some(model) = &facts.model {
        line.text("model", &truncated(model, MAX_VALUE_BYTES));
    }
    if let Some(address) = facts.address {
        line.address("address", address);
    }
    if let Some(id) = facts.request_id() {
        line.text("request_id", id);
    }
    line.finish()
}

/// Why it was refused.
#[inline(never)] // or the lines of those who come in pay for it
fn write_denial(line: &mut ObjectWriter, denial: &Denial) {
    line.word("decision", "denied")
        .number("status", denial.reason().status())
        .word("code", denial.reason().code())
        .text("cause", &truncated(denial.cause(), MAX_CAUSE));
}

/// Whose credential was refused, as far as it is known.
#[inline(never)] // as above
fn write_whose(line: &mut ObjectWriter, denial: &Denial) {
    if let Some(id) = denial.id() {
        line.text("id", id);
    }
    if let Some(subject) = denial.claimed_subject() {
        line.text("claimed_subject", &truncated(subject, MAX_VALUE_BYTES));
    }
}

/// The methods that a line names. Any other is the client's free text.
fn method(method: &[u8]) -> &'static str {
    [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
    ]
    .into_iter()
    .find(|known| known.as_bytes() == method)
    .unwrap_or("other")
}

/// A segment this long may be a key that somebody wrote into the path.
const LONG_SEGMENT: usize = 16;

/// `path` with every segment that may be a credential left out.
fn masked(path: &[u8]) -> String {
    let segments = path.split(|byte| *byte == b'/').map(|segment| {
        let secret = (segment.len() >= LONG_SEGMENT && !OwnPage::is_named(segment))
            || segment.contains(&b'%')
            || segment
                .windows(3)
                .any(|part| part.eq_ignore_ascii_case(b"sk-") || part.eq_ignore_ascii_case(b"eyj"));
        if secret {
            Cow::Borrowed("…")
        } else {
            String::from_utf8_lossy(segment)
        }
    });
    segments.collect::<Vec<_>>().join("/")
}
