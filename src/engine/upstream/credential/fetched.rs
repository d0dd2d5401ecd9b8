//! A credential that a server keeps or issues: what is held of it, when it is fetched, and what is told of it.

use super::document::{CredentialDocument, Kind};
use crate::authn::api_key::SOON;
use crate::authn::jwt::HmacKey;
use crate::denial::{Denial, Level, Reason};
use crate::json::ObjectWriter;
use crate::secret::Secret;
use crate::source::{Cached, Call, News, NotFetched, Pending, Refusal, SourceHandle, Tried, Why};
use crate::time::{Clock, Timestamp};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Who needs the credential, for a request that has passed every other rule.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    /// who tells the time
    pub clock: &'a dyn Clock,
    /// what the request has waited for
    pub tried: &'a [Tried],
    /// whether it is somebody who proved who they are
    pub is_known: bool,
}

/// The credential as far as it was fetched.
#[derive(Debug)]
pub(super) struct Fetched {
    source: SourceHandle<CredentialDocument>,
    /// how often it has changed
    generation: Cell<u64>,
    /// whether Ollama's front has refused it since it was fetched
    doubted: Cell<bool>,
    /// when the last one ends that was held
    end: Cell<Option<Timestamp>>,
    /// for how many seconds the one that is held was good when it came
    good_for: Cell<i64>,
    news: RefCell<Vec<News>>,
}

impl Fetched {
    pub(super) fn new(source: SourceHandle<CredentialDocument>) -> Self {
        Self {
            source,
            generation: Cell::new(0),
            doubted: Cell::new(false),
            end: Cell::new(None),
            good_for: Cell::new(0),
            news: RefCell::default(),
        }
    }

    /// The value of the header for a request of `asker`.
    ///
    /// What is held is used until it has ended. A known caller may carry its refresh, where no tick does.
    ///
    /// # Errors
    /// There is none that is good, or it has to be fetched first.
    pub(super) fn value(&self, asker: Asker<'_>) -> Result<Rc<Secret<String>>, Refusal> {
        let now = asker.clock.now()?;
        let outcome = self.source.outcome(asker.tried);
        let (value, is_stale) = match self.source.source().held(now) {
            Cached::Fresh(value) => (value, false),
            Cached::Stale(value) => (value, true),
            Cached::Nothing if outcome.is_none() => {
                let begun = self.source.begin(Why::Absent, now);
                return Err(match begun {
                    Ok(begun) => Refusal::Await(Box::new(begun)),
                    Err(refused) => self.unavailable(refused).into(),
                });
            }
            Cached::Nothing => {
                let retry_after = self.source.source().seconds_to_wait(now);
                return Err(self
                    .unavailable(NotFetched::Unavailable { retry_after })
                    .into());
            }
        };
        if asker.is_known && outcome.is_none() && self.source.is_left_to_requests() {
            let doubted = self.due(now);
            let begun = doubted.or_else(|| {
                let is_due = is_stale && self.source.is_due(now);
                is_due.then(|| self.source.begin(Why::Stale, now).ok())?
            });
            if let Some(begun) = begun {
                return Err(Refusal::Await(Box::new(begun)));
            }
        }
        Ok(value)
    }

    fn unavailable(&self, refused: NotFetched) -> Denial {
        let (advice, seconds) = match refused {
            NotFetched::Unavailable { retry_after } | NotFetched::CoolingDown { retry_after } => {
                let advice = match self.generation.get() {
                    0 => {
                        "it could not be fetched since the gate started, try again after `Retry-After`"
                    }
                    _ => {
                        "the last one has expired and no other could be fetched, try again after `Retry-After`"
                    }
                };
                (advice, retry_after)
            }
            NotFetched::Busy | NotFetched::NotDue | NotFetched::Missing => {
                ("it is being fetched, try again in a second", 1)
            }
        };
        Denial::new(Reason::UpstreamCredentialUnavailable, advice).retry_after(seconds)
    }

    /// The server that it is from.
    pub(super) fn origin(&self) -> String {
        self.source.source().document().origin()
    }

    pub(super) const fn generation(&self) -> u64 {
        self.generation.get()
    }

    pub(super) fn doubt(&self, generation: u64) {
        if generation == self.generation.get() {
            self.doubted.set(true);
        }
    }

    /// There is no doubt any more, for now.
    pub(super) fn trust(&self) {
        self.doubted.set(false);
    }

    /// The fetch of what is doubted, if there may be one now: one in a cool-down.
    pub(super) fn due(&self, now: Timestamp) -> Option<(Pending, Call)> {
        if !self.doubted.get() {
            return None;
        }
        let begun = self.source.begin(Why::Doubted, now).ok()?;
        self.doubted.set(false);
        Some(begun)
    }

    pub(super) fn is_of(&self, tried: Tried) -> bool {
        self.source.is_of(tried)
    }

    pub(super) fn is_awaited(&self, pending: &Pending) -> bool {
        self.source.is_awaited(pending)
    }

    /// Another credential is held since `now`: which, by its fingerprint, and until when, if that is known.
    pub(super) fn note_change(&self, now: Timestamp) {
        let generation = self.generation.get().saturating_add(1);
        self.generation.set(generation);
        self.doubted.set(false);
        let held = match self.source.source().held(now) {
            Cached::Fresh(value) | Cached::Stale(value) => value,
            Cached::Nothing => return,
        };
        let mut line = ObjectWriter::new();
        line.text("gate", "ollama-gate")
            .text("event", "upstream_credential_changed")
            .display("generation", generation)
            .display("effective", now);
        let fingerprint = HmacKey::new(held.expose().as_bytes()).fingerprint();
        if let Some(fingerprint) = fingerprint {
            line.text("fingerprint", &fingerprint);
        }
        if let Some(end) = self.end() {
            let good_for = end.since(now);
            self.good_for.set(good_for);
            if self.source.source().document().names_end(good_for) {
                line.display("expires_at", end);
            }
        }
        self.news.borrow_mut().push(News {
            level: Level::Info,
            line: line.finish(),
        });
    }

    /// When the last one ends, or has ended, that was held.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let held = self.source.source().used_until();
        self.end.set(held.or(self.end.get()));
        self.end.get()
    }

    /// When it ends, if no other comes although it is time, or if who keeps it has not replaced it in the last tenth
    /// of its time.
    pub(super) fn ending(&self, now: Timestamp) -> Option<Timestamp> {
        let source = self.source.source();
        let is_stale = match source.held(now) {
            Cached::Fresh(_) => false,
            Cached::Stale(_) => true,
            Cached::Nothing => return None,
        };
        let end = self.end()?;
        let is_kept = matches!(source.document().kind, Kind::Text(_));
        let is_late = is_kept && end.since(now) <= SOON.min(self.good_for.get() / 10);
        (is_late || (is_stale && source.is_failing())).then_some(end)
    }

    pub(super) fn last_had(&self) -> Option<Timestamp> {
        self.source.source().last_had()
    }

    pub(super) fn take_news(&self) -> Vec<News> {
        self.news.take()
    }
}
