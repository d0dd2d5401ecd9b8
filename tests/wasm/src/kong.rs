//! Kong 3.9: `ngx_wasm_module` (WasmX) in nginx 1.25.
//!
//! Citations are rows and items of the house plan's `hosts.md`; "source" is the
//! commit of that module which Kong 3.9 pins.
//!
//! What the router makes of a target is in `kong_router.rs`.

use serde_json::Value;

use crate::apisix::lists_lost;
use crate::calls::Call;
use crate::client::ClientRequest;
use crate::kong_router;
use crate::map::{self, Pairs};
use crate::nginx;
use crate::profile::{AfterRefusal, Answer, Crash, Edit, EmptyValue, Entry, Profile};
use crate::record::Reply;
use crate::world::{Stream, status};

/// The header map has no more pairs than this, pseudo headers among them; the
/// others are cut off without a word (source).
pub const PAIRS_IN_THE_MAP: usize = 100;

/// "request body": a larger one is in a file, and reads as none.
pub const READABLE_BODY: usize = 8 * 1024;

/// "header read": `:authority` is the server's own name, whatever Host says.
const SERVER: &[u8] = b"kong:8000";

/// The Host of Kong's service.
const SERVICE: &[u8] = b"localhost:11434";

/// The rules of Kong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kong {
    /// A build as Kong ships it. Only one with nginx's debug log has the
    /// property `worker_id` (source).
    pub released: bool,
}

