//! What is done to the head of a response.

use super::Exchange;
use crate::cors::{self, ResponseEdit};

/// What the host has to do with the head of a response. It goes on either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseStep<'a> {
    /// nothing
    Continue,
    /// these edits, in this order; one that fails is the last
    Edit([ResponseEdit<'a>; 4]),
}

impl Exchange {
    /// The head of the response has come: of Ollama's, or of what the gateway itself answers. The
    /// gate's own answers say for themselves what there is to say.
    pub fn response_head(&self) -> ResponseStep<'_> {
        match &self.origin {
            Some(origin) => ResponseStep::Edit(cors::of_response(origin)),
            None => ResponseStep::Continue,
        }
    }
}
