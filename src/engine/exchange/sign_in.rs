//! The gate's own pages, and the sign-in of people at a browser.

use super::callback::SigningIn;
use super::record::{Facts, Record};
use super::request::Request;
use super::states::{Exchange, Outcome, Ports, RequestStep};
use super::{Mode, Reply};
use crate::denial::{Denial, Reason};
use crate::http::query_value;
use crate::identity::Method;
use crate::json::ObjectWriter;
use crate::login::{
    Attempt, Content, Endpoints, Login, Outstanding, OwnPage, ReturnPath, SessionPorts, Settled,
    is_navigation,
};
use crate::network::ClientAddress;
use crate::ollama::{Dialect, ErrorBody};
use crate::policy;
use crate::session::Entropy;
use crate::source::{Call, Refusal};
use crate::time::Timestamp;
use std::rc::Rc;

/// What comes of a page of the gate's own.
pub(super) enum Shown {
    /// an answer
    Reply(Reply),
    /// the provider or the store has to be asked first
    Call(Call),
    /// its body has to be read first
    Receive,
}

/// Why a page of the gate's own is not shown.
pub(super) struct Unshown {
    pub refusal: Refusal,
    /// the sign-in that ends with it
    pub attempt: Option<Box<Attempt>>,
}

impl Unshown {
    /// `refusal` ends `attempt`.
    pub(super) fn ending(attempt: impl Into<Option<Attempt>>, refusal: impl Into<Refusal>) -> Self {
        Self {
            refusal: refusal.into(),
            attempt: attempt.into().map(Box::new),
        }
    }
}

impl<R: Into<Refusal>> From<R> for Unshown {
    fn from(refusal: R) -> Self {
        Self {
            refusal: refusal.into(),
            attempt: None,
        }
    }
}

/// The answer that is `outstanding`, if the store was told.
pub(super) fn settled(
    login: &Login,
    attempt: Option<Attempt>,
    outstanding: Outstanding,
    stored: Result<(), Denial>,
) -> Result<Shown, Unshown> {
    if let Err(denial) = stored {
        return Err(Unshown::ending(attempt, denial));
    }
    let reply = match login.settle(outstanding) {
        Settled::SignedIn(redirect) => Reply::redirect(redirect.location, redirect.cookies),
        Settled::SignedOut(departure) => match &departure.to_provider {
            None => Reply::redirect(login.site.signed_out_url(), departure.cookies),
            Some(to) => {
                let mut reply = Reply::page(Content::SigningOut { to }.page());
                reply.set_cookies(departure.cookies);
                reply
            }
        },
    };
    Ok(Shown::Reply(reply))
}

/// A request for a page of the gate's own, and what it is asked with.
#[derive(Clone, Copy)]
pub(super) struct Visit<'s, 'r, 'a, 'p> {
    pub login: &'a Login,
    pub ports: Ports<'a, 'p>,
    pub request: &'s Request<'r, 'a>,
    pub client: &'s ClientAddress<'s>,
}

impl Visit<'_, '_, '_, '_> {
    pub(super) fn now(&self) -> Result<Timestamp, Denial> {
        self.ports.clock.now()
    }

    fn is(&self, method: &[u8]) -> bool {
        self.request.head.method() == method
    }

    /// Refuses any method but `method`.
    pub(super) fn only(&self, method: &'static str) -> Result<(), Denial> {
        if self.is(method.as_bytes()) {
            return Ok(());
        }
        let advice = format!("this page of the gate takes {method}");
        let denial = Denial::new(Reason::MethodNotAllowed, advice);
        Err(denial.with_header("allow", method.to_owned()))
    }
}

