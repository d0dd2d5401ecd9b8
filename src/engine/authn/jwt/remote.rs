//! The keys that an issuer publishes: a JWKS (RFC 7517 section 5), at an address that is known or
//! found by OpenID Connect Discovery 1.0.

use super::jwk;
use super::key::KeySet;
use crate::http::Url;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{
    Answer, Cached, Call, Document, Endpoint, Read, SourceHandle, Tried, Upstreams,
};
use crate::time::Timestamp;
use std::rc::Rc;
use std::time::Duration;

/// What comes after the issuer in the address of its metadata (OpenID Connect Discovery 1.0,
/// section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// How the address of the JWKS is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// it is configured
    At(Endpoint),
    /// the metadata of this issuer name it
    Discovered {
        /// the issuer, as its metadata have to name it
        issuer: String,
        /// the servers that it may be on; the first has the metadata
        upstreams: Rc<Upstreams>,
    },
}

/// The address of the metadata of `issuer`. `None` if nothing can be discovered from it.
pub(crate) fn metadata_of(issuer: &str) -> Option<Url> {
    let base = issuer.strip_suffix('/').unwrap_or(issuer);
    // A query or a fragment is not allowed in an issuer (Discovery 1.0 section 3).
    let plain = !base.contains(['?', '#']);
    Url::parse(&format!("{base}{WELL_KNOWN}")).filter(|_| plain)
}

/// The metadata of `issuer` in `body`.
///
/// # Errors
/// They are none, or another issuer's.
pub(crate) fn read_metadata(body: &[u8], issuer: &str) -> Result<Json, String> {
    let json = Json::parse_object_without_duplicates(body)
        .ok_or("the issuer's metadata are not a JSON object")?;
    // Discovery 1.0 section 4.3: the issuer must be the one that was asked for.
    if json.member("issuer").and_then(Json::text) != Some(issuer) {
        return Err("the metadata are another issuer's, compare `issuer` to the letter".to_owned());
    }
    Ok(json)
}

/// An issuer's JWKS, as a document that is fetched.
#[derive(Debug)]
pub(crate) struct Jwks {
    /// where it is
    pub location: Location,
    /// how long to wait for each answer
    pub timeout: Duration,
    /// what the server at `location` wants to see of the gate, lower-case names
    pub headers: Vec<(String, Secret<String>)>,
}

impl Jwks {
    /// The call that asks for `endpoint`, which is on its own server or not.
    fn call(&self, endpoint: &Endpoint, is_own: bool) -> Call {
        let (upstream, url) = (endpoint.upstream.clone(), endpoint.url.clone());
        let call = Call::get_json(upstream, url, self.timeout);
        if is_own {
            call.with_headers(&self.headers)
        } else {
            call
        }
    }
}

impl Document for Jwks {
    type Value = KeySet;

    fn first(&self, _: Timestamp) -> Call {
        let endpoint = match &self.location {
            Location::At(endpoint) => endpoint,
            Location::Discovered { upstreams, .. } => upstreams.home(),
        };
        self.call(endpoint, true)
    }

    fn read(&self, answer: &Answer<'_, KeySet>) -> Result<Read<KeySet>, String> {
        let body = answer.body;
        match &self.location {
            Location::Discovered { issuer, upstreams } if answer.step == 0 => {
                let metadata = read_metadata(body, issuer)?;
                let endpoint = upstreams.discovered(&metadata, "jwks_uri")?;
                let is_own = endpoint.url.is_on_server_of(&upstreams.home().url);
                Ok(Read::Follow(self.call(&endpoint, is_own)))
            }
            _ => {
                let (value, warnings) = jwk::key_set(body)?;
                if value.is_empty() {
                    let why = warnings.first().map(|why| format!(" ({why})"));
                    let why = why.unwrap_or_default();
                    return Err(format!("the JWKS has no usable key{why}"));
                }
                Ok(Read::Value {
                    value,
                    warnings,
                    lifetime: None,
                })
            }
        }
    }
}

/// What there is to say of keys that are no longer fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aged {
    /// they are too old to hold
    Gone,
    /// they hold, and are due to be fetched
    Due,
}

/// The published keys of one issuer, as far as they were fetched.
#[derive(Debug)]
pub(crate) struct Remote {
    /// their source
    pub keys: SourceHandle<Jwks>,
}

impl Remote {
    /// The keys that hold at `now`, and whether they are older than they should be.
    pub(crate) fn keys(&self, now: Timestamp) -> (Option<Rc<KeySet>>, bool) {
        match self.keys.source().held(now) {
            Cached::Fresh(keys) => (Some(keys), false),
            Cached::Stale(keys) => (Some(keys), true),
            Cached::Nothing => (None, true),
        }
    }

