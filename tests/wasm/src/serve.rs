//! A request's way through an instance: open, head, body, trailers, close.

use crate::calls::{Call, CallEnd};
use crate::client::ClientRequest;
use crate::gateway::Gateway;
use crate::map::Pairs;
use crate::profile::Entry;
use crate::record::{Outcome, Verdict};
use crate::respond::Response;
use crate::world::{Stream, World};

impl Gateway {
    /// Serves one whole request under the newest root context.
    ///
    /// # Panics
    /// When the real worker would have crashed or the module trapped.
    pub fn send(&mut self, request: &ClientRequest) -> Outcome {
        self.send_to(self.root, request)
    }

    /// The same under a given root context.
    pub fn send_to(&mut self, root: u32, request: &ClientRequest) -> Outcome {
        let outcome = self.try_send_to(root, request);
        if let Verdict::Crashed(what) = &outcome.verdict {
            panic!("{what}\n{}\n{request:?}", outcome.record.call_list());
        }
        outcome
    }

    /// The same, a crash being an outcome like others.
    pub fn try_send_to(&mut self, root: u32, request: &ClientRequest) -> Outcome {
        self.begin();
        let id = match self.open(root, request) {
            Ok(id) => id,
            Err(refused) => return *refused,
        };
        self.request_headers(id);
        let body_was_shown = self.show_body(id);
        self.answer_calls_of(id);
        if !body_was_shown {
            self.show_body(id);
        }
        self.close(id)
    }

    /// Shows the body to the module if there is one and the gateway does now.
    fn show_body(&mut self, id: u32) -> bool {
        let stream = &self.store.data().streams[&id];
        let profile = self.store.data().profile.clone();
        let held = stream.reply.is_none() && profile.shows_the_body_of_a_held_head();
        let body = stream.request.body.clone().filter(|_| {
            let may = stream.released || held;
            may && self.dead.is_none() && profile.shows_request_body(stream)
        });
        if let Some(body) = &body {
            self.request_body(id, body, true);
        }
        body.is_some()
    }

    /// Opens a stream; the gateway's own refusal comes back as an outcome.
    pub fn open(&mut self, root: u32, request: &ClientRequest) -> Result<u32, Box<Outcome>> {
        self.begin();
        let world = self.store.data();
        let entry = match is_too_long(request, world) {
            true => Entry::Refuse(400),
            false => world.profile.entry(request),
        };
        let headers = match entry {
            Entry::Deliver(headers) => headers,
            Entry::Refuse(status) => return Err(Box::new(self.refuse(status))),
        };
        if self.unconfigured.contains(&root) {
            // The request, then the head of the gateway's own answer.
            self.try_again(root);
            self.try_again(root);
            return Err(Box::new(self.refuse(503)));
        }
        let stream = Stream::new(root, request, headers);
        if self.unfiltered.contains(&root) {
            return Err(Box::new(self.without_a_filter(&stream)));
        }
        let id = self.fresh_id();
        self.store.data_mut().streams.insert(id, stream);
        self.enter(id);
        self.call("proxy_on_context_create", &[id, root]);
        Ok(id)
    }

    /// A request that the gateway answers by itself.
    fn refuse(&mut self, status: u16) -> Outcome {
        Outcome {
            verdict: Verdict::RefusedByHost(status),
            reply: None,
            upstream: Pairs::new(),
            response: Pairs::new(),
            answer: Response::default(),
            record: self.end(),
        }
    }

    /// A request that no filter sees.
    fn without_a_filter(&mut self, stream: &Stream) -> Outcome {
        Outcome {
            verdict: Verdict::Forwarded,
            reply: None,
            upstream: self.store.data().profile.upstream(stream),
            response: Pairs::new(),
            answer: Response::default(),
            record: self.end(),
        }
    }

    /// The header phase; whether the module let it go on.
    pub fn request_headers(&mut self, id: u32) -> bool {
        let stream = &self.store.data().streams[&id];
        let profile = &self.store.data().profile;
        let count = u32::try_from(profile.count_of_headers(stream)).expect("few headers");
        let ends = profile.ends_with_the_head(&stream.request);
        self.phase(
            id,
            "proxy_on_request_headers",
            &[id, count, u32::from(ends)],
        )
    }

