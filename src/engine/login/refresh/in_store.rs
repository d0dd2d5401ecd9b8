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

/// The store is being asked who refreshes a session.
#[derive(Debug)]
pub(crate) struct Claiming {
    session: Session,
    lock: Lock,
    need: Need,
    endpoints: Rc<Endpoints>,
    in_flight: InFlight,
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
    /// this is carried in place of the session of this mark, sealed
    Kept(Mark, String),
    /// it has ended
    Ended,
    /// the provider gave no answer
    Failed,
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
        let known = self.slots(around).look(mark, now);
        let is_unkept = matches!(known, Standing::Successor(_));
        if is_unkept || ((may_wait || need.is_overdue) && !self.is_quiet(now)) {
            Renewal::Due(need)
        } else {
            Renewal::Stays
        }
    }

    /// For how long a refresh may be under way whose session is in `store`, in seconds. It begins anew once the tokens are
    /// safe.
    fn lease_in(&self, store: &Store) -> i64 {
        let timeout = i64::try_from(store.timeout().as_secs()).unwrap_or(30);
        let writing = timeout.saturating_mul(MAX_TRIES.into());
        self.lease().saturating_add(writing)
    }

    /// What came of the refresh of what `mark` names, sealed, if this gateway could not keep it, and the lock of `stored`
    /// by which it can be.
    fn unkept(
        &self,
        stored: &Stored,
        mark: Mark,
        around: SessionPorts<'_>,
    ) -> Option<(Lock, String)> {
        let Standing::Successor(noted) = self.slots(around).look(mark, around.entropy.now) else {
            return None;
        };
        let (owner, sealed) = noted.split_once(' ')?;
        let (name, read) = stored.sealed()?;
        Some((Lock::new(name, owner.to_owned(), read), sealed.to_owned()))
    }

    /// Asks the store who refreshes `session`, which was read as `stored`.
    pub(super) fn claim(
        &self,
        session: &Session,
        stored: &Stored,
        (need, endpoints, in_flight): (Need, &Rc<Endpoints>, InFlight),
        around: SessionPorts<'_>,
    ) -> Begun {
        let Some((store, (name, sealed))) = self.store.as_ref().zip(stored.sealed()) else {
            return Begun::Not(Renewal::Stays);
        };
        if let Some((lock, text)) = self.unkept(stored, need.mark, around) {
            let renewal = self.instead(&lock, &text);
            return Begun::Kept(self.keeping((lock, need.mark), text, renewal));
        }
        let owner = URL_SAFE_NO_PAD.encode(self.ring.draw("lock", around.entropy));
        let lock = Lock::new(name, owner, sealed);
        let call = store.claim(&lock, need.may_wait.then(|| self.lease_in(store)));
        let claiming = Claiming {
            session: session.clone(),
            lock,
            need,
            endpoints: Rc::clone(endpoints),
            in_flight,
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
                let keeper = Keeper::Store(lock, need.mark);
                let with = (keeper, &*claiming.endpoints, claiming.in_flight);
                match self.ask(claiming.session, with, around.entropy.now) {
                    Some((refreshing, call)) => return Claimed::Asked(refreshing, call),
                    None => Renewal::Stays,
                }
            }
        };
        Claimed::Settled(renewal.into())
    }

    /// `session` came of a refresh.
    pub(super) fn refreshed_in_store(
        &self,
        mut session: Session,
        (lock, mark): (&Lock, Mark),
        around: SessionPorts<'_>,
    ) -> Settlement {
        match self.fitting_for(lock.name(), &mut session, around.entropy) {
            Some(sealed) => {
                let renewal = Renewal::Carries(Box::new(session), None);
                self.keeping((lock.clone(), mark), sealed, renewal)
            }
            None => {
                self.tell_too_large(&session);
                self.ending(lock)
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
        // What is said of the person is asked for again soon, if nothing comes of it now.
        let mut soon = RefreshedTokens {
            id_token: None,
            access_token: tokens.access_token.clone(),
            refresh_token: tokens.refresh_token.clone(),
            expires_in: tokens.expires_in,
        };
        soon.soon();
        let mut session = self.renewed(refreshing, &soon, None, around);
        let Keeper::Store(lock, mark) = &mut refreshing.keeper else {
            return None;
        };
        let sealed = self.fitting_for(lock.name(), &mut session, around.entropy)?;
        let call = store.save(lock, &sealed, Some(self.lease_in(store)));
        let what = What::Kept(*mark, sealed.clone());
        let writing = Writing::new(call, what, lock);
        lock.saw(&sealed);
        refreshing.is_secured = true;
        Some(writing)
    }

    fn keeping(&self, (lock, mark): (Lock, Mark), sealed: String, renewal: Renewal) -> Settlement {
        let call = self
            .store
            .as_ref()
            .map(|store| store.save(&lock, &sealed, None));
        let writing = call.map(|call| Writing::new(call, What::Kept(mark, sealed), &lock));
        Settlement { renewal, writing }
    }

    fn ending(&self, lock: &Lock) -> Settlement {
        let call = self.store.as_ref().map(|store| store.end_refused(lock));
        Settlement {
            // The ticket stays: taken away late, it could be that of somebody who has signed in since.
            renewal: Renewal::Ends(over()),
            writing: call.map(|call| Writing::new(call, What::Ended, lock)),
        }
    }

    /// A session was not refreshed.
    pub(super) fn not_refreshed_in_store(&self, lock: &Lock, why: &NotRefreshed) -> Settlement {
        match why {
            // Nobody else has asked with this token: the store says so.
            NotRefreshed::Untrue(_) | NotRefreshed::Refused(_) => self.ending(lock),
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
        match (written, &writing.what) {
            (Ok(Written::Gone), What::Kept(..) | What::Failed) => {
                Kept::Instead(Renewal::Ends(gone()))
            }
            (Ok(Written::Done), _) | (_, What::Failed) => Kept::Done,
            (Ok(Written::Other(text)), What::Kept(..)) => {
                Kept::Instead(self.instead(&writing.lock, &text))
            }
            (Ok(Written::Other(text)), What::Ended) if !writing.lock.is_of(&text) => {
                Kept::Instead(self.instead(&writing.lock, &text))
            }
            // The provider has said so, whatever the store does.
            (_, What::Ended) => Kept::Done,
            (Err(_), What::Kept(..)) if writing.tries < MAX_TRIES => {
                writing.tries = writing.tries.saturating_add(1);
                let call = writing.call();
                Kept::Again(writing, call)
            }
            (Err(why), What::Kept(mark, sealed)) => {
                // The next request that comes to this gateway keeps it, by the same lock.
                let noted = [writing.lock.owner(), " ", sealed].concat();
                let slots = self.slots(around);
                slots.refreshed(*mark, &noted, around.entropy.now);
                Kept::Instead(Renewal::Ends(store_unavailable(why)))
            }
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
