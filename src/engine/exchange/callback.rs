//! The end of a sign-in: the browser is back from the provider, with a code.

use super::sign_in::{Shown, Unshown, Visit, settled, with_session_ports};
use super::states::Exchange;
use crate::authn::Attempts;
use crate::authn::jwt::{Context, ProvedClaims};
use crate::denial::Denial;
use crate::json::Json;
use crate::login::{self, Attempt, Inquiry, Outstanding, Redeemed, Redemption, unavailable};
use crate::source::{Call, Refusal, Response};

/// The end of a sign-in, as far as it has come.
#[derive(Debug)]
pub(super) enum SigningIn {
    /// the code is being redeemed
    Redeeming(Redemption),
    /// it was
    Redeemed(Redeemed),
    /// the provider is being asked about whoever it is
    Inquiring(Inquiry),
    /// it has said this
    Informed(Inquiry, Json),
    /// it ends without a session
    Failed(Attempt, Denial),
    /// the store is told of a session that begins, by this sign-in, or ends
    Storing(Option<Attempt>, Outstanding),
    /// it was, or not
    Stored(Option<Attempt>, Outstanding, Result<(), Denial>),
}

impl SigningIn {
    /// The provider or the store has answered.
    pub(super) fn answered(self, response: &Response<'_>) -> Self {
        match self {
            Self::Redeeming(redemption) => match redemption.answered(response) {
                Ok(redeemed) => Self::Redeemed(redeemed),
                Err(ended) => Self::Failed(ended.0, ended.1),
            },
            Self::Inquiring(inquiry) => match Inquiry::read(response) {
                Ok(user_info) => Self::Informed(inquiry, user_info),
                Err(denial) => Self::Failed(inquiry.redeemed.attempt, denial),
            },
            Self::Storing(attempt, outstanding) => {
                Self::Stored(attempt, outstanding, login::changed(response))
            }
            other => other,
        }
    }
}

impl Exchange {
    /// The browser comes back from the provider: its code is redeemed, and then whoever it is has signed in.
    pub(super) fn answered(&mut self, visit: Visit<'_, '_, '_, '_>) -> Result<Shown, Unshown> {
        visit.only("GET")?;
        let Visit { login, request, .. } = visit;
        match self.signing_in.take().map(|signing_in| *signing_in) {
            None => {}
            Some(SigningIn::Failed(attempt, denial)) => {
                return Err(Unshown::ending(attempt, denial));
            }
            // It cannot be asked again: the code is used up.
            Some(SigningIn::Redeeming(Redemption { attempt, .. })) => {
                return Err(Unshown::ending(attempt, unavailable()));
            }
            Some(SigningIn::Inquiring(inquiry)) => {
                return Err(Unshown::ending(inquiry.redeemed.attempt, unavailable()));
            }
            Some(SigningIn::Storing(attempt, _)) => {
                return Err(Unshown::ending(attempt, Denial::host_failure()));
            }
            Some(SigningIn::Stored(attempt, outstanding, stored)) => {
                return settled(login, attempt, outstanding, stored);
            }
            Some(SigningIn::Redeemed(redeemed)) => return self.redeemed(visit, redeemed),
            Some(SigningIn::Informed(inquiry, user_info)) => {
                let Inquiry { redeemed, proved } = inquiry;
                return self.signed_in(visit, redeemed, proved, Some(user_info));
            }
        }
        let endpoints = self.endpoints(visit)?;
        let now = visit.now()?;
        let answer = login.answered(request.head, &endpoints, now);
        let answer = answer.map_err(|unanswered| Unshown {
            refusal: unanswered.denial.into(),
            attempt: unanswered.attempt.map(Box::new),
        })?;
        let (redemption, call) = login.redeem(answer, &endpoints, visit.client, now)?;
        self.signing_in = Some(Box::new(SigningIn::Redeeming(redemption)));
        Ok(Shown::Call(call))
    }

    /// A code was redeemed: whose it is has to be proved, and the provider may have to be asked about them.
    fn redeemed(
        &mut self,
        visit: Visit<'_, '_, '_, '_>,
        redeemed: Redeemed,
    ) -> Result<Shown, Unshown> {
        let Visit {
            login,
            ports,
            client,
            ..
        } = visit;
        let context = Context {
            now: visit.now()?,
            verifier: ports.verifier,
            tried: &self.tried,
            attempts: Attempts::new(None, client),
            client,
        };
        let proved = match login.verify(&redeemed, context) {
            Ok(proved) => proved,
            Err(refusal @ Refusal::Await(_)) => {
                self.signing_in = Some(Box::new(SigningIn::Redeemed(redeemed)));
                return Err(refusal.into());
            }
            Err(refusal) => return Err(Unshown::ending(redeemed.attempt, refusal)),
        };
        match login.inquire(&redeemed) {
            Ok(Some(call)) => {
                let inquiry = Inquiry { redeemed, proved };
                self.signing_in = Some(Box::new(SigningIn::Inquiring(inquiry)));
                Ok(Shown::Call(call))
            }
            Ok(None) => self.signed_in(visit, redeemed, proved, None),
            Err(denial) => Err(Unshown::ending(redeemed.attempt, denial)),
        }
    }

    /// Signs in whoever `redeemed` a code, is `proved` to be somebody, and about whom the provider says this beside it.
    fn signed_in(
        &mut self,
        visit: Visit<'_, '_, '_, '_>,
        redeemed: Redeemed,
        proved: ProvedClaims,
        user_info: Option<Json>,
    ) -> Result<Shown, Unshown> {
        match begin(visit, &redeemed, proved, user_info) {
            Ok(outstanding) => self.store(visit.login, Some(redeemed.attempt), outstanding),
            Err(denial) => Err(Unshown::ending(redeemed.attempt, denial)),
        }
    }
}

/// The session of whoever `redeemed` a code begins: the answer to the browser, and what the store has to be told first.
fn begin(
    visit: Visit<'_, '_, '_, '_>,
    redeemed: &Redeemed,
    proved: ProvedClaims,
    user_info: Option<Json>,
) -> Result<(Outstanding, Option<Call>), Denial> {
    let Visit { login, request, .. } = visit;
    let identified = login.identified(proved, user_info)?;
    // Whether there is a place to sign out is not asked for once more.
    let known = login.provider.known(visit.now()?);
    with_session_ports(&visit, |around| {
        let proved = (&identified, &redeemed.tokens);
        let signed_in = login.sign_in(&redeemed.attempt, proved, known.as_deref(), around)?;
        login.note_departed(request.head, around);
        Ok(signed_in)
    })
}
