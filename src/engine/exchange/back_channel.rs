//! The page at which the provider says that somebody has signed out there: its body is read, its token verified, and the
//! store told.

use super::Reply;
use super::body::{Fed, announced};
use super::record::{Facts, Record};
use super::request::Request;
use super::sign_in::{Shown, Unshown, Visit};
use super::states::{Exchange, Outcome, Ports, RequestStep};
use crate::authn::Attempts;
use crate::authn::jwt::Context;
use crate::denial::{Denial, Reason};
use crate::http::{Coding, RequestHead, form_value};
use crate::login::{Admission, EndingSessions, Login, OwnPage};
use crate::secret::Secret;
use crate::source::Response;

/// The longest body that is read, in bytes: a token has 1,000.
const MAX_BYTES: u64 = 64 * 1024;
/// How long the body may take, in seconds.
const MAX_SECONDS: u64 = 10;

/// What the provider says, as far as that has come.
#[derive(Debug)]
pub(super) struct BackChannel {
    stage: Stage,
    /// taken until the provider is answered
    place: Admission,
}

#[derive(Debug)]
enum Stage {
    /// of the body this has come, at most so many bytes
    Receiving(Vec<u8>, u64),
    /// the body is one that is not read
    Refused(Denial),
    /// it was read, and this is its token, which is not known to be good
    Received(Secret<String>),
    /// the store is being told
    Ending(EndingSessions),
    /// it has answered
    Ended(Result<(), Denial>),
}

impl BackChannel {
    /// The store has answered.
    pub(super) fn answered(self, login: Option<&Login>, response: &Response<'_>) -> Self {
        let stage = match self.stage {
            Stage::Ending(ending) => {
                let login = login.ok_or_else(Denial::host_failure);
                Stage::Ended(login.and_then(|login| login.sessions_ended(&ending, response)))
            }
            other => other,
        };
        Self { stage, ..self }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) -> Fed {
        let Stage::Receiving(body, max_bytes) = &mut self.stage else {
            return Fed::Enough;
        };
        let length = body.len().saturating_add(bytes.len());
        if u64::try_from(length).is_ok_and(|length| length <= *max_bytes) {
            body.extend_from_slice(bytes);
            return Fed::More;
        }
        self.stage = Stage::Refused(too_large(*max_bytes));
        Fed::Enough
    }

    /// The gateway does not show the body, or not all of it.
    pub(super) fn hide_body(&mut self) {
        if let Stage::Receiving(_, max_bytes) = self.stage {
            self.stage = Stage::Refused(too_large(max_bytes));
        }
    }

    /// The body has ended.
    fn end_body(self) -> Self {
        let stage = match self.stage {
            Stage::Receiving(body, _) => token(&body).map_or_else(Stage::Refused, Stage::Received),
            other => other,
        };
        Self { stage, ..self }
    }
}

fn too_large(max_bytes: u64) -> Denial {
    let advice = format!("a logout token has at most {max_bytes} bytes");
    Denial::new(Reason::BodyTooLarge, advice)
}

fn malformed(advice: &'static str) -> Denial {
    Denial::new(Reason::AmbiguousBody, advice)
}

/// The token in the form `body` (Back-Channel Logout 1.0 section 2.5). Other fields mean nothing.
fn token(body: &[u8]) -> Result<Secret<String>, Denial> {
    let token = form_value(body, "logout_token");
    let token = token.map_err(|_| {
        malformed("its form has `logout_token` more than once, or one that is not encoded text")
    })?;
    let token = token.filter(|token| !token.is_empty());
    token
        .map(Secret::new)
        .ok_or_else(|| malformed("its form has no `logout_token`"))
}

/// Refuses a body that the head says is not the form of a logout token, or is too long. How much of it is read, in bytes.
fn check_head(head: &RequestHead<'_>, ports: Ports<'_, '_>) -> Result<u64, Denial> {
    let mut types = head.values_of("content-type");
    let media_type = types.next().unwrap_or_default();
    let media_type = media_type.split(|byte| *byte == b';').next();
    let is_form = media_type.is_some_and(|media_type| {
        let media_type = media_type.trim_ascii();
        media_type.eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
    });
    if !is_form || types.next().is_some() {
        let advice = "send a form, with one `Content-Type: application/x-www-form-urlencoded`";
        return Err(malformed(advice));
    }
    if Coding::of(head.values_of("content-encoding")) != Coding::Identity {
        let advice = "send it uncompressed, and without `Content-Encoding`";
        return Err(malformed(advice));
    }
    let length = announced(head);
    let max_bytes = ports.body.max_bytes.min(MAX_BYTES);
    match (ports.body.absent, length) {
        (_, Some(length)) if length > max_bytes => Err(too_large(max_bytes)),
        (Some(true), _) | (None, Some(0)) => Err(malformed("its form has no `logout_token`")),
        // Where the gateway does not say whether there is a body, and there is none, nothing would come that ends it.
        (None, None) => Err(malformed("send a `Content-Length`")),
        _ => Ok(max_bytes),
    }
}

