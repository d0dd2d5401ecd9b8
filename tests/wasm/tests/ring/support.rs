//! A gateway under test, and what must be true of every request.

use std::sync::Arc;

use ollama_gate_wasm_tests::gateway::Configured;
use ollama_gate_wasm_tests::module::Build;
use ollama_gate_wasm_tests::world::{Clock, NOON, World};
use ollama_gate_wasm_tests::{
    Apisix, ClientRequest, Envoy, Gateway, Istio, Kong, Outcome, Profile, Record, Verdict,
};
use serde_json::{Value, json};

pub use crate::cast::*;
use crate::ledger;

/// A gateway of each kind; a new profile is one more line.
pub const HOSTS: [fn() -> Arc<dyn Profile>; 4] = [
    || Arc::new(Envoy),
    || Arc::new(Istio),
    || Arc::new(Apisix),
    || Arc::new(Kong::default()),
];

/// The places in [`HOSTS`].
pub const ENVOY: usize = 0;
pub const ISTIO: usize = 1;
pub const APISIX: usize = 2;
pub const KONG: usize = 3;

/// Runs a scenario once on each gateway.
pub fn on_every_host(scenario: impl Fn(&mut Lab)) {
    for host in HOSTS {
        scenario(&mut Lab::new(host(), &plain()));
    }
}

/// The same with another configuration.
pub fn on_every_host_with(configuration: &Value, scenario: impl Fn(&mut Lab)) {
    for host in HOSTS {
        scenario(&mut Lab::new(host(), configuration));
    }
}

/// One gateway under test.
pub struct Lab {
    pub gateway: Gateway,
    pub host: &'static str,
    extra: Vec<String>,
}

impl Lab {
    /// A gateway with a configuration that must be accepted.
    pub fn new(profile: Arc<dyn Profile>, configuration: &Value) -> Self {
        let mut lab = Self::unconfigured(profile);
        let configured = lab.configure(configuration);
        assert!(
            configured.accepted,
            "{}: {}",
            lab.host,
            configured.record.everything()
        );
        lab
    }

    /// The same with this file of the module.
    pub fn loading(build: Build, profile: Arc<dyn Profile>) -> Self {
        let host = profile.name();
        Self {
            gateway: Gateway::loading(build, profile, ENVIRONMENT),
            host,
            extra: Vec::new(),
        }
    }

    /// A gateway without configuration.
    pub fn unconfigured(profile: Arc<dyn Profile>) -> Self {
        let host = profile.name();
        Self {
            gateway: Gateway::new(profile, ENVIRONMENT),
            host,
            extra: Vec::new(),
        }
    }

    /// Its place in [`HOSTS`].
    pub fn place(&self) -> usize {
        let mut hosts = HOSTS.iter();
        let place = hosts.position(|host| host().name() == self.host);
        place.expect("one of the hosts")
    }

    /// Whether it is an Envoy, by itself or under Istio.
    pub fn is_envoy(&self) -> bool {
        matches!(self.host, "envoy" | "istio")
    }

    /// One more string that must not turn up anywhere.
    pub fn hide(&mut self, secret: &str) {
        self.extra.push(secret.to_owned());
    }

    /// Configures a new root context; the `host` section is the pack's.
    pub fn configure(&mut self, configuration: &Value) -> Configured {
        let host = json!({"host": {"name": self.host}});
        let configured = self
            .gateway
            .configure_json(&with(configuration.clone(), host));
        self.check_record(&configured.record, &[]);
        ledger::configured(self.host, &configured);
        configured
    }

    /// Configures with raw bytes.
    pub fn configure_bytes(&mut self, bytes: &[u8]) -> Configured {
        let configured = self.gateway.configure(bytes);
        self.check_record(&configured.record, &[]);
        ledger::configured(self.host, &configured);
        configured
    }

    /// The state behind the host calls.
    pub fn world(&mut self) -> &mut World {
        self.gateway.world()
    }

    /// The root context that serves.
    pub fn root(&self) -> u32 {
        self.gateway.root()
    }

    /// Sets the clock, in seconds from noon of the tests' day.
    pub fn at(&mut self, seconds: u64) {
        self.world().clock = Clock::At(NOON + seconds);
    }

    /// Sends a request and holds what must be true of all of them.
    pub fn send(&mut self, request: &ClientRequest) -> Outcome {
        let outcome = self.gateway.send(request);
        self.check(request, &outcome);
        outcome
    }

    /// The same under another root context.
    pub fn send_to(&mut self, root: u32, request: &ClientRequest) -> Outcome {
        let outcome = self.gateway.send_to(root, request);
        self.check(request, &outcome);
        outcome
    }

