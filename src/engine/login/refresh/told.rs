//! What browsers are told of a session that was refreshed.

use super::slots::{Mark, Standing};
use super::{MAX_FOLLOWED, Renewal, SessionPorts, ended};
use crate::login::Login;
use crate::session::{Parts, Purpose, Session};
use crate::time::Timestamp;

/// What a browser is told of its session with a response.
#[derive(Debug)]
pub(crate) struct Told {
    /// the values of `Set-Cookie`
    pub cookies: Vec<String>,
    /// from when on the browser may carry another session already, and what tells which
    pub(super) until: Option<(Timestamp, Mark)>,
    /// whether it is worth nothing then
    pub(super) is_note: bool,
    /// whether it says nothing but that the session was used
    pub(super) is_use: bool,
    /// what says that the session has ended
    pub(super) ended: Mark,
    pub(super) held: Parts,
}

impl Told {
    pub(super) fn of(session: &Session, cookies: Vec<String>, held: Parts) -> Self {
        let refresh = session.refresh.as_ref();
        Self {
            cookies,
            until: refresh.map(|refresh| (refresh.due, Mark::of(&refresh.token, refresh.due))),
            is_note: false,
            is_use: false,
            ended: ended(session),
            held,
        }
    }
}

impl Told {
    /// Whether it says nothing but that the session was used.
    pub(crate) const fn is_use(&self) -> bool {
        self.is_use
    }
}

impl Login {
    /// What somebody else has refreshed, sealed, or what came of that by now.
    pub(super) fn successor(&self, text: &str, around: SessionPorts<'_>) -> Renewal {
        let mut text = text.to_owned();
        let mut found = None;
        // Each is due later than the one before.
        for _ in 0..MAX_FOLLOWED {
            let Some(session) = self.opened(&text) else {
                break;
            };
            let next = self.successor_of(&session, around);
            found = Some((session, text));
            match next {
                Some(next) => text = next,
                None => break,
            }
        }
        let Some((session, text)) = found else {
            return Renewal::Stays;
        };
        match self.lines(&text, &session, around) {
            Some(cookies) => {
                let told = Told::of(&session, cookies, around.held);
                Renewal::Carries(Box::new(session), Some(told))
            }
            None => Renewal::Stays,
        }
    }

    fn opened(&self, text: &str) -> Option<Session> {
        let opened = self.ring.open(Purpose::Session, text.as_bytes())?;
        Session::decode(&opened.plaintext)
    }

    /// What is carried in place of `session`, if that is known.
    fn successor_of(&self, session: &Session, around: SessionPorts<'_>) -> Option<String> {
        let now = around.entropy.now;
        let refresh = session
            .refresh
            .as_ref()
            .filter(|refresh| now >= refresh.due)?;
        match self
            .slots(around)
            .look(Mark::of(&refresh.token, refresh.due), now)
        {
            Standing::Successor(text) => Some(text),
            _ => None,
        }
    }

    /// What of `told` still holds `now` that the response has come, which may be minutes after the request.
    pub(crate) fn told_at(&self, told: Told, around: SessionPorts<'_>) -> Vec<String> {
        let now = around.entropy.now;
        // Whoever has signed out meanwhile stays so, and whoever has signed in since is somebody else.
        if self.slots(around).look(told.ended, now) == Standing::Over {
            return Vec::new();
        }
        let Some((_, mark)) = told.until.filter(|(until, _)| now >= *until) else {
            return told.cookies;
        };
        // By now another request may have refreshed it, and the browser not know of this one any more.
        let around = SessionPorts {
            held: told.held,
            ..around
        };
        match self.slots(around).look(mark, now) {
            Standing::Successor(text) => match self.successor(&text, around) {
                Renewal::Carries(_, Some(newer)) => newer.cookies,
                _ => Vec::new(),
            },
            _ if told.is_note => Vec::new(),
            _ => told.cookies,
        }
    }
}
