//! What is asked, and what comes back.

use crate::denial::Level;
use crate::http::Url;
use std::time::Duration;

/// The largest answer that is read, in bytes. A JWKS of a hundred keys has some 50,000.
pub const MOST_BODY: usize = 256 * 1024;

/// One GET that the gateway has to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// the gateway's name for the server
    pub upstream: String,
    /// what it is asked for
    pub url: Url,
    /// how long to wait
    pub timeout: Duration,
}

/// The answer to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Response<'a> {
    /// the HTTP status; none if no answer came
    pub status: Option<u16>,
    /// the body
    pub body: Body<'a>,
}

impl Response<'_> {
    /// That no answer came.
    pub const fn none() -> Self {
        Self {
            status: None,
            body: Body::Bytes(b""),
        }
    }
}

/// The body of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// all of it
    Bytes(&'a [u8]),
    /// it has so many bytes, and was not read
    TooLarge(usize),
}

/// A document that can be fetched.
pub trait Document {
    /// what it says
    type Value: PartialEq;

    /// The first call.
    fn first(&self) -> Call;

    /// What the body of the answer to call number `step` says, the first being 0.
    ///
    /// # Errors
    /// Why it cannot be used, without quoting it.
    fn read(&self, step: usize, body: &[u8]) -> Result<Read<Self::Value>, String>;
}

/// What a body says.
#[derive(Debug)]
pub enum Read<V> {
    /// the document
    Value {
        /// what it says
        value: V,
        /// what of it could not be used
        warnings: Vec<String>,
    },
    /// where the document is; once in a fetch
    Follow(Call),
}

/// A line for the gateway's log that belongs to no decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// how loud
    pub level: Level,
    /// what
    pub line: String,
}
