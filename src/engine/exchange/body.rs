//! The body of a request whose head passed, and whose rules look into the body.

use super::coding::{self, unfit};
use super::record::{Facts, LogRules, Record};
use super::request::Request;
use super::states::{Exchange, Outcome, Ports, RequestStep};
use super::{Engine, Mode};
use crate::denial::{Denial, Reason};
use crate::grant::RuleSet;
use crate::grant::ScopeSet;
use crate::http::RequestHead;
use crate::identity::{CredentialId, Expiry, FetchedRecord, Identity, Method, SentByBrowser};
use crate::network::ClientAddress;
use crate::ollama::Named;
use crate::ollama::body::{BodyKind, CodedReader, Reader, reads_none};
use crate::policy::{BodyApproved, BodyCondition};
use crate::time::Clock;
use std::mem;
use std::net::IpAddr;
use std::rc::Rc;

/// What the gateway can hold of a body, and what it says of this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostBody {
    /// how many bytes it can hold
    pub max_bytes: u64,
    /// whether there is none; `None` where the gateway does not say
    pub absent: Option<bool>,
}

/// What a part of a body came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fed {
    /// more is needed to decide
    More,
    /// it can be decided already
    Enough,
}

/// A request that waits for its body to be read.
#[derive(Debug)]
pub(super) struct HeldRequest {
    condition: BodyCondition,
    owner: Owner,
    /// the client's address, where a rule has asked for it
    address: Option<IpAddr>,
    /// what reads the body, or why it is refused
    reader: Result<CodedReader, Denial>,
    /// the model that the body names, where somebody is told
    model: Option<String>,
    /// what is told of it if its body lets it go on; none where that names the model
    allowed: Option<Record>,
    read: u64,
    max_bytes: u64,
    /// how often the keys of tokens had changed when its caller was proved
    changes_of_keys: u64,
}

/// An identity that does not borrow from the request that proved it.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    method: Method,
    id: Rc<str>,
    subject: Rc<str>,
    scopes: ScopeSet,
    by_previous_secret: bool,
    by_browser: Option<SentByBrowser>,
    expiry: Option<Expiry>,
    /// whether a token is what proves it, or a part of that
    by_token: bool,
    /// the record that proves it, if that was fetched
    fetched: Option<Box<FetchedRecord>>,
    labels: Option<Rc<str>>,
}

impl Owner {
    pub(crate) fn of(identity: &Identity<'_>) -> Self {
        Self {
            method: identity.method,
            id: identity.id.shared(),
            subject: Rc::clone(&identity.subject),
            scopes: identity.scopes,
            by_previous_secret: identity.by_previous_secret,
            by_browser: identity.by_browser,
            expiry: identity.expiry,
            // A session has claims, and no key that could be withdrawn proves them.
            by_token: identity.claims.is_some() && identity.method != Method::Session,
            fetched: identity.fetched.clone(),
            labels: identity.labels.clone(),
        }
    }

    /// What is told of it. Its rules were applied, and stand in the condition.
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity {
            method: self.method,
            id: CredentialId::Configured(&self.id),
            subject: Rc::clone(&self.subject),
            scopes: self.scopes,
            unmapped: None,
            claims: None,
            by_previous_secret: self.by_previous_secret,
            by_browser: self.by_browser,
            expiry: self.expiry,
            allow_from: None,
            fetched: self.fetched.clone(),
            labels: self.labels.clone(),
            rules: RuleSet::default(),
        }
    }
}