impl Profile for Kong {
    fn name(&self) -> &'static str {
        "kong"
    }

    /// "plugin JSON": an empty list may arrive as `{}`.
    fn configuration(&self, json: &Value) -> String {
        lists_lost(json).to_string()
    }

    /// "header read": names keep the client's case, and `host` is an ordinary
    /// header. nginx refuses a second Host or Authorization, and a target that
    /// it cannot resolve, by itself.
    fn entry(&self, request: &ClientRequest) -> Entry {
        for (name, most) in [("authorization", 1), ("host", 0)] {
            if map::values(&request.headers, name).len() > most {
                return Entry::Refuse(400);
            }
        }
        let resolved = request.target.as_deref().map(nginx::target);
        let method = request.method.as_deref().unwrap_or_default();
        match resolved {
            _ if !method.iter().all(u8::is_ascii_uppercase) => return Entry::Refuse(400),
            None | Some(Err(_)) => return Entry::Refuse(400),
            Some(Ok(_)) if matches!(method, b"" | b"CONNECT" | b"TRACE") => {
                return Entry::Refuse(405);
            }
            Some(Ok(_)) => {}
        }
        let host = request
            .host
            .iter()
            .map(|host| (b"Host".to_vec(), host.clone()));
        Entry::Deliver(host.chain(request.headers.iter().cloned()).collect())
    }

    /// Pseudo headers first, then what fits. The space for it is measured over
    /// other headers than are copied, so it may be too small (source).
    fn read_map(&self, stream: &Stream) -> Result<Pairs, Crash> {
        let mut pairs = pseudo_headers(stream);
        let measured: usize = stream.headers.iter().take(PAIRS_IN_THE_MAP).map(size).sum();
        let left = PAIRS_IN_THE_MAP
            .saturating_sub(stream.headers.len())
            .saturating_add(1);
        let space = measured + pairs.iter().take(left).map(size).sum::<usize>();
        let fitting = PAIRS_IN_THE_MAP - pairs.len();
        pairs.extend(stream.headers.iter().take(fitting).cloned());
        let copied: usize = pairs.iter().map(size).sum();
        if copied > space {
            let over = copied - space;
            return Err(Crash(format!("a map of {over} bytes more than its space")));
        }
        Ok(pairs)
    }

    /// "header read": by name gives the first, whatever the case. It also finds
    /// what was removed (source).
    fn read_value(&self, stream: &Stream, name: &[u8]) -> Result<Option<Vec<u8>>, Crash> {
        if name.starts_with(b":") {
            return Ok(map::first(&pseudo_headers(stream), name));
        }
        let visible = map::first(&stream.headers, name);
        Ok(visible.or_else(|| map::first(&stream.left_behind, name)))
    }

    /// "header removal": does not reach the upstream, and of duplicates only
    /// the first is blanked. "write `:authority`, `:path`": read-only, which is
    /// not told; `:path` does not change the upstream path.
    fn edit(&self, stream: &mut Stream, edit: &Edit) -> Result<i32, Crash> {
        let name = edit.name();
        if name.starts_with(b":") {
            if let (b":path" | b":method", Edit::Replace(_, value)) = (name, edit) {
                stream.properties.insert(name.to_vec(), value.clone());
            }
            return Ok(status::OK);
        }
        let same = |pair: &(Vec<u8>, Vec<u8>)| pair.0.eq_ignore_ascii_case(name);
        let twice = stream.headers.iter().filter(|pair| same(pair)).count() > 1;
        if let (Edit::Replace(_, value), true) = (edit, twice)
            && let Some(first) = stream.headers.iter_mut().find(|pair| same(pair))
        {
            first.1.clone_from(value);
        }
        match edit {
            Edit::Replace(..) if !twice => edit.apply(&mut stream.headers),
            Edit::Add(..) => edit.apply(&mut stream.headers),
            Edit::Replace(..) | Edit::Remove(_) => {
                let gone = stream.headers.iter().filter(|pair| same(pair)).cloned();
                stream.left_behind.extend(gone);
                map::remove(&mut stream.headers, name);
            }
        }
        Ok(status::OK)
    }

    /// "header removal": a removed header still reaches the upstream, blank
    /// only if it was blanked before. Host is the service's, whatever the
    /// request or a filter says (source).
    fn upstream(&self, stream: &Stream) -> Pairs {
        let removed = stream.left_behind.iter();
        let mut pairs: Pairs = removed.chain(&stream.headers).cloned().collect();
        map::replace(&mut pairs, b"host", SERVICE);
        let target = stream.request.target.as_deref().unwrap_or_default();
        let target = kong_router::upstream_target(target, None).unwrap_or_default();
        pairs.push((b":path".to_vec(), target));
        pairs
    }

    /// "three ways" 3: `plugin_name` in on_configure is a SIGSEGV; "finding
    /// out": read no property outside a request; in one, there is `worker_id`,
    /// and every variable of nginx. "client address": `source.address`, ip only.
    fn property(&self, stream: Option<&Stream>, path: &[u8]) -> Answer<Vec<u8>> {
        let Some(stream) = stream else {
            let name = String::from_utf8_lossy(path).replace('\0', ".");
            return Err(Crash(format!("the property `{name}` outside a request")));
        };
        let raw_target = || {
            let target = stream.request.target.as_deref().unwrap_or_default();
            nginx::request_uri(target).to_vec()
        };
        Ok(match path {
            b"worker_id" if !self.released => Ok(b"0".to_vec()),
            b"ngx\0nginx_version" => Ok(b"1.25.3".to_vec()),
            b"request\0path" | b"ngx\0request_uri" => Ok(raw_target()),
            // `trusted_ips` is empty unless somebody sets it, so nginx replaces nothing.
            b"source\0address" | b"ngx\0realip_remote_addr" => Ok(stream.request.peer.into()),
            b"plugin_name" => Ok(b"ollama-gate".to_vec()),
            b"plugin_root_id" => Ok(b"0".to_vec()),
            _ => stream
                .properties
                .get(path)
                .cloned()
                .ok_or(status::NOT_FOUND),
        })
    }

    /// "request body": larger than the buffer it is in a file and reads as none.
    fn reads_a_body_of(&self, size: usize) -> bool {
        size <= READABLE_BODY
    }

    /// `end_of_stream` is never set in the header phase (source).
    fn ends_with_the_head(&self, _request: &ClientRequest) -> bool {
        false
    }

    /// "tick": no HTTP call in the first tick after an instance is recycled.
    /// One that cannot be begun traps in a request, and is a status in a tick
    /// (source).
    fn http_call(&self, call: &Call, stream: Option<&Stream>, ticks: u32) -> Result<i32, Crash> {
        let needed = [":method", ":path"];
        let whole = needed.iter().all(|name| !call.header(name).is_empty());
        match (whole && nginx::is_server(&call.upstream), stream) {
            (_, None) if ticks < 2 => Err(Crash("an HTTP call in the first tick".into())),
            (true, _) => Ok(status::OK),
            (false, None) => Ok(status::INTERNAL_FAILURE),
            (false, Some(_)) => Err(Crash(format!("an HTTP call to `{}`", call.upstream))),
        }
    }

    /// "tick": and none out of the root's callback of another call: SIGSEGV.
    fn call_in_a_callback_of_the_root(&self) -> Result<(), Crash> {
        Err(Crash(
            "an HTTP call in the root's callback of another".into(),
        ))
    }

    /// "Seen on a real Kong": reloads leave old configurations fetching. A root
    /// context is not told that it is over, and goes on ticking (source).
    fn ends_root_contexts(&self) -> bool {
        false
    }

    /// A callback that is not there is a null pointer, which is called all the
    /// same: a SIGSEGV (source).
    fn lacks(&self, export: &str) -> Result<(), Crash> {
        match export {
            "_initialize" | "proxy_on_request_trailers" => Ok(()),
            export => Err(Crash(format!("the module does not export `{export}`"))),
        }
    }

    /// "HTTP call": after the callback the request goes on by itself (open).
    fn goes_on_after_callback(&self) -> bool {
        true
    }

    /// "tick": root only, set once.
    fn set_tick(&self, in_a_root_context: bool, before: u32) -> Result<i32, Crash> {
        match (in_a_root_context, before) {
            (true, 0) => Ok(status::OK),
            (true, _) => Err(Crash("a tick period set twice".into())),
            (false, _) => Err(Crash("a tick period outside the root context".into())),
        }
    }

    /// "shared data": needs `nginx_wasm_shm_kv`, else a trap.
    fn share(&self) -> Result<(), Crash> {
        Err(Crash("shared data without `nginx_wasm_shm_kv`".into()))
    }

    /// "foreign functions": an unknown one traps.
    fn foreign_function(&self, _: &[u8], _: &[u8]) -> Answer<Vec<u8>> {
        Err(Crash("an unknown foreign function".into()))
    }

    /// "bad config": false at start = no filter chain, and everything is
    /// proxied; false on reload = the old configuration stays.
    fn after_a_refusal(&self) -> AfterRefusal {
        AfterRefusal::GoesOn
    }

    /// "local reply": keeps the last field of a name (source: it sets each, and setting replaces).
    fn sent(&self, mut reply: Reply) -> Reply {
        for (name, value) in reply.headers.clone() {
            map::replace(&mut reply.headers, &name, &value);
        }
        reply
    }

    fn empty_value(&self) -> EmptyValue {
        EmptyValue::Allocated
    }
}

/// What the map begins with. `:path` is `$uri`, which nginx has decoded and
/// resolved (source), with the query.
fn pseudo_headers(stream: &Stream) -> Pairs {
    let written = |name: &[u8]| stream.properties.get(name).cloned();
    let raw = stream.request.target.as_deref().unwrap_or_default();
    let (mut path, query) = nginx::target(raw).unwrap_or_default();
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        path.push(b'?');
        path.extend(query);
    }
    let method = stream.request.method.clone().unwrap_or_default();
    vec![
        (b":path".to_vec(), written(b":path").unwrap_or(path)),
        (b":method".to_vec(), written(b":method").unwrap_or(method)),
        (b":scheme".to_vec(), b"http".to_vec()),
        (b":authority".to_vec(), SERVER.to_vec()),
    ]
}

/// What a pair takes in a serialized map.
fn size((name, value): &(Vec<u8>, Vec<u8>)) -> usize {
    8 + name.len() + 1 + value.len() + 1
}
