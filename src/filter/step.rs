//! The one step of a request that a decision comes back with, done.

use crate::capabilities::WritesHost;
use crate::root::Ready;
use crate::{Filter, Flow, Host, Status};
use ollama_gate_engine::{
    Edit, Level, Outcome, Record, Reply, RequestHead, RequestStep, Shared, Unread,
};

impl<H: Host> Filter<H> {
    /// Does what `outcome` says. What cannot be done lets nothing through.
    pub(crate) fn finish(
        &mut self,
        ready: &Ready,
        outcome: &Outcome<'_>,
        head: &RequestHead<'_>,
    ) -> Flow {
        if let Some(shared) = self.exchange.take_shared()
            && self.share(&shared).is_err()
            && !matches!(outcome.step, RequestStep::Reply(_))
        {
            // Rules elsewhere may deny whoever is named.
            return self.refuse_unread(Some(ready), Unread::HostFailed, head.path());
        }
        match &outcome.step {
            RequestStep::Forward(admitted) => match self.apply(ready, admitted.edits(), head) {
                Ok(()) => {
                    self.tell(Some(ready), outcome.record.as_ref());
                    Flow::Continue
                }
                Err(_) => self.refuse_unread(Some(ready), Unread::HostFailed, head.path()),
            },
            RequestStep::Hold(prepared) => match self.apply(ready, prepared.edits(), head) {
                Ok(()) => Flow::Pause,
                Err(_) => self.refuse_unread(Some(ready), Unread::HostFailed, head.path()),
            },
            RequestStep::Release(_) | RequestStep::Watch(_) => {
                self.tell(Some(ready), outcome.record.as_ref());
                Flow::Continue
            }
            RequestStep::Reply(reply) => self.refuse(Some(ready), reply, outcome.record.as_ref()),
            RequestStep::Await(_) | RequestStep::Receive => Flow::Pause,
        }
    }

    /// Tells the rest of the gateway. Only a gateway that is known to be Envoy is asked to.
    #[inline(never)] // or those who share nothing pay for it
    fn share(&self, shared: &Shared) -> Result<(), Status> {
        let mut pairs = shared.pairs().iter();
        pairs.try_for_each(|(name, value)| self.host.set_property(name, value))
    }

    /// Edits the head. After an error the request must not go on.
    fn apply(
        &self,
        ready: &Ready,
        edits: &[Edit<'_>],
        head: &RequestHead<'_>,
    ) -> Result<(), Status> {
        let capabilities = ready.capabilities;
        for edit in edits {
            match edit {
                Edit::Remove(name) => {
                    if capabilities.blank_before_remove {
                        self.host.set_request_header(name, "")?;
                    }
                    self.host.remove_request_header(name)?;
                }
                Edit::Set(name, value) => self.host.set_request_header(name, value)?,
                Edit::Host(host) => match capabilities.writes_host {
                    WritesHost::AsShown if head.shows_host_header() => {
                        self.host.set_request_header("host", host)?;
                    }
                    WritesHost::AsAuthority | WritesHost::AsShown => {
                        self.host.set_request_header(":authority", host)?;
                    }
                    WritesHost::Never => {}
                },
            }
        }
        Ok(())
    }

    pub(crate) fn refuse_unread(
        &mut self,
        ready: Option<&Ready>,
        unread: Unread,
        path: &[u8],
    ) -> Flow {
        let engine = ready.map(|ready| &ready.engine);
        let mut outcome = self.exchange.unread(engine, unread, path);
        if matches!(unread, Unread::Misconfigured)
            && self.told.replace(true)
            && let Some(record) = &mut outcome.record
        {
            // Strangers do not fill the log with what the operator was told at startup.
            record.line = None;
        }
        match &outcome.step {
            RequestStep::Reply(reply) => self.refuse(ready, reply, outcome.record.as_ref()),
            RequestStep::Watch(_) => {
                self.tell(ready, outcome.record.as_ref());
                Flow::Continue
            }
            // Without a head there is no permit, so there is nothing to forward or to wait for.
            _ => Flow::Pause,
        }
    }

    /// Answers a request that has not gone on, now or when the rest of it has come, and stops it.
    fn refuse(&mut self, ready: Option<&Ready>, reply: &Reply, record: Option<&Record>) -> Flow {
        self.tell(ready, record);
        if self.lingers(ready, reply) {
            Flow::Pause
        } else {
            self.send(reply)
        }
    }

    /// Answers, and stops the request either way.
    pub(crate) fn reply(
        &self,
        ready: Option<&Ready>,
        reply: &Reply,
        record: Option<&Record>,
    ) -> Flow {
        self.tell(ready, record);
        self.send(reply)
    }

    /// Sends an answer.
    ///
    /// If the gateway refuses it, a bare one is tried. Should that fail too, the request stays paused:
    /// closed.
    pub(crate) fn send(&self, reply: &Reply) -> Flow {
        if self.host.reply(reply).is_err() {
            let bare = Reply {
                headers: Vec::new(),
                ..reply.clone()
            };
            if let Err(status) = self.host.reply(&bare) {
                let so = ", the request stays paused";
                status.tell(&self.host, Level::Error, "send the response", so);
            }
        }
        Flow::Pause
    }

    pub(crate) fn tell(&self, ready: Option<&Ready>, record: Option<&Record>) {
        let Some(record) = record else { return };
        if let Some(line) = &record.line {
            self.host.log(record.level, line);
        }
        if let Some(ready) = ready {
            ready.counters.count(&self.host, record);
        }
    }
}
