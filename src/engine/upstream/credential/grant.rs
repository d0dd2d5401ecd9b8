//! The client credentials grant (RFC 6749 section 4.4): a token endpoint issues the credential.

use super::document::Issued;
use super::value::{checked, counted, expiry_of_jwt, lifetime, seconds};
use crate::http::Url;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::Call;
use crate::time::Timestamp;
use crate::token_endpoint::{self, Client};
use std::time::Duration;

/// No token is used for longer without another being asked for, in seconds.
const DAY: i64 = 24 * 3600;

/// What is asked of a token endpoint.
#[derive(Debug)]
pub(crate) struct Grant {
    /// the gateway's name for the server
    pub upstream: String,
    /// the address of the token endpoint
    pub token_url: Url,
    /// how long to wait for the answer
    pub timeout: Duration,
    /// who asks
    pub client: Client,
    /// further parameters, such as `scope`, `audience` and `resource`, names and values
    pub parameters: Vec<(&'static str, String)>,
    /// how early another token is asked for, in seconds
    pub refresh_before: i64,
    /// how long a token is used that does not say it, in seconds
    pub lifetime: i64,
}

impl Grant {
    /// The call that is made `now`.
    pub(super) fn call(&self, now: Timestamp) -> Call {
        let parameters = self.parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let server = (self.upstream.as_str(), &self.token_url, self.timeout);
        self.client
            .call(server, "client_credentials", &parameters, now)
    }

    /// The token in `body`, the answer of this status.
    pub(super) fn read(&self, status: u16, body: &[u8], now: Timestamp) -> Result<Issued, String> {
        let json = token_endpoint::answer(status, body)?;
        let member = |name| json.member(name);
        let token = member("access_token").and_then(Json::text);
        let token = checked(token.ok_or("the answer has no `access_token`")?)?;
        let named = match member("expires_in") {
            None | Some(Json::Null) => None,
            Some(json) => Some(seconds(json).ok_or("`expires_in` is not a number of seconds")?),
        };
        let of_jwt = expiry_of_jwt(token).map(|end| end.since(now));
        let left = [named, of_jwt].into_iter().flatten().min().map(counted);
        Ok(Issued {
            value: Secret::new(token.to_owned()),
            lifetime: lifetime(left.unwrap_or(self.lifetime), self.refresh_before, DAY)?,
        })
    }
}
