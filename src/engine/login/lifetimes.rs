//! How long sessions go on.

use super::Login;
use crate::session::Session;
use crate::time::Timestamp;

/// How long sessions go on, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetimes {
    /// from the sign-in on
    pub session: i64,
    /// unused, if that ends them
    pub idle: Option<i64>,
    /// until the provider is asked again, if it is
    pub refresh: Option<i64>,
}

impl Lifetimes {
    /// When `session` ends, whatever happens.
    pub(super) fn end(self, session: &Session) -> Timestamp {
        // Of a session that cannot be refreshed nobody hears anything any more.
        let unasked = self.refresh.filter(|_| session.refresh.is_none());
        let lifetime = unasked.map_or(self.session, |period| period.min(self.session));
        // A shorter lifetime that was configured since counts for those who are signed in too.
        session.ends.min(session.signed_in.plus(lifetime))
    }

    /// Whether `session` was not used for too long.
    pub(super) fn is_idle(self, session: &Session, now: Timestamp) -> bool {
        self.idle
            .is_some_and(|idle| now >= session.last_seen.plus(idle))
    }

    /// Whether half of the time is over in which `session` has to be used.
    pub(super) fn is_nearly_idle(self, session: &Session, now: Timestamp) -> bool {
        self.idle
            .is_some_and(|idle| now >= session.last_seen.plus(idle / 2))
    }

    /// Whether it is worth a cookie to note that `session` is used.
    pub(super) fn is_noted(self, session: &Session, now: Timestamp) -> bool {
        let step = |idle: i64| (idle / 10).clamp(1, 60);
        self.idle
            .is_some_and(|idle| now >= session.last_seen.plus(step(idle)))
    }
}

impl Login {
    /// Whether there is more to a session than to open a cookie: browsers are told of it anew, or a store keeps it.
    pub(crate) const fn renews(&self) -> bool {
        self.store.is_some() || self.lifetimes.idle.is_some() || self.lifetimes.refresh.is_some()
    }

    /// The field, if there is one, for which browsers have to be told of their sessions with Ollama's responses.
    pub(crate) const fn field_for_responses(&self) -> Option<&'static str> {
        match self.lifetimes {
            // A store notes by itself what is used.
            _ if self.store.is_some() => None,
            Lifetimes {
                refresh: Some(_), ..
            } => Some("login.cookie_refresh"),
            Lifetimes { idle: Some(_), .. } => Some("login.idle_timeout"),
            _ => None,
        }
    }
}
