//! `upstream.credential`: the gate's own credential for the server in front of Ollama.

mod fetched;
mod fixed;
mod grant;
mod kinds;
mod private_key;
mod refused;

use crate::world::{World, configuration};
use ollama_gate::Flow;
use ollama_gate_engine::Reply;
use serde_json::{Value, json};

/// What the server in front of Ollama wants to see.
const OWN: &str = "front-8c1d5f20b7e94a36d2c1";

/// `configuration()` with this `upstream.credential`, and the health routes open.
fn with_credential(members: Value) -> Value {
    let mut configuration = configuration();
    configuration["public"] = json!(["health"]);
    configuration["upstream"]["credential"] = members;
    configuration
}

fn fixed() -> Value {
    with_credential(json!({ "value": OWN }))
}

/// What a client got of a response.
struct Came {
    flow: Flow,
    /// its head as it goes on
    head: Vec<(String, String)>,
    /// what the gate answered in its place
    reply: Option<Reply>,
    /// the log from the request on
    log: Vec<String>,
}

impl Came {
    fn values(&self, name: &str) -> Vec<&str> {
        let named = self.head.iter().filter(|(own, _)| own == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// Status and body of the gate's answer.
    fn answer(&self) -> (u16, Value) {
        let reply = self.reply.as_ref().expect("an answer");
        (reply.status, serde_json::from_slice(&reply.body).unwrap())
    }
}

/// What a client with `fields` gets of a response with this head.
fn respond(world: &World, path: &str, fields: &[(&str, &str)], head: &[(&str, &str)]) -> Came {
    let state = &world.gateway.0;
    let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs.map(|(n, v)| ((*n).into(), (*v).into())).collect()
    };
    let usual = [
        (":method", "GET"),
        (":path", path),
        if state.is_kong.get() || state.is_apisix.get() {
            ("host", "gate.example")
        } else {
            (":authority", "gate.example")
        },
    ];
    *state.headers.borrow_mut() = owned(&[&usual[..], fields].concat());
    state.replies.borrow_mut().clear();
    state.lines.borrow_mut().clear();
    let mut filter = world.root.filter();
    assert_eq!(filter.request_head(9, true), Flow::Continue, "allowed");
    *state.response.borrow_mut() = owned(head);
    state.calls.borrow_mut().clear();
    let flow = filter.response_head(true);
    let reply = state.replies.borrow().first().cloned();
    if let Some(reply) = &reply {
        // Envoy calls the filter for the answer too.
        let pairs = [(":status".to_owned(), reply.status.to_string())];
        *state.response.borrow_mut() = pairs.to_vec();
        assert_eq!(filter.response_head(false), Flow::Continue);
        assert_eq!(state.replies.borrow().len(), 1, "answered once");
    }
    Came {
        flow,
        head: state.response.borrow().clone(),
        reply,
        log: {
            let lines = state.lines.borrow();
            lines.iter().map(|(_, line)| line.clone()).collect()
        },
    }
}
