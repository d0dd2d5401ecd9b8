//! Which models a caller may use.

use super::{BodyRules, ScopeSet};
use crate::denial::{Denial, Reason};
use crate::ollama::body::Members;
use crate::ollama::{ModelName, ModelPattern, Named, Naming, Scope, names_cloud};
use std::fmt;

/// The models that a caller may use; none, where it has no patterns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelRule {
    patterns: Box<[ModelPattern]>,
}

/// How many patterns a refusal shows.
const SHOWN: usize = 5;

impl ModelRule {
    /// Those that one of `patterns` means.
    pub fn new(patterns: impl IntoIterator<Item = ModelPattern>) -> Self {
        let patterns = patterns.into_iter().collect();
        Self { patterns }
    }

    /// Whether it allows every model, so that it does not matter which one a request is about.
    pub fn allows_every(&self) -> bool {
        self.patterns.iter().any(ModelPattern::is_every)
    }

    /// Whether it allows the model called `name`, in whatever way Ollama reads that.
    pub fn allows(&self, name: &ModelName) -> bool {
        name.readings()
            .all(|reading| self.patterns.iter().any(|own| own.matches(reading)))
    }

    /// As [`ModelRule::allows`], with a sentence for the caller.
    fn check(&self, name: &ModelName) -> Result<(), Denial> {
        if self.allows(name) {
            return Ok(());
        }
        Err(denied(format!("`{name}` is not one of its models, {self}")))
    }
}

impl fmt::Display for ModelRule {
    /// "which are `a:latest`, `b:*`"
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shown, more) = match self.patterns.split_at_checked(SHOWN) {
            Some((shown, more)) => (shown, more.len()),
            None => (&*self.patterns, 0),
        };
        if shown.is_empty() {
            return f.write_str("it has none");
        }
        f.write_str("which are")?;
        for (place, pattern) in shown.iter().enumerate() {
            let before = if place == 0 { " " } else { ", " };
            write!(f, "{before}`{pattern}`")?;
        }
        match more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

impl BodyRules {
    /// Checks every model that `members` names, and that those are named that have to be.
    pub(super) fn check_models(&self, naming: Naming, members: &Members) -> Result<(), Denial> {
        for rule in &self.models {
            for named in Named::ALL {
                if let Some(text) = named.of(members) {
                    let name = ModelName::parse(text).ok_or_else(|| no_name(named.name()))?;
                    rule.check(&name)?;
                }
            }
            if let Some(member) = members.modelfile.filter(|_| !rule.allows_every()) {
                return Err(denied(format!(
                    "`{member}` is not looked into, send `from` and the like as members of their own"
                )));
            }
            if let Some(member) = members.blobs.filter(|_| !rule.allows_every()) {
                return Err(denied(format!(
                    "the blobs in `{member}` may be parts of any model, and it may not use every one: {rule}"
                )));
            }
            let missing = naming
                .required()
                .iter()
                .find(|names| names.iter().all(|name| name.of(members).is_none()));
            if let Some([name, ..]) = missing {
                let advice = format!("the request has to name one, as `{}`", name.name());
                return Err(denied(advice));
            }
        }
        Ok(())
    }

    /// Checks the model that stands in the path as `parameter`.
    pub(super) fn check_path(&self, parameter: &str) -> Result<(), Denial> {
        for rule in &self.models {
            let name = ModelName::parse(parameter).ok_or_else(|| no_name("model"))?;
            rule.check(&name)?;
        }
        Ok(())
    }

    /// Checks a request of which nobody can say which models it is about.
    pub(super) fn check_unnamed(&self) -> Result<(), Denial> {
        match self.models.iter().find(|rule| !rule.allows_every()) {
            None => Ok(()),
            Some(rule) => Err(denied(format!(
                "requests of this route may be about any model, and it may not use every one: {rule}"
            ))),
        }
    }
}

/// Refuses what leaves for ollama.com or another host to whoever lacks the scope for it.
pub(super) fn check_cloud(scopes: ScopeSet, members: &Members) -> Result<(), Denial> {
    for text in Named::ALL.iter().filter_map(|named| named.of(members)) {
        check_cloud_name(scopes, text)?;
    }
    let host = members.remote_host.as_deref().unwrap_or_default();
    if !host.is_empty() && !scopes.grants(Scope::Cloud) {
        return Err(lacks_cloud("a model with a `remote_host`", scopes));
    }
    if members.web_search && !scopes.grants(Scope::Cloud) {
        let denial = lacks_cloud("a tool of web search", scopes);
        return Err(denial
            .and_advice("switch it off in your client, in Codex by `web_search = \"disabled\"`"));
    }
    Ok(())
}

/// The same of one name of a model.
///
/// # Errors
/// It runs on ollama.com, and `scopes` do not grant `cloud`.
pub(crate) fn check_cloud_name(scopes: ScopeSet, text: &str) -> Result<(), Denial> {
    if names_cloud(text) && !scopes.grants(Scope::Cloud) {
        Err(lacks_cloud("a model that runs on ollama.com", scopes))
    } else {
        Ok(())
    }
}

fn lacks_cloud(what: &str, scopes: ScopeSet) -> Denial {
    let advice = format!("{what} needs `cloud`, this credential has {scopes}");
    Denial::new(Reason::ScopeDenied, advice)
}

fn no_name(place: &str) -> Denial {
    denied(format!("`{place}` is not a name that Ollama accepts"))
}

fn denied(advice: String) -> Denial {
    Denial::new(Reason::ModelDenied, advice)
}
