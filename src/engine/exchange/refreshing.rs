//! The refresh of the session that a request brings: the provider is asked, and what it says is proved, before the
//! request is decided on.

use super::request::Request;
use super::session::{OwnSession, StoredSession};
use super::states::{Exchange, Outcome, Ports, RequestStep};
use crate::authn::Attempts;
use crate::authn::jwt::{Context, ProvedClaims};
use crate::json::Json;
use crate::login::{
    Begun, Claim, Claimed, Claiming, Inquiry, Kept, Login, Need, NotRefreshed, RefreshedTokens,
    Refreshing, Renewal, SessionPorts, Settlement, Verified, Writing, Written,
};
use crate::network::ClientAddress;
use crate::session::{Entropy, Parts, Session};
use crate::source::{Call, Pending, Refusal, Response};

/// How far the gate has come with it.
#[derive(Debug)]
pub(super) enum Stage {
    /// it was opened, and may have to be told anew if the request is let in
    Opened(Session),
    /// the store is being asked who refreshes it
    Claiming(Box<Claiming>),
    /// it has answered
    Claimed(Box<Claiming>, Result<Claim, String>),
    /// the token endpoint is being asked
    Asked(Box<Refreshing>),
    /// it has answered
    Answered(Box<Refreshing>, Result<RefreshedTokens, NotRefreshed>),
    /// the UserInfo endpoint is being asked
    Inquiring(Box<Refreshing>, RefreshedTokens, ProvedClaims),
    /// it has answered
    Informed(Box<Refreshing>, RefreshedTokens, ProvedClaims, Option<Json>),
    /// the store is being told of it
    Writing(Box<Writing>, Then),
    /// it has answered
    Written(Box<Writing>, Result<Written, String>, Then),
    /// nothing more is to be done
    Settled,
}

/// What comes after the store was told.
#[derive(Debug)]
pub(super) enum Then {
    /// this becomes of the session
    Settle(Renewal),
    /// its tokens are safe, and it goes on
    GoOn(Box<GoOn>),
}

/// A refresh whose tokens are safe, and what it waits for next, if that is known.
#[derive(Debug)]
pub(super) struct GoOn(
    Box<Refreshing>,
    RefreshedTokens,
    Option<Box<(Pending, Call)>>,
);

impl OwnSession {
    /// The call that it waits for was answered.
    pub(super) fn answered(&mut self, response: &Response<'_>) {
        self.stage = match std::mem::replace(&mut self.stage, Stage::Settled) {
            Stage::Asked(refreshing) => {
                let tokens = refreshing.read(response);
                Stage::Answered(refreshing, tokens)
            }
            Stage::Claiming(claiming) => Stage::Claimed(claiming, Claiming::read(response)),
            Stage::Writing(writing, then) => Stage::Written(writing, Writing::read(response), then),
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
                self.told = told;
            }
            Renewal::Ends(denial) => self.signed_in = Err(denial),
            Renewal::Over(denial, removal) => {
                self.signed_in = Err(denial);
                self.given = removal;
            }
        }
    }

    /// Takes over what came of it, once the store was told. The call that tells it, if there is one.
    fn end(&mut self, login: &Login, settlement: Settlement) -> Option<Call> {
        let Settlement { renewal, writing } = settlement;
        let Some(writing) = writing else {
            self.settle(login, renewal);
            return None;
        };
        let call = writing.call();
        self.stage = Stage::Writing(writing, Then::Settle(renewal));
        Some(call)
    }

    /// Has the store keep `tokens` before anybody else is asked. What is written, if it is.
    fn secure(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        (refreshing, tokens): (&mut Refreshing, &RefreshedTokens),
    ) -> Option<Box<Writing>> {
        if refreshing.is_safe() {
            return None;
        }
        with_session_ports(ports, self.held, |around| {
            login.secure(refreshing, tokens, around)
        })?
    }

    /// The store has answered. The call that comes next, if there is one, or that it goes on.
    fn written(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        (writing, written): (Box<Writing>, Result<Written, String>),
        then: Then,
    ) -> Result<Option<Call>, Box<GoOn>> {
        let kept = with_session_ports(ports, self.held, |around| {
            login.written(writing, written, around)
        });
        match (kept, then) {
            (Some(Kept::Again(writing, call)), then) => {
                self.stage = Stage::Writing(writing, then);
                return Ok(Some(call));
            }
            (Some(Kept::Done), Then::GoOn(next)) => return Err(next),
            (Some(Kept::Done), Then::Settle(renewal)) | (Some(Kept::Instead(renewal)), _) => {
                self.settle(login, renewal);
            }
            (None, _) => {}
        }
        Ok(None)
    }

    /// It was refreshed by `tokens`. The call that tells the store, if there is one.
    fn refreshed(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        (refreshing, tokens): (&Refreshing, &RefreshedTokens),
        claims: Option<&Json>,
    ) -> Option<Call> {
        let settlement = with_session_ports(ports, self.held, |around| {
            login.refreshed(refreshing, tokens, claims, around)
        });
        self.end(login, settlement.unwrap_or(Renewal::Stays.into()))
    }

    /// It was not refreshed. The call that tells the store, if there is one.
    fn give_up(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        refreshing: &Refreshing,
        why: &NotRefreshed,
    ) -> Option<Call> {
        let settlement = with_session_ports(ports, self.held, |around| {
            login.not_refreshed(refreshing, why, around)
        });
        self.end(login, settlement.unwrap_or(Renewal::Stays.into()))
    }
}

