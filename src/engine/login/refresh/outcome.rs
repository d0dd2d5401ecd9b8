//! What becomes of a session whose refresh has come to an end.

use super::answer::{NotRefreshed, RefreshedTokens};
use super::in_store::Writing;
use super::{Keeper, Mark, QUIET, Refreshing, Renewal, SessionPorts, Told, over};
use crate::denial::{Level, MAX_VALUE_BYTES, truncated};
use crate::json::{Json, ObjectWriter};
use crate::login::{Login, SealedSession};
use crate::session::Session;
use crate::source::News;
use crate::time::Timestamp;

/// What becomes of a session whose refresh has come to an end, once this is written.
#[derive(Debug)]
pub(crate) struct Settlement {
    /// what becomes of it
    pub renewal: Renewal,
    /// what the store has to keep of it first
    pub writing: Option<Box<Writing>>,
}

impl From<Renewal> for Settlement {
    fn from(renewal: Renewal) -> Self {
        Self {
            renewal,
            writing: None,
        }
    }
}

impl Refreshing {
    fn is_over(&self, now: Timestamp) -> bool {
        let refresh = self.session.refresh.as_ref();
        refresh.is_none_or(|refresh| refresh.is_over(now))
    }
}

impl Login {
    /// What becomes of a session that was to be refreshed, and was not.
    pub(crate) fn not_refreshed(
        &self,
        refreshing: &Refreshing,
        why: &NotRefreshed,
        around: SessionPorts<'_>,
    ) -> Settlement {
        let now = around.entropy.now;
        if matches!(why, NotRefreshed::NoAnswer(_)) {
            self.refreshes.quiet_until.set(Some(now.plus(QUIET)));
        }
        let is_failing = matches!(why, NotRefreshed::NoAnswer(_) | NotRefreshed::Failed(_));
        self.refreshes.failed_at.set(is_failing.then_some(now));
        let (event, level) = match why {
            NotRefreshed::Untrue(_) => ("session_refresh_refused", Level::Warn),
            NotRefreshed::Refused(_) => ("session_refresh_refused", Level::Info),
            NotRefreshed::NoAnswer(_) | NotRefreshed::Failed(_) => {
                ("session_refresh_failed", Level::Warn)
            }
        };
        self.tell_refresh(event, level, &refreshing.session, why.cause());
        match &refreshing.keeper {
            Keeper::Slots(mark) => self
                .not_refreshed_here(refreshing, *mark, why, around)
                .into(),
            Keeper::Store(lock, mark) => self.not_refreshed_in_store((lock, *mark), why),
        }
    }

    /// The same of one that its browser carries.
    fn not_refreshed_here(
        &self,
        refreshing: &Refreshing,
        mark: Mark,
        why: &NotRefreshed,
        around: SessionPorts<'_>,
    ) -> Renewal {
        let (slots, now) = (self.slots(around), around.entropy.now);
        let meanwhile = match why {
            NotRefreshed::Untrue(_) => {
                slots.over(mark, now);
                return Renewal::Over(over(), self.session.removed(around.held));
            }
            NotRefreshed::Refused(_) => slots.refused(mark, now),
            NotRefreshed::NoAnswer(_) | NotRefreshed::Failed(_) => slots.failed(mark, now),
        };
        match (why, meanwhile) {
            (_, Some(text)) => self.successor(&text, around),
            (NotRefreshed::Refused(_), None) if refreshing.is_over(now) => Renewal::Ends(over()),
            _ => Renewal::Stays,
        }
    }

