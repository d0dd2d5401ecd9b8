//! APISIX 3.18: wasm-nginx-module 0.7 on wasmtime 0.38.
//!
//! Citations are rows and items of the house plan's `hosts.md`.

use std::net::IpAddr;

use serde_json::Value;

use crate::calls::Call;
use crate::client::ClientRequest;
use crate::map::{self, Pairs};
use crate::nginx;
use crate::profile::{AfterRefusal, Answer, Crash, Edit, EmptyValue, Entry, Profile};
use crate::world::{Stream, status};

/// nginx's Lua API reads no more ordinary request headers than this.
pub const HEADERS_IN_THE_MAP: usize = 100;

/// What one of nginx's `large_client_header_buffers` holds, unless somebody
/// sets it.
const LARGE_BUFFER: usize = 8 * 1024;

/// "three ways" 3: over this many, the response map crashes the worker.
pub const HEADERS_IN_THE_RESPONSE_MAP: usize = 20;

/// What nginx writes into the head before any plugin runs, whatever the client
/// sent (source).
const ADDED: [&[u8]; 3] = [
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Forwarded-Port",
];

/// `upstream_host` of the pack's route.
const UPSTREAM_HOST: &[u8] = b"localhost:11434";

/// The rules of APISIX.
#[derive(Clone, Copy, Debug, Default)]
pub struct Apisix;

