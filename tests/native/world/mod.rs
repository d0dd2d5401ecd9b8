//! A small world for scenarios: a gateway in memory with the filter in it, a clock, and requests.

use ollama_gate::{CallToken, Counter, Flow, Host, Root, Status, serialize};
use ollama_gate_engine::{Call, Level, Reply};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

pub(crate) mod cli;
mod provider;
mod refusals;
mod token;
pub(crate) use provider::{ISSUER, Request, jwks, remote, signer};
pub(crate) use refusals::{error, errors};
pub(crate) use token::{header, jwt, secret, sign, sign_with};

/// 2026-01-01T00:00:00Z, in seconds.
pub(crate) const NOW: i64 = 1_767_225_600;
/// A secret for HS256.
pub(crate) const SECRET: &str = "9f4b27c8e1a05d3687b2f0c4d91e6a53";
/// A key with the default scopes.
pub(crate) const KEY: &str = "sk-alice-7c1e90b4f2d85a36";
/// A key that may read only.
pub(crate) const READ_KEY: &str = "sk-reader-b5f03a9d61c7e824";
/// A key that may do everything.
pub(crate) const ADMIN_KEY: &str = "sk-admin-4e8a17d2c06fb953";

/// A foreign function of the host: its name and arguments in, its answer out.
type Foreign = fn(&str, &[u8]) -> Result<Vec<u8>, Status>;

/// What the world's gateway holds. Calls are counted by name; one can be made to fail.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub configuration: RefCell<Vec<u8>>,
    pub environment: RefCell<HashMap<String, String>>,
    pub seconds: Cell<i64>,
    pub is_kong: Cell<bool>,
    pub is_apisix: Cell<bool>,
    pub refuses_headers: Cell<bool>,
    pub has_fewer_exports: Cell<bool>,
    pub headers: RefCell<Vec<(String, String)>>,
    /// the target as it was sent, where that is not what the map shows
    pub target: RefCell<Option<Vec<u8>>>,
    /// what the gateway says of the client's address, and by which name of a property
    pub address: RefCell<(String, Vec<u8>)>,
    /// the address before nginx replaced it, where it says one
    pub replaced: RefCell<Option<Vec<u8>>>,
    /// what all configurations in the gateway see
    pub shared: RefCell<HashMap<String, Vec<u8>>>,
    /// what stands behind the body
    pub trailers: RefCell<Vec<(String, String)>>,
    pub body: RefCell<Vec<u8>>,
    pub response: RefCell<Vec<(String, String)>>,
    /// what of the response's body is shown now
    pub response_body: RefCell<Vec<u8>>,
    pub replies: RefCell<Vec<Reply>>,
    pub lines: RefCell<Vec<(Level, String)>>,
    pub counters: RefCell<Vec<(String, u64)>>,
    pub calls: RefCell<Vec<&'static str>>,
    pub http_calls: RefCell<Vec<Call>>,
    pub answer: RefCell<Option<(u16, Vec<u8>)>>,
    pub foreign: RefCell<Option<Foreign>>,
    pub failing: RefCell<HashMap<&'static str, Status>>,
    pub properties: RefCell<Vec<(String, String)>>,
    /// the context that calls are for, once one was entered
    pub context: Cell<Option<u32>>,
}

impl State {
    fn call(&self, name: &'static str) -> Result<(), Status> {
        self.calls.borrow_mut().push(name);
        match self.failing.borrow().get(name) {
            Some(status) => Err(*status),
            None => Ok(()),
        }
    }
}

/// A gateway in memory, as Envoy behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateway(pub Rc<State>);

impl Host for Gateway {
    fn configuration(&self) -> Result<Vec<u8>, Status> {
        self.0.call("configuration")?;
        Ok(self.0.configuration.borrow().clone())
    }

    fn environment(&self, name: &str) -> Option<String> {
        self.0.environment.borrow().get(name).cloned()
    }

