//! Who is signed in, as the browser carries it: sealed, in cookies.

mod seal;

pub(crate) use seal::{Entropy, Opened, Purpose, Ring, TooLong};
