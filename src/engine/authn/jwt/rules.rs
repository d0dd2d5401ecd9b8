//! What an issuer's tokens have to say of themselves.

use super::claims::{ClaimPath, Times, UnverifiedClaims};
use super::explain;
use super::logout_token;
use super::required::RequiredClaim;
use super::scopes::{Granted, ScopeRule};
use super::token::UnverifiedToken;
use crate::denial::{Denial, Reason, quoted, quoted_address};
use crate::grant::ScopeSet;
use crate::grant::{BodyRules, ModelRule};
use crate::json::Json;
use crate::ollama::ModelPattern;
use crate::time::{Timestamp, duration_in_words};
use std::borrow::Cow;
use std::rc::Rc;

/// How many models a token may name.
const MAX_MODELS: usize = 64;
/// The greatest whole number of which every JSON reader knows the next.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// For whom a token may be.
#[derive(Debug)]
pub(crate) enum Audiences {
    /// a token must name one of these
    OneOf(Vec<String>),
    /// a token must name none: one that does is for somebody else (RFC 7519 section 4.1.3)
    Unnamed,
    /// whatever it names
    Any,
}

/// The rules for one issuer's tokens, apart from the signature.
#[derive(Debug)]
pub(crate) struct TokenRules {
    /// the accepted `typ`, as [`super::token::media_type`] writes them
    pub kinds: Vec<String>,
    /// whether a token may leave out `typ`
    pub kind_is_optional: bool,
    /// the only `iss` that is accepted; any, if absent
    pub issuer: Option<String>,
    /// the accepted `aud`
    pub audiences: Audiences,
    /// whether it says that somebody has signed out. A token that does is refused where another one is expected
    pub tells_of_logout: bool,
    /// which claim names the caller
    pub subject_claim: ClaimPath,
    /// which one does where that is missing
    pub fallback_subject_claim: Option<ClaimPath>,
    /// whether a whole number may name the caller
    pub numeric_subject: bool,
    /// what a token may do
    pub scopes: ScopeRule,
    /// which models every token may use, and how much it may ask for
    pub body_rules: Option<Rc<BodyRules>>,
    /// which claim names the models that a token may use, beside that
    pub models_claim: Option<ClaimPath>,
    /// further conditions
    pub required_claims: Vec<RequiredClaim>,
    /// whether a token must have `exp`
    pub require_expiry: bool,
    /// how far the clocks may be apart, in seconds
    pub leeway: i64,
    /// the longest time since `iat`, in seconds
    pub max_age: Option<i64>,
    /// the longest time from `iat` to `exp`, in seconds
    pub max_lifetime: Option<i64>,
}

/// What a token claims, read and within the rules. Nothing of it is proved, and nothing of it is
/// used but to refuse the token, until a [`super::VerifiedToken`] is made of it.
#[derive(Debug)]
pub(crate) struct Claimed {
    /// the caller
    pub subject: Rc<str>,
    /// what the caller may do
    pub scopes: ScopeSet,
    /// what its claim says where that means nothing here
    pub unmapped: Option<Rc<str>>,
    /// which models it may use, and how much it may ask for
    pub rules: Option<Rc<BodyRules>>,
    /// when
    pub times: Times,
}

/// How far a token came before it was refused; the refusal that came furthest is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// its algorithm or type
    Kind,
    /// its `iss`
    Issuer,
    /// its other claims
    Claims,
    /// the key that it names
    Key,
    /// its signature
    Signature,
}

/// A refusal, and how far it came.
#[derive(Debug)]
pub(crate) struct Rejection {
    /// how far
    pub stage: Stage,
    /// why
    pub denial: Denial,
}

impl TokenRules {
    /// What the ID tokens of `issuer` for the client called `client_id` have to say of themselves (OpenID Connect
    /// Core 1.0 section 2), whatever they say of a person, which these rules judge.
    pub(crate) fn of_id_tokens(&self, issuer: String, client_id: String) -> Self {
        Self {
            kinds: vec!["jwt".to_owned()],
            kind_is_optional: true,
            issuer: Some(issuer),
            audiences: Audiences::OneOf(vec![client_id]),
            tells_of_logout: false,
            subject_claim: ClaimPath::name("sub"),
            fallback_subject_claim: None,
            numeric_subject: self.numeric_subject,
            scopes: ScopeRule::Fixed(ScopeSet::NONE),
            body_rules: None,
            models_claim: None,
            required_claims: Vec::new(),
            require_expiry: true,
            leeway: self.leeway,
            max_age: None,
            max_lifetime: None,
        }
    }

