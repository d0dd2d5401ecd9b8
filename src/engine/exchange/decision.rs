//! What a request's head comes to.

use super::body::{self, HeldRequest};
use super::record::Facts;
use super::{Engine, Ports, share};
use crate::authn::Asking;
use crate::credential::{Copies, Presented};
use crate::denial::{Denial, Reason};
use crate::http::{DecodedPath, FieldKind, PathPrefix, RequestHead, RequestLine, cookie};
use crate::network::ClientAddress;
use crate::ollama::body::Members;
use crate::ollama::{Naming, Route};
use crate::policy::{self, Pages, Verdict};
use crate::source::{Refusal, Tried};
use crate::upstream::{self, Admitted, Prepared, TakenOut};

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
    /// The one decision. What is learnt on the way goes into `facts`, for the record.
    ///
    /// The order of refusal is the house rule: malformed, then who, then what.
    pub(super) fn decide<'a>(
        &'a self,
        head: &RequestHead<'a>,
        ports: Ports<'_, '_>,
        tried: &[Tried],
        client: &ClientAddress<'_>,
        facts: &mut Facts<'_, 'a>,
    ) -> Result<Decided<'a>, Refusal> {
        let path = head
            .decoded_path()
            .map_err(|error| Denial::new(Reason::MalformedPath, error.advice()))?;
        if asks_for_websocket(head) {
            let advice =
                "it asks for a WebSocket, and Ollama has none: set your client to plain HTTP";
            return Err(Denial::new(Reason::MalformedRequest, advice).into());
        }
        let presented = Presented::collect(head)?;
        let copies = facts.copies.insert(self.copies(&presented, head));
        let taken_out = TakenOut::collect(head, copies, &self.upstream)?;
        let route = self.route_of(head, &path);
        facts.route = route;
        let asking = Asking {
            clock: ports.clock,
            verifier: ports.verifier,
            tried,
            client,
            target: self.local_target(head.path()),
        };
        let pages = Pages {
            cors: self.cors.as_ref(),
            hosts: self.hosts.as_ref(),
        };
        match policy::public(self.public, route, head, client, pages) {
            Some(Ok(permit)) => {
                self.check_meant(&presented, head, asking)?;
                let admitted = upstream::admit(&permit, head, taken_out, &self.upstream)?;
                return Ok(Decided::Forward(admitted));
            }
            // A page that brings a credential is not a browser acting by itself.
            Some(Err(denial)) if presented.is_empty() => return Err(denial.into()),
            _ => {}
        }
        let identity = self
            .require
            .identify(&self.authenticators, &presented, head, asking);
        let identity = identity.or_else(|refusal| {
            let anonymous = self.anonymous.as_ref();
            anonymous
                .and_then(|anonymous| anonymous.in_place_of(&refusal, &presented, route))
                .ok_or(refusal)
        })?;
        if self.share_identity {
            share::check(&identity)?;
        }
        let identity = facts.identity.insert(identity);
        let line = RequestLine {
            method: head.method(),
            path: self.local(path.as_str()).unwrap_or_default(),
            has_query: head.path().contains(&b'?'),
        };
        let found = route.ok_or_else(|| self.unfound(head, &path));
        match policy::decide(identity, found, head, client, pages)?.judge(line)? {
            Verdict::Permitted(permit) => {
                let admitted = upstream::admit(&permit, head, taken_out, &self.upstream)?;
                Ok(Decided::Forward(admitted))
            }
            Verdict::OnBody(conditional) => {
                let condition = conditional.condition().clone();
                if body::is_absent(condition.kind(), head, ports.body)? {
                    let permit = conditional.decide(&Members::default())?;
                    let admitted = upstream::admit(&permit, head, taken_out, &self.upstream)?;
                    return Ok(Decided::Forward(admitted));
                }
                let held =
                    HeldRequest::new(self, condition, identity, client.known(), head, ports.body)?;
                let prepared = upstream::prepare(&conditional, head, taken_out, &self.upstream)?;
                Ok(Decided::Hold(prepared, Box::new(held)))
            }
        }
    }

    /// The credentials of the request with `head`, unless they contradict each other: then nobody can
    /// say which there are.
    #[inline(never)] // hardly ever are they not known already
    pub(super) fn copies_in<'a>(&self, head: &RequestHead<'a>) -> Option<Copies<'a>> {
        let presented = Presented::collect(head).ok()?;
        Some(self.copies(&presented, head))
    }

    /// What is `presented` in `head`, and what stands in cookies and beside a key.
    fn copies<'a>(&self, presented: &Presented<'a>, head: &RequestHead<'a>) -> Copies<'a> {
        let mut copies = Copies::of(presented);
        for name in self.authenticators.cookie_names() {
            let headers = head.values(FieldKind::Cookie);
            let values = headers.filter_map(|header| cookie(header, name).ok().flatten());
            values.for_each(|value| copies.add(value));
        }
        for name in &self.upstream.token_headers {
            head.values_of(name)
                .for_each(|value| copies.add(value.trim_ascii()));
        }
        copies
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

    /// The model that the path names, of a caller who is known: what strangers ask for is not logged.
    #[inline(never)] // hardly ever asked
    pub(super) fn model_in_path(&self, facts: &Facts<'_, '_>) -> Option<String> {
        let route = facts.route.filter(|route| route.naming() == Naming::Path)?;
        facts.identity.as_ref()?;
        let path = facts.head?.decoded_path().ok()?;
        let local = self.local(path.as_str())?;
        Some(route.parameter(local).to_owned())
    }

    /// The route of the request with `head`, if it has one that the gate knows.
    pub(super) fn route(&self, head: &RequestHead<'_>) -> Option<&Route> {
        let path = head.decoded_path().ok()?;
        self.route_of(head, &path)
    }

    fn route_of(&self, head: &RequestHead<'_>, path: &DecodedPath<'_>) -> Option<&Route> {
        let local = self.local(path.as_str())?;
        self.routes.find(head.method(), local)
    }

    /// The refusal of the request with `head`, whose `path` is no route.
    fn unfound(&self, head: &RequestHead<'_>, path: &DecodedPath<'_>) -> Denial {
        match (self.local(path.as_str()), &self.path_prefix) {
            (Some(local), _) => self.routes.refusal(head.method(), local, head.path()),
            (None, prefix) => {
                let prefix = prefix.as_ref().map_or("", PathPrefix::as_str);
                let advice = format!(
                    "the gate is mounted at `{prefix}`: your client's base URL has to begin with \
                     the gate's address and `{prefix}`"
                );
                Denial::new(Reason::UnknownRoute, advice)
            }
        }
    }

    /// `target`, path and query as sent, without the prefix, if it is below it.
    pub(super) fn local_target<'p>(&self, target: &'p [u8]) -> &'p [u8] {
        let prefix = self.path_prefix.as_ref();
        let below = prefix.and_then(|prefix| prefix.strip_bytes(target));
        below.unwrap_or(target)
    }

    /// `path` as Ollama will know it, or `None` if it is not below the prefix.
    fn local<'p>(&self, path: &'p str) -> Option<&'p str> {
        match &self.path_prefix {
            Some(prefix) => prefix.strip(path),
            None => Some(path),
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
        .values_of("upgrade")
        .flat_map(|list| list.split(|byte| *byte == b','));
    protocols.any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"websocket"))
}
