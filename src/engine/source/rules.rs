//! What is asked of a source, and what it says.

use std::rc::Rc;

/// How a document is kept, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FetchRules {
    /// how long it is fresh
    pub every: i64,
    /// whether ticks fetch it at different times on different workers
    pub spread: bool,
    /// the longest time for which a server that failed is left alone
    pub max_back_off: i64,
    /// how long it is used
    pub max_stale: i64,
    /// how long after a look, a fetch for something missing or doubted, there is no other
    pub cool_down: i64,
    /// the most fetches under way
    pub max_in_flight: u32,
    /// the most fetches that begin in one second, whatever becomes of them
    pub max_per_second: u32,
}

/// What there is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cached<V> {
    /// as new as it should be
    Fresh(Rc<V>),
    /// older, and still to be used
    Stale(Rc<V>),
    /// nothing, or too old
    Nothing,
}

/// Why to fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why<'a> {
    /// there is nothing
    Absent,
    /// what there is is stale
    Stale,
    /// there is no item of this name in it
    Missing(&'a str),
    /// what is in it may have been exchanged
    Doubted,
    /// it will be stale soon; asked by ticks
    Prefetch,
}

/// Why not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotFetched {
    /// what there is will do for now
    NotDue,
    /// it was looked for a moment ago, and is not there
    Missing,
    /// something was looked for a moment ago, and the document is as new as that
    CoolingDown {
        /// when something may be looked for again, in seconds
        retry_after: i64,
    },
    /// the server failed a moment ago
    Unavailable {
        /// when it will be asked again, in seconds
        retry_after: i64,
    },
    /// too many are under way, or were begun in this second
    Busy,
}