    fn wall_clock(&self) -> Result<u64, Status> {
        self.0.call("wall_clock")?;
        Ok(u64::try_from(self.0.seconds.get()).unwrap() * 1_000_000_000)
    }

    fn probe_clock_call(&self) -> Result<(), Status> {
        self.0.call("probe_clock_call")?;
        if self.0.is_apisix.get() {
            Err(Status::UNIMPLEMENTED)
        } else {
            Ok(())
        }
    }

    fn probe_context_call(&self) -> Result<(), Status> {
        self.0.call("probe_context_call")?;
        if self.0.is_kong.get() {
            Ok(())
        } else {
            Err(Status::BAD_ARGUMENT)
        }
    }

    fn probe_nginx_property(&self) -> Result<bool, Status> {
        self.0.call("probe_nginx_property")?;
        Ok(self.0.is_kong.get())
    }

    fn request_property(&self, path: &str) -> Result<Option<Vec<u8>>, Status> {
        if path == "ngx\0request_uri" && self.0.is_kong.get() {
            self.0.call("request_target")?;
            let sent = self.0.target.borrow().clone();
            let headers = self.0.headers.borrow();
            let mapped = headers.iter().find(|(name, _)| name == ":path");
            return Ok(sent.or_else(|| mapped.map(|(_, path)| path.clone().into_bytes())));
        }
        self.0.call("request_property")?;
        if matches!(path, "realip_remote_addr" | "ngx\0realip_remote_addr") {
            return Ok(self.0.replaced.borrow().clone());
        }
        let address = self.0.address.borrow();
        Ok((address.0 == path).then(|| address.1.clone()))
    }

    fn request_headers(&self) -> Result<Vec<u8>, Status> {
        self.0.call("request_headers")?;
        let headers = self.0.headers.borrow();
        let pairs: Vec<_> = headers
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        Ok(serialize(&pairs).unwrap())
    }

