//! Sessions that go on: what a browser is told anew while it uses one.

use super::{Lifetimes, Login};
use crate::session::{Entropy, Parts, Session};
use crate::time::Timestamp;

impl Lifetimes {
    /// Whether `session` was not used for too long.
    pub(super) fn is_idle(self, session: &Session, now: Timestamp) -> bool {
        self.idle
            .is_some_and(|idle| now >= session.last_seen.plus(idle))
    }

    /// Whether it is worth a cookie to note that `session` is used.
    fn is_noted(self, session: &Session, now: Timestamp) -> bool {
        let step = |idle: i64| (idle / 10).clamp(1, 60);
        self.idle
            .is_some_and(|idle| now >= session.last_seen.plus(step(idle)))
    }
}

impl Login {
    /// Whether browsers are told of their sessions anew.
    pub(crate) const fn renews(&self) -> bool {
        self.lifetimes.idle.is_some()
    }

    /// The field, if there is one, for which browsers have to be told of their sessions with Ollama's responses.
    pub(crate) const fn field_for_responses(&self) -> Option<&'static str> {
        match self.lifetimes.idle {
            Some(_) => Some("login.idle_timeout"),
            None => None,
        }
    }

    /// The values of `Set-Cookie` that note in a browser which holds `held` that `session` is used, where the last
    /// note is old.
    pub(crate) fn noted(
        &self,
        mut session: Session,
        held: Parts,
        entropy: Entropy<'_>,
    ) -> Vec<String> {
        if !self.lifetimes.is_noted(&session, entropy.now) {
            return Vec::new();
        }
        session.last_seen = entropy.now;
        // It is as long as the one before.
        self.cookies(&session, held, entropy).unwrap_or_default()
    }
}
