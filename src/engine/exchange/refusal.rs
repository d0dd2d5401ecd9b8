//! How a request is refused.

use super::record::{Facts, Record};
use super::states::{Exchange, Outcome, RequestStep, Unread};
use super::{Engine, Mode, Reply};
use crate::cors;
use crate::denial::{Denial, Reason};
use crate::http::without_query;
use crate::ollama::{Dialect, ErrorBody};

impl Exchange {
    /// There is no head to decide on, or what was decided could not be done. `path` is what is
    /// known of the path, for the dialect.
    ///
    /// ```
    /// use ollama_gate_engine::{Exchange, RequestStep, Unread};
    ///
    /// let outcome = Exchange::default().unread(None, Unread::Misconfigured, b"/api/chat");
    /// let RequestStep::Reply(reply) = outcome.step else { panic!("nobody comes in") };
    /// assert_eq!(reply.status, 500);
    /// ```
    pub fn unread(
        &mut self,
        engine: Option<&Engine>,
        unread: Unread,
        path: &[u8],
    ) -> Outcome<'static> {
        let denial = match unread {
            Unread::Misconfigured => Denial::new(
                Reason::Misconfigured,
                "its configuration was refused, the operator finds the errors in the gateway's log",
            ),
            Unread::Defect(error) => Denial::new(Reason::MalformedRequest, error.advice()),
            Unread::HostFailed => Denial::host_failure(),
        };
        // Who configured another gateway than this one has not said what is to be done on this one.
        let mode = match unread {
            Unread::Misconfigured => Mode::Enforce,
            _ => engine.map(|engine| engine.mode).unwrap_or_default(),
        };
        let facts = Facts {
            engine,
            ..Facts::default()
        };
        self.refuse_in(mode, path, &facts, &denial)
    }

    /// Answers with `denial`, in the mode of the configuration and the dialect of the path.
    pub(super) fn refuse<'a>(&mut self, facts: &Facts<'_, '_>, denial: &Denial) -> Outcome<'a> {
        let mode = facts.engine.map(|engine| engine.mode).unwrap_or_default();
        let path = facts
            .request
            .map_or(&b""[..], |request| request.head.path());
        self.refuse_in(mode, path, facts, denial)
    }

    #[inline(never)] // or those that are let in pay for it
    fn refuse_in<'a>(
        &mut self,
        mode: Mode,
        path: &[u8],
        facts: &Facts<'_, '_>,
        denial: &Denial,
    ) -> Outcome<'a> {
        let watched = mode.watched();
        self.forwarded = watched.is_some();
        self.pending = None;
        self.signing_in = None;
        self.held = None;
        self.carried = None;
        let record = Some(Record::denied(facts, denial, mode));
        if let Some(watched) = watched {
            let step = RequestStep::Watch(watched);
            return Outcome { step, record };
        }
        let origin = self.origin.take();
        let engine = facts.engine;
        let local = engine.map_or(path, |engine| engine.local_target(path));
        let dialect = Dialect::of(without_query(local));
        let extra = ErrorBody {
            signin_url: engine.and_then(|engine| engine.signin_url.as_deref()),
            request_id: match dialect {
                Dialect::Anthropic => facts.request_id(),
                Dialect::Ollama | Dialect::OpenAi => None,
            },
        };
        let mut reply = Reply::refusing(denial, dialect, extra);
        if engine.is_some_and(|engine| !engine.authenticators.users().is_empty()) {
            reply.offer_basic();
        }
        let content_type = facts.request;
        let content_type = content_type.and_then(|request| request.head.value("content-type"));
        if content_type.is_some_and(|value| value.starts_with(b"application/grpc")) {
            reply.show_status();
        }
        if let Some(origin) = origin {
            reply.headers.extend(cors::of_reply(&origin));
        }
        self.give_cookies(&mut reply);
        Outcome {
            step: RequestStep::Reply(reply),
            record,
        }
    }
}
