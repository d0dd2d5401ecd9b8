//! Documents that are fetched, and go stale.
//!
//! Sans-io: a [`Source`] says which [`Call`] to make, is told the [`Response`], and holds what came
//! of it. [`Sources`] are all of a configuration: they begin what ticks have to fetch, take the
//! answers, and collect what there is to log. Keys of issuers come from here; whatever else is
//! fetched will.
//!
//! * A request waits only for its own call. There is no queue that another one could wake, or that
//!   a client could fill.
//! * What is held is fresh for a while, then stale, then gone. Stale is still used: a server that is
//!   down locks nobody out whose keys are known.
//! * A [`Fetch`] that is dropped, because the client went away, leaves no trace: only an answer
//!   starts a back-off or a cool-down.
//! * A document that takes long to read is read in [`Piece`]s, and what is held until then goes on being used.

mod call;
mod fetch;
mod held;
mod negative_cache;
mod pieces;
mod reading;
mod retry;
mod rules;
mod sources;
mod upstreams;

pub(crate) use call::{Answer, Document, Read};
#[allow(unused_imports)] // for documents that have more to say than a JWKS
pub(crate) use call::{CONTENT_ENCODING, CONTENT_TYPE, ETAG, Lifetime, RETRY_AFTER};
pub use call::{Call, Expected, News, Response, ResponseBody};
pub(crate) use fetch::Source;
pub(crate) use reading::{Budget, Piece, Reading};
pub(crate) use retry::{MAX_BACK_OFF_SECONDS, PerSecond};
pub(crate) use rules::{Cached, FetchRules, NotFetched, Why};
pub use sources::{Answered, Pending};
pub(crate) use sources::{Refusal, SourceHandle, Sources, Tried};
pub(crate) use upstreams::{Endpoint, Upstreams};
