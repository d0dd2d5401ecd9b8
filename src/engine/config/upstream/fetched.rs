//! `upstream.credential.source`, `upstream.credential.client_credentials`

use super::super::client::{self, ClientFields, KEY_ID, Method, PARAMETER, PRIVATE_KEY, parameter};
use super::super::field::{Field, Shape};
use super::super::reader::{Node, Reader};
use super::super::server;
use super::super::table::Member;
use super::super::value::SECRET;
use crate::http::Url;
use crate::json::Pointer;
use crate::source::FetchRules;
use crate::token_endpoint::Client;
use crate::upstream::{Expiry, Grant, Kind, TextSource};
use std::time::Duration;

table! {
    pub(in crate::config) CREDENTIAL_SOURCE => CredentialSourceSection {
        url: Field::required(
            Shape::Pattern("^https?://[!-~]+$"),
            "the address of the credential",
        ),
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for the server: a cluster on Envoy and Istio, `host:port` on APISIX and Kong",
        ),
        headers: Field::optional(
            Shape::Map(&Shape::Secret(SECRET)),
            "header fields that the server wants to see, strings or `{\"env\": \"NAME\"}`, which reach no log. Default: none",
        ),
        pointer: Field::optional(
            POINTER,
            "where in a JSON answer the credential is, a JSON Pointer (RFC 6901) such as `/data/data/token`. Default: \
             the whole answer is the credential, and perhaps a line break",
        ),
        expires_at: Field::optional(
            POINTER,
            "where in the answer its end is: RFC 3339, or seconds since 1970. Default: the `exp` of a JWT",
        ),
        expires_in: Field::optional(
            POINTER,
            "where in the answer it says for how many seconds it is good",
        ),
        every: Field::optional(
            Shape::Duration(1, DAY),
            "how often it is fetched, 1 second to a day. Default: `\"30s\"`",
        ),
        max_stale: Field::optional(
            Shape::Duration(1, 30 * DAY),
            "how long the last one is used while the server does not answer, if it does not end before, up to 30 days. \
             Default: `\"24h\"`",
        ),
        cool_down: Field::optional(Shape::Duration(1, 3600), COOL_DOWN),
        timeout: Field::optional(Shape::Duration(1, 30), TIMEOUT),
    }
}

table! {
    pub(in crate::config) GRANT => GrantSection {
        token_url: Field::required(
            Shape::Pattern("^https?://[!-~]+$"),
            "the address of the token endpoint",
        ),
        upstream: Field::required(
            Shape::Text,
            "the gateway's name for its server: a cluster on Envoy and Istio, `host:port` on APISIX and Kong",
        ),
        client_id: Field::required(
            Shape::Pattern("^[!-~]([ -~]{0,510}[!-~])?$"),
            "the gate's name there",
        ),
        client_secret: Field::optional(
            Shape::Secret(SECRET),
            "the gate's secret there: a string, or `{\"env\": \"NAME\"}`. Required unless `auth` is `private_key_jwt`",
        ),
        private_key: PRIVATE_KEY,
        key_id: KEY_ID,
        auth: Field::optional(
            Shape::Word(methods),
            "how the gate proves itself: `client_secret_basic`, by the secret in `Authorization`; `client_secret_post`, by the \
             secret in the body; `private_key_jwt`, by a JWT that it signs (RFC 7523). Default: `\"client_secret_basic\"`",
        ),
        scope: Field::optional(PARAMETER, "the scopes to ask for, separated by spaces. Default: none is named"),
        audience: Field::optional(PARAMETER, "the parameter `audience`, as Auth0 wants it. Default: none"),
        resource: Field::optional(PARAMETER, "the parameter `resource` (RFC 8707). Default: none"),
        refresh_before: Field::optional(
            Shape::Duration(1, 3600),
            "how early before a token's end another one is asked for, at the latest; of a token that is good for less \
             than twice as long, after half of its time. Default: `\"60s\"`",
        ),
        lifetime: Field::optional(
            Shape::Duration(1, DAY),
            "how long a token is used whose answer has no `expires_in` and that is no JWT with `exp`. Default: `\"5m\"`",
        ),
        cool_down: Field::optional(Shape::Duration(1, 3600), COOL_DOWN),
        timeout: Field::optional(Shape::Duration(1, 30), TIMEOUT),
    }
}

const COOL_DOWN: &str = "how long after an early fetch, because the server in front of Ollama refused the credential, there is no \
     other for that reason, 1 second to an hour. Default: `\"30s\"`";
const TIMEOUT: &str = "how long to wait for an answer, 1 to 30 seconds. Default: `\"5s\"`";
const POINTER: Shape = Shape::Pattern("^(/.*)?$");

