//! What an issuer's tokens have to say

use super::super::reader::{Node, Reader};
use super::super::rules;
use super::super::table::Member;
use super::{IssuerSection, required};
use crate::authn::jwt::{Audiences, ClaimPath, ScopeRule, TokenRules, media_type};
use crate::grant::ScopeSet;
use crate::ollama::Scope;

const LEEWAY: i64 = 60;
/// The types of token that are accepted by default (RFC 7519 section 5.1, RFC 9068 section 4).
const KINDS: [&str; 2] = ["jwt", "at+jwt"];

/// The fields that say who a person is and what that person may do, in whichever section they stand.
#[derive(Clone, Copy)]
pub(in crate::config) struct PersonFields<'m, 'j> {
    pub subject_claim: &'m Member<'j>,
    pub numeric_subject: &'m Member<'j>,
    pub scopes_claim: &'m Member<'j>,
    pub scope_map: &'m Member<'j>,
    pub scopes: &'m Member<'j>,
    pub models: &'m Member<'j>,
    pub models_claim: &'m Member<'j>,
    pub limits: &'m Member<'j>,
    pub required_claims: &'m Member<'j>,
}

/// The rules in `section`. Tokens that only name the `users` of a key restrict what it may do, and
/// do not without a scopes claim.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    users: bool,
) -> TokenRules {
    let kinds = section.typ.node();
    let kinds = kinds.map(|node| reader.texts(&node).unwrap_or_default());
    let fields = PersonFields {
        subject_claim: &section.subject_claim,
        numeric_subject: &section.numeric_subject,
        scopes_claim: &section.scopes_claim,
        scope_map: &section.scope_map,
        scopes: &section.scopes,
        models: &section.models,
        models_claim: &section.models_claim,
        limits: &section.limits,
        required_claims: &section.required_claims,
    };
    let person = read_person(reader, fields, users);
    let max_age = reader.seconds(&section.max_age);
    let max_lifetime = reader.seconds(&section.max_lifetime);
    let require_expiry = section.require_expiry.read(reader, Reader::boolean);
    let leeway = reader.seconds(&section.leeway);
    TokenRules {
        kind_is_optional: kinds.is_none(),
        kinds: match kinds {
            Some(kinds) => kinds.iter().map(|kind| media_type(kind)).collect(),
            None => KINDS.map(str::to_owned).to_vec(),
        },
        issuer: section.issuer.read(reader, |reader, node| {
            reader.text(node, "a string that is not empty")
        }),
        audiences: read_audiences(reader, section),
        require_expiry: require_expiry.unwrap_or(true),
        leeway: leeway.unwrap_or(LEEWAY),
        max_age,
        max_lifetime,
        ..person
    }
}

/// The rules in `fields`; for whom a token is, and until when, is not said by them.
pub(in crate::config) fn read_person(
    reader: &mut Reader<'_>,
    fields: PersonFields<'_, '_>,
    users: bool,
) -> TokenRules {
    let subject_claim = fields.subject_claim.read(reader, claim);
    let models_claim = fields.models_claim.read(reader, claim);
    let scopes = read_scopes(reader, fields, users);
    TokenRules {
        kinds: Vec::new(),
        kind_is_optional: false,
        issuer: None,
        audiences: Audiences::Unnamed,
        numeric_subject: reader.is_true(fields.numeric_subject),
        tells_of_logout: false,
        fallback_subject_claim: None,
        subject_claim: subject_claim.unwrap_or_else(|| ClaimPath::name("sub")),
        scopes,
        body_rules: rules::read(reader, fields.models, fields.limits),
        models_claim,
        required_claims: match fields.required_claims.node() {
            Some(node) => required::read(reader, &node),
            None => Vec::new(),
        },
        require_expiry: true,
        leeway: LEEWAY,
        max_age: None,
        max_lifetime: None,
    }
}

/// Where scopes come from. Tokens that only name users may do what their key may, if nothing is said.
fn read_scopes(reader: &mut Reader<'_>, section: PersonFields<'_, '_>, users: bool) -> ScopeRule {
    let of_issuer = section.scopes.node();
    let of_issuer = of_issuer.map(|node| reader.scopes(&node, &Scope::ALL));
    let map = section.scope_map.node().map(|node| {
        let entries = reader.entries(&node);
        let meanings = entries.into_iter().map(|(value, node)| {
            let scopes = reader.scopes(&node, &Scope::ALL);
            (value.to_owned(), scopes)
        });
        meanings.collect()
    });
    let path = section.scopes_claim.read(reader, claim);
    if map.is_some() && !section.scopes_claim.is_given() {
        let message = "has no effect without `scopes_claim`, whose values it is about";
        reader.refuse(&section.scope_map.place(), message);
    }
    if of_issuer.is_some() && section.scopes_claim.is_given() {
        let message =
            "excludes `scopes_claim`: either every token has these, or its claim names them";
        reader.refuse(&section.scopes.place(), message);
    }
    match (path, map, of_issuer) {
        (Some(path), Some(map), _) => ScopeRule::Mapped(path, map),
        (Some(path), None, _) => ScopeRule::Claim(path),
        (None, _, Some(scopes)) => ScopeRule::Fixed(scopes),
        (None, _, None) if users => ScopeRule::Fixed(ScopeSet::EVERY),
        (None, _, None) => ScopeRule::Fixed(ScopeSet::DEFAULT),
    }
}

fn read_audiences(reader: &mut Reader<'_>, section: &IssuerSection<'_>) -> Audiences {
    let any = reader.is_true(&section.danger_allow_any_audience);
    match section.audiences.node() {
        Some(_) if any => {
            let place = section.danger_allow_any_audience.place();
            reader.refuse(&place, "disables `audiences`: leave one of the two out");
            Audiences::Unnamed
        }
        Some(node) => Audiences::OneOf(reader.texts(&node).unwrap_or_default()),
        None if any => Audiences::Any,
        None => Audiences::Unnamed,
    }
}

/// The place of a claim: a name, or a JSON Pointer.
pub(crate) fn claim(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<ClaimPath> {
    let name = reader.name(node)?;
    let path = ClaimPath::parse(&name);
    if path.is_none() {
        let message =
            "is not a JSON Pointer: `~` stands for itself as `~0`, `/` as `~1` (RFC 6901)";
        reader.refuse(node, message);
    }
    path
}