    /// The same for its logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.4), which name a person, or a
    /// session alone. Many providers write the type of any JWT.
    pub(crate) fn of_logout_tokens(&self, issuer: String, client_id: String) -> Self {
        Self {
            kinds: vec!["logout+jwt".to_owned(), "jwt".to_owned()],
            tells_of_logout: true,
            fallback_subject_claim: Some(ClaimPath::name("sid")),
            max_age: Some(logout_token::MAX_AGE),
            ..self.of_id_tokens(issuer, client_id)
        }
    }

    /// What `token` claims at `now`, as far as the rules allow it. Cheap: nothing is computed.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub(crate) fn read(
        &self,
        token: &UnverifiedToken<'_>,
        now: Timestamp,
    ) -> Result<Claimed, Rejection> {
        let at = |stage| move |denial| Rejection { stage, denial };
        self.check_kind(token.kind.as_deref())
            .map_err(at(Stage::Kind))?;
        self.check_issuer(&token.claims)
            .map_err(at(Stage::Issuer))?;
        self.check_purpose(&token.claims)
            .map_err(at(Stage::Claims))?;
        self.read_claims(&token.claims, now)
            .map_err(at(Stage::Claims))
    }

    fn read_claims(&self, claims: &UnverifiedClaims, now: Timestamp) -> Result<Claimed, Denial> {
        self.check_audience(claims)?;
        let times = Times::of(claims)?;
        self.check_times(&times, now)?;
        self.check_lifetime(&times)?;
        let claimed = self.read_person(claims)?;
        Ok(Claimed { times, ..claimed })
    }

    /// What `claims` say of a person, as far as the rules allow it: everything but for whom and until when.
    ///
    /// # Errors
    /// The first rule that they break.
    pub(crate) fn read_person(&self, claims: &UnverifiedClaims) -> Result<Claimed, Denial> {
        for required in &self.required_claims {
            required.check(claims)?;
        }
        let subject = self.subject(claims)?;
        let Granted { scopes, unmapped } = self.scopes.read(claims)?;
        Ok(Claimed {
            subject: subject.as_ref().into(),
            scopes,
            unmapped,
            rules: self.body_rules(claims)?,
            times: Times::default(),
        })
    }

    /// The claims that [`Self::read_person`] reads.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &ClaimPath> {
        let required = self.required_claims.iter().map(|required| &required.path);
        [
            Some(&self.subject_claim),
            self.scopes.path(),
            self.models_claim.as_ref(),
        ]
        .into_iter()
        .flatten()
        .chain(required)
    }

    /// Who `claims` say is calling; nobody, where the claim is missing.
    ///
    /// # Errors
    /// The claim names nobody that can be known.
    pub(super) fn claimed_subject<'c>(
        &self,
        claims: &'c UnverifiedClaims,
    ) -> Result<Option<Cow<'c, str>>, Denial> {
        let is_missing = |path| matches!(claims.at(path), None | Some(Json::Null));
        let fallback = self.fallback_subject_claim.as_ref();
        let fallback = fallback.filter(|_| is_missing(&self.subject_claim));
        let path = fallback.unwrap_or(&self.subject_claim);
        match claims.at(path) {
            Some(Json::Number(number)) if self.numeric_subject => match number.as_u64() {
                // Up to here two readers of JSON agree on the number (RFC 8259 section 6).
                Some(whole) if whole <= MAX_EXACT => Ok(Some(whole.to_string().into())),
                _ => {
                    let advice = format!(
                        "its claim `{}` is {number}, expected a string or a whole number from 0 to {MAX_EXACT}",
                        path.written()
                    );
                    Err(Denial::new(Reason::MalformedToken, advice))
                }
            },
            Some(Json::Number(_)) => {
                let advice = format!(
                    "its claim `{}` is a number, expected a string: the operator can accept whole numbers with \
                     `numeric_subject`",
                    path.written()
                );
                Err(Denial::new(Reason::MalformedToken, advice))
            }
            _ => Ok(claims.text(path)?.map(Cow::Borrowed)),
        }
    }

    fn subject<'c>(&self, claims: &'c UnverifiedClaims) -> Result<Cow<'c, str>, Denial> {
        let what = match self.claimed_subject(claims)? {
            Some(subject) if !subject.is_empty() => return Ok(subject),
            Some(_) => "is empty",
            None => "is missing",
        };
        let name = self.subject_claim.written();
        let advice = format!(
            "its claim `{name}`, which has to name the caller, {what}: ask its issuer to set it"
        );
        Err(Denial::new(Reason::MissingSubject, advice))
    }

    /// RFC 8725 section 3.11: a token of another type is another token.
    fn check_kind(&self, kind: Option<&str>) -> Result<(), Denial> {
        let fit = match kind {
            None => self.kind_is_optional,
            Some(kind) => self.kinds.iter().any(|fit| fit == kind),
        };
        if fit {
            return Ok(());
        }
        let found = match kind {
            None => "its header has no `typ`".to_owned(),
            Some(kind) => format!("its header's `typ` is {}", quoted(kind)),
        };
        let accepted = explain::some(self.kinds.iter().map(|kind| quoted(kind)));
        let advice = format!("{found}, this gate accepts {accepted}");
        Err(Denial::new(Reason::MalformedToken, advice))
    }

    /// A token that says that somebody has signed out lets nobody in, whatever else it says (section 2.4 there).
    fn check_purpose(&self, claims: &UnverifiedClaims) -> Result<(), Denial> {
        if self.tells_of_logout || !logout_token::tells_of_logout(claims) {
            return Ok(());
        }
        let advice = "it is a logout token, which lets nobody in";
        Err(Denial::new(Reason::ClaimMismatch, advice))
    }

    fn check_issuer(&self, claims: &UnverifiedClaims) -> Result<(), Denial> {
        let claimed = claims.text(&ClaimPath::name("iss"))?;
        let Some(own) = self.issuer.as_deref().filter(|own| claimed != Some(own)) else {
            return Ok(());
        };
        let found = match claimed {
            None => "it has no `iss`".to_owned(),
            Some(found) => {
                let hint = explain::near_miss(found, own);
                format!("its `iss` is {}{hint}", quoted_address(found))
            }
        };
        let cause = format!("{found}, expected {}", quoted_address(own));
        let advice = format!("{found}, sign in where this gate's tokens come from");
        Err(Denial::new(Reason::WrongIssuer, advice).because(cause))
    }

    fn check_audience(&self, claims: &UnverifiedClaims) -> Result<(), Denial> {
        let claimed = claims.texts(&ClaimPath::name("aud"))?.unwrap_or_default();
        let fit = match &self.audiences {
            Audiences::Any => true,
            // A list without names, and an empty name, are nobody's.
            Audiences::Unnamed => claimed.iter().all(|one| one.is_empty()),
            Audiences::OneOf(own) => claimed.iter().any(|one| own.iter().any(|own| own == one)),
        };
        if fit {
            return Ok(());
        }
        let found = match claimed.len() {
            0 => "it has no `aud`".to_owned(),
            _ => {
                let claimed = claimed.iter().map(|one| quoted_address(one));
                format!("its `aud` is {}", explain::some(claimed))
            }
        };
        let expected = match &self.audiences {
            Audiences::OneOf(own) => explain::some(own.iter().map(|own| quoted_address(own))),
            _ => "none, since `audiences` is not configured".to_owned(),
        };
        let advice = format!("{found}, ask its issuer for a token with this gate's audience");
        let cause = format!("{found}, expected {expected}");
        Err(Denial::new(Reason::WrongAudience, advice).because(cause))
    }

    /// The first moment at which [`TokenRules::check_times`] finds a token with these `times` expired.
    pub(crate) fn end(&self, times: &Times) -> Option<Timestamp> {
        let aged = self.max_age.zip(times.issued);
        let aged = aged.map(|(max, issued)| issued.plus(max));
        let end = times.expires.into_iter().chain(aged).min()?;
        Some(end.plus(self.leeway))
    }

    /// Whether a token with these `times` is valid at `now` (RFC 7519 sections 4.1.4 to 4.1.6).
    /// Asked at each request, of a token that is known as well.
    ///
    /// # Errors
    /// Too late, too early, or without an expiry.
    pub(crate) fn check_times(&self, times: &Times, now: Timestamp) -> Result<(), Denial> {
        let expired = |advice: String| Err(Denial::new(Reason::ExpiredToken, advice));
        match times.expires {
            Some(end) if now >= end.plus(self.leeway) => {
                let ago = duration_in_words(now.since(end));
                return expired(format!("it expired {ago} ago, sign in again"));
            }
            None if self.require_expiry => {
                let advice = "ask its issuer for a token with `exp`";
                return Err(Denial::new(Reason::MissingExpiry, advice));
            }
            _ => {}
        }
        for (name, start) in [("nbf", times.not_before), ("iat", times.issued)] {
            if let Some(start) = start.filter(|start| now.plus(self.leeway) < *start) {
                let ahead = duration_in_words(start.since(now));
                let advice = format!(
                    "its `{name}` is {ahead} ahead of this gate's clock, check the clocks of its \
                     issuer and of this gate"
                );
                return Err(Denial::new(Reason::TokenNotYetValid, advice));
            }
        }
        match (self.max_age, times.issued) {
            (Some(max), Some(issued)) if now >= issued.plus(max).plus(self.leeway) => {
                let ago = duration_in_words(now.since(issued));
                let max = duration_in_words(max);
                expired(format!(
                    "it was issued {ago} ago, this gate accepts it for {max}, sign in again"
                ))
            }
            (Some(_), None) => {
                let advice = "its age cannot be known, ask its issuer for a token with `iat`";
                Err(Denial::new(Reason::ExcessiveLifetime, advice))
            }
            _ => Ok(()),
        }
    }

    fn check_lifetime(&self, times: &Times) -> Result<(), Denial> {
        let Some(max) = self.max_lifetime else {
            return Ok(());
        };
        let advice = match (times.issued, times.expires) {
            (Some(start), Some(end)) if end <= start.plus(max) => return Ok(()),
            (Some(start), Some(end)) => format!(
                "from `iat` to `exp` are {} seconds, this gate accepts at most {max}",
                end.since(start)
            ),
            (None, _) => {
                "its lifetime cannot be known, ask its issuer for a token with `iat`".to_owned()
            }
            (_, None) => {
                "its lifetime has no end, ask its issuer for a token with `exp`".to_owned()
            }
        };
        Err(Denial::new(Reason::ExcessiveLifetime, advice))
    }

    /// Without the claim a token may use no model. One that cannot be read might mean anything, so
    /// the token is refused.
    fn body_rules(&self, claims: &UnverifiedClaims) -> Result<Option<Rc<BodyRules>>, Denial> {
        let Some(path) = &self.models_claim else {
            return Ok(self.body_rules.clone());
        };
        let unreadable = |what: &str| {
            let advice = format!("its claim `{}` {what}", path.written());
            Denial::new(Reason::MalformedToken, advice)
        };
        let claimed = claims.texts(path)?.unwrap_or_default();
        let names = || {
            claimed
                .iter()
                .flat_map(|text| text.split_ascii_whitespace())
        };
        if names().take(MAX_MODELS.saturating_add(1)).count() > MAX_MODELS {
            return Err(unreadable("names too many models"));
        }
        let patterns = names()
            .map(ModelPattern::parse)
            .collect::<Result<Vec<_>, _>>();
        let patterns = patterns.map_err(|_| {
            unreadable("contains something that is neither a model name nor a pattern")
        })?;
        let mut rules = self.body_rules.as_deref().cloned().unwrap_or_default();
        rules.models.push(ModelRule::new(patterns));
        Ok(Some(Rc::new(rules)))
    }
}