    /// What must be true of every outcome.
    pub fn check(&self, request: &ClientRequest, outcome: &Outcome) {
        ledger::decided(self.host, request, outcome);
        let secrets = presented(request);
        self.check_record(&outcome.record, &secrets);
        if let Some(reply) = &outcome.reply {
            let mut said = String::from_utf8_lossy(&reply.body).into_owned();
            said.push_str(&String::from_utf8_lossy(&reply.details));
            for (name, value) in &reply.headers {
                said.push_str(&String::from_utf8_lossy(name));
                said.push_str(&String::from_utf8_lossy(value));
            }
            self.check_text(&said, &secrets, "the reply");
        }
        if outcome.forwarded() {
            self.check_upstream(outcome, &secrets);
        }
    }

    /// A good request is let through, by key and by token.
    pub fn still_serves(&mut self) {
        for credential in [ALICE.to_owned(), session()] {
            let outcome = self.send(&ClientRequest::get("/api/tags").bearer(&credential));
            assert!(outcome.forwarded(), "{}: {:?}", self.host, outcome.reply);
        }
    }

    /// Asserts a denial with this status and code, or the gateway's own, which
    /// the table holds against the list of differences.
    #[track_caller]
    pub fn denied(&mut self, request: &ClientRequest, status: u32, code: &str) -> Outcome {
        let outcome = self.send(request);
        if matches!(outcome.verdict, Verdict::RefusedByHost(400..=499)) {
            return outcome;
        }
        assert_eq!(
            (&outcome.verdict, outcome.status(), outcome.code().as_str()),
            (&Verdict::Replied, status, code),
            "{}: {request:?}\n{:?}",
            self.host,
            outcome
                .reply
                .as_ref()
                .map(|reply| String::from_utf8_lossy(&reply.body).into_owned()),
        );
        outcome
    }

    /// Asserts that a request is answered, by the gate or by the gateway.
    #[track_caller]
    pub fn refused(&mut self, request: &ClientRequest) -> Outcome {
        let outcome = self.send(request);
        let answered = matches!(
            outcome.verdict,
            Verdict::Replied | Verdict::RefusedByHost(400..=499)
        );
        assert!(answered, "{}: {request:?} {outcome:?}", self.host);
        outcome
    }

    /// Asserts that a request is let through.
    #[track_caller]
    pub fn allowed(&mut self, request: &ClientRequest) -> Outcome {
        let outcome = self.send(request);
        assert!(
            outcome.forwarded(),
            "{}: {request:?}\n{:?} {:?}",
            self.host,
            outcome.verdict,
            outcome
                .reply
                .as_ref()
                .map(|reply| String::from_utf8_lossy(&reply.body).into_owned()),
        );
        outcome
    }

    fn check_record(&self, record: &Record, secrets: &[String]) {
        self.check_text(&record.everything(), secrets, "the log and counters");
    }

    fn check_text(&self, text: &str, secrets: &[String], place: &str) {
        let fixed = SECRETS.iter().map(|secret| (*secret).to_owned());
        for secret in fixed
            .chain(self.extra.iter().cloned())
            .chain(secrets.iter().cloned())
        {
            assert!(
                !text.contains(&secret),
                "{}: `{secret}` in {place}: {text}",
                self.host
            );
        }
    }

    fn check_upstream(&self, outcome: &Outcome, secrets: &[String]) {
        for (name, value) in &outcome.upstream {
            let name = String::from_utf8_lossy(name).to_lowercase();
            let value = String::from_utf8_lossy(value);
            let target = name == ":path";
            for secret in secrets.iter().filter(|_| !target) {
                assert!(
                    !value.contains(secret.as_str()),
                    "{}: {name}: {value}",
                    self.host
                );
            }
        }
        let host = if self.is_envoy() {
            ":authority"
        } else {
            "host"
        };
        assert_eq!(
            outcome.upstream_header(host),
            ["localhost:11434"],
            "{}",
            self.host
        );
    }
}

/// Where a request may carry a credential.
const PRESENTED: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-ollama-token",
    "cookie",
];

/// The credentials and the query string that a request carries: none of it may
/// turn up in a log line, a counter or a reply.
fn presented(request: &ClientRequest) -> Vec<String> {
    let mut all = Vec::new();
    for (name, value) in &request.headers {
        let name = String::from_utf8_lossy(name).to_lowercase();
        if PRESENTED.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value);
            all.extend(value.split([' ', ',', ';', '=']).map(str::to_owned));
        }
    }
    let target = request.target.clone().unwrap_or_default();
    if let Some((_, query)) = String::from_utf8_lossy(&target).split_once('?') {
        all.push(query.to_owned());
    }
    // Short ones are found in any text; placeholders are named in the reply,
    // and a path is no secret.
    let placeholder = ["sk-no-key-required", "ollama-local"];
    let known = |text: &String| {
        placeholder.contains(&text.as_str()) || text.contains("/api/") || text.contains("/v1/")
    };
    all.retain(|text| text.len() >= 8 && !known(text));
    all
}
