//! Keys of documents that are fetched, from every kind of server that may hold one.

mod conformance;
mod history;
mod pieces;
mod records;
mod refusals;
mod revocation;
mod waiting;

use crate::world::{ADMIN_KEY, KEY, World, configuration};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// A key that stands in documents alone.
const FETCHED: &str = "sk-fetched-2f9c61d8b7e30a54";
/// Another one.
const OTHER: &str = "sk-other-8d04be7391c6f25a";

/// A kind of server that holds a document.
struct Kind {
    /// its name in `kind`
    name: &'static str,
    /// what its configuration has beside `url` and `upstream`
    members: fn() -> Value,
    /// what it answers that holds this document
    answer: fn(&Value) -> Vec<u8>,
}

/// Every kind. What is added here goes through every test of this folder that is about all of them.
const KINDS: [Kind; 5] = [
    Kind {
        name: "http",
        members: || json!({}),
        answer: |document| document.to_string().into_bytes(),
    },
    Kind {
        name: "vault",
        members: || json!({ "token": "hvs.token" }),
        answer: |document| {
            let data = json!({ "data": document, "metadata": { "version": 3 } });
            json!({ "request_id": "1", "data": data })
                .to_string()
                .into_bytes()
        },
    },
    Kind {
        name: "etcd",
        members: || json!({ "key": "/ollama/keys" }),
        answer: |document| {
            let value = STANDARD.encode(document.to_string());
            let item = json!({ "key": STANDARD.encode("/ollama/keys"), "value": value });
            json!({ "header": {}, "kvs": [item], "count": "1" })
                .to_string()
                .into_bytes()
        },
    },
    Kind {
        name: "consul",
        members: || json!({ "token": "consul-token" }),
        answer: |document| {
            let value = STANDARD.encode(document.to_string());
            json!([{ "Key": "ollama/keys", "Value": value }])
                .to_string()
                .into_bytes()
        },
    },
    Kind {
        name: "postgrest",
        members: || json!({ "token": "postgrest-token" }),
        answer: |document| document["keys"].to_string().into_bytes(),
    },
];

/// A source of this kind, with `members` put in.
fn source(kind: &Kind, members: &Value) -> Value {
    let mut source =
        json!({ "url": "http://keys.internal/keys.json", "upstream": "keys", "kind": kind.name });
    for members in [&(kind.members)(), members] {
        for (name, value) in members.as_object().unwrap() {
            source[name] = value.clone();
        }
    }
    source
}

/// `configuration()` with this source.
fn with_source(source: Value) -> Value {
    let mut all = configuration();
    all["api_keys"]["source"] = source;
    all
}

/// A gateway with ticks that has this source, and nothing fetched yet.
fn world(kind: &Kind, members: &Value) -> World {
    World::new(&with_source(source(kind, members)))
}

/// A gateway without ticks.
fn without_ticks(kind: &Kind, members: &Value) -> World {
    let mut all = with_source(source(kind, members));
    all.as_object_mut().unwrap().remove("host");
    World::new(&all)
}

/// A document with keys of these ids, each with its secret.
fn document(keys: &[(&str, &str)]) -> Value {
    let keys = keys.iter().map(|(id, key)| json!({ "id": id, "key": key }));
    json!({ "keys": keys.collect::<Vec<_>>() })
}

/// That with the key `FETCHED`.
fn one() -> Value {
    document(&[("fetched", FETCHED)])
}

/// `document` in what the server of this kind answers.
fn answer(kind: &Kind, document: &Value) -> Vec<u8> {
    (kind.answer)(document)
}

impl World {
    /// A tick fetches the document, which is answered so.
    fn fetch(&mut self, status: u16, body: &[u8]) {
        let calls = self.call_count();
        self.tick();
        assert_eq!(self.call_count(), calls + 1, "the tick fetches nothing");
        self.answer_root(calls + 1, status, body);
    }

