//! The generated parts of `docs/` and of the packs are current. `make docs` writes them anew.

mod reference;
mod schema;
