//! The identity provider: where it is asked what.

use crate::authn::jwt::{Jwks, read_metadata};
use crate::denial::{Denial, Reason};
use crate::http::Url;
use crate::json::Json;
use crate::source::{
    Answer, Cached, Call, Document, Endpoint, NotFetched, Read, Refusal, SourceHandle, Tried,
    Upstreams, Why,
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
    pub token: Endpoint,
    /// where browsers are sent to sign out, if there is such a place
    pub end_session: Option<String>,
    /// where the gate asks about whoever signed in, if it does
    pub user_info: Option<Endpoint>,
    /// whether every answer of the authorization endpoint says whose it is (RFC 9207)
    pub names_issuer: bool,
}

/// The provider's metadata (OpenID Connect Discovery 1.0), as a document that is fetched.
#[derive(Debug)]
pub(crate) struct Metadata {
    /// the issuer, as they have to name it
    pub issuer: String,
    /// the servers that its endpoints may be on; the first has the metadata
    pub upstreams: Rc<Upstreams>,
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
    At(Endpoint),
    /// where its metadata say
    Discovered,
}

impl Document for Metadata {
    type Value = Endpoints;

    fn first(&self, _: Timestamp) -> Call {
        let Endpoint { upstream, url } = self.upstreams.home().clone();
        Call::get_json(upstream, url, self.timeout)
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
        let json = read_metadata(body, &self.issuer)?;
        let text = |name| json.member(name).and_then(Json::text);
        let (token, user_info) = self.asked(&json)?;
        let authorization = text("authorization_endpoint");
        let authorization = authorization.filter(|text| self.is_page(text));
        let authorization =
            authorization.ok_or("the metadata have no usable `authorization_endpoint`")?;
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

    /// Where the gate asks for tokens, and about people. Everything that it cannot ask is said at once, the keys among it: a
    /// browser is not sent to the provider in vain.
    fn asked(&self, metadata: &Json) -> Result<(Endpoint, Option<Endpoint>), String> {
        let discovered = |name| self.upstreams.discovered(metadata, name);
        let user_info = match &self.user_info {
            UserInfo::NotAsked => Ok(None),
            UserInfo::At(endpoint) => Ok(Some(endpoint.clone())),
            UserInfo::Discovered => discovered("userinfo_endpoint").map(Some),
        };
        match (
            discovered("token_endpoint"),
            user_info,
            discovered("jwks_uri"),
        ) {
            (Ok(token), Ok(user_info), Ok(_)) => Ok((token, user_info)),
            (token, user_info, keys) => {
                let errors = [token.err(), user_info.err(), keys.err()];
                Err(errors.into_iter().flatten().collect::<Vec<_>>().join("; "))
            }
        }
    }

    /// Whether `text` is the address of a page that is as safe as the metadata.
    fn is_page(&self, text: &str) -> bool {
        let own = self.upstreams.home().url.scheme();
        Url::parse(text).is_some_and(|page| page.scheme() == own || text.starts_with("https://"))
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

    /// Whether it gave no metadata when it was asked last.
    pub(crate) fn is_failing(&self) -> bool {
        matches!(&self.endpoints, Location::Discovered(source) if source.source().is_failing())
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
        let named = |host: &str, upstream: &str| (host.to_owned(), upstream.to_owned());
        let home = Endpoint {
            upstream: "sso".to_owned(),
            url: Url::parse("https://sso.example/.well-known/openid-configuration").unwrap(),
        };
        let others = vec![
            named("tokens.example", "tokens"),
            named("people.example", "people"),
        ];
        let metadata = Metadata {
            issuer: "https://sso.example".to_owned(),
            upstreams: Rc::new(Upstreams::new(home, others, "login.upstreams")),
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
        "userinfo_endpoint": "https://sso.example/me", "jwks_uri": "https://sso.example/keys",
        "code_challenge_methods_supported": ["plain", "S256"],
        "authorization_response_iss_parameter_supported": true }"#;

    #[test]
    fn metadata_say_where_a_provider_is_asked_what() {
        let endpoints = read(GOOD).unwrap();
        assert_eq!(
            endpoints.authorization,
            "https://login.example/auth?tenant=1"
        );
        assert_eq!(endpoints.token.url.path(), "/token");
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
                "begins with http://",
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
        assert_eq!(found.url.path(), "/me");
        for (bad, why) in [
            ("https://evil.example/me", "another server"),
            ("http://sso.example/me", "begins with http://"),
            ("javascript:alert(1)", "no usable `userinfo"),
            ("", "no usable `userinfo"),
        ] {
            let body = GOOD.replace("https://sso.example/me", bad);
            let error = read_for(&body, UserInfo::Discovered).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
            assert!(read(&body).is_ok(), "{bad}");
            let given = UserInfo::At(Endpoint {
                upstream: "sso".to_owned(),
                url: Url::parse("https://sso.example/given").unwrap(),
            });
            let found = read_for(&body, given).unwrap().user_info.unwrap();
            assert_eq!(found.url.path(), "/given", "{bad}");
        }
    }

    #[test]
    fn endpoints_on_servers_of_their_own_are_asked_there() {
        let body = GOOD
            .replace("sso.example/token", "tokens.example/token")
            .replace("sso.example/me", "people.example/me");
        let endpoints = read_for(&body, UserInfo::Discovered).unwrap();
        assert_eq!(endpoints.token.upstream, "tokens");
        assert_eq!(endpoints.user_info.unwrap().upstream, "people");
    }

    #[test]
    fn every_endpoint_on_a_server_that_is_not_named_is_said_at_once() {
        let body = GOOD
            .replace("sso.example/token", "a.example/token")
            .replace("sso.example/me", "b.example/me")
            .replace("sso.example/keys", "c.example/keys");
        let why = read_for(&body, UserInfo::Discovered).unwrap_err();
        for (name, host) in [
            ("token_endpoint", "a"),
            ("userinfo_endpoint", "b"),
            ("jwks_uri", "c"),
        ] {
            assert!(
                why.contains(&format!("`{name}` is on `{host}.example`")),
                "{why}"
            );
        }
        let why = read(&body).unwrap_err();
        assert!(!why.contains("userinfo"), "nobody is asked there: {why}");
    }
}
