//! Outcomes, counted by what was done to a body.

use std::collections::BTreeMap;

/// How many bodies were accepted, and how many refused.
#[derive(Default)]
pub(crate) struct Tally {
    kinds: BTreeMap<&'static str, (u32, u32)>,
    all: (u32, u32),
}

impl Tally {
    /// Counts one body.
    pub(crate) fn count(&mut self, kinds: &[&'static str], is_accepted: bool) {
        let usual = ["nothing"];
        let kinds = match kinds {
            [] => &usual,
            kinds => kinds,
        };
        for kind in kinds {
            add(self.kinds.entry(kind).or_default(), is_accepted);
        }
        add(&mut self.all, is_accepted);
    }

    /// Accepted and refused bodies to which `kind` was done.
    pub(crate) fn of(&self, kind: &str) -> (u32, u32) {
        self.kinds.get(kind).copied().unwrap_or_default()
    }

    /// How many of a hundred were accepted.
    pub(crate) fn share(&self) -> u32 {
        self.all.0 * 100 / (self.all.0 + self.all.1)
    }

    /// Prints a table.
    pub(crate) fn print(&self) {
        let line = |name: &str, (accepted, refused): (u32, u32)| {
            println!("{name:24} {accepted:7} {refused:7}")
        };
        println!("{:24} {:>7} {:>7}", "what was done", "taken", "refused");
        for (kind, outcomes) in &self.kinds {
            line(kind, *outcomes);
        }
        line("all", self.all);
    }
}

const fn add(outcomes: &mut (u32, u32), is_accepted: bool) {
    if is_accepted {
        outcomes.0 += 1
    } else {
        outcomes.1 += 1
    }
}
