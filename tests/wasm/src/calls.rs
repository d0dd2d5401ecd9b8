//! The HTTP calls that a module makes, and what comes of them.

use std::sync::Arc;

use crate::map::{self, Pairs};

/// A call that the module has made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// What the module knows it by.
    pub token: u32,
    /// The context that made it.
    pub context: u32,
    /// The root context of that.
    pub root: u32,
    /// The gateway's name for the server.
    pub upstream: String,
    /// Its headers, pseudo headers among them.
    pub headers: Pairs,
    /// Its body.
    pub body: Vec<u8>,
    /// How long the gateway waits, in milliseconds.
    pub timeout: u32,
}

impl Call {
    /// The value of one header, empty without one.
    #[must_use]
    pub fn header(&self, name: &str) -> String {
        let value = map::first(&self.headers, name.as_bytes()).unwrap_or_default();
        String::from_utf8_lossy(&value).into_owned()
    }
}

/// What comes of a call on the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// A whole answer.
    Answered {
        /// Its status.
        status: u16,
        /// Its headers, names in lower case.
        headers: Pairs,
        /// Its body.
        body: Vec<u8>,
    },
    /// Nobody listens there, or the name is unknown.
    NoConnection,
    /// Nothing came in time.
    NoAnswer,
    /// The connection ended within the answer.
    CutShort,
}

impl CallEnd {
    /// An answer of this status and body.
    #[must_use]
    pub fn of(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Answered {
            status,
            headers: Pairs::new(),
            body: body.into(),
        }
    }
}

/// What comes of each call: the servers that a gateway can reach.
pub type Servers = Arc<dyn Fn(&Call) -> CallEnd + Send + Sync>;

/// A call's answer, as the module may read it while its callback runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallAnswer {
    /// The header map, `:status` in it; empty if the call failed.
    pub headers: Pairs,
    /// The body.
    pub body: Vec<u8>,
}

impl CallAnswer {
    /// With this status and body, as a gateway that makes up an answer writes it.
    #[must_use]
    pub fn of(status: u16, mut headers: Pairs, body: Vec<u8>) -> Self {
        headers.insert(0, (b":status".to_vec(), status.to_string().into_bytes()));
        Self { headers, body }
    }
}

/// The answer of a gateway that says nothing of a call that failed.
#[must_use]
pub fn silent_failures(end: CallEnd) -> CallAnswer {
    match end {
        CallEnd::Answered {
            status,
            headers,
            body,
        } => CallAnswer::of(status, headers, body),
        CallEnd::NoConnection | CallEnd::NoAnswer | CallEnd::CutShort => CallAnswer::default(),
    }
}
