//! Where a request comes from: addresses, ranges of them, and the client's address.

mod address;
mod client;
mod ranges;

pub use address::{forwarded_for, read_address};
pub use client::{Appended, ClientAddress, Connection, NetworkRules, Peer, proves};
pub use ranges::{RangeError, Ranges};
