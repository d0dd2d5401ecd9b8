//! Who is signed in, as the browser carries it: sealed, in cookies.

mod cookies;
mod record;
mod seal;

pub(crate) use cookies::{CookieFlaw, CookieName, Found, Parts, TooLarge};
pub(crate) use record::Session;
pub(crate) use seal::{Entropy, Opened, Purpose, Ring, TooLong};
