//! What the gate knows of Ollama: its routes and its dialects of error.

pub mod body;
mod dialect;
pub mod list;
mod model;
mod naming;
mod route;
mod routes;
mod scope;
mod unfound;

pub use dialect::{Dialect, ErrorBody};
pub use model::{ModelName, ModelPattern, names_cloud};
pub use naming::{Named, Naming};
pub use route::{ROUTES, Route};
pub use routes::{Routes, Taken};
pub use scope::Scope;