impl Profile for Apisix {
    fn name(&self) -> &'static str {
        "apisix"
    }

    /// "secrets": `$env://NAME` is resolved in any case of its letters (seen); an
    /// unresolved one stays as literal text.
    fn resolved(&self, json: &Value, environment: &[(String, String)]) -> Value {
        let resolved = |json: &Value| self.resolved(json, environment);
        match json {
            Value::String(text) => from_environment(text, environment)
                .map_or_else(|| json.clone(), |value| Value::String(value.to_owned())),
            Value::Array(items) => items.iter().map(resolved).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| (name.clone(), resolved(value)))
                .collect(),
            other => other.clone(),
        }
    }

    /// "plugin JSON": an empty list may arrive as `{}`. In yaml mode `null`
    /// arrives as `[]` (seen).
    fn configuration(&self, json: &Value) -> String {
        nulls_lost(&lists_lost(json)).to_string()
    }

    /// The map holds ordinary headers under the client's spelling, and `host`
    /// among them; the pseudo headers are added by the getter.
    ///
    /// "header read": names keep the client's case; duplicate Authorization is
    /// a 400 of nginx itself. Three headers are added before any plugin runs
    /// (source), so of 97, Host among them, one is cut off (seen).
    fn entry(&self, request: &ClientRequest) -> Entry {
        for name in ["authorization", "host"] {
            let more_than = usize::from(name == "authorization");
            if map::values(&request.headers, name).len() > more_than {
                return Entry::Refuse(400);
            }
        }
        let mut pairs = Pairs::new();
        if let Some(host) = &request.host {
            pairs.push((b"Host".to_vec(), host.clone()));
        }
        pairs.extend(request.headers.iter().cloned());
        let host = request.host.clone().unwrap_or_default();
        for (name, value) in ADDED
            .into_iter()
            .zip([b"http".into(), host, b"9080".into()])
        {
            map::replace(&mut pairs, name, &value);
        }
        Entry::Deliver(pairs)
    }

    /// Unless `large_client_header_buffers` is raised, 8,000 bytes of credential
    /// pass, and 12,000 get nginx's own 400 (seen).
    fn longest_header_line(&self) -> Option<usize> {
        Some(LARGE_BUFFER)
    }

    /// The callback of the head is told that there are none (source).
    fn count_of_headers(&self, _: &Stream) -> usize {
        0
    }

    /// Rows "clock", "tick", "shared data", "foreign functions", and what else
    /// the module answers with 12.
    fn leaves_out(&self, call: &str) -> bool {
        matches!(
            call,
            "proxy_get_current_time_nanoseconds"
                | "proxy_set_tick_period_milliseconds"
                | "proxy_set_buffer_bytes"
                | "proxy_set_header_map_pairs"
                | "proxy_get_shared_data"
                | "proxy_set_shared_data"
                | "proxy_register_shared_queue"
                | "proxy_resolve_shared_queue"
                | "proxy_dequeue_shared_queue"
                | "proxy_enqueue_shared_queue"
                | "proxy_grpc_call"
                | "proxy_grpc_stream"
                | "proxy_grpc_send"
                | "proxy_grpc_cancel"
                | "proxy_grpc_close"
                | "proxy_get_status"
                | "proxy_done"
                | "proxy_call_foreign_function"
        )
    }

    /// "three ways" 3: of a request without Host this is a SIGSEGV. What comes
    /// after the 100th ordinary header is not in it.
    fn read_map(&self, stream: &Stream) -> Result<Pairs, Crash> {
        let authority = authority(stream)?;
        let mut pairs: Pairs = stream
            .headers
            .iter()
            .take(HEADERS_IN_THE_MAP)
            .cloned()
            .collect();
        pairs.push((b":scheme".to_vec(), b"http".to_vec()));
        for (name, value) in [
            (":path", &stream.request.target),
            (":method", &stream.request.method),
        ] {
            pairs.push((name.into(), value.clone().unwrap_or_default()));
        }
        pairs.push((b":authority".to_vec(), authority));
        Ok(pairs)
    }

    /// "header read": by name gives the first, whatever the case. "three ways"
    /// 3: `:authority` of a request without Host is a SIGSEGV.
    fn read_value(&self, stream: &Stream, name: &[u8]) -> Result<Option<Vec<u8>>, Crash> {
        match name {
            b":authority" => authority(stream).map(Some),
            b":path" => Ok(Some(stream.request.target.clone().unwrap_or_default())),
            b":method" => Ok(Some(stream.request.method.clone().unwrap_or_default())),
            b":scheme" => Ok(Some(b"http".to_vec())),
            _ => Ok(map::first(&stream.headers, name)),
        }
    }

    /// "three ways" 3: the map of a response with over 20 headers is a SIGSEGV.
    fn read_response_map(&self, stream: &Stream) -> Result<Pairs, Crash> {
        if stream.response.len() > HEADERS_IN_THE_RESPONSE_MAP {
            return Err(Crash("the map of a response with over 20 headers".into()));
        }
        Ok(stream.response.clone())
    }

    /// "write `:authority`, `:path`": do not; the first overwrites the method.
    fn edit(&self, stream: &mut Stream, edit: &Edit) -> Result<i32, Crash> {
        if edit.name().starts_with(b":") {
            return Err(Crash(format!("a write to a pseudo header: {edit:?}")));
        }
        if stream.released {
            return Err(Crash(format!("a header edit after Continue: {edit:?}")));
        }
        edit.apply(&mut stream.headers);
        Ok(status::OK)
    }

    /// Host is the route's (`pass_host: rewrite`): APISIX takes it before plugins run, so that nothing comes of a
    /// filter's change (seen on nginx, with the lines of APISIX's own configuration for it).
    fn upstream(&self, stream: &Stream) -> Pairs {
        let mut pairs = stream.headers.clone();
        map::replace(&mut pairs, b"host", UPSTREAM_HOST);
        pairs
    }

    /// "client address": property `remote_addr`; `real_ip_from` trusts 127.0.0.1
    /// by default, and then it is what `X-Real-IP` says. `realip_remote_addr` is
    /// what it was before. Properties are nginx's variables; outside a request
    /// there are none.
    fn property(&self, stream: Option<&Stream>, path: &[u8]) -> Answer<Vec<u8>> {
        Ok(match (path, stream) {
            (b"plugin_root_id", _) => Ok(b"ollama-gate".to_vec()),
            (_, None) => Err(status::BAD_ARGUMENT),
            (b"remote_addr", Some(stream)) => Ok(remote_address(stream)),
            (b"realip_remote_addr", Some(stream)) => Ok(stream.request.peer.into()),
            (b"request_id", _) => Ok(b"0f1e2d3c4b5a69788796a5b4c3d2e1f0".to_vec()),
            (_, Some(_)) => Err(status::NOT_FOUND),
        })
    }

    fn may_set_property(&self, path: &[u8]) -> i32 {
        match path {
            b"wasm_process_req_body" | b"wasm_process_resp_body" => status::OK,
            _ => status::NOT_FOUND,
        }
    }

    /// "three ways" 3: Pause with neither a local reply nor a call in flight
    /// is a SIGSEGV.
    fn paused_for_nothing(&self) -> Result<(), Crash> {
        Err(Crash(
            "Pause with neither a local reply nor a call in flight".into(),
        ))
    }

    /// "request body": only after `wasm_process_req_body` was set.
    fn shows_request_body(&self, stream: &Stream) -> bool {
        stream
            .properties
            .contains_key(b"wasm_process_req_body".as_slice())
    }

    /// "request body": `end_of_stream` is always true in the header phase.
    fn ends_with_the_head(&self, _request: &ClientRequest) -> bool {
        true
    }

    /// "HTTP call": goes on by itself (open).
    fn goes_on_after_callback(&self) -> bool {
        true
    }

    /// "HTTP call": request phases only, one in flight.
    fn http_call(&self, call: &Call, stream: Option<&Stream>, _: u32) -> Result<i32, Crash> {
        Ok(match stream {
            None => status::BAD_ARGUMENT,
            Some(_) if !nginx::is_server(&call.upstream) => status::BAD_ARGUMENT,
            Some(stream) if stream.in_flight > 0 => status::INTERNAL_FAILURE,
            Some(_) => status::OK,
        })
    }

    /// The size is a signed number, and must be over zero (source).
    fn takes_a_size_of(&self, most: u32) -> bool {
        i32::try_from(most).is_ok_and(|most| most > 0)
    }

    /// "response body": only after `wasm_process_resp_body` was set.
    fn shows_response_body(&self, stream: &Stream) -> bool {
        let asked = b"wasm_process_resp_body".as_slice();
        stream.properties.contains_key(asked)
    }

    /// "bad config": false = 503, tried again at each request; it is parsed, and
    /// logged, in each phase of it (seen).
    fn after_a_refusal(&self) -> AfterRefusal {
        AfterRefusal::AsksAgain
    }

    /// "response body": after an `ngx.exec` the response callbacks run in a new
    /// context. The plugin `proxy-buffering` makes one.
    fn forgets_the_request_after_an_exec(&self) -> bool {
        true
    }

    fn empty_value(&self) -> EmptyValue {
        EmptyValue::Untouched
    }

    /// "metrics": accepted and dropped.
    fn counts_metrics(&self) -> bool {
        false
    }

    fn starts_the_vm_and_logs(&self) -> bool {
        false
    }

    fn reuses_context_ids(&self) -> bool {
        true
    }
}

