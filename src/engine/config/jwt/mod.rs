//! `jwt`

mod keys;
mod required;
mod rules;
mod secrets;

pub(super) use keys::{JWKS, JwksSection, KEY};
pub(super) use rules::{PersonFields, claim, read_person};
pub(super) use secrets::{SECRET, read as read_secret};

use super::field::{Field, Shape};
use super::headers::HeaderNames;
use super::reader::{Node, Reader};
use super::rules::{LIMITS_FIELD, MODELS};
use super::table::Member;
use super::upstream::{HEADER, header_name};
use super::value::ALLOW_PLACEHOLDER;
use crate::authn::jwt::{Algorithm, Issuer};
use crate::ollama::Scope;
use crate::source::Sources;
use std::collections::HashSet;

table! {
    pub(super) ISSUER => IssuerSection {
        name: Field::required(Shape::Name, "the name of the issuer in logs. It must be unique"),
        algorithms: Field::required(
            Shape::Filled(&Shape::Word(Algorithm::names)),
            "the accepted algorithms: `HS256`, `HS384`, `HS512` with `secrets`; `RS256`, `RS384`, `RS512`, `PS256`, \
             `PS384`, `PS512`, `ES256`, `ES384`, `EdDSA` (also called `Ed25519`) with `keys` or `jwks`. A token's \
             `alg` never selects an algorithm that is not listed",
        ),
        secrets: Field::one_of(
            Shape::Filled(&Shape::Secret(SECRET)),
            "the HMAC secrets, the current one first, each at least as long as the hash (32, 48 or 64 bytes): \
             strings or `{\"env\": \"NAME\"}`, with `encoding` if bytes are written as text. Tokens signed with a \
             previous secret remain valid until they expire",
        ),
        keys: Field::one_of(
            Shape::Filled(&Shape::Open(KEY)),
            "the issuer's public keys: JWKs, such as the `keys` of a JWKS, or `{\"pem\": \"…\"}`",
        ),
        jwks: Field::one_of(
            Shape::Object(JWKS),
            "where the issuer publishes its keys. Requires `issuer` and `audiences`",
        ),
        header: Field::optional(
            HEADER,
            "the header that carries this issuer's tokens next to an API key whose `users` names this issuer. They \
             identify the user of that key, and prove nothing by themselves",
        ),
        cookie: Field::optional(
            COOKIE,
            "a cookie from which tokens are accepted too, such as Open WebUI's `token`. It is read only if the \
             request has no credential header, and never from pages of other sites",
        ),
        assertion_header: Field::optional(
            HEADER,
            "the header in which a proxy in front of the gateway sends the token of the signed-in user, such as \
             `Cf-Access-Jwt-Assertion` or `X-Goog-Iap-Jwt-Assertion`. Like `cookie`, it is read only if the request \
             has no credential header, and never from pages of other sites",
        ),
        issuer: Field::optional(Shape::Text, "the only accepted `iss`. Default: any"),
        audiences: Field::optional(
            Shape::Filled(&Shape::Text),
            "the accepted audiences; a token's `aud` must name one of them. Default: tokens with an `aud` are \
             refused",
        ),
        danger_allow_any_audience: Field::optional(
            Shape::Boolean,
            "`true` accepts tokens for any audience: every service that receives one can use it here",
        ),
        subject_claim: Field::optional(
            Shape::Name,
            "the claim that identifies the caller. Like every claim here, it is a name or a JSON Pointer such as \
             `/realm_access/roles`. Default: `sub`",
        ),
        numeric_subject: Field::optional(
            Shape::Boolean,
            "`true` accepts a whole number from 0 to 9007199254740991 in `subject_claim`; the caller is then named by its \
             digits, and a token that holds these digits as a string is the same caller's. Default: `false`",
        ),
        scopes_claim: Field::optional(
            Shape::Name,
            "the claim that holds the scopes: a space-separated string, a list, or an object whose member names are \
             the scopes. Unknown names are ignored. Default: every token gets `read` and `inference`",
        ),
        scope_map: Field::optional(
            Shape::Map(&Shape::List(&Shape::Word(Scope::names))),
            "maps values of `scopes_claim`, such as a group or `ollama/read`, to the scopes that they grant. Values \
             that are not in the map grant nothing. Default: the values are the gate's own scopes",
        ),
        scopes: Field::optional(
            Shape::List(&Shape::Word(Scope::names)),
            "what every token of this issuer may do, instead of `scopes_claim`; `[]` means nothing. Default: `read` \
             and `inference`",
        ),
        models: MODELS,
        models_claim: Field::optional(
            Shape::Name,
            "the claim that lists the models that a token may use, written as in `models`: a space-separated string \
             or a list. A model must be allowed by both. A token without the claim may use no model; a token whose \
             claim is malformed is refused. Default: no claim",
        ),
        limits: LIMITS_FIELD,
        required_claims: Field::optional(
            Shape::Map(&Shape::Claim),
            "conditions on other claims: a value; `{\"word\": …}`, one of the space-separated words; `{\"prefix\": \
             …}` or `{\"suffix\": …}`, such as `@example.com`; `{\"member\": …}`, a member of an object; a list of \
             these, one of which must match; or `{\"absent\": true}`",
        ),
        typ: Field::optional(
            Shape::Filled(&Shape::Text),
            "the accepted values of `typ` in a token's header; a token must then have one of them. Default: `JWT`, \
             `at+jwt`, or no `typ`",
        ),
        require_expiry: Field::optional(
            Shape::Boolean,
            "whether `exp` is required. Default: `true`",
        ),
        leeway: Field::optional(
            Shape::Duration(0, 300),
            "the accepted difference between clocks, up to 5 minutes. Default: `\"60s\"`",
        ),
        max_age: Field::optional(
            AGE,
            "the maximum time since `iat`, which is then required. Default: any",
        ),
        max_lifetime: Field::optional(
            AGE,
            "the maximum time from `iat` to `exp`, both of which are then required. Default: any",
        ),
        danger_allow_short_secret: Field::optional(
            Shape::Boolean,
            "`true` accepts secrets of 12 bytes or more, which can be guessed offline by anybody who has one token",
        ),
        danger_allow_placeholder_secret: ALLOW_PLACEHOLDER,
    }
}

