//! A decision, told step by step.

use super::Request;
use ollama_gate_engine::internals::Place;
use ollama_gate_engine::{Edit, Outcome, Reply, RequestStep};
use serde_json::{Map, Value, json};

/// What became of a request. Holds no credential.
#[derive(Clone, Debug)]
pub struct Decision {
    pub allowed: bool,
    /// the names of the places where the client put a credential
    presented: Vec<String>,
    /// the path as the gateway writes it for the filter, where that is another
    path_seen: Option<String>,
    /// whether the gateway answers by itself, and the filter sees nothing
    by_gateway: bool,
    /// what the gate logs: decision, code, cause, route, scope, credential, id, subject, model
    record: Map<String, Value>,
    /// what is done to the head
    edits: Vec<String>,
    /// whether the body was looked into
    pub read_body: bool,
    /// whether nothing is enforced
    pub reports_only: bool,
    /// what the client gets, if it is refused
    status: Option<u16>,
    headers: Vec<(String, String)>,
    message: Option<String>,
}

/// The steps, as text and JSON name them.
const STEPS: [&str; 9] = [
    "route",
    "scope",
    "credential",
    "id",
    "subject",
    "claimed_subject",
    "secret",
    "model",
    "address",
];

impl Decision {
    /// That of the `outcome` for `request`. `edits` are known before where a body was held.
    pub fn of(request: &Request, outcome: Outcome<'_>, edits: Vec<String>) -> Self {
        let line = outcome.record.and_then(|record| record.line);
        let record = line.and_then(|line| serde_json::from_str(&line).ok());
        let mut decision = Self {
            allowed: true,
            presented: presented(request),
            path_seen: None,
            by_gateway: false,
            record: record.unwrap_or_default(),
            edits,
            read_body: false,
            reports_only: false,
            status: None,
            headers: Vec::new(),
            message: None,
        };
        match outcome.step {
            RequestStep::Forward(admitted) => decision.edits = self::edits(admitted.edits()),
            RequestStep::Reply(reply) => decision.refuse(&reply),
            _ => {}
        }
        decision
    }

    /// That of a gateway which answers `request` by itself, and why.
    pub fn of_gateway(request: &Request, why: &str) -> Self {
        Self {
            allowed: false,
            presented: presented(request),
            path_seen: None,
            by_gateway: true,
            record: Map::from_iter([("cause".to_owned(), json!(why))]),
            edits: Vec::new(),
            read_body: false,
            reports_only: false,
            status: Some(400),
            headers: Vec::new(),
            message: None,
        }
    }

    /// Notes that the gateway wrote `seen` for the path of the client, if it did.
    pub fn seen_as(&mut self, path: &str, seen: &str) {
        if path != seen {
            let seen = seen.split('?').next().unwrap_or_default();
            self.path_seen = Some(seen.to_owned());
        }
    }

    fn refuse(&mut self, reply: &Reply) {
        // A browser's preflight is answered by the gate, and that is no refusal.
        self.allowed = reply.status < 300;
        self.edits.clear();
        self.status = Some(reply.status);
        let headers = reply.headers.iter();
        self.headers = headers
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        self.message = message(&reply.body);
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.record.get(name).and_then(Value::as_str)
    }

    /// The code of the refusal, if it is one of the gate.
    pub fn code(&self) -> Option<&str> {
        self.field("code")
    }

    /// The status of the refusal, if it is one.
    pub const fn status(&self) -> Option<u16> {
        self.status
    }

    /// The decision for a person, a line a step.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
        if self.presented.is_empty() {
            line("presented", "no credential in a header")
        } else {
            line("presented", &format!("in {}", self.presented.join(", ")))
        }
        if let Some(path) = &self.path_seen {
            line("path", &format!("{path}, as the gateway writes it"));
        }
        for name in STEPS {
            if let Some(value) = self.field(name) {
                line(name.strip_suffix("ed_subject").unwrap_or(name), value);
            }
        }
        if self.read_body {
            line("body", "was looked into: a rule of the caller needs it");
        }
        for edit in &self.edits {
            line("edit", edit);
        }
        match self.status {
            None => line("decision", "allowed"),
            Some(status) if self.allowed => {
                line("decision", &format!("answered by the gate, {status}"));
            }
            Some(status) => {
                let by = match self.field("code") {
                    Some(code) => code,
                    None if self.by_gateway => "by the gateway itself, before the gate sees it",
                    None => "",
                };
                line("decision", &format!("refused, {status} {by}"));
                if let Some(cause) = self.field("cause") {
                    line("cause", cause);
                }
                if let Some(message) = &self.message {
                    line("message", message);
                }
            }
        }
        if self.reports_only {
            line(
                "mode",
                "report: the decision is logged, and the request goes on as it came",
            );
        }
        text
    }

    /// The decision on one line.
    pub fn sentence(&self) -> String {
        let who = match (self.field("credential"), self.field("id")) {
            (Some(credential), Some(id)) => format!("  {credential} {id}"),
            _ => String::new(),
        };
        let Some(status) = self.status else {
            return format!("allowed{who}");
        };
        if self.allowed {
            return format!("answered by the gate, {status}");
        }
        let by = if self.by_gateway {
            "by the gateway itself"
        } else {
            ""
        };
        let code = self.field("code").unwrap_or(by);
        match self.field("cause") {
            Some(cause) => format!("refused, {status} {code}{who}: {cause}"),
            None => format!("refused, {status} {code}{who}"),
        }
    }

    /// The decision for a program.
    pub fn json(&self) -> Map<String, Value> {
        let mut report = Map::new();
        report.insert(
            "decision".into(),
            json!(match self.status {
                None => "allowed",
                Some(_) if self.allowed => "answered",
                Some(_) => "denied",
            }),
        );
        report.insert("presented".into(), json!(self.presented));
        report.insert("path_seen".into(), json!(self.path_seen));
        let by = if self.by_gateway { "gateway" } else { "gate" };
        report.insert("decided_by".into(), json!(by));
        report.insert("body_read".into(), json!(self.read_body));
        report.insert("enforced".into(), json!(!self.reports_only));
        report.insert("edits".into(), json!(self.edits));
        report.insert("status".into(), json!(self.status));
        report.insert("message".into(), json!(self.message));
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| json!([name, value]));
        report.insert("headers".into(), headers.collect());
        for name in STEPS.into_iter().chain(["code", "cause"]) {
            report.insert(
                name.into(),
                self.record.get(name).cloned().unwrap_or_default(),
            );
        }
        report
    }
}

/// Edits of the head, in words. A value may be a proof for Ollama's front, so only names are shown,
/// and the Host.
pub fn edits(edits: &[Edit<'_>]) -> Vec<String> {
    let told = |edit: &Edit<'_>| match edit {
        Edit::Remove(name) => format!("remove {name}"),
        Edit::Set(name, _) => format!("set {name}"),
        Edit::Host(host) => format!("set host to {host}"),
    };
    edits.iter().map(told).collect()
}

/// The places where `request` carries something that may be a credential.
fn presented(request: &Request) -> Vec<String> {
    let is_place = |name: &str| {
        Place::ALL
            .iter()
            .any(|place| place.name().eq_ignore_ascii_case(name))
    };
    let names = request.headers.iter().map(|(name, _)| name.as_str());
    let found = names.filter(|name| is_place(name) || *name == "cookie");
    found.map(str::to_owned).collect()
}

/// The sentence in the body of a refusal, in whichever dialect.
fn message(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let error = body.get("error")?;
    let text = error.as_str().or_else(|| error.get("message")?.as_str());
    text.map(str::to_owned)
}
