//! Sessions that refresh themselves: the provider is asked again about somebody who is signed in (RFC 6749 section 6,
//! OpenID Connect Core 1.0 section 12).
//!
//! The gate uses nobody's access token. What a session may do is in its claims, so a request whose refresh somebody
//! else has begun goes on with the session that it brings; nobody waits but the one who asks.

mod answer;
mod due;
mod in_store;
mod outcome;
mod sign_in;
mod slots;
mod told;

pub(crate) use answer::{NotRefreshed, RefreshedTokens, Verified};
pub(crate) use in_store::{Claimed, Claiming, Kept, Writing};
pub(crate) use outcome::Settlement;
pub(crate) use told::Told;

use super::provider::Endpoints;
use super::sign_out::form;
use super::store::{Claim, Lock};
use super::{Login, SealedSession, Stored};
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::session::{Entropy, Parts, Session, SharedMemory};
use crate::source::{Call, Endpoint};
use crate::time::Timestamp;
use due::Due;
use slots::{BACK_OFF, Mark, Slots, Standing};
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

/// Why a request that brings a session which is worth nothing is refused.
const TOO_LONG: &str = "the request is too long to be held meanwhile: load the page anew, or send it again after another";

/// What a worker knows of refreshes beside the slots.
#[derive(Debug, Default)]
pub(super) struct Refreshes {
    under_way: Rc<Cell<u32>>,
    /// the gateway's own number, once it is known
    instance: Cell<Option<u64>>,
    /// when the provider may be asked again
    quiet_until: Cell<Option<Timestamp>>,
    /// when it last gave no answer, if it has given none since
    failed_at: Cell<Option<Timestamp>>,
}

/// What all of it is done with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionPorts<'a> {
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
    /// it is this one by now, which a browser that carries it is told
    Carries(Box<Session>, Option<Told>),
    /// it counts no more
    Ends(Denial),
    /// it has ended, and these values of `Set-Cookie` take it away
    Over(Denial, Vec<String>),
    /// it is to be refreshed
    Due(Need),
}

/// That a session is to be refreshed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    mark: Mark,
    /// whether it is worth nothing until then
    is_overdue: bool,
    /// whether the request can wait for the provider: its body is held meanwhile
    may_wait: bool,
}

/// Where it is agreed on who refreshes a session, and where what comes of that is kept.
#[derive(Debug)]
enum Keeper {
    /// in what the workers of a gateway share: its browser carries it
    Slots(Mark),
    /// in the store, by this lock
    Store(Lock, Mark),
}

/// How a refresh begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// the provider is asked
    Asked(Box<Refreshing>, Call),
    /// the store is asked who refreshes it
    Claimed(Box<Claiming>, Call),
    /// what came of an earlier one is kept
    Kept(Settlement),
    /// not, and this is what becomes of the session meanwhile
    Not(Renewal),
}

/// A refresh that is under way. Dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Refreshing {
    /// what is refreshed
    session: Session,
    keeper: Keeper,
    max_bytes: usize,
    /// where the provider is asked about the person too, if it is
    user_info: Option<Endpoint>,
    /// whether the store has the tokens that came of it
    is_secured: bool,
    _in_flight: InFlight,
}

#[derive(Debug)]
struct InFlight(Rc<Cell<u32>>);

