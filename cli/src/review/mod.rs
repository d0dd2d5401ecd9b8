//! What there is to say about a configuration before a gateway loads it.

use crate::document::{Document, Plugin};
use crate::environment::Variables;
use crate::reading;
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
pub struct Rules {}

/// Everything there is to say about `document`, errors first.
pub fn all(document: &Document, variables: &Variables, _rules: &Rules) -> Vec<Finding> {
    let mut findings = Vec::new();
    for plugin in &document.plugins {
        of_plugin(plugin, variables, &mut findings);
    }
    findings.sort_by_key(|finding| finding.weight == Weight::Warning);
    findings
}

fn of_plugin(plugin: &Plugin, variables: &Variables, findings: &mut Vec<Finding>) {
    let read = reading::read(plugin, variables);
    let mut say = |weight, code, path: &str, message: String| {
        findings.push(Finding {
            weight,
            code,
            place: plugin.place.clone(),
            path: path.to_owned(),
            message,
        });
    };
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
}