impl HeldRequest {
    /// The request with `head`, which `identity` may send if its body fits `condition`; `address` is
    /// the client's, where a rule has asked for it.
    ///
    /// # Errors
    /// The head says already that the body cannot be held or read, or is too long.
    pub(crate) fn new(
        engine: &Engine,
        condition: BodyCondition,
        identity: &Identity<'_>,
        address: Option<IpAddr>,
        head: &RequestHead<'_>,
        body: HostBody,
    ) -> Result<Self, Denial> {
        let coding = coding::of(&condition, head)?;
        if let Some(length) = announced(head) {
            condition.check_size(length)?;
            if length > body.max_bytes {
                return Err(too_large(body.max_bytes));
            }
        }
        // Nobody looks at that of JSON. Of two boundaries Ollama takes the first; whoever stands
        // between may take another, or join the two.
        let mut types = head.values_of("content-type");
        let content_type = types.next().unwrap_or_default();
        if condition.kind() == BodyKind::Form && types.next().is_some() {
            let advice = "send `Content-Type` once";
            return Err(Denial::new(Reason::AmbiguousBody, advice));
        }
        let reader = Reader::new(condition.kind(), content_type).map_err(|error| unfit(&error))?;
        let reader = coding::reader(coding, reader, body.max_bytes, &engine.decoders);
        Ok(Self {
            condition,
            owner: Owner::of(identity),
            address,
            reader: Ok(reader),
            model: None,
            allowed: None,
            read: 0,
            max_bytes: body.max_bytes,
            changes_of_keys: engine.authenticators.changes_of_keys(),
        })
    }

    fn feed(&mut self, bytes: &[u8]) -> Fed {
        let Ok(reader) = &mut self.reader else {
            return Fed::Enough;
        };
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.read = self.read.saturating_add(length);
        let fed = if self.read > self.max_bytes {
            Err(too_large(self.max_bytes))
        } else {
            self.condition.check_size(self.read)
        };
        let fed = fed.and_then(|()| reader.feed(bytes).map_err(|error| unfit(&error)));
        match fed {
            Ok(()) => Fed::More,
            Err(denial) => {
                self.reader = Err(denial);
                Fed::Enough
            }
        }
    }

    /// What becomes of the request. It stays refused where it is.
    fn decide(&mut self, engine: &Engine, clock: &dyn Clock) -> Result<BodyApproved, Denial> {
        let still = self.check_again(engine, clock);
        let reader = mem::replace(&mut self.reader, Err(Denial::host_failure()));
        let members = reader.and_then(|reader| reader.finish().map_err(|error| unfit(&error)));
        let decided = match &members {
            Ok(members) => still.and_then(|()| self.condition.check(members)),
            Err(denial) => still.and(Err(denial.clone())),
        };
        if let Ok(members) = &members
            && (decided.is_err() || engine.log.model)
        {
            let mut named = Named::ALL.iter().filter_map(|named| named.of(members));
            self.model = named.next().map(str::to_owned);
        }
        if let Err(denial) = &decided {
            self.reader = Err(denial.clone());
        }
        decided
    }

    /// Remembers what is told of it if its body lets it go on, so that its head is not needed for that.
    pub(super) fn expect(&mut self, engine: &Engine, facts: &Facts<'_, '_>) {
        let LogRules { allowed, model, .. } = engine.log;
        self.allowed = (!(allowed && model)).then(|| Record::allowed(facts, allowed, engine.mode));
    }

    /// What proved the caller may be worth nothing any more: that was asked before the body was there.
    fn check_again(&self, engine: &Engine, clock: &dyn Clock) -> Result<(), Denial> {
        if let Some(expiry) = self.owner.expiry {
            expiry
                .check(clock)
                .map_err(|denial| denial.of(&self.owner.id))?;
        }
        let fetched = self.owner.fetched.as_ref();
        if fetched.is_some_and(|fetched| fetched.standing.is_withdrawn()) {
            return Err(outdated());
        }
        if self.owner.by_token && engine.authenticators.changes_of_keys() != self.changes_of_keys {
            return Err(outdated());
        }
        Ok(())
    }
}

/// Whether the request with `head` has no body.
///
/// # Errors
/// There is none, and the rules look into one; or nobody can know. Where the gateway does not say,
/// the head does (RFC 9112 section 6.3), except over HTTP/2, and then Content-Length has to.
pub(super) fn is_absent(
    kind: BodyKind,
    head: &RequestHead<'_>,
    body: HostBody,
) -> Result<bool, Denial> {
    let announced = announced(head);
    let silent = announced.is_none() && head.value("transfer-encoding").is_none();
    let unknown = body.absent.is_none() && silent;
    let absent = body.absent.unwrap_or(announced == Some(0));
    let advice = match kind {
        BodyKind::Opaque if unknown && !reads_none(head.method()) => "send a Content-Length",
        BodyKind::Opaque => return Ok(absent || unknown),
        _ if absent || unknown => "it has no body, and the rules for this credential inspect one",
        _ => return Ok(false),
    };
    Err(Denial::new(Reason::AmbiguousBody, advice))
}

