//! Logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4), by the code that verifies every other token.

use super::claims::{ClaimPath, UnverifiedClaims};
use super::id_token::check_party;
use super::issuer::Issuer;
use super::token::UnverifiedToken;
use super::tokens::{Context, TokenUse, Tokens};
use crate::denial::{Denial, Reason};
use crate::json::Json;
use crate::source::{News, Refusal};
use crate::time::Timestamp;

/// The member of `events` by which a token says that somebody has signed out.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The longest time since `iat`, in seconds. Providers are advised to let such tokens end after two minutes.
pub(super) const MAX_AGE: i64 = 600;

/// For how many seconds a key that was not there is not looked for again.
const COOL_DOWN: i64 = 10;

/// What verifies the logout tokens that one provider sends to one client.
#[derive(Debug)]
pub(crate) struct LogoutTokens {
    tokens: Tokens,
    client_id: String,
}

/// What a verified logout token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Logout {
    /// whose sessions have ended
    pub whose: WhoseSessions,
    /// the person, as the provider has it, where it says who
    pub sub: Option<String>,
    /// the name of this very token (`jti`)
    pub id: String,
    /// when it is good no more
    pub ends: Timestamp,
}

/// Whose sessions have ended at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WhoseSessions {
    /// those of this session there (`sid`)
    Session(String),
    /// all of this person (`sub`)
    Person(String),
}

impl WhoseSessions {
    /// The claim that says so.
    pub(crate) const fn claim(&self) -> &'static str {
        match self {
            Self::Session(_) => "sid",
            Self::Person(_) => "sub",
        }
    }
}

/// Whether a token with these `claims` says that somebody has signed out.
pub(super) fn tells_of_logout(claims: &UnverifiedClaims) -> bool {
    let events = claims.at(&ClaimPath::name("events"));
    events.is_some_and(|events| events.member(EVENT).is_some())
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::MalformedToken, advice)
}

impl LogoutTokens {
    /// Those of `issuer` for the client called `client_id`.
    pub(crate) fn new(issuer: Issuer, client_id: String) -> Self {
        Self {
            tokens: Tokens::new(vec![issuer], Vec::new()),
            client_id,
        }
    }

    /// What the logout token `text` says, once everything in it was verified (section 2.6).
    ///
    /// # Errors
    /// The first thing that is wrong, or what has to be fetched to know.
    pub(crate) fn verify(&self, text: &str, context: Context<'_>) -> Result<Logout, Refusal> {
        // What costs nothing comes first: anybody can send one.
        let token = UnverifiedToken::parse(text)?;
        let claims = &token.claims;
        check_event(claims)?;
        check_party(claims, &self.client_id, "logout token")?;
        let id = required_text(claims, "jti")?;
        let sid = name(claims, "sid")?;
        let sub = claims.at(&ClaimPath::name("sub"));
        let has_sub = !matches!(sub, None | Some(Json::Null));
        if !has_sub && sid.is_none() {
            let advice = "it names neither a person (`sub`) nor a session (`sid`)";
            return Err(malformed(advice).into());
        }
        // The signature, `iss`, `aud`, `sub` and the times.
        let verified = self.tokens.verify(text, TokenUse::Credential, context);
        let verified = verified.map_err(|refusal| match refusal {
            Refusal::Denied(denial) if is_unpublished(&denial, &token) => unpublished().into(),
            // The name of a session is nobody's.
            Refusal::Denied(denial) if !has_sub => denial.claimed_by_nobody().into(),
            other => other,
        })?;
        let ends = self.tokens.expiry(&verified).map(|expiry| expiry.at);
        let subject = || verified.subject().to_string();
        Ok(Logout {
            sub: has_sub.then(subject),
            whose: sid.map_or_else(|| WhoseSessions::Person(subject()), WhoseSessions::Session),
            id,
            ends: ends.unwrap_or(context.now),
        })
    }

    /// The provider's keys are others.
    pub(crate) fn forget(&self) {
        self.tokens.forget();
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        self.tokens.take_news()
    }
}

/// Whether `token` names a key that its provider has not published. It may be about to.
fn is_unpublished(denial: &Denial, token: &UnverifiedToken<'_>) -> bool {
    denial.reason() == Reason::UnknownSigningKey && token.names_key()
}

/// Nobody can know yet, and who takes that for a refusal sends it no more.
fn unpublished() -> Denial {
    let advice =
        "its provider has published no key of its `kid` so far, send it again after `Retry-After`";
    Denial::new(Reason::KeysPending, advice).retry_after(COOL_DOWN)
}

/// Refuses claims that are not those of a logout, or could be of something else.
fn check_event(claims: &UnverifiedClaims) -> Result<(), Denial> {
    let events = claims.at(&ClaimPath::name("events"));
    match events.and_then(|events| events.member(EVENT)) {
        Some(Json::Object(_)) => {}
        Some(_) => {
            return Err(malformed(
                "the event of a logout in its `events` is no object",
            ));
        }
        None => {
            return Err(malformed(
                "it is no logout token: its claim `events` does not hold that of a logout",
            ));
        }
    }
    // Whatever its value: with one it could be taken for an ID token.
    if claims.at(&ClaimPath::name("nonce")).is_some() {
        return Err(malformed("it has a `nonce`, which no logout token has"));
    }
    Ok(())
}

/// The text `name`, which has to be there.
fn required_text(claims: &UnverifiedClaims, claim: &'static str) -> Result<String, Denial> {
    name(claims, claim)?
        .ok_or_else(|| Denial::new(Reason::MalformedToken, format!("it has no `{claim}`")))
}

/// The text `claim`, if it is there. One that is empty names nothing.
fn name(claims: &UnverifiedClaims, claim: &'static str) -> Result<Option<String>, Denial> {
    match claims.text(&ClaimPath::name(claim))? {
        Some("") => {
            let advice = format!("its claim `{claim}` is empty");
            Err(Denial::new(Reason::MalformedToken, advice))
        }
        found => Ok(found.map(str::to_owned)),
    }
}
