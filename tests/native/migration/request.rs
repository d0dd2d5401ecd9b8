//! One request of a table, decided by the gate.

use super::caller::{callers, published};
use super::page::{Example, Row, spans};
use crate::world::{Gateway, Request, World, jwks};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Where requests come from if the row says nothing.
const HOME: &str = "192.168.1.20";
/// The provider of the examples.
const ISSUER: &str = "https://sso.example.com/realms/main";
/// bcrypt of `correct-horse`.
const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuZ0Fx87Pb/Aqb0E90lfvCwzXnaFKUHpS";

/// What the gate of `example` says to the request of `row`: status and code.
pub(crate) fn decide(example: &Example, row: &Row) -> (u16, String) {
    let world = world(example, row);
    let fields = fields(example, row);
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let mut request = world.ask_raw(&fields);
    let is_down = row.request.contains("while the provider is down");
    while let Some((_, call)) = &request.waits_for {
        let path = call.url().path().to_owned();
        if is_down {
            request.answer(503, b"")
        } else {
            answer(&mut request, &path, example)
        };
    }
    request.verdict()
}

/// The provider answers what is asked for.
fn answer(request: &mut Request, path: &str, example: &Example) -> (u16, String) {
    let discovery = json!({ "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/certs") });
    match path {
        "/realms/main/.well-known/openid-configuration" => {
            request.answer(200, discovery.to_string().as_bytes())
        }
        "/realms/main/certs" => request.answer(200, &jwks(&published(example))),
        _ => panic!("the provider has no {path}"),
    }
}

fn world(example: &Example, row: &Row) -> World {
    let gateway = Gateway::default();
    let is_apisix = example.host == "apisix";
    gateway.0.is_apisix.set(is_apisix);
    gateway.0.is_kong.set(!is_apisix);
    let property = if is_apisix {
        "remote_addr"
    } else {
        "source\0address"
    };
    let (_, address) = row.request.split_once(" from ").unwrap_or(("", HOME));
    *gateway.0.address.borrow_mut() = (property.to_owned(), address.into());
    let world = World::on(gateway, filled(example).to_string().as_bytes());
    assert!(world.configured, "{}: {:?}", example.title, world.errors());
    world
}

/// The gate's configuration with what the old one has in the place of what is an example on the page.
fn filled(example: &Example) -> Value {
    let mut gate = example.gate.clone();
    fill(&mut gate, example);
    gate
}

fn fill(node: &mut Value, example: &Example) {
    let of_token = || Value::from(spans(&caller(example, "$TOKEN")[3])[0]);
    match node {
        Value::String(text) if text.starts_with("$env://") => *node = of_token(),
        Value::Object(members) if members.contains_key("env") => *node = of_token(),
        Value::Object(members) => members.iter_mut().for_each(|(name, child)| {
            match name.as_str() {
                "sha256" => *child = digest(spans(&caller(example, "$KEY")[1])[0]).into(),
                "password_hash" => *child = HASH.into(),
                _ => fill(child, example),
            };
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, example)),
        _ => {}
    }
}

fn caller<'e>(example: &'e Example, name: &str) -> &'e [String] {
    let named = |cells: &&Vec<String>| spans(&cells[0]) == [name];
    example.callers.iter().find(named).unwrap()
}

fn digest(key: &str) -> String {
    let bytes = Sha256::digest(key);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The headers of the request: the first code span is method and target, the others are headers, or
/// name and password as `curl` takes them.
fn fields(example: &Example, row: &Row) -> Vec<(String, String)> {
    let mut spelled = row.request.clone();
    for (name, value) in callers(example) {
        spelled = spelled.replace(&name, &value);
    }
    assert!(!spelled.contains('$'), "{spelled}");
    let spans = spans(&spelled);
    let (method, target) = spans[0].split_once(' ').unwrap();
    let usual = [
        (":method", method),
        (":path", target),
        (":authority", "gate.example"),
        (":scheme", "http"),
        ("host", "gate.example"),
    ];
    let mut fields: Vec<_> = usual
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    for span in &spans[1..] {
        fields.push(match span.strip_prefix("-u ") {
            Some(pair) => {
                let value = format!("Basic {}", STANDARD.encode(pair));
                ("authorization".to_owned(), value)
            }
            None => {
                let (name, value) = span.split_once(": ").unwrap();
                (name.to_owned(), value.to_owned())
            }
        });
    }
    fields
}
