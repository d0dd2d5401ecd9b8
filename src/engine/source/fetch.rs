//! One document: what is held of it, and the fetches under way.

use super::call::{
    Answer, CONTENT_ENCODING, Call, Document, Expected, Lifetime, News, Read, Response,
    ResponseBody, without_mark,
};
use super::held::Held;
use super::negative_cache::NegativeCache;
use super::pieces::{Heading, UnderWay};
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
    /// the validator that the first call named
    named: Option<String>,
    /// what is read of the answer to the last call
    expected: Expected,
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
    Follow(Fetch, Box<Call>),
    /// the document is being read
    Reading,
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
    pub(super) state: RefCell<State<D::Value>>,
}

#[derive(Debug)]
pub(super) struct State<V> {
    pub(super) held: Option<Held<V>>,
    /// the document that is being read
    pub(super) reading: Option<UnderWay<V>>,
    /// when the server last said what it is
    last_had: Option<Timestamp>,
    /// after how many seconds ticks fetch what is held anew
    renewed_after: i64,
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
                reading: None,
                last_had: None,
                renewed_after: 0,
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

    /// What it is a source of.
    pub(crate) const fn document(&self) -> &D {
        &self.document
    }

    /// For how many seconds the server is left alone at `now`, at least one.
    pub(crate) fn seconds_to_wait(&self, now: Timestamp) -> i64 {
        self.state.borrow().retry.left(now).unwrap_or(1)
    }

    /// When the server last said what the document is, or that it has not changed.
    pub(crate) fn last_had(&self) -> Option<Timestamp> {
        self.state.borrow().last_had
    }