/// Up to ten years. An age of nothing would let nobody in.
const AGE: Shape = Shape::Duration(1, 3650 * 24 * 3600);

/// The name of a cookie (RFC 6265 section 4.1.1, RFC 9110 section 5.6.2).
const COOKIE: Shape = Shape::Pattern("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$");

/// The issuers in the list `jwt` whose tokens come in headers of their own, each with its place: an API key may
/// name one in `users`. Looks at names only, since keys are read before issuers.
pub(super) fn issuers_of_users(jwt: &Member<'_>) -> Vec<(String, usize)> {
    let issuers = jwt.node().map(|node| node.items()).unwrap_or_default();
    let named = issuers.iter().enumerate().filter_map(|(place, issuer)| {
        let issuer: IssuerSection<'_> = issuer.peek()?;
        let name = issuer.name.node()?.json.text()?;
        issuer.header.is_given().then(|| (name.to_owned(), place))
    });
    named.collect()
}

/// The issuers. Where keys are fetched, their source is added to `sources`; the headers of tokens are then
/// `taken`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    taken: &mut HeaderNames,
    node: &Node<'_>,
) -> Vec<Issuer> {
    let mut issuers = Vec::new();
    let mut names = HashSet::new();
    for item in reader.list(node, "a list of issuers") {
        let Some(section) = reader.section::<IssuerSection>(&item) else {
            continue;
        };
        let name = section.name.read(reader, Reader::name).unwrap_or_default();
        if !names.insert(name.clone()) {
            reader.refuse(&section.name.place(), "is already used by another issuer");
        }
        issuers.push(read_issuer(reader, sources, taken, &section, name));
    }
    issuers
}

fn read_issuer(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    taken: &mut HeaderNames,
    section: &IssuerSection<'_>,
    name: String,
) -> Issuer {
    let algorithms = match section.algorithms.node() {
        Some(node) => read_algorithms(reader, &node),
        None => Vec::new(),
    };
    let keys = keys::read(reader, sources, section, &algorithms, &name);
    let header = section.header.read(reader, |reader, node| {
        let name = header_name(reader, node)?;
        // The key says whose token it is, so several issuers may use one header.
        taken.share(reader, node, &name, "jwt[].header");
        Some(name)
    });
    let cookie = section.cookie.read(reader, cookie_name);
    let assertion_header = section.assertion_header.read(reader, |reader, node| {
        let name = header_name(reader, node)?;
        taken.share(reader, node, &name, "jwt[].assertion_header");
        Some(name)
    });
    for (given, field) in [
        (cookie.is_some(), &section.cookie),
        (assertion_header.is_some(), &section.assertion_header),
    ] {
        if given && header.is_some() {
            let message = "has no effect beside `header`, whose tokens prove nothing by themselves";
            reader.refuse(&field.place(), message);
        }
    }
    Issuer {
        name,
        algorithms,
        keys,
        rules: rules::read(reader, section, header.is_some()),
        header,
        cookie,
        assertion_header,
    }
}

fn cookie_name(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<String> {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte);
    let expected = "the name of a cookie";
    reader.parsed(node, expected, |text| {
        let fit = (1..=64).contains(&text.len()) && text.bytes().all(of_token);
        fit.then(|| text.to_owned())
    })
}

fn read_algorithms(reader: &mut Reader<'_>, node: &Node<'_>) -> Vec<Algorithm> {
    let items = reader.list(node, "a list of algorithms");
    if items.is_empty() {
        reader.refuse(node, "expected an algorithm such as \"RS256\", found none");
    }
    let expected = format!("one of {}", Algorithm::names().join(", "));
    items
        .iter()
        .filter_map(|item| reader.parsed(item, &expected, Algorithm::named))
        .collect()
}
