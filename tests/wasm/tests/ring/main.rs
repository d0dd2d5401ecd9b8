//! The built module under the rules of each gateway.
//!
//! One test program, so that the module is compiled once. Every request goes
//! through [`support::Lab`], which holds what must be true of all of them: no
//! credential in what is recorded, nothing of the client's identity upstream.

mod answers;
mod broken;
mod budget;
mod cast;
mod configuration;
mod contexts;
mod decisions;
mod differences;
mod faults;
mod floods;
mod hostile;
mod instances;
mod ledger;
mod lifecycle;
mod misbehaviour;
mod profiles;
mod rules;
mod rules_of_calls;
mod rules_of_requests;
mod secrets;
mod shape;
mod structs;
mod support;
mod table;
mod tokens;
mod upstream;
