//! The root context: holds the configuration, and fetches between requests.

use crate::body::{Bodies, HeldBytes};
use crate::capabilities::{Capabilities, Confirmation, Shown};
use crate::clock::HostClock;
use crate::counters::Counters;
use crate::crypto::Proved;
use crate::deadline::Deadlines;
use crate::linger::Lingering;
use crate::response::{self, Answered};
use crate::{CallToken, Filter, Host, Status};
use ollama_gate_engine::{
    Answered as Progress, Call, Clock as _, ConfigErrors, Configuration, Engine, Expected, Level,
    Mode, Pending, Response, Timestamp,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;
use std::time::Duration;

/// How often a gateway with ticks looks whether something is due.
const TICK: Duration = Duration::from_secs(1);
/// How soon the first tick comes where it may fetch: until then each request fetches for itself.
const FIRST_TICK: Duration = Duration::from_millis(50);

/// How often a piece of a document is read while there is one to read. Between two of them requests are served.
const READING_TICK: Duration = Duration::from_millis(5);

/// Why what concerns responses is refused by the file of the module that is not called for them.
const FEWER: &str = "needs the callbacks for responses, which `ollama_gate_envoy.wasm` leaves out: load \
                     `ollama_gate.wasm` in its place";

const REPORT: &str = "ollama-gate: mode is `report`: NOTHING IS ENFORCED, every request is forwarded to Ollama unchanged";

/// One configuration in force, and what the gateway offers it.
#[derive(Debug)]
pub(crate) struct Ready {
    /// of its document
    digest: [u8; 32],
    pub(crate) engine: Engine,
    pub(crate) capabilities: Capabilities,
    pub(crate) confirmation: Confirmation,
    pub(crate) bodies: Bodies,
    pub(crate) held: HeldBytes,
    pub(crate) counters: Counters,
    pub(crate) crypto: Proved,
    /// how many ticks have come since the last request
    quiet: Cell<u32>,
    /// whether ticks look for what ends soon
    looks_in_ticks: Cell<bool>,
    /// where ticks do not, how many requests need not either
    unlooked: Cell<u32>,
}

/// Where no tick looks for what ends soon, and requests need no clock, one does after so many.
const MAX_UNLOOKED: u32 = 15;

/// For so many ticks after a request, fetches are made in them where a root context does not end with
/// its configuration: one that nobody asks any more may be one that is no longer in force.
const ASKED_LATELY: u32 = 10;

/// Where it stands of what there was a warning last, and when, in seconds since 1970: this, and the number of a slot.
const WARNED: &str = "ollama_gate.warned.";
/// How many slots there are. The gateway's memory forgets nothing, so names cannot be added to it without end. Two that
/// share a slot are warned of by more than one worker.
const WARNED_SLOTS: u64 = 1024;
/// No worker warns of what another one has warned of so many seconds ago, or less.
const DAY: i64 = 24 * 3600;

/// Where the digest of the configuration stands that was loaded last.
const NEWEST: &str = "ollama_gate.configuration";

impl Ready {
    /// Tells those that still run under another configuration that there is this one.
    fn announce(&self, host: &impl Host) {
        if self.capabilities.shares_data
            && let Err(status) = host.set_shared_data(NEWEST, &self.digest)
        {
            let so =
                ", requests that are held during a reload end under the one that they began with";
            status.tell(host, Level::Warn, "announce the configuration", so);
        }
    }

    /// The digest of the configuration that was loaded last, of whichever gate in this gateway; none
    /// where nobody can know.
    pub(crate) fn newest(&self, host: &impl Host) -> Option<Vec<u8>> {
        if !self.capabilities.shares_data {
            return None;
        }
        host.shared_data(NEWEST).ok().flatten()
    }

    /// A tick has come. Whether what is due is fetched in it.
    fn fetches_in_tick(&self) -> bool {
        let quiet = self.quiet.get();
        self.quiet.set(quiet.saturating_add(1));
        self.capabilities.ends_root_contexts || quiet < ASKED_LATELY
    }

    /// Warns of what ends soon where no tick does. `said` is the time, if a request needed it. The first that did not
    /// asks for it all the same, and then one now and then.
    pub(crate) fn warn_without_ticks(&self, host: &impl Host, said: Option<Timestamp>) {
        if self.looks_in_ticks.get() || !self.engine.watches() {
            return;
        }
        let unlooked = self.unlooked.get();
        if said.is_none() && unlooked > 0 {
            self.unlooked.set(unlooked.saturating_sub(1));
            return;
        }
        self.unlooked.set(MAX_UNLOOKED);
        if let Some(now) = said.or_else(|| HostClock::new(host).wall()) {
            self.warn_of_ends(host, now);
        }
    }

    /// Warns of what ends soon, once a day: for all workers together where they share a memory.
    fn warn_of_ends(&self, host: &impl Host, now: Timestamp) {
        for ending in self.engine.ending(now) {
            if self.is_first_to_warn(host, &ending.name, now) {
                host.log(Level::Warn, &ending.line);
            }
        }
    }

    fn is_first_to_warn(&self, host: &impl Host, name: &str, now: Timestamp) -> bool {
        if !self.capabilities.shares_data {
            return true;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(name.as_bytes());
        let slot = hasher.finish().checked_rem(WARNED_SLOTS).unwrap_or(0);
        let key = format!("{WARNED}{slot}");
        let stored = host.shared_data(&key).ok().flatten();
        let stored = stored.and_then(|bytes| String::from_utf8(bytes).ok());
        let warned = stored.as_ref().and_then(|stored| {
            let (seconds, other) = stored.split_once(' ')?;
            let seconds = seconds.parse().ok().filter(|_| other == name)?;
            Some(Timestamp::from_seconds(seconds))
        });
        if warned.is_some_and(|warned| warned <= now && now.since(warned) < DAY) {
            return false;
        }
        // Who cannot note it warns all the same.
        let _ = host.set_shared_data(&key, format!("{} {name}", now.seconds()).as_bytes());
        true
    }

    /// A request's share of a document that is being read.
    #[inline(never)] // hardly ever
    pub(crate) fn read_on(&self, host: &impl Host) {
        if let Some(now) = HostClock::new(host).wall() {
            self.engine.read_on(now);
        }
    }

    /// Logs what the engine has to tell beside decisions, and counts the fetches that have ended.
    pub(crate) fn tell_news(&self, host: &impl Host) {
        if self.engine.has_news() {
            self.tell_all_news(host);
        }
    }

    #[inline(never)] // hardly ever
    fn tell_all_news(&self, host: &impl Host) {
        for news in self.engine.take_news() {
            host.log(news.level, &news.line);
        }
        for worked in self.engine.take_ended() {
            self.counters.count_fetch(host, worked);
        }
    }
}

/// The root context.
#[derive(Debug)]
pub struct Root<H: Host> {
    host: H,
    ready: Option<Rc<Ready>>,
    /// what was called between requests, and for which configuration
    calls: HashMap<CallToken, (Rc<Ready>, Pending, Expected)>,
    /// what follows from answers, until the next tick
    following: Vec<(Rc<Ready>, Pending, Call)>,
    ticks: Ticks,
    /// since when ticks come for what is read, in nanoseconds; none if they come each second
    reading: Option<u64>,
    /// whether a request was refused because the configuration was: that is logged once
    told: Rc<Cell<bool>>,
    /// the refusals that wait for the rest of their requests
    lingering: Rc<Lingering>,
    /// the requests whose bodies are held
    deadlines: Rc<Deadlines>,
}

/// What is known of the gateway's ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ticks {
    /// none were asked for: Kong crashes when they are asked for twice
    Unasked,
    /// none has come yet: Kong crashes at an HTTP call in the first one
    Expected,
    Coming,
}

impl<H: Host + Clone> Root<H> {
    /// Without a configuration: every request is refused.
    pub fn new(host: H) -> Self {
        Self {
            host,
            ready: None,
            calls: HashMap::new(),
            following: Vec::new(),
            ticks: Ticks::Unasked,
            reading: None,
            told: Rc::default(),
            lingering: Rc::default(),
            deadlines: Rc::default(),
        }
    }

    /// Reads the configuration. If it is refused, so is every request. The answer is `false` where
    /// the gateway then stays closed by itself, or keeps what was good; see
    /// `Shown::is_closed_by_a_refusal`.
    pub fn configure(&mut self) -> bool {
        self.retire();
        self.calls.clear();
        self.following.clear();
        self.told = Rc::default();
        let shown = Shown::by(&self.host);
        match self.read(shown) {
            Ok(ready) => {
                self.ask_for_ticks(&ready);
                ready.announce(&self.host);
                self.ready = Some(Rc::new(ready));
                true
            }
            Err(errors) => {
                let refuses = shown.is_closed_by_a_refusal();
                let count = errors.count();
                let plural = if count == 1 { "" } else { "s" };
                let closed = if refuses {
                    ""
                } else {
                    ": until it is corrected, every request gets 500"
                };
                let title =
                    format!("ollama-gate: configuration refused, {count} error{plural}{closed}");
                self.host.log(Level::Error, &title);
                for line in errors.lines() {
                    let line = format!("ollama-gate: configuration: {line}");
                    self.host.log(Level::Error, &line);
                }
                !refuses
            }
        }
    }

    fn read(&self, shown: Shown) -> Result<Ready, ConfigErrors> {
        let document = self.host.configuration().map_err(|Status(status)| {
            ConfigErrors::of_document(format!(
                "could not be read: host call failed with status {status}"
            ))
        })?;
        let environment = |name: &str| self.host.environment(name);
        let configuration = Configuration::read(&document, &environment, self.host.entropy())?;
        if let Some(field) = configuration.engine.field_for_responses()
            && !self.host.sees_responses()
        {
            return Err(ConfigErrors::at(field, FEWER.to_owned()));
        }
        let found =
            Capabilities::find(shown, configuration.host).map_err(ConfigErrors::of_document)?;
        let capabilities = Capabilities {
            // A name is not enough: Kong that is named Envoy traps, and then proxies everything.
            shares_data: found.shares_data && shown == Shown::Envoy,
            ..found
        };
        for line in &configuration.notices {
            self.host.log(Level::Info, &format!("ollama-gate: {line}"));
        }
        for line in &configuration.warnings {
            self.host.log(Level::Warn, &format!("ollama-gate: {line}"));
        }
        let mode = configuration.engine.mode();
        if mode == Mode::Report {
            self.host.log(Level::Warn, REPORT);
        }
        Ok(Ready {
            digest: Configuration::digest(&document),
            engine: configuration.engine,
            capabilities,
            confirmation: Confirmation::of(shown, configuration.host),
            bodies: Bodies::new(capabilities, configuration.holding),
            held: HeldBytes::new(configuration.holding.held_limit),
            crypto: Proved::default(),
            quiet: Cell::new(u32::MAX),
            looks_in_ticks: Cell::new(false),
            unlooked: Cell::new(0),
            counters: self.counters(capabilities, mode),
        })
    }

    fn counters(&self, capabilities: Capabilities, mode: Mode) -> Counters {
        if !capabilities.counters {
            return Counters::default();
        }
        let mut counters = Counters::define(&self.host, mode);
        if capabilities.ticks {
            counters.define_gauges(&self.host, mode);
        }
        counters
    }

    /// Where there is nothing to do in them, or the gateway has none, none are asked for.
    fn ask_for_ticks(&mut self, ready: &Ready) {
        let capabilities = ready.capabilities;
        let engine = &ready.engine;
        let has_work = engine.fetches() || engine.watches() || capabilities.counts_on_ticks;
        if !capabilities.ticks || !has_work {
            return;
        }
        let first = if capabilities.calls_in_first_tick() {
            FIRST_TICK
        } else {
            TICK
        };
        if self.ticks == Ticks::Unasked && self.host.set_tick(first).is_ok() {
            self.ticks = Ticks::Expected;
        }
        if self.ticks != Ticks::Unasked {
            self.lingering.expect_ticks();
            self.deadlines.expect_ticks();
            if capabilities.ends_root_contexts {
                ready.engine.expect_ticks();
            }
            ready.counters.expect_ticks(capabilities.counts_on_ticks);
            ready.looks_in_ticks.set(true);
        }
    }

    /// A tick has come.
    pub fn tick(&mut self) {
        self.read_on();
        if self.is_each_second() {
            self.look_for_due();
            self.deadlines.tick(&self.host);
            self.lingering.tick(&self.host);
        }
    }

    /// Reads a piece of a document, if there is one to read.
    fn read_on(&mut self) {
        let Some(ready) = self.ready.clone() else {
            return;
        };
        if ready.engine.is_reading()
            && let Some(now) = self.now()
        {
            ready.engine.read_on(now);
            ready.tell_news(&self.host);
        }
        self.keep_pace(&ready);
    }

    /// Has ticks come often while there is a document to read, where that can be asked for more than once.
    fn keep_pace(&mut self, ready: &Ready) {
        let reads = ready.engine.is_reading();
        if self.ticks != Ticks::Coming || !ready.capabilities.ends_root_contexts {
            return;
        }
        if reads && self.reading.is_none() && self.host.set_tick(READING_TICK).is_ok() {
            self.reading = Some(self.host.wall_clock().unwrap_or_default());
        } else if !reads && self.reading.is_some() && self.host.set_tick(TICK).is_ok() {
            self.reading = None;
        }
    }

    /// Whether this tick is one of those that come each second.
    fn is_each_second(&mut self) -> bool {
        let Some(since) = self.reading else {
            return true;
        };
        let now = self.host.wall_clock().unwrap_or_default();
        let passed = now.checked_sub(since).map(Duration::from_nanos);
        let is_due = passed.is_none_or(|passed| passed >= TICK);
        if is_due {
            self.reading = Some(now);
        }
        is_due
    }

    /// Tells the counters, and fetches what is due, so that no request has to wait for it.
    fn look_for_due(&mut self) {
        if let Some(ready) = &self.ready {
            ready.counters.tell(&self.host);
        }
        let is_first = self.ticks != Ticks::Coming;
        self.ticks = Ticks::Coming;
        let (Some(ready), Some(now)) = (self.ready.clone(), self.now()) else {
            return;
        };
        if is_first {
            if !ready.capabilities.calls_in_first_tick() {
                return;
            }
            if let Err(status) = self.host.set_tick(TICK) {
                status.tell(&self.host, Level::Error, "set the timer", "");
            }
        }
        for (ready, pending, call) in std::mem::take(&mut self.following) {
            self.send(&ready, pending, &call);
        }
        if ready.fetches_in_tick() {
            for (pending, call) in ready.engine.due(now) {
                self.send(&ready, pending, &call);
            }
            ready.warn_of_ends(&self.host, now);
            ready.counters.show(&self.host, &ready.engine.gauges(now));
        }
        ready.tell_news(&self.host);
    }

    /// A call that was made between requests was answered, with a body of `size` bytes.
    pub fn call_done(&mut self, token: CallToken, size: usize) {
        let Some((ready, pending, expected)) = self.calls.remove(&token) else {
            return;
        };
        let answered = Answered::take(&self.host, expected, size);
        self.answer(&ready, pending, &answered.response());
        ready.tell_news(&self.host);
        self.keep_pace(&ready);
    }

    fn send(&mut self, ready: &Rc<Ready>, pending: Pending, call: &Call) {
        match self.host.http_call(call) {
            Ok(token) => {
                let call = (Rc::clone(ready), pending, call.expected());
                self.calls.insert(token, call);
            }
            Err(status) => {
                response::tell_refused(&self.host, call, status);
                self.answer(ready, pending, &Response::none());
            }
        }
    }

    fn answer(&mut self, ready: &Rc<Ready>, pending: Pending, response: &Response<'_>) {
        // Without a clock the fetch is given up; the next tick begins another.
        let Some(now) = self.now() else { return };
        if let Progress::Follow(pending, call) = ready.engine.answer(pending, response, now) {
            if ready.capabilities.calls_in_callbacks {
                self.send(ready, pending, &call)
            } else {
                self.following.push((Rc::clone(ready), pending, *call))
            }
        }
    }

    fn now(&self) -> Option<Timestamp> {
        HostClock::new(&self.host).wall()
    }

    /// The context of one request. It keeps the configuration that it began with.
    #[inline(always)] // as of `Filter::new`
    pub fn filter(&self) -> Filter<H> {
        if let Some(ready) = &self.ready {
            ready.quiet.set(0);
        }
        let (told, lingering) = (Rc::clone(&self.told), Rc::clone(&self.lingering));
        let (host, ready) = (self.host.clone(), self.ready.clone());
        Filter::new(host, ready, told, lingering, Rc::clone(&self.deadlines))
    }
}

impl<H: Host> Root<H> {
    /// Ends the configuration in force. What still runs under it is counted at once.
    fn retire(&mut self) {
        if let Some(ready) = self.ready.take() {
            ready.counters.expect_ticks(false);
            ready.counters.tell(&self.host);
        }
    }
}

impl<H: Host> Drop for Root<H> {
    fn drop(&mut self) {
        self.retire();
    }
}
