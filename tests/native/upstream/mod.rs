//! What Ollama sees of a request, and what it never does.

mod claim_headers;
mod copies;
mod credential;
mod headers;
mod proof;
mod share_identity;
mod targets;
