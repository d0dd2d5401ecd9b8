//! A plugin configuration read by the engine, in an environment that may not be the gateway's.

use crate::document::{Plugin, to_text};
use crate::environment::Variables;
use crate::output::counted;
use ollama_gate_engine::{Configuration, Json};
use std::collections::BTreeSet;

/// A secret that is not in the configuration but elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// where it stands
    pub path: String,
    /// what it is called: a variable, or an address in a vault
    pub name: String,
}

/// What the engine makes of a configuration.
#[derive(Debug)]
pub struct Reading {
    /// the configuration as the filter gets it, if it is JSON
    pub json: Option<Json>,
    /// what it makes; none after an error, or where a secret that is not known here is part of it
    pub configuration: Option<Configuration>,
    /// every error: where, and what
    pub errors: Vec<(String, String)>,
    /// what the gate would log at the start so that nobody misses it
    pub warnings: Vec<String>,
    /// the secrets that are not known here
    pub unset: Vec<Reference>,
}

/// Reads `plugin` as the gate would, with `variables` in the place of the gateway's environment.
pub fn read(plugin: &Plugin, variables: &Variables) -> Reading {
    let json = Json::parse(plugin.text.as_bytes()).ok();
    read_edited(plugin, variables, json)
}

/// As [`read`], with `json` in the place of what stands in the file.
pub fn read_edited(plugin: &Plugin, variables: &Variables, json: Option<Json>) -> Reading {
    let mut references = References::default();
    let resolved = json.clone().map(|mut json| {
        references.resolve(&mut json, "", variables);
        json
    });
    let text = resolved
        .as_ref()
        .map_or_else(|| plugin.text.clone(), to_text);
    let environment = |name: &str| {
        if references.optional.contains(name) {
            variables.known(name)
        } else {
            Some(variables.value(name))
        }
    };
    let (configuration, errors) = match Configuration::read(text.as_bytes(), &environment, 0) {
        Ok(configuration) => (Some(configuration), Vec::new()),
        Err(errors) => {
            let pairs = errors
                .iter()
                .map(|error| (error.path().to_owned(), error.message().to_owned()));
            let mut pairs: Vec<_> = pairs.collect();
            if errors.count() > pairs.len() {
                let more = errors.count() - pairs.len();
                pairs.push((
                    String::new(),
                    format!("and {}", counted(more, "more error")),
                ));
            }
            (None, pairs)
        }
    };
    let is_unset = |reference: &&Reference| variables.is_unset(&reference.name);
    let unset: Vec<_> = references.all.iter().filter(is_unset).cloned().collect();
    // What is wrong with a stand-in is not wrong with the configuration.
    let of_stand_in = |path: &str| {
        let at = |reference: &Reference| {
            let rest = path.strip_prefix(reference.path.as_str());
            // A PEM is judged where its key is.
            let of_pem = reference.path.strip_suffix(".pem") == Some(path);
            of_pem || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        unset.iter().any(at)
    };
    Reading {
        warnings: configuration
            .as_ref()
            .map(|read| read.warnings.clone())
            .unwrap_or_default(),
        errors: errors
            .into_iter()
            .filter(|(path, _)| !of_stand_in(path))
            .collect(),
        json,
        configuration,
        unset,
    }
}

/// The secrets of a configuration that stand elsewhere.
#[derive(Debug, Default)]
struct References {
    all: Vec<Reference>,
    /// variables that may be unset
    optional: BTreeSet<String>,
}

impl References {
    /// Finds them, and puts in the place of those that APISIX and Kong resolve what they resolve to.
    fn resolve(&mut self, json: &mut Json, path: &str, variables: &Variables) {
        match json {
            Json::Text(text) => {
                let Some(name) = of_gateway(text) else { return };
                *text = variables.value(&name);
                self.all.push(Reference {
                    path: path.to_owned(),
                    name,
                });
            }
            Json::List(items) => {
                for (place, item) in items.iter_mut().enumerate() {
                    self.resolve(item, &format!("{path}[{place}]"), variables);
                }
            }
            Json::Object(members) => {
                let named = members.iter().find(|(name, _)| name == "env");
                if let Some((_, Json::Text(name))) = named {
                    let optional = |(name, value): &(String, Json)| {
                        name == "optional" && *value == Json::Bool(true)
                    };
                    if members.iter().any(optional) {
                        self.optional.insert(name.clone());
                    }
                    self.all.push(Reference {
                        path: path.to_owned(),
                        name: name.clone(),
                    });
                }
                for (name, value) in members {
                    let below = match path {
                        "" => name.clone(),
                        path => format!("{path}.{name}"),
                    };
                    self.resolve(value, &below, variables);
                }
            }
            Json::Null | Json::Bool(_) | Json::Number(_) => {}
        }
    }
}

/// What APISIX (`$env://NAME`, `$secret://…`) and Kong (`{vault://env/name}`) resolve before the filter
/// gets the configuration: the name of a variable, or the whole reference.
fn of_gateway(text: &str) -> Option<String> {
    if let Some(name) = text
        .strip_prefix("$env://")
        .or_else(|| text.strip_prefix("$ENV://"))
    {
        return Some(name.to_owned());
    }
    if text.starts_with("$secret://") {
        return Some(text.to_owned());
    }
    let inner = text.strip_prefix("{vault://")?.strip_suffix('}')?;
    match inner.strip_prefix("env/") {
        Some(name) => Some(name.to_ascii_uppercase().replace('-', "_")),
        None => Some(text.to_owned()),
    }
}
