//! The redemption of a code: the call to the token endpoint, and what comes back.

use super::attempt::Attempt;
use super::failed;
use super::places::Place;
use super::provider::unavailable;
use crate::denial::Denial;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, Call, Response, ResponseBody};
use crate::token_endpoint;

/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 32 * 1024;

/// A code that is being redeemed.
#[derive(Debug)]
pub(crate) struct Redemption {
    /// the sign-in that it ends
    pub attempt: Attempt,
    max_bytes: usize,
    place: Place,
}

/// What a code was redeemed for.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// what says who signed in
    pub id_token: Secret<String>,
    /// what came with it
    pub access_token: Secret<String>,
}

impl Redemption {
    pub(super) fn new(attempt: Attempt, place: Place, call: &Call) -> Self {
        Self {
            attempt,
            max_bytes: call.expected().max_bytes,
            place,
        }
    }

    /// The tokens in `response`.
    ///
    /// # Errors
    /// The provider did not answer, or not with tokens.
    pub(crate) fn tokens(&self, response: &Response<'_>) -> Result<Tokens, Denial> {
        let no_answer = |cause: String| unavailable().because(cause);
        let Some(status) = response.status else {
            return Err(no_answer("the token endpoint did not answer".to_owned()));
        };
        let body = match response.body {
            ResponseBody::Bytes(body) => body,
            ResponseBody::TooLarge(size) => {
                let max = self.max_bytes;
                return Err(no_answer(format!(
                    "the answer of the token endpoint has {size} bytes, over {max}"
                )));
            }
        };
        if status >= 500 {
            return Err(no_answer(format!(
                "the token endpoint answered with status {status}"
            )));
        }
        let refused = |cause: String| {
            failed("the provider did not accept the sign-in, begin again").because(cause)
        };
        if let Some(coding) = response.header(CONTENT_ENCODING)
            && !coding.eq_ignore_ascii_case("identity")
        {
            return Err(refused(
                "the answer is compressed, which nobody asked for".to_owned(),
            ));
        }
        let json = token_endpoint::answer(status, body).map_err(refused)?;
        self.place.is_proved();
        let token = |name: &str| {
            let token = json.member(name).and_then(Json::text);
            let token = token.filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN);
            let token = token.map(|token| Secret::new(token.to_owned()));
            token.ok_or_else(|| refused(format!("the answer has no usable `{name}`")))
        };
        Ok(Tokens {
            id_token: token("id_token")?,
            access_token: token("access_token")?,
        })
    }
}
