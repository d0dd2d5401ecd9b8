//! Sessions in a store, as sign-ins, requests and sign-outs come upon them.

use super::sessions::{invalid, unknown};
use super::sign_out::Departure;
use super::store::{self, Place, Ticket, Times, Waiter};
use super::{Login, Redirect, SessionPorts};
use crate::authn::jwt::Identified;
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::secret::Secret;
use crate::session::{Entropy, Purpose, Session};
use crate::source::{Call, Response};
use crate::time::Timestamp;

/// The session of this name is being read.
#[derive(Debug)]
pub(crate) struct Loading {
    name: String,
    idle: Option<i64>,
    waiter: Waiter,
}

/// What was read for one request.
#[derive(Debug)]
pub(crate) struct Stored {
    name: String,
    /// the sealed session, if there is one, or why nobody can know
    found: Result<Option<Secret<String>>, String>,
}

/// An answer that a browser gets once the store has done its part.
#[derive(Debug)]
pub(crate) struct Outstanding {
    /// what the log says then, of which session
    event: Option<(&'static str, Box<Session>)>,
    answer: Settled,
}

/// How a browser goes on whose session has begun or ended.
#[derive(Debug)]
pub(crate) enum Settled {
    /// where it wanted to go
    SignedIn(Redirect),
    /// to the provider, or to the page that says so
    SignedOut(Departure),
}

impl Outstanding {
    /// The answer `answer`, and what the log says with it of which session.
    pub(super) fn new(event: Option<(&'static str, Session)>, answer: Settled) -> Self {
        Self {
            event: event.map(|(event, session)| (event, Box::new(session))),
            answer,
        }
    }
}

impl Loading {
    /// The store has answered.
    pub(crate) fn loaded(self, response: &Response<'_>) -> Stored {
        // A gateway answers in place of a server that does not.
        let is_answer = response.status.is_some_and(|status| status != 504);
        self.waiter.ended(is_answer);
        let found = store::found(self.idle, response);
        Stored {
            name: self.name,
            found: found.map(|text| text.map(Secret::new)),
        }
    }
}

impl Stored {
    /// The session's name and the session, sealed, if there is one.
    pub(super) fn sealed(&self) -> Option<(&str, &str)> {
        let sealed = self.found.as_ref().ok()?.as_ref()?;
        Some((&self.name, sealed.expose()))
    }
}

impl Login {
    /// Whether a store keeps sessions.
    pub(crate) const fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// The call that reads the session of the browser that sent `head`, if it carries the ticket of one that goes on. For
    /// anything else nobody is asked. Whether it counts as used by that is `is_use`.
    ///
    /// # Errors
    /// Too many wait for the store.
    pub(crate) fn load(
        &self,
        head: &RequestHead<'_>,
        is_use: bool,
        now: Timestamp,
    ) -> Option<Result<(Loading, Call), Stored>> {
        let store = self.store.as_ref()?;
        let (ticket, _) = self.ticket(head, now).ok()?;
        let name = ticket.name();
        // It ends in any case when its ticket does.
        let rest = ticket.ends.since(now);
        let idle = self.lifetimes.idle.filter(|_| is_use);
        let idle = idle.map(|idle| idle.min(rest));
        let Some(waiter) = store.wait() else {
            let found = Err("too many requests wait for the store".to_owned());
            return Some(Err(Stored { name, found }));
        };
        let call = store.load(&name, idle);
        let loading = Loading { name, idle, waiter };
        Some(Ok((loading, call)))
    }

    /// The ticket that the browser that sent `head` carries, and whether a previous secret opened it.
    pub(super) fn ticket(
        &self,
        head: &RequestHead<'_>,
        now: Timestamp,
    ) -> Result<(Ticket, bool), Denial> {
        let text = self.carried(head)?;
        let (ticket, by_previous) = Ticket::open(&self.ring, &text).ok_or_else(unknown)?;
        if now >= ticket.ends {
            return Err(Denial::new(Reason::ExpiredSession, "sign in again"));
        }
        Ok((ticket, by_previous))
    }

