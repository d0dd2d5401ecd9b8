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
    /// how what the issuer said about them is asked for again, if it is
    pub(crate) refresh: Option<Refresh>,
    /// what the issuer wants to see when they sign out there (`id_token_hint`)
    pub(crate) sign_out_hint: Option<Secret<String>>,
    /// the issuer's own name of the session (`sid`), by which it ends it
    pub(crate) issuer_session: Option<String>,
}

/// How what the issuer said about somebody is asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refresh {
    /// what to ask with
    pub(crate) token: Secret<String>,
    /// when
    pub(crate) due: Timestamp,
    /// how many seconds after that it is needed, at the latest
    pub(crate) margin: i64,
    /// the gateway that made this session, which asks before all others
    pub(crate) instance: u64,
    /// `sub`, as the ID token has it, if that is not the subject
    pub(crate) sub: Option<String>,
    /// a mark of the `nonce` that was sent at the sign-in
    pub(crate) nonce: u64,
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
    #[prost(uint64, tag = "12")]
    margin: u64,
    #[prost(fixed64, tag = "13")]
    instance: u64,
    #[prost(string, optional, tag = "14")]
    sub: Option<String>,
    #[prost(fixed64, tag = "15")]
    nonce: u64,
}

impl Session {
    /// As bytes, to be sealed.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let after = |time: Timestamp| u64::try_from(time.since(self.signed_in)).unwrap_or(0);
        let text =
            |secret: &Option<Secret<String>>| secret.as_ref().map(|text| text.expose().clone());
        let refresh = self.refresh.as_ref();
        let encoded = Encoded {
            issuer: self.issuer.clone(),
            subject: self.subject.clone(),
            claims: self.claims.clone(),
            signed_in: self.signed_in.seconds(),
            last_seen: after(self.last_seen),
            ends: after(self.ends),
            fresh_until: refresh.map(|refresh| after(refresh.due)),
            refresh_token: refresh.map(|refresh| refresh.token.expose().clone()),
            margin: refresh.map_or(0, |refresh| refresh.margin.unsigned_abs()),
            instance: refresh.map_or(0, |refresh| refresh.instance),
            sub: refresh.and_then(|refresh| refresh.sub.clone()),
            nonce: refresh.map_or(0, |refresh| refresh.nonce),
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
            refresh: match (encoded.fresh_until, encoded.refresh_token) {
                (Some(seconds), Some(token)) => Some(Refresh {
                    token: Secret::new(token),
                    due: at(seconds)?,
                    margin: i64::try_from(encoded.margin).ok()?,
                    instance: encoded.instance,
                    sub: encoded.sub,
                    nonce: encoded.nonce,
                }),
                _ => None,
            },
            sign_out_hint: encoded.sign_out_hint.map(Secret::new),
            issuer_session: encoded.issuer_session,
            kept: encoded.kept,
        })
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
