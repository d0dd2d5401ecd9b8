//! The built module under the rules of each gateway.
//!
//! One test program, so that the module is compiled once. Every request goes
//! through [`support::Lab`], which holds what must be true of all of them: no
//! credential in what is recorded, nothing of the client's identity upstream.

mod answers;
mod budget;
mod cast;
mod configuration;
mod contexts;
mod decisions;
mod faults;
mod floods;
mod hostile;
mod lifecycle;
mod misbehaviour;
mod profiles;
mod secrets;
mod shape;
mod support;
mod tokens;
mod upstream;
