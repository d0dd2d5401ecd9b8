//! `allow_anonymous`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use super::rules::{self, LIMITS_FIELD, MODELS};
use crate::authn::Anonymous;
use crate::grant::ScopeSet;
use crate::ollama::Scope;

table! {
    pub(super) ALLOW_ANONYMOUS => AllowAnonymousSection {
        scopes: Field::required(
            Shape::Filled(&Shape::Word(Scope::names)),
            "what they may do. There is no default: name what is open to everybody",
        ),
        models: MODELS,
        limits: LIMITS_FIELD,
    }
}

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Anonymous> {
    let section = reader.section::<AllowAnonymousSection>(node)?;
    let rules = rules::read(reader, &section.models, &section.limits);
    let scopes = section.scopes.node()?;
    let set = reader.scopes(&scopes, &Scope::ALL);
    if set == ScopeSet::NONE && reader.errors.is_empty() {
        let message =
            "expected a non-empty list of scopes, found none: leave `allow_anonymous` out";
        reader.refuse(&scopes, message);
    }
    Some(Anonymous::new(set, rules))
}

/// What is said at the start, so that nobody has this open without knowing.
pub(super) fn warning(anonymous: &Anonymous) -> String {
    format!(
        "allow_anonymous: ANYONE IS LET IN WITHOUT A CREDENTIAL, with the scopes {}",
        anonymous.scopes()
    )
}
