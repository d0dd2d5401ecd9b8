//! What was decided on each gateway, kept while the table runs a scenario.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ollama_gate_wasm_tests::gateway::Configured;
use ollama_gate_wasm_tests::{ClientRequest, Outcome, Verdict};

/// A decision, in the words of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A configuration, accepted or refused with so many lines.
    Configured(bool, usize),
    /// The request went on.
    Allowed,
    /// The gate refused: status and code.
    Denied(u32, String),
    /// The gateway refused before the gate saw the request.
    RefusedByHost(u16),
    /// Held, or the worker is gone.
    Stuck,
}

/// One entry: what was asked, and what came of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The request; none for a configuration.
    pub request: Option<ClientRequest>,
    /// What came of it.
    pub decision: Decision,
}

/// The entries of each gateway, in order.
pub type Book = BTreeMap<&'static str, Vec<Entry>>;

thread_local! {
    static BOOK: RefCell<Option<Book>> = const { RefCell::new(None) };
}

/// Runs a scenario and gives its book.
pub fn of(scenario: fn()) -> Book {
    BOOK.set(Some(Book::new()));
    scenario();
    BOOK.take().unwrap_or_default()
}

/// Notes a configuration.
pub fn configured(host: &'static str, configured: &Configured) {
    let lines = configured.record.log.len();
    note(host, None, || {
        Decision::Configured(configured.accepted, lines)
    });
}

/// Notes what came of a request.
pub fn decided(host: &'static str, request: &ClientRequest, outcome: &Outcome) {
    note(host, Some(request), || match outcome.verdict {
        Verdict::Forwarded => Decision::Allowed,
        Verdict::Replied => Decision::Denied(outcome.status(), outcome.code()),
        Verdict::RefusedByHost(status) => Decision::RefusedByHost(status),
        Verdict::Held | Verdict::Crashed(_) => Decision::Stuck,
    });
}

fn note(host: &'static str, request: Option<&ClientRequest>, decision: impl Fn() -> Decision) {
    BOOK.with_borrow_mut(|book| {
        if let Some(book) = book {
            let entry = Entry {
                request: request.cloned(),
                decision: decision(),
            };
            book.entry(host).or_default().push(entry);
        }
    });
}
