//! All issuers together, and what is remembered of their tokens.

use super::claims::ForwardedClaim;
use super::issuer::Issuer;
use super::keys::{Checker, Keys, Need, Unproved};
use super::remote::Aged;
use super::rules::{Rejection, Stage};
use super::signature::Verifier;
use super::subjects::KnownSubjects;
use super::token::UnverifiedToken;
use super::verified::VerifiedToken;
use crate::authn::back_off::Attempts;
use crate::authn::budget::Share;
use crate::authn::cache::Cache;
use crate::authn::shares::Shares;
use crate::denial::{Denial, Level, Reason};
use crate::identity::Expiry;
use crate::network::ClientAddress;
use crate::source::{News, Refusal, Tried};
use crate::time::Timestamp;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How much of verified tokens is remembered, in bytes per generation: some 1,500 tokens of 500
/// bytes each.
const VERIFIED: usize = 1 << 20;
/// How much of forged ones.
const FORGED: usize = 1 << 16;

/// What of the time for signatures is common to all whose tokens are not known. With that of
/// [`KnownSubjects`] and the parts of [`Shares`] a worker spends a fifth of its time, 200 µs in each
/// millisecond, and saves up 20 ms. A good token gives back what it took, so what is saved up goes to forged ones,
/// and whoever is known waits for what is done at once.
const COMMON: Share = Share {
    per_millisecond: 102,
    max_saved: 5_000,
};

/// What a verification needs beside the token.
#[derive(Clone, Copy)]
pub(crate) struct Context<'c> {
    /// the time
    pub now: Timestamp,
    /// who computes signatures
    pub verifier: &'c dyn Verifier,
    /// what this request has had fetched already
    pub tried: &'c [Tried],
    /// who is trying
    pub attempts: Attempts<'c>,
    /// where it comes from
    pub client: &'c ClientAddress<'c>,
}

/// Whose tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenUse {
    /// those that prove who is calling
    Credential,
    /// those that came in the cookie of the issuer at this place, and of others with the same cookie
    Cookie(usize),
    /// those that came in the header of a proxy that the issuer at this place names, and of others with
    /// the same header
    Assertion(usize),
    /// those of the issuer at this place, which name the user of an API key
    User(usize),
}

/// What is remembered of a token whose signature was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Forged {
    /// where it was presented: in another place other issuers judge it
    usage: TokenUse,
    /// whether newer keys may judge otherwise, which were not asked for yet
    doubted: bool,
}

/// Every issuer, and what is known of tokens. Holds all its state itself.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(super) issuers: Vec<Issuer>,
    forwarded: Vec<ForwardedClaim>,
    verified: RefCell<Cache<Rc<VerifiedToken>>>,
    forged: RefCell<Cache<Forged>>,
    /// time for public-key signatures
    time: Shares,
    subjects: KnownSubjects,
    by_previous: Cell<u64>,
    /// how often there were other keys
    changes: Cell<u64>,
    news: RefCell<Vec<News>>,
}

impl Tokens {
    /// Of these issuers. `forwarded` are the claims that go into headers.
    pub(crate) fn new(issuers: Vec<Issuer>, forwarded: Vec<ForwardedClaim>) -> Self {
        Self {
            issuers,
            forwarded,
            verified: RefCell::new(Cache::new(VERIFIED)),
            forged: RefCell::new(Cache::new(FORGED)),
            time: Shares::new(COMMON),
            subjects: KnownSubjects::new(),
            by_previous: Cell::new(0),
            changes: Cell::new(0),
            news: RefCell::new(Vec::new()),
        }
    }

    /// The cookies in which tokens come, each once, with the place of its first issuer.
    pub(crate) fn cookies(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.issuers.iter().enumerate();
        let named = named.filter_map(|(place, issuer)| Some((place, issuer.cookie.as_deref()?)));
        named.filter(|(place, name)| {
            let mut before = self.issuers.iter().take(*place);
            !before.any(|other| other.cookie.as_deref() == Some(*name))
        })
    }

    /// The headers, lower-case, in which proxies send tokens, each once, with the place of its first
    /// issuer.
    pub(crate) fn assertion_headers(&self) -> impl Iterator<Item = (usize, &str)> {
        let named = self.issuers.iter().enumerate();
        let named =
            named.filter_map(|(place, issuer)| Some((place, issuer.assertion_header.as_deref()?)));
        named.filter(|(place, name)| {
            let mut before = self.issuers.iter().take(*place);
            !before.any(|other| other.assertion_header.as_deref() == Some(*name))
        })
    }

