//! The generated parts of `docs/` and of the packs are current. `make docs` writes them anew. The book holds together.

mod book;
mod reference;
mod schema;
mod tests_of_sign_in;
