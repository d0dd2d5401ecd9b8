//! Settings by name: lines of `NAME=value`, the `environment` of a compose file, or a ConfigMap.

use super::tree::documents;
use ollama_gate_engine::Json;
use std::collections::BTreeMap;

/// Variables, and the flags of a command (`--name=value`).
#[derive(Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    pub(super) flags: Vec<(String, String)>,
}

impl Settings {
    /// In: the text of the file. Out: every variable in it. Of two with the same name the last one counts, as in a shell.
    ///
    /// # Errors
    /// Why it is none of these files, without quoting it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut settings = Self::default();
        if is_assignments(text) {
            for line in text.lines() {
                settings.assign(line.trim());
            }
            return Ok(settings);
        }
        for part in documents(text)? {
            settings.collect(&part);
        }
        Ok(settings)
    }

    /// The value of `name`, if it is set and not empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether `name` is set to what counts as true; `default` where it is not set.
    pub(super) fn is_true(&self, name: &str, default: bool) -> bool {
        self.get(name).map_or(default, |value| {
            ["true", "1", "yes", "on"].contains(&value.to_ascii_lowercase().as_str())
        })
    }

    /// The items of the list `name`.
    pub(super) fn list(&self, name: &str, between: char) -> Vec<&str> {
        let items = self.get(name).unwrap_or_default().split(between);
        items
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()
    }

    /// Every name that is set.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    fn assign(&mut self, line: &str) {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) else {
            return;
        };
        self.values
            .insert(name.trim().to_owned(), unquoted(value.trim()).to_owned());
    }

    /// Finds environments at any depth: `environment` of compose, `env` of a pod, `data` of a ConfigMap.
    fn collect(&mut self, json: &Json) {
        match json {
            Json::List(items) => items.iter().for_each(|item| self.collect(item)),
            Json::Object(members) => {
                for (name, value) in members {
                    match (name.as_str(), value) {
                        ("environment" | "env" | "data" | "stringData", Json::Object(own)) => {
                            for (name, value) in own {
                                self.values.insert(name.clone(), scalar(value));
                            }
                        }
                        ("environment" | "env" | "args" | "command", Json::List(items)) => {
                            items.iter().for_each(|item| self.item(item));
                        }
                        ("command", Json::Text(line)) => {
                            line.split_whitespace().for_each(|word| self.flag(word))
                        }
                        _ => self.collect(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// `NAME=value`, `--flag=value`, or `{name, value}`.
    fn item(&mut self, item: &Json) {
        match item {
            Json::Text(text) if text.starts_with('-') => self.flag(text),
            Json::Text(text) => self.assign(text),
            Json::Object(_) => {
                if let Some(Json::Text(name)) = item.member("name") {
                    let value = item.member("value").map(scalar).unwrap_or_default();
                    self.values.insert(name.clone(), value);
                }
            }
            _ => {}
        }
    }

    fn flag(&mut self, word: &str) {
        if let Some(flag) = word.strip_prefix("--") {
            let (name, value) = flag.split_once('=').unwrap_or((flag, "true"));
            self.flags
                .push((name.to_owned(), unquoted(value).to_owned()));
        }
    }
}

/// Whether every line is empty, a comment or an assignment.
fn is_assignments(text: &str) -> bool {
    text.lines().map(str::trim).all(|line| {
        let line = line.strip_prefix("export ").unwrap_or(line);
        let name = line.split_once('=').map(|(name, _)| name.trim());
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        line.is_empty() || line.starts_with('#') || name.is_some_and(is_name)
    })
}

fn scalar(value: &Json) -> String {
    match value {
        Json::Text(text) => text.clone(),
        Json::Bool(value) => value.to_string(),
        Json::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}
