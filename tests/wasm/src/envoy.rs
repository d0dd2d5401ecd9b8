//! Envoy 1.40.
//!
//! Citations are rows of the house plan's `hosts.md`.

use crate::calls::{Call, CallAnswer, CallEnd, silent_failures};
use crate::client::ClientRequest;
use crate::foreign;
use crate::map::{self, Pairs};
use crate::module::Build;
use crate::profile::{Answer, Crash, Edit, Entry, Profile};
use crate::world::{Stream, status};

/// The rules of Envoy.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envoy;

impl Profile for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn build(&self) -> Build {
        Build::Envoy
    }

    /// Pseudo headers are in the map and names are lower-case.
    ///
    /// "header read": a doubled Authorization arrives joined as one value, a
    /// doubled `x-api-key` stays two pairs. "Also seen": CONNECT has no `:path`.
    fn entry(&self, request: &ClientRequest) -> Entry {
        let mut pairs = Pairs::new();
        for (name, value) in [
            (":authority", &request.host),
            (":path", &request.target),
            (":method", &request.method),
        ] {
            if let Some(value) = value {
                pairs.push((name.into(), value.clone()));
            }
        }
        pairs.push((b":scheme".to_vec(), b"http".to_vec()));
        for (name, value) in &request.headers {
            let name = name.to_ascii_lowercase();
            let separator: Option<&[u8]> = match name.as_slice() {
                b"authorization" => Some(b","),
                b"cookie" => Some(b"; "),
                _ => None,
            };
            let earlier = pairs.iter_mut().find(|(other, _)| *other == name);
            match (separator, earlier) {
                (Some(separator), Some((_, joined))) => {
                    joined.extend_from_slice(separator);
                    joined.extend_from_slice(value);
                }
                _ => pairs.push((name, value.clone())),
            }
        }
        for (name, value) in [
            ("x-forwarded-proto", "http"),
            ("x-request-id", "6b1f9e2c-1d52-4d0e-9f0a-0d6c3a1f2b33"),
        ] {
            if map::values(&pairs, name).is_empty() {
                pairs.push((name.into(), value.into()));
            }
        }
        Entry::Deliver(pairs)
    }

    /// "request body": header edits after Continue trap the VM.
    fn edit(&self, stream: &mut Stream, edit: &Edit) -> Result<i32, Crash> {
        if stream.released {
            return Err(Crash(format!("a header edit after Continue: {edit:?}")));
        }
        edit.apply(&mut stream.headers);
        Ok(status::OK)
    }

    /// "client address": property `source.address`, `ip:port`; the real peer
    /// only with `use_remote_address`, else the client's own X-Forwarded-For
    /// with port 0. A name that is unknown is NOT_FOUND.
    fn property(&self, stream: Option<&Stream>, path: &[u8]) -> Answer<Vec<u8>> {
        Ok(match (path, stream) {
            (b"source\0address", Some(stream)) => Ok(peer(stream)),
            (b"plugin_name", _) => Ok(b"ollama-gate".to_vec()),
            (b"plugin_root_id", _) => Ok(Vec::new()),
            (_, Some(stream)) => stream
                .properties
                .get(path)
                .cloned()
                .ok_or(status::NOT_FOUND),
            (_, None) => Err(status::NOT_FOUND),
        })
    }

    /// "response body": per chunk, and what is held comes again with the next one. The module's
    /// bytes go on in the place of those that it is shown [ran].
    fn changes_response_bodies(&self) -> bool {
        true
    }

    /// "request body": `allow_on_headers_stop_iteration: true` lets Pause in
    /// the header phase still deliver the body.
    fn shows_the_body_of_a_held_head(&self) -> bool {
        true
    }

    /// "HTTP call": `:method`, `:path` and `:authority` are needed. A cluster
    /// that is not there is the same status; tests say so by a fault. A call
    /// that fails at once is 10, and its token is forgotten (source).
    fn http_call(&self, call: &Call, _: Option<&Stream>, _: u32) -> Result<i32, Crash> {
        let needed = [":method", ":path", ":authority"];
        let whole = needed.iter().all(|name| !call.header(name).is_empty());
        Ok(match whole {
            true => status::OK,
            false => status::BAD_ARGUMENT,
        })
    }

    /// HTTP calls are numbered in the virtual machine, by fours (source).
    fn token(&self, nth: u32) -> u32 {
        (nth + 1) * 4
    }

    /// "HTTP call": a connect failure is a callback with 503; a timeout is one
    /// with 504. Only an answer that breaks off is a callback without headers.
    fn call_answer(&self, end: CallEnd) -> CallAnswer {
        let made_up = |status, text: &str| {
            let kind = (b"content-type".to_vec(), b"text/plain".to_vec());
            CallAnswer::of(status, vec![kind], text.into())
        };
        match end {
            CallEnd::NoConnection => made_up(503, "upstream connect error"),
            CallEnd::NoAnswer => made_up(504, "upstream request timeout"),
            end => silent_failures(end),
        }
    }

    /// Calls are made by the root context, whoever asks for them (source).
    fn calls_are_the_roots(&self) -> bool {
        true
    }

    /// "foreign functions": `verify_signature` among others; an unknown one is
    /// NOT_FOUND.
    fn foreign_function(&self, name: &[u8], argument: &[u8]) -> Answer<Vec<u8>> {
        Ok(match name {
            b"verify_signature" => foreign::verify_signature(argument).ok_or(status::BAD_ARGUMENT),
            _ => Err(status::NOT_FOUND),
        })
    }
}

/// The peer as an Envoy without `use_remote_address` tells it.
fn peer(stream: &Stream) -> Vec<u8> {
    let claimed = map::values(&stream.headers, "x-forwarded-for");
    let last = claimed
        .last()
        .and_then(|list| list.rsplit(|byte| *byte == b',').next());
    match last {
        Some(claimed) => [claimed.trim_ascii(), b":0"].concat(),
        None => b"203.0.113.9:51234".to_vec(),
    }
}
