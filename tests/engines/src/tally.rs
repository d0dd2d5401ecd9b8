//! What was compared, and what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// How many differences are shown.
const SHOWN: usize = 10;

/// The sums over all traces.
#[derive(Debug, Default)]
pub struct Tally {
    /// The names of the scenarios.
    pub scenarios: BTreeSet<String>,
    /// How many instances were made.
    pub instances: usize,
    /// Calls from outside.
    pub callbacks: usize,
    /// Calls of the module.
    pub host_calls: usize,
    /// Bytes that the host read, and was to find the same.
    pub bytes_read: usize,
    /// Bytes that the host wrote.
    pub bytes_written: usize,
    /// Configurations, accepted or refused.
    pub configurations: usize,
    /// Requests that ended, by gateway.
    pub decisions: BTreeMap<String, usize>,
    /// The different verdicts, with status and code.
    pub verdicts: BTreeMap<String, usize>,
    /// How long it took to make each instance.
    pub instantiations: Vec<Duration>,
    /// Pages of linear memory at each instance's end.
    pub pages: Vec<u64>,
    /// The first difference of each instance that has one.
    pub differences: Vec<String>,
}

impl Tally {
    /// A request on this gateway came to this verdict, and to this answer of the module.
    pub fn decided(&mut self, host: &str, verdict: &str, (status, code): &(u32, String)) {
        *self.decisions.entry(host.to_owned()).or_default() += 1;
        let kind = match status {
            0 => verdict.to_owned(),
            _ => format!("{verdict} {status} {code}"),
        };
        *self.verdicts.entry(kind).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decisions: usize = self.decisions.values().sum();
        let hosts = self.decisions.iter();
        let hosts: Vec<_> = hosts
            .map(|(host, count)| format!("{host} {count}"))
            .collect();
        writeln!(
            f,
            "{} scenarios, {} instances, {} configurations, {} callbacks, {} host calls, {} bytes read, {} bytes written",
            self.scenarios.len(),
            self.instances,
            self.configurations,
            self.callbacks,
            self.host_calls,
            self.bytes_read,
            self.bytes_written,
        )?;
        writeln!(
            f,
            "{decisions} decisions of {} kinds ({}), {} differences",
            self.verdicts.len(),
            hosts.join(", "),
            self.differences.len()
        )?;
        let mut shown = self.differences.iter().take(SHOWN);
        shown.try_for_each(|difference| writeln!(f, "  {difference}"))
    }
}

/// The middle one; the default, where there is none.
#[must_use]
pub fn median<T: Copy + Default + Ord>(values: &[T]) -> T {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