fn awaiting<'a>(call: Call) -> Outcome<'a> {
    Outcome {
        step: RequestStep::Await(Box::new(call)),
        record: None,
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
    /// Whether an answer is on its way to it, or not kept yet, without which a refresh token is lost.
    pub fn would_lose_tokens(&self) -> bool {
        let own = self.session.as_ref();
        own.is_some_and(|own| {
            let claims = matches!(own.stage, Stage::Claiming(..) | Stage::Claimed(..));
            self.refreshes_session() && !claims
        })
    }

    /// Whether it waits for its session to be refreshed.
    pub fn refreshes_session(&self) -> bool {
        let own = self.session.as_ref();
        own.is_some_and(|own| !matches!(own.stage, Stage::Opened(_) | Stage::Settled))
    }

    /// The call that it waits for was answered, and there is no time for more than to keep what was refreshed: that is for
    /// its owner all the same. The step, if a store has to be told.
    pub fn end_refresh<'a>(
        &mut self,
        ports: Ports<'_, '_>,
        response: &Response<'_>,
    ) -> Option<Outcome<'a>> {
        let is_other = self.forget_pending();
        let (own, login) = self.session.as_mut().zip(ports.engine.login.as_ref())?;
        if !is_other {
            own.answered(response);
        }
        let call = match std::mem::replace(&mut own.stage, Stage::Settled) {
            Stage::Answered(refreshing, Err(why)) => own.give_up(login, ports, &refreshing, &why),
            Stage::Answered(refreshing, Ok(mut tokens))
            | Stage::Inquiring(refreshing, mut tokens, _)
            | Stage::Informed(refreshing, mut tokens, ..) => {
                // What it says of the person is asked for again soon.
                tokens.soon();
                own.refreshed(login, ports, (&refreshing, &tokens), None)
            }
            Stage::Written(writing, written, then) => own
                .written(login, ports, (writing, written), then)
                .unwrap_or(None),
            Stage::Claiming(_)
            | Stage::Claimed(..)
            | Stage::Asked(_)
            | Stage::Writing(..)
            | Stage::Opened(_)
            | Stage::Settled => None,
        };
        call.map(awaiting)
    }

    /// The session is to be refreshed. The step, if there is another one than to go on.
    pub(super) fn begin_refresh<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        need: Need,
    ) -> Option<Outcome<'a>> {
        let stored = match self.stored.as_deref() {
            Some(StoredSession::Loaded(stored)) => Some(stored),
            _ => None,
        };
        let own = self.session.as_mut()?;
        let Stage::Opened(session) = &own.stage else {
            return None;
        };
        let endpoints = login.provider.endpoints(&self.tried, ports.clock.wall()?);
        let begun = match endpoints {
            Ok(endpoints) => with_session_ports(ports, own.held, |around| {
                login.refresh(session, stored, need, &endpoints, around)
            })?,
            Err(Refusal::Await(begun)) => {
                let (pending, call) = *begun;
                return Some(self.wait(pending, call));
            }
            Err(Refusal::Denied(_)) => Begun::Not(login.nowhere_to_ask(need)),
        };
        match begun {
            Begun::Asked(refreshing, call) => {
                own.stage = Stage::Asked(refreshing);
                Some(awaiting(call))
            }
            Begun::Claimed(claiming, call) => {
                own.stage = Stage::Claiming(claiming);
                Some(awaiting(call))
            }
            Begun::Kept(settlement) => own.end(login, settlement).map(awaiting),
            Begun::Not(Renewal::Stays) => {
                own.stage = Stage::Settled;
                None
            }
            Begun::Not(renewal) => {
                own.settle(login, renewal);
                Some(self.request_head(ports, request.head))
            }
        }
    }

    /// The step, if there is something yet to wait for.
    pub(super) fn go_on_refreshing<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        client: &ClientAddress<'_>,
        mut own: Box<OwnSession>,
    ) -> Option<Outcome<'a>> {
        let call = match std::mem::replace(&mut own.stage, Stage::Settled) {
            Stage::Claimed(claiming, claim) => {
                let claimed = with_session_ports(ports, own.held, |around| {
                    login.claimed(*claiming, claim, around)
                });
                match claimed {
                    Some(Claimed::Asked(refreshing, call)) => {
                        own.stage = Stage::Asked(refreshing);
                        Some(call)
                    }
                    Some(Claimed::Settled(settlement)) => own.end(login, settlement),
                    None => None,
                }
            }
            Stage::Answered(refreshing, Ok(tokens)) => {
                return self.look_at_tokens(login, ports, client, own, (refreshing, tokens));
            }
            Stage::Answered(refreshing, Err(why)) => own.give_up(login, ports, &refreshing, &why),
            Stage::Informed(refreshing, tokens, proved, user_info) => {
                let verified = match user_info {
                    Some(_) => Verified::Proved(proved),
                    None => Verified::Unknown,
                };
                let known = (verified, user_info);
                return self.conclude(login, ports, own, (refreshing, tokens), known);
            }
            Stage::Written(writing, written, then) => {
                match own.written(login, ports, (writing, written), then) {
                    Ok(call) => call,
                    Err(next) => {
                        let GoOn(refreshing, tokens, begun) = *next;
                        let Some(begun) = begun else {
                            let known = (refreshing, tokens);
                            return self.look_at_tokens(login, ports, client, own, known);
                        };
                        own.stage = Stage::Answered(refreshing, Ok(tokens));
                        self.session = Some(own);
                        let (pending, call) = *begun;
                        return Some(self.wait(pending, call));
                    }
                }
            }
            stage => {
                own.stage = stage;
                None
            }
        };
        self.session = Some(own);
        call.map(awaiting)
    }

    /// The provider has given these `tokens`: what they say is proved. The step, if there is something to wait for.
    fn look_at_tokens<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        client: &ClientAddress<'_>,
        mut own: Box<OwnSession>,
        (mut refreshing, tokens): (Box<Refreshing>, RefreshedTokens),
    ) -> Option<Outcome<'a>> {
        match self.verify_refreshed(login, ports, client, &refreshing, &tokens) {
            Ok(verified) => {
                self.conclude(login, ports, own, (refreshing, tokens), (verified, None))
            }
            Err(Unverified::Await(begun)) => {
                let call = match own.secure(login, ports, (&mut refreshing, &tokens)) {
                    Some(writing) => {
                        let call = writing.call();
                        let then = Then::GoOn(Box::new(GoOn(refreshing, tokens, Some(begun))));
                        own.stage = Stage::Writing(writing, then);
                        call
                    }
                    None => {
                        own.stage = Stage::Answered(refreshing, Ok(tokens));
                        let (pending, call) = *begun;
                        self.pending = Some(pending);
                        call
                    }
                };
                self.session = Some(own);
                Some(awaiting(call))
            }
            Err(Unverified::Not(why)) => {
                let call = own.give_up(login, ports, &refreshing, &why);
                self.session = Some(own);
                call.map(awaiting)
            }
        }
    }

    /// A refresh whose `tokens` are known to be good, as far as they say something of the person. The step, if there is
    /// something yet to ask.
    fn conclude<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        mut own: Box<OwnSession>,
        (mut refreshing, mut tokens): (Box<Refreshing>, RefreshedTokens),
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
                        let call = match own.secure(login, ports, (&mut refreshing, &tokens)) {
                            Some(writing) => {
                                let call = writing.call();
                                let then = Then::GoOn(Box::new(GoOn(refreshing, tokens, None)));
                                own.stage = Stage::Writing(writing, then);
                                call
                            }
                            None => {
                                own.stage = Stage::Inquiring(refreshing, tokens, proved);
                                call
                            }
                        };
                        self.session = Some(own);
                        return Some(awaiting(call));
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
        let call = match claims {
            Ok(claims) => own.refreshed(login, ports, (&refreshing, &tokens), claims.as_ref()),
            Err(why) => own.give_up(login, ports, &refreshing, &why),
        };
        self.session = Some(own);
        call.map(awaiting)
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
