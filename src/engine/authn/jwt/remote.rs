//! The keys that an issuer publishes: a JWKS (RFC 7517 section 5), at an address that is known or
//! found by OpenID Connect Discovery 1.0.

use super::jwk;
use super::key::KeySet;
use crate::http::Url;
use crate::json::Json;
use crate::secret::Secret;
use crate::source::{Answer, Cached, Call, Document, Read, SourceHandle, Tried};
use crate::time::Timestamp;
use std::rc::Rc;
use std::time::Duration;

/// What comes after the issuer in the address of its metadata (OpenID Connect Discovery 1.0,
/// section 4).
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Where and how a gateway asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Server {
    /// the gateway's name for it: a cluster of Envoy, `host:port` on APISIX and Kong
    pub upstream: String,
    /// how long to wait for each answer
    pub timeout: Duration,
    /// what it wants to see of the gate, lower-case names
    pub headers: Vec<(String, Secret<String>)>,
}

/// How the address of the JWKS is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// it is configured
    At(Url),
    /// the metadata of this issuer name it
    Discovered {
        /// the issuer, as its metadata have to name it
        issuer: String,
        /// the address of its metadata
        metadata: Url,
    },
}

impl Location {
    /// By discovery from `issuer`. `None` if it is no address.
    pub(crate) fn discovered(issuer: &str) -> Option<Self> {
        let base = issuer.strip_suffix('/').unwrap_or(issuer);
        // A query or a fragment is not allowed in an issuer (Discovery 1.0 section 3).
        let plain = !base.contains(['?', '#']);
        let metadata = Url::parse(&format!("{base}{WELL_KNOWN}")).filter(|_| plain)?;
        Some(Self::Discovered {
            issuer: issuer.to_owned(),
            metadata,
        })
    }
}

/// An issuer's JWKS, as a document that is fetched.
#[derive(Debug)]
pub(crate) struct Jwks {
    /// where it is
    pub location: Location,
    /// whom to ask
    pub server: Server,
}

impl Server {
    /// The call that asks it for `url`.
    fn call(&self, url: Url) -> Call {
        Call::get_json(self.upstream.clone(), url, self.timeout).with_headers(&self.headers)
    }
}

impl Document for Jwks {
    type Value = KeySet;

    fn first(&self, _: Timestamp) -> Call {
        let address = match &self.location {
            Location::At(address) => address,
            Location::Discovered { metadata, .. } => metadata,
        };
        self.server.call(address.clone())
    }

    fn read(&self, answer: &Answer<'_, KeySet>) -> Result<Read<KeySet>, String> {
        let body = answer.body;
        match &self.location {
            Location::Discovered { issuer, metadata } if answer.step == 0 => {
                let address = jwks_address(body, issuer, metadata)?;
                Ok(Read::Follow(self.server.call(address)))
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

/// `jwks_uri` in the metadata `body`. It has to stand on the issuer's own server, since that is the
/// one that the gateway is told to ask.
fn jwks_address(body: &[u8], issuer: &str, metadata: &Url) -> Result<Url, String> {
    let json = Json::parse_object_without_duplicates(body)
        .ok_or("the issuer's metadata are not a JSON object")?;
    let text = |name| json.member(name).and_then(Json::text);
    // Discovery 1.0 section 4.3: the issuer must be the one that was asked for.
    if text("issuer") != Some(issuer) {
        return Err("the metadata are another issuer's, compare `issuer` to the letter".to_owned());
    }
    let address = text("jwks_uri").and_then(Url::parse);
    let address = address.ok_or("the metadata have no usable `jwks_uri`")?;
    if address.is_on_server_of(metadata) {
        return Ok(address);
    }
    Err(
        "`jwks_uri` is on another server than the issuer: give its address as `jwks.url`, and its \
         server as `jwks.upstream`"
            .to_owned(),
    )
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

    fn server() -> Server {
        Server {
            upstream: "sso".to_owned(),
            timeout: Duration::from_secs(5),
            headers: Vec::new(),
        }
    }

    fn discovered(issuer: &str) -> Jwks {
        Jwks {
            location: Location::discovered(issuer).unwrap(),
            server: server(),
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
            Read::Follow(call) => Ok(format!("{} {}", call.url().authority(), call.url().path())),
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
            assert_eq!(Location::discovered(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn metadata_are_believed_of_their_own_issuer_and_server_only() {
        let issuer = "https://sso.example/main";
        let good =
            r#"{"issuer":"https://sso.example/main","jwks_uri":"https://SSO.example/certs"}"#;
        assert_eq!(follow(issuer, good), Ok("SSO.example /certs".to_owned()));
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
                "another server",
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
