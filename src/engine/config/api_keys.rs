//! `api_keys`

use super::field::{Field, Shape};
use super::jwt::place_of_users;
use super::network::{RANGES, ranges};
use super::placeholder;
use super::reader::{Node, Reader, Section};
use super::rules::{self, LIMITS_FIELD, MODELS};
use super::value::{ALLOW_PLACEHOLDER, SECRET};
use crate::authn::api_key::{ApiKey, KeyDigest, KeyRing, digest};
use crate::credential::is_api_key;
use crate::grant::ScopeSet;
use crate::http::{hex_digit, is_visible_ascii};
use crate::json::Json;
use crate::ollama::Scope;
use std::collections::HashSet;

/// Whose a key is, of whatever kind it is.
pub(super) const SUBJECT: Field =
    Field::optional("subject", Shape::Name, "whose key it is. Default: the `id`");

/// What a key may do, of whatever kind it is.
pub(super) const SCOPES: Field = Field::optional(
    "scopes",
    Shape::List(&Shape::Word(Scope::names)),
    "what it may do. Default: `[\"read\", \"inference\"]`; `[]` is nothing",
);

/// How long a key may be used, of whatever kind it is.
pub(super) const EXPIRES_AT: Field = Field::optional(
    "expires_at",
    Shape::Time,
    "the first moment at which it is no longer valid",
);

pub(super) const API_KEYS: &[Field] = &[
    Field::required("keys", Shape::List(&Shape::Object(KEY)), "the list of keys"),
    Field::later("source"),
];

pub(super) const KEY: &[Field] = &[
    Field::required(
        "id",
        Shape::Name,
        "its name in logs, unique; it outlives the secret. 1 to 128 characters of visible ASCII",
    ),
    Field::one_of(
        "sha256",
        Shape::Pattern("^[0-9a-fA-F]{64}$"),
        "SHA-256 of the whole key, 64 hexadecimal digits (`make key` prints it). This or `key`",
    ),
    Field::one_of(
        "key",
        Shape::Secret(SECRET),
        "the key itself, best as `{\"env\": \"NAME\"}`: 16 or more characters of visible ASCII, no comma",
    ),
    SUBJECT,
    SCOPES,
    Field::optional(
        "not_before",
        Shape::Time,
        "the first moment at which it is valid",
    ),
    EXPIRES_AT,
    Field::optional(
        "users",
        Shape::Name,
        "the `name` of the issuer in `jwt`, one with a `header`, whose tokens name the user behind this key. \
         Default: the key speaks for its `subject` alone",
    ),
    Field::optional(
        "allow_from",
        RANGES,
        "the networks that it may be used from, beside the rules of `network`; `[]` is none. Default: all",
    ),
    MODELS,
    LIMITS_FIELD,
    ALLOW_PLACEHOLDER,
];

/// The shortest plain key. A key of `make key` has 46 characters.
const SHORTEST: usize = 16;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>, jwt: Option<&Json>) -> KeyRing {
    let mut ring = KeyRing::default();
    let keys = reader
        .section(node, API_KEYS)
        .and_then(|section| section.field("keys"));
    let keys = match keys {
        Some(keys) => reader.list(&keys, "a list of keys"),
        None => Vec::new(),
    };
    let published = placeholder::published_digests();
    let mut ids = HashSet::new();
    for key in keys {
        let Some(section) = reader.section(&key, KEY) else {
            continue;
        };
        let (record, digest) = (
            read_record(reader, &section, jwt),
            read_digest(reader, &section, &published),
        );
        let (Some(record), Some(digest)) = (record, digest) else {
            continue;
        };
        if !ids.insert(record.id.clone()) {
            reader.refuse(&section.place("id"), "is taken by another key");
        }
        if let Some(other) = ring.insert(digest, record) {
            let message = format!("is the same key as `{other}`");
            reader.refuse(&key, message);
        }
    }
    ring
}

fn read_record(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    jwt: Option<&Json>,
) -> Option<ApiKey> {
    let id = section.field("id").and_then(|field| reader.name(&field));
    let subject = section.field("subject");
    let subject = subject.and_then(|field| reader.name(&field));
    let scopes = match section.field("scopes") {
        Some(field) => reader.scopes(&field, &Scope::ALL),
        None => ScopeSet::DEFAULT,
    };
    let not_before = section.field("not_before");
    let not_before = not_before.and_then(|field| reader.time(&field));
    let expires_at = section.field("expires_at").and_then(|field| {
        let time = reader.time(&field)?;
        Some((time, field.json.text()?.to_owned()))
    });
    if let (Some(start), Some((end, _))) = (not_before, &expires_at)
        && start >= *end
    {
        reader.refuse(&section.place("expires_at"), "is not after `not_before`");
    }
    let allow_from = section.field("allow_from");
    let allow_from = allow_from.map(|field| ranges(reader, &field));
    let users = section.field("users").and_then(|field| {
        let expected = "the `name` of an issuer in `jwt` that has a `header`";
        reader.parsed(&field, expected, |name| place_of_users(jwt, name))
    });
    let rules = rules::read(reader, section);
    let id = id?;
    Some(ApiKey {
        subject: subject.unwrap_or_else(|| id.clone()).into(),
        id,
        scopes,
        not_before,
        expires_at,
        users,
        allow_from,
        rules,
    })
}

/// The digest of the key, or `None` after an error, or if an optional variable is unset.
fn read_digest(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    published: &HashSet<KeyDigest>,
) -> Option<KeyDigest> {
    let allowed = reader.allows_placeholders(section);
    match (section.field("sha256"), section.field("key")) {
        (Some(field), None) => {
            let text = field.json.text().unwrap_or_default();
            let Some(digest) = digest_from_hex(text) else {
                reader.mismatch(&field, "64 hexadecimal digits, the SHA-256 of the key");
                return None;
            };
            let problem = match published.contains(&digest) {
                true => "is the digest of a text that is published",
                false => placeholder::weakness(text)
                    .map_or("", |_| "is no digest of a key, but an example"),
            };
            let taken = problem.is_empty() || reader.check_allowed(&field, problem, allowed);
            taken.then_some(digest)
        }
        (None, Some(field)) => {
            let key = reader.secret(&field)?;
            if !is_api_key(key.expose()) {
                let message = "has the shape of a token or of a placeholder, and would not be taken for a key";
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
        _ => {
            reader.refuse(&section.node, "expected exactly one of `sha256` and `key`");
            None
        }
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
