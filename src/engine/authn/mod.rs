//! From a credential to an identity.

mod absent;
mod anonymous;
pub(crate) mod api_key;
mod back_off;
pub(crate) mod basic;
mod browser;
mod budget;
mod cache;
mod failures;
pub(crate) mod jwt;
pub(crate) mod ollama_cli;
mod require;
mod session;
mod shares;

pub(crate) use back_off::{Attempts, BackOff, BackOffLimits};
pub(crate) use cache::Cache;
pub(crate) use require::Requirement;
pub(crate) use session::{Sessions, SignedIn};

use crate::credential::{CredentialHeader, Presented};
use crate::denial::{Denial, Reason};
use crate::grant::RuleSet;
use crate::http::RequestHead;
use crate::identity::{CredentialId, Expiry, FetchedRecord, Identity, Method, Standing};
use crate::network::ClientAddress;
use crate::source::{News, Refusal, Tried};
use crate::time::{Clock, Timestamp};
use absent::Advice;
pub(crate) use anonymous::Anonymous;
use api_key::{KeyRing, KeySecret};
use basic::Users;
use browser::BrowserCredential;
use jwt::{Context, TokenUse, Tokens, Verifier};
use ollama_cli::{SignedRequest, Signers};
use std::rc::Rc;

/// Everything that can prove an identity.
#[derive(Debug)]
pub(crate) struct Authenticators {
    keys: KeyRing,
    tokens: Tokens,
    signers: Option<Signers>,
    users: Users,
    /// whoever is signed in at the gate itself
    sessions: Option<Rc<dyn Sessions>>,
    back_off: Option<BackOff>,
    advice: Advice,
}

impl Authenticators {
    /// From the configuration's keys, token issuers, users and keys of `ollama` CLIs, and the headers that it
    /// adds to those in which credentials come.
    pub(crate) fn new(
        keys: KeyRing,
        tokens: Tokens,
        users: Users,
        signers: Option<Signers>,
        headers: &[CredentialHeader],
    ) -> Self {
        let advice = Advice::new(&keys, &tokens, &users, signers.is_some(), headers);
        Self {
            keys,
            tokens,
            signers,
            users,
            sessions: None,
            back_off: None,
            advice,
        }
    }

    /// Whoever is signed in by one of these `sessions` is let in too.
    #[must_use]
    pub(crate) fn with_sessions(self, sessions: Option<Rc<dyn Sessions>>) -> Self {
        Self { sessions, ..self }
    }

    /// Whoever is wrong again and again is held back, within these limits.
    #[must_use]
    pub(crate) fn with_back_off(self, limits: Option<BackOffLimits>) -> Self {
        Self {
            back_off: limits.map(BackOff::new),
            ..self
        }
    }

    /// Those who log in with a password.
    pub(crate) const fn users(&self) -> &Users {
        &self.users
    }

    /// The cookies in which tokens come.
    pub(crate) fn cookie_names(&self) -> impl Iterator<Item = &str> {
        self.tokens.cookies().map(|(_, name)| name)
    }

    /// The document that a request or a tick has `tried` to fetch is another one: what is remembered of the
    /// credentials that it decides about is forgotten.
    pub(crate) fn note_change(&self, tried: Tried, now: Timestamp) {
        if !self.keys.note_change(tried, now) {
            self.tokens.forget();
        }
    }

    /// How often the keys of tokens have changed.
    pub(crate) const fn changes_of_keys(&self) -> u64 {
        self.tokens.changes()
    }

    /// Whether there is something to log.
    pub(crate) fn has_news(&self) -> bool {
        let back_off = self.back_off.as_ref();
        self.tokens.has_news() || self.keys.has_news() || back_off.is_some_and(BackOff::has_news)
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        let mut news = self.tokens.take_news();
        news.extend(self.keys.take_news());
        news.extend(self.back_off.as_ref().and_then(BackOff::take_news));
        news
    }

