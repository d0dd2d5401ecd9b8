//! ID tokens (OpenID Connect Core 1.0 section 2), by the code that verifies every other token.

use super::algorithm::Algorithm;
use super::claims::{ClaimPath, ForwardedClaim, UnverifiedClaims};
use super::issuer::Issuer;
use super::rules::{Claimed, TokenRules};
use super::token::UnverifiedToken;
use super::tokens::{Context, TokenUse, Tokens};
use crate::denial::{Denial, Reason};
use crate::json::Json;
use crate::source::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::borrow::Cow;
use std::rc::Rc;

/// What verifies the ID tokens that one provider issues to one client.
#[derive(Debug)]
pub(crate) struct IdTokens {
    tokens: Tokens,
    client_id: String,
    /// what is asked of a person, and what a person may do
    person: TokenRules,
    forwarded: Vec<ForwardedClaim>,
    marks: Vec<u32>,
}

/// What an ID token has to say beside what every token says.
#[derive(Clone, Copy)]
pub(crate) struct Expectation<'a> {
    /// which `nonce`
    pub nonce: ExpectedNonce<'a>,
    /// the access token that came with it
    pub access_token: &'a str,
}

/// Which `nonce` an ID token has to have.
#[derive(Clone, Copy)]
pub(crate) enum ExpectedNonce<'a> {
    /// the one that was sent with the authentication request
    Sent(&'a str),
    /// of a refresh: none, or the one of this mark that was sent at the sign-in (section 12.2)
    NoOther(u64),
}

impl ExpectedNonce<'_> {
    /// The mark of `nonce`.
    pub(crate) fn mark(nonce: &str) -> u64 {
        let digest = Sha256::digest(nonce.as_bytes());
        u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
    }

    fn check(self, found: Option<&str>) -> Result<(), Denial> {
        let fits = match (self, found) {
            (Self::Sent(_), None) => return Err(mismatch("its ID token has no `nonce`")),
            (Self::NoOther(_), None) => true,
            (Self::Sent(sent), Some(found)) => sent == found,
            (Self::NoOther(sent), Some(found)) => sent == Self::mark(found),
        };
        if fits {
            return Ok(());
        }
        Err(mismatch("its ID token is for another sign-in (`nonce`)"))
    }
}

/// What a verified ID token says.
#[derive(Debug)]
pub(crate) struct ProvedClaims(UnverifiedClaims);
/// Who an ID token identifies.
#[derive(Debug)]
pub(crate) struct Identified {
    /// those of its claims that the configuration asks for, each in its place
    pub claims: Json,
    /// the person, as the provider has it (`sub`)
    pub sub: String,
    /// the session there, if it says which (`sid`, OpenID Connect Back-Channel Logout 1.0 section 2.1)
    pub sid: Option<String>,
}

/// What the claims of a person grant.
#[derive(Debug)]
pub(crate) struct Granted {
    /// subject, scopes and rules
    pub claimed: Claimed,
    /// the claims that go into headers, in the order of the configuration
    pub forwarded: Rc<[Option<String>]>,
}

fn mismatch(advice: impl Into<Cow<'static, str>>) -> Denial {
    Denial::new(Reason::ClaimMismatch, advice)
}

/// Refuses `claims` of a `token` that was issued to another client than the one called `client_id`, or does not say to which
/// of several.
pub(super) fn check_party(
    claims: &UnverifiedClaims,
    client_id: &str,
    token: &str,
) -> Result<(), Denial> {
    let audiences = claims.texts(&ClaimPath::name("aud"))?.unwrap_or_default();
    match claims.text(&ClaimPath::name("azp"))? {
        None if audiences.len() > 1 => Err(mismatch(format!(
            "its {token} has several audiences and no `azp`"
        ))),
        Some(party) if party != client_id => Err(mismatch(format!(
            "its {token} is for another client (`azp`)"
        ))),
        _ => Ok(()),
    }
}

impl ProvedClaims {
    /// `sub`, as it stands there.
    pub(crate) fn subject(&self) -> String {
        let subject = self.0.at(&ClaimPath::name("sub"));
        let text = subject.map(|subject| {
            subject
                .text()
                .map_or_else(|| subject.to_string(), str::to_owned)
        });
        text.unwrap_or_default()
    }
}

impl IdTokens {
    /// Those of `issuer` for the client called `client_id`, of people whom the rules `person` are about. `forwarded`
    /// are the claims that go into headers.
    pub(crate) fn new(
        issuer: Issuer,
        client_id: String,
        person: TokenRules,
        forwarded: Vec<ForwardedClaim>,
    ) -> Self {
        let paths = paths(&person, &forwarded);
        Self {
            marks: paths.map(mark).collect(),
            tokens: Tokens::new(vec![issuer], Vec::new()),
            client_id,
            person,
            forwarded,
        }
    }

