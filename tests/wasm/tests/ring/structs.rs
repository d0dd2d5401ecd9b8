//! Envoy's plugin configuration as the bytes of a `google.protobuf.Struct`.
//!
//! hosts.md, "plugin JSON": a `Struct` arrives as protobuf bytes. The encoder
//! is written by hand, so that it shares no mistake with the filter's decoder.

use ollama_gate_wasm_tests::ClientRequest;
use ollama_gate_wasm_tests::credentials::token;
use ollama_gate_wasm_tests::gateway::Configured;
use ollama_gate_wasm_tests::world::NOON;
use serde_json::{Value, json};

use crate::configuration::answers_misconfigured;
use crate::support::*;

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(u8::try_from(number & 0x7f).expect("seven bits") | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).expect("seven bits"));
}

/// A field of bytes: its tag, its size, the bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

/// `Struct { map<string, Value> fields = 1 }`
fn fields(json: &Value) -> Vec<u8> {
    let members = json.as_object().into_iter().flatten();
    members
        .flat_map(|(name, member)| entry(name.as_bytes(), &value(member)))
        .collect()
}

/// One entry of the map: the key is field 1, the value field 2.
fn entry(name: &[u8], value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name), field(2, value)].concat())
}

/// `Value { null = 1, number = 2, string = 3, bool = 4, struct = 5, list = 6 }`
fn value(json: &Value) -> Vec<u8> {
    match json {
        Value::Null => vec![0x08, 0],
        Value::Number(number) => {
            let number = number.as_f64().expect("a number");
            [&[0x11][..], &number.to_le_bytes()].concat()
        }
        Value::String(text) => field(3, text.as_bytes()),
        Value::Bool(value) => vec![0x20, u8::from(*value)],
        Value::Object(_) => field(5, &fields(json)),
        Value::Array(items) => {
            let list: Vec<u8> = items
                .iter()
                .flat_map(|item| field(1, &value(item)))
                .collect();
            field(6, &list)
        }
    }
}

/// With the `host` section that the lab adds.
fn named(host: &str, configuration: Value) -> Value {
    with(configuration, json!({"host": {"name": host}}))
}

fn struct_of(lab: &mut Lab, configuration: Value) -> Configured {
    let bytes = fields(&named(lab.host, configuration));
    lab.configure_bytes(&bytes)
}

/// One root context with JSON, one with a `Struct`.
fn both(lab: &mut Lab, configuration: &Value) -> (u32, u32) {
    let json = lab.configure(configuration);
    let bytes = struct_of(lab, configuration.clone());
    assert!(
        json.accepted && bytes.accepted,
        "{}",
        bytes.record.everything()
    );
    (json.root, bytes.root)
}

fn on_envoy(scenario: impl Fn(&mut Lab)) {
    for host in [ENVOY, ISTIO] {
        scenario(&mut Lab::unconfigured(HOSTS[host]()));
    }
}

#[test]
pub fn a_struct_decides_like_the_json_it_stands_for() {
    on_envoy(|lab| {
        for configuration in [
            plain(),
            with(
                plain(),
                json!({"path_prefix": "/ollama", "public": [], "signin_url": "https://x.example/"}),
            ),
            with(plain(), json!({"log": {"allowed": false}, "$schema": "x"})),
            corporate(),
        ] {
            let (json, bytes) = both(lab, &configuration);
            for path in [
                "/",
                "/api/tags",
                "/api/version",
                "/ollama/api/tags",
                "/nowhere",
            ] {
                for key in [
                    ALICE,
                    READER,
                    OPERATOR,
                    NOBODY,
                    EXPIRED,
                    FUTURE,
                    CI,
                    STRANGER,
                    &session(),
                    "",
                ] {
                    for method in ["GET", "POST"] {
                        let request = ClientRequest::new(method, path).bearer(key);
                        let one = lab.send_to(json, &request);
                        let other = lab.send_to(bytes, &request);
                        assert_eq!(one.verdict, other.verdict, "{request:?}");
                        assert_eq!(one.reply, other.reply, "{request:?}");
                        assert_eq!(one.upstream, other.upstream, "{request:?}");
                    }
                }
            }
        }
    });
}

#[test]
pub fn errors_in_a_struct_are_those_of_the_json() {
    on_every_host(|lab| {
        for changes in [
            json!({"pubic": ["health"]}),
            json!({"public": ["read"]}),
            json!({"upstream": {"host": 11434}}),
            json!({"jwt": [{"name": "w", "algorithms": ["HS256"], "secrets": [{"env": "NOT_SET"}]}]}),
            json!({"api_keys": {"keys": [{"id": "a", "sha256": "abc"}, {"id": true}]}}),
        ] {
            let mut lines = Vec::new();
            for bytes in [false, true] {
                let configuration = with(plain(), changes.clone());
                let configured = match bytes {
                    false => lab.configure(&configuration),
                    true => struct_of(lab, configuration),
                };
                assert!(!configured.accepted, "{changes}");
                let mut texts: Vec<String> = configured
                    .record
                    .log
                    .iter()
                    .map(|line| line.text.clone())
                    .collect();
                texts.sort();
                lines.push(texts);
            }
            // Members of a `Struct` have no order, so neither have its errors.
            assert_eq!(lines[0], lines[1], "{}", lab.host);
            answers_misconfigured(lab);
        }
    });
}

#[test]
pub fn json_that_begins_with_the_tag_of_a_struct_is_json() {
    on_envoy(|lab| {
        // 0x0A is a line break, and the tag of `Struct.fields`.
        let text = format!("\n{}", named(lab.host, plain()));
        assert!(lab.configure_bytes(text.as_bytes()).accepted);
        lab.still_serves();
    });
}

