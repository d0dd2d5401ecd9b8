//! The refresh of the session that a request brings: the provider is asked, and what it says is proved, before the
//! request is decided on.

use super::request::Request;
use super::session::OwnSession;
use super::states::{Exchange, Outcome, Ports, RequestStep};
use crate::authn::Attempts;
use crate::authn::jwt::{Context, ProvedClaims};
use crate::json::Json;
use crate::login::{
    Inquiry, Login, Mark, NotRefreshed, RefreshedTokens, Refreshing, Renewal, SessionPorts,
    Verified, unrefreshed,
};
use crate::network::ClientAddress;
use crate::session::{Entropy, Parts, Session};
use crate::source::{Call, Pending, Refusal, Response};

/// How far the gate has come with it.
#[derive(Debug)]
pub(super) enum Stage {
    /// it was opened, and may have to be told anew if the request is let in
    Opened(Session),
    /// the token endpoint is being asked
    Asked(Refreshing),
    /// it has answered
    Answered(Refreshing, Result<RefreshedTokens, NotRefreshed>),
    /// the UserInfo endpoint is being asked
    Inquiring(Refreshing, RefreshedTokens, ProvedClaims),
    /// it has answered
    Informed(Refreshing, RefreshedTokens, ProvedClaims, Option<Json>),
    /// nothing more is to be done
    Settled,
}

impl OwnSession {
    /// The call that it waits for was answered.
    pub(super) fn answered(&mut self, response: &Response<'_>) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Settled) {
            Stage::Asked(refreshing) => {
                let tokens = refreshing.read(response);
                Stage::Answered(refreshing, tokens)
            }
            Stage::Inquiring(refreshing, tokens, proved) => {
                let user_info = Inquiry::read(response).ok();
                Stage::Informed(refreshing, tokens, proved, user_info)
            }
            other => other,
        };
    }

    /// Takes over what came of it.
    pub(super) fn settle(&mut self, login: &Login, renewal: Renewal) {
        self.stage = Stage::Settled;
        match renewal {
            Renewal::Stays | Renewal::Due(..) => {}
            Renewal::Noted(told) => self.told = Some(told),
            Renewal::Carries(session, told) => {
                self.signed_in = login.signed_in(&session, false);
                self.told = Some(told);
            }
            Renewal::Ends(denial) => self.signed_in = Err(denial),
            Renewal::Over(denial, removal) => {
                self.signed_in = Err(denial);
                self.given = removal;
            }
        }
    }

    /// It was not refreshed.
    fn give_up(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        refreshing: &Refreshing,
        why: &NotRefreshed,
    ) {
        let renewal = with_session_ports(ports, self.held, |around| {
            login.not_refreshed(refreshing, why, around)
        });
        self.settle(login, renewal.unwrap_or(Renewal::Stays));
    }
}

