//! Signing in at an identity provider, for people at a browser: the gate is the relying party of OpenID
//! Connect's authorization code flow.
//!
//! Nothing of it is remembered here. What a sign-in under way has to know, and who is signed in, the browser
//! carries, sealed under the ring of secrets: any instance with that ring goes on with what another has begun.

mod answer;
mod attempt;
mod back_channel;
mod cookies;
mod directory;
mod kept;
mod known;
mod lifetimes;
mod navigation;
mod pages;
mod pages_at;
mod places;
mod provider;
mod provider_answer;
mod redemption;
mod refresh;
mod return_path;
mod sessions;
mod sign_out;
mod store;
mod user_info;

pub(crate) use answer::Answer;
pub(crate) use attempt::Attempt;
pub(crate) use back_channel::EndingSessions;
pub use directory::{SessionDirectory, SessionSummary};
pub(crate) use kept::{Loading, Outstanding, Settled, Stored, changed};
pub(crate) use lifetimes::Lifetimes;
pub(crate) use navigation::is_navigation;
pub(crate) use pages::{Content, Page};
pub(crate) use pages_at::{OwnPage, Site};
pub(crate) use places::Place as Admission;
pub(crate) use provider::{Endpoints, Location, Metadata, Provider, UserInfo, unavailable};
pub(crate) use redemption::{Redeemed, Redemption};
pub(crate) use refresh::{
    Begun, Claimed, Claiming, Kept, Need, NotRefreshed, RefreshedTokens, Refreshing, Renewal,
    SessionPorts, Settlement, Told, Verified, Writing,
};
pub(crate) use return_path::ReturnPath;
pub(crate) use store::{Claim, Store, Webdis, Written};
pub(crate) use user_info::Inquiry;

use crate::authn::jwt::{Context, Expectation, ExpectedNonce, IdTokens, Identified, ProvedClaims};
use crate::denial::{Denial, Level, MAX_VALUE_BYTES, Reason, truncated};
use crate::http::RequestHead;
use crate::json::{Json, ObjectWriter};
use crate::network::ClientAddress;
use crate::secret::Secret;
use crate::session::{CookieName, Entropy, OwnMemory, Purpose, Ring, Session};
use crate::source::{Call, Endpoint, News, Refusal, Tried};
use crate::time::Timestamp;
use back_channel::LogoutsTaken;
use cookies::AttemptCookies;
use kept::unavailable as store_unavailable;
use known::KnownSessions;
use places::{NoPlace, Places};
use redemption::Tokens;
use refresh::Refreshes;
use sign_out::MAX_END_ADDRESS;
use std::cell::RefCell;

/// The sign-in at one provider, as the configuration has it.
#[derive(Debug)]
pub(crate) struct Login {
    /// where people sign in
    pub provider: Provider,
    /// the gate's own address
    pub site: Site,
    ring: Ring,
    id_tokens: IdTokens,
    session: CookieName,
    attempts: AttemptCookies,
    lifetimes: Lifetimes,
    /// what tells the gate from others on its host
    tag: String,
    refreshes: Refreshes,
    /// what the workers of a gateway would share, where they cannot
    memory: OwnMemory,
    places: Places,
    /// who may say that somebody has signed out at the provider, if anybody may
    logouts: Option<LogoutsTaken>,
    known: KnownSessions,
    /// where sessions are kept, if no cookie holds them
    store: Option<Store>,
    news: RefCell<Vec<News>>,
}

/// Where a browser is sent, and the cookies that it takes along.
#[derive(Debug)]
pub(crate) struct Redirect {
    /// where
    pub location: String,
    /// the values of `Set-Cookie`
    pub cookies: Vec<String>,
}

/// A session as browsers carry it.
#[derive(Debug)]
struct SealedSession {
    /// sealed
    text: String,
    /// the values of `Set-Cookie`
    cookies: Vec<String>,
}

impl Login {
    /// At `provider`, for `site`. `ring` seals what browsers carry, `id_tokens` verifies who signed in.
    pub(crate) fn new(
        provider: Provider,
        site: Site,
        ring: Ring,
        id_tokens: IdTokens,
        lifetimes: Lifetimes,
    ) -> Self {
        let secure = site.origin.is_https();
        let path = site.cookie_path().to_owned();
        let gate = cookies::tag(&site.gate(&provider.client.id));
        Self {
            provider,
            ring,
            id_tokens,
            refreshes: Refreshes::default(),
            memory: OwnMemory::default(),
            session: CookieName::new(&format!("ollama-gate-session-{gate}"), &path, secure),
            attempts: AttemptCookies::new(&gate, path, secure),
            site,
            lifetimes,
            tag: gate,
            places: Places::for_redemptions(),
            logouts: None,
            known: KnownSessions::default(),
            store: None,
            news: RefCell::default(),
        }
    }