/// The longest body, in bytes, of a request that waits for the gate's own sake where it need not. What is not known to
/// be shorter is none.
const MAX_SHORT: u64 = 512 * 1024;

/// Whether the request with `head` has so short a body, or none, that it can be held for a moment.
pub(super) fn is_short(head: &RequestHead<'_>, body: HostBody) -> bool {
    match (body.absent, announced(head)) {
        (Some(true), _) => true,
        (_, Some(length)) => length <= MAX_SHORT,
        (Some(false), None) => false,
        (None, None) => head.value("transfer-encoding").is_none() && reads_none(head.method()),
    }
}

/// The length of the body, as the head has it.
pub(super) fn announced(head: &RequestHead<'_>) -> Option<u64> {
    let length = head.value("content-length")?;
    // A length that is no number is the gateway's to refuse; here it is larger than anything.
    let length = std::str::from_utf8(length).ok().map(str::parse);
    Some(length.and_then(Result::ok).unwrap_or(u64::MAX))
}

fn too_large(max_bytes: u64) -> Denial {
    let advice = format!(
        "the gate inspects at most {max_bytes} bytes of this request's body: send a smaller one, or ask \
         the operator to raise `host.body_limit`"
    );
    Denial::new(Reason::BodyTooLarge, advice)
}

/// What was decided, was decided by what is no longer in force.
pub(super) fn outdated() -> Denial {
    let advice = "the keys or the configuration have changed while it waited, send it again";
    Denial::new(Reason::ConfigurationChanged, advice)
}

impl Exchange {
    /// Whether the body of this request is read.
    pub fn reads_body(&self) -> bool {
        self.held.is_some() || self.is_receiving()
    }

    /// The next part of the body.
    pub fn feed(&mut self, bytes: &[u8]) -> Fed {
        match (&mut self.held, &mut self.back_channel) {
            (Some(held), _) => held.feed(bytes),
            (None, Some(back_channel)) => back_channel.feed(bytes),
            (None, None) => Fed::Enough,
        }
    }

    /// The gateway does not show the body, or not all of it.
    pub fn body_hidden(&mut self) {
        if let Some(held) = &mut self.held {
            held.reader = Err(too_large(held.max_bytes));
        }
        if let Some(back_channel) = &mut self.back_channel {
            back_channel.hide_body();
        }
    }

    /// The body has ended, or enough of it was read to refuse it. The step, if it goes on and nothing of its head is
    /// needed for that; otherwise [`Self::body_end`] has it.
    pub fn body_passed<'a>(&mut self, engine: &Engine, clock: &dyn Clock) -> Option<Outcome<'a>> {
        let record = self.held.as_mut()?.allowed.take()?;
        let approved = self.held.as_mut()?.decide(engine, clock).ok()?;
        self.held = None;
        Some(self.release(engine.mode, approved, record))
    }

    fn release<'a>(&mut self, mode: Mode, approved: BodyApproved, record: Record) -> Outcome<'a> {
        self.forwarded = true;
        let watched = mode.watched().map(RequestStep::Watch);
        Outcome {
            step: watched.unwrap_or(RequestStep::Release(approved)),
            record: Some(record),
        }
    }

    /// The same, with the head.
    pub fn body_end<'a>(&mut self, ports: Ports<'a, '_>, head: &RequestHead<'a>) -> Outcome<'a> {
        if self.is_receiving() {
            return self.received(ports, head);
        }
        let engine = ports.engine;
        let request = Request::new(engine, head);
        let mut facts = Facts::of(&request);
        let Some(mut held) = self.held.take() else {
            return self.refuse(&facts, &Denial::host_failure());
        };
        let decided = held.decide(engine, ports.clock);
        facts.identity = Some(held.owner.identity());
        facts.address = held.address;
        facts.model = held.model;
        match decided {
            Ok(approved) => {
                let record = Record::allowed(&facts, engine.log.allowed, engine.mode);
                self.release(engine.mode, approved, record)
            }
            Err(denial) => {
                let client = ClientAddress::new(&engine.network, ports.connection, head);
                facts.address = facts.address.or_else(|| client.find());
                self.tell_now(ports);
                self.refuse(&facts, &denial)
            }
        }
    }
}
