//! The credential that Ollama's own front wants of the gate: a hosted Ollama, a company's proxy.

use super::Edit;
use crate::secret::Secret;
use std::borrow::Cow;

/// The longest credential, in bytes: what most servers take in a header.
pub(crate) const MAX_VALUE_BYTES: usize = 8192;

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
    /// the configuration: the whole value of the header
    Fixed(Secret<String>),
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
            value: Value::Fixed(Secret::new(value)),
        }
    }

    /// The name of its header.
    pub(crate) fn header(&self) -> &str {
        &self.header
    }

    /// The field for a request that goes on to Ollama now.
    pub(crate) fn field(&self) -> OwnField<'_> {
        let Value::Fixed(value) = &self.value;
        OwnField {
            name: &self.header,
            value: value.expose().as_str().into(),
        }
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
