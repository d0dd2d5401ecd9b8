//! `api_keys.source`: documents of keys that are fetched.

use super::super::field::{Field, Shape};
use super::super::reader::{Node, Reader};
use super::super::server;
use super::super::table::Member;
use super::super::value::SECRET;
use super::record::DocumentReader;
use crate::authn::api_key::{
    DocumentContext, DocumentRules, Envelope, KeyDocument, KeyRing, ReadRecord, Roster,
};
use crate::http::{Url, is_value};
use crate::json::{ObjectWriter, Pointer};
use crate::secret::Secret;
use crate::source::{
    CONTENT_ENCODING, Call, ETAG, FetchRules, MAX_BACK_OFF_SECONDS, RETRY_AFTER, Source as Fetched,
    Sources,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

table! {
    pub(in crate::config) SOURCE => Source {
        url: Field::required(
            Shape::Pattern("^https?://[!-~]+$"),
            "the address of the document",
        ),
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for the server: a cluster on Envoy and Istio, `host:port` on APISIX and Kong",
        ),
        kind: Field::optional(
            Shape::Word(Kind::names),
            "what holds the document: `http`, any server; `vault`, Vault KV version 2; `etcd`, etcd's JSON gateway; \
             `consul`, Consul KV; `postgrest`, a table behind PostgREST. Default: `\"http\"`",
        ),
        name: Field::optional(
            Shape::Name,
            "its name in logs. Default: what is in `upstream`",
        ),
        key: Field::optional(
            Shape::Text,
            "etcd: the key whose value is the document; required there, and only there",
        ),
        token: Field::optional(
            Shape::Secret(SECRET),
            "what the server wants to see, in the header of its kind: `X-Vault-Token`, `X-Consul-Token`, `Authorization` \
             for etcd, `Authorization: Bearer` elsewhere. Default: none",
        ),
        headers: Field::optional(
            Shape::Map(&Shape::Secret(SECRET)),
            "other header fields, strings or `{\"env\": \"NAME\"}`, which reach no log. Default: none",
        ),
        pointer: Field::optional(
            Shape::Pattern("^(/.*)?$"),
            "where in the answer the document is, a JSON Pointer (RFC 6901). Default: that of the kind, for `http` the whole \
             answer",
        ),
        encoding: Field::optional(
            Shape::Word(encodings),
            "`base64` if what is there is the document in base64. Default: that of the kind",
        ),
        every: Field::optional(
            Shape::Duration(1, DAY),
            "how often it is fetched, 1 second to a day: a key that was revoked is refused at the latest after so long. \
             Default: `\"30s\"`",
        ),
        max_stale: Field::optional(
            Shape::Duration(1, 30 * DAY),
            "how long its keys hold while the server does not answer, up to 30 days. Default: `\"24h\"`",
        ),
        timeout: Field::optional(
            Shape::Duration(1, 30),
            "how long to wait for an answer, 1 to 30 seconds. Default: `\"5s\"`",
        ),
        max_bytes: Field::optional(
            Shape::Size(MAX_BYTES),
            "the largest answer that is read, up to 64 MiB; a key takes some 150 bytes in it. Default: `\"1MiB\"`",
        ),
        max_removed: Field::optional(
            Shape::Whole(1, 100),
            "how many keys in a hundred may be missing from a document that were in the one before. If more are, and more \
             than three, it is refused. Default: `50`",
        ),
        allow_empty: Field::optional(
            Shape::Boolean,
            "`true`: a document without keys is taken. Default: `false`, and the keys before it hold",
        ),
    }
}

const DAY: u64 = 24 * 3600;
const MAX_BYTES: u64 = 64 << 20;
const DEFAULT_BYTES: usize = 1 << 20;
/// How many fetches of one document requests of a worker have under way at the most.
const MAX_IN_FLIGHT: u32 = 8;
/// How long after a fetch for a key that is not in it no other is made for one.
const COOL_DOWN: i64 = 5;
/// The most sources.
const MAX_SOURCES: usize = 16;

