//! The keys of an issuer: `secrets`, `keys`, `jwks`

use super::super::field::{DURATION, Field, Shape};
use super::super::reader::{Node, Reader, Section};
use crate::authn::jwt::{
    Algorithm, HmacKey, Jwks, Key, KeySet, Keys, Location, PublicKey, Remote, Server, key_of_jwk,
};
use crate::http::Url;
use crate::source::{FetchRules, Source, Sources};
use std::time::Duration;

pub(in crate::config) const KEY: &[Field] = &[
    Field::one_of(
        "pem",
        Shape::Text,
        "a public key in PEM (`BEGIN PUBLIC KEY` or `BEGIN RSA PUBLIC KEY`), line breaks as `\\n`",
    ),
    Field::one_of(
        "kty",
        Shape::Text,
        "its type: `RSA`, `EC` or `OKP`. This and what follows is a JWK (RFC 7517); members that are not \
         listed here are passed over",
    ),
    Field::optional(
        "kid",
        Shape::Text,
        "the name by which tokens ask for it; if any key has one, a token that names another is refused",
    ),
    Field::optional("alg", Shape::Text, "the only algorithm it is for"),
    Field::optional("use", Shape::Text, "`sig`"),
    Field::optional("n", Shape::Text, "RSA: the modulus, of 2048 to 8192 bits"),
    Field::optional("e", Shape::Text, "RSA: the exponent"),
    Field::optional("crv", Shape::Text, "`P-256`, `P-384` or `Ed25519`"),
    Field::optional("x", Shape::Text, "EC, OKP: the point"),
    Field::optional("y", Shape::Text, "EC: the point"),
];

pub(in crate::config) const JWKS: &[Field] = &[
    Field::required(
        "upstream",
        Shape::Text,
        "the gateway's name for the server: a cluster on Envoy and Istio, `host:port` on APISIX and Kong",
    ),
    Field::optional(
        "url",
        Shape::Pattern("^https?://[!-~]+$"),
        "the address of the JWKS. Default: found by OpenID Connect discovery from `issuer`",
    ),
    Field::optional(
        "every",
        DURATION,
        "how often it is fetched, 10 seconds to a day. Default: `\"10m\"`",
    ),
    Field::optional(
        "max_stale",
        DURATION,
        "how long keys hold while the server does not answer, up to 30 days. Default: `\"24h\"`",
    ),
    Field::optional(
        "cool_down",
        DURATION,
        "how long after a fetch for an unknown `kid` no other is made for one, 1 second to 5 minutes. \
         Default: `\"10s\"`",
    ),
    Field::optional(
        "timeout",
        DURATION,
        "how long to wait for an answer, 1 to 30 seconds. Default: `\"5s\"`",
    ),
];

/// No setting takes a shorter secret.
const SHORTEST: usize = 12;
/// How many fetches of one issuer's keys a worker has under way at the most: what comes in within
/// one answer's time at some hundred requests a second.
const MOST_IN_FLIGHT: u32 = 32;

const DAY: u64 = 24 * 3600;

/// The keys in `section`, of one of `sources` where they are fetched. After an error they are some that verify nothing.
pub fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    section: &Section<'_>,
    algorithms: &[Algorithm],
    name: &str,
) -> Keys {
    let nothing = Keys::Secrets(Vec::new());
    let (secrets, keys, jwks) = (
        section.field("secrets"),
        section.field("keys"),
        section.field("jwks"),
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
        _ => {
            reader.refuse(
                &section.node,
                "expected exactly one of `secrets`, `keys` and `jwks`",
            );
            nothing
        }
    }
}

