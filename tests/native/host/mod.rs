//! The adapter between a gateway and the engine, and what is logged and counted.

mod adapter;
mod linger;
mod log_fields;
mod records;
mod watch;