    /// A body callback with everything that came so far.
    pub fn request_body(&mut self, id: u32, body: &[u8], ends: bool) -> bool {
        if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
            stream.body = body.to_vec();
            stream.body_was_shown = true;
        }
        let size = u32::try_from(body.len()).expect("under 4 GB");
        self.phase(id, "proxy_on_request_body", &[id, size, u32::from(ends)])
    }

    /// The trailers, which end the request.
    pub fn request_trailers(&mut self, id: u32) -> bool {
        if let Some(stream) = self.store.data_mut().streams.get_mut(&id) {
            stream.trailers = vec![(b"x-sum".to_vec(), b"0".to_vec())];
        }
        self.phase(id, "proxy_on_request_trailers", &[id, 1])
    }

    /// The HTTP calls that were not answered yet.
    #[must_use]
    pub fn calls(&self) -> &[Call] {
        &self.store.data().calls
    }

    /// Answers the calls of a context, and those that it makes then, as long
    /// as there are servers.
    pub fn answer_calls_of(&mut self, context: u32) {
        while let Some(servers) = self.store.data().servers.clone() {
            let mut calls = self.calls().iter();
            let Some(call) = calls.find(|call| call.context == context).cloned() else {
                return;
            };
            self.answer_call(call.token, servers(&call));
        }
    }

    /// Ends the HTTP call of this token; whether the module heard of it.
    pub fn answer_call(&mut self, token: u32, end: CallEnd) -> bool {
        let world = self.store.data_mut();
        let Some(place) = world.calls.iter().position(|call| call.token == token) else {
            return false;
        };
        let Call { context, root, .. } = world.calls.remove(place);
        let profile = world.profile.clone();
        let answer = profile.call_answer(end);
        let (headers, body) = (size(&answer.headers), size(&answer.body));
        world.answer = Some(answer);
        if let Some(stream) = world.streams.get_mut(&context) {
            stream.in_flight = stream.in_flight.saturating_sub(1);
        }
        self.enter(match profile.calls_are_the_roots() {
            true => root,
            false => context,
        });
        self.call(
            "proxy_on_http_call_response",
            &[root, token, headers, body, 0],
        );
        let alive = self.dead.is_none();
        let world = self.store.data_mut();
        world.answer = None;
        if let Some(stream) = world.streams.get_mut(&context) {
            stream.released |= alive
                && profile.goes_on_after_callback()
                && stream.reply.is_none()
                && stream.in_flight == 0;
        }
        true
    }

    /// The response's phases, then the end of the stream: done, log, delete.
    pub fn close(&mut self, id: u32) -> Outcome {
        let stream = self.store.data().streams[&id].clone();
        if stream.released && stream.reply.is_none() {
            let world = self.store.data_mut();
            if let Some(stream) = world.streams.get_mut(&id) {
                stream.response = world.upstream_response.clone();
            }
        }
        let world = self.store.data();
        let forgets = world.redirects && world.profile.forgets_the_request_after_an_exec();
        let last = match forgets && stream.released && stream.reply.is_none() {
            true => self.forget(id),
            false => id,
        };
        if stream.released || stream.reply.is_some() {
            self.respond(last);
        }
        let stream = self.store.data_mut().streams.remove(&last);
        let stream = stream.expect("an open stream");
        for id in [id, last].into_iter().take(1 + usize::from(last != id)) {
            self.store.data_mut().streams.insert(id, stream.clone());
            self.delete(id);
        }
        let profile = self.store.data().profile.clone();
        let verdict = match (&self.dead, &stream.reply, stream.released) {
            (Some(what), _, _) => Verdict::Crashed(what.clone()),
            (None, Some(_), _) => Verdict::Replied,
            (None, None, true) => Verdict::Forwarded,
            (None, None, false) => Verdict::Held,
        };
        let forwarded = verdict == Verdict::Forwarded;
        let upstream = if forwarded {
            profile.upstream(&stream)
        } else {
            Pairs::new()
        };
        let outcome = Outcome {
            verdict,
            reply: stream.reply.map(|reply| profile.sent(reply)),
            upstream,
            response: stream.response,
            answer: stream.answer,
            record: self.end(),
        };
        self.store.data_mut().recorder.decided(id, &outcome);
        outcome
    }

    /// Goes on with the request in a context that knows nothing of it.
    fn forget(&mut self, id: u32) -> u32 {
        let new = self.fresh_id();
        let world = self.store.data_mut();
        let stream = world.streams.remove(&id).expect("an open stream");
        let root = stream.root;
        world.streams.insert(new, stream);
        self.enter(new);
        self.call("proxy_on_context_create", &[new, root]);
        new
    }

    /// Ends a context of a request.
    fn delete(&mut self, id: u32) {
        self.enter(id);
        self.call("proxy_on_done", &[id]);
        if self.store.data().profile.starts_the_vm_and_logs() {
            self.call("proxy_on_log", &[id]);
        }
        self.call("proxy_on_delete", &[id]);
        let profile = self.store.data().profile.clone();
        let world = self.store.data_mut();
        world.streams.remove(&id);
        if !profile.calls_are_the_roots() {
            world.calls.retain(|call| call.context != id);
        }
        if profile.reuses_context_ids() {
            self.free_ids.push(id);
        }
    }

    /// Runs one request callback and applies the action that comes back.
    fn phase(&mut self, id: u32, export: &str, arguments: &[u32]) -> bool {
        self.enter(id);
        let answer = self.call(export, arguments);
        // A gateway goes on where a module has no such callback.
        let goes_on = self.dead.is_none() && answer.unwrap_or(0) == 0;
        let profile = self.store.data().profile.clone();
        let Some(stream) = self.store.data_mut().streams.get_mut(&id) else {
            return false;
        };
        match (goes_on, &stream.reply) {
            (true, Some(_)) => self.fail(format!("{export}: Continue after a local reply")),
            (true, None) => stream.released = true,
            (false, None) if stream.in_flight == 0 && self.dead.is_none() => {
                stream.released = false;
                if let Err(crash) = profile.paused_for_nothing() {
                    self.fail(format!("{export}: {}", crash.0));
                }
            }
            (false, _) => {}
        }
        goes_on && self.dead.is_none()
    }
}

/// Whether a line of its head does not fit into the gateway's buffers.
fn is_too_long(request: &ClientRequest, world: &World) -> bool {
    let limit = world.profile.longest_header_line();
    let limit = limit.filter(|_| !world.large_header_buffers);
    let line = |(name, value): &(Vec<u8>, Vec<u8>)| name.len() + ": \r\n".len() + value.len();
    limit.is_some_and(|limit| request.headers.iter().any(|pair| line(pair) > limit))
}

fn size<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).expect("under 4 GB")
}