/// RFC 8725 section 3.1: a key is for one kind of algorithm.
fn check_family(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
    algorithms: &[Algorithm],
    hmac: bool,
) {
    let wrong = algorithms.iter().find(|one| one.is_hmac() != hmac);
    let Some(wrong) = wrong.map(|wrong| wrong.name()) else {
        return;
    };
    let message = match hmac {
        true => format!("{wrong} needs public keys, in `keys` or `jwks` instead of `secrets`"),
        false => format!("{wrong} needs `secrets`, give it an issuer of its own"),
    };
    reader.refuse(&section.place("algorithms"), message);
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
    section: &Section<'_>,
    node: &Node<'_>,
    algorithms: &[Algorithm],
) -> Vec<HmacKey> {
    let short = section.field("danger_allow_short_secret");
    let short = short
        .and_then(|node| reader.boolean(&node))
        .unwrap_or(false);
    let allowed = reader.allows_placeholders(section);
    let secure = secure_length(algorithms);
    let least = if short { SHORTEST } else { secure };
    let items = reader.list(node, "a list of secrets");
    let mut secrets = Vec::new();
    for item in items {
        let Some(secret) = reader.secret(&item) else {
            continue;
        };
        let length = secret.expose().len();
        if length >= least {
            if reader.check_drawn(&item, secret.expose(), allowed) {
                secrets.push(HmacKey::new(secret.expose().as_bytes()));
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
    if secrets.is_empty() && !reader.errors.any_within(&node.path()) {
        reader.refuse(node, "expected a secret, found none that is set");
    }
    secrets
}

fn read_keys(
    reader: &mut Reader<'_>,
    section: &Section<'_>,
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
        reader.refuse(&section.place("algorithms"), message);
    }
    keys
}

fn is_for(key: &Key, algorithm: Algorithm) -> bool {
    key.public.fits(algorithm) && key.algorithm.is_none_or(|only| only == algorithm)
}

fn read_key(reader: &mut Reader<'_>, item: &Node<'_>) -> Option<Key> {
    let section = reader.open_section(item, KEY)?;
    let key = match section.field("pem") {
        None => key_of_jwk(item.json),
        Some(pem) if section.field("kty").is_none() => {
            let kid = section.field("kid");
            let kid = kid.and_then(|node| reader.text(&node, "a string that is not empty"));
            let only = section.field("alg");
            let algorithm = only.and_then(|node| {
                reader.parsed(&node, "an algorithm such as \"RS256\"", Algorithm::named)
            });
            let text = pem.json.text().unwrap_or_default();
            PublicKey::from_pem(text).map(|public| Key {
                kid,
                algorithm,
                public,
            })
        }
        Some(_) => Err("expected exactly one of `pem` and `kty`".to_owned()),
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
    section: &Section<'_>,
    node: &Node<'_>,
    name: &str,
) -> Option<Remote> {
    // A key server vouches for one issuer; whoever it lets in elsewhere is not let in here.
    let any = section.field("danger_allow_any_audience");
    if section.field("issuer").is_none() {
        reader.refuse(&section.place("issuer"), "is missing, `jwks` needs it");
    }
    if section.field("audiences").is_none() && any.is_none() {
        reader.refuse(
            &section.place("audiences"),
            "is missing, `jwks` needs it (or `danger_allow_any_audience`)",
        );
    }
    let jwks = reader.section(node, JWKS)?;
    let field = |name| jwks.field(name);
    let upstream = field("upstream").and_then(|node| reader.text(&node, "the name of an upstream"));
    let location = match field("url") {
        Some(node) => {
            let expected = "an address that begins with https:// or http://";
            reader.parsed(&node, expected, Url::parse).map(Location::At)
        }
        None => section.field("issuer").and_then(|node| {
            let expected = "an address, from which `jwks.url` can be found (or give `jwks.url`)";
            reader.parsed(&node, expected, Location::discovered)
        }),
    };
    let mut duration = |name, least, most, default| {
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        let read = field(name).map(|node| reader.duration_within(&node, range));
        read.flatten().unwrap_or(default)
    };
    let every = duration("every", 10, DAY, 600);
    let max_stale = duration("max_stale", 10, DAY.saturating_mul(30), 86_400);
    let cool_down = duration("cool_down", 1, 300, 10);
    let timeout = duration("timeout", 1, 30, 5);
    if max_stale < every {
        reader.refuse(&jwks.place("max_stale"), "is shorter than `every`");
    }
    let document = Jwks {
        location: location?,
        server: Server {
            upstream: upstream?,
            timeout: Duration::from_secs(timeout.unsigned_abs()),
        },
    };
    let rules = FetchRules {
        every,
        max_stale,
        cool_down,
        most_in_flight: MOST_IN_FLIGHT,
        most_per_second: MOST_IN_FLIGHT,
    };
    let name = format!("jwt `{name}`: keys");
    let source = Source::new(name, document, rules, reader.seed);
    Some(Remote {
        keys: sources.add(source),
    })
}
