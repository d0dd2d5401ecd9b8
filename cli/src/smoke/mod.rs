//! Asks a deployment, from outside, whether it guards Ollama.
//!
//! Each check sends requests that a good gate refuses, and reads from the answer whether they were
//! refused, or reached Ollama. Nothing is changed on the other side: a request that would change something
//! names a model that there is not.

mod answer;
mod client;
mod key;
mod pinned;
mod ports;
mod report;
mod route;
mod target;
mod token;
mod wire;

pub(crate) use client::{Client, Failure as Unanswered};
pub(crate) use ports::Own;
pub(crate) use report::{Finding, Report, Verdict};
pub(crate) use target::Target;
pub(crate) use wire::Request;

use std::time::{Duration, Instant};

/// How long all checks together may take.
const MAX_TOTAL: Duration = Duration::from_secs(180);

/// What to ask, and with what.
pub(crate) struct Plan {
    /// A key that should work.
    pub(crate) key: Option<String>,
    /// A key that worked once.
    pub(crate) expired_key: Option<String>,
    /// The key is meant to have the scope `manage`.
    pub(crate) manager: bool,
    /// Where Ollama's own port should not answer.
    pub(crate) ollama: Own,
}

/// In: how to reach the deployment, and what to ask. Out: a finding for each check, in a fixed order.
pub(crate) fn run(client: &Client, plan: &Plan) -> Report {
    let mut findings = Vec::new();
    let start = Instant::now();
    match client.send(&Request::get("/")) {
        Ok(_) => findings.push(transport(client.target())),
        Err(failure) => {
            findings.push(Finding::unknown(
                "reachable",
                format!("no answer from {}: {failure}", client.target()),
                failure.advice(),
            ));
            findings.push(ports::own_port(client.target(), &plan.ollama));
            return Report::new(client.target(), findings);
        }
    }
    let checks: [(&'static str, &dyn Fn() -> Finding); 15] = [
        ("no_key", &|| route::no_key(client)),
        ("no_key_v1", &|| route::no_key_v1(client)),
        ("no_key_manage", &|| route::no_key_manage(client)),
        ("bad_key", &|| key::bad_key(client)),
        ("forged_token", &|| key::forged_token(client)),
        ("expired_key", &|| {
            key::expired_key(client, plan.expired_key.as_deref())
        }),
        ("path", &|| route::path(client)),
        ("forwarded_address", &|| route::forwarded_address(client)),
        ("foreign_host", &|| {
            route::foreign_host(client, plan.key.as_deref())
        }),
        ("websocket", &|| route::websocket(client)),
        ("cors", &|| route::cors(client, plan.key.as_deref())),
        ("ollama_port", &|| {
            ports::own_port(client.target(), &plan.ollama)
        }),
        ("good_key", &|| key::good_key(client, plan.key.as_deref())),
        ("ollama_answers", &|| {
            key::ollama_answers(client, plan.key.as_deref())
        }),
        ("scope", &|| {
            key::scope(client, plan.key.as_deref(), plan.manager)
        }),
    ];
    for (name, check) in checks {
        findings.push(if start.elapsed() < MAX_TOTAL {
            check()
        } else {
            Finding::unknown(
                name,
                "not asked: the checks before it took too long".to_owned(),
                "see why the gateway answers slowly, then run this again",
            )
        });
    }
    Report::new(client.target(), findings)
}

/// Out: whether keys can be read on their way to a gateway that answers.
fn transport(target: &Target) -> Finding {
    if target.tls() || target.is_loopback() {
        return Finding::guarded("reachable", format!("{target} answers"));
    }
    Finding::warning(
        "reachable",
        format!("{target} answers without TLS: keys can be read on the way"),
        "serve it by TLS (`ollama-gate render envoy --tls CERT,KEY`), or only inside a VPN",
    )
}
