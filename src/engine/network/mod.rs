//! Where a request comes from: addresses, ranges of them, and the client's address.

mod address;
mod client;
mod ranges;

pub(crate) use address::forwarded_for;
pub use address::read_address;
pub use client::{Appended, Connection, Peer};
pub(crate) use client::{ClientAddress, NetworkRules, proves};
pub(crate) use ranges::{RangeError, Ranges};
