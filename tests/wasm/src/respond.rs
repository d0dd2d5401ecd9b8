//! A response's way through an instance: its head, its body, its trailers.

use crate::gateway::Gateway;
use crate::record::Reply;

/// What the client gets of a response, beside its header.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The body as it goes on.
    pub body: Vec<u8>,
    /// What the module answered in its place, after the request had gone on.
    pub reply: Option<Reply>,
    /// The module answered when the head had gone on already: the client gets no end.
    pub broken_off: bool,
    /// What the module is shown of the body now.
    pub(crate) shown: Vec<u8>,
    /// Whether the callbacks of the response have begun.
    pub(crate) begun: bool,
    /// Whether its head has gone on.
    pub(crate) head_gone: bool,
    /// Whether a callback of its body or trailers runs.
    pub(crate) in_body: bool,
}

impl Gateway {
    /// The response's phases.
    pub(crate) fn respond(&mut self, id: u32) {
        let stream = self.store.data().streams[&id].clone();
        let world = self.store.data();
        let (parts, trailers) = (world.upstream_body.clone(), world.upstream_trailers);
        let answered = stream.reply.is_some();
        let profile = world.profile.clone();
        self.response(id).begun = !answered;
        self.enter(id);
        let held = self.call("proxy_on_response_headers", &[id, 1, 0]) == Some(1);
        let replied = self.response(id).reply.is_some();
        self.response(id).head_gone = !held;
        if held && !replied && !profile.shows_the_body_of_a_held_head() {
            self.fail(
                "the head of a response is held, and nothing of its body is shown then".into(),
            );
        }
        if answered || parts.is_empty() {
            if profile.shows_response_body(&stream) {
                self.call("proxy_on_response_body", &[id, 2, 1]);
            }
            return;
        }
        if !profile.shows_response_body(&stream) {
            self.response(id).body = parts.concat();
            return;
        }
        for (place, part) in parts.iter().enumerate() {
            if self.response(id).reply.is_some() {
                return;
            }
            self.response(id).shown.extend_from_slice(part);
            let size = u32::try_from(self.response(id).shown.len()).expect("under 4 GB");
            let last = place + 1 == parts.len() && !trailers;
            let arguments = [id, size, u32::from(last)];
            self.response_phase(id, "proxy_on_response_body", &arguments);
        }
        if trailers && self.response(id).reply.is_none() {
            self.response_phase(id, "proxy_on_response_trailers", &[id, 1]);
        }
    }

    /// Runs a callback of the body, and lets go on what the module lets go on.
    fn response_phase(&mut self, id: u32, export: &str, arguments: &[u32]) {
        self.response(id).in_body = true;
        let goes_on = self.call(export, arguments).unwrap_or(0) == 0;
        let alive = self.dead.is_none();
        let response = self.response(id);
        response.in_body = false;
        let answered = response.reply.is_some();
        if goes_on && alive && !answered {
            response.head_gone = true;
            response.body.append(&mut response.shown);
        }
        if goes_on && answered {
            self.fail(format!("{export}: Continue after a local reply"));
        }
    }

    fn response(&mut self, id: u32) -> &mut Response {
        let streams = &mut self.store.data_mut().streams;
        &mut streams.get_mut(&id).expect("an open stream").answer
    }
}
