//! What is fetched for the engine, between requests or for one.

use super::Engine;
use crate::source::{Answered, Call, News, Pending, Response};
use crate::time::Timestamp;

impl Engine {
    /// Whether anything is fetched at all.
    pub const fn fetches(&self) -> bool {
        !self.sources.is_empty()
    }

    /// From now on ticks refresh what grows old, and no request has to.
    pub fn expect_ticks(&self) {
        self.sources.expect_ticks();
    }

    /// A tick: the fetches that are due.
    ///
    /// ```
    /// use ollama_gate_engine::{Answered, Configuration, Response, ResponseBody, Timestamp};
    ///
    /// let document = br#"{ "jwt": [ { "name": "sso", "algorithms": ["ES256"], "issuer": "https://sso.example",
    ///     "audiences": ["ollama"], "jwks": { "upstream": "sso", "url": "https://sso.example/keys" } } ] }"#;
    /// let engine = Configuration::read(document, &|_| None, 0)?.engine;
    /// let now = Timestamp::from_seconds(1_800_000_000);
    /// engine.expect_ticks();
    ///
    /// for (pending, call) in engine.due(now) {
    ///     assert_eq!(call.upstream(), "sso");
    ///     let body = ResponseBody::Bytes(br#"{ "keys": [] }"#);
    ///     let response = Response { status: Some(200), headers: &[], body };
    ///     assert!(matches!(engine.answer(pending, &response, now), Answered::Done { .. }));
    /// }
    /// assert_eq!(engine.take_ended().len(), 1);
    /// # Ok::<(), ollama_gate_engine::ConfigErrors>(())
    /// ```
    pub fn due(&self, now: Timestamp) -> Vec<(Pending, Call)> {
        let mut due = self.sources.due(now);
        if let Some(own) = &self.upstream.credential {
            // What is fetched anyway is not fetched for a doubt too.
            let is_fetched = due.iter().any(|(pending, _)| own.is_awaited(pending));
            due.extend(own.due(now, is_fetched));
        }
        due
    }

    /// The answer to a call has come: what to do next.
    pub fn answer(&self, pending: Pending, response: &Response<'_>, now: Timestamp) -> Answered {
        let answered = self.sources.answer(pending, response, now);
        self.note_change(&answered, now);
        answered
    }

    /// Whether a document is being read, by [`Engine::read_on`].
    pub const fn is_reading(&self) -> bool {
        self.sources.is_reading()
    }

    /// Whether it is requests that have to read on, for lack of ticks.
    pub fn reads_by_requests(&self) -> bool {
        self.sources.reads_by_requests()
    }

    /// Reads some more of a document that takes long: a few milliseconds of work. It counts once all of it was read.
    /// Each document with which requests are behind is read to its end.
    pub fn read_on(&self, now: Timestamp) {
        loop {
            if let Some(answered) = self.sources.read_on(now) {
                self.note_change(&answered, now);
            }
            if !self.sources.is_late(now) {
                return;
            }
        }
    }

    fn note_change(&self, answered: &Answered, now: Timestamp) {
        if let Answered::Done {
            changed: true,
            tried,
        } = *answered
        {
            self.watch.note_change();
            match &self.upstream.credential {
                Some(own) if own.is_of(tried) => own.note_change(now),
                _ if self
                    .login
                    .as_ref()
                    .is_some_and(|login| login.note_change(tried)) => {}
                _ => self.authenticators.note_change(tried, now),
            }
            // What it has taken the place of is put away, if that is little.
            self.sources.put_away(tried, now);
        }
    }

    /// Whether [`Self::take_news`] or [`Self::take_ended`] may have something. Every request asks, and hardly any has.
    pub fn has_news(&self) -> bool {
        let own = self.upstream.credential.is_some() || self.login.is_some();
        own || self.sources.has_news() || self.authenticators.has_news()
    }

    /// What there is to log, beside decisions, since this was asked last.
    pub fn take_news(&self) -> Vec<News> {
        let mut news = self.sources.take_news();
        news.extend(self.authenticators.take_news());
        if let Some(own) = &self.upstream.credential {
            news.extend(own.take_news());
        }
        if let Some(login) = &self.login {
            news.extend(login.take_news());
        }
        news
    }

    /// Whether each fetch worked that has ended since this was asked last.
    pub fn take_ended(&self) -> Vec<bool> {
        self.sources.take_ended()
    }
}
