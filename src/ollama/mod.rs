//! What the gate knows of Ollama: its routes and its dialects of error.

mod dialect;
mod route;
mod scope;

pub use dialect::{Dialect, ErrorBody};
pub use route::{ROUTES, Route};
pub use scope::{Scope, ScopeSet};
