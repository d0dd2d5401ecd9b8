//! What the module did: one record per request, and the outcome.

use std::collections::BTreeMap;

use crate::calls::Call;
use crate::map::{self, Pairs};
use crate::respond::Response;

/// The levels of `proxy_log`, as numbers on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Level {
    /// The level of a number; unknown numbers are critical.
    #[must_use]
    pub fn from_wire(number: i32) -> Self {
        match number {
            0 => Self::Trace,
            1 => Self::Debug,
            2 => Self::Info,
            3 => Self::Warn,
            4 => Self::Error,
            _ => Self::Critical,
        }
    }
}

/// One line through `proxy_log`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How loud.
    pub level: Level,
    /// The text, bytes that are not UTF-8 replaced.
    pub text: String,
}

/// A local reply of the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u32,
    /// Header pairs.
    pub headers: Pairs,
    /// Body bytes.
    pub body: Vec<u8>,
    /// Envoy's response code details.
    pub details: Vec<u8>,
}

impl Reply {
    /// The body as JSON, null where it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }

    /// The stable code in it, in whichever dialect; empty without one.
    #[must_use]
    pub fn code(&self) -> String {
        let body = self.json();
        let code = match &body["error"] {
            serde_json::Value::Object(error) => error.get("code"),
            _ => body.get("code"),
        };
        code.and_then(|code| code.as_str())
            .unwrap_or_default()
            .into()
    }
}

/// One host call, with its arguments where a reader wants them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCall {
    /// The import's name.
    pub name: &'static str,
    /// A header name, metric name or so; empty where there is none.
    pub about: String,
    /// What the host answered.
    pub status: i32,
    /// How many instructions the callback had executed when it made the call.
    pub fuel: u64,
}

/// Everything the module did during one request (or one configuration).
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Every host call in order, WASI included.
    pub calls: Vec<HostCall>,
    /// Log lines.
    pub log: Vec<LogLine>,
    /// What was written to standard output and error.
    pub stderr: String,
    /// The HTTP calls that were sent.
    pub fetches: Vec<Call>,
    /// Counters by name and what was added, gauges and what they show.
    pub metrics: BTreeMap<String, i64>,
    /// How many instructions were executed.
    pub fuel: u64,
}

impl Record {
    /// The names of the host calls, one line each, for a person to read.
    #[must_use]
    pub fn call_list(&self) -> String {
        self.calls
            .iter()
            .map(|call| {
                let HostCall {
                    name,
                    about,
                    status,
                    fuel,
                } = call;
                format!("  at {fuel:>7} fuel: {name} {about} -> {status}\n")
            })
            .collect()
    }

    /// Everything recorded that leaves the module other than to the upstream.
    #[must_use]
    pub fn everything(&self) -> String {
        let mut all: String = self
            .log
            .iter()
            .map(|line| line.text.clone() + "\n")
            .collect();
        all.push_str(&self.stderr);
        for name in self.metrics.keys() {
            all.push_str(name);
            all.push('\n');
        }
        for call in self.calls.iter().filter(|call| !edits(call.name)) {
            all.push_str(&call.about);
            all.push('\n');
        }
        all
    }
}

fn edits(name: &str) -> bool {
    name.contains("header_map")
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It went on to the upstream.
    Forwarded,
    /// The module answered.
    Replied,
    /// The gateway answered by itself; the module never saw the request.
    RefusedByHost(u16),
    /// It is held and the module waits for nothing: the client hangs.
    Held,
    /// The real worker would have crashed, or the module trapped.
    Crashed(String),
}

/// What came of one request.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How it ended.
    pub verdict: Verdict,
    /// The module's answer, if it gave one.
    pub reply: Option<Reply>,
    /// The header pairs that the gateway sends on; empty unless forwarded.
    pub upstream: Pairs,
    /// The header pairs of the response that the client gets, the module's edits included.
    pub response: Pairs,
    /// The rest of the response.
    pub answer: Response,
    /// What the module did on the way.
    pub record: Record,
}

impl Outcome {
    /// Whether the upstream was reached.
    #[must_use]
    pub fn forwarded(&self) -> bool {
        self.verdict == Verdict::Forwarded
    }

    /// The values of a response header.
    #[must_use]
    pub fn response_text(&self, name: &str) -> Vec<String> {
        let values = map::values(&self.response, name).into_iter();
        values
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The status of the module's reply, 0 without one.
    #[must_use]
    pub fn status(&self) -> u32 {
        self.reply.as_ref().map_or(0, |reply| reply.status)
    }

    /// The reply's body as JSON, null without one.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let reply = self.reply.as_ref();
        reply.map_or(serde_json::Value::Null, Reply::json)
    }

    /// The stable code in the reply, in whichever dialect; empty without one.
    #[must_use]
    pub fn code(&self) -> String {
        self.reply.as_ref().map(Reply::code).unwrap_or_default()
    }

    /// The values of one header of the module's reply.
    #[must_use]
    pub fn reply_header(&self, name: &str) -> Vec<String> {
        let reply = self.reply.clone().unwrap_or_default();
        map::values(&reply.headers, name)
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }

    /// The values of one header that say something to the upstream. On Kong a
    /// header that was taken out arrives blank (hosts.md, "header removal").
    #[must_use]
    pub fn upstream_text(&self, name: &str) -> Vec<String> {
        let mut values = self.upstream_header(name);
        values.retain(|value| !value.is_empty());
        values
    }

    /// The values of one header that the upstream gets, blank ones as well.
    #[must_use]
    pub fn upstream_header(&self, name: &str) -> Vec<String> {
        map::values(&self.upstream, name)
            .iter()
            .map(|value| String::from_utf8_lossy(value).into_owned())
            .collect()
    }
}
