//! JSON Web Tokens, from their shape to the keys that are fetched for them.

mod claim_rules;
mod claims;
mod header_and_signature;
mod issuers;
mod recipes;
mod remembered;
mod remote_keys;
mod shape;
pub(crate) mod signatures;
mod times;
mod vectors;
