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

    fn refuse(&mut self, reply: &Reply) {
        self.allowed = false;
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

    /// The decision for a person, a line a step.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<12}{value}\n"));
        if self.presented.is_empty() {
            line("presented", "no credential in a header")
        } else {
            line("presented", &format!("in {}", self.presented.join(", ")))
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
            Some(status) => {
                line(
                    "decision",
                    &format!(
                        "refused, {status} {}",
                        self.field("code").unwrap_or_default()
                    ),
                );
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

    /// The decision for a program.
    pub fn json(&self) -> Value {
        let mut report = Map::new();
        report.insert(
            "decision".into(),
            json!(if self.allowed { "allowed" } else { "denied" }),
        );
        report.insert("presented".into(), json!(self.presented));
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
        Value::Object(report)
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
