//! The provider says that somebody has signed out there, and their sessions end here (OpenID Connect Back-Channel Logout
//! 1.0).

use super::Admission;
use super::Login;
use super::places::Places;
use super::sessions::LEEWAY;
use super::store::{self, Ended, Place, Store};
use crate::authn::jwt::{Context, Logout, LogoutTokens, WhoseSessions};
use crate::denial::{Denial, Level, MAX_VALUE_BYTES, Reason, truncated};
use crate::json::ObjectWriter;
use crate::network::ClientAddress;
use crate::source::{Call, News, Refusal, Response};
use crate::time::Timestamp;

/// Who may say so, and how many at a time.
#[derive(Debug)]
pub(super) struct LogoutsTaken {
    tokens: LogoutTokens,
    places: Places,
}

/// The store is being told whose sessions have ended.
#[derive(Debug)]
pub(crate) struct EndingSessions(Logout);

impl Login {
    /// The same, which takes logout tokens that these `tokens` verify, if there are any.
    #[must_use]
    pub(crate) fn with_logout_tokens(self, tokens: Option<LogoutTokens>) -> Self {
        let logouts = tokens.map(|tokens| LogoutsTaken {
            tokens,
            places: Places::for_logouts(),
        });
        Self { logouts, ..self }
    }

    /// Whether it takes logout tokens.
    pub(crate) const fn takes_logout_tokens(&self) -> bool {
        self.logouts.is_some()
    }

    /// A place for a logout token that comes from `client`.
    ///
    /// # Errors
    /// Too many are under way.
    pub(crate) fn admit_logout_token(
        &self,
        client: &ClientAddress<'_>,
        now: Timestamp,
    ) -> Result<Admission, Denial> {
        let place = self.logouts()?.places.take_any(client.neighbourhood(), now);
        place.ok_or_else(|| {
            let advice = "too many logout tokens are being received, send it again in a second";
            Denial::new(Reason::TooMuchHeld, advice)
        })
    }

    /// Ends the sessions that the logout token `text` is about, if it says so: the call that the store needs.
    ///
    /// # Errors
    /// What is wrong with it, or what has to be fetched to know.
    pub(crate) fn end_sessions(
        &self,
        text: &str,
        context: Context<'_>,
    ) -> Result<(EndingSessions, Call), Refusal> {
        let logout = self.logouts()?.tokens.verify(text, context);
        let logout = logout.map_err(|refusal| match refusal {
            Refusal::Denied(denial) => not_accepted(denial).into(),
            other => other,
        })?;
        let mut places = Vec::with_capacity(2);
        let value = match &logout.whose {
            WhoseSessions::Session(sid) => {
                places.push(Place::Sid(sid));
                places.extend(logout.sub.as_deref().map(Place::Unnamed));
                sid
            }
            WhoseSessions::Person(sub) => {
                places.push(Place::Sub(sub));
                sub
            }
        };
        // A provider may use a name twice, of whom it is not the same token.
        let (id, claim) = (&logout.id, logout.whose.claim());
        let word = format!("{}:{id}{claim}{value}", id.len());
        // Another instance, whose clock is behind, takes it for good a little longer.
        let seconds = logout.ends.since(context.now).saturating_add(LEEWAY);
        let call = self.store()?.end(&places, Some((&word, seconds)));
        Ok((EndingSessions(logout), call))
    }

    /// The store has answered.
    ///
    /// # Errors
    /// Nobody can know whether they have ended.
    pub(crate) fn sessions_ended(
        &self,
        ending: &EndingSessions,
        response: &Response<'_>,
    ) -> Result<(), Denial> {
        let EndingSessions(logout) = ending;
        let ended = store::ended(response).map_err(|why| self.not_ended(logout, &why))?;
        // Whoever got no answer sends it again.
        let (event, count) = match ended {
            Ended::Now(count) => ("signed_out_by_provider", count),
            Ended::Before(count) => ("logout_token_repeated", count),
        };
        let mut line = ObjectWriter::new();
        line.text("gate", "ollama-gate")
            .word("event", event)
            .text("issuer", &self.provider.issuer);
        if let Some(sub) = &logout.sub {
            line.text("sub", &truncated(sub, MAX_VALUE_BYTES));
        }
        line.word("ends", logout.whose.claim())
            .number("sessions", count);
        self.news.borrow_mut().push(News {
            level: Level::Info,
            line: line.finish(),
        });
        Ok(())
    }

    fn not_ended(&self, logout: &Logout, why: &str) -> Denial {
        let advice = "whether the sessions have ended is not known, send it again";
        let cause = format!(
            "whether sessions that `{}` says are over (`{}`) have ended is not known: {why}",
            self.provider.issuer,
            logout.whose.claim(),
        );
        let denial = Denial::new(Reason::SessionStoreUnavailable, advice).because(cause);
        match &logout.sub {
            Some(sub) => denial.claimed_by(sub),
            None => denial,
        }
    }

    fn logouts(&self) -> Result<&LogoutsTaken, Denial> {
        self.logouts.as_ref().ok_or_else(Denial::host_failure)
    }

    fn store(&self) -> Result<&Store, Denial> {
        self.store.as_ref().ok_or_else(Denial::host_failure)
    }

    pub(super) fn forget_logout_tokens(&self) {
        if let Some(logouts) = &self.logouts {
            logouts.tokens.forget();
        }
    }

    pub(super) fn take_news_of_logouts(&self) -> Vec<News> {
        let logouts = self.logouts.as_ref();
        logouts.map_or_else(Vec::new, |logouts| logouts.tokens.take_news())
    }
}

/// A token that is not accepted is a bad request, whatever it would be where it let somebody in (section 2.8).
fn not_accepted(denial: Denial) -> Denial {
    if !matches!(denial.reason().status(), 400..=403) {
        return denial;
    }
    let refused = Denial::new(Reason::InvalidLogoutToken, denial.message());
    let refused = refused.because(denial.cause().to_owned());
    let refused = match denial.id() {
        Some(id) => refused.of(id),
        None => refused,
    };
    match denial.claimed_subject() {
        Some(subject) => refused.claimed_by(subject),
        None => refused,
    }
}
