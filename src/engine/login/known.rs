//! What is known of sessions that were opened before, so that a request need not open its own anew.
//!
//! Held is what the seal proved, never a decision: whether a session has ended is asked at each request.

use crate::authn::Cache;
use crate::authn::jwt::{Granted, IdTokens};
use crate::denial::Denial;
use crate::json::Json;
use crate::session::{Purpose, Ring, Session};
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

/// How much of sealed sessions is remembered, in bytes per generation: some 1,000 of 500 bytes each. What they say is
/// shorter than they are.
const SEALED: usize = 1 << 19;
/// How much of claims is remembered.
const CLAIMS: usize = 1 << 18;

/// The sessions that a worker has opened of late.
pub(super) struct KnownSessions {
    opened: RefCell<Cache<Rc<(Session, bool)>>>,
    granted: RefCell<Cache<Rc<Granted>>>,
}

impl Default for KnownSessions {
    fn default() -> Self {
        Self {
            opened: RefCell::new(Cache::new(SEALED)),
            granted: RefCell::new(Cache::new(CLAIMS)),
        }
    }
}

impl fmt::Debug for KnownSessions {
    /// Shows nobody.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownSessions").finish_non_exhaustive()
    }
}

impl KnownSessions {
    /// The session that is sealed in `text`, and whether a previous secret of `ring` opened it. `None` for what is none.
    pub(super) fn open(&self, ring: &Ring, text: &[u8]) -> Option<(Session, bool)> {
        let name = std::str::from_utf8(text).ok()?;
        if let Some(known) = self.opened.borrow_mut().get(name) {
            return Some((*known).clone());
        }
        let opened = ring.open(Purpose::Session, text)?;
        let session = Session::decode(&opened.plaintext)?;
        let known = Rc::new((session, opened.by_previous));
        self.opened.borrow_mut().insert(name, Rc::clone(&known));
        Some((*known).clone())
    }

    /// What a person may do with these `claims`, a JSON object, by the rules of `id_tokens`.
    ///
    /// # Errors
    /// The first rule that they break. `None` where they cannot be read.
    pub(super) fn granted(
        &self,
        id_tokens: &IdTokens,
        claims: &str,
    ) -> Result<Rc<Granted>, Option<Denial>> {
        if let Some(known) = self.granted.borrow_mut().get(claims) {
            return Ok(known);
        }
        let json = Json::parse_object_without_duplicates(claims.as_bytes()).ok_or(None)?;
        let granted = Rc::new(id_tokens.granted(json).map_err(Some)?);
        self.granted
            .borrow_mut()
            .insert(claims, Rc::clone(&granted));
        Ok(granted)
    }
}