impl InFlight {
    fn take(under_way: &Rc<Cell<u32>>) -> Option<Self> {
        let now = under_way.get();
        (now < MAX_UNDER_WAY).then(|| {
            under_way.set(now.saturating_add(1));
            Self(Rc::clone(under_way))
        })
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Login {
    /// Notes that `session` has ended: responses that come late bring it back to no browser.
    pub(in crate::login) fn note_end(&self, session: &Session, around: SessionPorts<'_>) {
        // One in a store is over there.
        if self.store.is_none() && self.renews() {
            self.slots(around).over(ended(session), around.entropy.now);
        }
    }

    /// The same of the session that the browser which sent `head` still carries, be it one that has ended: a response
    /// under way may have used it before. One of this very second is not told from the next.
    pub(crate) fn note_departed(&self, head: &RequestHead<'_>, around: SessionPorts<'_>) {
        let session = self.carried(head).ok();
        let session = session.and_then(|text| self.known.open(&self.ring, &text));
        if let Some((session, _)) = session
            && session.signed_in.seconds() != around.entropy.now.seconds()
        {
            self.note_end(&session, around);
        }
    }

    fn slots<'m>(&'m self, around: SessionPorts<'m>) -> Slots<'m> {
        Slots::new(around.memory.unwrap_or(&self.memory), &self.tag)
    }

    /// The number of this gateway: the same on all of its workers.
    pub(super) fn instance(&self, around: SessionPorts<'_>) -> u64 {
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
    pub(crate) fn renewal(
        &self,
        session: &Session,
        may_wait: bool,
        around: SessionPorts<'_>,
    ) -> Renewal {
        if self.has_store() {
            return self.renewal_in_store(session, may_wait, around);
        }
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
        let slots = self.slots(around);
        if slots.look(ended(session), now) == Standing::Over {
            return Renewal::Ends(over());
        }
        let is_overdue = due == Due::Overdue;
        match slots.look(mark, now) {
            Standing::Successor(text) => self.successor(&text, around),
            Standing::Over => Renewal::Ends(over()),
            Standing::Refused if refresh.is_over(now) => Renewal::Ends(over()),
            Standing::Refused => Renewal::Stays,
            // Whoever goes away while the provider is asked does not keep a session that it may not know any more.
            Standing::UnderWay(first) if is_overdue && now >= first.plus(self.lease()) => {
                Renewal::Ends(unknown("send it again in a moment"))
            }
            Standing::UnderWay(_) => Renewal::Stays,
            Standing::Failed => self.noted_unrefreshed(session, around),
            Standing::Nothing if self.is_quiet(now) => self.noted_unrefreshed(session, around),
            Standing::Nothing if may_wait => Renewal::Due(Need {
                mark,
                is_overdue,
                may_wait,
            }),
            Standing::Nothing if is_overdue => Renewal::Ends(unknown(TOO_LONG)),
            Standing::Nothing => Renewal::Stays,
        }
    }

    /// For how long a refresh that was begun may be under way, in seconds: the token endpoint, the metadata, the keys and
    /// the UserInfo endpoint may all have to be asked.
    fn lease(&self) -> i64 {
        let timeout = i64::try_from(self.provider.timeout.as_secs()).unwrap_or(30);
        timeout.saturating_mul(4).saturating_add(5)
    }

    fn is_quiet(&self, now: Timestamp) -> bool {
        let until = self.refreshes.quiet_until.get();
        // A clock that was put back silences nobody for long.
        until.is_some_and(|until| now < until && until <= now.plus(QUIET))
    }

    /// The same session, used now, where the last note of that is old.
    fn noted(&self, session: &Session, around: SessionPorts<'_>) -> Renewal {
        if !self.lifetimes.is_noted(session, around.entropy.now) {
            return Renewal::Stays;
        }
        self.used_now(session, true, around)
    }

    /// The same of one that the provider cannot refresh at the moment, where it would be idle soon: another gateway
    /// may have refreshed it, whose cookies this would take the place of.
    fn noted_unrefreshed(&self, session: &Session, around: SessionPorts<'_>) -> Renewal {
        if !self.lifetimes.is_nearly_idle(session, around.entropy.now) {
            return Renewal::Stays;
        }
        self.used_now(session, false, around)
    }

    fn used_now(&self, session: &Session, is_note: bool, around: SessionPorts<'_>) -> Renewal {
        let session = Session {
            last_seen: around.entropy.now,
            ..session.clone()
        };
        // It is as long as the one before.
        match self.sealed(&session, around) {
            Some(SealedSession { cookies, .. }) => Renewal::Noted(Told {
                is_note,
                is_use: true,
                ..Told::of(&session, cookies, around.held)
            }),
            None => Renewal::Stays,
        }
    }

    /// Begins to refresh `session`, which was read as `stored` if a store keeps it.
    pub(crate) fn refresh(
        &self,
        session: &Session,
        stored: Option<&Stored>,
        need: Need,
        endpoints: &Rc<Endpoints>,
        around: SessionPorts<'_>,
    ) -> Begun {
        let now = around.entropy.now;
        if let Some(stored) = stored {
            return self.claim(session, stored, (need, endpoints), around);
        }
        let Some(in_flight) = InFlight::take(&self.refreshes.under_way) else {
            return Begun::Not(self.without_room(session, need, around));
        };
        if !self.slots(around).begin(need.mark, self.lease(), now) {
            // Whoever has just begun has let it be known.
            return Begun::Not(match self.renewal(session, need.may_wait, around) {
                Renewal::Due(need) => left_to_others(need),
                known => known,
            });
        }
        let keeper = Keeper::Slots(need.mark);
        match self.ask(session.clone(), (keeper, endpoints, in_flight), now) {
            Some((refreshing, call)) => Begun::Asked(refreshing, call),
            None => Begun::Not(Renewal::Stays),
        }
    }

    /// Asks the provider about the owner of `session`.
    fn ask(
        &self,
        session: Session,
        (keeper, endpoints, in_flight): (Keeper, &Endpoints, InFlight),
        now: Timestamp,
    ) -> Option<(Box<Refreshing>, Call)> {
        let provider = &self.provider;
        let Endpoint { upstream, url } = &endpoints.token;
        let server = (upstream.as_str(), url, provider.timeout);
        let token = session.refresh.as_ref()?.token.expose().as_str();
        let parameters = [("refresh_token", token)];
        let call = provider
            .client
            .call(server, "refresh_token", &parameters, now);
        let refreshing = Refreshing {
            session,
            keeper,
            max_bytes: call.expected().max_bytes,
            user_info: endpoints.user_info.clone(),
            is_secured: false,
            _in_flight: in_flight,
        };
        Some((Box::new(refreshing), call))
    }

    /// What becomes of `session` while the worker has too many refreshes under way. A provider that hangs is no reason to
    /// shut out whoever does not fit in.
    fn without_room(&self, session: &Session, need: Need, around: SessionPorts<'_>) -> Renewal {
        let failed = self.refreshes.failed_at.get();
        let now = around.entropy.now;
        if failed.is_some_and(|failed| now < failed.plus(BACK_OFF.1) && failed <= now) {
            self.noted_unrefreshed(session, around)
        } else {
            left_to_others(need)
        }
    }

    /// What becomes of a session while it is not known where to ask. A provider that fails ends no session; that too many
    /// ask is something that anybody can bring about.
    pub(crate) fn nowhere_to_ask(&self, need: Need) -> Renewal {
        if self.provider.is_failing() {
            Renewal::Stays
        } else {
            left_to_others(need)
        }
    }
}

/// What becomes of a session that this request does not refresh.
fn left_to_others(need: Need) -> Renewal {
    if need.is_overdue {
        Renewal::Ends(unknown("send it again in a moment"))
    } else {
        Renewal::Stays
    }
}

/// What names `session` once it has ended.
fn ended(session: &Session) -> Mark {
    Mark::of_ended(&form(session))
}

/// Nobody can know at the moment whether the provider still knows somebody.
pub(crate) fn unknown(advice: &'static str) -> Denial {
    Denial::new(Reason::SessionRefreshPending, advice)
}

/// The provider does not know somebody any more.
fn over() -> Denial {
    Denial::new(Reason::ExpiredSession, "sign in again")
}
