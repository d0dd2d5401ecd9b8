//! Turns callbacks into events, and does the one step that comes back.

use super::capabilities::{Capabilities, Confirmation};
use super::{Counter, Host, Pairs, Status};
use crate::config::{ConfigErrors, Configuration};
use crate::denial::{Level, Reason};
use crate::engine::{Engine, Exchange, Now, Record, Reply, RequestStep, Rest, Unread};
use crate::http::{HeadError, RequestHead};
use crate::upstream::{Admitted, Edit};
use std::rc::Rc;

/// What a callback tells the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// go on
    Continue,
    /// stop here; an answer was sent, or none could be
    Pause,
}

/// One configuration in force, and what the gateway offers it.
#[derive(Debug)]
struct Ready {
    engine: Engine,
    capabilities: Capabilities,
    confirmation: Confirmation,
    /// in the order of [`Reason::ALL`]; empty where the gateway has no counters
    denied: Vec<Counter>,
    allowed: Option<Counter>,
}

impl Ready {
    fn counter(&self, reason: Option<Reason>) -> Option<Counter> {
        match reason {
            None => self.allowed,
            Some(reason) => {
                let place = Reason::ALL.iter().position(|other| *other == reason)?;
                self.denied.get(place).copied()
            }
        }
    }
}

/// The root context: holds the configuration.
#[derive(Debug)]
pub struct Root<H> {
    host: H,
    ready: Option<Rc<Ready>>,
}

impl<H: Host + Clone> Root<H> {
    /// Without a configuration: every request is refused.
    pub const fn new(host: H) -> Self {
        Self { host, ready: None }
    }

    /// Reads the configuration. `false` if it was refused, and then every request is: Kong does not
    /// look at the answer.
    pub fn configure(&mut self) -> bool {
        self.ready = None;
        match self.read() {
            Ok(ready) => {
                self.ready = Some(Rc::new(ready));
                true
            }
            Err(errors) => {
                let count = errors.count();
                let plural = if count == 1 { "" } else { "s" };
                let title = format!("ollama-gate: configuration refused, {count} error{plural}");
                self.host.log(Level::Error, &title);
                for line in errors.lines() {
                    let line = format!("ollama-gate: configuration: {line}");
                    self.host.log(Level::Error, &line);
                }
                false
            }
        }
    }

    fn read(&self) -> Result<Ready, ConfigErrors> {
        let document = self.host.configuration().map_err(|Status(status)| {
            ConfigErrors::of_document(format!("cannot be read, the gateway says status {status}"))
        })?;
        let environment = |name: &str| self.host.environment(name);
        let configuration = Configuration::read(&document, &environment)?;
        let capabilities = Capabilities::find(&self.host, configuration.host)
            .map_err(ConfigErrors::of_document)?;
        let (allowed, denied) = match capabilities.counters {
            true => self.define_counters(),
            false => (None, Vec::new()),
        };
        Ok(Ready {
            engine: configuration.engine,
            capabilities,
            confirmation: Confirmation::of(configuration.host),
            allowed,
            denied,
        })
    }

    /// A gateway that defines none is no reason to stop.
    fn define_counters(&self) -> (Option<Counter>, Vec<Counter>) {
        let define = |name: &str| self.host.define_counter(name);
        let denied: Result<_, _> = Reason::ALL
            .iter()
            .map(|reason| define(&reason.counter()))
            .collect();
        (
            define("ollama_gate.allowed").ok(),
            denied.unwrap_or_default(),
        )
    }

    /// The context of one request. It keeps the configuration that it began with.
    pub fn filter(&self) -> Filter<H> {
        Filter {
            host: self.host.clone(),
            ready: self.ready.clone(),
            exchange: Exchange::default(),
        }
    }
}

/// The context of one request.
#[derive(Debug)]
pub struct Filter<H> {
    host: H,
    ready: Option<Rc<Ready>>,
    exchange: Exchange,
}

