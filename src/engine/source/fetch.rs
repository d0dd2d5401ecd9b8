//! One document: what is held of it, and the fetches under way.

use super::call::{Call, Document, MAX_BODY_BYTES, News, Read, Response, ResponseBody};
use super::negative_cache::NegativeCache;
use super::retry::{Jitter, Looks, PerSecond, RetryDelay, has_passed};
use super::rules::{Cached, FetchRules, NotFetched, Why};
use crate::denial::Level;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The most warnings of one document that are logged: ten, and how many more there are.
const MAX_WARNINGS: usize = 11;

/// A fetch under way. Dropping it frees its place and does nothing else.
#[derive(Debug)]
pub(crate) struct Fetch {
    /// the how-manieth it is
    number: u64,
    step: usize,
    is_look: bool,
    _place: Place,
}

/// One of the places for fetches.
#[derive(Debug)]
struct Place(Rc<Cell<u32>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The fetches under way, by what began them: none that a stranger can begin keeps another from beginning
/// that a stranger cannot.
#[derive(Debug, Default)]
struct InFlight {
    /// for lack of anything, or for what is missing or doubted: anybody's
    of_requests: Rc<Cell<u32>>,
    /// for what is stale: a known caller's
    of_callers: Rc<Cell<u32>>,
    /// the gateway's own, by its ticks
    of_ticks: Rc<Cell<u32>>,
}

impl InFlight {
    const fn of(&self, why: Why<'_>) -> &Rc<Cell<u32>> {
        match why {
            Why::Absent | Why::Missing(_) | Why::Doubted => &self.of_requests,
            Why::Stale => &self.of_callers,
            Why::Prefetch => &self.of_ticks,
        }
    }
}

/// What an answer led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// another call
    Follow(Fetch, Call),
    /// the fetch has ended
    Done {
        /// whether the document is another one than before
        changed: bool,
        /// whether it was had at all
        ok: bool,
        /// what to log
        news: Vec<News>,
    },
}

/// A document that is fetched and goes stale.
#[derive(Debug)]
pub(crate) struct Source<D: Document> {
    name: String,
    document: D,
    rules: FetchRules,
    in_flight: InFlight,
    state: RefCell<State<D::Value>>,
}

#[derive(Debug)]
struct State<V> {
    held: Option<(Rc<V>, Timestamp)>,
    begun: PerSecond,
    count: u64,
    /// which fetch brought it
    brought_by: u64,
    retry: RetryDelay,
    jitter: Jitter,
    looks: Looks,
    refreshes: Looks,
    negative_cache: NegativeCache,
}

impl<D: Document> Source<D> {
    /// The source that logs call `name`. `seed` is random, so that workers do not step together.
    pub(crate) fn new(name: String, document: D, rules: FetchRules, seed: u64) -> Self {
        Self {
            name,
            document,
            rules,
            in_flight: InFlight::default(),
            state: RefCell::new(State {
                held: None,
                begun: PerSecond::default(),
                count: 0,
                brought_by: 0,
                retry: RetryDelay::default(),
                jitter: Jitter::new(seed),
                looks: Looks::default(),
                refreshes: Looks::default(),
                negative_cache: NegativeCache::default(),
            }),
        }
    }

    /// What there is at `now`.
    pub(crate) fn held(&self, now: Timestamp) -> Cached<D::Value> {
        let mut state = self.state.borrow_mut();
        let (value, since) = match &state.held {
            Some((value, since)) => (Rc::clone(value), *since),
            None => return Cached::Nothing,
        };
        // After a clock was put back nobody knows how old it is. It counts as stale, and as of now.
        if now < since {
            state.held = Some((
                Rc::clone(&value),
                now.plus(self.rules.every.saturating_neg()),
            ));
            return Cached::Stale(value);
        }
        if has_passed(since, self.rules.max_stale, now) {
            state.held = None;
            return Cached::Nothing;
        }
        if has_passed(since, self.rules.every, now) {
            Cached::Stale(value)
        } else {
            Cached::Fresh(value)
        }
    }

