//! What an issuer's tokens have to say

use super::super::reader::{Node, Reader, Section};
use super::super::rules;
use crate::authn::jwt::{Audiences, ClaimPath, Expected, RequiredClaim, TokenRules, media_type};
use crate::grant::ScopeSet;
use crate::json::Json;
use std::time::Duration;

const MOST_LEEWAY: Duration = Duration::from_secs(300);
const LEEWAY: i64 = 60;
/// Ten years.
const MOST_AGE: Duration = Duration::from_secs(3650 * 24 * 3600);
/// The types of token that are accepted by default (RFC 7519 section 5.1, RFC 9068 section 4).
const KINDS: [&str; 2] = ["jwt", "at+jwt"];

/// The rules in `section`. Tokens that only name the `users` of a key restrict what it may do, and
/// do not without a scopes claim.
pub fn read(reader: &mut Reader<'_>, section: &Section<'_>, users: bool) -> TokenRules {
    let field = |name| section.field(name);
    let kinds = field("typ").map(|node| reader.texts(&node).unwrap_or_default());
    let subject_claim = field("subject_claim").and_then(|node| claim(reader, &node));
    let models_claim = field("models_claim").and_then(|node| claim(reader, &node));
    let scopes_claim = field("scopes_claim").and_then(|node| claim(reader, &node));
    // An age of nothing would let nobody in.
    let ages = Duration::from_secs(1)..=MOST_AGE;
    let mut age = |name| field(name).and_then(|node| reader.duration_within(&node, ages.clone()));
    let (max_age, max_lifetime) = (age("max_age"), age("max_lifetime"));
    let require_expiry = field("require_expiry").and_then(|node| reader.boolean(&node));
    let leeway = field("leeway").and_then(|node| reader.duration(&node, MOST_LEEWAY));
    TokenRules {
        kind_is_optional: kinds.is_none(),
        kinds: match kinds {
            Some(kinds) => kinds.iter().map(|kind| media_type(kind)).collect(),
            None => KINDS.map(str::to_owned).to_vec(),
        },
        issuer: field("issuer").and_then(|node| reader.text(&node, "a string that is not empty")),
        audiences: read_audiences(reader, section),
        subject_claim: subject_claim.unwrap_or_else(|| ClaimPath::name("sub")),
        scopes_claim,
        default_scopes: match users {
            true => ScopeSet::EVERY,
            false => ScopeSet::DEFAULT,
        },
        body_rules: rules::read(reader, section),
        models_claim,
        required_claims: match field("required_claims") {
            Some(node) => read_required(reader, &node),
            None => Vec::new(),
        },
        require_expiry: require_expiry.unwrap_or(true),
        leeway: leeway.unwrap_or(LEEWAY),
        max_age,
        max_lifetime,
    }
}

fn read_audiences(reader: &mut Reader<'_>, section: &Section<'_>) -> Audiences {
    let any = section.field("danger_allow_any_audience");
    let any = any.and_then(|node| reader.boolean(&node)).unwrap_or(false);
    match section.field("audiences") {
        Some(_) if any => {
            let place = section.place("danger_allow_any_audience");
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
pub fn claim(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<ClaimPath> {
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
            _ => {
                let expected =
                    "a string, a number, true or false, a list of these, or {\"absent\": true}";
                reader.mismatch(&node, expected);
                continue;
            }
        };
        required.push(RequiredClaim { path, expected });
    }
    required
}

const fn is_plain(json: &Json) -> bool {
    matches!(json, Json::Text(_) | Json::Number(_) | Json::Bool(_))
}