/// Whether `request` is for the page where the provider says who has signed out.
pub(super) fn is_for_provider(request: &Request<'_, '_>) -> bool {
    let login = request.engine.login.as_ref();
    login.is_some_and(|login| login.takes_logout_tokens())
        && request.local_path().and_then(OwnPage::at) == Some(OwnPage::BackChannelLogout)
}

impl Exchange {
    /// Whether it reads the body of what the provider says.
    pub(super) fn is_receiving(&self) -> bool {
        let back_channel = self.back_channel.as_ref();
        back_channel
            .is_some_and(|one| matches!(one.stage, Stage::Receiving(..) | Stage::Refused(_)))
    }

    /// Whether its body is for the gate itself.
    pub fn is_for_gate(&self) -> bool {
        self.back_channel.is_some()
    }

    /// Whether `size` bytes of its body are more than is read.
    pub fn is_too_long(&self, size: usize) -> bool {
        let back_channel = self.back_channel.as_ref();
        back_channel.is_some_and(|one| match one.stage {
            Stage::Receiving(_, max_bytes) => {
                u64::try_from(size).is_ok_and(|size| size > max_bytes)
            }
            _ => false,
        })
    }

    /// For how many seconds its body may be held, where that is not what the configuration says.
    pub fn max_seconds_held(&self) -> Option<u64> {
        self.is_receiving().then_some(MAX_SECONDS)
    }

    /// The body of what the provider says has come.
    pub(super) fn received<'a>(
        &mut self,
        ports: Ports<'a, '_>,
        head: &RequestHead<'a>,
    ) -> Outcome<'a> {
        let received = self.back_channel.take();
        self.back_channel = received.map(|one| Box::new(one.end_body()));
        self.request_head(ports, head)
    }

    /// The provider says that somebody has signed out. Nothing else is looked at: no credential, no cookie, no page.
    pub(super) fn signed_out_elsewhere(
        &mut self,
        visit: Visit<'_, '_, '_, '_>,
    ) -> Result<Shown, Unshown> {
        let Visit {
            login,
            ports,
            request,
            client,
        } = visit;
        // No page elsewhere is told what becomes of it.
        self.origin = None;
        let Some(BackChannel { stage, place }) = self.back_channel.take().map(|one| *one) else {
            visit.only("POST")?;
            let max_bytes = check_head(request.head, ports)?;
            let place = login.admit_logout_token(client, visit.now()?)?;
            let stage = Stage::Receiving(Vec::new(), max_bytes);
            self.back_channel = Some(Box::new(BackChannel { stage, place }));
            return Ok(Shown::Receive);
        };
        let text = match stage {
            Stage::Received(text) => text,
            Stage::Refused(denial) => return Err(denial.into()),
            Stage::Ended(ended) => {
                ended?;
                return Ok(Shown::Reply(Reply::json(200, "{}".to_owned())));
            }
            // It has no answer, and nobody knows.
            Stage::Receiving(..) | Stage::Ending(_) => return Err(Denial::host_failure().into()),
        };
        let context = Context {
            now: visit.now()?,
            verifier: ports.verifier,
            tried: &self.tried,
            attempts: Attempts::new(None, client),
            client,
        };
        let ending = login.end_sessions(text.expose(), context);
        let (stage, shown) = match ending {
            Ok((ending, call)) => {
                place.is_proved();
                (Stage::Ending(ending), Ok(Shown::Call(call)))
            }
            Err(refusal) => (Stage::Received(text), Err(refusal.into())),
        };
        self.back_channel = Some(Box::new(BackChannel { stage, place }));
        shown
    }

    /// Refuses what the provider says, in the words of its protocol.
    pub(super) fn refuse_provider<'a>(
        &mut self,
        facts: &Facts<'_, '_>,
        denial: &Denial,
    ) -> Outcome<'a> {
        self.back_channel = None;
        self.pending = None;
        let mode = facts.engine.map(|engine| engine.mode).unwrap_or_default();
        Outcome {
            step: RequestStep::Reply(Reply::to_provider(denial)),
            record: Some(Record::denied(facts, denial, mode)),
        }
    }
}
