//! The response to a request for a list of models, of which the caller is shown a part.

use crate::body::PIECE;
use crate::{Filter, Flow, Host, Status};
use ollama_gate_engine::{Coding, Denial, ListHead, Listing, RequestStep};

/// What a head says of a body that is no longer true of a part of it.
const UNTRUE: [&str; 8] = [
    "content-length",
    "etag",
    "last-modified",
    "accept-ranges",
    "content-md5",
    "digest",
    "content-digest",
    "repr-digest",
];

impl<H: Host> Filter<H> {
    /// The head has come. Where the gateway can, it waits for the body, so that a list which cannot be
    /// read is still answered with a status that says so.
    pub(crate) fn list_head(&mut self, ends: bool) -> Flow {
        if self.exchange.list_is_over() {
            // This is the answer that says so.
            return Flow::Continue;
        }
        let listing = match self.read_list_head(ends) {
            Ok(head) => self.exchange.list_head(head),
            Err(_) => Err(Denial::host_failure()),
        };
        let prepared = match listing {
            Ok(Listing::Passes) => {
                self.edit_for_page();
                return Flow::Continue;
            }
            Ok(Listing::Held) => UNTRUE
                .into_iter()
                .try_for_each(|name| self.host.remove_response_header(name))
                .map_err(|_| Denial::host_failure()),
            Err(denial) => Err(denial),
        };
        match prepared {
            Ok(()) => {
                self.edit_for_page();
                let holds = self
                    .ready
                    .as_ref()
                    .is_some_and(|ready| ready.bodies.hold_head);
                if holds { Flow::Pause } else { Flow::Continue }
            }
            Err(denial) => self.refuse_list(&denial),
        }
    }

    fn read_list_head(&self, ends: bool) -> Result<ListHead, Status> {
        let value = |name| self.host.response_header(name);
        let number = |value: Option<Vec<u8>>| {
            let text = String::from_utf8(value?).ok()?;
            text.trim().parse::<usize>().ok()
        };
        let status = self.response_status()?;
        let coding = value("content-encoding")?;
        Ok(ListHead {
            status,
            length: number(value("content-length")?),
            coding: Coding::of(coding.as_deref()),
            ends,
        })
    }

    /// A part of the body of the response has come, `size` bytes, and `ends` is whether it is the last.
    /// The gateway holds nothing of it: a list may be longer than what it would hold.
    pub fn response_body(&mut self, size: usize, ends: bool) -> Flow {
        if !self.exchange.filters_list() {
            return Flow::Continue;
        }
        if self.exchange.list_is_over() {
            return Flow::Pause;
        }
        let taken = self.take_part(size);
        match taken.and_then(|()| self.give_part(size, ends)) {
            Ok(flow) => flow,
            Err(denial) => self.refuse_list(&denial),
        }
    }

    /// The trailers of the response have come, and with them the end of its body.
    pub fn response_trailers(&mut self) -> Flow {
        self.response_body(0, true)
    }

    /// Takes over `size` bytes that the gateway shows.
    fn take_part(&mut self, size: usize) -> Result<(), Denial> {
        let mut taken = 0_usize;
        while let Some(left) = size.checked_sub(taken)
            && left > 0
        {
            match self.host.response_body(taken, left.min(PIECE)) {
                Ok(piece) if !piece.is_empty() => {
                    self.exchange.list_part(&piece)?;
                    taken = taken.saturating_add(piece.len());
                }
                _ => return Err(Denial::host_failure()),
            }
        }
        Ok(())
    }

    /// Puts nothing in the place of `size` bytes, or in that of the last ones what is shown of all.
    fn give_part(&mut self, size: usize, ends: bool) -> Result<Flow, Denial> {
        let (part, flow) = if ends {
            (self.exchange.list_end()?, Flow::Continue)
        } else {
            (Vec::new(), Flow::Pause)
        };
        let given = self.host.set_response_body(size, &part);
        given.map(|()| flow).map_err(|_| Denial::host_failure())
    }

    /// Answers in the place of the list. If its head has gone on already, the gateway breaks off.
    fn refuse_list(&mut self, denial: &Denial) -> Flow {
        let ready = self.ready.clone();
        let Some(ready) = ready.as_deref() else {
            return Flow::Pause;
        };
        let given = self.given_head();
        let head = given.read().ok().and_then(Result::ok);
        let outcome = self
            .exchange
            .refuse_list(&ready.engine, head.as_ref(), denial);
        match &outcome.step {
            RequestStep::Reply(reply) => self.reply(Some(ready), reply, outcome.record.as_ref()),
            _ => Flow::Pause,
        }
    }
}