impl<H: Host> Filter<H> {
    /// The head has come in, with `count` fields as the gateway counts them.
    pub fn request_head(&mut self, count: usize) -> Flow {
        let ready = self.ready.clone();
        let Some(ready) = ready.as_deref() else {
            // The gateway is not known, so the header map, which can crash one, is not asked for.
            return self.refuse_unread(None, Unread::Misconfigured, &self.path());
        };
        if let Err(mismatch) = ready.confirmation.check(&self.host) {
            if let Some(news) = mismatch.news {
                let line = format!("ollama-gate: configuration: {news}");
                self.host.log(Level::Error, &line);
            }
            return self.refuse_unread(Some(ready), Unread::Misconfigured, &self.path());
        }
        let map = match self.read_map(ready, count) {
            Ok(map) => map,
            Err(unread) => return self.refuse_unread(Some(ready), unread, &self.path()),
        };
        let Ok(pairs) = Pairs::parse(&map) else {
            return self.refuse_unread(Some(ready), Unread::HostFailed, &self.path());
        };
        let head = match RequestHead::read(pairs.clone()) {
            Ok(head) => head,
            Err(error) => {
                let path = pairs.into_iter().find(|(name, _)| *name == b":path");
                let path = path.map(|(_, path)| path).unwrap_or_default();
                return self.refuse_unread(Some(ready), Unread::Defect(error), path);
            }
        };
        let now = self.host.wall_clock();
        let now = now.map_or(Now::unknown(), Now::from_wall_nanoseconds);
        let outcome = self.exchange.request_head(&ready.engine, &head, now);
        match &outcome.step {
            RequestStep::Reply(reply) => self.reply(Some(ready), reply, &outcome.record),
            RequestStep::Forward(admitted) => match self.apply(ready, admitted, &head) {
                Ok(()) => {
                    self.tell(Some(ready), &outcome.record);
                    Flow::Continue
                }
                Err(_) => self.refuse_unread(Some(ready), Unread::HostFailed, head.path()),
            },
        }
    }

    /// Body or trailers have come in. What was not permitted stays where it is.
    pub const fn request_rest(&self) -> Flow {
        match self.exchange.request_rest() {
            Rest::Continue => Flow::Continue,
            Rest::Stop => Flow::Pause,
        }
    }

    /// The header map, by the calls that are safe on this gateway.
    fn read_map(&self, ready: &Ready, count: usize) -> Result<Vec<u8>, Unread> {
        let failed = |_| Unread::HostFailed;
        if ready
            .capabilities
            .most_fields
            .is_some_and(|most| count > most)
        {
            return Err(Unread::Defect(HeadError::TooManyFields));
        }
        if ready.capabilities.host_before_map
            && self.host.request_header("host").map_err(failed)?.is_none()
        {
            return Err(Unread::Defect(HeadError::NoHost));
        }
        self.host.request_headers().map_err(failed)
    }

    /// The path by itself, where there is no map. Safe on every gateway.
    fn path(&self) -> Vec<u8> {
        let path = self.host.request_header(":path");
        path.ok().flatten().unwrap_or_default()
    }

    /// Edits the head. After an error the request must not go on.
    fn apply(
        &self,
        ready: &Ready,
        admitted: &Admitted<'_>,
        head: &RequestHead<'_>,
    ) -> Result<(), Status> {
        let capabilities = ready.capabilities;
        for edit in admitted.edits() {
            match edit {
                Edit::Remove(name) => {
                    if capabilities.blank_before_remove {
                        self.host.set_request_header(name, "")?;
                    }
                    self.host.remove_request_header(name)?;
                }
                Edit::Set(name, value) => self.host.set_request_header(name, value)?,
                Edit::Host(host) => {
                    let authority = capabilities.authority_is_host;
                    let name = match authority.unwrap_or_else(|| !head.shows_host_header()) {
                        true => ":authority",
                        false => "host",
                    };
                    self.host.set_request_header(name, host)?;
                }
            }
        }
        Ok(())
    }

    fn refuse_unread(&mut self, ready: Option<&Ready>, unread: Unread, path: &[u8]) -> Flow {
        let engine = ready.map(|ready| &ready.engine);
        let outcome = self.exchange.unread(engine, unread, path);
        match &outcome.step {
            RequestStep::Reply(reply) => self.reply(ready, reply, &outcome.record),
            // Without a head there is no permit, so there is nothing to forward.
            RequestStep::Forward(_) => Flow::Pause,
        }
    }

    /// Answers, and stops the request either way.
    ///
    /// If the gateway refuses the answer, a bare one is tried. Should that fail too, the request
    /// stays paused: closed.
    fn reply(&self, ready: Option<&Ready>, reply: &Reply, record: &Record) -> Flow {
        self.tell(ready, record);
        if self.host.reply(reply).is_err() {
            let bare = Reply {
                headers: Vec::new(),
                ..reply.clone()
            };
            if self.host.reply(&bare).is_err() {
                self.host.log(
                    Level::Error,
                    "ollama-gate: the gateway took no answer, the request is held",
                );
            }
        }
        Flow::Pause
    }

    fn tell(&self, ready: Option<&Ready>, record: &Record) {
        if let Some(line) = &record.line {
            self.host.log(record.level, line);
        }
        let counter = ready.and_then(|ready| ready.counter(record.reason));
        if let Some(counter) = counter {
            self.host.count(counter);
        }
    }
}
