//! One issuer of tokens: its keys and its rules.

use super::algorithm::Algorithm;
use super::claims::ForwardedClaim;
use super::explain;
use super::keys::{Checker, Keys, Unproved};
use super::rules::{Rejection, Stage, TokenRules};
use super::token::UnverifiedToken;
use super::verified::VerifiedToken;
use crate::denial::{Denial, Reason};
use std::rc::Rc;

/// What the configuration says of one issuer.
#[derive(Debug)]
pub(crate) struct Issuer {
    /// its name in logs
    pub name: String,
    /// the accepted algorithms; the token's own word never chooses another
    pub algorithms: Vec<Algorithm>,
    /// its keys
    pub keys: Keys,
    /// what its tokens have to say
    pub rules: TokenRules,
    /// the header, lower-case, in which its tokens come beside an API key. Such tokens name the user
    /// of that key, and prove nothing by themselves
    pub header: Option<String>,
    /// the cookie in which its tokens come too
    pub cookie: Option<String>,
    /// the header, lower-case, in which a proxy before the gateway sends its tokens
    pub assertion_header: Option<String>,
}

impl Issuer {
    /// A line for each of its secrets, by which two replicas with different secrets are seen before
    /// the first token fails. Short secrets have none: theirs could be guessed from it.
    pub(crate) fn fingerprints(&self) -> Vec<String> {
        let Keys::Secrets(secrets) = &self.keys else {
            return Vec::new();
        };
        let numbered = (1_usize..).zip(secrets);
        let lines = numbered.filter_map(|(number, secret)| {
            let fingerprint = secret.fingerprint()?;
            let (name, count) = (&self.name, secrets.len());
            Some(format!(
                "jwt `{name}`: secret {number} of {count} has the fingerprint {fingerprint}"
            ))
        });
        lines.collect()
    }

    /// What `token` grants, if its claims keep the rules and one of the keys signed it. `place` is
    /// this issuer's in the configuration, `forwarded` the claims that go into headers.
    ///
    /// The cheap questions come first: a token of another issuer, or an expired one, costs no
    /// signature.
    ///
    /// # Errors
    /// The first rule that it breaks, or that keys have to be fetched.
    pub(crate) fn verify(
        &self,
        place: usize,
        token: &UnverifiedToken<'_>,
        forwarded: &[ForwardedClaim],
        checker: Checker<'_>,
    ) -> Result<VerifiedToken, Unproved> {
        self.judge(place, token, forwarded, checker)
            .map_err(|unproved| match unproved {
                Unproved::Rejected(refused) => Unproved::Rejected(self.explain(refused, token)),
                Unproved::Doubted(refused) => Unproved::Doubted(self.explain(refused, token)),
                other @ (Unproved::Held(_) | Unproved::Needs(_)) => other,
            })
    }

    /// `refused`, with whose `token` claims to be, and with what is wrong with a signature of a length
    /// that none has.
    fn explain(&self, refused: Rejection, token: &UnverifiedToken<'_>) -> Rejection {
        let Rejection { stage, mut denial } = refused;
        if let Some(advice) = explain::length(token.algorithm, token.signature.len())
            && stage == Stage::Signature
        {
            denial = Denial::new(denial.reason(), advice).of(&self.name);
        }
        if let Ok(Some(subject)) = self.rules.claimed_subject(&token.claims) {
            denial = denial.claimed_by(&subject);
        }
        Rejection { stage, denial }
    }

    fn judge(
        &self,
        place: usize,
        token: &UnverifiedToken<'_>,
        forwarded: &[ForwardedClaim],
        checker: Checker<'_>,
    ) -> Result<VerifiedToken, Unproved> {
        self.check_algorithm(token.algorithm)
            .map_err(Unproved::Rejected)?;
        let claimed = self
            .rules
            .read(token, checker.now)
            .map_err(|refused| Unproved::Rejected(self.named(refused)))?;
        let headers = forwarded
            .iter()
            .map(|claim| token.claims.header_value(claim))
            .collect::<Result<Rc<[_]>, _>>()
            .map_err(|denial| {
                Unproved::Rejected(self.named(Rejection {
                    stage: Stage::Claims,
                    denial,
                }))
            })?;
        let signature = self
            .keys
            .check(token, &claimed.subject, checker)
            .map_err(|unproved| match unproved {
                Unproved::Rejected(refused) => Unproved::Rejected(self.named(refused)),
                Unproved::Doubted(refused) => Unproved::Doubted(self.named(refused)),
                Unproved::Held(denial) => Unproved::Held(denial.of(&self.name)),
                Unproved::Needs(need) => Unproved::Needs(need),
            })?;
        Ok(VerifiedToken::new(place, claimed, headers, &signature))
    }

    fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), Rejection> {
        if self.algorithms.contains(&algorithm) {
            return Ok(());
        }
        let taken: Vec<_> = self.algorithms.iter().map(|taken| taken.name()).collect();
        let advice = format!(
            "its `alg` is {}, this gate accepts {}",
            algorithm.name(),
            taken.join(", ")
        );
        Err(Rejection {
            stage: Stage::Kind,
            denial: Denial::new(Reason::UnsupportedAlgorithm, advice),
        })
    }

    /// `refused`, with the name of the issuer whose rule it was once the token is known to be meant
    /// for it.
    fn named(&self, refused: Rejection) -> Rejection {
        let denial = match refused.stage {
            Stage::Kind | Stage::Issuer => refused.denial,
            Stage::Claims | Stage::Key | Stage::Signature => refused.denial.of(&self.name),
        };
        Rejection { denial, ..refused }
    }
}
