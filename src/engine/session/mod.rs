//! Who is signed in, as the browser carries it: sealed, in cookies.

mod cookies;
mod memory;
mod record;
mod seal;

pub(crate) use cookies::{CookieName, MAX_COOKIE, MAX_COOKIES, MAX_PARTS, Parts, pairs};
pub(crate) use memory::OwnMemory;
pub use memory::SharedMemory;
pub(crate) use record::{Refresh, Session};
pub(crate) use seal::{Entropy, MAX_SECRETS, MIN_SECRET, Purpose, Ring, TooLong};

/// The randomness of the gateway.
pub trait Randomness {
    /// 32 random bytes; none where the gateway gives none. They need not be unforeseeable: what is made of them is
    /// mixed with a secret.
    fn bytes(&self) -> Option<[u8; 32]>;
}
