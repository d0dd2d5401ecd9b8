//! Secrets as other programs' files have them, and what the gate would say to each.

use super::{Imported, digest, text};
use crate::document::{Kind, Plugin, to_text};
use crate::environment::Variables;
use crate::reading;
use ollama_gate_engine::Json;

/// Where a secret is.
pub(super) enum Secret {
    /// in a variable of the environment
    Variable(String),
    /// in the file itself
    Literal(String),
    /// in a vault, or wherever else the program looked it up
    Elsewhere(String),
}

impl Secret {
    /// In: what the file has in the place of a secret.
    pub(super) fn of(value: &str) -> Self {
        let value = value.trim();
        let lower = value.to_ascii_lowercase();
        let after = |prefix: &str, suffix: &str| {
            let rest = lower.strip_prefix(prefix)?.strip_suffix(suffix)?;
            let start = prefix.len();
            value.get(start..start + rest.len())
        };
        let kong = after("{vault://env/", "}").map(|name| name.to_uppercase().replace('-', "_"));
        let plain = after("$env://", "")
            .or_else(|| after("os.environ/", ""))
            .or_else(|| after("${{", "}}"))
            .or_else(|| after("${", "}"))
            .map(|name| name.split(':').next().unwrap_or_default().trim().to_owned());
        match kong.or(plain) {
            Some(name) if is_variable(&name) => Self::Variable(name),
            Some(_) => Self::Elsewhere(value.to_owned()),
            None if lower.starts_with("$secret://") || lower.starts_with("{vault://") => {
                Self::Elsewhere(value.to_owned())
            }
            None => Self::Literal(value.to_owned()),
        }
    }
}

/// Whether `name` is one that a configuration can refer to.
fn is_variable(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    !name.is_empty() && name.bytes().all(fits)
}

/// In: words. Out: the name of a variable made of them.
pub(super) fn variable(words: &[&str]) -> String {
    let upper = words.join("_").to_uppercase();
    let fit = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '_'
        }
    };
    let name: String = upper.chars().map(fit).collect();
    if name.starts_with(|first: char| first.is_ascii_digit()) {
        format!("_{name}")
    } else {
        name
    }
}

/// `{"env": name}`.
pub(super) fn reference(name: &str) -> Json {
    Json::Object(vec![("env".to_owned(), text(name))])
}

/// In: an API key as a file has it, its id, and the variable for it if it cannot stand in the configuration.
/// Out: the members of its record that say which key it is: a digest, or a reference.
pub(super) fn key(
    imported: &mut Imported,
    id: &str,
    value: &str,
    fallback: &str,
) -> (String, Json) {
    let by_reference = |name: &str| ("key".to_owned(), reference(name));
    match Secret::of(value) {
        Secret::Variable(name) => by_reference(&name),
        Secret::Elsewhere(place) => {
            imported.note(format!(
                "the key of `{id}` is looked up in `{place}`: put it into {fallback}"
            ));
            by_reference(fallback)
        }
        Secret::Literal(value) => match refused_key(&value) {
            None => {
                imported.note("keys are digests now: clients keep theirs. Add `expires_at`");
                ("sha256".to_owned(), text(&digest(&value)))
            }
            Some(why) => {
                imported.note(format!(
                    "the key of `{id}` is no key for the gate ({why}): put a new one into {fallback}, `ollama-gate key new` \
                     makes one"
                ));
                by_reference(fallback)
            }
        },
    }
}

/// In: the shared secret of tokens as a file has it, whose it is, its algorithm, and the variable for it. Out: the
/// entry of `jwt[].secrets`. A secret that stands in the file is not copied.
pub(super) fn shared(
    imported: &mut Imported,
    whose: &str,
    value: &str,
    (algorithm, encoding): (&str, Option<&str>),
    fallback: &str,
) -> Json {
    let name = match Secret::of(value) {
        Secret::Variable(name) => name,
        Secret::Elsewhere(place) => {
            imported.note(format!(
                "the secret of `{whose}` is looked up in `{place}`: put it into {fallback}"
            ));
            fallback.to_owned()
        }
        Secret::Literal(value) => {
            imported.note(match refused_secret(&value, algorithm, encoding) {
                None => format!("the secret of `{whose}` stands in the file: put it into {fallback}"),
                Some(why) => format!(
                    "the secret of `{whose}` is too weak for the gate ({why}): put a new one into {fallback}, and have \
                     tokens signed with it"
                ),
            });
            fallback.to_owned()
        }
    };
    let mut members = vec![("env".to_owned(), text(&name))];
    if let Some(encoding) = encoding {
        members.push(("encoding".to_owned(), text(encoding)));
    }
    Json::Object(members)
}

/// What the gate has against `key`.
fn refused_key(key: &str) -> Option<String> {
    let record = object(&[("id", text("a")), ("key", text(key))]);
    let keys = object(&[("keys", Json::List(vec![record]))]);
    refused(&object(&[("api_keys", keys)]))
}

fn refused_secret(secret: &str, algorithm: &str, encoding: Option<&str>) -> Option<String> {
    let secret = match encoding {
        None => text(secret),
        Some(encoding) => object(&[("value", text(secret)), ("encoding", text(encoding))]),
    };
    let issuer = object(&[
        ("name", text("a")),
        ("algorithms", Json::List(vec![text(algorithm)])),
        ("secrets", Json::List(vec![secret])),
    ]);
    refused(&object(&[("jwt", Json::List(vec![issuer]))]))
}

/// What the gate says against a configuration, of its first error; no message of it holds a secret.
fn refused(plugin: &Json) -> Option<String> {
    let plugin = Plugin {
        kind: Kind::Plugin,
        place: String::new(),
        text: to_text(plugin),
    };
    let read = reading::read(&plugin, &Variables::of_process());
    read.errors.first().map(|(_, message)| message.clone())
}

/// An object of these members.
pub(super) fn object(members: &[(&str, Json)]) -> Json {
    let members = members
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Json::Object(members.collect())
}
