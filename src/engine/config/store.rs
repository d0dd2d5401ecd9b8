//! `login.store`

use super::field::{Field, Shape};
use super::reader::{Node, Reader};
use super::server;
use super::value::SECRET;
use crate::http::Url;
use crate::login::{Store, Webdis};
use std::time::Duration;

table! {
    pub(super) STORE => StoreSection {
        kind: Field::required(
            Shape::Word(kinds),
            "what keeps the sessions: `redis`, a Redis behind webdis, which lets HTTP in",
        ),
        url: Field::required(
            Shape::Pattern("^https?://[!-~]+$"),
            "the address of webdis, such as `http://webdis.internal:7379`",
        ),
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for it: a cluster on Envoy and Istio, `host:port` on APISIX",
        ),
        headers: Field::optional(
            Shape::Map(&Shape::Secret(SECRET)),
            "header fields that webdis wants to see, such as `authorization` for its `acl`: strings or \
             `{\"env\": \"NAME\"}`, which reach no log. Default: none",
        ),
        prefix: Field::optional(
            PREFIX,
            "what all keys in Redis begin with, up to 64 letters, digits, `:`, `.`, `-` and `_`. Default: `\"ollama-gate:\"`",
        ),
        timeout: Field::optional(
            Shape::Duration(1, 30),
            "how long to wait for an answer, 1 to 30 seconds. Default: `\"2s\"`",
        ),
    }
}

const PREFIX: Shape = Shape::Pattern("^[A-Za-z0-9:._-]{1,64}$");
const MAX_PREFIX: usize = 64;

fn kinds() -> Vec<&'static str> {
    vec!["redis"]
}

/// The store of the gate called `gate`.
pub(super) fn read(reader: &mut Reader<'_>, node: &Node<'_>, gate: &str) -> Option<Store> {
    let section = reader.section::<StoreSection>(node)?;
    let kind = section.kind.read(reader, |reader, node| {
        reader.parsed(node, "\"redis\"", |text| {
            kinds().contains(&text).then_some(())
        })
    });
    let url = section.url.read(reader, |reader, node| {
        let expected = "an address that begins with https:// or http://";
        reader.parsed(node, expected, Url::parse)
    });
    let upstream = section.upstream.read(reader, |reader, node| {
        reader.text(node, "the name of an upstream")
    });
    let headers = section
        .headers
        .read(reader, |reader, node| Some(server::headers(reader, node)));
    let prefix = match section.prefix.node() {
        None => Some("ollama-gate:".to_owned()),
        Some(node) => {
            let expected = "1 to 64 letters, digits, `:`, `.`, `-` and `_`";
            reader.parsed(&node, expected, |text| {
                is_prefix(text).then(|| text.to_owned())
            })
        }
    };
    let timeout = reader.duration(&section.timeout);
    kind?;
    let webdis = Webdis {
        upstream: upstream?,
        url: url?,
        headers: headers.unwrap_or_default(),
        timeout: timeout.unwrap_or(Duration::from_secs(2)),
    };
    Some(Store::new(webdis, prefix?, gate))
}

fn is_prefix(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || b":.-_".contains(&byte);
    (1..=MAX_PREFIX).contains(&text.len()) && text.bytes().all(fit)
}