    /// Whether a token is taken where every gate looks for a credential.
    pub(crate) fn accepts_credentials(&self) -> bool {
        self.issuers.iter().any(|issuer| issuer.header.is_none())
    }

    /// The headers, lower-case, in which tokens come that name the user of an API key.
    pub(crate) fn user_headers(&self) -> impl Iterator<Item = &str> {
        self.issuers
            .iter()
            .filter_map(|issuer| issuer.header.as_deref())
    }

    /// Whether the issuer at `place` is one of those whose tokens these may be.
    fn may_judge(&self, usage: TokenUse, place: usize, issuer: &Issuer) -> bool {
        match usage {
            TokenUse::Credential => issuer.header.is_none(),
            TokenUse::Cookie(first) => {
                let first = self.issuers.get(first);
                issuer.cookie.is_some() && first.is_some_and(|first| first.cookie == issuer.cookie)
            }
            TokenUse::Assertion(first) => {
                let first = self.issuers.get(first);
                let own = &issuer.assertion_header;
                own.is_some() && first.is_some_and(|first| first.assertion_header == *own)
            }
            TokenUse::User(user) => user == place && issuer.header.is_some(),
        }
    }

    /// The issuer at `place`.
    pub(crate) fn issuer(&self, place: usize) -> Option<&Issuer> {
        self.issuers.get(place)
    }

    /// What `text` is, a token in compact form. Of several issuers the first that accepts it
    /// decides; of several refusals the one that came furthest is told.
    ///
    /// # Errors
    /// Why no issuer stands behind it, or what has to be fetched to know.
    pub(crate) fn verify(
        &self,
        text: &str,
        usage: TokenUse,
        context: Context<'_>,
    ) -> Result<Rc<VerifiedToken>, Refusal> {
        if let Some(token) = self.remembered(text, usage, context)? {
            return Ok(token);
        }
        let token = UnverifiedToken::parse(text)?;
        let mut furthest: Option<Rejection> = None;
        let mut needs = Vec::new();
        let (mut may_become_right, mut doubted) = (false, false);
        let mut held = None;
        for (place, issuer) in self.issuers.iter().enumerate() {
            if !self.may_judge(usage, place, issuer) {
                continue;
            }
            match self.try_issuer(place, issuer, &token, context) {
                Ok(token) => return Ok(self.remember(text, token)),
                Err(Unproved::Needs(need)) => needs.push((place, need)),
                Err(Unproved::Held(denial)) => held = held.or(Some(denial)),
                Err(Unproved::Doubted(refused)) => {
                    doubted = true;
                    if !issuer.keys.were_fetched(context.tried) {
                        needs.push((place, Need::Newer));
                    }
                    furthest = Some(further(furthest, refused));
                }
                Err(Unproved::Rejected(refused)) => {
                    may_become_right |= refused.denial.reason() == Reason::TokenNotYetValid;
                    furthest = Some(further(furthest, refused));
                }
            }
        }
        if let Some(refusal) = self.fetch_one(&needs, context.now) {
            return Err(refusal);
        }
        // Nothing is known of it, so it is not remembered as forged.
        if let Some(denial) = held {
            return Err(denial.into());
        }
        let refused = furthest.map(|refused| (refused.stage, refused.denial));
        let Some((stage, denial)) = refused else {
            let advice = "JWTs are not accepted here";
            return Err(Denial::new(Reason::UnsupportedCredential, advice).into());
        };
        // Its keys judged it; only other keys could judge otherwise, and they empty the cache.
        if stage == Stage::Signature && !may_become_right {
            let forged = Forged { usage, doubted };
            self.forged.borrow_mut().insert(text, forged);
        }
        Err(denial.into())
    }

