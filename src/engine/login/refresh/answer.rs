//! What the token endpoint answers to a refresh token.

use super::Refreshing;
use crate::authn::jwt::{Context, Expectation, ExpectedNonce, IdTokens, ProvedClaims};
use crate::denial::{Denial, Level, Reason};
use crate::json::Json;
use crate::login::provider_answer::{self, Unreadable};
use crate::login::{Login, user_info};
use crate::secret::Secret;
use crate::source::{Call, Refusal, Response};
use crate::token_endpoint;

/// As sentences name it.
const ENDPOINT: &str = "token endpoint";

/// How long what could not be looked at is good, in seconds.
const SOON: i64 = 30;

/// What a refresh token was good for.
#[derive(Debug)]
pub(crate) struct RefreshedTokens {
    /// what says who it is, if the provider says it anew
    pub id_token: Option<Secret<String>>,
    /// what came with it
    pub access_token: Secret<String>,
    /// what to refresh with from now on, if not with the same
    pub refresh_token: Option<Secret<String>>,
    /// for how many seconds all of it is good, if the provider says so
    pub expires_in: Option<i64>,
}

/// Why a session was not refreshed, for the log.
#[derive(Debug)]
pub(crate) enum NotRefreshed {
    /// the provider does not take the refresh token any more
    Refused(String),
    /// what it says is not about the owner of the session, or not its own
    Untrue(String),
    /// it did not answer
    NoAnswer(String),
    /// it answered something else
    Failed(String),
}

impl RefreshedTokens {
    /// Has the provider asked again soon: what it says could not be looked at.
    pub(crate) fn soon(&mut self) {
        let good_for = self
            .expires_in
            .map_or(SOON, |expires_in| expires_in.min(SOON));
        self.expires_in = Some(good_for);
    }
}

impl NotRefreshed {
    /// Why.
    pub(super) fn cause(&self) -> &str {
        match self {
            Self::Refused(cause)
            | Self::Untrue(cause)
            | Self::NoAnswer(cause)
            | Self::Failed(cause) => cause,
        }
    }
}

/// What is known of a refreshed session, as far as it was verified.
#[derive(Debug)]
pub(crate) enum Verified {
    /// the provider says nothing of the person
    Silent,
    /// it says this
    Proved(ProvedClaims),
    /// nobody can know at the moment
    Unknown,
}

impl Refreshing {
    /// The tokens in `response`.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn read(&self, response: &Response<'_>) -> Result<RefreshedTokens, NotRefreshed> {
        let answer = provider_answer::body(response, ENDPOINT, self.max_bytes);
        let (status, body) = answer.map_err(|why| match why {
            Unreadable::NoAnswer(denial) if response.status.is_none() => {
                NotRefreshed::NoAnswer(denial.cause().to_owned())
            }
            Unreadable::NoAnswer(denial) => NotRefreshed::Failed(denial.cause().to_owned()),
            Unreadable::Wrong(cause) => NotRefreshed::Failed(cause),
        })?;
        let is_json = provider_answer::is_json(response, ENDPOINT);
        if let Some(code) = token_endpoint::refusal(status, body, is_json.is_ok()) {
            let cause = format!("the {ENDPOINT} answered `{code}`");
            return Err(NotRefreshed::Refused(cause));
        }
        let json = token_endpoint::answer(status, body).map_err(NotRefreshed::Failed)?;
        is_json.map_err(NotRefreshed::Failed)?;
        let Some(access_token) = token_endpoint::token(&json, "access_token") else {
            let cause = "the answer has no usable `access_token`";
            return Err(NotRefreshed::Failed(cause.to_owned()));
        };
        Ok(RefreshedTokens {
            id_token: token_endpoint::token(&json, "id_token"),
            access_token,
            refresh_token: token_endpoint::token(&json, "refresh_token"),
            expires_in: token_endpoint::expires_in(&json),
        })
    }
}

impl Login {
    /// What the refreshed ID token says, if there is one.
    ///
    /// # Errors
    /// It is not the same person's, or not good; or what has to be fetched to know.
    pub(crate) fn verify_refreshed(
        &self,
        refreshing: &Refreshing,
        tokens: &RefreshedTokens,
        context: Context<'_>,
    ) -> Result<Verified, Result<NotRefreshed, Refusal>> {
        let Some((text, refresh)) = tokens
            .id_token
            .as_ref()
            .zip(refreshing.session.refresh.as_ref())
        else {
            return Ok(Verified::Silent);
        };
        let expected = Expectation {
            nonce: ExpectedNonce::NoOther(refresh.nonce),
            access_token: tokens.access_token.expose(),
        };
        let proved = match self.id_tokens.verify(text.expose(), expected, context) {
            Ok(proved) => proved,
            Err(Refusal::Denied(denial)) if is_unknown(denial.reason(), text) => {
                let (event, cause) = ("session_refresh_failed", not_known(&denial));
                self.tell_refresh(event, Level::Warn, &refreshing.session, &cause);
                return Ok(Verified::Unknown);
            }
            Err(Refusal::Denied(denial)) => return Err(Ok(untrue(&denial))),
            Err(refusal) => return Err(Err(refusal)),
        };
        let subject = refresh
            .sub
            .as_deref()
            .unwrap_or(&refreshing.session.subject);
        if proved.subject() != subject {
            let cause = "the refreshed ID token is another person's (`sub`)";
            return Err(Ok(NotRefreshed::Untrue(cause.to_owned())));
        }
        Ok(Verified::Proved(proved))
    }

    /// The call that asks the provider about whoever was refreshed, where it is to be asked.
    ///
    /// # Errors
    /// It cannot be.
    pub(crate) fn inquire_again(
        &self,
        refreshing: &Refreshing,
        tokens: &RefreshedTokens,
    ) -> Result<Option<Call>, Denial> {
        let provider = &self.provider;
        let Some(endpoint) = &refreshing.user_info else {
            return Ok(None);
        };
        user_info::call(endpoint, provider.timeout, &tokens.access_token).map(Some)
    }

    /// The claims that the rules read of whoever is `proved` to be refreshed, and about whom the provider says this
    /// beside it, if it was asked.
    ///
    /// # Errors
    /// That is somebody else.
    pub(crate) fn claims_again(
        &self,
        proved: ProvedClaims,
        user_info: Option<Json>,
    ) -> Result<Json, NotRefreshed> {
        let kept = self.id_tokens.kept(proved, user_info);
        kept.map(|identified| identified.claims)
            .map_err(|denial| untrue(&denial))
    }
}

/// Whether the ID token `text` that was refused for this `reason` may be good for all that: the key that it names is not
/// published yet, or nobody had the time to look.
fn is_unknown(reason: Reason, text: &Secret<String>) -> bool {
    match reason {
        Reason::UnknownSigningKey => IdTokens::names_key(text.expose()),
        Reason::TooManySignatures => true,
        other => other.status() == 503,
    }
}

fn not_known(denial: &Denial) -> String {
    format!(
        "the refreshed ID token cannot be verified: {}",
        denial.cause()
    )
}

fn untrue(denial: &Denial) -> NotRefreshed {
    NotRefreshed::Untrue(format!("the refreshed ID token: {}", denial.cause()))
}
