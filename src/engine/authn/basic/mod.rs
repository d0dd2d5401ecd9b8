//! Users with passwords: HTTP Basic (RFC 7617) against the hashes of an htpasswd file.
//!
//! A hash is slow by intent, and in wasm it blocks its worker. So each worker spends a bounded part
//! of its time on hashes ([`Budget`]), and what was learnt of a login is remembered: a good one costs
//! nothing the second time, a wrong one that is repeated neither.
//!
//! INVARIANT: a name that is not known costs the same as one that is, so that nobody learns from an
//! answer's time which names there are.

mod crypt;
mod hash;
mod login;

pub(crate) use hash::{PasswordHash, Unusable};
pub(crate) use login::Login;

use super::back_off::{AttemptKind, Attempts};
use super::budget::{Budget, HASHES};
use super::cache::Cache;
use crate::denial::{Denial, Reason};
use crate::grant::BodyRules;
use crate::grant::ScopeSet;
use crate::time::Timestamp;
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The longest password in bytes. bcrypt looks at no more, and so at no difference behind them.
pub(crate) const MAX_PASSWORD_BYTES: usize = 72;

/// How much of good logins is remembered, in bytes per generation and user: the longest there is.
const KNOWN: usize = 512;
/// How much of wrong ones, in bytes per generation.
const WRONG: usize = 1 << 15;

/// What the configuration says of one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// the name that the user logs in with, and the name in logs
    pub name: String,
    /// who that is
    pub subject: Rc<str>,
    /// what the user may do
    pub scopes: ScopeSet,
    /// which models the user may use, and how much requests may ask for
    pub rules: Option<Rc<BodyRules>>,
    /// what the password has to fit
    pub hash: PasswordHash,
}

/// Every user, and what is known of logins. Holds all its state itself.
#[derive(Debug)]
pub(crate) struct Users {
    users: Vec<User>,
    places: HashMap<String, usize>,
    /// decides which hash is computed for a name that is not known
    seed: [u8; 32],
    known: RefCell<Cache<usize>>,
    /// the places of the users that they named, where there are any
    wrong: RefCell<Cache<Option<usize>>>,
    budget: Budget,
}

impl Users {
    /// These users. Of two with one name the later one is lost, which the configuration has refused.
    pub(crate) fn new(users: Vec<User>) -> Self {
        let named = users.iter().map(|user| user.name.clone());
        let mut seed = Sha256::new();
        for user in &users {
            user.hash.add_to(&mut seed);
        }
        Self {
            places: named.zip(0..).collect(),
            seed: seed.finalize().into(),
            // Room for all of them: whoever is known stays known.
            known: RefCell::new(Cache::new(users.len().saturating_mul(KNOWN))),
            users,
            wrong: RefCell::new(Cache::new(WRONG)),
            budget: Budget::new(HASHES),
        }
    }

    /// Whether there is no user.
    pub(crate) const fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// How many users have a hash that takes long.
    pub(crate) fn count_slow(&self) -> usize {
        let slow = self.users.iter().filter(|user| user.hash.is_slow());
        slow.count()
    }

    /// The user behind `login`, which came as `text`.
    ///
    /// # Errors
    /// It cannot be right, it is wrong, or it was not looked at: too many for this name were wrong, or
    /// too much was hashed in the last seconds.
    pub(crate) fn verify(
        &self,
        text: &str,
        login: &Login,
        now: Timestamp,
        attempts: Attempts<'_>,
    ) -> Result<&User, Denial> {
        if self.is_empty() {
            return Err(Self::unsupported(false));
        }
        let known = self.known.borrow_mut().get(text);
        if let Some(user) = known.and_then(|place| self.users.get(place)) {
            return Ok(user);
        }
        let wrong = self.wrong.borrow_mut().get(text);
        if let Some(place) = wrong {
            return Err(self.wrong_password(login, place));
        }
        login.check_length()?;
        let place = self.places.get(login.user()).copied();
        let tested = place.or_else(|| self.stand_in(login.user()));
        let Some(user) = tested.and_then(|place| self.users.get(place)) else {
            return Err(self.wrong_password(login, None));
        };
        // Whoever is held back spends nothing of the time for the others.
        attempts
            .check(AttemptKind::Password, login.user(), now)
            .map_err(|denial| self.named(denial, place))?;
        self.spend(&user.hash, now)?;
        let fits = user.hash.fits(login.password());
        let Some(place) = place.filter(|_| fits) else {
            attempts.failed(AttemptKind::Password, login.user(), now);
            self.wrong.borrow_mut().insert(text, place);
            return Err(self.wrong_password(login, place));
        };
        attempts.succeeded(AttemptKind::Password, login.user());
        self.known.borrow_mut().insert(text, place);
        Ok(user)
    }

    /// Why a login is refused where there is no user. `keys` is whether there are API keys.
    pub(crate) fn unsupported(keys: bool) -> Denial {
        let advice = if keys {
            "no user has a password here: an API key works as the password, and as the user name \
             with an empty password; or send `Authorization: Bearer <your key>`"
        } else {
            "no user has a password here: send `Authorization: Bearer <your token>`"
        };
        Denial::new(Reason::UnsupportedCredential, advice)
    }

    fn spend(&self, hash: &PasswordHash, now: Timestamp) -> Result<(), Denial> {
        let spent = self.budget.spend(hash.microseconds(), now);
        spent.map_err(|seconds| {
            let advice = "this worker is busy checking others, try again";
            Denial::new(Reason::TooManyPasswords, advice).retry_after(seconds)
        })
    }

    /// Whose hash is computed for a name that is not known: always the same one's for one name, so
    /// that its time tells nothing.
    fn stand_in(&self, name: &str) -> Option<usize> {
        let digest = Sha256::new().chain_update(self.seed);
        let digest: [u8; 32] = digest.chain_update(name).finalize().into();
        let number = digest.first_chunk().copied().map(u32::from_be_bytes)?;
        usize::try_from(number).ok()?.checked_rem(self.users.len())
    }

    /// The same words for a user that there is and for one that there is not. Only the log names one.
    fn wrong_password(&self, login: &Login, place: Option<usize>) -> Denial {
        let advice = if login.names_key() {
            "an API key as the user name needs an empty password"
        } else {
            "check the spelling of both"
        };
        let denial = Denial::new(Reason::WrongPassword, advice);
        self.named(denial, place)
    }

    fn named(&self, denial: Denial, place: Option<usize>) -> Denial {
        match place.and_then(|place| self.users.get(place)) {
            Some(user) => denial.of(&user.name),
            None => denial,
        }
    }
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
