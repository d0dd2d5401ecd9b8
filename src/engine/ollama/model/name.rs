//! One model, named by a request.

use super::parts::{Parts, shortest};
use std::fmt;

/// The name of a model, read as Ollama reads it. Two spellings that Ollama resolves to one model are
/// equal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelName {
    /// as the routes read it that run, show, pull and delete models
    canonical: Box<str>,
    /// as the routes read it that create, copy and push, and older Ollamas, where that differs
    literal: Option<Box<str>>,
    is_cloud: bool,
}

/// One way in which Ollama reads a name: `host/namespace/model:tag`, lower-case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading<'n>(pub(super) &'n str);

impl ModelName {
    /// Reads `text`. `None` if Ollama would not take it for the name of a model.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let literal = Parts::split(text).canonical(false);
        let Some((base, source)) = source(text) else {
            return Some(Self {
                canonical: literal?,
                literal: None,
                is_cloud: false,
            });
        };
        let canonical = pulled(&base, source)?;
        Some(Self {
            literal: literal.filter(|literal| *literal != canonical),
            canonical,
            is_cloud: source == Source::Cloud,
        })
    }

    /// Whether Ollama has ollama.com run it. A local model that stands for a remote one cannot be
    /// told by its name.
    pub const fn is_cloud(&self) -> bool {
        self.is_cloud
    }

    /// Every way in which a route of Ollama reads it; one, but for `model:local`.
    pub fn readings(&self) -> impl Iterator<Item = Reading<'_>> {
        let all = std::iter::once(&self.canonical).chain(&self.literal);
        all.map(|text| Reading(text))
    }
}

impl fmt::Display for ModelName {
    /// The name in full, without the default registry and namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(shortest(&self.canonical))
    }
}

/// Whether Ollama takes `text`, a name or not, for a model that ollama.com runs.
pub(crate) fn names_cloud(text: &str) -> bool {
    matches!(source(text.trim()), Some((_, Source::Cloud)))
}

/// Where a model runs, as its name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// on ollama.com
    Cloud,
    /// here
    Local,
}

/// What `text` says behind the name of where it runs, and the name before that.
pub(super) fn source(text: &str) -> Option<(String, Source)> {
    const CLOUD: &str = "-cloud";
    let (before, suffix) = text.rsplit_once(':')?;
    // Inside of the name white space makes it none, except here.
    let suffix = suffix.trim();
    if suffix.eq_ignore_ascii_case("cloud") {
        return Some((before.to_owned(), Source::Cloud));
    }
    if suffix.eq_ignore_ascii_case("local") {
        return Some((before.to_owned(), Source::Local));
    }
    let (tag, end) = suffix.split_at_checked(suffix.len().checked_sub(CLOUD.len())?)?;
    let is_cloud = end.eq_ignore_ascii_case(CLOUD) && !tag.contains('/');
    is_cloud.then(|| (format!("{before}:{tag}"), Source::Cloud))
}

/// The name under which the model `base` is pulled and deleted: one of ollama.com has a tag of its
/// own for that. `None` if it is no name, or says twice where it runs.
pub(super) fn pulled(base: &str, from: Source) -> Option<Box<str>> {
    if source(base).is_some() {
        return None;
    }
    let parts = Parts::split(base);
    // What is sent on has to be a name too, before and behind that.
    let canonical = parts.canonical(false)?;
    match (from, parts.tag) {
        (Source::Local, _) => Some(canonical),
        (Source::Cloud, None) => Parts::split(&format!("{base}:cloud")).canonical(false),
        (Source::Cloud, Some(_)) => Parts::split(&format!("{base}-cloud")).canonical(false),
    }
}

#[cfg(test)]
#[path = "name_tests.rs"]
mod tests;