    /// What becomes of a request with this key, which waits for nothing.
    fn verdict(&self, key: &str) -> (u16, String) {
        self.ask(key).verdict()
    }
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn waits() -> (u16, String) {
    (0, "waits".to_owned())
}

#[test]
fn a_key_of_a_document_comes_in_from_every_kind_of_server() {
    for kind in KINDS {
        let mut world = world(&kind, &json!({}));
        assert!(world.configured, "{}: {:?}", kind.name, world.errors());
        world.fetch(200, &answer(&kind, &one()));
        for _ in 0..3 {
            assert_eq!(world.verdict(FETCHED), ok(), "{}", kind.name);
        }
        assert_eq!(
            world.verdict(OTHER),
            refused(401, "unknown_key"),
            "{}",
            kind.name
        );
        assert_eq!(world.verdict(KEY), ok(), "{}", kind.name);
    }
}

#[test]
fn each_kind_of_server_is_asked_in_its_own_way_and_hears_no_more_than_is_meant_for_it() {
    for (kind, method, wanted, body) in [
        ("http", "GET", None, None),
        ("vault", "GET", Some(("x-vault-token", "hvs.token")), None),
        (
            "etcd",
            "POST",
            Some(("content-type", "application/json")),
            Some(r#"{"key":"L29sbGFtYS9rZXlz"}"#),
        ),
        (
            "consul",
            "GET",
            Some(("x-consul-token", "consul-token")),
            None,
        ),
        (
            "postgrest",
            "GET",
            Some(("authorization", "Bearer postgrest-token")),
            None,
        ),
    ] {
        let kind = KINDS.iter().find(|known| known.name == kind).unwrap();
        let mut world = world(kind, &json!({ "headers": { "X-Site": "one" } }));
        world.tick();
        let calls = world.gateway.0.http_calls.borrow();
        let [call] = calls.as_slice() else {
            panic!("{}: {calls:?}", kind.name);
        };
        assert_eq!(
            (call.method(), call.url().path()),
            (method, "/keys.json"),
            "{}",
            kind.name
        );
        assert_eq!(call.body(), body.map(str::as_bytes), "{}", kind.name);
        let headers: Vec<_> = call.headers().collect();
        assert!(headers.contains(&("x-site", "one")), "{headers:?}");
        assert!(
            wanted.is_none_or(|wanted| headers.contains(&wanted)),
            "{headers:?}"
        );
        let has_credential = |name: &str| headers.iter().any(|(other, _)| *other == name);
        assert_eq!(
            has_credential("authorization"),
            kind.name == "postgrest",
            "{headers:?}"
        );
        assert!(!format!("{call:?}").contains("token"), "{call:?}");
    }
}

#[test]
fn a_document_is_a_list_of_keys_or_an_object_with_one() {
    let http = &KINDS[0];
    for document in [one(), one()["keys"].clone()] {
        let mut world = world(http, &json!({}));
        world.fetch(200, document.to_string().as_bytes());
        assert_eq!(world.verdict(FETCHED), ok(), "{document}");
    }
}

#[test]
fn every_rule_of_a_record_holds_wherever_it_stands() {
    let mut world = world(&KINDS[0], &json!({}));
    let keys = json!([
        { "id": "reader", "key": FETCHED, "scopes": [] },
        { "id": "near", "key": OTHER, "allow_from": ["10.0.0.0/8"] },
        { "id": "past", "key": "sk-past-5b1c7e02f6d93a48", "expires_at": "2025-01-01T00:00:00Z" },
        { "id": "off", "key": "sk-off-93e6a1d07f2b58c4", "disabled": true },
    ]);
    world.fetch(200, keys.to_string().replace("reader", "few").as_bytes());
    assert_eq!(world.verdict(FETCHED), refused(403, "scope_denied"));
    *world.gateway.0.address.borrow_mut() =
        ("source\0address".to_owned(), b"192.168.1.7:4000".to_vec());
    assert_eq!(world.verdict(OTHER), refused(403, "network_denied"));
    assert_eq!(
        world.verdict("sk-past-5b1c7e02f6d93a48"),
        refused(401, "expired_key")
    );
    assert_eq!(
        world.verdict("sk-off-93e6a1d07f2b58c4"),
        refused(401, "disabled_key")
    );
    assert_eq!(world.verdict(ADMIN_KEY), ok());
}

/// The configurations on the page of sources.
fn on_the_page() -> Vec<Value> {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/key-sources.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split_once("\n```").unwrap().0);
    blocks
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

#[test]
fn each_configuration_on_the_page_of_sources_takes_a_key_from_its_kind_of_server() {
    let all = on_the_page();
    assert_eq!(all.len(), 7);
    let mut kinds = std::collections::HashSet::new();
    for mut configuration in all {
        let is_list = configuration["api_keys"]["source"].is_array();
        configuration["host"] = json!({ "name": "envoy" });
        let gateway = crate::world::Gateway::default();
        let mut text = configuration.to_string();
        for name in [
            "BREAK_GLASS_KEY",
            "FILES_KEY",
            "VAULT_TOKEN",
            "CONSUL_TOKEN",
            "POSTGREST_TOKEN",
        ] {
            text = text.replace(name, "WEBUI_SECRET_KEY");
        }
        let mut world = World::on(gateway, text.as_bytes());
        assert!(world.configured, "{text}: {:?}", world.errors());
        world.tick();
        let name = configuration["api_keys"]["source"]["kind"]
            .as_str()
            .unwrap_or("http");
        let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
        world.answer_root(1, 200, &answer(kind, &one()));
        assert_eq!(world.verdict(FETCHED), ok(), "{text}");
        assert_eq!(world.call_count(), 1 + usize::from(is_list), "{text}");
        kinds.insert(kind.name);
    }
    assert_eq!(kinds.len(), KINDS.len(), "each kind has an example");
}
