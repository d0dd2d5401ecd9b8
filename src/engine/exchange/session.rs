//! The session that a request brings, where there is more to it than to open a cookie: it may have to be refreshed
//! before the request is decided on, and its browser is told of it anew with the response.

use super::Mode;
use super::body::is_short;
use super::request::Request;
use super::states::{Exchange, Outcome, Ports, RequestStep};
use crate::authn::jwt::{Context, ProvedClaims};
use crate::authn::{Attempts, SignedIn};
use crate::denial::Denial;
use crate::http::RequestHead;
use crate::identity::{Identity, Method};
use crate::json::Json;
use crate::login::{
    Around, Inquiry, Loading, Login, NotRefreshed, RefreshedTokens, Refreshing, Renewal, Stored,
    Told, Verified, unrefreshed,
};
use crate::network::ClientAddress;
use crate::session::{Entropy, Parts, Session};
use crate::source::{Call, Pending, Refusal, Response, Tried};

/// The session of one request.
#[derive(Debug)]
pub(super) struct OwnSession {
    /// who is signed in by it, or why nobody is
    signed_in: Result<SignedIn, Denial>,
    stage: Stage,
    /// the parts of one that the browser holds
    held: Parts,
    /// what the browser is told with the response
    told: Option<Told>,
    /// the values of `Set-Cookie` that go with an answer of the gate's own
    given: Vec<String>,
}

/// How far the gate has come with it.
#[derive(Debug)]
enum Stage {
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

/// What a store keeps of the session that a request brings.
#[derive(Debug)]
pub(super) enum StoredSession {
    /// it is being read
    Loading(Loading),
    /// it was
    Loaded(Stored),
}

impl StoredSession {
    /// Whether it is yet to be answered.
    pub(super) const fn is_loading(&self) -> bool {
        matches!(self, Self::Loading(_))
    }

    /// The store has answered.
    pub(super) fn answered(self, response: &Response<'_>) -> Self {
        match self {
            Self::Loading(loading) => Self::Loaded(loading.loaded(response)),
            loaded @ Self::Loaded(_) => loaded,
        }
    }
}

impl OwnSession {
    /// Who is signed in by it.
    pub(super) const fn signed_in(&self) -> &Result<SignedIn, Denial> {
        &self.signed_in
    }

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

    /// What the browser is told with the response, and the parts that it holds.
    pub(super) fn take_told(&mut self) -> Option<(Told, Parts)> {
        Some((self.told.take()?, self.held))
    }

    /// Has an answer of the gate's own set these cookies too.
    pub(super) fn give(&mut self, cookies: Vec<String>) {
        self.given.extend(cookies);
    }

    /// The values of `Set-Cookie` that go with an answer of the gate's own.
    pub(super) fn take_given(&mut self) -> Vec<String> {
        std::mem::take(&mut self.given)
    }

