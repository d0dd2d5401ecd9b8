//! One issuer of tokens: its keys and its rules.

use super::super::{Identity, Method};
use super::claims::Claims;
use super::token::{HmacKey, UnverifiedToken};
use crate::denial::{Denial, Reason};
use crate::engine::Timestamp;
use crate::ollama::{Scope, ScopeSet};
use std::borrow::Cow;

/// For whom a token may be.
#[derive(Debug)]
pub enum Audiences {
    /// a token must name one of these
    OneOf(Vec<String>),
    /// a token must name none: one that does is for somebody else (RFC 7519 section 4.1.3)
    Unnamed,
}

/// What the configuration says of one issuer.
#[derive(Debug)]
pub struct Issuer {
    /// its name in logs
    pub name: String,
    /// the secrets, the current one first
    pub secrets: Vec<HmacKey>,
    /// the only `iss` that is accepted; any, if absent
    pub issuer: Option<String>,
    /// the accepted `aud`
    pub audiences: Audiences,
    /// which claim names the caller
    pub subject_claim: String,
    /// which claim names the scopes; without one, every token gets the default
    pub scopes_claim: Option<String>,
    /// whether a token must have `exp`
    pub require_expiry: bool,
    /// how far the clocks may be apart, in seconds
    pub leeway: i64,
}

impl Issuer {
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The claims of `token`, if one of this issuer's secrets signed it.
    pub(super) fn verify_signature(
        &self,
        token: &UnverifiedToken<'_>,
    ) -> Option<Result<Claims, Denial>> {
        self.secrets.iter().find_map(|secret| token.verify(secret))
    }

    /// Who the claims name at `now`, if they meet the rules.
    pub(super) fn identify(&self, claims: &Claims, now: Timestamp) -> Result<Identity<'_>, Denial> {
        self.check_issuer(claims)?;
        self.check_audience(claims)?;
        self.check_times(claims, now)?;
        let subject = claims
            .text(&self.subject_claim)?
            .filter(|subject| !subject.is_empty())
            .ok_or_else(|| {
                let advice = format!("its claim `{}` is missing or empty", self.subject_claim);
                Denial::new(Reason::MissingSubject, advice)
            })?;
        Ok(Identity {
            method: Method::Jwt,
            id: &self.name,
            subject: Cow::Owned(subject.to_owned()),
            scopes: self.scopes(claims)?,
        })
    }

    fn check_issuer(&self, claims: &Claims) -> Result<(), Denial> {
        let claimed = claims.text("iss")?;
        if self.issuer.is_none() || claimed == self.issuer.as_deref() {
            return Ok(());
        }
        let advice = "its `iss` is not the one configured here";
        Err(Denial::new(Reason::WrongIssuer, advice))
    }

    fn check_audience(&self, claims: &Claims) -> Result<(), Denial> {
        let claimed = claims.texts("aud")?;
        let fit = match (&self.audiences, &claimed) {
            (Audiences::Unnamed, None) => true,
            (Audiences::OneOf(own), Some(claimed)) => {
                claimed.iter().any(|one| own.iter().any(|own| own == one))
            }
            _ => false,
        };
        if fit {
            return Ok(());
        }
        let advice =
            "its `aud` must name this gate, as `audiences` in the gate's configuration says";
        Err(Denial::new(Reason::WrongAudience, advice))
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6.
    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), Denial> {
        match claims.time("exp")? {
            Some(end) if now >= end.plus(self.leeway) => {
                return Err(Denial::new(Reason::ExpiredToken, "sign in again"));
            }
            None if self.require_expiry => {
                let advice = "ask its issuer for a token with `exp`";
                return Err(Denial::new(Reason::MissingExpiry, advice));
            }
            _ => {}
        }
        for name in ["nbf", "iat"] {
            if let Some(start) = claims.time(name)?
                && now.plus(self.leeway) < start
            {
                let advice = format!("its `{name}` lies ahead, check the clocks");
                return Err(Denial::new(Reason::TokenNotYetValid, advice));
            }
        }
        Ok(())
    }

    /// A scope that is not Ollama's (`openid`, `email`) is another service's business.
    fn scopes(&self, claims: &Claims) -> Result<ScopeSet, Denial> {
        let Some(name) = &self.scopes_claim else {
            return Ok(ScopeSet::DEFAULT);
        };
        let claimed = claims.texts(name)?.unwrap_or_default();
        Ok(claimed
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .filter_map(Scope::named)
            .collect())
    }
}
