//! Names of models as Ollama reads them, and the patterns that a rule is made of.
//!
//! `[scheme://][host/][namespace/]model[:tag]`, where the default is
//! `registry.ollama.ai/library/…:latest`, white space around it does not count, and neither does
//! case. Behind it `:cloud`, or a tag that ends in `-cloud`, sends the request to ollama.com, and
//! `:local` says that it is not to go there; Ollama takes both off on some routes and not on others.
//!
//! INVARIANT: what Ollama, on whatever route, would not take for a name is none here either, and of
//! a name that its routes read differently every reading is judged.

mod name;
mod parts;
mod pattern;

pub(crate) use name::{ModelName, names_cloud};
pub(crate) use pattern::ModelPattern;
