//! What there is to say about a configuration before a gateway loads it.

mod advice;
mod gateway;
mod tree;

use crate::document::{Document, Plugin, plugins_in};
use crate::environment::Variables;
use crate::reading;
use ollama_gate_engine::Json;
use serde_json::{Value, json};
use std::fmt;

/// How much a finding counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// the gate refuses the configuration, or would not guard
    Error,
    /// it works, and is unwise
    Warning,
}

impl Weight {
    const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing to say. Holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub weight: Weight,
    /// a stable code, for programs
    pub code: &'static str,
    /// where in the file the configuration is
    pub place: String,
    /// where in the configuration, or, for a setting of the gateway, in the file
    pub path: String,
    pub message: String,
}

impl Finding {
    /// It as an object.
    pub fn json(&self) -> Value {
        json!({
            "severity": self.weight.name(),
            "code": self.code,
            "place": self.place,
            "path": self.path,
            "message": self.message,
        })
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = match self.path.as_str() {
            "" => String::new(),
            path => format!("{path}: "),
        };
        write!(
            f,
            "{}: {path}{} [{}]",
            self.weight.name(),
            self.message,
            self.code
        )
    }
}

/// What is looked for beside errors.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// seconds since 1970
    pub now: i64,
    /// what ends within so many seconds ends soon
    pub within: i64,
    /// whether everybody on the machine can read the file
    pub world_readable: bool,
}

/// Takes a finding: weight, code, path, message.
type Say<'s> = &'s mut dyn FnMut(Weight, &'static str, &str, String);

/// Everything there is to say about `document`, errors first.
pub fn all(document: &Document, variables: &Variables, rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    let in_parts = document.parts.iter().flat_map(|part| {
        plugins_in(part)
            .into_iter()
            .map(move |plugin| (Some(part), plugin))
    });
    let mut plugins: Vec<_> = in_parts.collect();
    if plugins.is_empty() {
        plugins = document
            .plugins
            .iter()
            .map(|plugin| (None, plugin.clone()))
            .collect();
    }
    for (part, plugin) in &plugins {
        let mut say = |weight, code, path: &str, message| {
            let (place, path) = (plugin.place.clone(), path.to_owned());
            findings.push(Finding {
                weight,
                code,
                place,
                path,
                message,
            });
        };
        let json = of_plugin(plugin, variables, &mut say);
        let Some(json) = json else { continue };
        advice::on(&json, rules, &mut say);
        if let Some(part) = part {
            gateway::on(part, plugin, &json, &mut say);
        }
    }
    findings.sort_by_key(|finding| finding.weight == Weight::Warning);
    findings
}

/// What the engine says of `plugin`, and the configuration as a tree.
fn of_plugin(plugin: &Plugin, variables: &Variables, say: Say<'_>) -> Option<Json> {
    let read = reading::read(plugin, variables);
    for (path, message) in &read.errors {
        say(Weight::Error, "invalid", path, message.clone());
    }
    for reference in &read.unset {
        let message = format!(
            "{} is not set here, so its value was not checked",
            reference.name
        );
        say(Weight::Warning, "variable_unset", &reference.path, message);
    }
    for warning in &read.warnings {
        say(Weight::Warning, "gate_warning", "", warning.clone());
    }
    read.json
}
