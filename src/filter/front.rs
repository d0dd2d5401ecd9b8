//! The head of a response that there is more to do with: cookies go with it, or the server in front of Ollama says in it
//! what it thinks of the gate's own credential.

use crate::clock::HostClock;
use crate::memory::HostMemory;
use crate::root::Ready;
use crate::{Filter, Flow, Host, Status};
use ollama_gate_engine::{CHALLENGES, Level, Outcome, RequestStep, SharedMemory};

impl<H: Host> Filter<H> {
    /// The head of a response has come that there is more to do with, and `ends` is whether nothing follows.
    #[inline(never)] // or those who read none pay for it
    pub(crate) fn read_response(&mut self, ends: bool) -> Flow {
        if self.exchange.carries_own_credential()
            && let Some(flow) = self.read_verdict()
        {
            return flow;
        }
        self.set_cookies();
        if self.exchange.filters_list() {
            return self.list_head(ends);
        }
        self.edit_for_page();
        Flow::Continue
    }

    /// Adds the gate's own cookies. What carries them is nobody else's, so no cache on the way may keep it.
    fn set_cookies(&mut self) {
        let Some(ready) = self.ready.clone() else {
            return;
        };
        let memory = HostMemory(&self.host);
        let memory = ready.capabilities.shares_data.then_some(&memory);
        let clock = HostClock::new(&self.host);
        let cookies = self.exchange.cookies(
            &ready.engine,
            &clock,
            memory.map(|memory| -> &dyn SharedMemory { memory }),
        );
        if cookies.is_empty() {
            return;
        }
        let uncached = self.host.set_response_header("cache-control", "no-store");
        let set = uncached.and_then(|()| {
            cookies
                .iter()
                .try_for_each(|cookie| self.host.add_response_header("set-cookie", cookie))
        });
        if let Err(status) = set {
            status.tell(&self.host, Level::Error, "set the session's cookies", "");
        }
    }

    /// Reads the status, and answers in the place of a refusal.
    fn read_verdict(&mut self) -> Option<Flow> {
        let ready = self.ready.clone()?;
        let replaces = ready.capabilities.replaces_responses;
        if !replaces {
            self.set_cookies();
            self.edit_for_page();
        }
        self.hide_echo(&ready);
        let status = self.response_status().ok();
        let given = self.given_head();
        let head = given.read().ok().and_then(Result::ok);
        let outcome = self
            .exchange
            .own_credential_answered(&ready.engine, head.as_ref(), status);
        let flow = outcome.map(|outcome| match &outcome.step {
            RequestStep::Reply(reply) if replaces => {
                self.reply(Some(&ready), reply, outcome.record.as_ref())
            }
            _ => {
                self.tell(Some(&ready), outcome.record.as_ref());
                self.hide_refusal(&outcome);
                Flow::Continue
            }
        });
        flow.or((!replaces).then_some(Flow::Continue))
    }

    /// Takes out of the head what the front sends back in the header of the gate's own credential: no client is to see
    /// it, and none has a use for that header in a response.
    fn hide_echo(&self, ready: &Ready) {
        let Some(name) = ready.engine.own_credential_header() else {
            return;
        };
        if self.host.response_header(name) == Ok(None) {
            return;
        }
        if let Err(Status(status)) = self.host.remove_response_header(name) {
            let line = format!(
                "ollama-gate: could not hide `{name}` of a response: host call failed with status {status}"
            );
            self.host.log(Level::Error, &line);
        }
    }

    /// Takes the challenges out of the head, and sets the status of the answer that cannot be given. The body
    /// stays the front's.
    fn hide_refusal(&self, outcome: &Outcome<'_>) {
        let RequestStep::Reply(reply) = &outcome.step else {
            return;
        };
        let status = reply.status.to_string();
        let mut challenges = CHALLENGES.into_iter();
        let hidden = challenges
            .try_for_each(|name| self.host.remove_response_header(name))
            .and_then(|()| self.host.set_response_header(":status", &status));
        if let Err(status) = hidden {
            let what = "hide the refusal of the gate's own credential";
            status.tell(&self.host, Level::Error, what, "");
        }
    }

    /// The status of the response.
    pub(crate) fn response_status(&self) -> Result<u16, Status> {
        let status = self.host.response_header(":status")?;
        let text = status.and_then(|status| String::from_utf8(status).ok());
        let status = text.and_then(|text| text.trim().parse().ok());
        status.ok_or(Status::NOT_FOUND)
    }
}
