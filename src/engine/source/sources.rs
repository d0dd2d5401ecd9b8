//! Every source of one configuration, whatever it holds and whoever uses it.

use super::call::{Call, Document, News, Response};
use super::fetch::{Fetch, Progress, Source};
use super::reading::Budget;
use super::retry::has_passed;
use super::rules::{NotFetched, Why};
use crate::denial::Denial;
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

/// For how long requests read a document in pieces, in seconds.
const MAX_SHARED_SECONDS: i64 = 2;

/// Which source of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(usize);

/// A fetch under way, and of which source. Dropping it gives it up.
#[derive(Debug)]
pub struct Pending {
    source: SourceId,
    fetch: Fetch,
}

/// A fetch that a request has made, and whether it worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    source: SourceId,
    worked: bool,
}

/// What an answer led to.
#[derive(Debug)]
pub enum Answered {
    /// another call
    Follow(Pending, Box<Call>),
    /// nothing more is fetched
    Done {
        /// what was tried
        tried: Tried,
        /// whether what is held is another document than before
        changed: bool,
    },
}

/// Why something cannot be told: it is refused, or an answer has to come first.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// the caller is refused
    Denied(Denial),
    /// an answer has to come first
    Await(Box<(Pending, Call)>),
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

/// What every source can do, whatever its document says.
trait AnySource: fmt::Debug {
    fn begin(&self, why: Why<'_>, now: Timestamp) -> Result<(Fetch, Call), NotFetched>;
    fn answer(&self, fetch: Fetch, response: &Response<'_>, now: Timestamp) -> Progress;
    fn is_held(&self) -> bool;
    fn is_reading(&self) -> bool;
    fn reading_since(&self) -> Option<Timestamp>;
    fn read_on(&self, budget: Budget, now: Timestamp) -> Option<Progress>;
}

impl<D: Document> AnySource for Source<D> {
    fn begin(&self, why: Why<'_>, now: Timestamp) -> Result<(Fetch, Call), NotFetched> {
        Self::begin(self, why, now)
    }

    fn answer(&self, fetch: Fetch, response: &Response<'_>, now: Timestamp) -> Progress {
        Self::answer(self, fetch, response, now)
    }

    fn is_held(&self) -> bool {
        Self::is_held(self)
    }

    fn is_reading(&self) -> bool {
        Self::is_reading(self)
    }

    fn reading_since(&self) -> Option<Timestamp> {
        Self::reading_since(self)
    }

    fn read_on(&self, budget: Budget, now: Timestamp) -> Option<Progress> {
        Self::read_on(self, budget, now)
    }
}

/// A source for the one who uses what it holds.
#[derive(Debug)]
pub(crate) struct SourceHandle<D: Document> {
    id: SourceId,
    source: Rc<Source<D>>,
    by_ticks: Rc<Cell<bool>>,
}

impl<D: Document> Clone for SourceHandle<D> {
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            source: Rc::clone(&self.source),
            by_ticks: Rc::clone(&self.by_ticks),
        }
    }
}

impl<D: Document> SourceHandle<D> {
    /// The source.
    pub(crate) fn source(&self) -> &Source<D> {
        &self.source
    }

    /// Begins a fetch.
    ///
    /// # Errors
    /// Why there is none now.
    pub(crate) fn begin(
        &self,
        why: Why<'_>,
        now: Timestamp,
    ) -> Result<(Pending, Call), NotFetched> {
        let (fetch, call) = self.source.begin(why, now)?;
        let source = self.id;
        Ok((Pending { source, fetch }, call))
    }

    /// Whether it is of this one that something was `tried`.
    pub(crate) fn is_of(&self, tried: Tried) -> bool {
        tried.source == self.id
    }

    /// Whether it is of this one that something is `pending`.
    pub(crate) fn is_awaited(&self, pending: &Pending) -> bool {
        pending.source == self.id
    }

    /// Whether nobody but requests fetches it.
    pub(crate) fn is_left_to_requests(&self) -> bool {
        !self.by_ticks.get()
    }

