//! A list of models, of which its caller is shown a part.

use super::body::Owner;
use super::decision::Decided;
use super::record::Facts;
use super::request::Request;
use super::states::{Exchange, Outcome};
use super::{Engine, Mode};
use crate::denial::{Denial, Reason};
use crate::grant::VisibleModels;
use crate::http::{Coding, RequestHead};
use crate::ollama::{Naming, Route, list};
use std::net::IpAddr;

/// The longest list that is read, in bytes.
const MAX_LIST_BYTES: usize = 16 << 20;

/// A list that has been asked for and is not shown whole.
#[derive(Debug)]
pub(super) struct List {
    shown: VisibleModels,
    owner: Owner,
    /// the client's address, where a rule has asked for it
    address: Option<IpAddr>,
    /// what has come of it, until it is over: shown or refused
    body: Option<Vec<u8>>,
}

/// What the head of a response says, as far as it matters to a list in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListHead {
    /// the status
    pub status: u16,
    /// how long the body is, where it says so
    pub length: Option<usize>,
    /// how the body is coded
    pub coding: Coding,
    /// whether there is no body
    pub ends: bool,
}

/// What becomes of the response where a list was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// it is an error or the like, and goes on
    Passes,
    /// it is held until it was read
    Held,
}

impl Exchange {
    /// Remembers that the response is a list of which the caller is shown a part, if it will be one.
    #[inline(never)] // or those who filter nothing pay for it
    pub(super) fn expect_list(
        &mut self,
        mode: Mode,
        facts: &Facts<'_, '_>,
        decided: &mut Decided<'_>,
    ) {
        let lists = |route: &&Route| route.naming() == Naming::List;
        let asks = |request: &&Request<'_, '_>| request.head.method() == b"GET";
        if mode.watched().is_some()
            || facts.route().filter(lists).is_none()
            || facts.request.filter(asks).is_none()
        {
            return;
        }
        let Some(identity) = &facts.identity else {
            return;
        };
        if let Some(shown) = VisibleModels::of(&identity.rules) {
            decided.ask_for_plain_body();
            self.list = Some(Box::new(List {
                shown,
                owner: Owner::of(identity),
                address: facts.address,
                body: Some(Vec::new()),
            }));
        }
    }

    /// Whether the response is a list of which the caller is shown a part, as far as is known.
    pub const fn filters_list(&self) -> bool {
        self.list.is_some()
    }

    /// Whether the list was shown or refused. Nothing more of it goes on.
    pub fn list_is_over(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.body.is_none())
    }

    /// The head of the response has come.
    ///
    /// # Errors
    /// The list cannot be read.
    pub fn list_head(&mut self, head: ListHead) -> Result<Listing, Denial> {
        match head.status {
            200 => {}
            // A part of a list (206) is none, and may be any part.
            status @ 201..=299 => {
                return Err(unreadable(format!(
                    "Ollama answered with status {status} in place of 200, {CHECK}"
                )));
            }
            _ => {
                self.list = None;
                return Ok(Listing::Passes);
            }
        }
        if head.coding != Coding::Identity {
            return Err(unreadable(
                "it is compressed, although it was requested without compression: the operator has to \
                 switch that off between the gate and Ollama"
                    .to_owned(),
            ));
        }
        if head.ends {
            return Err(no_list());
        }
        match head.length {
            Some(length) if length > MAX_LIST_BYTES => Err(too_long()),
            _ => Ok(Listing::Held),
        }
    }

    /// The next part of the list.
    ///
    /// # Errors
    /// It is too long.
    pub fn list_part(&mut self, bytes: &[u8]) -> Result<(), Denial> {
        let Some(body) = self.list.as_mut().and_then(|list| list.body.as_mut()) else {
            return Err(no_list());
        };
        if bytes.len() > MAX_LIST_BYTES.saturating_sub(body.len()) {
            return Err(too_long());
        }
        body.extend_from_slice(bytes);
        Ok(())
    }

    /// The list has come to its end: what its caller is shown of it.
    ///
    /// # Errors
    /// It is no list of models, so that nobody can say what may be shown.
    pub fn list_end(&mut self) -> Result<Vec<u8>, Denial> {
        let list = self.list.as_mut().ok_or_else(no_list)?;
        let body = list.body.take().ok_or_else(no_list)?;
        let shown = &list.shown;
        list::filtered(&body, |model| shown.shows(model)).ok_or_else(no_list)
    }

    /// Refuses the list that the request with `head` asked for. It had been allowed, and that was told.
    pub fn refuse_list<'a>(
        &mut self,
        engine: &'a Engine,
        head: Option<&RequestHead<'a>>,
        denial: &Denial,
    ) -> Outcome<'a> {
        let mut list = self.list.take();
        if let Some(list) = &mut list {
            list.body = None;
        }
        let request = head.map(|head| Request::new(engine, head));
        let facts = Facts {
            engine: Some(engine),
            request: request.as_ref(),
            identity: list.as_ref().map(|list| list.owner.identity()),
            address: list.as_ref().and_then(|list| list.address),
            model: None,
        };
        let outcome = self.refuse(&facts, denial);
        drop(facts);
        self.list = list;
        outcome
    }
}

const CHECK: &str = "the operator has to check what answers in Ollama's place";

fn unreadable(advice: String) -> Denial {
    Denial::new(Reason::UnreadableList, advice)
}

fn no_list() -> Denial {
    unreadable(format!(
        "what came is no list of models as Ollama writes it, {CHECK}"
    ))
}

fn too_long() -> Denial {
    unreadable(format!(
        "it has more than {MAX_LIST_BYTES} bytes; a credential without a rule for models gets it whole"
    ))
}