    /// The claims in the ID token `text`, once everything in it was verified (OpenID Connect Core 1.0 sections
    /// 3.1.3.7 and 3.1.3.8).
    ///
    /// # Errors
    /// The first thing that is wrong, or what has to be fetched to know.
    pub(crate) fn verify(
        &self,
        text: &str,
        expected: Expectation<'_>,
        context: Context<'_>,
    ) -> Result<ProvedClaims, Refusal> {
        // Steps 1 to 3, 6 to 10: the signature, `iss`, `aud` and the times.
        self.tokens.verify(text, TokenUse::Credential, context)?;
        let token = UnverifiedToken::parse(text)?;
        self.check(&token, expected)?;
        Ok(ProvedClaims(token.claims))
    }

    /// Who has `proved` to be somebody by an ID token. The claims that it does not hold are those of what the provider says
    /// beside it of the same person, in `user_info`.
    ///
    /// # Errors
    /// `user_info` is of somebody else.
    pub(crate) fn kept(
        &self,
        proved: ProvedClaims,
        user_info: Option<Json>,
    ) -> Result<Identified, Denial> {
        let sub = proved.subject();
        let ProvedClaims(mut claims) = proved;
        // It is only noted, so that one that is no text says nothing.
        let sid = claims.at(&ClaimPath::name("sid")).and_then(Json::text);
        let sid = sid.filter(|sid| !sid.is_empty()).map(str::to_owned);
        if let Some(more) = user_info {
            let more = UnverifiedClaims::new(more);
            let subject = ClaimPath::name("sub");
            // Section 5.3.2: nothing else of it may be used unless this is the same.
            if more.at(&subject).is_none() || more.at(&subject) != claims.at(&subject) {
                return Err(mismatch(
                    "the UserInfo endpoint speaks of somebody else than the ID token (`sub`)",
                ));
            }
            claims = claims.with(more);
        }
        Ok(Identified {
            claims: claims.only(paths(&self.person, &self.forwarded)),
            sub,
            sid,
        })
    }

    fn check(&self, token: &UnverifiedToken<'_>, expected: Expectation<'_>) -> Result<(), Denial> {
        let claims = &token.claims;
        let text = |name| claims.text(&ClaimPath::name(name));
        // Step 11.
        expected.nonce.check(text("nonce")?)?;
        // Steps 4 and 5.
        check_party(claims, &self.client_id, "ID token")?;
        // Section 2: it is required, though nothing is decided by it.
        if claims.time("iat")?.is_none() {
            return Err(mismatch("its ID token has no `iat`"));
        }
        // Section 3.1.3.8.
        match text("at_hash")? {
            Some(hash) if hash != half_hash(token.algorithm, expected.access_token) => Err(
                mismatch("its ID token was issued with another access token (`at_hash`)"),
            ),
            _ => Ok(()),
        }
    }

    /// A mark for each claim that the configuration asks for. What was kept under other marks does not tell
    /// a claim that was missing from one that nobody asked for.
    pub(crate) fn marks(&self) -> &[u32] {
        &self.marks
    }

    /// What a person may do whose claims were `kept`, by the rules that are in force now.
    ///
    /// # Errors
    /// The first rule that the claims break.
    pub(crate) fn granted(&self, kept: Json) -> Result<Granted, Denial> {
        let claims = UnverifiedClaims::new(kept);
        let claimed = self.person.read_person(&claims)?;
        let forwarded = self.forwarded.iter();
        let forwarded = forwarded.map(|claim| claims.header_value(claim));
        Ok(Granted {
            claimed,
            forwarded: forwarded.collect::<Result<_, _>>()?,
        })
    }

    /// Whether the provider's keys are what has come to be known as `tried`.
    pub(crate) fn forget(&self) {
        self.tokens.forget();
    }

    /// Whether `text` is a token that names its key, so that there may be one of that name later.
    pub(crate) fn names_key(text: &str) -> bool {
        UnverifiedToken::parse(text).is_ok_and(|token| token.names_key())
    }

    /// What there is to log since this was asked last.
    pub(crate) fn take_news(&self) -> Vec<crate::source::News> {
        self.tokens.take_news()
    }
}

/// Where the claims stand that the rules `person` read, and those that are `forwarded`.
fn paths<'a>(
    person: &'a TokenRules,
    forwarded: &'a [ForwardedClaim],
) -> impl Iterator<Item = &'a ClaimPath> {
    let forwarded = forwarded.iter().map(|claim| &claim.path);
    person.paths().chain(forwarded)
}

/// Four bytes of a hash: two paths share them by chance alone, once in four billion.
fn mark(path: &ClaimPath) -> u32 {
    let digest = Sha256::digest(path.written().as_bytes());
    u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}

/// The left half of the hash of `access_token`, by the hash of the signature's algorithm.
fn half_hash(algorithm: Algorithm, access_token: &str) -> String {
    let text = access_token.as_bytes();
    let hash = match algorithm.hash_bits() {
        256 => Sha256::digest(text).to_vec(),
        384 => Sha384::digest(text).to_vec(),
        _ => Sha512::digest(text).to_vec(),
    };
    let half = hash.get(..hash.len() / 2).unwrap_or_default();
    URL_SAFE_NO_PAD.encode(half)
}