    /// Whether a request may fetch anew what is stale: ticks do not, nobody else does, and the server
    /// has not just failed.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        !self.by_ticks.get() && self.source.is_due(now)
    }

    /// Whether the fetch of this one worked, if a request has made one.
    pub(crate) fn outcome(&self, tried: &[Tried]) -> Option<bool> {
        let own = tried.iter().find(|tried| tried.source == self.id)?;
        Some(own.worked)
    }
}

/// Every source of one configuration, and what there is to tell of their fetches.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    all: Vec<Rc<dyn AnySource>>,
    /// whether ticks refresh what grows old, so that no request has to wait for it
    by_ticks: Rc<Cell<bool>>,
    /// whether a document is being read in pieces
    reads: Cell<bool>,
    news: RefCell<Vec<News>>,
    /// the fetches that have ended since they were counted last, and whether each worked
    ended: RefCell<Vec<bool>>,
}

impl Sources {
    /// Adds `source`.
    pub(crate) fn add<D: Document + 'static>(&mut self, source: Source<D>) -> SourceHandle<D> {
        let id = SourceId(self.all.len());
        let source = Rc::new(source);
        let any: Rc<dyn AnySource> = Rc::<Source<D>>::clone(&source);
        self.all.push(any);
        SourceHandle {
            id,
            source,
            by_ticks: Rc::clone(&self.by_ticks),
        }
    }

    /// Whether there is none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// From now on ticks refresh what grows old.
    pub(crate) fn expect_ticks(&self) {
        self.by_ticks.set(true);
    }

    /// A tick: the fetches that are due.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<(Pending, Call)> {
        let numbered = self.all.iter().enumerate();
        let fetches = numbered.filter_map(|(place, source)| {
            let (fetch, call) = source.begin(Why::Prefetch, now).ok()?;
            let source = SourceId(place);
            Some((Pending { source, fetch }, call))
        });
        fetches.collect()
    }

    /// The answer to a call has come: what to do next.
    pub(crate) fn answer(
        &self,
        pending: Pending,
        response: &Response<'_>,
        now: Timestamp,
    ) -> Answered {
        let Pending { source: id, fetch } = pending;
        let Some(source) = self.all.get(id.0) else {
            let worked = false;
            let tried = Tried { source: id, worked };
            return Answered::Done {
                tried,
                changed: false,
            };
        };
        let mut progress = source.answer(fetch, response, now);
        // Requests that only a document can let in cannot be the ones that read it.
        if matches!(progress, Progress::Reading) && !self.by_ticks.get() && !source.is_held() {
            progress = source
                .read_on(Budget::unlimited(), now)
                .unwrap_or(Progress::Reading);
        }
        self.note_readings();
        self.came_to(id, progress)
    }

    /// Whether a document is being read, by [`Sources::read_on`].
    pub(crate) const fn is_reading(&self) -> bool {
        self.reads.get()
    }

    /// Whether it is requests that have to read on, for lack of ticks.
    pub(crate) fn reads_by_requests(&self) -> bool {
        self.reads.get() && !self.by_ticks.get()
    }

    /// Whether requests are behind with a document: where there are no ticks, few requests may come, and a key that
    /// was taken out counts until all of it was read.
    pub(crate) fn is_late(&self, now: Timestamp) -> bool {
        let mut since = self.all.iter().filter_map(|source| source.reading_since());
        self.reads_by_requests() && since.any(|since| has_passed(since, MAX_SHARED_SECONDS, now))
    }

    /// Reads a piece of the document that has been read for the longest, or the rest of it if one is late. What that
    /// came to, if it is the end.
    pub(crate) fn read_on(&self, now: Timestamp) -> Option<Answered> {
        let numbered = self.all.iter().enumerate();
        let reading =
            numbered.filter_map(|(place, source)| Some((source.reading_since()?, place, source)));
        let (_, place, source) = reading.min_by_key(|(since, _, _)| *since)?;
        let budget = if self.is_late(now) {
            Budget::unlimited()
        } else {
            Budget::piece()
        };
        let progress = source.read_on(budget, now);
        self.note_readings();
        Some(self.came_to(SourceId(place), progress?))
    }

    /// Puts away some of what the document that was `tried` has taken the place of.
    pub(crate) fn put_away(&self, tried: Tried, now: Timestamp) {
        if let Some(source) = self.all.get(tried.source.0)
            && !source.is_reading()
        {
            source.read_on(Budget::piece(), now);
            self.note_readings();
        }
    }

    fn note_readings(&self) {
        let mut all = self.all.iter();
        self.reads
            .set(all.any(|source| source.reading_since().is_some()));
    }

    fn came_to(&self, source: SourceId, progress: Progress) -> Answered {
        let done = |worked, changed| Answered::Done {
            tried: Tried { source, worked },
            changed,
        };
        match progress {
            Progress::Follow(fetch, call) => Answered::Follow(Pending { source, fetch }, call),
            Progress::Reading => done(true, false),
            Progress::Done { changed, ok, news } => {
                self.news.borrow_mut().extend(news);
                self.ended.borrow_mut().push(ok);
                done(ok, changed)
            }
        }
    }

    /// Whether a fetch has ended, or there is something to log, since that was asked last.
    pub(crate) fn has_news(&self) -> bool {
        !self.ended.borrow().is_empty() || !self.news.borrow().is_empty()
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.news.take()
    }

    /// Whether each fetch worked that has ended since this was asked last.
    pub(crate) fn take_ended(&self) -> Vec<bool> {
        self.ended.take()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rules::FetchRules;
    use super::super::{Answer, Read, ResponseBody};
    use super::*;
    use crate::http::Url;
    use std::time::Duration;

    const NOW: Timestamp = Timestamp::from_seconds(1_700_000_000);

    /// What stands in the answer.
    #[derive(Debug)]
    struct Bytes;

    impl Document for Bytes {
        type Value = Vec<u8>;

        fn first(&self, _: Timestamp) -> Call {
            let url = Url::parse("https://bytes.example/").unwrap();
            Call::get_json("bytes".to_owned(), url, Duration::from_secs(5))
        }

        fn read(&self, answer: &Answer<'_, Vec<u8>>) -> Result<Read<Vec<u8>>, String> {
            Ok(Read::Value {
                value: answer.body.to_vec(),
                warnings: Vec::new(),
                lifetime: None,
            })
        }
    }

    fn source(name: &str) -> Source<Bytes> {
        let rules = FetchRules {
            every: 600,
            spread: false,
            max_back_off: 300,
            max_stale: 3600,
            cool_down: 10,
            max_in_flight: 3,
            max_per_second: 1000,
        };
        Source::new(name.to_owned(), Bytes, rules, 7)
    }

    fn answer(sources: &Sources, pending: Pending, status: u16) -> Answered {
        let response = Response {
            status: Some(status),
            headers: &[],
            body: ResponseBody::Bytes(b"a"),
        };
        sources.answer(pending, &response, NOW)
    }

    #[test]
    fn what_a_request_has_tried_counts_for_the_source_that_it_tried() {
        let mut sources = Sources::default();
        let (one, two) = (sources.add(source("one")), sources.add(source("two")));
        let (pending, _) = two.begin(Why::Absent, NOW).unwrap();
        let Answered::Done { tried, changed } = answer(&sources, pending, 200) else {
            panic!("it was all there is");
        };
        assert!(changed);
        assert_eq!(
            (one.outcome(&[tried]), two.outcome(&[tried])),
            (None, Some(true))
        );
        let (pending, _) = one.begin(Why::Absent, NOW).unwrap();
        let Answered::Done {
            tried: failed,
            changed,
        } = answer(&sources, pending, 500)
        else {
            panic!("there was nothing");
        };
        assert!(!changed);
        assert_eq!(one.outcome(&[tried, failed]), Some(false));
        assert_eq!(sources.take_ended(), [true, false]);
        let lines: Vec<_> = sources
            .take_news()
            .into_iter()
            .map(|news| news.line)
            .collect();
        assert!(lines[0].contains("two: fetched"), "{lines:?}");
        assert!(lines[1].contains("one: fetch failed"), "{lines:?}");
        assert!(sources.take_news().is_empty() && sources.take_ended().is_empty());
    }

    #[test]
    fn what_ticks_fetch_is_due_for_no_request() {
        let mut sources = Sources::default();
        assert!(sources.is_empty());
        let one = sources.add(source("one"));
        assert!(one.is_due(NOW));
        sources.expect_ticks();
        assert!(!one.is_due(NOW));
        assert_eq!(sources.due(NOW).len(), 1);
    }
}
