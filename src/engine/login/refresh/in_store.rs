//! Sessions in a store that refresh themselves: all gates of the store agree there on who asks the provider, and what comes
//! of it is kept there. A browser's ticket stays as it is.

use super::answer::{NotRefreshed, RefreshedTokens};
use super::outcome::Settlement;
use super::slots::{BACK_OFF, Mark, Standing};
use super::{
    Begun, Claim, InFlight, Keeper, Lock, Need, Refreshing, Renewal, SessionPorts, TOO_LONG, over,
    unknown,
};
use crate::denial::Denial;
use crate::login::provider::Endpoints;
use crate::login::sessions::invalid;
use crate::login::store::{self, Store, Written};
use crate::login::{Login, Stored, store_unavailable};
use crate::session::{Purpose, Session};
use crate::source::{Call, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::rc::Rc;

/// How often it is tried to keep what came of a refresh: what is not kept is a refresh token that nobody has any more.
const MAX_TRIES: u8 = 3;
/// What is noted of a session that is all that comes of a refresh.
const LAST: &str = "last";

/// The store is being asked who refreshes a session.
#[derive(Debug)]
pub(crate) struct Claiming {
    session: Session,
    lock: Lock,
    need: Need,
    endpoints: Rc<Endpoints>,
}

/// What the store said.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// the provider is asked
    Asked(Box<Refreshing>, Call),
    /// somebody else refreshes it, or nobody
    Settled(Settlement),
}

/// What came of a refresh is being written to the store.
#[derive(Debug)]
pub(crate) struct Writing {
    call: Call,
    what: What,
    lock: Lock,
    /// how often it was tried
    tries: u8,
}

#[derive(Debug)]
enum What {
    /// what came of the refresh of the session of this mark is carried in its place
    Kept(Mark),
    /// that of this mark has ended
    Ended(Mark),
    /// the provider gave no answer
    Failed,
    /// the provider was not asked
    Released,
}

/// What became of it.
#[derive(Debug)]
pub(crate) enum Kept {
    /// it was written
    Done,
    /// it is tried again
    Again(Box<Writing>, Call),
    /// it was not, and this is what becomes of the session
    Instead(Renewal),
}

impl Claiming {
    /// What the store answered.
    ///
    /// # Errors
    /// Why nobody can know.
    pub(crate) fn read(response: &Response<'_>) -> Result<Claim, String> {
        store::claimed(response)
    }
}

impl Writing {
    fn new(call: Call, what: What, lock: &Lock) -> Box<Self> {
        Box::new(Self {
            call,
            what,
            lock: lock.clone(),
            tries: 1,
        })
    }

    /// The call that writes it.
    pub(crate) fn call(&self) -> Call {
        self.call.clone()
    }

    /// What the store answered.
    ///
    /// # Errors
    /// Why nobody can know.
    pub(crate) fn read(response: &Response<'_>) -> Result<Written, String> {
        store::written(response)
    }
}

impl Refreshing {
    /// Whether what the provider has said is safe, whatever becomes of the request.
    pub(crate) const fn is_safe(&self) -> bool {
        matches!(self.keeper, Keeper::Slots(_)) || self.is_secured
    }
}

impl Login {
    /// What is to be done about `session`, which a store keeps.
    pub(super) fn renewal_in_store(
        &self,
        session: &Session,
        may_wait: bool,
        around: SessionPorts<'_>,
    ) -> Renewal {
        let now = around.entropy.now;
        let refresh = session
            .refresh
            .as_ref()
            .filter(|refresh| self.lifetimes.refresh.is_some() && now >= refresh.due);
        // What is used the store notes by itself.
        let Some(refresh) = refresh else {
            return Renewal::Stays;
        };
        let mark = Mark::of(&refresh.token, refresh.due);
        let need = Need {
            mark,
            is_overdue: refresh.is_overdue(now),
            may_wait,
        };
        // What this gateway could not tell the store yet.
        let known = self.slots(around).look(mark, now);
        let is_known = match known {
            Standing::Successor(noted) => !noted.is_empty(),
            Standing::Over => true,
            _ => false,
        };
        if is_known || ((may_wait || need.is_overdue) && !self.is_quiet(now)) {
            Renewal::Due(need)
        } else {
            Renewal::Stays
        }
    }

    /// For how long a refresh may be under way whose session is in `store`, in seconds. It begins anew once the tokens are
    /// safe.
    fn lease_in(&self, store: &Store) -> i64 {
        let timeout = i64::try_from(store.timeout().as_secs()).unwrap_or(30);
        // The lock begins while it is asked for.
        let writing = timeout.saturating_mul(i64::from(MAX_TRIES).saturating_add(1));
        self.lease().saturating_add(writing)
    }

