//! Sessions as credentials.

use super::{Login, Stored};
use crate::authn::{Sessions, SignedIn};
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, RequestHead};
use crate::identity::Expiry;
use crate::session::{Parts, Session};
use crate::time::Timestamp;
use std::borrow::Cow;
use std::rc::Rc;

/// How far the clocks of two instances may be apart, in seconds.
pub(super) const LEEWAY: i64 = 60;

/// The parts of a session that a browser holds, and what they come to, as of [`Login::session`].
type Presented = (Parts, Result<(Session, bool), Denial>);

pub(super) fn invalid(advice: &'static str) -> Denial {
    Denial::new(Reason::InvalidSession, advice)
}

pub(super) fn unknown() -> Denial {
    invalid("it was not made by this gate, or with a secret that it has no more, sign in again")
}

impl Login {
    /// The session that the browser that sent `head` carries, and whether a previous secret opened it. `stored` is what
    /// was read for it of the store, if there is one.
    ///
    /// # Errors
    /// It carries none, or none of this gate, or one that has ended.
    pub(crate) fn session(
        &self,
        head: &RequestHead<'_>,
        stored: Option<&Stored>,
        now: Timestamp,
    ) -> Result<(Session, bool), Denial> {
        let (session, by_previous) = match &self.store {
            None => self.known.open(&self.ring, &self.carried(head)?),
            Some(_) => self.stored(&self.ticket(head, now)?, stored)?,
        }
        .ok_or_else(unknown)?;
        Ok((self.check(session, now)?, by_previous))
    }

    /// What the browser that sent `head` carries of a session, sealed.
    pub(super) fn carried<'a>(&self, head: &RequestHead<'a>) -> Result<Cow<'a, [u8]>, Denial> {
        let found = self.session.find(head.values(FieldKind::Cookie));
        let found = found.map_err(|_| {
            invalid("its cookies cannot be read, clear the site's cookies and sign in again")
        })?;
        found
            .text
            .ok_or_else(|| invalid("a part of its cookies is missing, sign in again"))
    }

    /// `session`, if it is of this gate and goes on.
    fn check(&self, mut session: Session, now: Timestamp) -> Result<Session, Denial> {
        if session.issuer != self.provider.issuer || session.signed_in > now.plus(LEEWAY) {
            return Err(unknown());
        }
        session.ends = self.lifetimes.end(&session);
        if now >= session.ends {
            return Err(Denial::new(Reason::ExpiredSession, "sign in again"));
        }
        // In a store it is gone by itself.
        if self.store.is_none() && self.lifetimes.is_idle(&session, now) {
            let advice = "it was not used for too long, sign in again";
            return Err(Denial::new(Reason::ExpiredSession, advice));
        }
        Ok(session)
    }

    /// The same, and the parts of a session that the browser holds. `None` if it holds none.
    pub(crate) fn presented(
        &self,
        head: &RequestHead<'_>,
        stored: Option<&Stored>,
        now: Timestamp,
    ) -> Option<Presented> {
        let held = self.held(head);
        (held != Parts::NONE).then(|| (held, self.session(head, stored, now)))
    }

    /// The values of `Set-Cookie` that take away what the browser that sent `head` holds of a session.
    pub(crate) fn forgotten(&self, head: &RequestHead<'_>) -> Vec<String> {
        self.session.removed(self.held(head))
    }

    /// The same for cookies that cannot be read, and for no others: among too many, the parts of a session may be
    /// those that are too much.
    pub(super) fn unreadable(&self, head: &RequestHead<'_>) -> Vec<String> {
        match self.session.find(head.values(FieldKind::Cookie)) {
            Ok(_) => Vec::new(),
            Err(_) => self.session.removed(Parts::EVERY),
        }
    }

    /// Those of the parts of a session that the browser that sent `head` holds.
    pub(crate) fn held(&self, head: &RequestHead<'_>) -> Parts {
        let found = self.session.find(head.values(FieldKind::Cookie));
        // What cannot be read is taken away whole.
        found.map_or(Parts::EVERY, |found| found.held)
    }
}

impl Sessions for Login {
    fn name(&self) -> &str {
        "login"
    }

    fn is_presented(&self, head: &RequestHead<'_>) -> bool {
        self.held(head) != Parts::NONE
    }

    fn open(&self, head: &RequestHead<'_>, now: Timestamp) -> Result<SignedIn, Denial> {
        let (session, by_previous) = self.session(head, None, now)?;
        self.signed_in(&session, by_previous)
    }
}

impl Login {
    /// Who is signed in by `session`, which a previous secret opened or not.
    ///
    /// # Errors
    /// The rules that are in force now grant nobody with its claims anything.
    pub(crate) fn signed_in(
        &self,
        session: &Session,
        by_previous_secret: bool,
    ) -> Result<SignedIn, Denial> {
        // A claim that is not there may be one that nobody asked for when it was sealed: a rule that wants it
        // absent would hold for everybody.
        let is_kept = |mark| session.kept.contains(mark);
        if !self.id_tokens.marks().iter().all(is_kept) {
            return Err(invalid("it is of a time with other rules, sign in again"));
        }
        let person = self.known.granted(&self.id_tokens, &session.claims);
        let person = person.map_err(|why| match why {
            Some(denial) => denial.of(self.name()),
            None => invalid("its claims cannot be read, sign in again"),
        })?;
        // Who it is was proved when it was sealed, by the rules of that time.
        if *person.claimed.subject != *session.subject {
            return Err(invalid("it is of a time with other rules, sign in again"));
        }
        Ok(SignedIn {
            subject: Rc::clone(&person.claimed.subject),
            scopes: person.claimed.scopes,
            unmapped: person.claimed.unmapped.clone(),
            claims: Rc::clone(&person.forwarded),
            rules: person.claimed.rules.clone(),
            expiry: Expiry {
                at: session.ends,
                reason: Reason::ExpiredSession,
            },
            by_previous_secret,
        })
    }
}