/// What holds a document. It says where in an answer the document is, and how the server is asked, no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Http,
    Vault,
    Etcd,
    Consul,
    Postgrest,
}

impl Kind {
    const ALL: [(&'static str, Self); 5] = [
        ("http", Self::Http),
        ("vault", Self::Vault),
        ("etcd", Self::Etcd),
        ("consul", Self::Consul),
        ("postgrest", Self::Postgrest),
    ];

    fn names() -> Vec<&'static str> {
        Self::ALL.iter().map(|known| known.0).collect()
    }

    fn named(name: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|known| known.0 == name)?;
        Some(known.1)
    }

    /// Where its document is, and whether that is in base64.
    const fn envelope(self) -> (&'static str, bool) {
        match self {
            Self::Http | Self::Postgrest => ("", false),
            Self::Vault => ("/data/data", false),
            Self::Etcd => ("/kvs/0/value", true),
            Self::Consul => ("/0/Value", true),
        }
    }

    /// The header in which it wants `token`.
    fn header(self, token: &Secret<String>) -> (&'static str, Secret<String>) {
        match self {
            Self::Vault => ("x-vault-token", token.clone()),
            Self::Consul => ("x-consul-token", token.clone()),
            Self::Etcd => ("authorization", token.clone()),
            Self::Http | Self::Postgrest => (
                "authorization",
                Secret::new(format!("Bearer {}", token.expose())),
            ),
        }
    }

    /// The media type in which it has to answer, if not that of JSON.
    const fn media_type(self) -> Option<&'static str> {
        match self {
            // Columns that are NULL are left out, since a record has no `null` (PostgREST 11.2 and later).
            Self::Postgrest => Some("application/vnd.pgrst.array+json;nulls=stripped"),
            _ => None,
        }
    }
}

const BASE64: &str = "base64";

fn encodings() -> Vec<&'static str> {
    vec![BASE64]
}

/// Adds what is at `node`, one source or a list of them, to `sources` and to `ring`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    sources: &mut Sources,
    ring: &mut KeyRing,
    node: &Node<'_>,
    jwt: &Member<'_>,
    roster: &Rc<Roster>,
) {
    let records: Rc<dyn ReadRecord> = Rc::new(DocumentReader::new(jwt));
    let items = node.one_or_items();
    if items.is_empty() || items.len() > MAX_SOURCES {
        reader.refuse(
            node,
            format!("expected one source, or a list of up to {MAX_SOURCES}"),
        );
    }
    let mut names = HashSet::new();
    for (place, item) in items.iter().enumerate() {
        let Some(section) = reader.section::<Source<'_>>(item) else {
            continue;
        };
        let Some((name, call, envelope)) = read_call(reader, &section) else {
            continue;
        };
        if !names.insert(name.clone()) {
            let message = "is the name of another source too, give each a `name`";
            reader.refuse(&section.name.place(), message);
        }
        let rules = DocumentRules {
            allow_empty: reader.is_true(&section.allow_empty),
            max_removed: reader.whole(&section.max_removed).unwrap_or(50),
        };
        let shown = format!("the source `{name}`");
        let context = DocumentContext {
            rules,
            reader: Rc::clone(&records),
            number: roster.add(&shown, Rc::default()),
            roster: Rc::clone(roster),
            place,
        };
        let document = KeyDocument {
            call,
            envelope,
            context: Rc::new(context),
        };
        let rules = fetch_rules(reader, &section);
        let fetched = Fetched::new(format!("keys of {name}"), document, rules, reader.seed);
        ring.add(name.into(), sources.add(fetched));
    }
}

fn fetch_rules(reader: &mut Reader<'_>, section: &Source<'_>) -> FetchRules {
    let every = reader.seconds(&section.every).unwrap_or(30);
    let max_stale = reader.seconds(&section.max_stale).unwrap_or(86_400);
    if max_stale < every {
        reader.refuse(&section.max_stale.place(), "is shorter than `every`");
    }
    FetchRules {
        every,
        spread: true,
        // A server that is back is asked as soon as the next interval would ask it.
        max_back_off: every.min(MAX_BACK_OFF_SECONDS),
        max_stale,
        cool_down: COOL_DOWN,
        max_in_flight: MAX_IN_FLIGHT,
        max_per_second: MAX_IN_FLIGHT,
    }
}