/// Draws 32 bytes, and hands them with the time to `use_it`.
pub(super) fn with_entropy<T>(
    visit: &Visit<'_, '_, '_, '_>,
    use_it: impl FnOnce(Entropy<'_>) -> Result<T, Denial>,
) -> Result<T, Denial> {
    let now = visit.now()?;
    let random = visit.ports.randomness.bytes();
    let random = random.ok_or_else(Denial::host_failure)?;
    use_it(Entropy {
        random: &random,
        now,
    })
}

/// The same, with what the workers share and the parts of a session that the browser holds.
pub(super) fn with_session_ports<T>(
    visit: &Visit<'_, '_, '_, '_>,
    use_it: impl FnOnce(SessionPorts<'_>) -> Result<T, Denial>,
) -> Result<T, Denial> {
    with_entropy(visit, |entropy| {
        use_it(SessionPorts {
            memory: visit.ports.memory,
            entropy,
            held: visit.login.held(visit.request.head),
        })
    })
}

impl Exchange {
    /// The answer to a request for a page of the gate's own; `None` for any other.
    #[inline(never)] // or those who do not sign in here pay for it
    pub(super) fn own_page<'a>(
        &mut self,
        login: &'a Login,
        ports: Ports<'a, '_>,
        request: &Request<'_, 'a>,
        client: &ClientAddress<'_>,
    ) -> Option<Outcome<'a>> {
        let page = OwnPage::at(request.local_path()?)?;
        if page == OwnPage::BackChannelLogout && !login.takes_logout_tokens() {
            return None;
        }
        let visit = Visit {
            login,
            ports,
            request,
            client,
        };
        let shown = client.check(None).map_err(Unshown::from);
        if page == OwnPage::Who
            && shown.is_ok()
            && visit.is(b"GET")
            && login.renews()
            && let Some(outcome) = self.renew_for_page(login, ports, (request, client))
        {
            return Some(outcome);
        }
        let shown = shown.and_then(|()| self.show(page, visit));
        Some(match shown {
            Ok(Shown::Reply(reply)) => Outcome {
                step: RequestStep::Reply(reply),
                record: None,
            },
            Ok(Shown::Call(call)) => Outcome {
                step: RequestStep::Await(Box::new(call)),
                record: None,
            },
            Ok(Shown::Receive) => Outcome {
                step: RequestStep::Receive,
                record: None,
            },
            Err(Unshown {
                refusal: Refusal::Await(begun),
                ..
            }) => {
                let (pending, call) = *begun;
                self.wait(pending, call)
            }
            Err(Unshown {
                refusal: Refusal::Denied(denial),
                attempt,
            }) => self.refuse_page(visit, page, &denial, attempt.as_deref()),
        })
    }

    fn show(&mut self, page: OwnPage, visit: Visit<'_, '_, '_, '_>) -> Result<Shown, Unshown> {
        let reply = match page {
            OwnPage::SignIn => self.begin(visit)?,
            OwnPage::Callback => return self.answered(visit),
            OwnPage::BackChannelLogout => return self.signed_out_elsewhere(visit),
            OwnPage::SignOut => {
                let Visit {
                    login,
                    ports,
                    request,
                    ..
                } = visit;
                if let Some(call) = self.load_session(login, ports, request) {
                    return Ok(Shown::Call(call));
                }
                return self.sign_out(visit);
            }
            OwnPage::Who => {
                let mut reply = self.who(visit)?;
                self.tell_now(visit.ports);
                self.give_cookies(&mut reply);
                reply
            }
            OwnPage::SignedOut => {
                visit.only("GET")?;
                let to = &visit.login.site.path_of(OwnPage::SignIn);
                Reply::page(Content::SignedOut { to }.page())
            }
        };
        Ok(Shown::Reply(reply))
    }

    pub(super) fn endpoints(&self, visit: Visit<'_, '_, '_, '_>) -> Result<Rc<Endpoints>, Refusal> {
        let now = visit.now()?;
        visit.login.provider.endpoints(&self.tried, now)
    }

    /// Sends a browser to the provider, and back to where the page that it came from says.
    fn begin(&self, visit: Visit<'_, '_, '_, '_>) -> Result<Reply, Refusal> {
        visit.only("GET")?;
        // Pages of this very site may show a picture of another host of the domain's, which would begin as many as it
        // takes to make a browser give up the one that its user is at.
        if !is_navigation(visit.request.head) {
            let advice =
                "open this address in a browser: a picture, a frame or a program begins no sign-in";
            return Err(Denial::new(Reason::SignInFailed, advice).into());
        }
        let asked = query_value(visit.request.head.path(), "return");
        let asked = asked.ok().flatten().unwrap_or_default();
        let path = visit.login.site.return_path(asked.as_bytes());
        self.send_to_provider(visit, &path)
    }

    fn send_to_provider(
        &self,
        visit: Visit<'_, '_, '_, '_>,
        path: &ReturnPath,
    ) -> Result<Reply, Refusal> {
        let Visit { login, request, .. } = visit;
        if !login.site.is_asked_as(request.head.host()) {
            let advice = format!(
                "people sign in at {}, and your browser asked for this gate by another name",
                login.site.origin.as_str()
            );
            return Err(Denial::new(Reason::SignInFailed, advice).into());
        }
        let endpoints = self.endpoints(visit)?;
        let redirect = with_entropy(&visit, |entropy| {
            login.begin(request.head, path, &endpoints, entropy)
        })?;
        let to = &redirect.location;
        let mut reply = Reply::page(Content::SigningIn { to }.page());
        reply.set_cookies(redirect.cookies);
        Ok(reply)
    }

    /// Sends whoever is refused with `denial` to the provider, if it is somebody at a browser who may be let in
    /// after signing in.
    #[inline(never)] // as above
    pub(super) fn begin_sign_in<'a>(
        &mut self,
        login: &'a Login,
        ports: Ports<'a, '_>,
        (request, client): (&Request<'_, 'a>, &ClientAddress<'_>),
        denial: &Denial,
    ) -> Option<Outcome<'a>> {
        let may_help = matches!(
            denial.reason(),
            Reason::MissingCredential | Reason::InvalidSession | Reason::ExpiredSession
        );
        let helps = may_help
            && ports.engine.mode == Mode::Enforce
            && is_navigation(request.head)
            && login.site.is_asked_as(request.head.host());
        if !helps {
            return None;
        }
        let visit = Visit {
            login,
            ports,
            request,
            client,
        };
        let path = login.site.return_path(request.head.path());
        let allowed = client.check(None).map_err(Refusal::from);
        let sent = allowed.and_then(|()| self.send_to_provider(visit, &path));
        Some(match sent {
            Ok(mut reply) => {
                // A session that has ended is taken away with it.
                if let Some(own) = &mut self.session {
                    reply.set_cookies(own.take_given());
                }
                Outcome {
                    step: RequestStep::Reply(reply),
                    record: None,
                }
            }
            Err(Refusal::Await(begun)) => {
                let (pending, call) = *begun;
                self.wait(pending, call)
            }
            Err(Refusal::Denied(denial)) => self.refuse_page(visit, OwnPage::SignIn, &denial, None),
        })
    }

    /// Gives the answer that is `outstanding` once `call` is answered, or now if there is none.
    pub(super) fn store(
        &mut self,
        login: &Login,
        attempt: Option<Attempt>,
        (outstanding, call): (Outstanding, Option<Call>),
    ) -> Result<Shown, Unshown> {
        let Some(call) = call else {
            return settled(login, attempt, outstanding, Ok(()));
        };
        self.signing_in = Some(Box::new(SigningIn::Storing(attempt, outstanding)));
        Ok(Shown::Call(call))
    }

    /// Says who is calling, by whatever credential.
    fn who(&self, visit: Visit<'_, '_, '_, '_>) -> Result<Reply, Refusal> {
        visit.only("GET")?;
        let Visit {
            login,
            ports,
            request,
            client,
        } = visit;
        let engine = ports.engine;
        let asking = engine.asking(request.head, ports, self.known(), client);
        let presented = request.presented()?;
        let identity =
            engine
                .require
                .identify(&engine.authenticators, presented, request.head, asking)?;
        policy::check_caller(&identity, request.head, client, engine.pages())?;
        let mut line = ObjectWriter::new();
        line.word("method", identity.method.name())
            .text("id", &identity.id)
            .text("subject", &identity.subject)
            .text("scopes", &identity.scopes.to_string());
        if let Some(expiry) = identity.expiry {
            line.display("expires_at", expiry.at);
        }
        if identity.method == Method::Session {
            let (session, _) = login.session(request.head, self.stored(), visit.now()?)?;
            let token = with_entropy(&visit, |entropy| login.form_token(&session, entropy))?;
            let path = login.site.path_of(OwnPage::SignOut);
            line.text("sign_out", &format!("{path}?token={token}"));
        }
        Ok(Reply::json(200, line.finish()))
    }

    /// Signs out on POST, here and at the provider; shows the page that can on GET.
    fn sign_out(&mut self, visit: Visit<'_, '_, '_, '_>) -> Result<Shown, Unshown> {
        let Visit {
            login,
            ports,
            request,
            ..
        } = visit;
        let head = request.head;
        let now = visit.now()?;
        if let Some(SigningIn::Stored(attempt, outstanding, stored)) =
            self.signing_in.take().map(|signing_in| *signing_in)
        {
            return settled(login, attempt, outstanding, stored);
        }
        if visit.is(b"GET") {
            let session = match login.session(head, self.stored(), now) {
                Ok((session, _)) => session,
                Err(denial) if denial.reason() == Reason::SessionStoreUnavailable => {
                    return Err(denial.into());
                }
                Err(_) => {
                    let location = login.site.signed_out_url();
                    let reply = Reply::redirect(location, login.forgotten(head));
                    return Ok(Shown::Reply(reply));
                }
            };
            let token = with_entropy(&visit, |entropy| login.form_token(&session, entropy))?;
            let action = format!("{}?token={token}", login.site.path_of(OwnPage::SignOut));
            let content = Content::SignedIn {
                subject: &session.subject,
                action: &action,
                token: &token,
            };
            return Ok(Shown::Reply(Reply::page(content.page())));
        }
        visit.only("POST")?;
        policy::check_page(head, ports.engine.pages())?;
        let token = query_value(head.path(), "token").ok().flatten();
        let endpoints = match self.endpoints(visit) {
            Ok(endpoints) => Some(endpoints),
            Err(Refusal::Await(begun)) => return Err(Refusal::Await(begun).into()),
            // Who wants to leave is let go, whatever the provider does.
            Err(Refusal::Denied(_)) => None,
        };
        let stored = self.stored();
        let outstanding = with_session_ports(&visit, |around| {
            let endpoints = endpoints.as_deref();
            login.sign_out(head, stored, token.as_deref(), endpoints, around)
        })?;
        self.store(login, None, outstanding)
    }

    /// Refuses a request for `page`: in words for a person, but for those that programs ask for. A sign-in that
    /// `ended` with it is taken away from the browser.
    fn refuse_page<'a>(
        &mut self,
        visit: Visit<'_, '_, 'a, '_>,
        page: OwnPage,
        denial: &Denial,
        ended: Option<&Attempt>,
    ) -> Outcome<'a> {
        let Visit {
            login,
            ports,
            request,
            client,
        } = visit;
        let facts = Facts {
            address: client.find(),
            ..Facts::of(request)
        };
        if page == OwnPage::BackChannelLogout {
            return self.refuse_provider(&facts, denial);
        }
        self.signing_in = None;
        let mut reply = Reply::refusing(denial, Dialect::Ollama, ErrorBody::default());
        if page != OwnPage::Who {
            let content = Content::Failed {
                status: denial.reason().status(),
                code: denial.reason().code(),
                message: &denial.message(),
                to: &login.site.path_of(OwnPage::SignIn),
            };
            reply = reply.showing(content.page());
        }
        if let Some(attempt) = ended {
            reply.set_cookies(login.ended(attempt));
        }
        self.give_cookies(&mut reply);
        Outcome {
            step: RequestStep::Reply(reply),
            record: Some(Record::denied(&facts, denial, ports.engine.mode)),
        }
    }
}