const DAY: u64 = 24 * 3600;
/// How many requests of a worker may wait for the first credential at a time.
const MAX_IN_FLIGHT: u32 = 16;
/// The longest time for which a server that failed is left alone, in seconds: whoever waits for it has no other.
const MAX_BACK_OFF: i64 = 30;

fn methods() -> Vec<&'static str> {
    Method::CONFIDENTIAL.map(Method::name).to_vec()
}

/// Where a credential comes from, and how it is kept.
type Fetched = (Kind, FetchRules);

/// Where somebody else keeps it.
pub(super) fn source(reader: &mut Reader<'_>, node: &Node<'_>) -> Option<Fetched> {
    let section = reader.section::<CredentialSourceSection>(node)?;
    let upstream = upstream(reader, &section.upstream);
    let url = address(reader, &section.url);
    let headers = section
        .headers
        .read(reader, |reader, node| Some(server::headers(reader, node)));
    let place = pointer(reader, &section.pointer);
    let (at, within) = (&section.expires_at, &section.expires_in);
    if let (Some(_), Some(node)) = (at.node(), within.node()) {
        reader.refuse(
            &node,
            "stands beside `expires_at`: one of them says when it ends",
        );
    }
    for member in [at, within] {
        if let Some(node) = member.node()
            && place.is_none()
        {
            reader.refuse(
                &node,
                "needs `pointer`: an answer that is the credential says nothing else",
            );
        }
    }
    let at = pointer(reader, at).map(Expiry::At);
    let expiry = pointer(reader, within).map(Expiry::In).or(at);
    let every = reader.seconds(&section.every).unwrap_or(30);
    let max_stale = reader.seconds(&section.max_stale).unwrap_or(86_400);
    if max_stale < every {
        reader.refuse(&section.max_stale.place(), "is shorter than `every`");
    }
    let rules = rules(reader, &section.cool_down, every, max_stale);
    let timeout = reader.duration(&section.timeout);
    let kind = Kind::Text(TextSource {
        upstream: upstream?,
        url: url?,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        headers: headers.unwrap_or_default(),
        pointer: place,
        expiry,
        every,
        max_stale,
    });
    Some((kind, rules))
}

/// The token endpoint that issues it. Its secret may be an example where such are `allowed`.
pub(super) fn grant(reader: &mut Reader<'_>, node: &Node<'_>, allowed: bool) -> Option<Fetched> {
    let section = reader.section::<GrantSection>(node)?;
    let upstream = upstream(reader, &section.upstream);
    let token_url = address(reader, &section.token_url);
    let client_id = section.client_id.read(reader, parameter);
    let fields = ClientFields {
        auth: &section.auth,
        client_secret: &section.client_secret,
        private_key: &section.private_key,
        key_id: &section.key_id,
    };
    let authentication = client::authentication(reader, &fields, &Method::CONFIDENTIAL, allowed);
    let mut parameters = Vec::new();
    for member in [&section.scope, &section.audience, &section.resource] {
        if let Some(value) = member.read(reader, parameter) {
            parameters.push((member.name(), value));
        }
    }
    let refresh_before = reader.seconds(&section.refresh_before).unwrap_or(60);
    let lifetime = reader.seconds(&section.lifetime).unwrap_or(300);
    let rules = rules(reader, &section.cool_down, lifetime, lifetime);
    let timeout = reader.duration(&section.timeout);
    let kind = Kind::Grant(Grant {
        upstream: upstream?,
        token_url: token_url?,
        timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
        client: Client {
            id: client_id?,
            authentication: authentication?,
        },
        parameters,
        refresh_before,
        lifetime,
    });
    Some((kind, rules))
}

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// How it is kept that is fresh for `every` and used for `max_stale` seconds, unless it says otherwise itself.
fn rules(
    reader: &mut Reader<'_>,
    cool_down: &Member<'_>,
    every: i64,
    max_stale: i64,
) -> FetchRules {
    FetchRules {
        every,
        spread: true,
        max_back_off: MAX_BACK_OFF,
        max_stale,
        cool_down: reader.seconds(cool_down).unwrap_or(30),
        max_in_flight: MAX_IN_FLIGHT,
        max_per_second: MAX_IN_FLIGHT,
    }
}

fn upstream(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<String> {
    member.read(reader, |reader, node| {
        reader.text(node, "the name of an upstream")
    })
}

fn address(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Url> {
    member.read(reader, |reader, node| {
        let expected = "an address that begins with https:// or http://";
        reader.parsed(node, expected, Url::parse)
    })
}

fn pointer(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Pointer> {
    member.read(reader, |reader, node| {
        let expected = "a JSON Pointer such as \"/data/token\" (RFC 6901)";
        reader.parsed(node, expected, Pointer::parse)
    })
}
