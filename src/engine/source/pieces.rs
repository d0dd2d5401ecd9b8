//! A source whose document is read in pieces.

use super::call::{Document, Response};
use super::fetch::{Fetch, Progress, Source};
use super::reading::{Budget, Piece, Reading};
use crate::time::Timestamp;

/// A document that is being read, and the fetch that brought it.
#[derive(Debug)]
pub(super) struct UnderWay<V> {
    heading: Heading,
    reading: Box<dyn Reading<V>>,
    /// none once it is known what the document says
    fetch: Option<Fetch>,
}

impl<V> UnderWay<V> {
    /// What `fetch` has brought, to be read by `reading`.
    pub(super) fn new(fetch: Fetch, heading: Heading, reading: Box<dyn Reading<V>>) -> Self {
        Self {
            heading,
            reading,
            fetch: Some(fetch),
        }
    }
}

/// What an answer says beside its document.
#[derive(Clone, Debug)]
pub(super) struct Heading {
    /// by which the server knows the document
    pub etag: Option<String>,
    /// for how many seconds it wants to be left alone
    pub retry_after: Option<i64>,
    /// when it came
    pub at: Timestamp,
}

impl Heading {
    /// That of `response`, which came `at` this time.
    pub(super) fn of(response: &Response<'_>, at: Timestamp) -> Self {
        Self {
            etag: response.etag().map(str::to_owned),
            retry_after: response.retry_after(),
            at,
        }
    }
}

impl<D: Document> Source<D> {
    /// Since when a document is being read, or put away.
    pub(crate) fn reading_since(&self) -> Option<Timestamp> {
        let state = self.state.borrow();
        state.reading.as_ref().map(|reading| reading.heading.at)
    }

    /// Whether there is another one, that has not been read to its end.
    pub(crate) fn is_reading(&self) -> bool {
        let state = self.state.borrow();
        let mut reading = state.reading.iter();
        reading.any(|reading| reading.fetch.is_some())
    }

    /// Whether there is a document, however old.
    pub(crate) fn is_held(&self) -> bool {
        self.state.borrow().held.is_some()
    }

    /// Begins to read. A short document is read then and there.
    pub(super) fn begin_reading(&self, reading: UnderWay<D::Value>, now: Timestamp) -> Progress {
        let is_held = {
            let mut state = self.state.borrow_mut();
            // What comes while another is read is had again when it is due.
            if state.reading.is_some() {
                return Progress::Reading;
            }
            state.reading = Some(reading);
            state.held.is_some()
        };
        let progress = self.read_on(Budget::beginning(is_held), now);
        progress.unwrap_or(Progress::Reading)
    }

    /// Reads on within `budget`. What the fetch came to, if that is known now.
    pub(crate) fn read_on(&self, mut budget: Budget, now: Timestamp) -> Option<Progress> {
        let mut under_way = self.state.borrow_mut().reading.take()?;
        let mut progress = None;
        while budget.is_left() {
            match under_way.reading.step(&mut budget, now) {
                Piece::More => {}
                Piece::Read(read) => {
                    let fetch = under_way.fetch.take()?;
                    let heading = under_way.heading.clone();
                    progress = Some(match read {
                        Ok(read) => self.succeeded(read, heading, &fetch),
                        Err(why) => self.failed(&why, &heading, now),
                    });
                }
                Piece::Ended => return progress,
            }
            // What it takes the place of can be put away once it has.
            if matches!(progress, Some(Progress::Done { changed: true, .. })) {
                break;
            }
        }
        self.state.borrow_mut().reading = Some(under_way);
        progress
    }
}
