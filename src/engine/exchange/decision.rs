//! What a request's head comes to.

use super::body::{self, HeldRequest};
use super::request::Request;
use super::session::OwnSession;
use super::{Engine, Mode, Ports, share};
use crate::authn::Asking;
use crate::credential::Presented;
use crate::denial::{Denial, Reason};
use crate::http::{FieldKind, RequestHead};
use crate::identity::Identity;
use crate::network::ClientAddress;
use crate::ollama::body::Members;
use crate::policy::{self, Caller, Pages, Verdict};
use crate::source::{Refusal, Tried};
use crate::upstream::{self, Admitted, Asker, OwnField, Prepared, TakenOut};

/// What the head came to.
pub(super) enum Decided<'a> {
    /// it may go on
    Forward(Admitted<'a>),
    /// it may, if its body is what it has to be
    Hold(Prepared<'a>, Box<HeldRequest>),
}

impl Decided<'_> {
    /// Has Ollama asked for a response that can be read.
    pub(crate) fn ask_for_plain_body(&mut self) {
        match self {
            Self::Forward(admitted) => admitted.ask_for_plain_body(),
            Self::Hold(prepared, _) => prepared.ask_for_plain_body(),
        }
    }
}

impl Engine {
    /// The one decision. Who is calling goes into `identity`, for the record, once it is proved.
    ///
    /// The order of refusal is the house rule: malformed, then who, then what.
    pub(super) fn decide<'a>(
        &'a self,
        request: &Request<'_, 'a>,
        ports: Ports<'_, '_>,
        (tried, session): (&[Tried], Option<&OwnSession>),
        client: &ClientAddress<'_>,
        proved: &mut Option<Identity<'a>>,
    ) -> Result<Decided<'a>, Refusal> {
        let (head, route) = (request.head, request.route);
        request.check_path()?;
        if asks_for_websocket(head) {
            let advice = "it is a WebSocket upgrade, which Ollama does not support: use plain HTTP in your client";
            return Err(Denial::new(Reason::MalformedRequest, advice).into());
        }
        let presented = request.presented()?;
        let taken_out = TakenOut::collect(head, request.copies()?, &self.upstream)?;
        let asking = self.asking(head, ports, (tried, session), client);
        let pages = self.pages();
        match policy::public(self.public, route, head, client, pages) {
            Some(Ok(permit)) => {
                self.check_meant(presented, head, asking)?;
                let own = self.own_credential(permit.caller(), asking)?;
                let admitted = upstream::admit(&permit, head, taken_out, &self.upstream, own)?;
                return Ok(Decided::Forward(admitted));
            }
            // A page that brings a credential is not a browser acting by itself.
            Some(Err(denial)) if presented.is_empty() => return Err(denial.into()),
            _ => {}
        }
        let identity = self
            .require
            .identify(&self.authenticators, presented, head, asking);
        // Each `or_else` of a result of this size would be another copy of it.
        let identity = proved.insert(match identity {
            Ok(identity) => identity,
            Err(refusal) => {
                let anonymous = self.anonymous.as_ref();
                anonymous
                    .and_then(|anonymous| anonymous.in_place_of(&refusal, presented, route))
                    .ok_or(refusal)?
            }
        });
        if self.share_identity
            && let Err(denial) = share::check(identity)
        {
            *proved = None;
            return Err(denial.into());
        }
        let found = route.ok_or_else(|| request.unfound());
        match policy::decide(identity, found, head, client, pages)?.judge(request.line())? {
            Verdict::Permitted(permit) => {
                let own = self.own_credential(permit.caller(), asking)?;
                let admitted = upstream::admit(&permit, head, taken_out, &self.upstream, own)?;
                Ok(Decided::Forward(admitted))
            }
            Verdict::OnBody(conditional) => {
                let condition = conditional.condition().clone();
                if body::is_absent(condition.kind(), head, ports.body)? {
                    let permit = conditional.decide(&Members::default())?;
                    let own = self.own_credential(permit.caller(), asking)?;
                    let admitted = upstream::admit(&permit, head, taken_out, &self.upstream, own)?;
                    return Ok(Decided::Forward(admitted));
                }
                let held =
                    HeldRequest::new(self, condition, identity, client.known(), head, ports.body)?;
                let own = self.own_credential(conditional.caller(), asking)?;
                let rules = &self.upstream;
                let prepared = upstream::prepare(&conditional, head, taken_out, rules, own)?;
                Ok(Decided::Hold(prepared, Box::new(held)))
            }
        }
    }

    /// What checking the caller of the request with `head` needs beside it.
    pub(super) fn asking<'c>(
        &self,
        head: &RequestHead<'c>,
        ports: Ports<'_, 'c>,
        (tried, session): (&'c [Tried], Option<&'c OwnSession>),
        client: &'c ClientAddress<'c>,
    ) -> Asking<'c> {
        Asking {
            clock: ports.clock,
            verifier: ports.verifier,
            tried,
            client,
            target: self.local_target(head.path()),
            is_repeated: self.has_awaited_own(tried),
            session: session.map(OwnSession::signed_in),
        }
    }

    /// Whose pages may use the gate.
    pub(super) fn pages(&self) -> Pages<'_> {
        Pages {
            cors: self.cors.as_ref(),
            hosts: self.hosts.as_ref(),
            site: self.login.as_ref().map(|login| &login.site.origin),
        }
    }

    /// Whether the request has passed every rule before, and then waited for the gate's own credential.
    fn has_awaited_own(&self, tried: &[Tried]) -> bool {
        let own = self.upstream.credential.as_ref();
        !tried.is_empty() && own.is_some_and(|own| own.was_awaited(tried))
    }

    /// The gate's own credential for Ollama's front, for a request of `caller` that is permitted. In report mode a
    /// request goes on as it came, with the client's credentials in it, and whether it is permitted or not: none
    /// of them gets the gate's.
    fn own_credential(
        &self,
        caller: Caller<'_, '_>,
        asking: Asking<'_>,
    ) -> Result<Option<OwnField<'_>>, Refusal> {
        let Some(credential) = &self.upstream.credential else {
            return Ok(None);
        };
        if self.mode == Mode::Report {
            return Ok(None);
        }
        let asker = Asker {
            clock: asking.clock,
            tried: asking.tried,
            is_known: matches!(caller, Caller::Known(_)),
        };
        credential.field(asker).map(Some)
    }

    /// Passes what a client sends of its own accord on a public route, unless it is wrong: Open WebUI
    /// and others try out a key at `/api/version`.
    ///
    /// # Errors
    /// Nobody's credential, or one that has ended. What cannot be known here and now is no reason.
    fn check_meant(
        &self,
        presented: &Presented<'_>,
        head: &RequestHead<'_>,
        asking: Asking<'_>,
    ) -> Result<(), Refusal> {
        if !presented.is_meant() {
            return Ok(());
        }
        match self
            .require
            .identify(&self.authenticators, presented, head, asking)
        {
            Err(Refusal::Denied(denial)) if is_wrong(denial.reason()) => Err(denial.into()),
            Err(Refusal::Await(begun)) => Err(Refusal::Await(begun)),
            _ => Ok(()),
        }
    }
}

/// Whether `reason` says of a credential that it is no good, alone or beside others.
fn is_wrong(reason: Reason) -> bool {
    reason.status() == 401 && reason != Reason::InsufficientMethods
}

/// RFC 6455 section 4.1. Istio and Envoy Gateway let such a request through, and nobody could look into
/// what follows it.
fn asks_for_websocket(head: &RequestHead<'_>) -> bool {
    let mut protocols = head
        .values(FieldKind::Upgrade)
        .flat_map(|list| list.split(|byte| *byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}