    /// Keeps what came of an earlier refresh of `session`, as it was `noted` by this gateway: by the lock that it still has.
    fn keeping_noted(
        &self,
        session: &Session,
        (lock, need): (Lock, Need),
        noted: &str,
    ) -> Option<Settlement> {
        let (owner, rest) = noted.split_once(' ')?;
        let (is_last, sealed) = rest.split_once(' ')?;
        let lock = lock.of(owner);
        let is_last = is_last == LAST;
        let renewal = match self.instead(&lock, sealed) {
            // The tokens are safe, and nobody was asked about the person so far.
            Renewal::Carries(..) if !is_last && need.is_overdue => {
                Renewal::Ends(unknown("send it again in a moment"))
            }
            known => known,
        };
        let lease = self.store.as_ref().map(|store| self.lease_in(store));
        // Whoever asks about the person yet has the lock.
        let lease = lease.filter(|_| !is_last);
        Some(self.keeping(
            (lock, need.mark),
            sealed,
            (renewal, &session.subject),
            lease,
        ))
    }

    /// Notes what has to be kept, before anybody goes away.
    fn note(
        &self,
        (lock, mark): (&Lock, Mark),
        sealed: &str,
        is_last: bool,
        around: SessionPorts<'_>,
    ) {
        let last = if is_last { LAST } else { "more" };
        let noted = [lock.owner(), last, sealed].join(" ");
        self.slots(around)
            .refreshed(mark, &noted, around.entropy.now);
    }

    /// Asks the store who refreshes `session`, which was read as `stored`.
    pub(super) fn claim(
        &self,
        session: &Session,
        stored: &Stored,
        (need, endpoints): (Need, &Rc<Endpoints>),
        around: SessionPorts<'_>,
    ) -> Begun {
        let Some((store, (name, sealed))) = self.store.as_ref().zip(stored.sealed()) else {
            return Begun::Not(Renewal::Stays);
        };
        let owner = URL_SAFE_NO_PAD.encode(self.ring.draw("lock", around.entropy));
        let lock = Lock::new(name, owner, sealed);
        match self.slots(around).look(need.mark, around.entropy.now) {
            Standing::Over => return Begun::Kept(self.ending(&lock, need.mark)),
            Standing::Successor(noted) => {
                if let Some(kept) = self.keeping_noted(session, (lock.clone(), need), &noted) {
                    return Begun::Kept(kept);
                }
            }
            _ => {}
        }
        let call = store.claim(
            &lock,
            need.may_wait.then(|| self.lease_in(store)),
            session.ends,
        );
        let claiming = Claiming {
            session: session.clone(),
            lock,
            need,
            endpoints: Rc::clone(endpoints),
        };
        Begun::Claimed(Box::new(claiming), call)
    }

    /// The store has answered.
    pub(crate) fn claimed(
        &self,
        claiming: Claiming,
        claim: Result<Claim, String>,
        around: SessionPorts<'_>,
    ) -> Claimed {
        let Claiming { need, lock, .. } = claiming;
        let renewal = match claim {
            Err(why) => Renewal::Ends(store_unavailable(why)),
            Ok(Claim::Gone) => Renewal::Ends(gone()),
            Ok(Claim::Newer(text)) => self.instead(&lock, &text),
            Ok(Claim::Failed) => Renewal::Stays,
            Ok(Claim::Held(since)) => {
                let lease = self.store.as_ref().map(|store| self.lease_in(store));
                let is_late = lease.is_none_or(|lease| since >= lease.saturating_mul(1000));
                // Whoever goes away while the provider is asked does not keep a session that it may not know any more.
                if need.is_overdue && is_late {
                    Renewal::Ends(unknown("send it again in a moment"))
                } else {
                    Renewal::Stays
                }
            }
            Ok(Claim::Free) => Renewal::Ends(unknown(TOO_LONG)),
            Ok(Claim::Taken) => {
                let Some(in_flight) = InFlight::take(&self.refreshes.under_way) else {
                    let renewal = self.without_room(&claiming.session, need, around);
                    let call = self.store.as_ref().map(|store| store.release(&lock));
                    let writing = call.map(|call| Writing::new(call, What::Released, &lock));
                    return Claimed::Settled(Settlement { renewal, writing });
                };
                let keeper = Keeper::Store(lock, need.mark);
                let with = (keeper, &*claiming.endpoints, in_flight);
                match self.ask(claiming.session, with, around.entropy.now) {
                    Some((refreshing, call)) => return Claimed::Asked(refreshing, call),
                    None => Renewal::Stays,
                }
            }
        };
        Claimed::Settled(renewal.into())
    }

    /// `session` came of a refresh of one of `before`.
    pub(super) fn refreshed_in_store(
        &self,
        mut session: Session,
        before: &str,
        (lock, mark): (&Lock, Mark),
        around: SessionPorts<'_>,
    ) -> Settlement {
        match self.fitting_for(lock.name(), &mut session, around.entropy) {
            Some(sealed) => {
                self.note((lock, mark), &sealed, true, around);
                let renewal = Renewal::Carries(Box::new(session), None);
                self.keeping((lock.clone(), mark), &sealed, (renewal, before), None)
            }
            None => {
                self.tell_too_large(&session);
                self.ending(lock, mark)
            }
        }
    }

