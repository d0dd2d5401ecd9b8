//! The built module under the rules of each gateway.
//!
//! One test program, so that the module is compiled once. Every request goes
//! through [`support::Lab`], which holds what must be true of all of them: no
//! credential in what is recorded, nothing of the client's identity upstream.

mod answers;
mod back_channel;
mod back_off;
mod basic;
mod bodies;
mod broken;
mod browsers;
mod budget;
#[path = "../../../native/tokens/signatures/table/mod.rs"]
mod cases;
mod cast;
mod configuration;
mod contexts;
mod decisions;
mod differences;
mod faults;
mod floods;
mod hostile;
mod instances;
mod issuer;
mod key_sources;
mod ledger;
mod lifecycle;
mod lists;
mod misbehaviour;
mod networks;
mod own_credential;
mod profiles;
mod remote;
mod rules;
mod rules_of_calls;
mod rules_of_requests;
mod secrets;
mod shape;
mod share;
mod sign_in;
mod signatures;
mod structs;
mod support;
mod table;
mod targets;
mod tokens;
mod upstream;
mod waiting;
mod watch;
