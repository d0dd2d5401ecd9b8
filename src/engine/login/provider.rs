//! The identity provider: where it is asked what.

use crate::authn::jwt::Jwks;
use crate::denial::{Denial, Reason};
use crate::http::Url;
use crate::json::Json;
use crate::source::{
    Answer, Cached, Call, Document, NotFetched, Read, Refusal, SourceHandle, Tried, Why,
};
use crate::time::Timestamp;
use crate::token_endpoint::Client;
use std::rc::Rc;
use std::time::Duration;

/// An identity provider, and who the gate is there.
#[derive(Debug)]
pub(crate) struct Provider {
    /// its issuer identifier, to the letter
    pub issuer: String,
    /// the gateway's name for its server
    pub upstream: String,
    /// how long to wait for each answer
    pub timeout: Duration,
    /// the gate as its client
    pub client: Client,
    /// what is asked for, such as `openid profile`
    pub scope: String,
    /// where it is asked what
    pub endpoints: Location,
    /// what its ID tokens are signed with
    pub keys: SourceHandle<Jwks>,
}

/// How the endpoints are known.
#[derive(Debug)]
pub(crate) enum Location {
    /// they are configured
    At(Rc<Endpoints>),
    /// the provider's metadata name them
    Discovered(SourceHandle<Metadata>),
}

/// The endpoints of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoints {
    /// where browsers are sent to sign in
    pub authorization: String,
    /// where the gate redeems codes
    pub token: Url,
    /// where browsers are sent to sign out, if there is such a place
    pub end_session: Option<String>,
    /// where the gate asks about whoever signed in, if it does
    pub user_info: Option<Url>,
    /// whether every answer of the authorization endpoint says whose it is (RFC 9207)
    pub names_issuer: bool,
}

/// The provider's metadata (OpenID Connect Discovery 1.0), as a document that is fetched.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// the issuer, as they have to name it
    pub issuer: String,
    /// their address
    pub address: Url,
    /// the gateway's name for the server
    pub upstream: String,
    /// how long to wait for the answer
    pub timeout: Duration,
    /// where browsers sign out, if the configuration says that
    pub end_session: Option<String>,
    /// where the gate asks about a person
    pub user_info: UserInfo,
}

/// Whether the provider is asked about whoever signs in, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserInfo {
    /// it is not
    NotAsked,
    /// where the configuration says
    At(Url),
    /// where its metadata say
    Discovered,
}

impl Document for Metadata {
    type Value = Endpoints;

    fn first(&self, _: Timestamp) -> Call {
        Call::get_json(self.upstream.clone(), self.address.clone(), self.timeout)
    }

    fn read(&self, answer: &Answer<'_, Endpoints>) -> Result<Read<Endpoints>, String> {
        Ok(Read::Value {
            value: self.endpoints(answer.body)?,
            warnings: Vec::new(),
            lifetime: None,
        })
    }
}

impl Metadata {
    fn endpoints(&self, body: &[u8]) -> Result<Endpoints, String> {
        let json = Json::parse_object_without_duplicates(body)
            .ok_or("the provider's metadata are not a JSON object")?;
        let text = |name| json.member(name).and_then(Json::text);
        // Discovery 1.0 section 4.3: the issuer must be the one that was asked for.
        if text("issuer") != Some(self.issuer.as_str()) {
            return Err("the metadata are another issuer's, compare `issuer` to the letter".into());
        }
        let token = text("token_endpoint").and_then(Url::parse);
        let token = token.ok_or("the metadata have no usable `token_endpoint`")?;
        if !token.is_on_server_of(&self.address) {
            return Err(
                "`token_endpoint` is on another server than the issuer: give `authorization_endpoint`, \
                 `token_endpoint` and `jwks_uri` in the configuration"
                    .into(),
            );
        }
        let authorization = text("authorization_endpoint");
        let authorization = authorization.filter(|text| self.is_page(text));
        let authorization =
            authorization.ok_or("the metadata have no usable `authorization_endpoint`")?;
        let user_info = match &self.user_info {
            UserInfo::NotAsked => None,
            UserInfo::At(url) => Some(url.clone()),
            UserInfo::Discovered => {
                let url = text("userinfo_endpoint").and_then(Url::parse);
                let url = url.ok_or("the metadata have no usable `userinfo_endpoint`")?;
                if !url.is_on_server_of(&self.address) {
                    return Err(
                        "`userinfo_endpoint` is on another server than the issuer, and `upstream` is one server"
                            .into(),
                    );
                }
                Some(url)
            }
        };
        let end_session = text("end_session_endpoint").filter(|text| self.is_page(text));
        // Only a provider that lists its methods says that this one is none of them (RFC 8414 section 2).
        if let Some(Json::List(methods)) = json.member("code_challenge_methods_supported")
            && !methods.iter().any(|method| method.text() == Some("S256"))
        {
            return Err("the provider does not support the code challenge method S256".into());
        }
        Ok(Endpoints {
            authorization: authorization.to_owned(),
            token,
            end_session: self.end_session.clone().or(end_session.map(str::to_owned)),
            user_info,
            names_issuer: json.member("authorization_response_iss_parameter_supported")
                == Some(&Json::Bool(true)),
        })
    }

    /// Whether `text` is the address of a page that is as safe as the metadata.
    fn is_page(&self, text: &str) -> bool {
        Url::parse(text).is_some_and(|page| {
            page.scheme() == self.address.scheme() || text.starts_with("https://")
        })
    }
}

