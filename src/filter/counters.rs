//! The counters and gauges of one configuration.

use crate::{Counter, Gauge, Host};
use ollama_gate_engine::{GAUGES, Method, Mode, Reason, Record};
use std::cell::Cell;

/// The counters, by what they count. All are empty where the gateway has none.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    allowed: Option<Counter>,
    /// allowed requests that the gateway has not been told of
    untold: Cell<u64>,
    /// whether ticks tell it of them: a call less for each request
    ticks: Cell<bool>,
    /// in the order of [`Reason::ALL`]
    denied: Vec<Counter>,
    by_previous_token_secret: Option<Counter>,
    by_previous_key: Option<Counter>,
    fetched: Option<Counter>,
    fetch_failed: Option<Counter>,
    /// in the order of [`GAUGES`], each with what it was told to show last
    gauges: Vec<(Gauge, Cell<Option<u64>>)>,
}

impl Counters {
    /// Makes the counters known to `host`. A gateway that defines none is no reason to stop.
    /// No tick is expected yet.
    /// What was only reported has names of its own. Every name is one of Prometheus as it stands
    /// (`[a-z_]+`, `_total` last), since not every gateway replaces what is none in a name.
    pub(crate) fn define(host: &impl Host, mode: Mode) -> Self {
        let prefix = prefix(mode);
        let define = |name: &str| host.define_counter(&format!("{prefix}_{name}_total"));
        let denied: Result<_, _> = Reason::ALL
            .iter()
            .map(|reason| define(&reason.counter()))
            .collect();
        Self {
            untold: Cell::new(0),
            ticks: Cell::new(false),
            denied: denied.unwrap_or_default(),
            allowed: define("allowed").ok(),
            by_previous_token_secret: define("jwt_previous_secret").ok(),
            by_previous_key: define("key_previous_secret").ok(),
            fetched: define("fetch_succeeded").ok(),
            fetch_failed: define("fetch_failed").ok(),
            gauges: Vec::new(),
        }
    }

    /// Makes the gauges known too, for a gateway on which somebody looks at what they show now and then.
    pub(crate) fn define_gauges(&mut self, host: &impl Host, mode: Mode) {
        let prefix = prefix(mode);
        let all: Result<_, _> = GAUGES
            .iter()
            .map(|name| host.define_gauge(&format!("{prefix}_{name}")))
            .map(|gauge| gauge.map(|gauge| (gauge, Cell::new(None))))
            .collect();
        self.gauges = all.unwrap_or_default();
    }

    /// Tells the gateway what the gauges show that show something else now. `values` are in the order of [`GAUGES`].
    pub(crate) fn show(&self, host: &impl Host, values: &[u64]) {
        for ((gauge, shown), value) in self.gauges.iter().zip(values) {
            if shown.replace(Some(*value)) != Some(*value) {
                host.record(*gauge, *value);
            }
        }
    }

    /// Counts a decision.
    pub(crate) fn count(&self, host: &impl Host, record: &Record) {
        let decision = match record.reason {
            None => {
                self.untold.set(self.untold.get().saturating_add(1));
                if !self.ticks.get() {
                    self.tell(host);
                }
                None
            }
            Some(reason) => self.denied.get(reason.place()).copied(),
        };
        let previous = match record.by_previous_secret {
            None => None,
            Some(Method::ApiKey) => self.by_previous_key,
            Some(_) => self.by_previous_token_secret,
        };
        for counter in [decision, previous].into_iter().flatten() {
            host.count(counter, 1);
        }
    }

    /// From now on [`Self::tell`] is called now and then, or no longer.
    pub(crate) fn expect_ticks(&self, expected: bool) {
        self.ticks.set(expected);
    }

    /// Tells the gateway how many requests were allowed since it was told last.
    pub(crate) fn tell(&self, host: &impl Host) {
        let untold = self.untold.take();
        if let Some(allowed) = self.allowed.filter(|_| untold > 0) {
            host.count(allowed, untold);
        }
    }

    /// Counts a fetch that ended.
    pub(crate) fn count_fetch(&self, host: &impl Host, worked: bool) {
        let counter = if worked {
            self.fetched
        } else {
            self.fetch_failed
        };
        if let Some(counter) = counter {
            host.count(counter, 1);
        }
    }
}

/// What the names of all metrics begin with.
const fn prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "ollama_gate",
        Mode::Report => "ollama_gate_report",
    }
}