/// A list in a list in a list.
fn nested(depth: usize) -> Vec<u8> {
    let innermost = value(&json!(true));
    let deep = (0..depth).fold(innermost, |inner, _| field(6, &field(1, &inner)));
    entry(b"public", &deep)
}

/// A struct in a struct in a struct.
fn nested_structs(depth: usize) -> Vec<u8> {
    let innermost = value(&json!(true));
    let deep = (0..depth).fold(innermost, |inner, _| field(5, &entry(b"a", &inner)));
    entry(b"upstream", &deep)
}

#[test]
pub fn a_struct_that_is_none_is_refused_and_traps_nothing() {
    on_envoy(|lab| {
        let good = fields(&named(lab.host, plain()));
        let mut bad: Vec<Vec<u8>> = vec![
            nested(40),
            nested(1000),
            nested(20_000),
            nested_structs(1000),
            // No such wire types: 3 and 4 are groups, 6 and 7 nothing.
            [good.clone(), vec![0x0b]].concat(),
            [good.clone(), vec![0x0c]].concat(),
            [good.clone(), vec![0x0e]].concat(),
            [good.clone(), vec![0x0f]].concat(),
            // `fields` as a number, as 64 bits, as 32 bits.
            vec![0x08, 1],
            [&[0x09][..], &[0; 8]].concat(),
            [&[0x0d][..], &[0; 4]].concat(),
            // A size past the end, one that overflows, one of eleven bytes.
            vec![0x0a, 0x7f],
            [&[0x0a][..], &[0xff; 9], &[0x01]].concat(),
            [&[0x0a][..], &[0xff; 11]].concat(),
            // A key that is not UTF-8, a number as a key, a value that is text.
            entry(b"\xff", &value(&json!(true))),
            field(1, &[vec![0x08, 1], field(2, &value(&json!(true)))].concat()),
            field(1, &[field(1, b"public"), vec![0x10, 1]].concat()),
            // A string that is not UTF-8, a bool as a string, a number as one.
            entry(b"path_prefix", &field(3, b"/\xff")),
            entry(b"path_prefix", &field(4, b"true")),
            entry(b"path_prefix", &field(2, b"12345678")),
            // Nothing, a value of nothing, an infinite number.
            entry(b"public", b""),
            entry(
                b"public",
                &[&[0x11][..], &f64::INFINITY.to_le_bytes()].concat(),
            ),
            entry(b"public", &[&[0x11][..], &f64::NAN.to_le_bytes()].concat()),
            // A field beside `fields`.
            field(2, b"x"),
            vec![0x0a, 0x00],
            good.iter().rev().copied().collect(),
        ];
        let ends = (1..good.len()).filter(|size| size % 7 == 0 || size + 40 > good.len());
        bad.extend(ends.map(|size| good[..size].to_vec()));
        let mut refused = 0;
        for bytes in &bad {
            let configured = lab.configure_bytes(bytes);
            assert!(
                !configured.accepted,
                "{}: {} bytes: {:?}",
                lab.host,
                bytes.len(),
                bytes.get(..40)
            );
            refused += 1;
        }
        answers_misconfigured(lab);
        // Bits that are turned: whatever it says, it traps nothing.
        for at in 0..good.len().min(400) {
            let mut turned = good.clone();
            turned[at] ^= 1 << (at % 8);
            lab.configure_bytes(&turned);
        }
        println!("{}: {refused} byte strings refused", lab.host);
        assert!(lab.configure_bytes(&good).accepted);
        lab.still_serves();
    });
}

/// The forms in which gateways pass one number of the configuration on: as written, as Envoy makes it of
/// YAML, as Lua writes it.
#[test]
pub fn a_number_decides_the_same_in_every_form_that_a_gateway_makes_of_it() {
    let claims = json!({"sub": "bob", "exp": NOON + 3600, "level": 1.5, "org": 5_000_000_000_u64, "tier": 5});
    let other = json!({"sub": "bob", "exp": NOON + 3600, "level": 1.5, "org": 5_000_000_001_u64, "tier": 5});
    let (good, wrong) = (token(WEBUI_SECRET, &claims), token(WEBUI_SECRET, &other));
    on_every_host(|lab| {
        for form in [
            r#"{"level": 1.5, "org": 5000000000, "tier": 5}"#,
            r#"{"level": "1.5", "org": "5000000000", "tier": 5}"#,
            r#"{"level": 15e-1, "org": 5e+09, "tier": 5.0}"#,
        ] {
            let mut configuration = plain();
            configuration["jwt"][0]["required_claims"] = serde_json::from_str(form).expect("JSON");
            let configured = lab.configure(&configuration);
            assert!(
                configured.accepted,
                "{form}: {}",
                configured.record.everything()
            );
            let ask = |lab: &mut Lab, token: &str| {
                let request = ClientRequest::get("/api/tags").bearer(token);
                lab.send_to(configured.root, &request)
            };
            let one = ask(lab, &good);
            assert!(one.reply.is_none(), "{}: {form}: {:?}", lab.host, one.reply);
            let reply = ask(lab, &wrong).reply.expect("a refusal");
            assert_eq!(reply.status, 401, "{}: {form}", lab.host);
        }
    });
}

#[test]
pub fn a_secret_in_a_broken_struct_is_not_repeated() {
    on_every_host(|lab| {
        let secret = "sk-a-key-in-a-broken-struct-4711";
        lab.hide(secret);
        let good =
            fields(&json!({"api_keys": {"keys": [{"id": "a", "key": secret, "x": secret}]}}));
        for size in [good.len(), good.len() - 1, good.len() - 9] {
            assert!(!lab.configure_bytes(&good[..size]).accepted);
        }
    });
}