    /// Takes over what came of it.
    fn settle(&mut self, login: &Login, renewal: Renewal) {
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
}

/// Has `use_it` done with the time, what is random, and what the workers share. Nothing without a clock or randomness.
fn around<T>(ports: Ports<'_, '_>, held: Parts, use_it: impl FnOnce(Around<'_>) -> T) -> Option<T> {
    let now = ports.clock.wall()?;
    let random = ports.randomness.bytes()?;
    let entropy = Entropy {
        random: &random,
        now,
    };
    Some(use_it(Around {
        memory: ports.memory,
        entropy,
        held,
    }))
}

impl Exchange {
    /// What this request has waited for, and the session that it brings, as far as that was opened.
    pub(super) fn known(&self) -> (&[Tried], Option<&OwnSession>) {
        (&self.tried, self.session.as_deref())
    }

    /// Whether it waits for its session to be read from the store.
    pub(super) fn loads_session(&self) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| stored.is_loading())
    }

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
                let renewal = around(ports, own.held, |around| {
                    login.refreshed(&refreshing, &tokens, None, around)
                });
                own.settle(login, renewal.unwrap_or(Renewal::Stays));
            }
            Stage::Asked(_) | Stage::Opened(_) | Stage::Settled => {}
        }
    }

    /// What was read of the store.
    pub(super) fn stored(&self) -> Option<&Stored> {
        match self.stored.as_deref() {
            Some(StoredSession::Loaded(stored)) => Some(stored),
            _ => None,
        }
    }

    /// The call that reads the session which the request with `head` brings, if a store keeps it and was not asked yet.
    #[inline(never)] // or those whose sessions are in no store pay for it
    pub(super) fn load_session(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        head: &RequestHead<'_>,
    ) -> Option<Call> {
        if self.stored.is_some() {
            return None;
        }
        let (loading, call) = login.load(head, ports.clock.wall()?)?;
        self.stored = Some(Box::new(StoredSession::Loading(loading)));
        Some(call)
    }

    /// Opens the session that `request` brings, if it brings one that counts, or goes on with its refresh. The step,
    /// if it has to wait.
    #[inline(never)] // or those whose sessions are never told anew pay for it
    pub(super) fn open_session<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        client: &ClientAddress<'_>,
    ) -> Option<Outcome<'a>> {
        if ports.engine.mode != Mode::Enforce && !login.has_store() {
            return None;
        }
        if let Some(own) = self.session.take() {
            return self.go_on_refreshing(login, ports, client, own);
        }
        // A credential in a header counts in its place.
        if request.presented().map_or(true, |all| all.is_meant()) {
            return None;
        }
        if let Some(call) = self.load_session(login, ports, request.head) {
            return Some(Outcome {
                step: RequestStep::Await(Box::new(call)),
                record: None,
            });
        }
        let now = ports.clock.wall()?;
        let (held, opened) = login.presented(request.head, self.stored(), now)?;
        let signed_in = opened
            .as_ref()
            .map_err(Denial::clone)
            .and_then(|(session, by_previous)| login.signed_in(session, *by_previous));
        self.session = Some(Box::new(OwnSession {
            signed_in,
            stage: opened.map_or(Stage::Settled, |(session, _)| Stage::Opened(session)),
            held,
            told: None,
            given: Vec::new(),
        }));
        None
    }

    /// The request is let in as `identity`. If its session lets it in, that may have to be refreshed first, or told
    /// anew. The step, if there is another one than to go on.
    #[inline(never)] // as above
    pub(super) fn keep_session<'a>(
        &mut self,
        login: &Login,
        ports: Ports<'a, '_>,
        (request, client): (&Request<'_, 'a>, &ClientAddress<'_>),
        identity: Option<&Identity<'_>>,
    ) -> Option<Outcome<'a>> {
        let own = self.session.as_mut()?;
        if identity.is_none_or(|identity| identity.method != Method::Session) {
            return None;
        }
        let Stage::Opened(session) = &own.stage else {
            return None;
        };
        let may_wait = is_short(request.head, ports.body);
        let held = own.held;
        let renewal = around(ports, held, |around| {
            login.renewal(session, may_wait, around)
        })?;
        let (mark, is_overdue) = match renewal {
            Renewal::Stays | Renewal::Noted(_) => {
                own.settle(login, renewal);
                return None;
            }
            Renewal::Carries(..) | Renewal::Ends(_) | Renewal::Over(..) => {
                own.settle(login, renewal);
                return Some(self.judge(ports, request, client));
            }
            Renewal::Due(mark, is_overdue) => (mark, is_overdue),
        };
        let endpoints = login.provider.endpoints(&self.tried, ports.clock.wall()?);
        let begun = match endpoints {
            Ok(endpoints) => around(ports, held, |around| {
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
    fn go_on_refreshing<'a>(
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
                let renewal = around(ports, own.held, |around| {
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

impl OwnSession {
    /// It was not refreshed.
    fn give_up(
        &mut self,
        login: &Login,
        ports: Ports<'_, '_>,
        refreshing: &Refreshing,
        why: &NotRefreshed,
    ) {
        let renewal = around(ports, self.held, |around| {
            login.not_refreshed(refreshing, why, around)
        });
        self.settle(login, renewal.unwrap_or(Renewal::Stays));
    }
}
