//! A small world for scenarios: a gateway in memory with the filter in it, a clock, and requests.

use ollama_gate::{Flow, Root};
use ollama_gate_engine::Reply;
use serde_json::{Value, json};

mod assertion;
pub(crate) mod cli;
mod gateway;
mod provider;
mod refusals;
mod token;
pub(crate) use assertion::{Assertion, p256_pem};
pub(crate) use gateway::{Gateway, State};
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
