//! What an answer says of the way that its request went.

use super::client::{Client, Failure};
use super::wire::{Answer, Request};
use super::{Finding, Verdict};
use serde_json::Value;

/// How far a request came.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Reach {
    /// Ollama answered it.
    Ollama,
    /// Something before Ollama refused it.
    Refused,
    /// The answer may come from either; why stands in it.
    Unclear(&'static str),
}

/// In: an answer to a request that a good gate refuses. Out: how far the request came.
pub(super) fn reach(answer: &Answer) -> Reach {
    match answer.status {
        101 => Reach::Ollama,
        200..=299 if is_page(answer) => Reach::Unclear("a page for people, perhaps a login"),
        200..=299 => Reach::Ollama,
        300..=399 => Reach::Unclear("a redirect"),
        403 if answer.body.trim().is_empty() => {
            Reach::Unclear("an empty 403, as Ollama gives one to a foreign Host")
        }
        401 | 403 | 407 => Reach::Refused,
        400..=499 if is_ollamas_error(answer) => Reach::Ollama,
        400 | 405 | 414 | 421 | 426 | 431 => Reach::Refused,
        404 => Reach::Unclear("no such route"),
        429 => Reach::Unclear("too many requests"),
        500..=599 => Reach::Unclear("the gateway failed"),
        _ => Reach::Unclear("an unexpected status"),
    }
}

fn is_page(answer: &Answer) -> bool {
    answer
        .field("content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("text/html"))
}

/// Out: whether it is an error the way Ollama writes one. The gate's own errors have a `code`.
fn is_ollamas_error(answer: &Answer) -> bool {
    if answer.body.trim() == "404 page not found" {
        return true;
    }
    let Ok(Value::Object(members)) = serde_json::from_str(&answer.body) else {
        return false;
    };
    match members.get("error") {
        Some(Value::String(_)) => members.len() == 1,
        Some(Value::Object(error)) => {
            error.contains_key("param") && error.get("code").is_none_or(Value::is_null)
        }
        _ => false,
    }
}

/// In: requests that a good gate refuses, each with a word for it. Out: a finding: open with the first
/// that reached Ollama, unknown with the first that cannot be told, else guarded.
pub(super) fn refuses(
    client: &Client,
    check: &'static str,
    probes: impl IntoIterator<Item = (String, Request)>,
    advice: &'static str,
) -> Finding {
    judge(client, check, probes, advice, false)
}

/// The same, for requests that no good client sends: any answer that is not Ollama's counts as a refusal.
pub(super) fn refuses_oddities(
    client: &Client,
    check: &'static str,
    probes: impl IntoIterator<Item = (String, Request)>,
    advice: &'static str,
) -> Finding {
    judge(client, check, probes, advice, true)
}

fn judge(
    client: &Client,
    check: &'static str,
    probes: impl IntoIterator<Item = (String, Request)>,
    advice: &'static str,
    odd: bool,
) -> Finding {
    let mut unclear = None;
    let mut asked = 0;
    for (what, request) in probes {
        asked += 1;
        match client.send(&request) {
            Ok(answer) => match reach(&answer) {
                Reach::Ollama => {
                    return Finding::open(
                        check,
                        format!(
                            "{what} reached Ollama: {} gave {}",
                            request.shown(),
                            answer.status
                        ),
                        advice,
                    );
                }
                // An answer to HEAD has no body that could tell.
                Reach::Unclear(_) if request.is_head() && answer.status == 403 => {}
                Reach::Unclear(why) if !odd => {
                    let found =
                        format!("{what}: {} gave {}, {why}", request.shown(), answer.status);
                    unclear.get_or_insert(Finding::unknown(check, found, unclear_advice(&answer)));
                }
                Reach::Unclear(_) | Reach::Refused => {}
            },
            // A gateway may drop the connection on a request that no client sends.
            Err(Failure::Closed) if odd => {}
            Err(failure) => {
                let advice = failure.advice();
                let found = format!("{what}: {} failed: {failure}", request.shown());
                unclear.get_or_insert(Finding::unknown(check, found, advice));
            }
        }
    }
    unclear.unwrap_or_else(|| {
        let found = match asked {
            1 => "the request was refused".to_owned(),
            _ => format!("{asked} of {asked} requests were refused"),
        };
        Finding::guarded(check, found)
    })
}

/// In: an answer that does not tell. Out: what to do to learn more.
pub(super) fn unclear_advice(answer: &Answer) -> &'static str {
    match answer.status {
        200..=299 => "give the address of Ollama's API, not that of a web page before it",
        300..=399 => "run this with the address that the redirect names",
        403 => "let the gateway send `Host: localhost:11434` to Ollama, then run this again",
        404 => "check the path of the address: Ollama's `/api/…` is asked for below it",
        429 => "wait, then run this again",
        _ => {
            "repair the gateway (its log says more), then run this again: it may be open once it works"
        }
    }
}

impl Finding {
    /// Out: the verdict, for a check that builds on another.
    pub(super) fn is(&self, verdict: Verdict) -> bool {
        self.verdict == verdict
    }
}
