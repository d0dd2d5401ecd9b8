//! The keys of an issuer: `secrets`, `keys`, `jwks`

use super::super::field::{Field, Shape};
use super::super::reader::{Node, Reader};
use super::super::server::{self, UPSTREAMS};
use super::super::value::SECRET;
use super::IssuerSection;
use super::secrets::{self, TokenSecret};
use crate::authn::jwt::{
    Algorithm, HmacKey, Jwks, Key, KeySet, Keys, Location, PublicKey, Remote, key_of_jwk,
    metadata_of,
};
use crate::http::Url;
use crate::source::{Endpoint, FetchRules, MAX_BACK_OFF_SECONDS, Source, Sources};
use std::rc::Rc;
use std::time::Duration;

table! {
    pub(in crate::config) KEY => KeySection {
        pem: Field::one_of(
            Shape::Secret(SECRET),
            "a public key in PEM (`BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`), line breaks as `\\n`, or \
             `{\"env\": \"NAME\"}`",
        ),
        kty: Field::one_of(
            Shape::Text,
            "the key type: `RSA`, `EC` or `OKP`. This and the following fields are a JWK (RFC 7517); members that \
             are not listed here are ignored",
        ),
        kid: Field::optional(
            Shape::Text,
            "the key ID that tokens refer to. If any key has one, tokens with an unknown `kid` are refused",
        ),
        alg: Field::optional(Shape::Text, "the only algorithm that the key may be used with"),
    } read by key_of_jwk {
        "use": Field::optional(Shape::Text, "`sig`"),
        "n": Field::optional(Shape::Text, "RSA: the modulus, of 2048 to 8192 bits"),
        "e": Field::optional(Shape::Text, "RSA: the exponent"),
        "crv": Field::optional(Shape::Text, "`P-256`, `P-384` or `Ed25519`"),
        "x": Field::optional(Shape::Text, "EC, OKP: the point"),
        "y": Field::optional(Shape::Text, "EC: the point"),
    }
}

table! {
    pub(in crate::config) JWKS => JwksSection {
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for the server of `url`, or of `issuer`: a cluster on Envoy and Istio, `host:port` on \
             APISIX and Kong",
        ),
        url: Field::optional(
            Shape::Pattern("^https?://[!-~]+$"),
            "the URL of the JWKS. Default: discovered from `issuer` by OpenID Connect discovery",
        ),
        upstreams: Field::optional(
            UPSTREAMS,
            "where the issuer publishes its keys on another server than its metadata, the gateway's name for that, by \
             host, as of `login.upstreams`. Not with `url`, which is on that of `upstream`. Default: they are on one",
        ),
        headers: Field::optional(
            Shape::Map(&Shape::Secret(SECRET)),
            "headers that the server requires, such as `{\"X-Api-Key\": {\"env\": \"SSO_KEY\"}}`: strings or \
             `{\"env\": \"NAME\"}`. Their values are never logged. Default: none",
        ),
        every: Field::optional(
            Shape::Duration(10, DAY),
            "how often the keys are fetched, 10 seconds to a day. Default: `\"10m\"`",
        ),
        max_stale: Field::optional(
            Shape::Duration(10, 30 * DAY),
            "how long the keys remain in use while the server does not answer, up to 30 days. Default: `\"24h\"`",
        ),
        cool_down: Field::optional(
            Shape::Duration(1, 300),
            "the minimum time between two fetches caused by an unknown `kid` or a bad signature, 1 second to 5 \
             minutes. Default: `\"10s\"`",
        ),
        timeout: Field::optional(
            Shape::Duration(1, 30),
            "how long to wait for an answer, 1 to 30 seconds. Default: `\"5s\"`",
        ),
    }
}

/// No setting takes a shorter secret.
const SHORTEST: usize = 12;
/// How many fetches of one issuer's keys a worker has under way at the most: what comes in within
/// one answer's time at some hundred requests a second.
const MAX_IN_FLIGHT: u32 = 32;

const DAY: u64 = 24 * 3600;