/// What `real_ip_from` and `real_ip_header` make of the peer, by default.
fn remote_address(stream: &Stream) -> Vec<u8> {
    let peer = stream.request.peer;
    let claimed = map::first(&stream.request.headers, b"x-real-ip");
    let claimed = claimed.filter(|_| matches!(peer, "127.0.0.1" | "unix:"));
    let address = |text: &Vec<u8>| {
        let text = std::str::from_utf8(text).unwrap_or_default();
        text.parse::<IpAddr>().is_ok()
    };
    claimed.filter(address).unwrap_or_else(|| peer.into())
}

/// The authority is the client's Host and nothing else.
fn authority(stream: &Stream) -> Result<Vec<u8>, Crash> {
    stream
        .request
        .host
        .clone()
        .ok_or_else(|| Crash("`:authority` of a request without Host".into()))
}

/// What the reference `text` stands for, if it is one and the variable is set.
fn from_environment<'e>(text: &str, environment: &'e [(String, String)]) -> Option<&'e str> {
    const PREFIX: &str = "$env://";
    let (prefix, name) = text.split_at_checked(PREFIX.len())?;
    let wanted = prefix.eq_ignore_ascii_case(PREFIX);
    let mut variables = environment.iter().filter(|_| wanted);
    let found = variables.find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

/// The document with every `null` turned into an empty list.
fn nulls_lost(json: &Value) -> Value {
    match json {
        Value::Null => Value::Array(Vec::new()),
        Value::Array(items) => items.iter().map(nulls_lost).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), nulls_lost(value)))
            .collect(),
        other => other.clone(),
    }
}

/// The document with every empty list turned into an empty object.
pub(crate) fn lists_lost(json: &Value) -> Value {
    match json {
        Value::Array(items) if items.is_empty() => Value::Object(serde_json::Map::new()),
        Value::Array(items) => items.iter().map(lists_lost).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.clone(), lists_lost(value)))
            .collect(),
        other => other.clone(),
    }
}