    /// The session of `ticket` in what was `stored`, and whether a previous secret opened it. `None` if it is none of this
    /// gate, or another one's.
    pub(super) fn stored(
        &self,
        (ticket, by_previous): &(Ticket, bool),
        stored: Option<&Stored>,
    ) -> Result<Option<(Session, bool)>, Denial> {
        let name = ticket.name();
        let stored = stored.filter(|stored| stored.name == name);
        let found = match stored.map(|stored| &stored.found) {
            Some(Ok(found)) => found,
            Some(Err(why)) => return Err(unavailable(why.clone())),
            None => return Err(unavailable("it was not asked for this session".to_owned())),
        };
        let Some(sealed) = found else {
            return Err(invalid("it has ended, sign in again"));
        };
        let text = sealed.expose().as_bytes();
        let opened = self.ring.open_at(name.as_bytes(), Purpose::Stored, text);
        Ok(opened.and_then(|opened| {
            let session = Session::decode(&opened.plaintext)?;
            Some((session, opened.by_previous || *by_previous))
        }))
    }

    /// Keeps `session`, of somebody who was `identified`: the values of `Set-Cookie`, and the call that the store needs.
    /// None if it does not fit.
    pub(super) fn keep(
        &self,
        session: &mut Session,
        identified: &Identified,
        around: SessionPorts<'_>,
    ) -> Option<(Vec<String>, Option<Call>)> {
        let Some(store) = &self.store else {
            return Some((self.fitting(session, around)?.cookies, None));
        };
        let entropy = around.entropy;
        let ticket = Ticket::new(&self.ring, session.ends, entropy)?;
        let name = ticket.name();
        let sealed = self.fitting_for(&name, session, entropy);
        let mut places = vec![
            Place::Subject(&session.subject),
            Place::Sub(&identified.sub),
        ];
        // Where the provider does not say which session it is there, any may be it.
        let named = identified.sid.as_deref().map(Place::Sid);
        places.push(named.unwrap_or(Place::Unnamed(&identified.sub)));
        let times = Times {
            now: entropy.now.seconds(),
            ends: session.ends.seconds(),
            idle: self.lifetimes.idle,
        };
        let call = store.create(&name, &sealed?, times, &places);
        let ticket = ticket.seal(&self.ring, entropy).ok()?;
        Some((self.lines(&ticket, session, around)?, Some(call)))
    }

    /// `session` as the store keeps it under `name`, without what can be done without where it does not fit.
    pub(super) fn fitting_for(
        &self,
        name: &str,
        session: &mut Session,
        entropy: Entropy<'_>,
    ) -> Option<String> {
        self.sealed_for(name, session, entropy).or_else(|| {
            // Whoever signs out is then asked by the provider whether that was meant.
            session.sign_out_hint = None;
            self.sealed_for(name, session, entropy)
        })
    }

    /// `session` as the store keeps it under `name`, if it fits.
    fn sealed_for(&self, name: &str, session: &Session, entropy: Entropy<'_>) -> Option<String> {
        let bytes = session.encode();
        let sealed = self
            .ring
            .seal_for(name.as_bytes(), Purpose::Stored, &bytes, entropy);
        sealed.ok()
    }

    /// The call that ends the session of the browser that sent `head` in the store, if it is in one.
    pub(super) fn forget(&self, head: &RequestHead<'_>, now: Timestamp) -> Option<Call> {
        let store = self.store.as_ref()?;
        let (ticket, _) = self.ticket(head, now).ok()?;
        Some(store.remove(&ticket.name()))
    }

    /// The store has done its part, or there was none.
    pub(crate) fn settle(&self, outstanding: Outstanding) -> Settled {
        if let Some((event, session)) = &outstanding.event {
            self.tell(event, session);
        }
        outstanding.answer
    }
}

/// The answer to a call that was to change something.
///
/// # Errors
/// It was not done, or nobody can know.
pub(crate) fn changed(response: &Response<'_>) -> Result<(), Denial> {
    store::done(response).map_err(unavailable)
}

/// The store cannot be asked.
pub(super) fn unavailable(why: String) -> Denial {
    let advice = "try again in a moment; the operator finds the reason in the gateway's log";
    Denial::new(Reason::SessionStoreUnavailable, advice).because(why)
}
