//! What the house rules say of the source and of the documents beside it.

mod program;
mod source;