/// Has `use_it` done with the time, what is random, and what the workers share. Nothing without a clock or randomness.
pub(super) fn with_session_ports<T>(
    ports: Ports<'_, '_>,
    held: Parts,
    use_it: impl FnOnce(SessionPorts<'_>) -> T,
) -> Option<T> {
    let now = ports.clock.wall()?;
    let random = ports.randomness.bytes()?;
    let entropy = Entropy {
        random: &random,
        now,
    };
    Some(use_it(SessionPorts {
        memory: ports.memory,
        entropy,
        held,
    }))
}

impl Exchange {
    /// Whether it waits for its session to be refreshed.
    pub fn refreshes_session(&self) -> bool {
        let own = self.session.as_ref();
        own.is_some_and(|own| !matches!(own.stage, Stage::Opened(_) | Stage::Settled))
    }

    /// The call that it waits for was answered, and there is no time for another one: what was refreshed is for its
    /// browser all the same.
    pub fn end_refresh(&mut self, ports: Ports<'_, '_>, response: &Response<'_>) {
        let is_other = self.forget_pending();
        let Some((own, login)) = self.session.as_mut().zip(ports.engine.login.as_ref()) else {
            return;
        };
        if !is_other {
            own.answered(response);
        }
        match std::mem::replace(&mut own.stage, Stage::Settled) {
            Stage::Answered(refreshing, Err(why)) => own.give_up(login, ports, &refreshing, &why),
            Stage::Answered(refreshing, Ok(mut tokens))
            | Stage::Inquiring(refreshing, mut tokens, _)
            | Stage::Informed(refreshing, mut tokens, ..) => {
                // What it says of the person is asked for again soon.
                tokens.soon();
                let renewal = with_session_ports(ports, own.held, |around| {
                    login.refreshed(&refreshing, &tokens, None, around)
                });
                own.settle(login, renewal.unwrap_or(Renewal::Stays));
            }
            Stage::Asked(_) | Stage::Opened(_) | Stage::Settled => {}
        }
    }

    /// The provider has to be asked about the session named by `mark`, which is worth nothing until then if it is overdue. The
    /// step, if there is another one than to go on.
    pub(super) fn begin_refresh<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        (request, client): (&Request<'_, 'a>, &ClientAddress<'_>),
        (mark, is_overdue): (Mark, bool),
    ) -> Option<Outcome<'a>> {
        let own = self.session.as_mut()?;
        let Stage::Opened(session) = &own.stage else {
            return None;
        };
        let held = own.held;
        let endpoints = login.provider.endpoints(&self.tried, ports.clock.wall()?);
        let begun = match endpoints {
            Ok(endpoints) => with_session_ports(ports, held, |around| {
                login.refresh(session, mark, &endpoints, around)
            })?,
            Err(Refusal::Await(begun)) => {
                let (pending, call) = *begun;
                return Some(self.wait(pending, call));
            }
            // Where to ask is not known, as if the provider did not answer.
            Err(Refusal::Denied(_)) => {
                own.stage = Stage::Settled;
                return None;
            }
        };
        let Some((refreshing, call)) = begun else {
            // Too many are under way, or somebody else has just begun.
            own.stage = Stage::Settled;
            if is_overdue {
                own.signed_in = Err(unrefreshed("send it again in a moment"));
                return Some(self.judge(ports, request, client));
            }
            return None;
        };
        own.stage = Stage::Asked(refreshing);
        Some(Outcome {
            step: RequestStep::Await(Box::new(call)),
            record: None,
        })
    }

    /// The step, if there is something yet to wait for.
    pub(super) fn go_on_refreshing<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        client: &ClientAddress<'_>,
        mut own: Box<OwnSession>,
    ) -> Option<Outcome<'a>> {
        let (refreshing, tokens, verified, user_info) =
            match std::mem::replace(&mut own.stage, Stage::Settled) {
                Stage::Answered(refreshing, Ok(tokens)) => {
                    match self.verify_refreshed(login, ports, client, &refreshing, &tokens) {
                        Ok(verified) => (refreshing, tokens, verified, None),
                        Err(Unverified::Await(begun)) => {
                            own.stage = Stage::Answered(refreshing, Ok(tokens));
                            self.session = Some(own);
                            let (pending, call) = *begun;
                            return Some(self.wait(pending, call));
                        }
                        Err(Unverified::Not(why)) => {
                            own.give_up(login, ports, &refreshing, &why);
                            self.session = Some(own);
                            return None;
                        }
                    }
                }
                Stage::Answered(refreshing, Err(why)) => {
                    own.give_up(login, ports, &refreshing, &why);
                    self.session = Some(own);
                    return None;
                }
                Stage::Informed(refreshing, tokens, proved, user_info) => {
                    let verified = match user_info {
                        Some(_) => Verified::Proved(proved),
                        None => Verified::Unknown,
                    };
                    (refreshing, tokens, verified, user_info)
                }
                stage => {
                    own.stage = stage;
                    self.session = Some(own);
                    return None;
                }
            };
        self.conclude(
            login,
            ports,
            own,
            (refreshing, tokens),
            (verified, user_info),
        )
    }

    /// A refresh whose `tokens` are known to be good, as far as they say something of the person. The step, if there is
    /// something yet to ask.
    fn conclude<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        mut own: Box<OwnSession>,
        (refreshing, mut tokens): (Refreshing, RefreshedTokens),
        (verified, user_info): (Verified, Option<Json>),
    ) -> Option<Outcome<'a>> {
        let claims = match verified {
            Verified::Silent => Ok(None),
            Verified::Unknown => {
                tokens.soon();
                Ok(None)
            }
            Verified::Proved(proved) => {
                let inquiry = match user_info {
                    None => login.inquire_again(&refreshing, &tokens),
                    Some(_) => Ok(None),
                };
                match inquiry {
                    Ok(Some(call)) => {
                        own.stage = Stage::Inquiring(refreshing, tokens, proved);
                        self.session = Some(own);
                        return Some(Outcome {
                            step: RequestStep::Await(Box::new(call)),
                            record: None,
                        });
                    }
                    Ok(None) => login.claims_again(proved, user_info).map(Some),
                    // As if it had not answered.
                    Err(_) => {
                        tokens.soon();
                        Ok(None)
                    }
                }
            }
        };
        match claims {
            Ok(claims) => {
                let renewal = with_session_ports(ports, own.held, |around| {
                    login.refreshed(&refreshing, &tokens, claims.as_ref(), around)
                });
                own.settle(login, renewal.unwrap_or(Renewal::Stays));
            }
            Err(why) => own.give_up(login, ports, &refreshing, &why),
        }
        self.session = Some(own);
        None
    }

    fn verify_refreshed(
        &self,
        login: &Login,
        ports: Ports<'_, '_>,
        client: &ClientAddress<'_>,
        refreshing: &Refreshing,
        tokens: &RefreshedTokens,
    ) -> Result<Verified, Unverified> {
        let Some(now) = ports.clock.wall() else {
            return Ok(Verified::Unknown);
        };
        let context = Context {
            now,
            verifier: ports.verifier,
            tried: &self.tried,
            attempts: Attempts::new(None, client),
            client,
        };
        match login.verify_refreshed(refreshing, tokens, context) {
            Ok(verified) => Ok(verified),
            Err(Ok(why)) => Err(Unverified::Not(why)),
            Err(Err(Refusal::Await(begun))) => Err(Unverified::Await(begun)),
            Err(Err(Refusal::Denied(_))) => Ok(Verified::Unknown),
        }
    }
}

/// Why what the provider says of a session is not known to be good.
enum Unverified {
    /// this has to be fetched first
    Await(Box<(Pending, Call)>),
    /// it is not
    Not(NotRefreshed),
}
