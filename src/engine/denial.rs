//! A refusal: its reason, the sentence for a person, and what operators are told.

mod quoted;
mod reason;

pub(crate) use quoted::{MAX_VALUE_BYTES, quoted, quoted_address, truncated};
pub use reason::{Level, Reason};

use std::borrow::Cow;
use std::fmt;

/// A refusal: the reason, a sentence for a person, and what else belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    reason: Reason,
    advice: Cow<'static, str>,
    /// boxed, because every result carries room for it
    details: Option<Box<Details>>,
}

/// What only some refusals have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Details {
    /// whose credential it was
    id: Option<Box<str>>,
    /// what an operator has to know and a stranger has not
    cause: Option<Cow<'static, str>>,
    /// whose token it is by its own word
    claimed_subject: Option<Box<str>>,
    /// in seconds; 1 if there is none
    retry_after: Option<i64>,
    header: Option<(&'static str, String)>,
}

impl Denial {
    /// A refusal for `reason`. `advice` is a clause that says what to do; it goes to the caller
    /// and must hold no credential.
    pub fn new(reason: Reason, advice: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            advice: advice.into(),
            details: None,
        }
    }

    fn details(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }

    /// The gateway did not do what it was asked to.
    pub fn host_failure() -> Self {
        let advice = "ask the operator to look into the gateway's log";
        Self::new(Reason::HostFailure, advice)
    }

    /// The same refusal, of the credential that the configuration calls `id`.
    #[must_use]
    pub fn of(mut self, id: &str) -> Self {
        self.details().id = Some(id.into());
        self
    }

    /// The same refusal, with what the log says of its cause in place of the advice: what was
    /// expected and what was found. It must hold no credential.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.details().cause = Some(cause.into());
        self
    }

    /// The same refusal, of a token that says it is `subject`'s.
    #[must_use]
    pub fn claimed_by(mut self, subject: &str) -> Self {
        self.details().claimed_subject = Some(subject.into());
        self
    }

    /// The same refusal, of a token that does not say whose it is.
    #[must_use]
    pub fn claimed_by_nobody(mut self) -> Self {
        if let Some(details) = &mut self.details {
            details.claimed_subject = None;
        }
        self
    }

    /// The same refusal, to be tried again after `seconds`, at least one.
    #[must_use]
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.details().retry_after = Some(seconds.max(1));
        self
    }

    /// The same refusal, with one more thing that the caller can do.
    #[must_use]
    pub fn and_advice(mut self, more: &str) -> Self {
        self.advice = format!("{}; {more}", self.advice).into();
        self
    }

    /// The same refusal, whose answer has this header too. The name is in lower case.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.details().header = Some((name, value));
        self
    }

    /// The header that its answer has beside the usual ones.
    pub fn header(&self) -> Option<(&'static str, &str)> {
        let (name, value) = self.details.as_ref()?.header.as_ref()?;
        Some((name, value))
    }

    /// After how many seconds to try again, where that makes sense (429, 503).
    pub fn seconds_to_wait(&self) -> i64 {
        let details = self.details.as_ref();
        details.and_then(|details| details.retry_after).unwrap_or(1)
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The sentence for the caller.
    pub fn message(&self) -> String {
        [self.reason.summary(), ": ", &self.advice].concat()
    }

    /// What the log says of the cause.
    pub fn cause(&self) -> &str {
        let details = self.details.as_ref();
        let cause = details.and_then(|details| details.cause.as_deref());
        cause.unwrap_or(&self.advice)
    }

    /// Whose the refused token is by its own word, which nobody has verified.
    pub fn claimed_subject(&self) -> Option<&str> {
        self.details.as_ref()?.claimed_subject.as_deref()
    }

    /// The configured name of the credential, where it was recognised, or of the issuer whose rule
    /// refused it.
    pub fn id(&self) -> Option<&str> {
        self.details.as_ref()?.id.as_deref()
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Denial {}

#[cfg(test)]
#[path = "denial_tests.rs"]
mod tests;
