//! What becomes of the response of Ollama: lists, and headers for pages of other sites.

mod cors;
mod lists;
