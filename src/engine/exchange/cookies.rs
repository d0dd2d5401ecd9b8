//! What the browser of somebody with a session is told, with Ollama's response or an answer of the gate's own.

use super::states::{Exchange, Ports};
use super::{Engine, Reply};
use crate::login::SessionPorts;
use crate::session::{Entropy, SharedMemory};
use crate::time::Clock;

impl Exchange {
    /// The values of `Set-Cookie` that go with the response, which has come.
    pub fn cookies(
        &mut self,
        engine: &Engine,
        clock: &dyn Clock,
        memory: Option<&dyn SharedMemory>,
    ) -> Vec<String> {
        let cookies = self.told_by_now(engine, clock, memory);
        // A list may turn out to be none, and the answer in its place be the gate's own.
        if self.list.is_some()
            && let Some(own) = &mut self.session
        {
            own.give(cookies.clone());
        }
        cookies
    }

    fn told_by_now(
        &mut self,
        engine: &Engine,
        clock: &dyn Clock,
        memory: Option<&dyn SharedMemory>,
    ) -> Vec<String> {
        let Some((own, login)) = self.session.as_mut().zip(engine.login.as_ref()) else {
            return Vec::new();
        };
        let Some((told, held)) = own.take_told() else {
            return Vec::new();
        };
        let Some(now) = clock.wall() else {
            return told.cookies;
        };
        // Nothing is drawn for what was sealed before.
        let entropy = Entropy { random: &[], now };
        let around = SessionPorts {
            memory,
            entropy,
            held,
        };
        login.told_at(told, around)
    }

    /// Has an answer of the gate's own tell the browser what the response would: of that, what holds at this moment. It is no
    /// use of the session: neither a refusal nor a page of the gate's own is.
    pub(super) fn tell_now(&mut self, ports: Ports<'_, '_>) {
        if let Some(own) = &mut self.session {
            own.told.take_if(|told| told.is_use());
        }
        let cookies = self.told_by_now(ports.engine, ports.clock, ports.memory);
        if let Some(own) = &mut self.session {
            own.give(cookies);
        }
    }

    /// Has the gate's own `reply` set the cookies that go with it.
    pub(super) fn give_cookies(&mut self, reply: &mut Reply) {
        let Some(own) = &mut self.session else { return };
        let cookies = own.take_given();
        if !cookies.is_empty() {
            reply.set_cookies(cookies);
            if !reply
                .headers
                .iter()
                .any(|(name, _)| *name == "cache-control")
            {
                reply.headers.push(("cache-control", "no-store".to_owned()));
            }
        }
    }
}
