//! The generated parts of `docs/` and of the packs are current. `make docs` writes them anew. The book holds together.

mod book;
mod reference;
mod schema;
