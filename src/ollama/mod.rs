//! What the gate knows of Ollama: its routes and its dialects of error.

pub mod body;
mod dialect;
mod route;
mod routes;
mod scope;

pub use dialect::{Dialect, ErrorBody};
pub use route::{ROUTES, Route};
pub use routes::{Routes, Taken};
pub use scope::{Scope, ScopeSet};