    /// What is known of `text`, if that still holds.
    fn remembered(
        &self,
        text: &str,
        usage: TokenUse,
        context: Context<'_>,
    ) -> Result<Option<Rc<VerifiedToken>>, Refusal> {
        let known = self.verified.borrow_mut().get(text);
        let Some(token) = known else {
            let forged = self.forged.borrow_mut().get(text);
            let forged = forged.filter(|forged| forged.usage == usage);
            if forged.is_some_and(|forged| self.still_holds(forged, context.now)) {
                return Err(Denial::new(
                    Reason::InvalidSignature,
                    "it was refused before and nothing has changed, copy the token whole or sign in \
                     again",
                )
                .into());
            }
            return Ok(None);
        };
        let issuer = self.issuers.get(token.issuer());
        let Some(issuer) = issuer.filter(|issuer| self.may_judge(usage, token.issuer(), issuer))
        else {
            return Ok(None);
        };
        if let Keys::Remote(remote) = &issuer.keys
            && let Some(aged) = remote.aged(context.now, context.tried)
        {
            let needs = [(token.issuer(), Need::Fresh)];
            match aged {
                Aged::Gone => return Ok(None),
                Aged::Due => match self.fetch_one(&needs, context.now) {
                    Some(Refusal::Await(begun)) => return Err(Refusal::Await(begun)),
                    // The old keys still hold.
                    Some(Refusal::Denied(_)) | None => {}
                },
            }
        }
        if let Err(denial) = issuer.rules.check_times(token.times(), context.now) {
            self.verified.borrow_mut().remove(text);
            return Err(denial.of(&issuer.name).claimed_by(token.subject()).into());
        }
        Ok(Some(token))
    }

    /// Forgets what is remembered of tokens: there are other keys.
    pub(crate) fn forget(&self) {
        self.changes.set(self.changes.get().wrapping_add(1));
        self.verified.borrow_mut().clear();
        self.forged.borrow_mut().clear();
    }

    /// How often that was.
    pub(crate) const fn changes(&self) -> u64 {
        self.changes.get()
    }

    /// When `token` is no proof any more.
    pub(crate) fn expiry(&self, token: &VerifiedToken) -> Option<Expiry> {
        let at = self.issuer(token.issuer())?.rules.end(token.times())?;
        let reason = Reason::ExpiredToken;
        Some(Expiry { at, reason })
    }

    /// Whether nothing has to be asked for to know that a token is forged.
    fn still_holds(&self, forged: Forged, now: Timestamp) -> bool {
        let mut issuers = self.issuers.iter().enumerate();
        let may_look = |issuer: &Issuer| match &issuer.keys {
            Keys::Remote(remote) => remote.keys.source().may_look(now),
            _ => false,
        };
        !(forged.doubted
            && issuers.any(|(place, issuer)| {
                may_look(issuer) && self.may_judge(forged.usage, place, issuer)
            }))
    }

    fn try_issuer(
        &self,
        place: usize,
        issuer: &Issuer,
        token: &UnverifiedToken<'_>,
        context: Context<'_>,
    ) -> Result<VerifiedToken, Unproved> {
        let checker = Checker {
            now: context.now,
            verifier: context.verifier,
            time: &self.time,
            subjects: &self.subjects,
            client: context.client,
            tried: context.tried,
            attempts: context.attempts,
            issuer: place,
        };
        issuer.verify(place, token, &self.forwarded, checker)
    }

    fn remember(&self, text: &str, token: VerifiedToken) -> Rc<VerifiedToken> {
        let token = Rc::new(token);
        self.verified.borrow_mut().insert(text, Rc::clone(&token));
        if token.by_a_previous_secret() {
            let count = self.by_previous.get().saturating_add(1);
            self.by_previous.set(count);
            // 1, 2, 4, 8, …: enough to see whether anybody still does.
            if count.is_power_of_two() {
                let name = self.issuers.get(token.issuer()).map(|issuer| &issuer.name);
                let line = format!(
                    "ollama-gate: jwt `{}`: tokens signed with a previous secret so far: {count}",
                    name.map_or("", String::as_str)
                );
                self.tell(Level::Info, line);
            }
        }
        token
    }

    /// Whether there is something to log.
    pub(crate) fn has_news(&self) -> bool {
        !self.news.borrow().is_empty()
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.news.take()
    }

    /// For each issuer whose keys are fetched, when they were last had.
    pub(crate) fn last_had(&self) -> impl Iterator<Item = Option<Timestamp>> {
        self.issuers.iter().filter_map(|issuer| match &issuer.keys {
            Keys::Remote(remote) => Some(remote.keys.source().last_had()),
            Keys::Secrets(_) | Keys::Public(_) => None,
        })
    }

    fn tell(&self, level: Level, line: String) {
        self.news.borrow_mut().push(News { level, line });
    }
}

/// Of two refusals the one that came further; of two that came as far, the first.
fn further(known: Option<Rejection>, refused: Rejection) -> Rejection {
    match known {
        Some(known) if known.stage >= refused.stage => known,
        _ => refused,
    }
}