    /// The same, which keeps sessions in this `store`.
    #[must_use]
    pub(crate) fn with_store(self, store: Option<Store>) -> Self {
        Self { store, ..self }
    }

    /// Sends the browser that sent `head` to the provider, and back to `return_path` in the end.
    ///
    /// # Errors
    /// What it has to carry does not fit into a cookie.
    pub(crate) fn begin(
        &self,
        head: &RequestHead<'_>,
        return_path: &ReturnPath,
        endpoints: &Endpoints,
        entropy: Entropy<'_>,
    ) -> Result<Redirect, Denial> {
        let attempt = Attempt::begin(&self.ring, &self.provider, return_path, entropy);
        let sealed = attempt.seal(&self.ring, entropy);
        let sealed = sealed.map_err(|_| failed("its address is too long to return to"))?;
        let carried = self.attempts.set(attempt.id(), &sealed)?;
        let mut cookies = self.attempts.superfluous(head, &self.ring, &carried);
        cookies.extend(self.unreadable(head));
        cookies.push(carried);
        Ok(Redirect {
            location: attempt.address(&self.provider, endpoints, &self.site.redirect_url()),
            cookies,
        })
    }

    /// Begins to redeem the code of `answer`, which somebody at `client_address` brought, at the provider.
    ///
    /// # Errors
    /// Too many are under way, or this one was redeemed too often.
    pub(crate) fn redeem(
        &self,
        answer: Answer,
        endpoints: &Endpoints,
        client_address: &ClientAddress<'_>,
        now: Timestamp,
    ) -> Result<(Redemption, Call), Denial> {
        let place = self
            .places
            .take(answer.attempt.id(), client_address.neighbourhood(), now);
        let place = place.map_err(|why| match why {
            NoPlace::UsedUp => failed("it was tried too often, begin again")
                .because("its code was redeemed 3 times".to_owned()),
            NoPlace::Taken => unavailable().because("too many codes are being redeemed".to_owned()),
        })?;
        let redirect_url = self.site.redirect_url();
        let parameters = [
            ("code", answer.code.expose().as_str()),
            ("redirect_uri", &redirect_url),
            ("code_verifier", answer.attempt.verifier.expose()),
        ];
        let Provider {
            timeout, client, ..
        } = &self.provider;
        let Endpoint { upstream, url } = &endpoints.token;
        let call = client.call(
            (upstream, url, *timeout),
            "authorization_code",
            &parameters,
            now,
        );
        let user_info = endpoints.user_info.clone();
        let redemption = Redemption::new(answer.attempt, place, &call, user_info);
        Ok((redemption, call))
    }

    /// Who has signed in, if the ID token says so.
    ///
    /// # Errors
    /// What is wrong with it, or what has to be fetched to know.
    pub(crate) fn verify(
        &self,
        redeemed: &Redeemed,
        context: Context<'_>,
    ) -> Result<ProvedClaims, Refusal> {
        let tokens = &redeemed.tokens;
        let expected = Expectation {
            nonce: ExpectedNonce::Sent(&redeemed.attempt.nonce),
            access_token: tokens.access_token.expose(),
        };
        let verified = self
            .id_tokens
            .verify(tokens.id_token.expose(), expected, context);
        verified.map_err(|refusal| match refusal {
            Refusal::Denied(denial) => not_accepted(denial).into(),
            other => other,
        })
    }

