//! The credential that Ollama's own front wants of the gate: a hosted Ollama, a company's proxy.

mod document;
mod fetched;
mod grant;
mod text;
mod value;

pub(crate) use document::{CredentialDocument, Kind};
pub(crate) use fetched::Asker;
pub(crate) use grant::Grant;
pub(crate) use text::{Expiry, TextSource};
pub(crate) use value::MAX_VALUE_BYTES;

use super::Edit;
use crate::authn::api_key::SOON;
use crate::secret::Secret;
use crate::source::{Call, News, Pending, Refusal, SourceHandle, Tried};
use crate::time::Timestamp;
use fetched::Fetched;
use std::borrow::Cow;
use value::expiry_of_jwt;

/// The credential, and the header in which it goes.
#[derive(Debug)]
pub(crate) struct OwnCredential {
    /// the header's name, lower-case
    header: String,
    value: Value,
}

/// Where its value comes from.
#[derive(Debug)]
enum Value {
    /// the configuration: the whole value of the header, and when it ends if it is a JWT that says so
    Fixed(Secret<String>, Option<Timestamp>),
    /// a server
    Fetched(Box<Fetched>),
}

/// The header field of one request.
#[derive(Debug)]
pub(crate) struct OwnField<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

impl OwnCredential {
    /// The `secret` of the configuration, in `header`, behind `prefix`.
    pub(crate) fn fixed(header: String, prefix: &str, secret: &Secret<String>) -> Self {
        let value = [prefix, secret.expose()].concat();
        Self {
            header,
            value: Value::Fixed(Secret::new(value), expiry_of_jwt(secret.expose())),
        }
    }

    /// What `source` says, in `header`.
    pub(crate) fn fetched(header: String, source: SourceHandle<CredentialDocument>) -> Self {
        Self {
            header,
            value: Value::Fetched(Box::new(Fetched::new(source))),
        }
    }

    /// The name of its header.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The field for a request of `asker` that goes on to Ollama now.
    ///
    /// # Errors
    /// There is none that is good, or it has to be fetched first.
    pub(crate) fn field(&self, asker: Asker<'_>) -> Result<OwnField<'_>, Refusal> {
        let value = match &self.value {
            Value::Fixed(value, _) => value.expose().as_str().into(),
            Value::Fetched(fetched) => fetched.value(asker)?.expose().clone().into(),
        };
        let name = &self.header;
        Ok(OwnField { name, value })
    }

    fn source(&self) -> Option<&Fetched> {
        match &self.value {
            Value::Fixed(..) => None,
            Value::Fetched(fetched) => Some(fetched),
        }
    }

    /// How often it has changed.
    pub(crate) fn generation(&self) -> u64 {
        self.source().map_or(0, Fetched::generation)
    }

    /// Ollama's front has refused the one of this generation, in a request of somebody who had proved who they
    /// are. If it is the one held, it is fetched anew.
    pub(crate) fn doubt(&self, generation: u64) {
        if let Some(fetched) = self.source() {
            fetched.doubt(generation);
        }
    }

    /// A tick: the fetch of what is doubted, unless it `is_fetched` now anyway.
    pub(crate) fn due(&self, now: Timestamp, is_fetched: bool) -> Option<(Pending, Call)> {
        let fetched = self.source()?;
        if is_fetched {
            fetched.trust();
        }
        fetched.due(now)
    }

    /// Whether it is what was `tried`.
    pub(crate) fn is_of(&self, tried: Tried) -> bool {
        self.source().is_some_and(|fetched| fetched.is_of(tried))
    }

    /// Whether a request that has `tried` this had passed every other rule before.
    pub(crate) fn was_awaited(&self, tried: &[Tried]) -> bool {
        tried.iter().any(|tried| self.is_of(*tried))
    }

    /// Whether it is what is `pending`.
    pub(crate) fn is_awaited(&self, pending: &Pending) -> bool {
        self.source()
            .is_some_and(|fetched| fetched.is_awaited(pending))
    }

    /// What was fetched at `now` is another one than before.
    pub(crate) fn note_change(&self, now: Timestamp) {
        if let Some(fetched) = self.source() {
            fetched.note_change(now);
        }
    }

    /// Whether it may end.
    pub(crate) const fn ends(&self) -> bool {
        !matches!(self.value, Value::Fixed(_, None))
    }

    /// When it ends, or has ended.
    pub(crate) fn end(&self) -> Option<Timestamp> {
        match &self.value {
            Value::Fixed(_, end) => *end,
            Value::Fetched(fetched) => fetched.end(),
        }
    }

    /// When it ends, if that is soon after `now`, and nothing has come that will take its place.
    pub(crate) fn ending(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.value {
            Value::Fixed(_, end) => end.filter(|end| *end > now && end.since(now) <= SOON),
            Value::Fetched(fetched) => fetched.ending(now),
        }
    }

    /// By what the credential of another gate is told from it, without a secret: when it ends, or the server.
    pub(crate) fn origin(&self) -> String {
        match &self.value {
            Value::Fixed(_, end) => end.map(|end| end.to_string()).unwrap_or_default(),
            Value::Fetched(fetched) => fetched.origin(),
        }
    }

    /// When it was last fetched, if it is, and if it was.
    pub(crate) fn last_had(&self) -> Option<Option<Timestamp>> {
        self.source().map(Fetched::last_had)
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.source().map(Fetched::take_news).unwrap_or_default()
    }
}

impl<'a> OwnField<'a> {
    /// The edit that sets it. Whatever a client sent under its name is in none of the other edits then.
    pub(super) fn edit(self) -> Edit<'a> {
        Edit::Set(self.name, self.value)
    }

    /// The name of its header.
    pub(super) const fn name(&self) -> &'a str {
        self.name
    }
}
