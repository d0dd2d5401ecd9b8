//! A record of a key, wherever it stands: in `api_keys.keys`, or in a document that is fetched.

use super::super::field::{Field, Shape};
use super::super::jwt::issuers_of_users;
use super::super::network::{RANGES, ranges};
use super::super::placeholder;
use super::super::reader::{Node, Reader};
use super::super::rules::{self, LIMITS_FIELD, MODELS};
use super::super::table::Member;
use super::super::value::{ALLOW_PLACEHOLDER, SECRET};
use super::{EXPIRES_AT, SCOPES, SUBJECT};
use crate::authn::api_key::{ApiKey, KeyDigest, NewKey, ReadRecord, digest};
use crate::credential::is_api_key;
use crate::grant::ScopeSet;
use crate::http::{hex_digit, is_visible_ascii};
use crate::json::Json;
use crate::ollama::Scope;
use crate::time::Timestamp;
use std::collections::HashSet;
use std::rc::Rc;

table! {
    pub(in crate::config) KEY => KeySection {
        id: Field::required(
            Shape::Name,
            "the name of the key in logs. It must be unique, and stays the same when the secret is rotated. 1 to \
             128 characters of visible ASCII",
        ),
        sha256: Field::one_of(
            Shape::Pattern("^[0-9a-fA-F]{64}$"),
            "SHA-256 of the whole key, 64 hexadecimal digits (`make key` prints it). This or `key`",
        ),
        key: Field::one_of(
            Shape::Secret(SECRET),
            "the key itself, preferably as `{\"env\": \"NAME\"}`: at least 16 characters of visible ASCII, without \
             a comma",
        ),
        previous: Field::optional(
            Shape::List(&Shape::Object(PREVIOUS)),
            "secrets that this one has replaced, each of which counts for a while. Default: none",
        ),
        disabled: Field::optional(
            Shape::Boolean,
            "`true`: nobody comes in with it, whatever else is said. Default: `false`",
        ),
        subject: SUBJECT,
        scopes: SCOPES,
        not_before: Field::optional(Shape::Time, "when it becomes valid"),
        expires_at: EXPIRES_AT,
        users: Field::optional(
            Shape::Name,
            "the `name` of an issuer in `jwt` that has a `header`: its tokens identify the user behind this key. \
             Default: the key stands for its `subject` alone",
        ),
        allow_from: Field::optional(
            RANGES,
            "the networks from which it may be used, in addition to the rules of `network`; `[]` means none. \
             Default: all",
        ),
        models: MODELS,
        limits: LIMITS_FIELD,
        labels: Field::optional(
            Shape::Map(&Shape::Name),
            "what the log lines of its requests hold beside its id, such as `{\"team\": \"search\"}`: up to 8 names of \
             `a` to `z`, `0` to `9`, `_` and `-`. Default: none",
        ),
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

table! {
    pub(in crate::config) PREVIOUS => PreviousSection {
        sha256: Field::one_of(
            Shape::Pattern("^[0-9a-fA-F]{64}$"),
            "SHA-256 of the whole key that was replaced. This or `key`",
        ),
        key: Field::one_of(
            Shape::Secret(SECRET),
            "the key itself that was replaced, as of `key` above",
        ),
        until: Field::required(
            Shape::Time,
            "the first moment at which it no longer counts",
        ),
    }
}

/// The shortest plain key. A key of `make key` has 46 characters.
const SHORTEST: usize = 16;

/// What is known of the rest of the configuration where a record is read.
pub(super) struct Context<'c> {
    /// the digests of keys that are published
    pub published: &'c HashSet<KeyDigest>,
    /// the issuers whose tokens come in headers of their own, with their places
    pub issuers: &'c [(String, usize)],
}

/// The most labels of a key, and the longest name of one.
const MAX_LABELS: usize = 8;
const MAX_LABEL_NAME: usize = 32;

/// The record in `section`. `None` after an error, or if an optional variable with its secret is unset.
pub(super) fn read(
    reader: &mut Reader<'_>,
    section: &KeySection<'_>,
    context: &Context<'_>,
) -> Option<NewKey> {
    let key = read_key(reader, section, context);
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    let (sha256, plain) = (section.sha256.node(), section.key.node());
    let current = read_digest(reader, sha256, plain, allowed, context);
    let mut previous = Vec::new();
    let items = section.previous.node();
    let items = items.map(|node| reader.list(&node, "a list of secrets that were replaced"));
    for item in items.into_iter().flatten() {
        let Some(one) = reader.section::<PreviousSection<'_>>(&item) else {
            continue;
        };
        let until = one.until.read(reader, Reader::time_as_written);
        let digest = read_digest(reader, one.sha256.node(), one.key.node(), allowed, context);
        if let (Some(until), Some(digest)) = (until, digest) {
            previous.push((digest, until));
        }
    }
    Some(NewKey {
        key: key?,
        current: current?,
        previous,
    })
}