    /// Whether they are gone at `now`, or due to be fetched by a known caller whose request has `tried` this.
    pub(crate) fn aged(&self, now: Timestamp, tried: &[Tried]) -> Option<Aged> {
        let (keys, stale) = self.keys(now);
        let refreshes = stale && self.keys.outcome(tried).is_none() && self.keys.is_due(now);
        match keys {
            None => Some(Aged::Gone),
            Some(_) => refreshes.then_some(Aged::Due),
        }
    }

    /// A fetch was made for `kid`, and did not bring it.
    pub(crate) fn note_missing(&self, kid: &str, now: Timestamp) {
        self.keys.source().note_missing(kid, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn discovered(issuer: &str) -> Jwks {
        let home = Endpoint {
            upstream: "sso".to_owned(),
            url: metadata_of(issuer).unwrap(),
        };
        let others = vec![("keys.example".to_owned(), "keys".to_owned())];
        let key = ("x-api-key".to_owned(), Secret::new("hidden".to_owned()));
        Jwks {
            location: Location::Discovered {
                issuer: issuer.to_owned(),
                upstreams: Rc::new(Upstreams::new(home, others, "jwks.upstreams")),
            },
            timeout: Duration::from_secs(5),
            headers: vec![key],
        }
    }

    fn follow(issuer: &str, metadata: &str) -> Result<String, String> {
        let answer = Answer {
            step: 0,
            status: 200,
            body: metadata.as_bytes(),
            held: None,
            now: Timestamp::from_seconds(1_700_000_000),
        };
        match discovered(issuer).read(&answer)? {
            Read::Follow(call) => {
                let has_key = call.headers().any(|(name, _)| name == "x-api-key");
                let url = call.url();
                let (host, path) = (url.authority(), url.path());
                Ok(format!("{} {host} {path} {has_key}", call.upstream()))
            }
            _ => Err("a value".to_owned()),
        }
    }

    #[test]
    fn discovery_asks_below_the_issuer() {
        for (issuer, path) in [
            ("https://sso.example", "/.well-known/openid-configuration"),
            ("https://sso.example/", "/.well-known/openid-configuration"),
            (
                "https://sso.example/realms/main",
                "/realms/main/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(
                discovered(issuer)
                    .first(Timestamp::from_seconds(1_700_000_000))
                    .url()
                    .path(),
                path,
                "{issuer:?}, {path}"
            );
        }
        for wrong in ["sso.example", "https://sso.example/?x=1", ""] {
            assert_eq!(metadata_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn metadata_are_believed_of_their_own_issuer_and_the_servers_that_are_named_only() {
        let issuer = "https://sso.example/main";
        let good =
            r#"{"issuer":"https://sso.example/main","jwks_uri":"https://SSO.example/certs"}"#;
        assert_eq!(
            follow(issuer, good),
            Ok("sso SSO.example /certs true".to_owned())
        );
        let elsewhere =
            r#"{"issuer":"https://sso.example/main","jwks_uri":"https://keys.example/k"}"#;
        let followed = follow(issuer, elsewhere);
        assert_eq!(
            followed.as_deref(),
            Ok("keys keys.example /k false"),
            "its key is for its own server"
        );
        for (metadata, why) in [
            ("<html>", "not a JSON object"),
            ("[]", "not a JSON object"),
            ("{}", "another issuer"),
            (
                r#"{"issuer":"https://sso.example/main/","jwks_uri":"https://sso.example/certs"}"#,
                "another issuer",
            ),
            (r#"{"issuer":"https://sso.example/main"}"#, "jwks_uri"),
            (
                r#"{"issuer":"https://sso.example/main","jwks_uri":"file:///etc/passwd"}"#,
                "jwks_uri",
            ),
            (
                r#"{"issuer":"https://sso.example/main","jwks_uri":"https://evil.example/certs"}"#,
                "another server",
            ),
            (
                r#"{"issuer":"https://sso.example/main","jwks_uri":"http://sso.example/certs"}"#,
                "begins with http://",
            ),
            (
                r#"{"issuer":"x","issuer":"https://sso.example/main","jwks_uri":"https://sso.example/c"}"#,
                "not a JSON object",
            ),
        ] {
            let error = follow(issuer, metadata).unwrap_err();
            assert!(error.contains(why), "{metadata}: {error}");
        }
    }
}