    /// The call that asks the provider about whoever `redeemed` a code, where it is to be asked.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) fn inquire(&self, redeemed: &Redeemed) -> Result<Option<Call>, Denial> {
        let Some(endpoint) = &redeemed.user_info else {
            return Ok(None);
        };
        let timeout = self.provider.timeout;
        user_info::call(endpoint, timeout, &redeemed.tokens.access_token).map(Some)
    }

    /// Who it is that is `proved` to be somebody, and about whom the provider says this beside it, if it was asked.
    ///
    /// # Errors
    /// That is somebody else.
    pub(crate) fn identified(
        &self,
        proved: ProvedClaims,
        user_info: Option<Json>,
    ) -> Result<Identified, Denial> {
        self.id_tokens.kept(proved, user_info).map_err(not_accepted)
    }

    /// Signs in whoever was `identified`, and sends the browser where it wanted to go, once the call is answered that the
    /// store needs, if there is one.
    ///
    /// # Errors
    /// The claims grant nobody anything, or do not fit into cookies.
    pub(crate) fn sign_in(
        &self,
        attempt: &Attempt,
        (identified, tokens): (&Identified, &Tokens),
        endpoints: Option<&Endpoints>,
        around: SessionPorts<'_>,
    ) -> Result<(Outstanding, Option<Call>), Denial> {
        let now = around.entropy.now;
        let claims = &identified.claims;
        let person = self.id_tokens.granted(claims.clone());
        let person = person.map_err(not_accepted)?;
        let has_end = endpoints.is_some_and(|endpoints| endpoints.end_session.is_some());
        // One that is too long to be sent is not carried either.
        let hint = (has_end && tokens.id_token.expose().len() <= MAX_END_ADDRESS)
            .then(|| Secret::new(tokens.id_token.expose().clone()));
        let mut session = Session {
            issuer: self.provider.issuer.clone(),
            subject: person.claimed.subject.to_string(),
            claims: claims.to_string(),
            kept: self.id_tokens.marks().to_vec(),
            signed_in: now,
            last_seen: now,
            ends: now.plus(self.lifetimes.session),
            refresh: None,
            sign_out_hint: hint,
            issuer_session: None,
        };
        let sub = (identified.sub.as_str(), attempt.nonce.as_str());
        self.make_refreshable(&mut session, tokens, sub, around);
        let Some((mut cookies, call)) = self.keep(&mut session, identified, around) else {
            let advice = "your groups and names at the provider do not fit into cookies: the operator has to have \
                          it send fewer";
            return Err(failed(advice));
        };
        cookies.extend(self.ended(attempt));
        let redirect = Redirect {
            location: attempt.return_path.clone(),
            cookies,
        };
        let event = Some(("signed_in", session));
        let outstanding = Outstanding::new(event, Settled::SignedIn(redirect));
        Ok((outstanding, call))
    }

    /// `session` sealed, if it fits into cookies.
    fn sealed(&self, session: &Session, around: SessionPorts<'_>) -> Option<SealedSession> {
        let bytes = session.encode();
        let text = self
            .ring
            .seal(Purpose::Session, &bytes, around.entropy)
            .ok()?;
        let cookies = self.lines(&text, session, around)?;
        Some(SealedSession { text, cookies })
    }

    /// The values of `Set-Cookie` that make a browser carry `session`, sealed as `text`, if they fit.
    fn lines(
        &self,
        text: &str,
        session: &Session,
        around: SessionPorts<'_>,
    ) -> Option<Vec<String>> {
        let max_age = session.ends.since(around.entropy.now);
        self.session.set(text, max_age, around.held).ok()
    }

    /// The values of `Set-Cookie` that end `attempt` in the browser that carries it.
    pub(crate) fn ended(&self, attempt: &Attempt) -> Vec<String> {
        self.attempts.removed(attempt.id())
    }

    /// A line for the log about the owner of `session`.
    fn tell(&self, event: &'static str, session: &Session) {
        let mut line = ObjectWriter::new();
        line.text("gate", "ollama-gate")
            .text("event", event)
            .text("subject", &truncated(&session.subject, MAX_VALUE_BYTES))
            .display("session_ends", session.ends);
        self.news.borrow_mut().push(News {
            level: Level::Info,
            line: line.finish(),
        });
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<News> {
        let mut news = self.news.take();
        news.extend(self.id_tokens.take_news());
        news.extend(self.take_news_of_logouts());
        news
    }

    /// What was `tried` is another document. Gives whether it is the provider's: no credential but sessions comes of
    /// it, and those were proved when they were sealed.
    pub(crate) fn note_change(&self, tried: Tried) -> bool {
        let is_keys = self.provider.keys.is_of(tried);
        if is_keys {
            self.id_tokens.forget();
            self.forget_logout_tokens();
        }
        is_keys || self.provider.has_metadata(tried)
    }
}

/// Somebody cannot be signed in.
pub(crate) fn failed(advice: &'static str) -> Denial {
    Denial::new(Reason::SignInFailed, advice)
}

/// What the provider says of somebody is not enough; a person is told that in words of its own.
fn not_accepted(denial: Denial) -> Denial {
    if denial.reason().status() != 401 {
        return denial;
    }
    let advice = "what the provider says of you was not accepted, ask the operator";
    failed(advice).because(denial.cause().to_owned())
}
