//! `ollama_cli`

use super::api_keys::{EXPIRES_AT, SCOPES, SUBJECT};
use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use super::rules::{self, LIMITS_FIELD, MODELS};
use crate::authn::jwt::PublicKey;
use crate::authn::ollama_cli::{KeyBytes, Signer, Signers, Windows, key_of_blob};
use crate::grant::BodyRules;
use crate::grant::ScopeSet;
use crate::json::Json;
use crate::ollama::Scope;
use std::collections::HashSet;
use std::rc::Rc;

table! {
    pub(super) OLLAMA_CLI => OllamaCliSection {
        authorized_keys: Field::required(
            Shape::List(&Shape::TextOr(KEY)),
            "the public keys, each as a line of an authorized_keys file, `ssh-ed25519 AAAA… name`, or as an object \
             that contains such a line",
        ),
        window: Field::optional(
            Shape::Duration(1, 300),
            "the accepted difference between the signed time and the gate's clock, in either direction: `\"1s\"` to \
             `\"5m\"`. Default: `\"30s\"`",
        ),
        replay_window: Field::optional(
            Shape::Duration(1, 10),
            "how long the same signature is accepted again after its first use: `\"1s\"` to `\"10s\"`. Default: \
             `\"1s\"`",
        ),
    }
}

table! {
    pub(super) KEY => KeySection {
        key: Field::required(
            Shape::Text,
            "the line: `ssh-ed25519`, the key in base64, and optionally a comment",
        ),
        id: Field::optional(Shape::Name, "the name of the key in logs. It must be unique. Default: the line's comment"),
        subject: SUBJECT,
        scopes: SCOPES,
        expires_at: EXPIRES_AT,
        models: MODELS,
        limits: LIMITS_FIELD,
    }
}

/// A type of key that the CLI signs with.
const TYPE: &str = "ssh-ed25519";
/// How the other types begin.
const OTHER_TYPES: [&str; 4] = ["ssh-", "ecdsa-", "sk-ssh-", "sk-ecdsa-"];

/// The usual windows, in seconds.
const WINDOW: i64 = 30;
const REPLAY: i64 = 1;

/// A line that was read.
struct Line<'j> {
    bytes: KeyBytes,
    key: PublicKey,
    comment: &'j str,
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Signers> {
    let section = reader.section::<OllamaCliSection>(node)?;
    let windows = Windows {
        clock: reader.seconds(&section.window).unwrap_or(WINDOW),
        replay: reader.seconds(&section.replay_window).unwrap_or(REPLAY),
    };
    let mut signers = Signers::new(windows);
    let keys = section.authorized_keys.node();
    let keys = keys.map(|node| reader.list(&node, "a list of keys"));
    let mut ids = HashSet::new();
    for node in keys.unwrap_or_default() {
        let read = match node.json {
            Json::Object(_) => read_object(reader, &node),
            _ => read_line(reader, &node).and_then(|line| signer(reader, &node, line, None)),
        };
        let Some((bytes, signer)) = read else {
            continue;
        };
        if !ids.insert(signer.id.clone()) {
            reader.refuse(&node, "has an id that another key already uses");
        }
        if let Some(other) = signers.insert(bytes, signer) {
            let message = format!("is the same key as `{other}`");
            reader.refuse(&node, message);
        }
    }
    Some(signers)
}

fn read_object(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<(KeyBytes, Signer)> {
    let section = reader.section::<KeySection>(node)?;
    let line = section.key.read(reader, read_line);
    // The rest is read even where the key is none: every error at once.
    match line {
        Some(line) => signer(reader, node, line, Some(&section)),
        None => {
            key_fields(reader, &section);
            None
        }
    }
}

/// What an object says beside its key.
#[derive(Default)]
struct KeyFields {
    id: Option<String>,
    subject: Option<String>,
    scopes: Option<ScopeSet>,
    expires_at: Option<(crate::time::Timestamp, String)>,
    rules: Option<Rc<BodyRules>>,
}

fn key_fields(reader: &mut Reader<'_>, section: &KeySection<'_>) -> KeyFields {
    let scopes = section.scopes.node();
    KeyFields {
        id: section.id.read(reader, Reader::name),
        subject: section.subject.read(reader, Reader::name),
        scopes: scopes.map(|node| reader.scopes(&node, &Scope::ALL)),
        expires_at: section.expires_at.read(reader, Reader::time_as_written),
        rules: rules::read(reader, &section.models, &section.limits),
    }
}

fn signer(
    reader: &mut Reader<'_>,
    node: &Node<'_>,
    line: Line<'_>,
    section: Option<&KeySection<'_>>,
) -> Option<(KeyBytes, Signer)> {
    let has_id = section.is_some_and(|section| section.id.is_given());
    let own = section.map(|section| key_fields(reader, section));
    let own = own.unwrap_or_default();
    let id = match (own.id, has_id) {
        (None, false) if is_name(line.comment) => line.comment.to_owned(),
        (None, false) => {
            reader.refuse(
                node,
                "has no name: expected a comment of 1 to 128 characters of visible ASCII behind the key, or an object with an `id`",
            );
            return None;
        }
        (id, _) => id?,
    };
    let signer = Signer {
        subject: own.subject.unwrap_or_else(|| id.clone()).into(),
        id,
        scopes: own.scopes.unwrap_or(ScopeSet::DEFAULT),
        rules: own.rules,
        expires_at: own.expires_at,
        key: line.key,
    };
    Some((line.bytes, signer))
}

/// Reads a line. Errors show nothing of it: it may be a private key that somebody took for the
/// public one.
fn read_line<'j>(reader: &mut Reader<'_>, node: &Node<'j>) -> Option<Line<'j>> {
    let Some(text) = node.json.text() else {
        reader.mismatch(node, "a line such as `ssh-ed25519 AAAA… name`");
        return None;
    };
    let line = parse(text);
    if let Err(message) = &line {
        reader.refuse(node, message.as_str());
    }
    line.ok()
}

fn parse(text: &str) -> Result<Line<'_>, String> {
    let text = text.trim();
    if text.contains(['\n', '\r']) {
        return Err("holds several lines, expected one string for each key".to_owned());
    }
    let (kind, rest) = first_word(text);
    if kind != TYPE {
        let other = OTHER_TYPES.iter().any(|start| kind.starts_with(start));
        return Err(if other {
            "is a key of another type, the `ollama` CLI signs with ssh-ed25519"
        } else {
            "expected `ssh-ed25519 AAAA… name`, without options in front"
        }
        .to_owned());
    }
    let (blob, comment) = first_word(rest);
    let bytes = key_of_blob(blob)
        .ok_or("is not a complete ssh-ed25519 key: copy the line of id_ed25519.pub again")?;
    Ok(Line {
        bytes,
        key: PublicKey::ed25519(&bytes)?,
        comment,
    })
}

/// The first word of `text`, and what follows it.
fn first_word(text: &str) -> (&str, &str) {
    match text.split_once([' ', '\t']) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

fn is_name(text: &str) -> bool {
    crate::http::is_visible_ascii(text.as_bytes()) && text.len() <= 128
}