    /// What becomes of a session that was refreshed by `tokens`. `claims` are those that the rules read, `None` where
    /// the provider says nothing of them.
    pub(crate) fn refreshed(
        &self,
        refreshing: &Refreshing,
        tokens: &RefreshedTokens,
        claims: Option<&Json>,
        around: SessionPorts<'_>,
    ) -> Settlement {
        let now = around.entropy.now;
        self.refreshes.failed_at.set(None);
        let mut session = self.renewed(refreshing, tokens, claims, around);
        let mark = match &refreshing.keeper {
            Keeper::Slots(mark) => *mark,
            Keeper::Store(lock, mark) => {
                let before = &refreshing.session.subject;
                return self.refreshed_in_store(session, before, (lock, *mark), around);
            }
        };
        let carried = self.fitting(&mut session, around);
        let renewal = match carried.filter(|_| session.refresh.is_some()) {
            Some(SealedSession { text, cookies }) => {
                self.slots(around).refreshed(mark, &text, now);
                let told = Told::of(&session, cookies, around.held);
                Renewal::Carries(Box::new(session), Some(told))
            }
            None => {
                self.tell_too_large(&session);
                self.slots(around).over(mark, now);
                Renewal::Over(over(), self.session.removed(around.held))
            }
        };
        renewal.into()
    }

    /// The session that comes of a refresh by `tokens`.
    pub(super) fn renewed(
        &self,
        refreshing: &Refreshing,
        tokens: &RefreshedTokens,
        claims: Option<&Json>,
        around: SessionPorts<'_>,
    ) -> Session {
        let now = around.entropy.now;
        let mut session = Session {
            last_seen: now,
            ..refreshing.session.clone()
        };
        if let Some(claims) = claims {
            session.claims = claims.to_string();
            session.kept = self.id_tokens.marks().to_vec();
            // By another claim than `sub` they may be called something else now.
            if let Ok(person) = self.id_tokens.granted(claims.clone())
                && *person.claimed.subject != *session.subject
            {
                let subject = person.claimed.subject.to_string();
                let before = std::mem::replace(&mut session.subject, subject);
                if let Some(refresh) = &mut session.refresh {
                    refresh.sub.get_or_insert(before);
                }
            }
        }
        if let Some(refresh) = &mut session.refresh {
            if let Some(token) = &tokens.refresh_token {
                refresh.token = token.clone();
            }
            refresh.instance = self.instance(around);
            let period = self.lifetimes.refresh.unwrap_or(self.lifetimes.session);
            refresh.schedule(period, tokens.expires_in, now);
        }
        session
    }

    pub(super) fn tell_too_large(&self, session: &Session) {
        let cause = "what the provider says of them does not fit into a session any more";
        self.tell_refresh("session_refresh_refused", Level::Warn, session, cause);
    }

    /// `session` sealed, without what can be done without where it does not fit.
    pub(in crate::login) fn fitting(
        &self,
        session: &mut Session,
        around: SessionPorts<'_>,
    ) -> Option<SealedSession> {
        if let Some(carried) = self.sealed(session, around) {
            return Some(carried);
        }
        // Whoever signs out is then asked by the provider whether that was meant.
        session.sign_out_hint = None;
        if let Some(carried) = self.sealed(session, around) {
            return Some(carried);
        }
        session.refresh.take()?;
        session.ends = self.lifetimes.end(session);
        let carried = self.sealed(session, around)?;
        self.tell_unrefreshable(session, "its refresh token does not fit into cookies");
        Some(carried)
    }

    /// Says that the owner of `session` has to sign in again when it would be refreshed.
    pub(in crate::login) fn tell_unrefreshable(&self, session: &Session, cause: &str) {
        self.tell_refresh("session_not_refreshable", Level::Warn, session, cause);
    }

    pub(super) fn tell_refresh(
        &self,
        event: &'static str,
        level: Level,
        session: &Session,
        cause: &str,
    ) {
        let mut line = ObjectWriter::new();
        line.text("gate", "ollama-gate")
            .text("event", event)
            .text("subject", &truncated(&session.subject, MAX_VALUE_BYTES))
            .text("cause", cause);
        self.news.borrow_mut().push(News {
            level,
            line: line.finish(),
        });
    }
}