/// The keys in `section`, of one of `sources` where they are fetched. After an error they are some that verify nothing.
pub(crate) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    section: &IssuerSection<'_>,
    algorithms: &[Algorithm],
    name: &str,
) -> Keys {
    let nothing = Keys::Secrets(Vec::new());
    let (secrets, keys, jwks) = (
        section.secrets.node(),
        section.keys.node(),
        section.jwks.node(),
    );
    match (secrets, keys, jwks) {
        (Some(node), None, None) => {
            check_family(reader, section, algorithms, true);
            Keys::Secrets(read_secrets(reader, section, &node, algorithms))
        }
        (None, Some(node), None) => {
            check_family(reader, section, algorithms, false);
            Keys::Public(KeySet::new(read_keys(reader, section, &node, algorithms)))
        }
        (None, None, Some(node)) => {
            check_family(reader, section, algorithms, false);
            let remote = read_jwks(reader, sources, section, &node, name);
            remote.map_or(nothing, |remote| Keys::Remote(Box::new(remote)))
        }
        _ => nothing,
    }
}

/// RFC 8725 section 3.1: a key is for one kind of algorithm.
fn check_family(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    algorithms: &[Algorithm],
    hmac: bool,
) {
    let wrong = algorithms.iter().find(|one| one.is_hmac() != hmac);
    let Some(wrong) = wrong.map(|wrong| wrong.name()) else {
        return;
    };
    let message = if hmac {
        format!("{wrong} needs public keys, in `keys` or `jwks` instead of `secrets`")
    } else {
        format!("{wrong} needs `secrets`, give it an issuer of its own")
    };
    reader.refuse(&section.algorithms.place(), message);
}

/// RFC 7518 section 3.2: at least as long as the hash.
fn secure_length(algorithms: &[Algorithm]) -> usize {
    let lengths = algorithms.iter().map(|algorithm| match algorithm {
        Algorithm::Hs512 => 64,
        Algorithm::Hs384 => 48,
        _ => 32,
    });
    lengths.max().unwrap_or(32)
}