    fn request_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("request_header")?;
        let headers = self.0.headers.borrow();
        let found = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, value)| value.clone().into_bytes()))
    }

    fn set_request_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_request_header")?;
        let mut headers = self.0.headers.borrow_mut();
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn remove_request_header(&self, name: &str) -> Result<(), Status> {
        self.0.call("remove_request_header")?;
        let mut headers = self.0.headers.borrow_mut();
        headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        Ok(())
    }

    fn clear_request_trailers(&self) -> Result<(), Status> {
        // The world asks by itself where the rest goes, so this is none of the calls that it counts.
        if let Some(status) = self.0.failing.borrow().get("clear_request_trailers") {
            return Err(*status);
        }
        self.0.trailers.borrow_mut().clear();
        Ok(())
    }

    fn shared_data(&self, key: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("shared_data")?;
        Ok(self.0.shared.borrow().get(key).cloned())
    }

    fn set_shared_data(&self, key: &str, value: &[u8]) -> Result<(), Status> {
        self.0.call("set_shared_data")?;
        let mut shared = self.0.shared.borrow_mut();
        shared.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn ask_for_body(&self) -> Result<(), Status> {
        self.0.call("ask_for_body")
    }

    fn request_body(&self, start: usize, most: usize) -> Result<Vec<u8>, Status> {
        self.0.call("request_body")?;
        let body = self.0.body.borrow();
        let part = body.get(start..).ok_or(Status::NOT_FOUND)?;
        Ok(part.iter().copied().take(most).collect())
    }

    fn sees_responses(&self) -> bool {
        !self.0.has_fewer_exports.get()
    }

    fn response_header(&self, name: &str) -> Result<Option<Vec<u8>>, Status> {
        self.0.call("response_header")?;
        let response = self.0.response.borrow();
        let found = response.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        Ok(found.map(|(_, value)| value.clone().into_bytes()))
    }

    fn response_body(&self, start: usize, most: usize) -> Result<Vec<u8>, Status> {
        self.0.call("response_body")?;
        let body = self.0.response_body.borrow();
        let part = body.get(start..).ok_or(Status::NOT_FOUND)?;
        Ok(part.iter().copied().take(most).collect())
    }

    fn set_response_body(&self, size: usize, bytes: &[u8]) -> Result<(), Status> {
        self.0.call("set_response_body")?;
        let mut body = self.0.response_body.borrow_mut();
        let size = size.min(body.len());
        body.splice(..size, bytes.iter().copied());
        Ok(())
    }

    fn set_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        response.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn add_response_header(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("add_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn remove_response_header(&self, name: &str) -> Result<(), Status> {
        self.0.call("remove_response_header")?;
        let mut response = self.0.response.borrow_mut();
        response.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        Ok(())
    }

    fn set_property(&self, name: &str, value: &str) -> Result<(), Status> {
        self.0.call("set_property")?;
        let mut properties = self.0.properties.borrow_mut();
        properties.push((name.to_owned(), value.to_owned()));
        Ok(())
    }

    fn enter_context(&self, context: u32) -> Result<(), Status> {
        self.0.call("enter_context")?;
        self.0.context.set(Some(context));
        Ok(())
    }

    fn reply(&self, reply: &Reply) -> Result<(), Status> {
        self.0.call("reply")?;
        if self.0.refuses_headers.get() && !reply.headers.is_empty() {
            return Err(Status(2));
        }
        self.0.replies.borrow_mut().push(reply.clone());
        Ok(())
    }

    fn log(&self, level: Level, line: &str) {
        let _ = self.0.call("log");
        self.0.lines.borrow_mut().push((level, line.to_owned()));
    }

    fn define_counter(&self, name: &str) -> Result<Counter, Status> {
        self.0.call("define_counter")?;
        let mut counters = self.0.counters.borrow_mut();
        counters.push((name.to_owned(), 0));
        Ok(Counter(u32::try_from(counters.len() - 1).unwrap()))
    }

    fn count(&self, counter: Counter, amount: u64) {
        let _ = self.0.call("count");
        self.0.counters.borrow_mut()[counter.0 as usize].1 += amount;
    }

    fn entropy(&self) -> u64 {
        42
    }

    fn set_tick(&self, _period: Duration) -> Result<(), Status> {
        self.0.call("set_tick")
    }

    fn http_call(&self, call: &Call) -> Result<CallToken, Status> {
        self.0.call("http_call")?;
        let mut calls = self.0.http_calls.borrow_mut();
        calls.push(call.clone());
        Ok(CallToken(u32::try_from(calls.len()).unwrap()))
    }

    fn call_status(&self) -> Option<u16> {
        self.0.answer.borrow().as_ref().map(|answer| answer.0)
    }

    fn call_body(&self) -> Result<Vec<u8>, Status> {
        self.0.call("call_body")?;
        let answer = self.0.answer.borrow();
        Ok(answer
            .as_ref()
            .map(|answer| answer.1.clone())
            .unwrap_or_default())
    }

    fn resume(&self) -> Result<(), Status> {
        self.0.call("resume")
    }

    fn call_foreign(&self, name: &str, argument: &[u8]) -> Result<Vec<u8>, Status> {
        self.0.call("call_foreign")?;
        let foreign = *self.0.foreign.borrow();
        foreign.map_or(Err(Status::NOT_FOUND), |foreign| foreign(name, argument))
    }
}

/// One gateway with one configuration.
pub(crate) struct World {
    pub gateway: Gateway,
    pub root: Root<Gateway>,
    /// what the gateway heard: yes, where a no would open it
    pub answered: bool,
    /// whether the configuration is in force
    pub configured: bool,
}

/// What became of a request.
#[derive(Debug)]
pub(crate) struct Seen {
    /// the answer, if the gate gave one
    pub reply: Option<Reply>,
    /// what Ollama was sent, if it was
    pub upstream: Option<Vec<(String, String)>>,
    /// the decision's line, parsed
    pub record: Value,
    /// the calls that the request cost
    pub calls: Vec<&'static str>,
}

impl World {
    /// With `configuration`, and `WEBUI_SECRET_KEY` in the environment; on Kong if that is named.
    pub(crate) fn new(configuration: &Value) -> Self {
        let gateway = Gateway::default();
        gateway
            .0
            .is_kong
            .set(configuration["host"]["name"] == "kong");
        Self::on(gateway, configuration.to_string().as_bytes())
    }

    /// On Kong, whatever is named.
    pub(crate) fn kong(configuration: &Value) -> Self {
        let gateway = Gateway::default();
        gateway.0.is_kong.set(true);
        Self::on(gateway, configuration.to_string().as_bytes())
    }

    /// With a configuration that need not be JSON.
    pub(crate) fn of_bytes(configuration: &[u8]) -> Self {
        Self::on(Gateway::default(), configuration)
    }

    /// On a gateway that leaves out what APISIX leaves out.
    pub(crate) fn apisix(configuration: &Value) -> Self {
        let gateway = Gateway::default();
        gateway.0.is_apisix.set(true);
        Self::on(gateway, configuration.to_string().as_bytes())
    }

    /// On this gateway.
    pub(crate) fn on(gateway: Gateway, configuration: &[u8]) -> Self {
        gateway.0.seconds.set(NOW);
        let environment = [
            ("WEBUI_SECRET_KEY", SECRET),
            ("EMPTY", ""),
            ("REFERENCE", "$env://ELSEWHERE"),
        ];
        *gateway.0.environment.borrow_mut() = environment
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        *gateway.0.configuration.borrow_mut() = configuration.to_vec();
        let mut root = Root::new(gateway.clone());
        let answered = root.configure();
        let mut world = Self {
            gateway,
            root,
            answered,
            configured: answered,
        };
        world.configured &= world.errors().is_empty();
        world
    }

    /// What the configuration was refused for, a line each, the title left out.
    pub(crate) fn errors(&self) -> Vec<String> {
        let lines = self.gateway.0.lines.borrow();
        let errors = lines
            .iter()
            .filter_map(|(_, line)| line.strip_prefix("ollama-gate: configuration: "));
        errors.map(str::to_owned).collect()
    }

    /// Sends a request with the headers `fields` beside the usual ones.
    pub(crate) fn send(&self, method: &str, path: &str, fields: &[(&str, &str)]) -> Seen {
        let usual = [
            (":method", method),
            (":path", path),
            (":authority", "gate.example"),
            (":scheme", "http"),
            ("user-agent", "test"),
            ("x-request-id", "r-1"),
        ];
        let all: Vec<_> = usual.iter().chain(fields).copied().collect();
        self.send_raw(&all)
    }

    /// Sends a request with exactly these headers.
    pub(crate) fn send_raw(&self, fields: &[(&str, &str)]) -> Seen {
        self.begin(fields);
        let mut filter = self.root.filter();
        let flow = filter.request_head(fields.len(), true);
        assert_eq!(
            filter.request_trailers(),
            flow,
            "the rest goes where the head went"
        );
        self.seen(flow)
    }

    /// Sends a POST whose body comes in these parts, each with the flow that came back. The gateway
    /// holds what was stopped.
    pub(crate) fn post(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        parts: &[&[u8]],
    ) -> (Seen, Vec<Flow>) {
        self.with_body("POST", path, fields, parts)
    }

    /// As [`World::post`], by another method.
    pub(crate) fn with_body(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        parts: &[&[u8]],
    ) -> (Seen, Vec<Flow>) {
        let usual = [
            (":method", method),
            (":path", path),
            (":authority", "gate.example"),
        ];
        let all: Vec<_> = usual.iter().chain(fields).copied().collect();
        self.begin(&all);
        let mut filter = self.root.filter();
        let mut flows = vec![filter.request_head(all.len(), false)];
        let state = &self.gateway.0;
        for (place, part) in parts.iter().enumerate() {
            // After Continue the gateway shows the new part only.
            if flows.last() == Some(&Flow::Continue) {
                state.body.borrow_mut().clear();
            }
            state.body.borrow_mut().extend_from_slice(part);
            let size = state.body.borrow().len();
            flows.push(filter.request_body(size, place + 1 == parts.len()));
        }
        let last = *flows.last().unwrap();
        (self.seen(last), flows)
    }

    fn begin(&self, fields: &[(&str, &str)]) {
        let state = &self.gateway.0;
        state.replies.borrow_mut().clear();
        state.lines.borrow_mut().clear();
        state.calls.borrow_mut().clear();
        state.body.borrow_mut().clear();
        state.properties.borrow_mut().clear();
        *state.headers.borrow_mut() = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
    }

    fn seen(&self, flow: Flow) -> Seen {
        let state = &self.gateway.0;
        let upstream = (flow == Flow::Continue).then(|| state.headers.borrow().clone());
        let reply = state.replies.borrow().first().cloned();
        assert!(
            upstream.is_none() || reply.is_none(),
            "answered and forwarded"
        );
        let lines = state.lines.borrow();
        let line = lines
            .iter()
            .map(|(_, line)| line.clone())
            .find(|line| line.starts_with('{'));
        Seen {
            reply,
            upstream,
            record: line.map_or(Value::Null, |line| serde_json::from_str(&line).unwrap()),
            calls: state.calls.borrow().clone(),
        }
    }

    /// Sends a request with `Authorization: Bearer`.
    pub(crate) fn bearer(&self, method: &str, path: &str, credential: &str) -> Seen {
        self.send(
            method,
            path,
            &[("authorization", &format!("Bearer {credential}"))],
        )
    }
}

impl Seen {
    /// The status and the code of a refusal; `(200, "")` for what went on to Ollama.
    pub(crate) fn verdict(&self) -> (u16, String) {
        let Some(reply) = &self.reply else {
            assert!(self.upstream.is_some(), "neither answered nor forwarded");
            return (200, String::new());
        };
        let body = self.body();
        let code = body.pointer("/error/code").or(body.get("code"));
        (reply.status, code.unwrap().as_str().unwrap().to_owned())
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        serde_json::from_slice(&self.reply.as_ref().unwrap().body).unwrap()
    }

    /// The values of a header that Ollama was sent.
    pub(crate) fn upstream_values(&self, name: &str) -> Vec<&str> {
        let headers = self.upstream.as_ref().unwrap().iter();
        headers
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect()
    }
}

/// A configuration with the three keys above and one issuer.
pub(crate) fn configuration() -> Value {
    json!({
        "api_keys": { "keys": [
            { "id": "alice-laptop", "key": KEY, "subject": "alice" },
            { "id": "reader", "key": READ_KEY, "scopes": ["read"] },
            { "id": "admin", "key": ADMIN_KEY, "scopes": ["read", "inference", "manage", "cloud"] },
        ] },
        "jwt": [ { "name": "open-webui", "algorithms": ["HS256"], "secrets": [ { "env": "WEBUI_SECRET_KEY" } ] } ],
        "hosts": ["gate.example", "localhost"],
        "host": { "name": "envoy" },
    })
}

/// `configuration()` with a key that has an end.
pub(crate) fn dated() -> Value {
    with("/api_keys/keys/0/expires_at", json!("2030-01-01T00:00:00Z"))
}

/// `configuration()` with `value` put at the JSON pointer `path`.
pub(crate) fn with(path: &str, value: Value) -> Value {
    let mut configuration = configuration();
    let (parent, name) = path.rsplit_once('/').unwrap();
    let parent = configuration.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(members) => drop(members.insert(name.to_owned(), value)),
        other => other[name.parse::<usize>().unwrap()] = value,
    }
    configuration
}