    /// The API keys.
    pub(crate) const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The issuers of tokens.
    pub(crate) const fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The identity behind `presented` in the request with `head`.
    ///
    /// Kinds are tried in a fixed order, the API key first, and the first that proves itself
    /// decides: a right credential is not refused because another one was wrong. The expensive ones come
    /// last. A cookie counts only where no header holds a credential.
    ///
    /// # Errors
    /// Why nobody was recognised; of two refusals, that of the kind tried first.
    pub(crate) fn identify(
        &self,
        presented: &Presented<'_>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'_>, Refusal> {
        let by_browser = if presented.is_meant() {
            None
        } else {
            BrowserCredential::find(presented, self, head)?
        };
        if presented.is_empty() && by_browser.is_none() {
            return Err(self.without_credential(presented, head).into());
        }
        let mut refusal = None;
        if let Some(key) = presented.api_key {
            match self.keys.verify(key, asking.clock, asking.tried) {
                Ok(secret) => return self.behind_key(&secret, head, asking),
                Err(Refusal::Denied(denial)) => refusal = Some(self.with_instead(denial)),
                Err(pending) => return Err(pending),
            }
        }
        if let Some(token) = presented.token {
            match self.behind_token(token, TokenUse::Credential, self.context(asking)?) {
                Ok(identity) => return Ok(identity),
                Err(Refusal::Denied(denial)) => {
                    refusal = Some(preferred_refusal(refusal, self.with_instead(denial)));
                }
                Err(pending) => return Err(pending),
            }
        }
        if let Some(signature) = presented.signature {
            match self.behind_signature(signature, head, asking) {
                Ok(identity) => return Ok(identity),
                Err(denial) => refusal = refusal.or_else(|| Some(self.with_instead(denial))),
            }
        }
        if let Some(credential) = by_browser {
            match self.behind_browser(*credential, head, asking) {
                Err(Refusal::Denied(denial)) => refusal = Some(preferred_refusal(refusal, denial)),
                // Let in, or not known yet.
                decided => return decided,
            }
        }
        Err(refusal
            .unwrap_or_else(|| self.without_credential(presented, head))
            .into())
    }

    /// What the expensive checks need of `asking`.
    fn context<'c>(&'c self, asking: Asking<'c>) -> Result<Context<'c>, Denial> {
        Ok(Context {
            now: asking.clock.now()?,
            verifier: asking.verifier,
            tried: asking.tried,
            attempts: Attempts::new(self.back_off.as_ref(), asking.client),
            client: asking.client,
        })
    }

    fn behind_signature(
        &self,
        signature: &str,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'_>, Denial> {
        let signers = self.signers.as_ref().ok_or_else(ollama_cli::not_taken)?;
        let signed = SignedRequest {
            method: head.method(),
            target: asking.target,
        };
        let signer = signers.verify(signature, signed, asking)?;
        Ok(Identity {
            method: Method::OllamaCli,
            id: CredentialId::Configured(&signer.id),
            subject: Rc::clone(&signer.subject),
            scopes: signer.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: false,
            by_browser: None,
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: signer.expiry(),
            rules: RuleSet::own(&signer.rules),
        })
    }

    fn behind_token(
        &self,
        token: &str,
        usage: TokenUse,
        context: Context<'_>,
    ) -> Result<Identity<'_>, Refusal> {
        let token = self.tokens.verify(token, usage, context)?;
        let issuer = self.tokens.issuer(token.issuer());
        Ok(Identity {
            method: Method::Jwt,
            id: CredentialId::Configured(issuer.map_or("", |issuer| &issuer.name)),
            subject: Rc::clone(token.subject()),
            scopes: token.scopes(),
            unmapped: token.unmapped().clone(),
            claims: Some(Rc::clone(token.forwarded())),
            by_previous_secret: token.by_a_previous_secret(),
            by_browser: None,
            allow_from: None,
            fetched: None,
            labels: None,
            expiry: self.tokens.expiry(&token),
            rules: RuleSet::own(token.rules()),
        })
    }