fn read_secrets(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    node: &Node<'_>,
    algorithms: &[Algorithm],
) -> Vec<HmacKey> {
    let short = reader.is_true(&section.danger_allow_short_secret);
    let allowed = reader.is_true(&section.danger_allow_placeholder_secret);
    let secure = secure_length(algorithms);
    let least = if short { SHORTEST } else { secure };
    let items = reader.list(node, "a list of secrets");
    let mut found = Vec::new();
    for item in items {
        let Some(TokenSecret { written, bytes }) = secrets::read(reader, &item) else {
            continue;
        };
        let length = bytes.expose().len();
        if length >= least {
            if reader.check_drawn(&item, written.expose(), allowed) {
                found.push(HmacKey::new(bytes.expose()));
            }
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
    if found.is_empty() && !reader.errors.any_within(&node.path()) {
        reader.refuse(node, "expected a secret, found none that is set");
    }
    found
}

fn read_keys(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    node: &Node<'_>,
    algorithms: &[Algorithm],
) -> Vec<Key> {
    let known_errors = reader.errors.count();
    let items = reader.list(node, "a list of public keys");
    if items.is_empty() {
        reader.refuse(node, "expected a public key, found none");
    }
    let mut keys = Vec::new();
    for item in items {
        let Some(key) = read_key(reader, &item) else {
            continue;
        };
        if !algorithms.iter().any(|algorithm| is_for(&key, *algorithm)) {
            let message = format!(
                "no algorithm of this issuer is for this {} key",
                key.public.kind()
            );
            reader.refuse(&item, message);
        }
        keys.push(key);
    }
    let unused = |algorithm: &&Algorithm| !keys.iter().any(|key| is_for(key, **algorithm));
    if let Some(unused) = algorithms.iter().find(unused)
        && reader.errors.count() == known_errors
    {
        let message = format!("no key of this issuer is for {}", unused.name());
        reader.refuse(&section.algorithms.place(), message);
    }
    keys
}

fn is_for(key: &Key, algorithm: Algorithm) -> bool {
    key.public.fits(algorithm) && key.algorithm.is_none_or(|only| only == algorithm)
}

fn read_key(reader: &mut Reader<'_>, item: &Node<'_>) -> Option<Key> {
    let section = reader.open_section::<KeySection>(item)?;
    let key = match section.pem.node() {
        None => key_of_jwk(item.json),
        Some(pem) if !section.kty.is_given() => {
            let kid = section.kid.read(reader, |reader, node| {
                reader.text(node, "a string that is not empty")
            });
            let algorithm = section.alg.read(reader, |reader, node| {
                reader.parsed(node, "an algorithm such as \"RS256\"", Algorithm::named)
            });
            let text = reader.secret_text(&pem)?;
            PublicKey::from_pem(text.expose()).map(|public| Key {
                kid,
                algorithm,
                public,
            })
        }
        Some(_) => return None,
    };
    match key {
        Ok(key) => Some(key),
        Err(message) => {
            reader.refuse(item, message);
            None
        }
    }
}

fn read_jwks(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    section: &IssuerSection<'_>,
    node: &Node<'_>,
    name: &str,
) -> Option<Remote> {
    // A key server vouches for one issuer; whoever it lets in elsewhere is not let in here.
    if !section.issuer.is_given() {
        reader.refuse(&section.issuer.place(), "is required with `jwks`");
    }
    if !section.audiences.is_given() && !section.danger_allow_any_audience.is_given() {
        reader.refuse(
            &section.audiences.place(),
            "is required with `jwks` (or `danger_allow_any_audience`)",
        );
    }
    let jwks = reader.section::<JwksSection>(node)?;
    let location = locate(reader, section, &jwks);
    let headers = jwks
        .headers
        .read(reader, |reader, node| Some(server::headers(reader, node)));
    let every = reader.seconds(&jwks.every).unwrap_or(600);
    let max_stale = reader.seconds(&jwks.max_stale).unwrap_or(86_400);
    let cool_down = reader.seconds(&jwks.cool_down).unwrap_or(10);
    let timeout = reader.duration(&jwks.timeout);
    if max_stale < every {
        reader.refuse(&jwks.max_stale.place(), "is shorter than `every`");
    }
    let document = Jwks {
        location: location?,
        timeout: timeout.unwrap_or(Duration::from_secs(5)),
        headers: headers.unwrap_or_default(),
    };
    let rules = FetchRules {
        every,
        spread: false,
        max_back_off: MAX_BACK_OFF_SECONDS,
        max_stale,
        cool_down,
        max_in_flight: MAX_IN_FLIGHT,
        max_per_second: MAX_IN_FLIGHT,
    };
    let name = format!("jwt `{name}`: keys");
    let source = Source::new(name, document, rules, reader.seed);
    Some(Remote {
        keys: sources.add(source),
    })
}

/// Where the keys of `jwks` are.
fn locate(
    reader: &mut Reader<'_>,
    section: &IssuerSection<'_>,
    jwks: &JwksSection<'_>,
) -> Option<Location> {
    let upstream = jwks.upstream.read(reader, |reader, node| {
        reader.text(node, "the name of an upstream")
    });
    let upstream = upstream.unwrap_or_default();
    if let Some(node) = jwks.url.node() {
        if let Some(node) = jwks.upstreams.node() {
            let message = "has no effect with `url`, whose server `upstream` names";
            reader.refuse(&node, message);
        }
        let expected = "an address that begins with https:// or http://";
        let url = reader.parsed(&node, expected, Url::parse)?;
        return Some(Location::At(Endpoint { upstream, url }));
    }
    let named = server::upstreams(reader, &jwks.upstreams);
    let (issuer, url) = section.issuer.read(reader, |reader, node| {
        let expected = "an address, from which `jwks.url` can be found (or give `jwks.url`)";
        let found = |text: &str| Some((text.to_owned(), metadata_of(text)?));
        reader.parsed(node, expected, found)
    })?;
    let home = (Endpoint { upstream, url }, "issuer");
    let upstreams = Rc::new(server::servers(reader, home, &named, "jwks.upstreams"));
    Some(Location::Discovered { issuer, upstreams })
}