    /// What has to be written of the tokens of a refresh before anybody else is asked about the person: the provider may
    /// take none but these any more. The lock lasts longer by that.
    pub(crate) fn secure(
        &self,
        refreshing: &mut Refreshing,
        tokens: &RefreshedTokens,
        around: SessionPorts<'_>,
    ) -> Option<Box<Writing>> {
        let store = self.store.as_ref()?;
        let mut session = self.renewed(refreshing, tokens, None, around);
        // What the provider says of the person is not known yet: it is as due, or overdue, as before.
        if let (Some(refresh), Some(read)) = (&mut session.refresh, &refreshing.session.refresh) {
            (refresh.due, refresh.margin) = (read.due, read.margin);
        }
        let Keeper::Store(lock, mark) = &mut refreshing.keeper else {
            return None;
        };
        let sealed = self.fitting_for(lock.name(), &mut session, around.entropy)?;
        let call = store.save(lock, &sealed, Some(self.lease_in(store)), None);
        let what = What::Kept(*mark);
        let writing = Writing::new(call, what, lock);
        self.note((lock, *mark), &sealed, false, around);
        lock.saw(&sealed);
        // What is noted from here on is of the session that the store has then.
        if let Some(refresh) = &session.refresh {
            *mark = Mark::of(&refresh.token, refresh.due);
        }
        refreshing.is_secured = true;
        Some(writing)
    }

    /// Has `sealed` kept in place of the session of `before`, which becomes of it once it is.
    fn keeping(
        &self,
        (lock, mark): (Lock, Mark),
        sealed: &str,
        (renewal, before): (Renewal, &str),
        lease: Option<i64>,
    ) -> Settlement {
        let renamed = match &renewal {
            Renewal::Carries(session, _) if session.subject != before => {
                Some((before, session.subject.as_str(), session.ends))
            }
            _ => None,
        };
        let store = self.store.as_ref();
        let call = store.map(|store| store.save(&lock, sealed, lease, renamed));
        let writing = call.map(|call| Writing::new(call, What::Kept(mark), &lock));
        Settlement { renewal, writing }
    }

    fn ending(&self, lock: &Lock, mark: Mark) -> Settlement {
        let call = self.store.as_ref().map(|store| store.end_refused(lock));
        Settlement {
            // The ticket stays: taken away late, it could be that of somebody who has signed in since.
            renewal: Renewal::Ends(over()),
            writing: call.map(|call| Writing::new(call, What::Ended(mark), lock)),
        }
    }

    /// A session was not refreshed.
    pub(super) fn not_refreshed_in_store(
        &self,
        (lock, mark): (&Lock, Mark),
        why: &NotRefreshed,
    ) -> Settlement {
        match why {
            // Nobody else has asked with this token: the store says so.
            NotRefreshed::Untrue(_) | NotRefreshed::Refused(_) => self.ending(lock, mark),
            NotRefreshed::NoAnswer(_) | NotRefreshed::Failed(_) => {
                let call = self.store.as_ref().map(|store| store.fail(lock, BACK_OFF));
                Settlement {
                    renewal: Renewal::Stays,
                    writing: call.map(|call| Writing::new(call, What::Failed, lock)),
                }
            }
        }
    }

    /// The store has answered to `writing`.
    pub(crate) fn written(
        &self,
        mut writing: Box<Writing>,
        written: Result<Written, String>,
        around: SessionPorts<'_>,
    ) -> Kept {
        let (slots, now) = (self.slots(around), around.entropy.now);
        match (written, &writing.what) {
            (Err(_), _) if writing.tries < MAX_TRIES => {
                writing.tries = writing.tries.saturating_add(1);
                let call = writing.call();
                Kept::Again(writing, call)
            }
            // What is to be kept is noted: the next request that comes to this gateway does it.
            (Err(why), What::Kept(_) | What::Failed) => {
                Kept::Instead(Renewal::Ends(store_unavailable(why)))
            }
            // The provider has said so, whatever the store does.
            (Err(_), What::Ended(mark)) => {
                slots.over(*mark, now);
                Kept::Done
            }
            (Ok(Written::Gone), What::Kept(_) | What::Failed | What::Released) => {
                Kept::Instead(Renewal::Ends(gone()))
            }
            (_, What::Released) => Kept::Done,
            // Somebody else is at it, with what was read.
            (Ok(Written::Other(text)), _) if writing.lock.is_of(&text) => match writing.what {
                What::Ended(_) => Kept::Done,
                _ => Kept::Instead(self.instead(&writing.lock, &text)),
            },
            (Ok(Written::Other(text)), _) => Kept::Instead(self.instead(&writing.lock, &text)),
            (Ok(_), What::Kept(mark)) => {
                slots.refreshed(*mark, "", now);
                Kept::Done
            }
            (Ok(_), _) => Kept::Done,
        }
    }

    /// The session of `lock` is `text` by now.
    fn instead(&self, lock: &Lock, text: &str) -> Renewal {
        let place = lock.name().as_bytes();
        let opened = self.ring.open_at(place, Purpose::Stored, text.as_bytes());
        let session = opened.and_then(|opened| Session::decode(&opened.plaintext));
        session.map_or_else(
            || Renewal::Ends(gone()),
            |session| Renewal::Carries(Box::new(session), None),
        )
    }
}

/// The session was ended while the request waited.
fn gone() -> Denial {
    invalid("it has ended, sign in again")
}
