//! `jwt`

use super::field::{DURATION, Field, Shape};
use super::reader::{Node, Reader, Section};
use super::value::SECRET;
use crate::authn::jwt::{Audiences, HmacKey, Issuer};
use std::collections::HashSet;
use std::time::Duration;

pub(super) const ISSUER: &[Field] = &[
    Field::required("name", Shape::Name, "its name in logs, unique"),
    Field::required(
        "algorithms",
        Shape::Filled(&Shape::Word(|| vec!["HS256"])),
        "the accepted algorithms; here `[\"HS256\"]`. The token's own `alg` never chooses",
    ),
    Field::required(
        "secrets",
        Shape::Filled(&Shape::Secret(SECRET)),
        "the HMAC secrets, the current one first, each 32 bytes or more: strings or `{\"env\": \"NAME\"}`. \
         A previous one lets its tokens work until they expire",
    ),
    Field::optional(
        "issuer",
        Shape::Text,
        "the only accepted `iss`. Default: any",
    ),
    Field::optional(
        "audiences",
        Shape::Filled(&Shape::Text),
        "the accepted `aud`, one of which a token must name. Default: a token must name none",
    ),
    Field::optional(
        "subject_claim",
        Shape::Name,
        "the claim that names the caller. Default: `sub`",
    ),
    Field::optional(
        "scopes_claim",
        Shape::Name,
        "the claim that holds the scopes, a string with spaces or a list; unknown names in it are passed over. \
         Default: every token gets `read` and `inference`",
    ),
    Field::optional(
        "require_expiry",
        Shape::Boolean,
        "whether a token must have `exp`. Default: `true`",
    ),
    Field::optional(
        "leeway",
        DURATION,
        "how far the clocks may be apart, up to 5 minutes. Default: `\"60s\"`",
    ),
    Field::optional(
        "danger_allow_short_secret",
        Shape::Boolean,
        "`true` takes secrets of 12 to 31 bytes, which can be guessed from one token",
    ),
    Field::later("jwks"),
    Field::later("keys"),
    Field::later("cookie"),
    Field::later("typ"),
    Field::later("required_claims"),
    Field::later("models_claim"),
    Field::later("max_age"),
    Field::later("max_lifetime"),
    Field::later("danger_allow_any_audience"),
];

/// RFC 7518 section 3.2: at least as long as the hash.
const SECURE: usize = 32;
/// No setting takes a shorter one.
const SHORTEST: usize = 12;
const MOST_LEEWAY: Duration = Duration::from_secs(300);
const LEEWAY: i64 = 60;

pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<Issuer> {
    let mut issuers = Vec::new();
    let mut names = HashSet::new();
    for item in reader.list(node, "a list of issuers") {
        let Some(section) = reader.section(&item, ISSUER) else {
            continue;
        };
        let Some(issuer) = read_issuer(reader, &section) else {
            continue;
        };
        if !names.insert(issuer.name.clone()) {
            reader.refuse(&section.place("name"), "is taken by another issuer");
        }
        issuers.push(issuer);
    }
    issuers
}

fn read_issuer(reader: &mut Reader<'_>, section: &Section<'_>) -> Option<Issuer> {
    let field = |name| section.field(name);
    let name = field("name").and_then(|node| reader.name(&node));
    if let Some(node) = field("algorithms") {
        check_algorithms(reader, &node);
    }
    let secrets = read_secrets(reader, section);
    let issuer = field("issuer").and_then(|node| reader.text(&node, "a string that is not empty"));
    let audiences = match field("audiences") {
        Some(node) => Audiences::OneOf(reader.texts(&node).unwrap_or_default()),
        None => Audiences::Unnamed,
    };
    let subject_claim = field("subject_claim").and_then(|node| reader.name(&node));
    let scopes_claim = field("scopes_claim").and_then(|node| reader.name(&node));
    let require_expiry = field("require_expiry").and_then(|node| reader.boolean(&node));
    let leeway = field("leeway").and_then(|node| reader.duration(&node, MOST_LEEWAY));
    Some(Issuer {
        name: name?,
        secrets,
        issuer,
        audiences,
        subject_claim: subject_claim.unwrap_or_else(|| "sub".to_owned()),
        scopes_claim,
        require_expiry: require_expiry.unwrap_or(true),
        leeway: leeway.unwrap_or(LEEWAY),
    })
}

fn check_algorithms(reader: &mut Reader<'_>, node: &Node<'_>) {
    let items = reader.list(node, "a list of algorithms, [\"HS256\"]");
    if items.is_empty() {
        reader.refuse(node, "expected [\"HS256\"], found no algorithm");
    }
    for item in items {
        reader.parsed(&item, "\"HS256\", others are not supported yet", |text| {
            (text == "HS256").then_some(())
        });
    }
}

fn read_secrets(reader: &mut Reader<'_>, section: &Section<'_>) -> Vec<HmacKey> {
    let short = section.field("danger_allow_short_secret");
    let short = short
        .and_then(|node| reader.boolean(&node))
        .unwrap_or(false);
    let least = if short { SHORTEST } else { SECURE };
    let Some(node) = section.field("secrets") else {
        return Vec::new();
    };
    let known_errors = reader.errors.count();
    let items = reader.list(&node, "a list of secrets");
    let mut secrets = Vec::new();
    for item in items {
        let Some(secret) = reader.secret(&item) else {
            continue;
        };
        let length = secret.expose().len();
        if length >= least {
            secrets.push(HmacKey::new(secret.expose().as_bytes()));
            continue;
        }
        let way_out = match (short, length) {
            (false, SHORTEST..) => " (or `danger_allow_short_secret`)",
            _ => "",
        };
        reader.refuse(
            &item,
            format!("expected {least} bytes or more{way_out}, found {length}"),
        );
    }
    if secrets.is_empty() && reader.errors.count() == known_errors {
        reader.refuse(&node, "expected a secret, found none that is set");
    }
    secrets
}