    /// The owner of the key with this secret, or the user that it speaks for.
    fn behind_key<'e>(
        &'e self,
        secret: &Rc<KeySecret>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<Identity<'e>, Refusal> {
        let key = &secret.key;
        let mut identity = Identity {
            method: Method::ApiKey,
            id: CredentialId::OfRecord(Rc::clone(&key.id)),
            subject: Rc::clone(&key.subject),
            scopes: key.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: secret.until.is_some(),
            by_browser: None,
            allow_from: key.allow_from.clone(),
            fetched: self.fetched(secret),
            labels: key.labels.clone(),
            expiry: secret.expiry(),
            rules: RuleSet::own(&key.rules),
        };
        let Some(issuer) = key.users else {
            return Ok(identity);
        };
        let header = self.tokens.issuer(issuer);
        let header = header.and_then(|issuer| issuer.header.as_deref());
        let Some(token) = header.and_then(|name| only_value(head, name)) else {
            return Ok(identity);
        };
        let context = self.context(asking)?;
        let user = std::str::from_utf8(token)
            .map_err(|_| Denial::new(Reason::MalformedToken, "the user's token is not ASCII"))
            .map_err(Refusal::from)
            .and_then(|token| self.tokens.verify(token, TokenUse::User(issuer), context));
        let user = match user {
            Ok(user) => user,
            Err(Refusal::Denied(denial)) => return Err(denial.of(&key.id).into()),
            Err(pending) => return Err(pending),
        };
        identity.subject = Rc::clone(user.subject());
        identity.claims = Some(Rc::clone(user.forwarded()));
        identity.by_previous_secret |= user.by_a_previous_secret();
        identity.expiry = Expiry::first(identity.expiry, self.tokens.expiry(&user));
        // The user's token can take away, never give.
        identity.scopes = key.scopes.and(user.scopes());
        identity.unmapped = user.unmapped().clone();
        identity.rules = identity.rules.and(RuleSet::own(user.rules()));
        Ok(identity)
    }
}

impl Authenticators {
    /// What can be told of the document that `secret` is from, if it was fetched.
    fn fetched(&self, secret: &Rc<KeySecret>) -> Option<Box<FetchedRecord>> {
        let (source, generation) = self.keys.origin(secret)?;
        let standing: Rc<dyn Standing> = Rc::<KeySecret>::clone(secret);
        Some(Box::new(FetchedRecord {
            source: Rc::clone(source),
            generation,
            standing,
        }))
    }
}

/// What the checks need beside the request.
#[derive(Clone, Copy)]
pub(crate) struct Asking<'c> {
    /// who tells the time
    pub clock: &'c dyn Clock,
    /// who computes signatures
    pub verifier: &'c dyn Verifier,
    /// what this request has had fetched already
    pub tried: &'c [Tried],
    /// where the request comes from
    pub client: &'c ClientAddress<'c>,
    /// path and query as sent, without the prefix that the gate is mounted at
    pub target: &'c [u8],
    /// whether this very request was let in before, and is only judged anew after it has waited
    pub is_repeated: bool,
    /// what has come of the session that it brings, where that was found out before
    pub session: Option<&'c Result<SignedIn, Denial>>,
}

/// Of two refusals the one that is told: the first, unless a later one was not looked at. Of what was
/// not looked at nothing is known, and it may be right.
fn preferred_refusal(first: Option<Denial>, later: Denial) -> Denial {
    let open = |denial: &Denial| denial.reason().status() == 429;
    match first {
        Some(first) if open(&first) || !open(&later) => first,
        _ => later,
    }
}

/// The value of the header `name`, if it has one. That it stands there once is checked before.
fn only_value<'a>(head: &RequestHead<'a>, name: &str) -> Option<&'a [u8]> {
    head.value(name)
        .map(<[u8]>::trim_ascii)
        .filter(|value| !value.is_empty())
}
