//! What is wrong with a configuration, all of it.

use std::fmt;

/// The most errors that are kept; a configuration with more is not the one that was meant.
const MAX_ERRORS: usize = 100;

/// One error: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    /// Where it is: `jwt[1].audiences`. Empty for the whole document.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong there.
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// Every error of a configuration, in the order in which a person reads it. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    more: usize,
}

impl fmt::Display for ConfigErrors {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.lines().collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl ConfigErrors {
    /// One error for the whole document.
    pub fn of_document(message: String) -> Self {
        let mut errors = Self::default();
        errors.add(String::new(), message);
        errors
    }

    /// One error at `path`.
    pub fn at(path: &str, message: String) -> Self {
        let mut errors = Self::default();
        errors.add(path.to_owned(), message);
        errors
    }

    /// Adds an error, unless one is known for the same path: the first says why.
    pub(super) fn add(&mut self, path: String, message: String) {
        if self.errors.iter().any(|known| known.path == path) {
            return;
        }
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(ConfigError { path, message });
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    /// Whether there is one at `path`, or at anything within it.
    pub(super) fn any_within(&self, path: &str) -> bool {
        let within = |rest: &str| rest.is_empty() || rest.starts_with(['.', '[']);
        let mut paths = self.errors.iter().map(|error| error.path.as_str());
        paths.any(|known| known.strip_prefix(path).is_some_and(within))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// Each, up to a hundred; [`Self::count`] says how many there are.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigError> {
        self.errors.iter()
    }

    /// One line each, the last one counting those that are left out.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        let rest = match self.more {
            0 => None,
            1 => Some("and 1 more error".to_owned()),
            more => Some(format!("and {more} more errors")),
        };
        self.errors.iter().map(ConfigError::to_string).chain(rest)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.errors.len().saturating_add(self.more)
    }
}
