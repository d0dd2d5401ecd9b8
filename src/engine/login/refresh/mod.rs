//! Sessions that refresh themselves: the provider is asked again about somebody who is signed in (RFC 6749 section 6,
//! OpenID Connect Core 1.0 section 12).
//!
//! The gate uses nobody's access token. What a session may do is in its claims, so a request whose refresh somebody
//! else has begun goes on with the session that it brings; nobody waits but the one who asks.

mod answer;
mod due;
mod sign_in;
mod slots;

pub(crate) use answer::{NotRefreshed, RefreshedTokens, Verified};

use super::provider::Endpoints;
use super::{Carried, Login};
use crate::denial::{Denial, Level, MAX_VALUE_BYTES, Reason, truncated};
use crate::json::{Json, ObjectWriter};
use crate::session::{Entropy, Parts, Purpose, Session, SharedMemory};
use crate::source::{Call, News};
use crate::time::Timestamp;
use due::Due;
use slots::{Known, Mark, Slots};
use std::cell::Cell;
use std::rc::Rc;

/// How many refreshes a worker has under way at the most. All others go on with what they have.
const MAX_UNDER_WAY: u32 = 32;
/// How long a session goes on after the provider refused to refresh it, beyond what it was refreshed for, in seconds:
/// another gateway may have refreshed it, and the browser have its cookies in a moment.
const GRACE: i64 = 10;
/// How many sessions in a row that were refreshed by others are followed.
const MAX_FOLLOWED: usize = 16;
/// How long a worker asks nothing after the provider did not answer at all, in seconds.
const QUIET: i64 = 5;

/// What a worker knows of refreshes beside the slots.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    under_way: Rc<Cell<u32>>,
    /// the gateway's own number, once it is known
    instance: Cell<Option<u64>>,
    /// when the provider may be asked again
    quiet_until: Cell<Option<Timestamp>>,
}

/// What all of it is done with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Around<'a> {
    /// what the workers of the gateway share, if they do
    pub memory: Option<&'a dyn SharedMemory>,
    /// the time, and what is random
    pub entropy: Entropy<'a>,
    /// the parts of a session that the browser holds
    pub held: Parts,
}

/// What is to be done about a session by which a request is let in.
#[derive(Debug)]
pub(crate) enum Renewal {
    /// nothing
    Stays,
    /// the browser is told this
    Noted(Told),
    /// it is this one by now
    Carries(Box<Session>, Told),
    /// it has ended
    Ends(Denial),
    /// the provider has to be asked
    Due(Mark),
}

/// What a browser is told of its session with a response.
#[derive(Debug)]
pub(crate) struct Told {
    /// the values of `Set-Cookie`
    pub cookies: Vec<String>,
    /// from when on the browser may carry another session already, and what tells which
    until: Option<(Timestamp, Mark)>,
    /// whether it is worth nothing then
    is_note: bool,
    held: Parts,
}

/// A refresh that is under way. Dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Refreshing {
    /// what is refreshed
    session: Session,
    mark: Mark,
    max_bytes: usize,
    /// where the provider is asked about the person too, if it is
    user_info: Option<crate::http::Url>,
    _place: Place,
}

#[derive(Debug)]
struct Place(Rc<Cell<u32>>);

