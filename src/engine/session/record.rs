//! The record of somebody who is signed in: no more of it than rules and a refresh need.

use crate::secret::Secret;
use crate::time::Timestamp;
use prost::Message;

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// the issuer that knows them
    pub(crate) issuer: String,
    /// `sub`, as that issuer has it
    pub(crate) subject: String,
    /// a JSON object of those claims that the configured rules read
    pub(crate) claims: String,
    /// which claims those rules read, a mark for each: any other was not kept, whether or not it was there
    pub(crate) kept: Vec<u32>,
    /// when they signed in
    pub(crate) signed_in: Timestamp,
    /// the last request that was noted
    pub(crate) last_seen: Timestamp,
    /// when they have to sign in again, whatever happens
    pub(crate) ends: Timestamp,
    /// when what the issuer said about them has to be asked for again
    pub(crate) fresh_until: Option<Timestamp>,
    /// what to ask with
    pub(crate) refresh_token: Option<Secret<String>>,
    /// what the issuer wants to see when they sign out there (`id_token_hint`)
    pub(crate) sign_out_hint: Option<Secret<String>>,
    /// the issuer's own name of the session (`sid`), by which it ends it
    pub(crate) issuer_session: Option<String>,
}

/// As bytes: Protocol Buffers, for their short names and because what a newer gate adds is skipped by an older
/// one of the same ring. Numbers are never used again. Times are whole seconds, the later ones counted from the
/// first.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct Encoded {
    #[prost(string, tag = "1")]
    issuer: String,
    #[prost(string, tag = "2")]
    subject: String,
    #[prost(string, tag = "3")]
    claims: String,
    #[prost(int64, tag = "4")]
    signed_in: i64,
    #[prost(uint64, tag = "5")]
    last_seen: u64,
    #[prost(uint64, tag = "6")]
    ends: u64,
    #[prost(uint64, optional, tag = "7")]
    fresh_until: Option<u64>,
    #[prost(string, optional, tag = "8")]
    refresh_token: Option<String>,
    #[prost(string, optional, tag = "9")]
    sign_out_hint: Option<String>,
    #[prost(string, optional, tag = "10")]
    issuer_session: Option<String>,
    #[prost(fixed32, repeated, tag = "11")]
    kept: Vec<u32>,
}

impl Session {
    /// As bytes, to be sealed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let after = |time: Timestamp| u64::try_from(time.since(self.signed_in)).unwrap_or(0);
        let text =
            |secret: &Option<Secret<String>>| secret.as_ref().map(|text| text.expose().clone());
        let encoded = Encoded {
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            claims: self.claims.clone(),
            signed_in: self.signed_in.seconds(),
            last_seen: after(self.last_seen),
            ends: after(self.ends),
            fresh_until: self.fresh_until.map(after),
            refresh_token: text(&self.refresh_token),
            sign_out_hint: text(&self.sign_out_hint),
            issuer_session: self.issuer_session.clone(),
            kept: self.kept.clone(),
        };
        encoded.encode_to_vec()
    }

    /// What was encoded as `bytes`. None if it is no session, or one of nobody.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let encoded = Encoded::decode(bytes).ok()?;
        if encoded.issuer.is_empty() || encoded.subject.is_empty() {
            return None;
        }
        let signed_in = Timestamp::from_seconds(encoded.signed_in);
        let at = |seconds: u64| Some(signed_in.plus(i64::try_from(seconds).ok()?));
        Some(Self {
            issuer: encoded.issuer,
            subject: encoded.subject,
            claims: encoded.claims,
            signed_in,
            last_seen: at(encoded.last_seen)?,
            ends: at(encoded.ends)?,
            fresh_until: match encoded.fresh_until {
                Some(seconds) => Some(at(seconds)?),
                None => None,
            },
            refresh_token: encoded.refresh_token.map(Secret::new),
            sign_out_hint: encoded.sign_out_hint.map(Secret::new),
            issuer_session: encoded.issuer_session,
            kept: encoded.kept,
        })
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
