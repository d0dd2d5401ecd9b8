//! Patterns: which models a rule means.

use super::name::{Reading, Source, pulled, source};
use super::parts::{ANY, Parts, shortest};
use std::fmt;

/// Models that a rule allows. Written as a name is, where `*` may stand in place of the namespace,
/// the model or the tag:
///
/// * `llama3.2` is one model, `llama3.2:latest`, as it is for Ollama;
/// * `qwen3:*` is every tag of one model;
/// * `team/*` is every model and tag of one namespace, `hf.co/team/*` of one at another registry,
///   `hf.co/*/*` of one registry;
/// * `*` is every model of every registry.
///
/// A part is matched whole: there is no `qwen*` and no `qwen3:8b-*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModelPattern(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Every,
    /// `host/namespace/model:tag`, lower-case
    Parts(Box<str>),
}

/// Why something is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternError {
    /// it is no name, even with `*` in places
    NoName,
    /// it has a tag for every model, but no namespace
    TagOfEverything,
    /// it says where the model is to run, which is not part of its name
    Local,
}

impl PatternError {
    /// What to do about it, in one clause.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::NoName => {
                "expected the name of a model, such as `llama3.2`, `qwen3:*`, `team/*` or `*`, \
                 where a `*` stands for a whole part"
            }
            Self::TagOfEverything => {
                "has a tag for every model, write the namespace too, such as `library/*:8b`"
            }
            Self::Local => "says where the model runs, write its name without `:local`",
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.advice())
    }
}

impl std::error::Error for PatternError {}

impl ModelPattern {
    /// Every model.
    pub const EVERY: Self = Self(Kind::Every);

    /// Reads `text`.
    ///
    /// # Errors
    /// It is no pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text == ANY {
            return Ok(Self::EVERY);
        }
        let canonical = match source(text) {
            Some((_, Source::Local)) => return Err(PatternError::Local),
            // `qwen3:8b:cloud` is `qwen3:8b-cloud`. With a `*` in it, it is read as it stands.
            Some((base, cloud)) if !base.contains(ANY) => pulled(&base, cloud),
            _ => Self::canonical(text)?,
        };
        let canonical = canonical.ok_or(PatternError::NoName)?;
        Ok(Self(Kind::Parts(canonical)))
    }

    fn canonical(text: &str) -> Result<Option<Box<str>>, PatternError> {
        let mut parts = Parts::split(text);
        if parts.model == ANY {
            if parts.namespace.is_none() {
                return Err(PatternError::TagOfEverything);
            }
            parts.tag = parts.tag.or(Some(ANY));
        }
        Ok(parts.canonical(true))
    }

    /// Whether this is every model.
    pub const fn is_every(&self) -> bool {
        matches!(self.0, Kind::Every)
    }

    /// Whether it means the model that `reading` names.
    pub fn matches(&self, reading: Reading<'_>) -> bool {
        let own = match &self.0 {
            Kind::Every => return true,
            Kind::Parts(own) => Parts::of_canonical(own),
        };
        let (Some(own), Some(asked)) = (own, Parts::of_canonical(reading.0)) else {
            return false;
        };
        own.iter()
            .zip(asked)
            .all(|(own, asked)| *own == ANY || *own == asked)
    }
}

impl fmt::Display for ModelPattern {
    /// As in the configuration, without the default registry and namespace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Every => ANY,
            Kind::Parts(canonical) => shortest(canonical),
        })
    }
}

#[cfg(test)]
#[path = "pattern_tests.rs"]
mod tests;