impl Place {
    fn take(under_way: &Rc<Cell<u32>>) -> Option<Self> {
        let now = under_way.get();
        (now < MAX_UNDER_WAY).then(|| {
            under_way.set(now.saturating_add(1));
            Self(Rc::clone(under_way))
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Login {
    fn slots<'m>(&'m self, around: Around<'m>) -> Slots<'m> {
        Slots::new(around.memory.unwrap_or(&self.memory), &self.tag)
    }

    /// The number of this gateway: the same on all of its workers.
    pub(super) fn instance(&self, around: Around<'_>) -> u64 {
        if let Some(known) = self.refreshes.instance.get() {
            return known;
        }
        let memory = around.memory.unwrap_or(&self.memory);
        let key = format!("ollama_gate.instance.{}", self.tag);
        let drawn = self.ring.draw("instance", around.entropy);
        // The first one who writes it has drawn it for all.
        memory.write(&key, drawn.first_chunk::<8>().unwrap_or(&[0; 8]), None);
        let stored = memory.read(&key).map(|(value, _)| value);
        let stored = stored.as_deref().and_then(|value| value.first_chunk::<8>());
        let own = stored.or_else(|| drawn.first_chunk()).copied();
        let instance = u64::from_be_bytes(own.unwrap_or_default());
        self.refreshes.instance.set(Some(instance));
        instance
    }

    /// What is to be done about `session`, by which a request is let in. Whether the request can wait for the
    /// provider is `may_wait`: its body is held meanwhile.
    pub(crate) fn renewal(&self, session: &Session, may_wait: bool, around: Around<'_>) -> Renewal {
        let now = around.entropy.now;
        let refresh = session
            .refresh
            .as_ref()
            .filter(|_| self.lifetimes.refresh.is_some());
        let Some(refresh) = refresh else {
            return self.noted(session, around);
        };
        if now < refresh.due {
            return self.noted(session, around);
        }
        let mark = Mark::of(&refresh.token, refresh.due);
        let due = refresh.is_due(mark, self.instance(around), now);
        if due == Due::ByAnother {
            return Renewal::Stays;
        }
        match self.slots(around).look(mark, now) {
            Known::Successor(text) => self.successor(&text, around),
            Known::Refused if refresh.is_over(now) => Renewal::Ends(over()),
            Known::UnderWay | Known::Refused | Known::Failed => Renewal::Stays,
            Known::Nothing if self.is_quiet(now) => Renewal::Stays,
            Known::Nothing if may_wait => Renewal::Due(mark),
            Known::Nothing if due == Due::Now => Renewal::Stays,
            Known::Nothing => {
                let advice = "it has to be refreshed, and the request is too long to be held until it is: load the \
                              page anew, or send it again after another";
                Renewal::Ends(Denial::new(Reason::KeysPending, advice))
            }
        }
    }

    fn is_quiet(&self, now: Timestamp) -> bool {
        let until = self.refreshes.quiet_until.get();
        // A clock that was put back silences nobody for long.
        until.is_some_and(|until| now < until && until <= now.plus(QUIET))
    }

    /// What somebody else has refreshed, sealed, or what came of that by now.
    fn successor(&self, text: &str, around: Around<'_>) -> Renewal {
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
                Renewal::Carries(Box::new(session), told)
            }
            None => Renewal::Stays,
        }
    }

    fn opened(&self, text: &str) -> Option<Session> {
        let opened = self.ring.open(Purpose::Session, text.as_bytes())?;
        Session::decode(&opened.plaintext)
    }

    /// What is carried in place of `session`, if that is known.
    fn successor_of(&self, session: &Session, around: Around<'_>) -> Option<String> {
        let now = around.entropy.now;
        let refresh = session
            .refresh
            .as_ref()
            .filter(|refresh| now >= refresh.due)?;
        match self
            .slots(around)
            .look(Mark::of(&refresh.token, refresh.due), now)
        {
            Known::Successor(text) => Some(text),
            _ => None,
        }
    }

    /// The same session, used now, where the last note of that is old.
    fn noted(&self, session: &Session, around: Around<'_>) -> Renewal {
        let now = around.entropy.now;
        if !self.lifetimes.is_noted(session, now) {
            return Renewal::Stays;
        }
        let session = Session {
            last_seen: now,
            ..session.clone()
        };
        // It is as long as the one before.
        match self.sealed(&session, around) {
            Some(Carried { cookies, .. }) => Renewal::Noted(Told {
                is_note: true,
                ..Told::of(&session, cookies, around.held)
            }),
            None => Renewal::Stays,
        }
    }

    /// Begins to refresh `session`, if nobody else has: the call to the provider.
    pub(crate) fn refresh(
        &self,
        session: &Session,
        mark: Mark,
        endpoints: &Endpoints,
        around: Around<'_>,
    ) -> Option<(Refreshing, Call)> {
        let refresh = session.refresh.as_ref()?;
        let place = Place::take(&self.refreshes.under_way)?;
        let now = around.entropy.now;
        let provider = &self.provider;
        let timeout = i64::try_from(provider.timeout.as_secs()).unwrap_or(30);
        // The token endpoint, the keys and the UserInfo endpoint may all have to be asked.
        let lease = timeout.saturating_mul(3).saturating_add(5);
        if !self.slots(around).begin(mark, lease, now) {
            return None;
        }
        let server = (
            provider.upstream.as_str(),
            &endpoints.token,
            provider.timeout,
        );
        let parameters = [("refresh_token", refresh.token.expose().as_str())];
        let call = provider
            .client
            .call(server, "refresh_token", &parameters, now);
        let refreshing = Refreshing {
            session: session.clone(),
            mark,
            max_bytes: call.expected().max_bytes,
            user_info: endpoints.user_info.clone(),
            _place: place,
        };
        Some((refreshing, call))
    }

    /// What becomes of a session that was to be refreshed, and was not.
    pub(crate) fn not_refreshed(
        &self,
        refreshing: &Refreshing,
        why: &NotRefreshed,
        around: Around<'_>,
    ) -> Renewal {
        let (mark, now) = (refreshing.mark, around.entropy.now);
        let slots = self.slots(around);
        let (event, level, meanwhile) = match why {
            NotRefreshed::Refused(_) | NotRefreshed::Untrue(_) => (
                "session_refresh_refused",
                Level::Info,
                slots.refused(mark, now),
            ),
            NotRefreshed::NoAnswer(_) | NotRefreshed::Failed(_) => (
                "session_refresh_failed",
                Level::Warn,
                slots.failed(mark, now),
            ),
        };
        if matches!(why, NotRefreshed::NoAnswer(_)) {
            self.refreshes.quiet_until.set(Some(now.plus(QUIET)));
        }
        self.tell_refresh(event, level, &refreshing.session, why.cause());
        match (why, meanwhile) {
            (NotRefreshed::Untrue(_), _) => Renewal::Ends(over()),
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
        around: Around<'_>,
    ) -> Renewal {
        let now = around.entropy.now;
        let mut session = Session {
            last_seen: now,
            ..refreshing.session.clone()
        };
        if let Some(claims) = claims {
            session.claims = claims.to_string();
            session.kept = self.id_tokens.marks().to_vec();
            // By another claim than `sub` they may be called something else now.
            if let Ok(person) = self.id_tokens.granted(claims.clone()) {
                session.subject = person.claimed.subject.to_string();
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
        match self.fitting(&mut session, around) {
            Some(Carried { text, cookies }) => {
                self.slots(around).refreshed(refreshing.mark, &text, now);
                let told = Told::of(&session, cookies, around.held);
                Renewal::Carries(Box::new(session), told)
            }
            None => {
                let cause = "what the provider says of them does not fit into cookies any more";
                let event = "session_refresh_refused";
                self.tell_refresh(event, Level::Warn, &session, cause);
                self.slots(around).refused(refreshing.mark, now);
                Renewal::Ends(over())
            }
        }
    }

    /// `session` sealed, without what can be done without where it does not fit.
    pub(super) fn fitting(&self, session: &mut Session, around: Around<'_>) -> Option<Carried> {
        if let Some(carried) = self.sealed(session, around) {
            return Some(carried);
        }
        // Whoever signs out is then asked by the provider whether that was meant.
        session.sign_out_hint = None;
        if let Some(carried) = self.sealed(session, around) {
            return Some(carried);
        }
        session.refresh.take()?;
        let carried = self.sealed(session, around)?;
        self.tell_unrefreshable(session, "its refresh token does not fit into cookies");
        Some(carried)
    }

    /// Says that the owner of `session` has to sign in again when it would be refreshed.
    pub(super) fn tell_unrefreshable(&self, session: &Session, cause: &str) {
        self.tell_refresh("session_not_refreshable", Level::Warn, session, cause);
    }

    fn tell_refresh(&self, event: &'static str, level: Level, session: &Session, cause: &str) {
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

    /// What of `told` still holds `now` that the response has come, which may be minutes after the request.
    pub(crate) fn told_at(&self, told: Told, around: Around<'_>) -> Vec<String> {
        let now = around.entropy.now;
        let Some((_, mark)) = told.until.filter(|(until, _)| now >= *until) else {
            return told.cookies;
        };
        // By now another request may have refreshed it, and the browser not know of this one any more.
        let around = Around {
            held: told.held,
            ..around
        };
        match self.slots(around).look(mark, now) {
            Known::Successor(text) => match self.successor(&text, around) {
                Renewal::Carries(_, newer) => newer.cookies,
                _ => Vec::new(),
            },
            _ if told.is_note => Vec::new(),
            _ => told.cookies,
        }
    }
}

impl Told {
    fn of(session: &Session, cookies: Vec<String>, held: Parts) -> Self {
        let refresh = session.refresh.as_ref();
        Self {
            cookies,
            until: refresh.map(|refresh| (refresh.due, Mark::of(&refresh.token, refresh.due))),
            is_note: false,
            held,
        }
    }
}

impl Refreshing {
    fn is_over(&self, now: Timestamp) -> bool {
        let refresh = self.session.refresh.as_ref();
        refresh.is_none_or(|refresh| refresh.is_over(now))
    }
}

/// The provider does not know somebody any more.
fn over() -> Denial {
    Denial::new(Reason::ExpiredSession, "sign in again")
}
