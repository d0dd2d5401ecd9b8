//! `api_keys`

use super::field::{Field, Shape};
use super::jwt::place_of_users;
use super::network::{RANGES, ranges};
use super::placeholder;
use super::reader::{Node, Reader};
use super::rules::{self, LIMITS_FIELD, MODELS};
use super::table::Member;
use super::value::{ALLOW_PLACEHOLDER, SECRET};
use crate::authn::api_key::{ApiKey, KeyDigest, KeyRing, digest};
use crate::credential::is_api_key;
use crate::grant::ScopeSet;
use crate::http::{hex_digit, is_visible_ascii};
use crate::ollama::Scope;
use std::collections::HashSet;

/// Whose a key is, of whatever kind it is.
pub(super) const SUBJECT: Field = Field::optional(
    Shape::Name,
    "the person or program that the key belongs to. Default: the `id`",
);

/// What a key may do, of whatever kind it is.
pub(super) const SCOPES: Field = Field::optional(
    Shape::List(&Shape::Word(Scope::names)),
    "what it may do. `[]` means nothing. Default: `[\"read\", \"inference\"]`",
);

/// How long a key may be used, of whatever kind it is.
pub(super) const EXPIRES_AT: Field = Field::optional(Shape::Time, "when it expires");

table! {
    pub(super) API_KEYS => ApiKeysSection {
        keys: Field::required(Shape::List(&Shape::Object(KEY)), "the list of keys"),
    } later ["source"]
}

table! {
    pub(super) KEY => KeySection {
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
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

/// The shortest plain key. A key of `make key` has 46 characters.
const SHORTEST: usize = 16;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>, jwt: &Member<'_>) -> KeyRing {
    let mut ring = KeyRing::default();
    let keys = reader
        .section::<ApiKeysSection>(node)
        .and_then(|section| section.keys.node());
    let keys = match keys {
        Some(keys) => reader.list(&keys, "a list of keys"),
        None => Vec::new(),
    };
    let published = placeholder::published_digests();
    let mut ids = HashSet::new();
    for key in keys {
        let Some(section) = reader.section::<KeySection>(&key) else {
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
            reader.refuse(&section.id.place(), "is already used by another key");
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
    section: &KeySection<'_>,
    jwt: &Member<'_>,
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
    let allow_from = allow_from.map(|field| ranges(reader, &field));
    let users = section.users.read(reader, |reader, field| {
        let expected = "the `name` of an issuer in `jwt` that has a `header`";
        reader.parsed(field, expected, |name| place_of_users(jwt, name))
    });
    let rules = rules::read(reader, &section.models, &section.limits);
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
    section: &KeySection<'_>,
    published: &HashSet<KeyDigest>,
) -> Option<KeyDigest> {
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    match (section.sha256.node(), section.key.node()) {
        (Some(field), None) => {
            let text = field.json.text().unwrap_or_default();
            let Some(digest) = digest_from_hex(text) else {
                reader.mismatch(&field, "64 hexadecimal digits, the SHA-256 of the key");
                return None;
            };
            let problem = if published.contains(&digest) {
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
