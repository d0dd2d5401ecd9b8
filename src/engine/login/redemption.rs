//! The redemption of a code: the call to the token endpoint, and what comes back.

use super::attempt::Attempt;
use super::failed;
use super::provider::unavailable;
use crate::denial::Denial;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{CONTENT_ENCODING, Call, PerSecond, Response, ResponseBody};
use crate::time::Timestamp;
use crate::token_endpoint;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// How many codes a worker redeems at a time, and how many it begins to redeem in a second: anybody can begin a
/// sign-in, and answer it with a code that is none.
const MAX_AT_A_TIME: u32 = 16;
/// The longest token that is read, in bytes.
const MAX_TOKEN: usize = 32 * 1024;

/// The redemptions of a worker.
#[derive(Debug, Default)]
pub(crate) struct Redemptions {
    under_way: Rc<Cell<u32>>,
    begun: RefCell<PerSecond>,
}

/// One of the places for redemptions. Dropping it frees it.
#[derive(Debug)]
pub(super) struct Place(Rc<Cell<u32>>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Redemptions {
    pub(super) fn begin(&self, now: Timestamp) -> Result<Place, Denial> {
        let under_way = self.under_way.get();
        if under_way >= MAX_AT_A_TIME || !self.begun.borrow_mut().one_more(MAX_AT_A_TIME, now) {
            return Err(unavailable());
        }
        self.under_way.set(under_way.saturating_add(1));
        Ok(Place(Rc::clone(&self.under_way)))
    }
}

/// A code that is being redeemed.
#[derive(Debug)]
pub(crate) struct Redemption {
    /// the sign-in that it ends
    pub attempt: Attempt,
    max_bytes: usize,
    _place: Place,
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
            _place: place,
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