    /// Whether what is stale may be fetched anew now for a known caller: none else does, unless one has
    /// been given up, and the server has not just failed.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state.borrow();
        let cool_down = self.rules.cool_down;
        let alone =
            self.in_flight.of_callers.get() == 0 || state.refreshes.were_given_up(cool_down, now);
        alone && state.refreshes.wait(cool_down, now).is_none() && state.retry.left(now).is_none()
    }

    /// Whether it may be looked now for what what is held does not explain.
    pub(crate) fn may_look(&self, now: Timestamp) -> bool {
        let state = self.state.borrow();
        let wait = state.looks.wait(self.rules.cool_down, now);
        wait.is_none() && state.retry.left(now).is_none()
    }

    /// Begins a fetch.
    ///
    /// # Errors
    /// Why there is none now.
    pub(crate) fn begin(&self, why: Why<'_>, now: Timestamp) -> Result<(Fetch, Call), NotFetched> {
        let is_due = self.is_due(now);
        let mut state = self.state.borrow_mut();
        if let Why::Missing(item) = why
            && state.negative_cache.holds(item, now, self.rules.cool_down)
        {
            return Err(NotFetched::Missing);
        }
        if let Some(retry_after) = state.retry.left(now) {
            return Err(match why {
                Why::Stale | Why::Prefetch => NotFetched::NotDue,
                Why::Absent | Why::Missing(_) | Why::Doubted => {
                    NotFetched::Unavailable { retry_after }
                }
            });
        }
        match why {
            Why::Missing(_) | Why::Doubted => {
                if let Some(retry_after) = state.looks.wait(self.rules.cool_down, now) {
                    return Err(NotFetched::CoolingDown { retry_after });
                }
            }
            Why::Stale if !is_due => return Err(NotFetched::NotDue),
            Why::Prefetch => {
                if self.in_flight.of_ticks.get() > 0 {
                    return Err(NotFetched::NotDue);
                }
                // Early enough that no request ever finds it stale.
                let early = self.rules.every.saturating_mul(3) / 4;
                if let Some((_, since)) = &state.held
                    && !has_passed(*since, early, now)
                {
                    return Err(NotFetched::NotDue);
                }
            }
            Why::Absent | Why::Stale => {}
        }
        // Clients that go away free their places, but cannot make the server be asked ever faster.
        let in_flight = self.in_flight.of(why);
        if why != Why::Prefetch
            && (in_flight.get() >= self.rules.max_in_flight
                || !state.begun.one_more(self.rules.max_per_second, now))
        {
            return Err(NotFetched::Busy);
        }
        match why {
            Why::Missing(_) | Why::Doubted => state.looks.begin(self.rules.cool_down, now),
            Why::Stale => state.refreshes.begin(self.rules.cool_down, now),
            Why::Absent | Why::Prefetch => {}
        }
        in_flight.set(in_flight.get().saturating_add(1));
        state.count = state.count.saturating_add(1);
        let fetch = Fetch {
            number: state.count,
            step: 0,
            is_look: matches!(why, Why::Missing(_) | Why::Doubted),
            _place: Place(Rc::clone(in_flight)),
        };
        Ok((fetch, self.document.first()))
    }

    /// The answer to the last call of `fetch`.
    pub(crate) fn answer(&self, fetch: Fetch, response: &Response<'_>, now: Timestamp) -> Progress {
        let read = usable(response).and_then(|body| self.document.read(fetch.step, body));
        match read {
            Ok(Read::Follow(call)) if fetch.step == 0 => {
                let step = fetch.step.saturating_add(1);
                Progress::Follow(Fetch { step, ..fetch }, call)
            }
            Ok(Read::Follow(_)) => self.failed("it points to yet another address", now),
            Ok(Read::Value { value, warnings }) => self.succeeded(value, warnings, &fetch, now),
            Err(why) => self.failed(&why, now),
        }
    }

    /// `item` was fetched for and is not there.
    pub(crate) fn note_missing(&self, item: &str, now: Timestamp) {
        let mut state = self.state.borrow_mut();
        state.negative_cache.note(item, now, self.rules.cool_down);
    }

    fn succeeded(
        &self,
        value: D::Value,
        warnings: Vec<String>,
        fetch: &Fetch,
        now: Timestamp,
    ) -> Progress {
        let mut state = self.state.borrow_mut();
        // A fetch that was begun later has been answered before: what this one brings is older.
        if fetch.number < state.brought_by {
            return Progress::Done {
                changed: false,
                ok: true,
                news: Vec::new(),
            };
        }
        state.brought_by = fetch.number;
        let known = state.held.take().map(|(known, _)| known);
        let first = known.is_none();
        let value = match known {
            Some(known) if *known == value => Ok(known),
            _ => Err(Rc::new(value)),
        };
        let changed = value.is_err();
        let (Ok(value) | Err(value)) = value;
        state.held = Some((value, now));
        if fetch.is_look {
            state.looks.answered(now);
        }
        state.refreshes = Looks::default();
        let recovered = state.retry.succeeded();
        if changed {
            state.negative_cache.clear();
        }
        let mut news = Vec::new();
        let what = match (changed, first, recovered) {
            (true, true, _) => Some("fetched"),
            (true, false, _) => Some("fetched, and changed"),
            (false, _, true) => Some("fetched again after failures"),
            (false, _, false) => None,
        };
        if let Some(what) = what {
            news.push(self.news(Level::Info, what));
        }
        if changed {
            let warnings = warnings.into_iter().take(MAX_WARNINGS);
            news.extend(warnings.map(|warning| self.news(Level::Warn, &warning)));
        }
        Progress::Done {
            changed,
            ok: true,
            news,
        }
    }

    fn failed(&self, why: &str, now: Timestamp) -> Progress {
        let mut state = self.state.borrow_mut();
        let State { retry, jitter, .. } = &mut *state;
        // Fetches that were under way together fail together: that is one failure.
        let seconds = match retry.left(now) {
            Some(left) => left,
            None => retry.failed(now, jitter),
        };
        let line =
            format!("fetch failed: {why}; the next attempt is in {seconds} s at the earliest");
        Progress::Done {
            changed: false,
            ok: false,
            news: vec![self.news(Level::Warn, &line)],
        }
    }

    fn news(&self, level: Level, what: &str) -> News {
        let line = format!("ollama-gate: {}: {what}", self.name);
        News { level, line }
    }
}

/// The body of `response`, if it is one to read.
fn usable<'b>(response: &Response<'b>) -> Result<&'b [u8], String> {
    match (response.status, response.body) {
        (None, _) => Err("no answer came".to_owned()),
        (Some(200), ResponseBody::Bytes(body)) => Ok(body),
        (Some(200), ResponseBody::TooLarge(size)) => Err(format!(
            "the answer has {size} bytes, over {MAX_BODY_BYTES}"
        )),
        (Some(status @ 300..=399), _) => Err(format!(
            "the answer is a redirect ({status}), which is not followed"
        )),
        (Some(status), _) => Err(format!("the answer has status {status}")),
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
