//! Rules for models: whose they are, and which model leaves the machine.

mod callers;
mod egress;
