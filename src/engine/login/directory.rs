//! The sessions of a store, for whoever runs the gate: found and ended by subject.

use super::Login;
use super::store::{self, Ended, Place, Store};
use crate::session::{Purpose, Session};
use crate::source::{Call, Response};
use crate::time::Timestamp;

/// The sessions that a store keeps, as tools ask for them. Like everything here it asks nobody itself: it says which
/// [`Call`] to make, and reads the [`Response`].
#[derive(Clone, Copy, Debug)]
pub struct SessionDirectory<'e> {
    login: &'e Login,
    store: &'e Store,
}

/// A session, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionSummary {
    /// whose it is
    pub subject: String,
    /// when that person signed in
    pub signed_in: Timestamp,
    /// when it ends at the latest
    pub ends: Timestamp,
}

impl Login {
    /// The sessions of its store, if it has one.
    pub(crate) fn directory(&self) -> Option<SessionDirectory<'_>> {
        let store = self.store.as_ref()?;
        Some(SessionDirectory { login: self, store })
    }
}

impl SessionDirectory<'_> {
    /// Asks for the names of the sessions of `subject`, as log lines have it, that have not ended `now`.
    pub fn list(&self, subject: &str, now: Timestamp) -> Call {
        self.store.list(Place::Subject(subject), now.seconds())
    }

    /// The names in the answer to [`Self::list`], the first to end first.
    ///
    /// # Errors
    /// Why nobody can know.
    pub fn names(&self, response: &Response<'_>) -> Result<Vec<String>, String> {
        store::names(response)
    }

    /// Asks for the session called `name`. It does not count as used.
    pub fn read(&self, name: &str) -> Call {
        self.store.load(name, None)
    }

    /// The session in the answer to [`Self::read`] of `name`: none if it has ended or was revoked.
    ///
    /// # Errors
    /// Why nobody can know, such as that it was sealed with another secret.
    pub fn summary(
        &self,
        name: &str,
        response: &Response<'_>,
    ) -> Result<Option<SessionSummary>, String> {
        let Some(sealed) = store::found(None, response)? else {
            return Ok(None);
        };
        let place = name.as_bytes();
        let opened = self
            .login
            .ring
            .open_at(place, Purpose::Stored, sealed.as_bytes());
        let session = opened.and_then(|opened| Session::decode(&opened.plaintext));
        let session = session.ok_or("a session was sealed with none of these `secrets`")?;
        Ok(Some(SessionSummary {
            subject: session.subject,
            signed_in: session.signed_in,
            ends: session.ends,
        }))
    }

    /// Ends every session of `subject`.
    pub fn revoke(&self, subject: &str) -> Call {
        self.store.end(&[Place::Subject(subject)], None)
    }

    /// How many have ended, by the answer to [`Self::revoke`].
    ///
    /// # Errors
    /// Why nobody can know.
    pub fn revoked(&self, response: &Response<'_>) -> Result<u64, String> {
        match store::ended(response)? {
            Ended::Now(count) => Ok(count),
            Ended::Before(_) => Err("the store has ended nothing".to_owned()),
        }
    }
}
