//! What the tokens of an issuer may do.

use super::claims::{ClaimPath, UnverifiedClaims};
use super::explain;
use crate::denial::Denial;
use crate::grant::ScopeSet;
use crate::json::Json;
use crate::ollama::Scope;
use std::collections::HashMap;
use std::rc::Rc;

/// Where the scopes of a token come from.
#[derive(Debug)]
pub(crate) enum ScopeRule {
    /// every token has these
    Fixed(ScopeSet),
    /// its claim at this place names them
    Claim(ClaimPath),
    /// its claim at this place holds the provider's own words, and these are what they mean
    Mapped(ClaimPath, HashMap<String, ScopeSet>),
}

/// What a token may do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// its scopes
    pub scopes: ScopeSet,
    /// where they are none: what its claim says, for the refusal
    pub unmapped: Option<Rc<str>>,
}

impl ScopeRule {
    /// The claim that is read, if one is.
    pub(crate) const fn path(&self) -> Option<&ClaimPath> {
        match self {
            Self::Fixed(_) => None,
            Self::Claim(path) | Self::Mapped(path, _) => Some(path),
        }
    }

    /// What a token with `claims` may do.
    ///
    /// A string holds words, a list whole values, and of an object the names of its members are the values
    /// (Zitadel's roles), but of those that are `null` or `false`. Values that mean nothing here, such as a
    /// number or an object in a list, are another service's business. With a map a string counts as a whole too.
    ///
    /// # Errors
    /// The claim is none of these.
    pub(crate) fn read(&self, claims: &UnverifiedClaims) -> Result<Granted, Denial> {
        let scope = |value: &str| Scope::named(value).map(|scope| ScopeSet::NONE.with(scope));
        let (path, scopes) = match self {
            Self::Fixed(scopes) => {
                return Ok(Granted {
                    scopes: *scopes,
                    unmapped: None,
                });
            }
            Self::Claim(path) => (path, granted(claims, path, scope)?),
            Self::Mapped(path, map) => {
                let meaning = |value: &str| map.get(value).copied();
                (path, granted(claims, path, meaning)?)
            }
        };
        let unmapped = (scopes == ScopeSet::NONE).then(|| unmapped(claims, path).into());
        Ok(Granted { scopes, unmapped })
    }
}

/// What stands at `path` that means nothing here.
fn unmapped(claims: &UnverifiedClaims, path: &ClaimPath) -> String {
    let name = path.written();
    match claims.at(path) {
        None => format!("its claim `{name}` is missing"),
        Some(claim) => {
            let values = explain::values(claim);
            format!("its claim `{name}` is {values}, none of which maps to a scope")
        }
    }
}

/// All that the values of the claim at `path` grant.
fn granted(
    claims: &UnverifiedClaims,
    path: &ClaimPath,
    meaning: impl Fn(&str) -> Option<ScopeSet>,
) -> Result<ScopeSet, Denial> {
    let all = |sets: &mut dyn Iterator<Item = ScopeSet>| sets.fold(ScopeSet::NONE, ScopeSet::or);
    match claims.at(path) {
        Some(Json::Object(members)) => {
            let set = members
                .iter()
                .filter(|(_, value)| !matches!(value, Json::Null | Json::Bool(false)));
            let names = set.map(|(name, _)| name.as_str());
            Ok(all(&mut names.filter_map(&meaning)))
        }
        Some(Json::Text(text)) => {
            let values = text.split_ascii_whitespace().chain([text.as_str()]);
            Ok(all(&mut values.filter_map(&meaning)))
        }
        Some(Json::List(items)) => {
            let values = items.iter().filter_map(Json::text);
            Ok(all(&mut values.filter_map(&meaning)))
        }
        _ => {
            let values = claims.texts(path)?.unwrap_or_default();
            Ok(all(&mut values.into_iter().filter_map(&meaning)))
        }
    }
}