    /// Whether the last fetch failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.state.borrow().retry.has_failed()
    }

    /// The moment from which what is held is used no longer, unless it is fetched anew.
    pub(crate) fn used_until(&self) -> Option<Timestamp> {
        let state = self.state.borrow();
        let held = state.held.as_ref()?;
        Some(held.since.plus(held.lifetime.used))
    }

    /// What there is at `now`.
    pub(crate) fn held(&self, now: Timestamp) -> Cached<D::Value> {
        let mut state = self.state.borrow_mut();
        let Some(held) = &mut state.held else {
            return Cached::Nothing;
        };
        let cached = held.at(now);
        if matches!(cached, Cached::Nothing) {
            state.held = None;
        }
        cached
    }

    /// Whether what is stale may be fetched anew now for a known caller: none else does, unless one has
    /// been given up, and the server has not just failed.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let state = self.state.borrow();
        let cool_down = self.rules.cool_down;
        let alone = state.reading.is_none()
            && (self.in_flight.of_callers.get() == 0
                || state.refreshes.were_given_up(cool_down, now));
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
        // What comes next is read when this is.
        if state.reading.is_some() {
            return Err(match why {
                Why::Stale | Why::Prefetch => NotFetched::NotDue,
                Why::Absent | Why::Missing(_) | Why::Doubted => NotFetched::Busy,
            });
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
                if let Some(held) = &state.held
                    && !has_passed(held.since, state.renewed_after, now)
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
        let mut call = self.document.first(now);
        let etag = state.held.as_ref().and_then(|held| held.etag.clone());
        let etag = etag.filter(|_| call.reads_validator());
        if let Some(etag) = &etag {
            call = call.unless(etag.clone());
        }
        let fetch = Fetch {
            number: state.count,
            step: 0,
            is_look: matches!(why, Why::Missing(_) | Why::Doubted),
            named: etag,
            expected: call.expected(),
            _place: Place(Rc::clone(in_flight)),
        };
        Ok((fetch, call))
    }

    /// The answer to the last call of `fetch`.
    pub(crate) fn answer(&self, fetch: Fetch, response: &Response<'_>, now: Timestamp) -> Progress {
        let mut heading = Heading::of(response, now);
        if response.status == Some(304)
            && let Some(held) = &mut self.state.borrow_mut().held
        {
            held.doubt(&mut heading.etag);
        }
        match self.read(&fetch, response, now) {
            Ok(Read::Follow(call)) if fetch.step == 0 => {
                let step = fetch.step.saturating_add(1);
                let expected = call.expected();
                let fetch = Fetch {
                    step,
                    expected,
                    ..fetch
                };
                Progress::Follow(fetch, Box::new(call))
            }
            Ok(Read::Follow(_)) => self.failed("it points to yet another address", &heading, now),
            Ok(Read::InPieces(reading)) => {
                self.begin_reading(UnderWay::new(fetch, heading, reading), now)
            }
            Ok(read) => self.succeeded(read, heading, &fetch),
            Err(why) => self.failed(&why, &heading, now),
        }
    }

    fn read(
        &self,
        fetch: &Fetch,
        response: &Response<'_>,
        now: Timestamp,
    ) -> Result<Read<D::Value>, String> {
        let state = self.state.borrow();
        let held = state.held.as_ref();
        let status = response.status.ok_or("no answer came")?;
        // RFC 9110 section 15.4.5. It speaks of the document that was named, which has to be the one held.
        let known = held.and_then(|held| held.etag.as_ref());
        if status == 304 && fetch.step == 0 && known.is_some() && fetch.named.as_ref() == known {
            return Ok(Read::Unchanged);
        }
        if !self.document.accepts(status) {
            return Err(unusable(status));
        }
        if let Some(coding) = response.header(CONTENT_ENCODING)
            && !coding.eq_ignore_ascii_case("identity")
        {
            return Err("the answer is compressed, which nobody asked for".into());
        }
        let body = match response.body {
            ResponseBody::Bytes(body) => without_mark(body),
            ResponseBody::TooLarge(size) => {
                let max = fetch.expected.max_bytes;
                return Err(format!("the answer has {size} bytes, over {max}"));
            }
        };
        self.document.read(&Answer {
            step: fetch.step,
            status,
            body,
            held: held.map(|held| &*held.value),
            now,
        })
    }

    /// `item` was fetched for and is not there.
    pub(crate) fn note_missing(&self, item: &str, now: Timestamp) {
        let mut state = self.state.borrow_mut();
        state.negative_cache.note(item, now, self.rules.cool_down);
    }

    pub(super) fn succeeded(
        &self,
        read: Read<D::Value>,
        heading: Heading,
        fetch: &Fetch,
    ) -> Progress {
        let now = heading.at;
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        // A fetch that was begun later has been answered before: what this one brings is older.
        if fetch.number < state.brought_by {
            return Progress::Done {
                changed: false,
                ok: true,
                news: Vec::new(),
            };
        }
        state.brought_by = fetch.number;
        let known = state.held.take();
        let first = known.is_none();
        let taken = Held::taken_over(read, known, heading.etag, self.lifetime(), now);
        let Some((held, changed, warnings)) = taken else {
            return Progress::Done {
                changed: false,
                ok: false,
                news: Vec::new(),
            };
        };
        state.renewed_after = self.renewed_after(held.lifetime, &mut state.jitter);
        state.held = Some(held);
        state.last_had = Some(now);
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

    /// How long what the configuration describes is what it says.
    const fn lifetime(&self) -> Lifetime {
        Lifetime {
            fresh: self.rules.every,
            used: self.rules.max_stale,
        }
    }

    /// After how many seconds ticks fetch anew what has this lifetime: early enough that no request ever finds it
    /// stale.
    fn renewed_after(&self, lifetime: Lifetime, jitter: &mut Jitter) -> i64 {
        let early = lifetime.fresh.saturating_mul(3) / 4;
        if !self.rules.spread {
            return early;
        }
        let spread = lifetime.fresh.saturating_sub(early).unsigned_abs();
        let offset = i64::try_from(jitter.below(spread)).unwrap_or(0);
        early.saturating_add(offset).max(1)
    }

    pub(super) fn failed(&self, why: &str, heading: &Heading, now: Timestamp) -> Progress {
        let mut state = self.state.borrow_mut();
        let State { retry, jitter, .. } = &mut *state;
        // Fetches that were under way together fail together: that is one failure.
        let seconds = match retry.left(now) {
            Some(left) => left,
            None => retry.failed(now, jitter, self.rules.max_back_off, heading.retry_after),
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

/// Why nothing is read in an answer with `status`.
fn unusable(status: u16) -> String {
    match status {
        304 => {
            "the answer says that nothing has changed (304), of another document than the one held"
                .to_owned()
        }
        300..=399 => format!("the answer is a redirect ({status}), which is not followed"),
        _ => format!("the answer has status {status}"),
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
