//! What the gate knows of Ollama: its routes and its dialects of error.

pub(crate) mod body;
mod dialect;
pub(crate) mod list;
mod model;
mod naming;
mod route;
mod routes;
mod scope;
mod unfound;

pub(crate) use dialect::{Dialect, ErrorBody};
pub(crate) use model::{ModelName, ModelPattern, names_cloud};
pub(crate) use naming::Named;
pub use naming::Naming;
pub use route::{ROUTES, Route};
pub(crate) use routes::{Routes, Taken};
pub use scope::Scope;