impl Provider {
    /// Where it is asked what, for a request that has `tried` this already.
    ///
    /// # Errors
    /// The metadata have to be fetched first, or cannot be had.
    pub(crate) fn endpoints(
        &self,
        tried: &[Tried],
        now: Timestamp,
    ) -> Result<Rc<Endpoints>, Refusal> {
        let source = match &self.endpoints {
            Location::At(endpoints) => return Ok(Rc::clone(endpoints)),
            Location::Discovered(source) => source,
        };
        let outcome = source.outcome(tried);
        match source.source().held(now) {
            Cached::Fresh(endpoints) => Ok(endpoints),
            Cached::Stale(endpoints) => {
                let is_due = outcome.is_none() && source.is_due(now);
                match is_due.then(|| source.begin(Why::Stale, now)) {
                    Some(Ok(begun)) => Err(Refusal::Await(Box::new(begun))),
                    // They are good until they are too old.
                    _ => Ok(endpoints),
                }
            }
            Cached::Nothing if outcome.is_none() => match source.begin(Why::Absent, now) {
                Ok(begun) => Err(Refusal::Await(Box::new(begun))),
                Err(NotFetched::Unavailable { retry_after }) => {
                    Err(unavailable().retry_after(retry_after).into())
                }
                Err(_) => Err(unavailable().into()),
            },
            Cached::Nothing => {
                let seconds = source.source().seconds_to_wait(now);
                Err(unavailable().retry_after(seconds).into())
            }
        }
    }

    /// Where it is asked what, as far as that is known at `now`.
    pub(crate) fn known(&self, now: Timestamp) -> Option<Rc<Endpoints>> {
        match &self.endpoints {
            Location::At(endpoints) => Some(Rc::clone(endpoints)),
            Location::Discovered(source) => match source.source().held(now) {
                Cached::Fresh(endpoints) | Cached::Stale(endpoints) => Some(endpoints),
                Cached::Nothing => None,
            },
        }
    }

    /// Whether its metadata are what was `tried`, by which no token is judged.
    pub(super) fn has_metadata(&self, tried: Tried) -> bool {
        matches!(&self.endpoints, Location::Discovered(source) if source.is_of(tried))
    }
}

/// The provider cannot be asked.
pub(crate) fn unavailable() -> Denial {
    let advice = "try again in a moment; the operator finds the reason in the gateway's log";
    Denial::new(Reason::ProviderUnavailable, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Endpoints, String> {
        read_for(body, UserInfo::NotAsked)
    }

    fn read_for(body: &str, user_info: UserInfo) -> Result<Endpoints, String> {
        let metadata = Metadata {
            issuer: "https://sso.example".to_owned(),
            address: Url::parse("https://sso.example/.well-known/openid-configuration").unwrap(),
            upstream: "sso".to_owned(),
            timeout: Duration::from_secs(5),
            end_session: None,
            user_info,
        };
        metadata.endpoints(body.as_bytes())
    }

    const GOOD: &str = r#"{ "issuer": "https://sso.example",
        "authorization_endpoint": "https://login.example/auth?tenant=1",
        "token_endpoint": "https://sso.example/token",
        "end_session_endpoint": "https://sso.example/end",
        "userinfo_endpoint": "https://sso.example/me",
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true }"#;

    #[test]
    fn metadata_say_where_a_provider_is_asked_what() {
        let endpoints = read(GOOD).unwrap();
        assert_eq!(
            endpoints.authorization,
            "https://login.example/auth?tenant=1"
        );
        assert_eq!(endpoints.token.path(), "/token");
        assert_eq!(
            endpoints.end_session.as_deref(),
            Some("https://sso.example/end")
        );
        assert!(endpoints.names_issuer);
    }

    #[test]
    fn metadata_that_cannot_be_meant_are_refused() {
        for (good, bad, why) in [
            (
                "\"https://sso.example\"",
                "\"https://sso.example/\"",
                "another issuer",
            ),
            (
                "https://sso.example/token",
                "https://evil.example/token",
                "another server",
            ),
            (
                "https://sso.example/token",
                "http://sso.example/token",
                "another server",
            ),
            (
                "https://sso.example/token",
                "javascript:alert(1)",
                "no usable `token",
            ),
            (
                "https://login.example",
                "http://login.example",
                "no usable `auth",
            ),
            (
                "https://login.example/auth?tenant=1",
                "javascript:alert(1)",
                "no usable `auth",
            ),
            ("?tenant=1", "#there", "no usable `auth"),
            ("?tenant=1", "\\r\\nset-cookie: a=b", "no usable `auth"),
            (", \"S256\"", "", "S256"),
            (GOOD, "<html>", "not a JSON object"),
            (GOOD, "[]", "not a JSON object"),
            (GOOD, "{}", "another issuer"),
        ] {
            let body = GOOD.replace(good, bad);
            let error = read(&body).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
        let unsafe_end = GOOD.replace("https://sso.example/end", "javascript:alert(1)");
        assert_eq!(read(&unsafe_end).unwrap().end_session, None);
    }

    #[test]
    fn where_people_are_asked_about_counts_only_where_they_are() {
        assert_eq!(read(GOOD).unwrap().user_info, None);
        let found = read_for(GOOD, UserInfo::Discovered)
            .unwrap()
            .user_info
            .unwrap();
        assert_eq!(found.path(), "/me");
        for (bad, why) in [
            ("https://evil.example/me", "another server"),
            ("http://sso.example/me", "another server"),
            ("javascript:alert(1)", "no usable `userinfo"),
            ("", "no usable `userinfo"),
        ] {
            let body = GOOD.replace("https://sso.example/me", bad);
            let error = read_for(&body, UserInfo::Discovered).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
            assert!(read(&body).is_ok(), "{bad}");
            let given = UserInfo::At(Url::parse("https://sso.example/given").unwrap());
            let found = read_for(&body, given).unwrap().user_info.unwrap();
            assert_eq!(found.path(), "/given", "{bad}");
        }
    }
}
