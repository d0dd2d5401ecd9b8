//! JSON Web Tokens (RFC 7519) as signed by JWS (RFC 7515, RFC 7518, RFC 8037).
//!
//! Signatures are left to well-kept libraries, and theirs is only that: `jwt-simple`'s own claim
//! checks accept a token 15 minutes late, or without `exp`. Header and claims are read here, and
//! RFC 8725 is the list of what is refused.
//!
//! A token goes through shape, issuer, claims, key, signature, in this order, the cheap questions
//! first. What was verified is remembered as facts ([`VerifiedToken`]); whether they suffice is asked anew
//! at each request.

mod algorithm;
mod claims;
mod cost;
mod explain;
mod fetching;
mod id_token;
mod issuer;
mod jwk;
mod key;
mod keys;
mod logout_token;
mod pem;
mod remote;
mod required;
mod rules;
mod scopes;
mod signature;
mod subjects;
mod token;
mod tokens;
mod verified;

pub use algorithm::Algorithm;
pub(crate) use claims::{ClaimPath, ForwardedClaim};
pub use cost::by_envoy as cost_by_envoy;
pub(crate) use id_token::{
    Expectation, ExpectedNonce, Granted, IdTokens, Identified, ProvedClaims,
};
pub(crate) use issuer::Issuer;
pub use key::{Candidates, Key, KeySet, PublicKey};
pub(crate) use keys::Keys;
pub(crate) use logout_token::{Logout, LogoutTokens, WhoseSessions};
pub(crate) use remote::{Jwks, Location, Remote, metadata_of, read_metadata};
pub(crate) use required::{Expected, Fit, Prefix, RequiredClaim, Suffix};
pub(crate) use rules::{Audiences, TokenRules};
pub(crate) use scopes::ScopeRule;
pub use signature::{Arithmetic, HmacKey, Software, Verifier, verify};
pub use token::UnverifiedToken;
pub(crate) use token::media_type;
pub(crate) use tokens::{Context, TokenUse, Tokens};
pub use verified::VerifiedToken;

pub use jwk::key as key_of_jwk;
