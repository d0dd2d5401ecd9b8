//! What is done to the head of a response.

use super::record::Facts;
use super::request::Request;
use super::{Engine, Exchange, Mode, Outcome};
use crate::cors::{self, ResponseEdit};
use crate::denial::{Denial, Reason};
use crate::http::RequestHead;
use crate::identity::Method;

/// What the host has to do with the head of a response. It goes on either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseStep<'a> {
    /// nothing
    Continue,
    /// these edits, in this order; one that fails is the last
    Edit([ResponseEdit<'a>; 4]),
}

/// What a refusal of the gate's own credential holds that is not for clients: challenges to the gate, which a
/// client would take for its own (RFC 9110 sections 11.6.1 and 11.7.1).
pub const CHALLENGES: [&str; 2] = ["www-authenticate", "proxy-authenticate"];

/// The gate's own credential in a request that went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    /// which it was
    generation: u64,
    /// whether its refusal is a reason to fetch it anew: strangers have no such say
    counts: bool,
}

impl Carried {
    /// Of a request that goes on. In report mode it carries none.
    #[inline(never)] // or those who have none pay for it
    pub(super) fn of(facts: &Facts<'_, '_>) -> Option<Self> {
        let engine = facts.engine.filter(|engine| engine.mode == Mode::Enforce)?;
        let own = engine.upstream.credential.as_ref()?;
        let identity = facts.identity.as_ref();
        Some(Self {
            generation: own.generation(),
            counts: identity.is_some_and(|identity| identity.method != Method::Anonymous),
        })
    }
}

impl Exchange {
    /// Whether there is more to do with the head of the response than a page of another site needs.
    pub const fn reads_response(&self) -> bool {
        self.carried.is_some() || self.list.is_some() || self.session.is_some()
    }

    /// Whether an answer in place of the response may be given, which the head of the request is needed for: a session needs
    /// none, and the head is as long as its cookies.
    pub const fn may_replace_response(&self) -> bool {
        self.carried.is_some() || self.list.is_some()
    }

    /// Whether the gate's own credential went with the request, so that the status of the response says whether
    /// Ollama's front took it.
    pub const fn carries_own_credential(&self) -> bool {
        self.carried.is_some()
    }

    /// The response to the request with `head`, which carried the gate's own credential, has this status, if the
    /// gateway shows it. The answer in its place, if the front refused that credential: the client's was never
    /// sent there. What cannot be read is taken for a refusal, since it may hold a challenge to the gate.
    ///
    /// A 403 goes on: Ollama itself has some, and the front knows the gate then.
    pub fn own_credential_answered<'a>(
        &mut self,
        engine: &'a Engine,
        head: Option<&RequestHead<'a>>,
        status: Option<u16>,
    ) -> Option<Outcome<'a>> {
        let carried = self.carried.take()?;
        if !matches!(status, None | Some(401 | 407)) {
            return None;
        }
        if let Some(own) = engine.upstream.credential.as_ref()
            && carried.counts
            && status.is_some()
        {
            own.doubt(carried.generation);
        }
        let denial = Denial::new(
            Reason::UpstreamCredentialRefused,
            "yours was accepted and is not the reason; the operator has to look at `upstream.credential`",
        );
        let denial = denial.because(match status {
            Some(status) => format!("the server in front of Ollama answered with status {status}"),
            None => "the gateway does not show the status of the response".to_owned(),
        });
        let request = head.map(|head| Request::new(engine, head));
        let facts = Facts {
            engine: Some(engine),
            request: request.as_ref(),
            ..Facts::default()
        };
        Some(self.refuse(&facts, &denial))
    }

    /// The head of the response has come: of Ollama's, or of what the gateway itself answers. The
    /// gate's own answers say for themselves what there is to say.
    pub fn response_head(&self) -> ResponseStep<'_> {
        match &self.origin {
            Some(origin) => ResponseStep::Edit(cors::of_response(origin)),
            None => ResponseStep::Continue,
        }
    }
}