/// The name of a source, the call that asks it, and what the document comes in.
fn read_call(reader: &mut Reader<'_>, section: &Source<'_>) -> Option<(String, Call, Envelope)> {
    let kind = section.kind.read(reader, |reader, node| {
        let expected = "the name of a kind, such as \"http\" or \"vault\"";
        reader.parsed(node, expected, Kind::named)
    });
    let kind = kind.unwrap_or(Kind::Http);
    let url = section.url.read(reader, |reader, node| {
        let expected = "an address that begins with https:// or http://";
        reader.parsed(node, expected, Url::parse)
    });
    let upstream = section.upstream.read(reader, |reader, node| {
        reader.text(node, "the name of an upstream")
    });
    let name = section.name.read(reader, Reader::name);
    let key = section.key.read(reader, |reader, node| {
        reader.text(node, "the name of a key in etcd")
    });
    if section.key.is_given() && kind != Kind::Etcd {
        reader.refuse(&section.key.place(), "is for `\"kind\": \"etcd\"` only");
    }
    if !section.key.is_given() && kind == Kind::Etcd {
        reader.refuse(
            &section.key.place(),
            "is required with `\"kind\": \"etcd\"`",
        );
    }
    let envelope = read_envelope(reader, section, kind);
    let headers = read_headers(reader, section, kind);
    let timeout = reader.duration(&section.timeout);
    let timeout = timeout.unwrap_or(Duration::from_secs(5));
    let max_bytes = reader.size(&section.max_bytes);
    let max_bytes = max_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    let upstream = upstream?;
    let mut call = Call::get_json(upstream.clone(), url?, timeout)
        .reading(&[ETAG, RETRY_AFTER, CONTENT_ENCODING])
        .of_at_most(max_bytes.unwrap_or(DEFAULT_BYTES));
    if let Some(key) = key {
        let mut body = ObjectWriter::new();
        body.text("key", &STANDARD.encode(key));
        call = call.posting("application/json", body.finish().into_bytes());
    }
    Some((
        name.unwrap_or(upstream),
        call.with_headers(&headers),
        envelope,
    ))
}

fn read_envelope(reader: &mut Reader<'_>, section: &Source<'_>, kind: Kind) -> Envelope {
    let (pointer, base64) = kind.envelope();
    let own = section.pointer.read(reader, |reader, node| {
        let expected = "a JSON Pointer such as \"/data/data\" (RFC 6901)";
        reader.parsed(node, expected, Pointer::parse)
    });
    let encoding = section.encoding.read(reader, |reader, node| {
        reader.parsed(node, "\"base64\"", |text| (text == BASE64).then_some(()))
    });
    Envelope {
        pointer: own.or_else(|| Pointer::parse(pointer)).unwrap_or_default(),
        base64: base64 || encoding.is_some(),
    }
}

fn read_headers(
    reader: &mut Reader<'_>,
    section: &Source<'_>,
    kind: Kind,
) -> Vec<(String, Secret<String>)> {
    let mut headers = Vec::new();
    if let Some(media_type) = kind.media_type() {
        headers.push(("accept".to_owned(), Secret::new(media_type.to_owned())));
    }
    if let Some(token) = section.token.read(reader, Reader::secret) {
        if !is_value(token.expose()) {
            reader.refuse(&section.token.place(), "expected printable ASCII");
        }
        let (name, value) = kind.header(&token);
        headers.push((name.to_owned(), value));
    }
    let own = section
        .headers
        .read(reader, |reader, node| Some(server::headers(reader, node)));
    for (name, value) in own.into_iter().flatten() {
        let is_token = |(other, _): &(String, _)| *other == name && name != "accept";
        if headers.iter().any(is_token) {
            reader.refuse(&section.headers.place(), "holds the header of `token` too");
        }
        headers.push((name, value));
    }
    headers
}
