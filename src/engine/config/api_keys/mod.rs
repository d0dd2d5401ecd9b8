//! `api_keys`

mod record;
mod source;

pub(super) use record::{KEY, PREVIOUS};
pub(super) use source::{SOURCE, Source as SourceSection};

use super::field::{Field, Shape};
use super::jwt::issuers_of_users;
use super::placeholder;
use super::reader::{Node, Reader};
use super::table::Member;
use crate::authn::api_key::{KeyRing, KeySet, Roster, Taken};
use crate::ollama::Scope;
use crate::source::Sources;
use record::{Context, KeySection};
use std::rc::Rc;

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
        keys: Field::any_of(Shape::List(&Shape::Object(KEY)), "the list of keys"),
        source: Field::any_of(
            Shape::OneOrList(SOURCE),
            "a document of keys that is fetched, or a list of such ([docs/key-sources.md](key-sources.md))",
        ),
    }
}

/// What the errors of documents call the configuration.
const CONFIGURATION: &str = "the configuration";

/// The keys of the section at `node`. What is fetched goes into `sources`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    node: &Node<'_>,
    jwt: &Member<'_>,
) -> KeyRing {
    let Some(section) = reader.section::<ApiKeysSection<'_>>(node) else {
        return KeyRing::default();
    };
    let keys = section.keys.node();
    let keys = keys.map_or_else(KeySet::default, |keys| read_keys(reader, &keys, jwt));
    let keys = Rc::new(keys);
    let mut ring = KeyRing::new(Rc::clone(&keys));
    if let Some(node) = section.source.node() {
        let roster = Rc::new(Roster::default());
        roster.add(CONFIGURATION, keys);
        source::read(reader, sources, &mut ring, &node, jwt, &roster);
    }
    ring
}

fn read_keys(reader: &mut Reader<'_>, node: &Node<'_>, jwt: &Member<'_>) -> KeySet {
    let mut set = KeySet::default();
    let published = placeholder::published_digests();
    let context = Context {
        published: &published,
        issuers: &issuers_of_users(jwt),
    };
    for item in reader.list(node, "a list of keys") {
        let Some(section) = reader.section::<KeySection<'_>>(&item) else {
            continue;
        };
        let Some(new) = record::read(reader, &section, &context) else {
            continue;
        };
        match set.insert(new, None, None) {
            Ok(()) => {}
            Err(Taken::Id) => {
                reader.refuse(&section.id.place(), "is already used by another key");
            }
            Err(Taken::Secret(other)) => {
                reader.refuse(&item, format!("is the same key as `{other}`"));
            }
        }
    }
    set
}
