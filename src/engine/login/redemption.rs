//! The redemption of a code: the call to the token endpoint, and what comes back.

use super::attempt::Attempt;
use super::failed;
use super::places::Place;
use super::provider_answer::{self, Unreadable};
use crate::denial::Denial;
use crate::secret::Secret;
use crate::source::{Call, Endpoint, Response};
use crate::token_endpoint;

/// As sentences name it.
const ENDPOINT: &str = "token endpoint";

/// A code that is being redeemed.
#[derive(Debug)]
pub(crate) struct Redemption {
    /// the sign-in that it ends
    pub attempt: Attempt,
    max_bytes: usize,
    place: Place,
    /// where the provider is asked about a person then, if it is
    user_info: Option<Endpoint>,
}

/// A code that was redeemed.
#[derive(Debug)]
pub(crate) struct Redeemed {
    /// the sign-in that it ends
    pub attempt: Attempt,
    /// what it was redeemed for
    pub tokens: Tokens,
    /// where the provider is asked about a person now, if it is
    pub(super) user_info: Option<Endpoint>,
    /// taken until the sign-in has ended
    _place: Place,
}

/// What a code was redeemed for.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// what says who signed in
    pub id_token: Secret<String>,
    /// what came with it
    pub access_token: Secret<String>,
    /// what to ask again with
    pub refresh_token: Option<Secret<String>>,
    /// for how many seconds the access token is good, if the provider says so
    pub expires_in: Option<i64>,
}

impl Redemption {
    pub(super) fn new(
        attempt: Attempt,
        place: Place,
        call: &Call,
        user_info: Option<Endpoint>,
    ) -> Self {
        Self {
            attempt,
            max_bytes: call.expected().max_bytes,
            place,
            user_info,
        }
    }

    /// What the token endpoint gave in `response`.
    ///
    /// # Errors
    /// The provider did not answer, or not with tokens: the sign-in that ends with it, and why.
    pub(crate) fn answered(
        self,
        response: &Response<'_>,
    ) -> Result<Redeemed, Box<(Attempt, Denial)>> {
        match self.tokens(response) {
            Ok(tokens) => Ok(Redeemed {
                attempt: self.attempt,
                tokens,
                user_info: self.user_info,
                _place: self.place,
            }),
            Err(denial) => Err(Box::new((self.attempt, denial))),
        }
    }

    fn tokens(&self, response: &Response<'_>) -> Result<Tokens, Denial> {
        let refused = |cause: String| {
            failed("the provider did not accept the sign-in, begin again").because(cause)
        };
        let answer = provider_answer::body(response, ENDPOINT, self.max_bytes);
        let (status, body) = answer.map_err(|why| match why {
            Unreadable::NoAnswer(denial) => denial,
            Unreadable::Wrong(cause) => refused(cause),
        })?;
        let json = token_endpoint::answer(status, body).map_err(refused)?;
        provider_answer::is_json(response, ENDPOINT).map_err(refused)?;
        self.place.is_proved();
        let token = |name| {
            let refusal = || refused(format!("the answer has no usable `{name}`"));
            token_endpoint::token(&json, name).ok_or_else(refusal)
        };
        Ok(Tokens {
            id_token: token("id_token")?,
            access_token: token("access_token")?,
            refresh_token: token_endpoint::token(&json, "refresh_token"),
            expires_in: token_endpoint::expires_in(&json),
        })
    }
}
