//! What an issuer's tokens have to say

use super::super::reader::{Node, Reader};
use super::super::rules;
use super::IssuerSection;
use crate::authn::jwt::{
    Audiences, ClaimPath, Expected, RequiredClaim, ScopeRule, TokenRules, media_type,
};
use crate::grant::ScopeSet;
use crate::json::Json;
use crate::ollama::Scope;
use serde_json::Number;

const LEEWAY: i64 = 60;
/// The most digits of a number that every gateway passes on.
const MAX_DIGITS: usize = 14;
/// The types of token that are accepted by default (RFC 7519 section 5.1, RFC 9068 section 4).
const KINDS: [&str; 2] = ["jwt", "at+jwt"];

/// The rules in `section`. Tokens that only name the `users` of a key restrict what it may do, and
/// do not without a scopes claim.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    users: bool,
) -> TokenRules {
    let kinds = section.typ.node();
    let kinds = kinds.map(|node| reader.texts(&node).unwrap_or_default());
    let subject_claim = section.subject_claim.read(reader, claim);
    let models_claim = section.models_claim.read(reader, claim);
    let scopes = read_scopes(reader, section, users);
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
        subject_claim: subject_claim.unwrap_or_else(|| ClaimPath::name("sub")),
        scopes,
        body_rules: rules::read(reader, &section.models, &section.limits),
        models_claim,
        required_claims: match section.required_claims.node() {
            Some(node) => read_required(reader, &node),
            None => Vec::new(),
        },
        require_expiry: require_expiry.unwrap_or(true),
        leeway: leeway.unwrap_or(LEEWAY),
        max_age,
        max_lifetime,
    }
}

/// Where scopes come from. Tokens that only name users may do what their key may, if nothing is said.
fn read_scopes(reader: &mut Reader<'_>, section: &IssuerSection<'_>, users: bool) -> ScopeRule {
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
            reader.refuse(
                &place,
                "makes `audiences` mean nothing, leave one of them out",
            );
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
        let message = "is no JSON Pointer: `~` stands for itself as `~0`, `/` as `~1` (RFC 6901)";
        reader.refuse(node, message);
    }
    path
}

fn read_required(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<RequiredClaim> {
    let mut required = Vec::new();
    for (name, node) in reader.entries(node) {
        let Some(path) = ClaimPath::parse(name).filter(|_| !name.is_empty()) else {
            reader.refuse(&node, "is neither the name of a claim nor a JSON Pointer");
            continue;
        };
        let absent = Json::Bool(true);
        let expected = match node.json {
            Json::Object(members)
                if members.len() == 1 && node.json.member("absent") == Some(&absent) =>
            {
                Expected::Absent
            }
            Json::List(items) if !items.is_empty() && items.iter().all(is_plain) => {
                Expected::OneOf(items.clone())
            }
            value if is_plain(value) => Expected::OneOf(vec![value.clone()]),
            Json::Number(_) => {
                let message =
                    "has over 14 digits, which not every gateway passes on: write it as a string";
                reader.refuse(&node, message);
                continue;
            }
            _ => {
                let expected = "a string, a number of up to 14 digits, true or false, a list of these, or {\"absent\": true}";
                reader.mismatch(&node, expected);
                continue;
            }
        };
        required.push(RequiredClaim { path, expected });
    }
    required
}

fn is_plain(json: &Json) -> bool {
    match json {
        Json::Text(_) | Json::Bool(_) => true,
        Json::Number(number) => is_carried(number),
        _ => false,
    }
}

/// Whether each gateway passes `number` on as it is. APISIX and Kong write it with 14 digits.
fn is_carried(number: &Number) -> bool {
    let written = number.to_string();
    let (digits, _) = written.split_once(['e', 'E']).unwrap_or((&written, ""));
    let digits = if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len() <= MAX_DIGITS
        && number.as_f64().is_some_and(|value| value.abs() < 1.0e14)
}