fn read_key(
    reader: &mut Reader<'_>,
    section: &KeySection<'_>,
    context: &Context<'_>,
) -> Option<ApiKey> {
    let id = section.id.read(reader, Reader::name);
    let subject = section.subject.read(reader, Reader::name);
    let scopes = match section.scopes.node() {
        Some(field) => reader.scopes(&field, &Scope::ALL),
        None => ScopeSet::DEFAULT,
    };
    let not_before = section.not_before.read(reader, Reader::time);
    let expires_at = section.expires_at.read(reader, Reader::time_as_written);
    if let (Some(start), Some((end, _))) = (not_before, &expires_at)
        && start >= *end
    {
        reader.refuse(&section.expires_at.place(), "is not after `not_before`");
    }
    let allow_from = section.allow_from.node();
    let allow_from = allow_from.map(|field| Rc::new(ranges(reader, &field)));
    let users = section.users.read(reader, |reader, field| {
        let expected = "the `name` of an issuer in `jwt` that has a `header`";
        reader.parsed(field, expected, |name| {
            let mut known = context.issuers.iter();
            known
                .find(|(known, _)| known == name)
                .map(|(_, place)| *place)
        })
    });
    let rules = rules::read(reader, &section.models, &section.limits);
    let labels = section.labels.node();
    let labels = labels.map(|node| read_labels(reader, &node));
    let disabled = reader.is_true(&section.disabled);
    let id: Rc<str> = id?.into();
    let written = |(at, text): (Timestamp, String)| (at, text.into_boxed_str());
    Some(ApiKey {
        subject: subject.map_or_else(|| Rc::clone(&id), Rc::from),
        id,
        scopes,
        disabled,
        not_before,
        expires_at: expires_at.map(written),
        users,
        allow_from,
        rules,
        labels: labels.filter(|labels| !labels.is_empty()).map(Rc::from),
    })
}

/// Labels, as a log line holds them: `name=value`, with commas between.
fn read_labels(reader: &mut Reader<'_>, node: &Node<'_>) -> String {
    let entries = reader.entries(node);
    if entries.len() > MAX_LABELS {
        reader.refuse(node, format!("expected at most {MAX_LABELS} labels"));
    }
    let mut labels = Vec::new();
    for (name, node) in entries {
        let word =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if !(1..=MAX_LABEL_NAME).contains(&name.len()) || !name.bytes().all(word) {
            let message = format!(
                "is no name of a label: expected up to {MAX_LABEL_NAME} of a to z, 0 to 9, _ and -"
            );
            reader.refuse(&node, message);
        }
        if let Some(value) = reader.name(&node) {
            labels.push(format!("{name}={value}"));
        }
    }
    labels.join(",")
}

/// Reads the records of a document that is fetched, as those of the configuration.
#[derive(Debug)]
pub(super) struct DocumentReader {
    /// the digests of keys that are published
    published: HashSet<KeyDigest>,
    /// the issuers whose tokens come in headers of their own, with their places
    issuers: Vec<(String, usize)>,
}

impl DocumentReader {
    /// With what the configuration says of issuers.
    pub(super) fn new(jwt: &Member<'_>) -> Self {
        Self {
            published: placeholder::published_digests(),
            issuers: issuers_of_users(jwt),
        }
    }
}

impl ReadRecord for DocumentReader {
    fn read(&self, json: &Json) -> Result<(NewKey, Vec<String>), String> {
        // Whoever writes the document has no say in what the gateway's environment is read for.
        let previous = json.member("previous");
        let previous = match previous {
            Some(Json::List(items)) => items.as_slice(),
            _ => &[],
        };
        let refers = |json: &Json| matches!(json.member("key"), Some(Json::Object(_)));
        if refers(json) || previous.iter().any(refers) {
            return Err(".key: a document holds keys or their SHA-256, no reference".to_owned());
        }
        let nothing = |_: &str| None;
        let mut reader = Reader::new(&nothing, 0);
        let root = Node::root(json);
        reader.check_everywhere(&root);
        let context = Context {
            published: &self.published,
            issuers: &self.issuers,
        };
        let section = reader.section::<KeySection<'_>>(&root);
        let record = section.and_then(|section| read(&mut reader, &section, &context));
        let within = |line: String| match line.split_once(": ") {
            Some(("", message)) => format!(": {message}"),
            _ => format!(".{line}"),
        };
        if let Some(error) = reader.errors.lines().next() {
            return Err(within(error));
        }
        let warnings = std::mem::take(&mut reader.warnings);
        let record = record.ok_or(": has no secret")?;
        Ok((record, warnings.into_iter().map(within).collect()))
    }
}

/// The digest of the key, or `None` after an error, or if an optional variable is unset.
fn read_digest(
    reader: &mut Reader<'_>,
    sha256: Option<Node<'_>>,
    plain: Option<Node<'_>>,
    allowed: bool,
    context: &Context<'_>,
) -> Option<KeyDigest> {
    match (sha256, plain) {
        (Some(field), None) => {
            let text = field.json.text().unwrap_or_default();
            let Some(digest) = digest_from_hex(text) else {
                reader.mismatch(&field, "64 hexadecimal digits, the SHA-256 of the key");
                return None;
            };
            let problem = if context.published.contains(&digest) {
                "is the digest of a text that is published"
            } else {
                placeholder::weakness(text).map_or("", |_| "is an example, not the digest of a key")
            };
            let taken = problem.is_empty() || reader.check_allowed(&field, problem, allowed);
            taken.then_some(digest)
        }
        (None, Some(field)) => {
            let key = reader.secret(&field)?;
            if !is_api_key(key.expose()) {
                let message =
                    "looks like a token or a placeholder, and would never be looked up as a key";
                reader.refuse(&field, message);
                return None;
            }
            let bytes = key.expose().as_bytes();
            if bytes.len() < SHORTEST || !is_visible_ascii(bytes) || bytes.contains(&b',') {
                reader.refuse(
                    &field,
                    "expected 16 or more characters of visible ASCII without a comma (`make key` makes one)",
                );
                return None;
            }
            let drawn = reader.check_drawn(&field, key.expose(), allowed);
            drawn.then(|| digest(bytes))
        }
        _ => None,
    }
}

fn digest_from_hex(text: &str) -> Option<KeyDigest> {
    let mut digest = KeyDigest::default();
    if text.len() != digest.len().saturating_mul(2) {
        return None;
    }
    for (byte, digits) in digest.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = match digits {
            [high, low] => (hex_digit(*high)? << 4) | hex_digit(*low)?,
            _ => return None,
        };
    }
    Some(digest)
}
